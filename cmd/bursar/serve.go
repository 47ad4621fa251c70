package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/paymentapi"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/worker"
)

// serveFlags are the flags of serve, all of which demo takes too.
type serveFlags struct {
	listen            string
	defaultPortal     string
	tlsCert, tlsKey   string
	countryHeader     string
	requestsPerMinute int
	trustedProxies    []string
	redirectHosts     []string
	stockQuirks       bool
	payments          *cli.Payments
	mail              mailFlags
	work              workFlags
	logLevel          string
	logFormat         string
}

func (s *serveFlags) add(cmd *cobra.Command, env cli.Env, listen, payments string) {
	f := cmd.Flags()
	s.payments = cli.PaymentsFlags(cmd, env, payments)
	s.mail.add(cmd)
	s.work.add(cmd)
	f.StringVar(&s.listen, "listen", listen, "address to listen on; port 0 takes a free one")
	f.StringVar(&s.defaultPortal, "default-portal", "", "id or host of the portal that answers for hosts that match none (default: the only one)")
	f.StringVar(&s.tlsCert, "tls-cert", "", "file with the certificate chain (PEM); turns on TLS and HTTP/2")
	f.StringVar(&s.tlsKey, "tls-key", "", "file with the certificate's key (PEM)")
	f.StringVar(&s.countryHeader, "country-header", "", "header in which a proxy names the visitor's country, such as CF-IPCountry")
	f.IntVar(&s.requestsPerMinute, "rate-limit", 0, "requests a minute for each user, -1 for no limits at all (default 1500)")
	f.StringArrayVar(&s.trustedProxies, "trusted-proxy", nil, "network or address of a proxy in front, whose X-Forwarded-For and the like are believed, such as 10.0.0.0/8; may be repeated")
	f.StringArrayVar(&s.redirectHosts, "redirect-host", nil, "host, beside the portal's own, that people may be sent back to after a payment, such as app.example.com or *.example.com:8443; may be repeated")
	f.BoolVar(&s.stockQuirks, "stock-quirks", false, "behave as a stock portal where Bursar does better; see the README")
	f.StringVar(&s.logLevel, "log-level", "info", "debug (every request), info (refused and failed ones), warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
}

func newServe(env cli.Env) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer DocSpace's payment API for portals of your own",
		Long: `Answer DocSpace's payment API for the portals in the database, each under its own
hosts, and the operator's own API under /v1/. Portals, users and keys that other
commands add or change meanwhile count from the next request on. Any number of
processes may serve one PostgreSQL database.

What is for sale, and for how much, is DocSpace's own unless --catalog names a file;
see "bursar catalog". It is read when the server starts.

Behind a proxy, name it with --trusted-proxy: then callers without a good key are
counted by the address that the proxy had them from, and nobody else is believed
what X-Forwarded-For, X-Forwarded-Proto or Forwarded say.

Deposits are refused unless --payments names who collects them. The sandbox says
that it collected, and takes money from nobody.

What customers write to sales goes to --sales-email, by the mail server that --smtp
names; without one it is kept as .eml files in a folder, --outbox.

Renewals, automatic top-ups, messages and whatever else nobody asks for are done by
whoever serves, --workers at a time: by all processes on a database together, and one
goes on where another one was stopped. With --clock virtual time stands still until
"bursar clock advance" moves it, in a database that began so; one process serves that.

/healthz says that the process runs, /readyz that it can answer; /openapi.yaml and
/v1/openapi.yaml describe the APIs. SIGINT or SIGTERM stop it: requests that are
running are finished, further ones refused.`,
		Example: `# Serve the portals of the default database on port 8080
bursar serve

# With TLS, and a folder of its own
bursar serve --data /var/lib/bursar --listen :443 --tls-cert cert.pem --tls-key key.pem

# Behind a proxy on this machine, with pages of yours to come back to
bursar serve --trusted-proxy 127.0.0.1 --redirect-host app.example.com

# On a PostgreSQL database, with a password from $PGPASSWORD or ~/.pgpass
bursar serve --database postgres://bursar@db.example.com/bursar`,
		GroupID: cli.GroupRun,
		Args:    cobra.NoArgs,
	}
	data, offers := cli.DatabaseFlags(cmd, env), cli.CatalogFlag(cmd, env)
	flags.add(cmd, env, "127.0.0.1:8080", cli.PaymentsNone)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		log, err := flags.logger(env)
		if err != nil {
			return err
		}
		where, err := data.Config()
		if err != nil {
			return err
		}
		server, err := flags.open(cmd.Context(), where, offers, env, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.close()) }()
		server.warnIfEmpty(cmd.Context())
		server.tellProvider()
		log.Info("serving", "address", server.url(), "database", cli.DatabaseName(where), "catalogue", offers.Name(), "version", env.Version)
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
	flags      *serveFlags
	log        *slog.Logger
	store      *store.Store
	provider   payment.Provider // nil: nobody collects
	service    *billing.Service
	clock      *clock.Virtual // nil: time goes by itself
	worker     *worker.Worker
	listener   net.Listener
	salesEmail string
	outbox     func() string // the folder of messages; "" where there is none
}

// open reads the catalogue and listens first: what is wrong with it, or a port that is
// taken, is found out before anything is made.
func (s *serveFlags) open(ctx context.Context, where store.Config, offers *cli.CatalogFile, env cli.Env, log *slog.Logger) (*server, error) {
	sold, err := offers.Load()
	if err != nil {
		return nil, err
	}
	if s.tlsCert != "" {
		if _, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey); err != nil {
			return nil, &cli.Error{Err: fmt.Errorf("--tls-cert and --tls-key: %w", err), Hint: "both must be there, in PEM, and belong together"}
		}
	}
	v, err := s.work.virtual(s.payments.Name())
	if err != nil {
		return nil, err
	}
	realNow := env.Now
	if v != nil {
		env.Now = v.Now
	}
	mailed, err := s.mail.config(where, env, log)
	if err != nil {
		return nil, err
	}
	if err := checkAddress(s.listen); err != nil {
		return nil, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--listen: %w", err), Hint: "give an address and a port, such as 127.0.0.1:8080"}
	}
	if err := s.checkHosts(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return nil, err
	}
	db, err := cli.OpenStore(ctx, where)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if err := agree(ctx, db, v, realNow()); err != nil {
		return nil, errors.Join(err, db.Close(), listener.Close())
	}
	provider, err := s.payments.Provider(db, env.Now)
	if err != nil {
		return nil, errors.Join(err, db.Close(), listener.Close())
	}
	service, err := billing.New(billing.Config{
		Store: db, Catalog: sold, Log: log, Now: env.Now, Provider: provider, DefaultPortal: s.defaultPortal, StockQuirks: s.stockQuirks,
		Mail: mailed.sender, MailFrom: mailed.from, SalesEmail: mailed.sales, OperatorEmail: mailed.operator,
	})
	if err == nil {
		err = checkPlans(ctx, service)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close(), listener.Close())
	}
	opened := &server{
		flags: s, log: log, store: db, provider: provider, service: service, clock: v, listener: listener,
		salesEmail: mailed.sales, outbox: mailed.outbox,
	}
	opened.worker = opened.newWorker(&s.work, env.Now)
	return opened, nil
}

// checkPlans fails when portals have plans that the catalogue lacks, and names them.
func checkPlans(ctx context.Context, s *billing.Service) error {
	missing, err := s.MissingPlans(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	var all []string
	for _, plan := range missing {
		portals := strings.Join(plan.Portals, ", ")
		if plan.More {
			portals += " and others"
		}
		all = append(all, fmt.Sprintf("%d (%s)", plan.ID, portals))
	}
	return &cli.Error{
		Err:  fmt.Errorf("the catalogue lacks plans that portals have: %s", strings.Join(all, ", ")),
		Hint: "name the file that has them with --catalog, or put them into it: what is not sold any more is still had, with visible left out",
	}
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

// tellProvider says who collects deposits, which nobody should have to find out by
// what is missing in a bank account.
func (s *server) tellProvider() {
	switch s.flags.payments.Name() {
	case cli.PaymentsSandbox:
		s.log.Warn("deposits are collected by the sandbox: it says that it did, and takes money from nobody")
	case cli.PaymentsManual:
		s.log.Info("payments are recorded by the operator: nothing is collected by card")
	case cli.PaymentsStripe:
		s.log.Info("Stripe collects", "webhooks", s.url()+paymentapi.WebhookPrefix+cli.PaymentsStripe)
	default:
		s.log.Info("there is no payment provider: deposits are refused; see --payments")
	}
}

// gcPercent is how much the heap may grow between collections. A server's live
// heap is a few megabytes; by Go's default it would be collected hundreds of
// times a second.
const gcPercent = 400

// serve answers until the context ends.
func (s *server) serve(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	proxies, err := s.flags.proxies()
	if err != nil { // open has checked
		return err
	}
	quirks := portalapi.Quirks{}
	if s.flags.stockQuirks {
		quirks = portalapi.StockQuirks()
	}
	working, rest := context.WithCancel(context.Background()) // it goes on until the last request has ended
	defer rest()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.worker.Run(working)
	}()
	err = httpd.Serve(ctx, s.listener, httpd.Config{
		Handler: doors(
			paymentapi.New(paymentapi.Config{Provider: s.provider, Handle: s.service.Receive, Log: s.log}),
			operatorapi.New(operatorapi.Config{Service: s.service, Log: s.log, Mover: s.mover()}),
			portalapi.New(portalapi.Config{
				Service:           s.service,
				Log:               s.log,
				Quirks:            quirks,
				CountryHeader:     s.flags.countryHeader,
				RequestsPerMinute: s.flags.requestsPerMinute,
				TrustedProxies:    proxies,
				RedirectHosts:     s.flags.redirectHosts,
				SalesEmail:        s.salesEmail,
			}),
		),
		Log:      s.log,
		Ready:    s.service.Ready,
		CertFile: s.flags.tlsCert,
		KeyFile:  s.flags.tlsKey,
	})
	rest()
	<-ended
	return err
}

// doors sends each request to its door: the provider's and the operator's have their
// own paths, all others are the portals'.
func doors(payments, operator, portals http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case paymentapi.Owns(r.URL.Path):
			payments.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, operatorapi.Prefix):
			operator.ServeHTTP(w, r)
		default:
			portals.ServeHTTP(w, r)
		}
	})
}

// close frees the socket, if serve did not, and the database.
func (s *server) close() error {
	_ = s.listener.Close() // fails only where it is closed already
	return s.store.Close()
}
