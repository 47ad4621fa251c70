package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// connection says which portal a command reads or changes, and who asks: a portal of
// a profile, or one by its address and key.
type connection struct {
	env                  Env
	portal, key, keyFile string
	caCert               string
	timeout              time.Duration
	quiet                bool
	country              string
	refresh              bool
}

// connectionFlags adds to a command what it needs to reach a portal; timeout says
// what --timeout bounds.
func connectionFlags(cmd *cobra.Command, env Env, timeout string) *connection {
	c := &connection{env: env}
	f := cmd.Flags()
	f.StringVar(&c.portal, "portal", "", "address of the portal, or name of one that bursar profile knows (or $DOCSPACE_URL)")
	f.StringVar(&c.key, "key", "", "the API key or token, - for standard input (or $DOCSPACE_API_KEY)")
	f.StringVar(&c.keyFile, "key-file", "", "file with the key")
	f.DurationVar(&c.timeout, "timeout", 30*time.Second, timeout)
	f.StringVar(&c.caCert, "ca-cert", "", "file with further certificates to trust (PEM)")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "print nothing but the result and errors")
	cmd.MarkFlagsMutuallyExclusive("key", "key-file")
	_ = cmd.MarkFlagFilename("key-file") // fails only for a flag that is not there
	_ = cmd.MarkFlagFilename("ca-cert")
	return c
}

// client makes the client from the flags, the profiles and the environment.
func (c *connection) client() (*docspace.Client, error) {
	profile, err := c.profile()
	if err != nil {
		return nil, err
	}
	portal, err := c.open(context.Background(), profile)
	if err != nil {
		return nil, err
	}
	return portal.Client, nil
}

// open returns the portal of a profile, to be asked.
func (c *connection) open(ctx context.Context, profile fleet.Profile) (*fleet.Portal, error) {
	reader, err := c.reader()
	if err != nil {
		return nil, err
	}
	if !c.quiet && sentInClear(profile.URL) {
		fmt.Fprintln(c.env.Stderr, "warning: the key travels unencrypted; use https:// if the portal has it")
	}
	return reader.Open(ctx, profile)
}

// reader opens portals as the flags say.
func (c *connection) reader() (*fleet.Reader, error) {
	if c.timeout <= 0 {
		return nil, usage("--timeout: %s is not more than nothing", c.timeout)
	}
	return &fleet.Reader{
		Keys: c.env.keys(), Timeout: c.timeout,
		Config: docspace.Config{Refresh: c.refresh, Country: c.country, Timeout: c.timeout, UserAgent: "bursar/" + c.env.Version},
	}, nil
}

// profile returns the one portal that the flags or the environment name. A key that is
// given goes before that of a profile.
func (c *connection) profile() (fleet.Profile, error) {
	profile, err := c.named()
	if err != nil {
		return fleet.Profile{}, err
	}
	if profile.Key.Source() == "none" || c.key != "" || c.keyFile != "" {
		key, err := c.readKey()
		if err != nil {
			return fleet.Profile{}, err
		}
		profile.Key = fleet.Key{Plain: key}
	}
	if c.caCert == "" {
		return profile, nil
	}
	profile.CACert = c.caCert
	if _, err := fleet.Trusting(c.caCert); err != nil {
		return fleet.Profile{}, wrongCertificates(err)
	}
	return profile, nil
}

// wrongCertificates is the error of --ca-cert: of a file that can't be read or, as a wrong
// command line, of one that has no certificate.
func wrongCertificates(err error) error {
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("--ca-cert: %w", err)
	}
	return usage("--ca-cert: %w", err)
}

// named returns the portal by its profile, or by its address, which may lack https://. It
// fails with fleet.ErrNoProfile.
func (c *connection) named() (fleet.Profile, error) {
	address := c.portal
	if address == "" {
		address = c.env.get("DOCSPACE_URL")
	}
	if address == "" {
		return fleet.Profile{}, &Error{Code: ExitUsage, Err: errors.New("no portal is named"),
			Hint: "give its address with --portal https://portal.example.com or $DOCSPACE_URL; bursar demo shows a report with neither"}
	}
	if !strings.Contains(address, "://") {
		profiles, err := c.env.profiles()
		if err != nil {
			return fleet.Profile{}, err
		}
		// What can be no address is a name with a mistake: nobody is sent a key for it.
		profile, err := profiles.Find(address)
		if err == nil || !strings.ContainsAny(address, ".:/") && address != "localhost" {
			return profile, err
		}
		address = "https://" + address
	}
	return addressed(address), nil
}

// addressed is a portal that no profile knows. It is called by its host.
func addressed(address string) fleet.Profile {
	profile := fleet.Profile{Name: address, URL: address}
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		profile.Name = u.Host
	}
	return profile
}

func (c *connection) readKey() (string, error) {
	if key, err := c.env.givenKey(c.key, c.keyFile, c.quiet); key != "" || err != nil {
		return key, err
	}
	if key := c.env.get("DOCSPACE_API_KEY"); key != "" {
		return key, nil
	}
	return "", &Error{Code: ExitUsage, Err: errors.New("no key is given"),
		Hint: "give it with --key-file FILE, --key - or $DOCSPACE_API_KEY; portals make keys under Settings > Developer Tools > API keys"}
}

// givenKey returns the key of --key or --key-file; "" where neither was given. It warns,
// unless quiet, of a file that others can read.
func (e Env) givenKey(key, file string, quiet bool) (string, error) {
	switch {
	case key == "-":
		return firstLine("standard input", e.Stdin)
	case key != "" || file == "":
		return key, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !quiet && disk.Shared(info) {
		fmt.Fprintf(e.Stderr, "warning: others can read %s; chmod 600 keeps it to yourself\n", file)
	}
	return firstLine(file, f)
}

// firstLine returns the first line of a short text.
func firstLine(name string, r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the key from %s: %w", name, err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usage("there is no key in %s", name)
	}
	return line, nil
}

// sentInClear reports whether a key sent there crosses a network unencrypted.
func sentInClear(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
