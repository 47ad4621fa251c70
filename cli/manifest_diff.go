package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/manifest"
)

func newManifestDiff(env Env) *cobra.Command {
	var save string
	var free bool
	cmd := &cobra.Command{
		Use:   "diff FILE",
		Short: "Say what a manifest would change, and what that costs",
		Long: `Compare portals with a manifest, and say what "apply" would change and what that costs:
at once, and each period from then on. What is bought by the period is priced by the
portal itself, which takes its payer's key. What nobody knows beforehand is said to be
unknown. Nothing is changed.

--save writes what was found to a file, which "apply" takes in place of the manifest: it
then changes that and nothing else.` + manifestExits,
		Example: `bursar manifest diff bursar.yaml
bursar manifest diff bursar.yaml --save changes.json
bursar manifest diff bursar.yaml -o json | jq .total.now`,
		Args: cobra.ExactArgs(1),
	}
	m := addMany(cmd, env).formats(cmd)
	cmd.Flags().StringVar(&save, "save", "", "write what would be changed to this file, for apply")
	cmd.Flags().BoolVar(&free, "free", false, "only what costs nothing, now or later")
	_ = cmd.MarkFlagFilename("save", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		diffs, err := m.diff(cmd, args[0], free)
		if err != nil {
			return err
		}
		if save != "" {
			if err := manifest.SavePlan(save, env.Now(), diffs); err != nil {
				return err
			}
		}
		report, err := reportOf(diffs)
		if err != nil {
			return err
		}
		if err := report.print(env, *m.output); err != nil {
			return err
		}
		return report.exit()
	}
	return cmd
}

// diff compares the portals of a manifest with it, with prices.
func (m *many) diff(cmd *cobra.Command, file string, free bool) ([]manifest.Diff, error) {
	e, err := m.engine(true)
	if err != nil {
		return nil, err
	}
	e.FreeOnly = free
	targets, err := m.load(file)
	if err != nil {
		return nil, err
	}
	return m.compare(cmd.Context(), e, targets, true)
}

func newManifestDrift(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drift FILE",
		Short: "Say what is not as a manifest says, for cron",
		Long: `Compare portals with a manifest, and print one line for each difference; nothing where
there is none. No prices are asked, so that a key that may only read is enough, of an
administrator. Nothing is changed.` + manifestExits,
		Example: `bursar manifest drift bursar.yaml
bursar manifest drift bursar.yaml -o json | jq -r '.portals[] | select(.changes) | .portal'`,
		Args: cobra.ExactArgs(1),
	}
	m := addMany(cmd, env).formats(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		e, err := m.engine(false)
		if err != nil {
			return err
		}
		targets, err := m.load(args[0])
		if err != nil {
			return err
		}
		diffs, err := m.compare(cmd.Context(), e, targets, false)
		if err != nil {
			return err
		}
		report, err := reportOf(diffs)
		if err != nil {
			return err
		}
		if *m.output == "json" {
			err = printJSON(env.Stdout, report.drift())
		} else {
			err = printStyled(env, report.lines())
		}
		if err != nil {
			return err
		}
		return report.exit()
	}
	return cmd
}

// exit returns the exit status as an error; nil where all is as it should be.
func (r *diffReport) exit() error {
	if err := notAll(r.failed, len(r.diffs), "compared, or can't have what is wanted"); err != nil {
		return err
	}
	if r.changes > 0 {
		return &Error{Err: fmt.Errorf("%s differ from the manifest", portalsText(r.changed)), Code: ExitDiffers, Printed: true}
	}
	return nil
}
