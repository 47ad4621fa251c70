package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/manifest"
)

func newManifest(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Keep the billing of many portals as one file says",
		Long: `Billing as code: one YAML file says which top-up rules, services, quantities and plans
portals are to have, by defaults, groups and portals of their own. "diff" says what
would change and what that costs, "apply" changes it, and "drift" is for cron: it says
what is not as the file says. "init" writes the file of how portals are now.

Portals are those that bursar profile knows, by name. --portal takes some of a manifest's,
--group those of its groups.`,
		Example: `bursar manifest init > bursar.yaml
bursar manifest diff bursar.yaml
bursar manifest apply bursar.yaml --max-cost USD=100`,
		GroupID: GroupChange,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newManifestInit(env), newManifestValidate(env), newManifestSchema(env), newManifestDiff(env), newManifestApply(env), newManifestDrift(env))
	return cmd
}

// manifestExits is what the help of comparing commands says of their exit status.
const manifestExits = `

The exit status is 0 where all is as it should be, 5 where something differs, 3 where
some portals could not be compared or can't have what is wanted, 1 where none could, and
2 for a wrong file or command line.`

// many is what the commands about a manifest have in common.
type many struct {
	env      Env
	portals  []string
	groups   []string
	parallel int
	timeout  time.Duration
	quiet    bool
	output   *string
}

func addMany(cmd *cobra.Command, env Env) *many {
	m := &many{env: env}
	f := cmd.Flags()
	f.StringSliceVar(&m.portals, "portal", nil, "only this portal, by the name of its profile; may be repeated")
	f.StringSliceVar(&m.groups, "group", nil, "only the portals of this group; may be repeated")
	cmd.MarkFlagsMutuallyExclusive("portal", "group")
	f.IntVar(&m.parallel, "parallel", fleet.DefaultParallel, "how many portals at once")
	f.DurationVar(&m.timeout, "timeout", 30*time.Second, "how long a portal may take for an answer, and four times as long to move money")
	f.BoolVarP(&m.quiet, "quiet", "q", false, "print nothing but the result and errors")
	return m
}

// formats adds -o to a command.
func (m *many) formats(cmd *cobra.Command) *many {
	format := choice{value: "text", allowed: []string{"text", "json"}}
	cmd.Flags().VarP(&format, "output", "o", "format: text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(format.allowed, cobra.ShellCompDirectiveNoFileComp))
	m.output = &format.value
	return m
}

// patient is how many times longer than one answer all that is asked of a portal may
// take.
const patient = 10

// engine compares and changes portals as the flags say.
func (m *many) engine(fresh bool) (*manifest.Engine, error) {
	if m.parallel < 1 {
		return nil, usage("--parallel: %d is less than 1", m.parallel)
	}
	if m.timeout <= 0 || m.timeout > 24*time.Hour {
		return nil, usage("--timeout: %s is not more than nothing, and a day at most", m.timeout)
	}
	agent := "bursar/" + m.env.Version
	return &manifest.Engine{Agent: agent, Reader: &fleet.Reader{
		Keys: m.env.keys(), Timeout: patient * m.timeout, Parallel: m.parallel,
		Config: docspace.Config{Timeout: m.timeout, UserAgent: agent, Refresh: fresh},
	}}, nil
}

// load reads a manifest, and finds the profiles of its portals, or of those that flags
// name.
func (m *many) load(file string) ([]manifest.Target, error) {
	wanted, err := manifest.Load(file)
	if err != nil {
		return nil, err
	}
	profiles, err := m.env.profiles()
	if err != nil {
		return nil, err
	}
	chosen, err := m.chosen(file, wanted)
	if err != nil {
		return nil, err
	}
	var (
		targets []manifest.Target
		unknown []error
	)
	for _, p := range chosen {
		profile, err := profiles.Find(p.Name)
		if err != nil {
			unknown = append(unknown, &manifest.Error{File: file, Line: p.Line, Err: fmt.Errorf("portals.%s: no profile has that name: bursar profile add makes one", p.Name)})
			continue
		}
		targets = append(targets, manifest.Target{Profile: profile, Wanted: p.Wanted})
	}
	if len(unknown) > 20 {
		unknown = append(unknown[:20], fmt.Errorf("%w: and %d more", manifest.ErrManifest, len(unknown)-20))
	}
	return targets, errors.Join(unknown...)
}

// chosen returns the portals of a manifest that flags name, or that are in the groups of
// the manifest that they name; all where they name none.
func (m *many) chosen(file string, wanted *manifest.Manifest) ([]manifest.Portal, error) {
	for _, name := range m.portals {
		if _, ok := wanted.Find(name); !ok {
			return nil, usage("--portal: %s does not speak of portal %q", file, name)
		}
	}
	for _, group := range m.groups {
		if !slices.ContainsFunc(wanted.Portals, func(p manifest.Portal) bool { return slices.Contains(p.Groups, group) }) {
			return nil, usage("--group: %s has no group %q", file, group)
		}
	}
	if len(m.portals)+len(m.groups) == 0 {
		return wanted.Portals, nil
	}
	var chosen []manifest.Portal
	for _, p := range wanted.Portals {
		if slices.Contains(m.portals, p.Name) || slices.ContainsFunc(p.Groups, func(group string) bool { return slices.Contains(m.groups, group) }) {
			chosen = append(chosen, p)
		}
	}
	return chosen, nil
}

// compare compares portals with what they should be, and returns what differs of each,
// by name.
func (m *many) compare(ctx context.Context, e *manifest.Engine, targets []manifest.Target, prices bool) ([]manifest.Diff, error) {
	all := make([]manifest.Diff, 0, len(targets))
	bar := newProgress(m.env, m.quiet, len(targets), "Comparing portals")
	defer bar.stop()
	err := e.Diff(ctx, targets, prices, func(d manifest.Diff) error {
		bar.step()
		all = append(all, d)
		return nil
	})
	slices.SortFunc(all, func(a, b manifest.Diff) int { return strings.Compare(a.Portal, b.Portal) })
	return all, err
}

func newManifestInit(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a manifest of how portals are now",
		Long: `Read all portals that bursar profile knows, or those of --portal or --group, and write
a manifest of how they are. Comparing them with it finds nothing. A portal that can't be read is a
comment in it; the exit status is 3 then, and 1 where none can.`,
		Example: `bursar manifest init > bursar.yaml
bursar manifest init --portal acme --portal beta`,
		Args: cobra.NoArgs,
	}
	m := addMany(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		e, err := m.engine(true)
		if err != nil {
			return err
		}
		profiles, err := m.profiles()
		if err != nil {
			return err
		}
		words, failed := map[string]string{}, 0
		bar := newProgress(env, m.quiet, len(profiles), "Reading portals")
		err = e.Describe(cmd.Context(), profiles, func(p fleet.Profile, lines string, err error) error {
			bar.step()
			if err != nil {
				failed++
				lines = "  # " + p.Name + " could not be read: " + cleaned(strings.ReplaceAll(err.Error(), "\n", " ")) + "\n"
			}
			words[p.Name] = lines
			return nil
		})
		bar.stop()
		if err != nil {
			return err
		}
		text := manifest.Head
		if failed == len(profiles) { // there is nothing under it
			text = "version: 1\nportals: {}\n"
		}
		for _, name := range slices.Sorted(maps.Keys(words)) {
			text += words[name]
		}
		if _, err := fmt.Fprint(env.Stdout, text); err != nil {
			return err
		}
		return notAll(failed, len(profiles), "read")
	}
	return cmd
}

// profiles returns the portals that flags name, or that are in the groups of profiles
// that they name; all where they name none.
func (m *many) profiles() ([]fleet.Profile, error) {
	profiles, err := m.env.profiles()
	if err != nil {
		return nil, err
	}
	chosen := profiles.All()
	if len(m.groups) > 0 {
		if chosen, err = profiles.In(m.groups...); err != nil {
			return nil, err
		}
	}
	if len(m.portals) > 0 {
		chosen = nil
		for _, name := range m.portals {
			profile, err := profiles.Find(name)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, profile)
		}
	}
	if len(chosen) == 0 {
		return nil, &Error{Code: ExitUsage, Err: errors.New("there are no portals"), Hint: "bursar profile add makes them known"}
	}
	return chosen, nil
}

// notAll returns nil when all went well, and else what did not.
func notAll(failed, all int, done string) error {
	if failed == 0 {
		return nil
	}
	e := &Error{Code: ExitPartly, Err: fmt.Errorf("%d of %s could not be %s", failed, portalsText(all), done),
		Hint: "the result says why at each; bursar doctor --portal NAME says what is wrong with access to one"}
	if failed == all {
		e.Code = ExitFailed
	}
	return e
}

func newManifestValidate(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a manifest, and ask no portal",
		Long: `Check that a file is a manifest, and that a profile has the name of each of its portals.
No portal is asked. What is wrong is said with its line, twenty errors at most, and the
status is 2.`,
		Example: "bursar manifest validate bursar.yaml",
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		targets, err := (&many{env: env}).load(args[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.Stdout, "%s is in order: it speaks of %s.\n", cleaned(args[0]), portalsText(len(targets)))
		return err
	}
	return cmd
}

func newManifestSchema(env Env) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of manifests, for editors",
		Long: `Print the JSON Schema (2020-12) of manifests. Editors with a YAML language server take it
by a first line of the manifest such as

  # yaml-language-server: $schema=bursar.schema.json`,
		Example: "bursar manifest schema > bursar.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := env.Stdout.Write(manifest.Schema())
			return err
		},
	}
}
