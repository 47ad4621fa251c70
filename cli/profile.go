package cli

import (
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/fleet"
)

func newProfile(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Name portals, and where their keys are",
		Long: `A profile is a portal under a name: its address, where its key is, and the groups
that it is in. Every reading command takes one with --portal NAME, those of a group
with --group, and all with --all; with none of these, and no address, $DOCSPACE_URL
and $DOCSPACE_API_KEY are the one portal.

Profiles are in bursar/portals.yaml in the folder for configuration, $XDG_CONFIG_HOME
or ~/.config, or in the file that $BURSAR_PROFILES names. Their keys are not in it,
unless that is asked for: they are in the system's keyring, or where a command, a file
or a variable has them.`,
		Example: `bursar profile add acme --portal https://acme.example.com --group customers
bursar profile test
bursar report --all`,
		GroupID: GroupRead,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newProfileAdd(env), newProfileList(env), newProfileTest(env), newProfileRemove(env))
	return cmd
}

// profileDocument is a profile as JSON has it; the key is never in it.
type profileDocument struct {
	Name      string   `json:"name"`
	URL       string   `json:"url"`
	Groups    []string `json:"groups"`
	KeySource string   `json:"keySource"`
	CACert    string   `json:"caCert,omitempty"`
	PerMinute int      `json:"perMinute,omitempty"`
}

func profileOf(p fleet.Profile) profileDocument {
	return profileDocument{Name: p.Name, URL: p.URL, Groups: append([]string{}, p.Groups...), KeySource: p.Key.Source(), CACert: p.CACert, PerMinute: p.PerMinute}
}

// profileNames completes names of profiles.
func (e Env) profileNames(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	profiles, err := e.profiles()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, p := range profiles.All() {
		names = append(names, p.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
