package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/store"
)

func newMigrate(env Env) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring a database up to date",
		Long: `Bring the tables of a database up to what this program needs, and say what that
took. Every command does so by itself; this one is for doing it at a time of your
choice, and for looking at it first with --dry-run. Make a backup before.

There is no way back: an older program refuses a newer database.`,
		Example: `# What would be done
bursar migrate --dry-run

# The SQL of it
bursar migrate --dry-run -o json | jq -r '.steps[].sql'

bursar migrate --database postgres://bursar@db.example.com/bursar`,
		GroupID: GroupKeep,
		Args:    cobra.NoArgs,
	}
	data, output := DatabaseFlags(cmd, env), outputFlag(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and change nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		where, err := data.Config()
		if err != nil {
			return err
		}
		m, err := store.Migrate(cmd.Context(), where, dryRun)
		if err != nil {
			return explainOpening(where, err)
		}
		if *output == "json" {
			return printJSON(env.Stdout, migrationOf(m, dryRun))
		}
		return printMigration(env, m, dryRun)
	}
	return cmd
}

type migrationJSON struct {
	Current int64      `json:"current"`
	Target  int64      `json:"target"`
	Applied bool       `json:"applied"`
	Steps   []stepJSON `json:"steps"`
}

type stepJSON struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	SQL     string `json:"sql"`
}

func migrationOf(m store.Migration, dryRun bool) migrationJSON {
	out := migrationJSON{Current: m.Current, Target: m.Target, Applied: !dryRun && len(m.Steps) > 0, Steps: []stepJSON{}}
	for _, step := range m.Steps {
		out.Steps = append(out.Steps, stepJSON(step))
	}
	return out
}

func printMigration(env Env, m store.Migration, dryRun bool) error {
	if len(m.Steps) == 0 {
		_, err := fmt.Fprintf(env.Stdout, "The database has version %d of the tables, and is up to date.\n", m.Current)
		return err
	}
	said := "The database had version %d of the tables, and now has version %d. This was done:\n"
	if dryRun {
		said = "The database has version %d of the tables, and needs version %d. This would be done:\n"
	}
	if m.Current == 0 {
		said = "There were no tables; now there are those of version %[2]d. This was done:\n"
		if dryRun {
			said = "There are no tables; those of version %[2]d are needed. This would be done:\n"
		}
	}
	if _, err := fmt.Fprintf(env.Stdout, said, m.Current, m.Target); err != nil {
		return err
	}
	for _, step := range m.Steps {
		if _, err := fmt.Fprintf(env.Stdout, "  %s\n", step.Name); err != nil {
			return err
		}
	}
	return nil
}
