package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/store"
)

// serveFlags are the flags of serve, all of which demo takes too.
type serveFlags struct {
	listen            string
	defaultPortal     string
	tlsCert, tlsKey   string
	countryHeader     string
	requestsPerMinute int
	stockQuirks       bool
	logLevel          string
	logFormat         string
}

func (s *serveFlags) add(f *pflag.FlagSet, listen string) {
	f.StringVar(&s.listen, "listen", listen, "address to listen on; port 0 takes a free one")
	f.StringVar(&s.defaultPortal, "default-portal", "", "id or host of the portal that answers for hosts that match none (default: the only one)")
	f.StringVar(&s.tlsCert, "tls-cert", "", "file with the certificate chain (PEM); turns on TLS and HTTP/2")
	f.StringVar(&s.tlsKey, "tls-key", "", "file with the certificate's key (PEM)")
	f.StringVar(&s.countryHeader, "country-header", "", "header in which a proxy names the visitor's country, such as CF-IPCountry")
	f.IntVar(&s.requestsPerMinute, "rate-limit", 0, "requests a minute for each user, -1 for no limit (default 1500)")
	f.BoolVar(&s.stockQuirks, "stock-quirks", false, "behave as a stock portal where Bursar does better; see the README")
	f.StringVar(&s.logLevel, "log-level", "info", "debug (every request), info (refused and failed ones), warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
}

func newServe(env cli.Env) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer DocSpace's payment API for portals of your own",
		Long: `Answer DocSpace's payment API for the portals in the database, each under its own
hosts. Portals, users and keys that other commands add or change meanwhile count
from the next request on.

/healthz says that the process runs, /readyz that it can answer, /openapi.yaml
describes the API. SIGINT or SIGTERM stop it: requests that are running are
finished, further ones refused.`,
		Example: `# Serve the portals of the default database on port 8080
bursar serve

# With TLS, and a folder of its own
bursar serve --data /var/lib/bursar --listen :443 --tls-cert cert.pem --tls-key key.pem`,
		GroupID: cli.GroupRun,
		Args:    cobra.NoArgs,
	}
	data := cli.DataFlag(cmd, env)
	flags.add(cmd.Flags(), "127.0.0.1:8080")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		log, err := flags.logger(env)
		if err != nil {
			return err
		}
		if *data == "" {
			return &cli.Error{Code: cli.ExitUsage, Err: errors.New("no folder for the database"), Hint: "name one with --data or $BURSAR_DATA"}
		}
		server, err := flags.open(cmd.Context(), store.Config{Dir: *data}, env, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.close()) }()
		server.warnIfEmpty(cmd.Context())
		log.Info("serving", "address", server.url(), "data", *data, "version", env.Version)
		return server.serve(cmd.Context())
	}
	return cmd
}

func (s *serveFlags) logger(env cli.Env) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--log-level: %q is none of debug, info, warn and error", s.logLevel)}
	}
	options := &slog.HandlerOptions{Level: level}
	switch s.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(env.Stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(env.Stderr, options)), nil
	}
	return nil, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--log-format: %q is neither text nor json", s.logFormat)}
}

// server is an open database behind an open socket.
type server struct {
	flags    *serveFlags
	log      *slog.Logger
	store    *store.Store
	service  *billing.Service
	listener net.Listener
}

// open listens first: a port that is taken is found out before anything is made.
func (s *serveFlags) open(ctx context.Context, where store.Config, env cli.Env, log *slog.Logger) (*server, error) {
	if s.tlsCert != "" {
		if _, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey); err != nil {
			return nil, &cli.Error{Err: fmt.Errorf("--tls-cert and --tls-key: %w", err), Hint: "both must be there, in PEM, and belong together"}
		}
	}
	if err := checkAddress(s.listen); err != nil {
		return nil, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--listen: %w", err), Hint: "give an address and a port, such as 127.0.0.1:8080"}
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, where)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	service, err := billing.New(billing.Config{
		Store: db, Now: env.Now, Provider: billing.NewSandbox(db, env.Now), DefaultPortal: s.defaultPortal, StockQuirks: s.stockQuirks,
	})
	if err != nil {
		return nil, errors.Join(err, db.Close(), listener.Close())
	}
	return &server{flags: s, log: log, store: db, service: service, listener: listener}, nil
}

// checkAddress reports what is wrong with an address to listen on.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	_, err = net.LookupPort("tcp", port)
	return err
}

// url returns the address that the server can be reached at from here.
func (s *server) url() string {
	scheme := "http"
	if s.flags.tlsCert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return scheme + "://" + s.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if strings.HasPrefix(s.flags.listen, "[") {
			host = "::1"
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// warnIfEmpty says what is missing where requests would find no portal.
func (s *server) warnIfEmpty(ctx context.Context) {
	if _, err := s.service.View(ctx); s.flags.defaultPortal != "" && errors.Is(err, billing.ErrNoPortal) {
		s.log.Warn("there is no portal of the name that --default-portal gives", "portal", s.flags.defaultPortal)
	}
	found := errors.New("there is one")
	if err := s.service.Portals(ctx, func(billing.PortalSummary) error { return found }); err == nil {
		s.log.Warn("there are no portals yet: bursar portal create makes one, and needs no restart")
	}
}

// noteInterval is how often the last uses of keys are written down.
const noteInterval = 30 * time.Second

// gcPercent is how much the heap may grow between collections. A server's live
// heap is a few megabytes; by Go's default it would be collected hundreds of
// times a second.
const gcPercent = 400

// serve answers until the context ends.
func (s *server) serve(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	quirks := portalapi.Quirks{}
	if s.flags.stockQuirks {
		quirks = portalapi.StockQuirks()
	}
	stopNotes := make(chan struct{})
	notesDone := make(chan struct{})
	go func() {
		defer close(notesDone)
		s.noteKeyUses(stopNotes)
	}()
	err := httpd.Serve(ctx, s.listener, httpd.Config{
		Handler: portalapi.New(portalapi.Config{
			Service:           s.service,
			Log:               s.log,
			Quirks:            quirks,
			CountryHeader:     s.flags.countryHeader,
			RequestsPerMinute: s.flags.requestsPerMinute,
		}),
		Log:      s.log,
		Ready:    s.service.Ready,
		CertFile: s.flags.tlsCert,
		KeyFile:  s.flags.tlsKey,
	})
	close(stopNotes)
	<-notesDone
	return err
}

// noteKeyUses writes down the last uses of keys now and then, and at the end.
func (s *server) noteKeyUses(stop <-chan struct{}) {
	tick := time.NewTicker(noteInterval)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-tick.C:
		case <-stop:
			running = false
		}
		ctx, cancel := context.WithTimeout(context.Background(), noteInterval)
		if err := s.service.FlushKeyUses(ctx); err != nil {
			s.log.Warn("the last uses of keys were not written down", "error", err)
		}
		cancel()
	}
}

// close frees the socket, if serve did not, and the database.
func (s *server) close() error {
	_ = s.listener.Close() // fails only where it is closed already
	return s.store.Close()
}
