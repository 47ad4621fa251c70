package fleet

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/bursarhq/bursar/disk"
)

var (
	// ErrProfiles says that a file of profiles can't be used, or a profile can't be
	// kept; the text names the portal and the member.
	ErrProfiles = errors.New("profiles")
	// ErrNoProfile says that there is no portal of a name, or none in a group.
	ErrNoProfile = errors.New("no such portal")
)

// Profile is a portal, as it is kept under a name: where it is, and where its key is.
type Profile struct {
	// Name is what it is called here: letters, digits, dots, hyphens and underscores,
	// 64 at most, the first a letter or digit.
	Name string `yaml:"-"`
	// URL is its address, as docspace.Config has it.
	URL string `yaml:"url"`
	// Groups are what it is chosen by, with others; they are named like portals.
	Groups []string `yaml:"groups,omitempty,flow"`
	Key    Key      `yaml:",inline"`
	// CACert is a file with further certificates to trust (PEM); "" for none.
	CACert string `yaml:"ca_cert,omitempty"`
	// PerMinute is the most requests in a minute; 0 means 600. A portal itself allows
	// 1500. Source: contract, "Rate limits".
	PerMinute int `yaml:"per_minute,omitempty"`
}

// Key says where a portal's key is. At most one member is set; with none there is no
// key.
type Key struct {
	// Keyring means the system's own: see Keyring.
	Keyring bool `yaml:"keyring,omitempty"`
	// Command is a line for the shell that prints the key.
	Command string `yaml:"key_command,omitempty"`
	// File has the key in its first line, and is nobody else's to read.
	File string `yaml:"key_file,omitempty"`
	// Variable of the environment.
	Variable string `yaml:"key_variable,omitempty"`
	// Plain is the key itself.
	Plain string `yaml:"key,omitempty"`
}

// Source says in a word where the key is: "keyring", "command", "file", "variable",
// "plain", or "none".
func (k Key) Source() string {
	switch {
	case k.Keyring:
		return "keyring"
	case k.Command != "":
		return "command"
	case k.File != "":
		return "file"
	case k.Variable != "":
		return "variable"
	case k.Plain != "":
		return "plain"
	}
	return "none"
}

// Format prints where the key is, and never the key itself.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.Source()) }

func (k Key) sources() (n int) {
	for _, set := range []bool{k.Keyring, k.Command != "", k.File != "", k.Variable != "", k.Plain != ""} {
		if set {
			n++
		}
	}
	return n
}

const maxName = 64

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Check returns ErrProfiles if the profile can't be kept.
func (p Profile) Check() error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: portal %q: %s", ErrProfiles, p.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case len(p.Name) > maxName || !nameForm.MatchString(p.Name):
		return fail("a name has letters, digits, dots, hyphens and underscores, %d at most, and begins with a letter or digit", maxName)
	case p.URL == "":
		return fail("url is missing")
	case !strings.HasPrefix(p.URL, "https://") && !strings.HasPrefix(p.URL, "http://"):
		return fail("url: %q does not start with https:// (or http://)", p.URL)
	case p.Key.sources() > 1:
		return fail("the key is in one of keyring, key_command, key_file, key_variable and key, not in several")
	case p.PerMinute < 0:
		return fail("per_minute: %d is less than nothing", p.PerMinute)
	}
	for _, group := range p.Groups {
		if len(group) > maxName || !nameForm.MatchString(group) {
			return fail("groups: %q is no name", group)
		}
	}
	return nil
}

// Profiles is a file of profiles.
type Profiles struct {
	path string
	all  []Profile // by name
}

// profilesFile is what stands in the file.
type profilesFile struct {
	Portals map[string]Profile `yaml:"portals"`
}

// Load reads a file of profiles; one that is not there has none. It fails with
// ErrProfiles, naming what is wrong, and where.
func Load(path string) (*Profiles, error) {
	p := &Profiles{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read profiles: %w", err)
	}
	var file profilesFile
	if plain, ok := readPlain(string(text)); ok {
		file.Portals = plain
	} else if len(bytes.TrimSpace(text)) > 0 {
		if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("%w: %s: %s", ErrProfiles, path, yaml.FormatError(err, false, false))
		}
	}
	p.all = make([]Profile, 0, len(file.Portals))
	for name, profile := range file.Portals {
		profile.Name = name
		if err := profile.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		p.all = append(p.all, profile)
	}
	slices.SortFunc(p.all, func(a, b Profile) int { return cmp.Compare(a.Name, b.Name) })
	return p, nil
}

// Edit loads a file of profiles, has it changed, and saves it, while no other Edit
// does: of several at once none is lost. What change fails with leaves the file as it
// was. The lock is a file beside it, ending in ".lock", which stays.
func Edit(path string, change func(*Profiles) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	unlock, err := lockedfile.MutexAt(path + ".lock").Lock()
	if err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	defer unlock()
	p, err := Load(path)
	if err != nil {
		return err
	}
	if err := change(p); err != nil {
		return err
	}
	return p.Save()
}

// Path returns the name of the file.
func (p *Profiles) Path() string { return p.path }

// All returns all profiles by name. They are not to be changed.
func (p *Profiles) All() []Profile { return p.all }

// Find returns the profile of a name, or ErrNoProfile.
func (p *Profiles) Find(name string) (Profile, error) {
	if i, ok := p.place(name); ok {
		return p.all[i], nil
	}
	return Profile{}, fmt.Errorf("%w: %q", ErrNoProfile, name)
}

func (p *Profiles) place(name string) (int, bool) {
	return slices.BinarySearchFunc(p.all, name, func(a Profile, name string) int { return cmp.Compare(a.Name, name) })
}

// In returns the profiles that are in one of the groups, or ErrNoProfile for a group in
// which there is none.
func (p *Profiles) In(groups ...string) ([]Profile, error) {
	var all []Profile
	found := map[string]bool{}
	for _, profile := range p.all {
		in := false
		for _, group := range groups {
			if slices.Contains(profile.Groups, group) {
				in, found[group] = true, true
			}
		}
		if in {
			all = append(all, profile)
		}
	}
	for _, group := range groups {
		if !found[group] {
			return nil, fmt.Errorf("%w: none is in the group %q", ErrNoProfile, group)
		}
	}
	return all, nil
}

// Put adds a profile, or replaces the one of its name. It fails with ErrProfiles.
func (p *Profiles) Put(profile Profile) error {
	if err := profile.Check(); err != nil {
		return err
	}
	i, there := p.place(profile.Name)
	if there {
		p.all[i] = profile
		return nil
	}
	p.all = slices.Insert(p.all, i, profile)
	return nil
}

// Remove takes a profile away, or fails with ErrNoProfile.
func (p *Profiles) Remove(name string) error {
	i, there := p.place(name)
	if !there {
		return fmt.Errorf("%w: %q", ErrNoProfile, name)
	}
	p.all = slices.Delete(p.all, i, i+1)
	return nil
}

// Save writes the file whole or not at all, for its owner alone.
func (p *Profiles) Save() error {
	text, err := writePlain(p.all)
	if err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	return disk.WriteWhole(p.path, text)
}
