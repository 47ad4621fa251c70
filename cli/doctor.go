package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/doctor"
)

func newDoctor(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with the access to portals",
		Long: `Look, step by step, at all that must be well for a portal to be read and paid: its
address, the name, the connection, the certificate, whether a DocSpace answers, its
clock, the key with its scope and its user's role, who pays, and the top-up rule. Then
find out which routes the portal has. Each step that is not well comes with advice, and
keeps no other from being gone that can be.

Nothing is changed: whatever is asked is a read. The key goes to the portal alone, and
not before that has shown a good certificate, and answered as a DocSpace does.

Exit status: 0 nothing failed, 1 something did, 2 the command line is wrong.`,
		Example: `bursar doctor --portal https://portal.example.com --key-file key.txt

# All portals, for a program: what failed
bursar doctor --all -o json | jq -r '.portals[] | .portal as $p | .findings[] | select(.state == "failed") | $p + ": " + .text'`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	portals := selectionFlags(cmd, env, "how long each request may take")
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return runDoctor(cmd.Context(), env, portals, *output)
	}
	return cmd
}

func runDoctor(ctx context.Context, env Env, flags *selection, format string) error {
	portals, err := flags.portals()
	if err != nil {
		return err
	}
	if flags.timeout <= 0 {
		return usage("--timeout: %s is not more than nothing", flags.timeout)
	}
	d := &doctor.Doctor{Keys: env.keys(), Now: env.Now, Timeout: flags.timeout, UserAgent: "bursar/" + env.Version}
	// A portal whose key can't be had is examined, too, so that fleet.Each won't do.
	var (
		all  = make([]doctor.Diagnosis, len(portals))
		next = make(chan int)
		wg   sync.WaitGroup
	)
	bar := newProgress(env, flags.quiet, len(portals), "Examining portals")
	for range min(flags.parallel, len(portals)) {
		wg.Go(func() {
			for i := range next {
				all[i] = d.Examine(ctx, portals[i])
				bar.step()
			}
		})
	}
	for i := range portals {
		next <- i
	}
	close(next)
	wg.Wait()
	bar.stop()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := WriteDiagnoses(env, all, format); err != nil {
		return err
	}
	failed := 0
	for i := range all {
		if all[i].Worst() == doctor.Failed {
			failed++
		}
	}
	if failed > 0 {
		return &Error{Err: fmt.Errorf("%s of %d not well", countText(failed, "portal"), len(all)), Code: ExitFailed, Printed: true}
	}
	return nil
}

// diagnosesDocument is what a doctor found, as JSON has it. It only ever grows.
type diagnosesDocument struct {
	Schema  string              `json:"schema"`
	Portals []diagnosisDocument `json:"portals"`
}

type diagnosisDocument struct {
	State doctor.State `json:"state"`
	doctor.Diagnosis
}

const doctorSchemaID = "https://github.com/bursarhq/bursar/doctor/v1"

// WriteDiagnoses writes what a doctor found as "table" or "json".
func WriteDiagnoses(env Env, all []doctor.Diagnosis, format string) error {
	if format == "json" {
		d := diagnosesDocument{Schema: doctorSchemaID, Portals: []diagnosisDocument{}}
		for _, one := range all {
			d.Portals = append(d.Portals, diagnosisDocument{one.Worst(), one})
		}
		return printJSON(env.Stdout, d)
	}
	var b strings.Builder
	for i, one := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		writeDiagnosis(&b, one)
	}
	return printStyled(env, b.String())
}

// writeDiagnosis lays out what a doctor found for people.
func writeDiagnosis(b *strings.Builder, d doctor.Diagnosis) {
	fmt.Fprintf(b, "%s%s%s\n\n", bold, cleaned(d.Portal), plain)
	const state, step = 7, 10 // the widest of each
	indent := strings.Repeat(" ", 2+state+2+step+2)
	for _, f := range d.Findings {
		style := ""
		switch f.State {
		case doctor.Skipped:
			style = dim
		case doctor.Failed, doctor.Warning:
			style = bold
		}
		fmt.Fprintf(b, "  %s%s%s  %s  ", style, padded(string(f.State), state, false), plain, padded(string(f.Step), step, false))
		writeWrapped(b, f.Text, indent)
		if f.Hint != "" {
			b.WriteString(indent)
			writeWrapped(b, "hint: "+f.Hint, indent)
		}
	}
	if len(d.Routes) == 0 {
		return
	}
	routes := grid{headings: []string{"Route", "Since", "It is"}}
	for _, r := range d.Routes {
		routes.rows = append(routes.rows, []string{r.Name, r.Since, string(r.Presence)})
	}
	b.WriteByte('\n')
	writeGrid(b, routes)
}

// writeWrapped writes a text into what the indentation leaves of a line, and goes on in
// the next.
func writeWrapped(b *strings.Builder, text, indent string) {
	for i, line := range strings.Split(ansi.Wrap(cleaned(text), columnN-len(indent), ""), "\n") {
		if i > 0 {
			b.WriteString(indent)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
