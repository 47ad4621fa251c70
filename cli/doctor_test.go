package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/doctor"
)

// diagnoses are of one portal with something of every kind, and of one that is not there.
func diagnoses() []doctor.Diagnosis {
	return []doctor.Diagnosis{
		{
			Portal: "acme", URL: "https://portal.example.com",
			Findings: []doctor.Finding{
				{Step: doctor.Address, State: doctor.OK, Text: "https://portal.example.com"},
				{Step: doctor.Host, State: doctor.OK, Text: "portal.example.com is at 192.0.2.7"},
				{Step: doctor.Connection, State: doctor.OK, Text: "portal.example.com:443 listens"},
				{Step: doctor.TLS, State: doctor.Failed, Text: "the certificate of portal.example.com, from 2025-07-01 00:00 UTC to 2026-07-01 00:00 UTC, by Example Authority: it expired on 2026-07-01 00:00 UTC", Hint: "the portal needs a new certificate, unless this machine's clock is wrong"},
				{Step: doctor.API, State: doctor.OK, Text: "a DocSpace answers, and asks for a key"},
				{Step: doctor.Clock, State: doctor.Warning, Text: "the portal's clock is 1m30s ahead of this machine's", Hint: "set both by network time: keys, certificates and due dates end by the clock"},
				{Step: doctor.Key, State: doctor.Skipped, Text: "there is one (keyring), which was not sent to what may be no portal"},
				{Step: doctor.Payer, State: doctor.Failed, Text: "no user of the portal has the customer's address \x1b[31mgone\u202e@example.com\nOK: nobody may pay", Hint: "add a user with that address"},
			},
			Routes: []doctor.Route{
				{Name: "operations", Path: "/portal/payment/customer/operations", Since: "3.7", Presence: doctor.There},
				{Name: "payments to come", Path: "/portal/tariff/upcoming", Since: "3.8", Presence: doctor.Missing},
			},
		},
		{Portal: "gone", URL: "", Findings: []doctor.Finding{{Step: doctor.Address, State: doctor.Failed, Text: "URL is empty", Hint: "an address is like https://portal.example.com"}}, Routes: []doctor.Route{}},
	}
}

func TestDiagnosesLookAsTheyShould(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json"} {
		var stdout bytes.Buffer
		if err := cli.WriteDiagnoses(cli.Env{Stdout: &stdout, Getenv: func(string) string { return "" }}, diagnoses(), format); err != nil {
			t.Fatal(err)
		}
		if text := stdout.String(); strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s has what a terminal would obey: %q", format, text)
		}
		for line := range strings.Lines(stdout.String()) {
			if format == "table" && ansi.StringWidth(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("too wide: %s", line)
			}
		}
		golden(t, filepath.Join("testdata", "doctor", "two."+format), stdout.String())
	}
}

func TestDoctorOfManyPortals(t *testing.T) {
	t.Parallel()
	d := someOf(t, map[string]*docspacetest.Portal{"well": docspacetest.New(t)})
	stdout, stderr, err := runCLI(t, d.world, "doctor", "--all", "-o", "json")
	var got struct {
		Schema  string
		Portals []struct {
			State, Portal string
			Findings      []map[string]string
			Routes        []map[string]string
		}
	}
	if code := cli.ExitCode(err); code != cli.ExitFailed || stderr != "" {
		t.Fatalf("%d %s", code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.Schema == "" || len(got.Portals) != 3 {
		t.Fatalf("%v %s", err, stdout)
	}
	for i, want := range []string{"down", "keyless", "well"} {
		if p := got.Portals[i]; p.Portal != want || len(p.Findings) != len(doctor.Steps()) || (len(p.Routes) > 0) != (want == "well") || p.Findings[0]["state"] != "ok" {
			t.Errorf("%d: %+v", i, p)
		}
	}
	if strings.Contains(stdout, "sk-") && !strings.Contains(stdout, "sk-…") {
		t.Errorf("it shows a key:\n%s", stdout)
	}
	for _, flags := range []string{"--group x", "--all --timeout 0s", "--all --parallel 0", "--all everything", "--all -o xml", "--all --portal well"} {
		stdout, _, err := runCLI(t, d.world, append([]string{"doctor"}, strings.Fields(flags)...)...)
		if cli.ExitCode(err) != cli.ExitUsage || stdout != "" {
			t.Errorf("%q: %d %v", flags, cli.ExitCode(err), err)
		}
	}
}
