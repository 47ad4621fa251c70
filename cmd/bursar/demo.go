package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

// demoPortal is the id of the sample company in the demonstration's database.
const demoPortal = "docspace.io123"

func newDemo(env cli.Env) *cobra.Command {
	var (
		flags       serveFlags
		apiKey      string
		operatorKey string
		once        bool
		advance     string
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start a portal with a sample company, and read it",
		Long: `Start a real server with a sample company in it, read its billing over HTTP as
"bursar report" does, and go on serving until interrupted.

With --clock virtual the company lives in a time of its own: it uses backups and
artificial intelligence every day, its card renews its plan, and its wallet, which is
topped up by its rule, its storage. "bursar clock advance" or --advance moves it on.

The database is in memory, or where --data or --database says, where it stays. The
demo takes every flag of "bursar serve". Its deposits are collected by the sandbox,
which takes money from nobody.`,
		Example: `# Nothing to set up
bursar demo

# Print the report and end
bursar demo --once

# With a key of your choice, for scripts
bursar demo --api-key sk-demo --listen 127.0.0.1:9000

# A quarter of a year, in a second
bursar demo --clock virtual --advance 90d --once

# With the operator's API, too
bursar demo --operator-key bk-demo`,
		GroupID: cli.GroupRead,
		Args:    cobra.NoArgs,
	}
	flags.add(cmd, env, "127.0.0.1:8080", cli.PaymentsSandbox)
	cmd.Flags().Lookup("log-level").DefValue = "warn"
	flags.logLevel = "warn"
	cmd.Flags().Lookup("sales-email").DefValue = "sales@example.com"
	flags.mail.sales = "sales@example.com"
	cmd.Flags().Lookup("operator-email").DefValue = "operator@example.com"
	flags.mail.operator = "operator@example.com"
	cmd.Flags().Lookup("outbox").Usage += "; for a database in memory a temporary one"
	data := cli.DatabaseFlags(cmd, cli.Env{}) // only the flags name it: a demonstration is not for whatever is usual here
	offers := cli.CatalogFlag(cmd, env)
	cmd.Flags().Lookup("data").Usage = "folder to keep the database in (default: in memory)"
	cmd.Flags().Lookup("database").Usage = "PostgreSQL database to keep it in, as postgres://user@host/name"
	cmd.Flags().StringVar(&apiKey, "api-key", "", "API key of the owner, sk-… (default: drawn)")
	cmd.Flags().StringVar(&operatorKey, "operator-key", "", "operator key to make, bk-… (default: none, or bk-demo in virtual time)")
	cmd.Flags().StringVar(&advance, "advance", "", "play so much virtual time, such as 90d, and say what happened")
	cmd.Flags().BoolVar(&once, "once", false, "end after the report")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		log, err := flags.logger(env)
		if err != nil {
			return err
		}
		by, err := parseAdvance(&flags.work, advance)
		if err != nil {
			return err
		}
		if flags.work.clock == virtualTime {
			flags.work.life = companyLife
			if operatorKey == "" {
				operatorKey = "bk-demo"
			}
		}
		if flags.defaultPortal == "" { // there may be others in the folder
			flags.defaultPortal = demoPortal
		}
		where := store.Config{InMemory: true}
		if data.Named() {
			if where, err = data.Config(); err != nil {
				return err
			}
		}
		server, err := flags.open(cmd.Context(), where, offers, env, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.close()) }()
		key, err := createCompany(cmd.Context(), server.service, apiKey, server.clock != nil)
		if err != nil {
			return err
		}
		if err := createOperatorKey(cmd.Context(), server.service, operatorKey); err != nil {
			return err
		}
		return server.demonstrate(cmd.Context(), env, demoKeys{api: key, operator: operatorKey}, by, once)
	}
	return cmd
}

// createCompany makes the sample company and returns a key of its owner. In a
// database that has the company already, it only adds the key, for a day; in virtual
// time, of which a day is nothing, for ever.
func createCompany(ctx context.Context, s *billing.Service, apiKey string, virtual bool) (string, error) {
	company, err := sample.Create(ctx, s, sample.Config{PortalID: demoPortal, OwnerKey: apiKey, Now: s.Now()})
	if !errors.Is(err, billing.ErrExists) {
		return company.OwnerKey, err
	}
	days := 1
	if virtual {
		days = 0
	}
	key, _, err := s.CreateKey(ctx, demoPortal, billing.NewKey{Name: "demo", Secret: apiKey, Days: days})
	if apiKey != "" && errors.Is(err, billing.ErrExists) {
		return apiKey, nil
	}
	return key, err
}

// createOperatorKey makes the operator key that was asked for, unless it is there.
func createOperatorKey(ctx context.Context, s *billing.Service, secret string) error {
	if secret == "" {
		return nil
	}
	_, _, err := s.CreateOperatorKey(ctx, billing.NewOperatorKey{Name: "demo", Secret: secret})
	if errors.Is(err, billing.ErrExists) {
		return nil
	}
	return err
}

// demoKeys let in to the demonstration; operator is "" for none.
type demoKeys struct{ api, operator string }

// demonstrate serves, reads itself, prints what it read, and plays so much time.
func (s *server) demonstrate(ctx context.Context, env cli.Env, keys demoKeys, by time.Duration, once bool) error {
	env.Now = s.service.Now
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx) }()

	report, err := s.readItself(ctx, keys.api)
	if err == nil {
		err = cli.WriteReport(env, report, "table")
	}
	if err == nil && by > 0 {
		err = s.play(ctx, env, by)
	}
	if err == nil && !once {
		s.printInvitation(env, keys)
		return <-served
	}
	stop()
	return errors.Join(err, <-served)
}

func (s *server) readItself(ctx context.Context, key string) (*docspace.Report, error) {
	transport, err := s.ownTransport()
	if err != nil {
		return nil, err
	}
	client, err := docspace.New(docspace.Config{URL: s.url(), Key: key, Transport: transport})
	if err != nil {
		return nil, err
	}
	report := client.Report(ctx)
	for _, part := range report.Asked {
		if err := report.Failed[part]; err != nil {
			return nil, err
		}
	}
	return report, nil
}

// ownTransport returns a transport that trusts the server's own certificate and
// no other, whatever names are in it; nil without TLS.
func (s *server) ownTransport() (http.RoundTripper, error) {
	if s.flags.tlsCert == "" {
		return nil, nil
	}
	own, err := tls.LoadX509KeyPair(s.flags.tlsCert, s.flags.tlsKey)
	if err != nil {
		return nil, err
	}
	return &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it, by the certificate itself
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, own.Certificate[0]) {
				return errors.New("another server's certificate")
			}
			return nil
		},
	}}, nil
}

func (s *server) printInvitation(env cli.Env, keys demoKeys) {
	bursar, trustBursar, trustCurl := "bursar", "", ""
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		bursar = "go run ./cmd/bursar" // as this was started
	}
	if s.flags.tlsCert != "" {
		trustBursar, trustCurl = " --ca-cert "+s.flags.tlsCert, " --cacert "+s.flags.tlsCert
	}
	fmt.Fprintf(env.Stdout, `
This is a real portal:

  address  %[1]s
  key      %[2]s

Three things to try, in another terminal:

  # the same report as exact JSON
  %[3]s report --portal %[1]s --key %[2]s%[4]s -o json

  # the API itself
  curl%[5]s -H 'Authorization: Bearer %[2]s' %[1]s/api/2.0/portal/payment/customer/balance

  # its description
  curl%[5]s %[1]s/openapi.yaml

%[6]s%[7]s
Ctrl-C ends it.
`, s.url(), keys.api, bursar, trustBursar, trustCurl, s.operatorInvitation(keys.operator, trustCurl), s.timeInvitation(keys.operator, bursar, trustBursar, trustCurl))
}

// operatorInvitation says how the operator's API is tried.
func (s *server) operatorInvitation(key, trust string) string {
	if key == "" {
		return fmt.Sprintf(`The operator's API is at %s/v1/. A demo that is started with
--operator-key bk-demo lets you in there with that key.
`, s.url())
	}
	return fmt.Sprintf(`The operator's API lets you in with key %[2]s:

  # take ten cents from the company's wallet, once for this key
  curl%[3]s -H 'Authorization: Bearer %[2]s' -H 'Idempotency-Key: first' \
    -d '{"service":"backup","amount":"0.10","currency":"USD"}' %[1]s/v1/portals/%[4]s/charges
`, s.url(), key, trust, demoPortal)
}

// timeInvitation says how virtual time is moved; "" where it goes by itself.
func (s *server) timeInvitation(key, bursar, trustBursar, trustCurl string) string {
	if s.clock == nil {
		return ""
	}
	return fmt.Sprintf(`
Time stands still here until it is moved:

  # a quarter of a year, with all that falls due in it
  %[3]s clock advance 90d --server %[1]s --key %[2]s%[4]s

  # the same over the API
  curl%[5]s -H 'Authorization: Bearer %[2]s' -d '{"by":"2160h"}' %[1]s/v1/clock/advance
`, s.url(), key, bursar, trustBursar, trustCurl)
}
