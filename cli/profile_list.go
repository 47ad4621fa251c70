package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

func newProfileList(env Env) *cobra.Command {
	var groups []string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the portals that have a name",
		Long:    "List the portals that have a name: where they are, the groups that they are in, and\nwhere their keys are. No key is ever shown.",
		Example: "bursar profile list\nbursar profile list --group customers -o json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringSliceVar(&groups, "group", nil, "those of a group; may be repeated")
	output := outputFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		profiles, err := env.profiles()
		if err != nil {
			return err
		}
		all := profiles.All()
		if len(groups) > 0 {
			if all, err = profiles.In(groups...); err != nil {
				return err
			}
		}
		if *output == "json" {
			lines := make([]profileDocument, len(all))
			for i, p := range all {
				lines[i] = profileOf(p)
			}
			return printJSON(env.Stdout, lines)
		}
		return columns(env.Stdout, "NAME\tADDRESS\tGROUPS\tKEY", func(line func(...string)) error {
			for _, p := range all {
				line(p.Name, printable(p.URL), strings.Join(p.Groups, ","), p.Key.Source())
			}
			return nil
		})
	}
	return cmd
}

func newProfileRemove(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NAME...",
		Short: "Forget portals, and their keys in the keyring",
		Long: `Forget portals by their names, and their keys in the system's keyring. Keys that are
in files, or where commands get them, stay there, and every key stays valid: a portal
revokes keys under Settings > Developer Tools > API keys.`,
		Example:           "bursar profile remove acme",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: env.profileNames,
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		path := env.profilesPath()
		if path == "" {
			return noProfilesPath()
		}
		keys := env.keys()
		var gone []fleet.Profile
		err := fleet.Edit(path, func(profiles *fleet.Profiles) error {
			for _, name := range args {
				profile, err := profiles.Find(name)
				if err == nil {
					err = profiles.Remove(name)
				}
				if err != nil {
					return err
				}
				gone = append(gone, profile)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, profile := range gone {
			if err := keys.Forget(profile); err != nil {
				fmt.Fprintf(env.Stderr, "warning: %s\n", cleaned(err.Error()))
			}
		}
		return nil
	}
	return cmd
}

// profileTested is what came of asking a portal, as JSON has it.
type profileTested struct {
	Name     string            `json:"name"`
	URL      string            `json:"url"`
	OK       bool              `json:"ok"`
	Customer *customerDocument `json:"customer,omitempty"`
	Status   int               `json:"status,omitempty"`
	Error    string            `json:"error,omitempty"`

	err      error
	customer *docspace.CustomerInfo
}

func newProfileTest(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [NAME...]",
		Short: "Ask portals whether their keys are good",
		Long: `Ask portals who pays for them, each with its key: those that are named, those of a
group, or all, as many at once as --parallel says.

Exit status: 0 all answered, 3 some did not, 1 none did, 4 all refuse their keys.`,
		Example:           "bursar profile test\nbursar profile test acme --timeout 5s\nbursar profile test --group customers -o json",
		ValidArgsFunction: env.profileNames,
	}
	flags := selectionFlags(cmd, env, patienceWithMany)
	for _, name := range []string{"portal", "key", "key-file"} {
		_ = cmd.Flags().MarkHidden(name) // fails only for a flag that is not there
	}
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if flags.portal != "" || flags.key != "" || flags.keyFile != "" {
			return usage("profile test asks portals by their names, with their own keys")
		}
		chosen, err := flags.toTest(args)
		if err != nil {
			return err
		}
		tested, err := flags.test(cmd.Context(), chosen)
		if err != nil {
			return err
		}
		if err := writeTested(env, tested, *output); err != nil {
			return err
		}
		return testedOutcome(env, tested)
	}
	return cmd
}

// toTest returns the profiles that are named, of the groups, or all.
func (s *selection) toTest(names []string) ([]fleet.Profile, error) {
	if len(names) == 0 {
		s.all = len(s.groups) == 0
		return s.portals()
	}
	if s.many() {
		return nil, usage("name portals, or choose them with --all or --group")
	}
	profiles, err := s.env.profiles()
	if err != nil {
		return nil, err
	}
	var chosen []fleet.Profile
	for _, name := range names {
		profile, err := profiles.Find(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(chosen, func(p fleet.Profile) bool { return p.Name == name }) {
			chosen = append(chosen, profile)
		}
	}
	return chosen, nil
}

func (s *selection) test(ctx context.Context, chosen []fleet.Profile) (tested []profileTested, err error) {
	reader, err := s.reader()
	if err != nil {
		return nil, err
	}
	bar := newProgress(s.env, s.quiet, len(chosen), "Asking portals")
	err = fleet.Each(ctx, reader, chosen, func(ctx context.Context, p *fleet.Portal) (*docspace.CustomerInfo, error) {
		return p.CustomerInfo(ctx)
	}, func(p fleet.Profile, customer *docspace.CustomerInfo, err error) error {
		one := profileTested{Name: p.Name, URL: p.URL, OK: err == nil, err: err, customer: customer}
		if err != nil {
			failure := errorOf("", err)
			one.Status, one.Error = failure.Status, failure.Message
		} else if customer != nil {
			document := customerOf(*customer)
			one.Customer = &document
		}
		tested = append(tested, one)
		bar.step()
		return nil
	})
	bar.stop()
	slices.SortFunc(tested, func(a, b profileTested) int { return strings.Compare(a.Name, b.Name) })
	return tested, err
}

func writeTested(env Env, tested []profileTested, output string) error {
	if output == "json" {
		return printJSON(env.Stdout, tested)
	}
	if !slices.ContainsFunc(tested, func(one profileTested) bool { return one.OK }) {
		return nil // what failed says it all
	}
	return columns(env.Stdout, "NAME\tADDRESS\tANSWER", func(line func(...string)) error {
		for _, one := range tested {
			answer := "ok, " + customerText(one.customer)
			if !one.OK {
				answer = "failed: " + printable(one.err.Error())
			}
			line(one.Name, printable(one.URL), answer)
		}
		return nil
	})
}

// testedOutcome is the outcome of a test of portals, with each advice said once.
func testedOutcome(env Env, tested []profileTested) error {
	var failed manyFailed
	for _, one := range tested {
		failed.add(one.Name, one.err)
	}
	if len(failed.all) == 0 {
		return nil
	}
	return failed.outcome(env, len(tested), errors.New("portals failed the test"))
}
