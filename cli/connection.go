package cli

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
)

// connection says which portal a command reads or changes, and who asks.
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
	f.StringVar(&c.portal, "portal", "", "address of the portal (or $DOCSPACE_URL)")
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

// client makes the client from the flags and the environment.
func (c *connection) client() (*docspace.Client, error) {
	if c.timeout <= 0 {
		return nil, usage("--timeout: %s is not more than nothing", c.timeout)
	}
	address := c.portal
	if address == "" {
		address = c.env.get("DOCSPACE_URL")
	}
	if address == "" {
		return nil, &Error{Code: ExitUsage, Err: errors.New("no portal is named"),
			Hint: "give its address with --portal https://portal.example.com or $DOCSPACE_URL; bursar demo shows a report with neither"}
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	key, err := c.readKey()
	if err != nil {
		return nil, err
	}
	transport, err := transportTrusting(c.caCert)
	if err != nil {
		return nil, err
	}
	if !c.quiet && sentInClear(address) {
		fmt.Fprintln(c.env.Stderr, "warning: the key travels unencrypted; use https:// if the portal has it")
	}
	return docspace.New(docspace.Config{
		URL: address, Key: key, Refresh: c.refresh, Country: c.country,
		Timeout: c.timeout, Transport: transport, UserAgent: "bursar/" + c.env.Version,
	})
}

func (c *connection) readKey() (string, error) {
	switch {
	case c.key == "-":
		return firstLine("standard input", c.env.Stdin)
	case c.key != "":
		return c.key, nil
	case c.keyFile != "":
		f, err := os.Open(c.keyFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && !c.quiet {
			fmt.Fprintf(c.env.Stderr, "warning: others can read %s; chmod 600 keeps it to yourself\n", c.keyFile)
		}
		return firstLine(c.keyFile, f)
	}
	if key := c.env.get("DOCSPACE_API_KEY"); key != "" {
		return key, nil
	}
	return "", &Error{Code: ExitUsage, Err: errors.New("no key is given"),
		Hint: "give it with --key-file FILE, --key - or $DOCSPACE_API_KEY; portals make keys under Settings > Developer Tools > API keys"}
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

// transportTrusting returns a transport that trusts further certificates; nil,
// which is the client's own, when there are none.
func transportTrusting(file string) (http.RoundTripper, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usage("--ca-cert: there is no certificate in %s", file)
	}
	return docspace.NewTransport(&tls.Config{RootCAs: pool}), nil
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
