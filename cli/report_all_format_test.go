package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

var noonOfMany = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// manyReports are four portals: one as it should be, one that says little, one with
// texts that mean harm and parts that failed, and one that could not be asked.
func manyReports(t *testing.T) []portalReport {
	amount := func(number string, c money.Currency) money.Amount {
		a, err := money.Parse(number, c)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	report := func(name string, failed map[docspace.Part]error) portalReport {
		return portalReport{
			profile: fleet.Profile{Name: name, URL: "https://" + name + ".example.com", Groups: []string{"eu"}, Key: fleet.Key{Plain: "sk-secret"}},
			Snapshot: fleet.Snapshot{Report: &docspace.Report{
				Portal: "https://" + name + ".example.com", RetrievedAt: noonOfMany, Asked: summaryParts(), Failed: failed,
			}},
		}
	}
	none := map[docspace.Part]error{}
	good, silent := report("zeta", none), report("beta", none)
	good.Customer = &docspace.CustomerInfo{PortalID: "docspace.io1", PaymentMethodStatus: docspace.PaymentMethodSet, Email: "owner@example.com"}
	good.Balance = &docspace.Balance{SubAccounts: []docspace.SubAccount{{Amount: amount("1148.5", "USD")}, {Amount: amount("25.005", "EUR")}}}
	good.Quota = &docspace.Quota{ID: -9, Title: "Business", DueDate: docspace.Time{Time: noonOfMany.AddDate(0, 0, 23)}, Features: []docspace.Feature{}}
	good.TopUp = &docspace.TopUpSettings{Enabled: true, MinBalance: amount("20", "USD"), UpToBalance: amount("100", "USD")}
	good.Runway = &fleet.Runway{Pockets: []fleet.PocketRunway{
		{Available: amount("1148.5", "USD"), Days: 28, Runway: wallet.Runway{Known: true, Alone: wallet.Band{Pessimistic: 20, Likely: 30, Optimistic: 40},
			Weekly: wallet.Weekly{Pessimistic: amount("400", "USD"), Likely: amount("260", "USD"), Optimistic: amount("200", "USD")}}},
		{Available: amount("25.005", "EUR"), Days: 3},
	}}
	silent.Quota = &docspace.Quota{ID: -3, Title: "Startup", Features: []docspace.Feature{}}
	silent.TopUp = &docspace.TopUpSettings{}
	failed := errors.New("Failed to get topup settings: 502 - Bad Gateway")
	hostile := report("alpha", map[docspace.Part]error{docspace.PartTopUp: failed, fleet.PartRunway: failed})
	hostile.Balance = &docspace.Balance{SubAccounts: []docspace.SubAccount{{Amount: amount("-0.5", "USD")}, {Amount: amount("0", "=A\x1b[2J|b")}}}
	hostile.Quota = &docspace.Quota{ID: 1, Title: "=cmd|' /C calc'!A0\x1b[31m\u202e<b>", Features: []docspace.Feature{}}
	closed := report("closed", map[docspace.Part]error{partPortal: errors.New("no key for portal closed, by variable: there is none in it")})
	closed.Asked = []docspace.Part{partPortal}
	return []portalReport{good, silent, hostile, closed}
}

var updateMany = flag.Bool("update-many", false, "rewrite the goldens in testdata/many")

// writtenMany is what a command writes of the reports in a format.
func writtenMany(t *testing.T, format string, full bool) string {
	t.Helper()
	var out bytes.Buffer
	env := Env{Stdout: &out, Now: func() time.Time { return noonOfMany }, Getenv: func(string) string { return "" }}
	flags := &reportFlags{full: full, output: choice{value: format}}
	totals := &fleetTotals{day: noonOfMany}
	if format != "csv" && format != "ndjson" {
		totals.rates = ratesOf(t, "r.csv", "date,from,to,rate\n2026-09-30,USD,EUR,0.9\n")
		totals.in = "EUR"
	}
	w, err := newReportsWriter(env, flags, summaryParts())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range manyReports(t) {
		if err := errors.Join(totals.add(r), w.one(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(totals); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func ratesOf(t *testing.T, name, text string) *rateTable {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := loadRates(file)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestReportsOnManyLookAsTheyShould(t *testing.T) {
	for _, format := range ReportFormats() {
		if format == "html" { // has tests of its own
			continue
		}
		for _, full := range []bool{false, true} {
			name := format
			if full {
				name = "full." + format
			}
			got := writtenMany(t, format, full)
			if strings.Contains(got, "sk-secret") || strings.ContainsAny(got, "\x1b\u202e") {
				t.Errorf("%s: it has a key, or what a terminal obeys:\n%q", name, got)
			}
			file := filepath.Join("testdata", "many", name)
			if *updateMany {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (go test ./cli -update-many writes it)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("not as in %s (-golden +now):\n%s", file, diff)
			}
		}
	}
}

// schemaShut forbids members that a schema does not name: what is written must be in it.
func schemaShut(schema any) {
	switch schema := schema.(type) {
	case map[string]any:
		if _, object := schema["properties"]; object {
			schema["additionalProperties"] = false
		}
		for _, inner := range schema {
			schemaShut(inner)
		}
	case []any:
		for _, inner := range schema {
			schemaShut(inner)
		}
	}
}

func TestReportsOnManyKeepTheSchema(t *testing.T) {
	text, err := schemaOfMany()
	if err != nil {
		t.Fatal(err)
	}
	source, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	schemaShut(source)
	// A code that is none is what the hostile portal sends, and is no fault of the format.
	source.(map[string]any)["$defs"].(map[string]any)["currencyCode"] = map[string]any{"type": "string"}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("reports.schema.json", source); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("reports.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	asJSON := writtenMany(t, "json", true)
	var read any
	if err := yaml.Unmarshal([]byte(writtenMany(t, "yaml", true)), &read); err != nil {
		t.Fatal(err)
	}
	fromYAML, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	for format, document := range map[string]string{"json": asJSON, "yaml": string(fromYAML)} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	var lines int
	for line := range strings.Lines(writtenMany(t, "ndjson", false)) {
		var one struct{ Name, Schema string }
		if err := json.Unmarshal([]byte(line), &one); err != nil || one.Name == "" || one.Schema != schemaID {
			t.Errorf("%v: %s", err, line)
		}
		lines++
	}
	if lines != 4 {
		t.Errorf("%d lines of 4 portals", lines)
	}
}

func TestCSVOfManyIsSafeToOpen(t *testing.T) {
	for _, full := range []bool{false, true} {
		rows, err := csv.NewReader(strings.NewReader(writtenMany(t, "csv", full))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, c := range row {
				if strings.HasPrefix(c, "=") || strings.HasPrefix(c, "@") {
					t.Errorf("a spreadsheet takes %q for a formula", c)
				}
			}
		}
		if !full && len(rows) != 1+2+1+2+1 {
			t.Errorf("%d rows", len(rows))
		}
	}
}

// What nobody knows is not added as nought, and what is known is added by currency.
func TestTotalsOfMany(t *testing.T) {
	totals := &fleetTotals{day: noonOfMany}
	for _, r := range manyReports(t) {
		if err := totals.add(r); err != nil {
			t.Fatal(err)
		}
	}
	if totals.known != 2 || totals.unknown != 2 || totals.sums["USD"].text("USD") != "1148.00" || totals.sums["EUR"].text("EUR") != "25.005" || totals.sums["USD"].portals != 2 {
		t.Errorf("%d known, %d not, %s USD, %s EUR", totals.known, totals.unknown, totals.sums["USD"].text("USD"), totals.sums["EUR"].text("EUR"))
	}
	// More than any one amount can be.
	most := portalReport{profile: fleet.Profile{Name: "rich"}, Snapshot: fleet.Snapshot{Report: &docspace.Report{
		Asked: summaryParts(), Balance: &docspace.Balance{SubAccounts: []docspace.SubAccount{{Amount: money.FromUnits(1<<63-1, "JPY")}}},
	}}}
	for range 3 {
		if err := totals.add(most); err != nil {
			t.Fatal(err)
		}
	}
	if got := totals.sums["JPY"].text("JPY"); got != "276701161105.64327421" {
		t.Errorf("three times the most is %s", got)
	}
	if !slices.Equal(totals.currencies()[1:], []money.Currency{"EUR", "JPY", "USD"}) {
		t.Error(totals.currencies())
	}
}
