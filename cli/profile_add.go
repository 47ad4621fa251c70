package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// profileAdd is the command line of profile add.
type profileAdd struct {
	*connection
	from                   fleet.Key // where the key stays, by the flags
	keyring, plain         bool
	groups                 []string
	perMinute              int
	replace, noTest, tried bool
}

func newProfileAdd(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Name a portal, and keep its key or where that is",
		Long: `Name a portal. Its key is read now, from --key -, --key-file or $DOCSPACE_API_KEY, or
asked for at the terminal, and kept in the system's keyring, or with --plain in the
file of profiles, where whoever can read that file can read it.

With --key-from-command, --key-from-file or --key-from-variable the key stays where it
is, and is read from there each time. A file that others can read is refused then.

Before anything is kept, the portal is asked who pays for it, with that key. If it
refuses, or does not answer, nothing is kept; --no-test keeps it unasked.`,
		Example: `# The key is asked for, and goes into the keyring
bursar profile add acme --portal https://acme.example.com --group customers --group eu

# A password manager has the key
bursar profile add acme --portal https://acme.example.com --key-from-command 'pass show bursar/acme'

# For a server without a keyring
bursar profile add acme --portal https://acme.example.com --key-from-file /etc/bursar/acme.key`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: env.profileNames, // to replace one
	}
	flags := profileAdd{connection: connectionFlags(cmd, env, "how long the portal may take to answer")}
	f := cmd.Flags()
	f.Lookup("portal").Usage = "address of the portal (or $DOCSPACE_URL)"
	f.Lookup("key").Usage = "the key itself, - for standard input (or $DOCSPACE_API_KEY)"
	f.Lookup("key-file").Usage = "file to read the key from, now"
	f.StringVar(&flags.from.Command, "key-from-command", "", "line for the shell that prints the key, each time")
	f.StringVar(&flags.from.File, "key-from-file", "", "file that the key stays in, for you alone to read")
	f.StringVar(&flags.from.Variable, "key-from-variable", "", "variable of the environment that has the key, each time")
	f.BoolVar(&flags.keyring, "keyring", false, "keep the key in the system's keyring, as without any of these")
	f.BoolVar(&flags.plain, "plain", false, "keep the key in the file of profiles, as it is")
	f.StringSliceVar(&flags.groups, "group", nil, "group that it is in; may be repeated")
	f.IntVar(&flags.perMinute, "per-minute", 0, "the most requests in a minute (default 600)")
	f.BoolVar(&flags.replace, "replace", false, "take the place of the portal of that name")
	f.BoolVar(&flags.noTest, "no-test", false, "don't ask the portal first")
	places := []string{"key-from-command", "key-from-file", "key-from-variable", "keyring", "plain"}
	cmd.MarkFlagsMutuallyExclusive(places...)
	for _, given := range []string{"key", "key-file"} {
		cmd.MarkFlagsMutuallyExclusive(append([]string{given}, places[:3]...)...)
	}
	_ = cmd.MarkFlagFilename("key-from-file") // fails only for a flag that is not there
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return flags.run(cmd.Context(), args[0]) }
	return cmd
}

// run makes the profile, tries it, and keeps it.
func (a *profileAdd) run(ctx context.Context, name string) error {
	path := a.env.profilesPath()
	if path == "" {
		return noProfilesPath()
	}
	profile, err := a.described(name)
	if err != nil {
		return err
	}
	there, err := a.env.profiles()
	if err == nil {
		err = a.free(there, name)
	}
	if err != nil {
		return err
	}
	key, err := a.keyFor(ctx, &profile)
	if err != nil {
		return err
	}
	if a.plain && !a.quiet {
		fmt.Fprintf(a.env.Stderr, "warning: the key will stand in %s as it is; --keyring and --key-from-command keep it out of files\n", path)
	}
	customer, err := a.try(ctx, profile, key)
	if err != nil {
		return err
	}
	if err := a.keep(path, profile, key); err != nil {
		return err
	}
	if a.quiet {
		return nil
	}
	fmt.Fprintf(a.env.Stdout, "%s: %s, key by %s", profile.Name, printable(profile.URL), profile.Key.Source())
	if a.tried {
		fmt.Fprintf(a.env.Stdout, "; %s", customerText(customer))
	}
	fmt.Fprintln(a.env.Stdout)
	return nil
}

func noProfilesPath() error {
	return &Error{Code: ExitUsage, Err: errors.New("there is no folder for profiles"), Hint: "set $HOME, $XDG_CONFIG_HOME or $BURSAR_PROFILES"}
}

// described is the profile by the flags, without a key that is kept.
func (a *profileAdd) described(name string) (fleet.Profile, error) {
	address := a.portal
	if address == "" {
		address = a.env.get("DOCSPACE_URL")
	}
	if address == "" {
		return fleet.Profile{}, &Error{Code: ExitUsage, Err: errors.New("no portal is named"), Hint: "give its address with --portal https://portal.example.com"}
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	profile := fleet.Profile{Name: name, URL: strings.TrimRight(address, "/"), Groups: a.groups, Key: a.from, PerMinute: a.perMinute}
	profile.Key.Keyring = a.from == fleet.Key{} && !a.plain
	for _, file := range []struct {
		flag, name string
		to         *string
	}{{"--ca-cert", a.caCert, &profile.CACert}, {"--key-from-file", a.from.File, &profile.Key.File}} {
		if file.name == "" {
			continue
		}
		whole, err := filepath.Abs(file.name)
		if err != nil {
			return fleet.Profile{}, fmt.Errorf("%s: %w", file.flag, err)
		}
		*file.to = whole
	}
	if profile.CACert != "" {
		if _, err := fleet.Trusting(profile.CACert); err != nil {
			return fleet.Profile{}, wrongCertificates(err)
		}
	}
	// What the client would refuse is not kept, either.
	if _, err := docspace.New(docspace.Config{URL: profile.URL, Key: "sk-"}); err != nil {
		return fleet.Profile{}, fmt.Errorf("--portal: %w", err)
	}
	return profile, profile.Check()
}

// free refuses a name that is taken, unless it is to be replaced.
func (a *profileAdd) free(profiles *fleet.Profiles, name string) error {
	if _, err := profiles.Find(name); err == nil && !a.replace {
		return &Error{Code: ExitUsage, Err: fmt.Errorf("there is a portal %q already", name), Hint: "--replace puts this one in its place; bursar profile list shows what there is"}
	}
	return nil
}

// keyFor returns the key of a new profile: given now, or from where it stays.
func (a *profileAdd) keyFor(ctx context.Context, profile *fleet.Profile) (key string, err error) {
	if (a.from != fleet.Key{}) {
		if a.noTest {
			return "", nil // it may come to be there later
		}
		return a.env.keys().Of(ctx, *profile)
	}
	if a.key == "" && a.keyFile == "" && a.env.get("DOCSPACE_API_KEY") == "" && a.env.canAsk() {
		key, err = a.env.askSecret("API key of " + profile.Name + " (it is not shown): ")
	} else {
		key, err = a.readKey()
	}
	if err != nil {
		return "", err
	}
	if _, err := docspace.New(docspace.Config{URL: profile.URL, Key: key}); err != nil {
		return "", fmt.Errorf("the key: %w", err)
	}
	if a.plain {
		profile.Key.Plain = key
	}
	return key, nil
}

// askSecret asks a person at the terminal for what must not be seen there.
func (e Env) askSecret(question string) (string, error) {
	fmt.Fprint(e.Stderr, question)
	text, err := term.ReadPassword(int(e.Stdin.(*os.File).Fd())) // canAsk: it is a terminal
	fmt.Fprintln(e.Stderr)
	if err != nil {
		return "", fmt.Errorf("read the key from the terminal: %w", err)
	}
	if key := strings.TrimSpace(string(text)); key != "" {
		return key, nil
	}
	return "", usage("no key was given")
}

// try asks the portal who pays for it.
func (a *profileAdd) try(ctx context.Context, profile fleet.Profile, key string) (*docspace.CustomerInfo, error) {
	if a.noTest {
		return nil, nil
	}
	a.tried = true
	ctx, cancel := context.WithTimeout(ctx, max(a.timeout, 0))
	defer cancel()
	profile.Key = fleet.Key{Plain: key}
	portal, err := a.open(ctx, profile)
	if err != nil {
		return nil, err
	}
	defer portal.Close()
	stop := spin(a.env, a.quiet, "Asking "+profile.URL)
	customer, err := portal.CustomerInfo(ctx)
	stop()
	if err != nil {
		return nil, &Error{Code: ExitCode(err), Err: fmt.Errorf("%w; nothing was kept", err), Hint: hintFor(err) + "; --no-test keeps it all the same"}
	}
	return customer, nil
}

// keep writes the profile down, and its key before it: a profile without a key is worse
// than a key without a profile.
func (a *profileAdd) keep(path string, profile fleet.Profile, key string) error {
	keys := a.env.keys()
	return fleet.Edit(path, func(profiles *fleet.Profiles) error {
		if err := a.free(profiles, profile.Name); err != nil { // somebody may have been quicker
			return err
		}
		if err := keys.Keep(profile, key); err != nil {
			return &Error{Code: ExitFailed, Err: err, Hint: "machines without a desktop have no keyring: --key-from-file, --key-from-command and --plain do without"}
		}
		before, err := profiles.Find(profile.Name)
		if err == nil && !before.SharesKey(profile) {
			if err := keys.Forget(before); err != nil && !a.quiet {
				fmt.Fprintf(a.env.Stderr, "warning: %s\n", cleaned(err.Error()))
			}
		}
		return profiles.Put(profile)
	})
}

// customerText says who pays, in a few words.
func customerText(c *docspace.CustomerInfo) string {
	switch {
	case c == nil:
		return "nobody pays for it yet"
	case c.Email == "":
		return printable("billing id " + c.PortalID)
	}
	return printable("paid by " + c.Email)
}
