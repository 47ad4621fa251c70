package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/fleet"
)

// selection says which portals a command is about: one, those of groups, or all. With
// none of these it is the portal of the environment.
type selection struct {
	*connection
	groups   []string
	all      bool
	parallel int
}

// selectionFlags adds to a command what chooses portals; timeout says what --timeout
// bounds.
func selectionFlags(cmd *cobra.Command, env Env, timeout string) *selection {
	s := &selection{connection: connectionFlags(cmd, env, timeout)}
	f := cmd.Flags()
	f.BoolVar(&s.all, "all", false, "all portals that bursar profile knows")
	f.StringSliceVar(&s.groups, "group", nil, "those of a group; may be repeated")
	f.IntVar(&s.parallel, "parallel", fleet.DefaultParallel, "how many portals at once")
	for _, one := range []string{"portal", "key", "key-file"} {
		cmd.MarkFlagsMutuallyExclusive("all", one)
		cmd.MarkFlagsMutuallyExclusive("group", one)
	}
	cmd.MarkFlagsMutuallyExclusive("all", "group")
	return s
}

// many reports whether more portals than one may be meant.
func (s *selection) many() bool { return s.all || len(s.groups) > 0 }

// portals returns the portals that are meant, by name: one at least. They are not to be
// changed.
func (s *selection) portals() ([]fleet.Profile, error) {
	if s.parallel < 1 {
		return nil, usage("--parallel: %d is less than 1", s.parallel)
	}
	if !s.many() {
		profile, err := s.profile()
		return []fleet.Profile{profile}, err
	}
	profiles, err := s.env.profiles()
	if err != nil {
		return nil, err
	}
	chosen := profiles.All()
	if len(s.groups) > 0 {
		if chosen, err = profiles.In(s.groups...); err != nil {
			return nil, err
		}
	}
	if len(chosen) == 0 {
		return nil, &Error{Code: ExitUsage, Err: errors.New("there are no portals"), Hint: "bursar profile add makes them known"}
	}
	if s.caCert != "" {
		chosen = slices.Clone(chosen)
		for i := range chosen {
			chosen[i].CACert = s.caCert
		}
	}
	return chosen, nil
}

// reader opens portals as the flags say.
func (s *selection) reader() (*fleet.Reader, error) {
	reader, err := s.connection.reader()
	if err == nil {
		reader.Parallel = s.parallel
	}
	return reader, err
}

// patienceWithMany is what --timeout bounds where there are many portals.
const patienceWithMany = "how long reading one portal may take"
