package cli

import (
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/term"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/fleet"
)

// Env is the world around a command.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv returns a variable of the environment; nil means that all are empty.
	Getenv func(string) string
	// Environ is the whole environment, for what asks for that.
	Environ []string
	Now     func() time.Time
	// User returns who runs the command, by the system's number and name of the
	// user; nil means that nobody knows.
	User func() (id, name string)
	// Keyring has the keys of portals; nil means that there is none.
	Keyring fleet.Keyring
	// Version is what "bursar version" prints.
	Version string
}

// System returns the world of this process.
func System(version string) Env {
	return Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ(),
		Now: time.Now, User: systemUser, Keyring: fleet.SystemKeyring{}, Version: version,
	}
}

// systemUser returns the user of this process. Where the system does not know its
// name, it is the number that tells.
func systemUser() (id, name string) {
	who, err := user.Current()
	if err != nil {
		return strconv.Itoa(os.Getuid()), ""
	}
	return who.Uid, who.Username
}

// actor is who changes what a command changes.
func (e Env) actor() billing.Actor {
	actor := billing.Actor{Kind: billing.ByCommand}
	if e.User != nil {
		actor.ID, actor.Name = e.User()
	}
	return actor
}

// get returns a variable of the environment.
func (e Env) get(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// isTerminal reports whether a person is reading w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// DataDir returns the folder of the database where none is named: $BURSAR_DATA,
// else bursar in the folder that XDG (or Windows) has for data; "" where neither
// is set.
func (e Env) DataDir() string {
	if dir := e.get("BURSAR_DATA"); dir != "" {
		return dir
	}
	if dir := e.get("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "bursar")
	}
	if home := e.get("HOME"); home != "" {
		return filepath.Join(home, ".local", "share", "bursar")
	}
	if dir := e.get("LOCALAPPDATA"); dir != "" { // Windows
		return filepath.Join(dir, "bursar")
	}
	return ""
}

// stateDir returns a folder for what is remembered between two runs, under bursar in the
// folder that XDG (or Windows) has for state; "" where none is set.
func (e Env) stateDir(names ...string) string {
	dir := e.get("XDG_STATE_HOME")
	if dir == "" && e.get("HOME") != "" {
		dir = filepath.Join(e.get("HOME"), ".local", "state")
	}
	if dir == "" {
		dir = e.get("LOCALAPPDATA") // Windows
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir, "bursar"}, names...)...)
}

// profilesPath is the file of profiles: $BURSAR_PROFILES, else bursar/portals.yaml in
// the folder that XDG (or Windows) has for configuration; "" where none is set.
func (e Env) profilesPath() string {
	if path := e.get("BURSAR_PROFILES"); path != "" {
		return path
	}
	dir := e.get("XDG_CONFIG_HOME")
	if dir == "" && e.get("HOME") != "" {
		dir = filepath.Join(e.get("HOME"), ".config")
	}
	if dir == "" {
		dir = e.get("APPDATA") // Windows
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "bursar", "portals.yaml")
}

// profiles returns the profiles there are; none where there is no place for them.
func (e Env) profiles() (*fleet.Profiles, error) {
	path := e.profilesPath()
	if path == "" {
		return &fleet.Profiles{}, nil
	}
	return fleet.Load(path)
}

// keys gets the keys of profiles.
func (e Env) keys() *fleet.Keys {
	return &fleet.Keys{Keyring: e.Keyring, Getenv: e.Getenv, Environ: e.Environ}
}
