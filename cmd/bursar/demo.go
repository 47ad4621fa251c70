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
		flags  serveFlags
		dir    string
		apiKey string
		once   bool
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start a portal with a sample company, and read it",
		Long: `Start a real server with a sample company in it, read its billing over HTTP as
"bursar report" does, and go on serving until interrupted.

The database is in memory, or in the folder of --data, where it stays. The demo
takes every flag of "bursar serve".`,
		Example: `# Nothing to set up
bursar demo

# Print the report and end
bursar demo --once

# With a key of your choice, for scripts
bursar demo --api-key sk-demo --listen 127.0.0.1:9000`,
		GroupID: cli.GroupRead,
		Args:    cobra.NoArgs,
	}
	flags.add(cmd.Flags(), "127.0.0.1:8080")
	cmd.Flags().Lookup("log-level").DefValue = "warn"
	flags.logLevel = "warn"
	cmd.Flags().StringVar(&dir, "data", "", "folder to keep the database in (default: in memory)")
	cmd.Flags().StringVar(&apiKey, "api-key", "", "API key of the owner, sk-… (default: drawn)")
	cmd.Flags().BoolVar(&once, "once", false, "end after the report")
	_ = cmd.MarkFlagDirname("data") // fails only for a flag that is not there
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		log, err := flags.logger(env)
		if err != nil {
			return err
		}
		if flags.defaultPortal == "" { // there may be others in the folder
			flags.defaultPortal = demoPortal
		}
		server, err := flags.open(cmd.Context(), store.Config{Dir: dir, InMemory: dir == ""}, env, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.close()) }()
		key, err := createCompany(cmd.Context(), server.service, apiKey, env.Now())
		if err != nil {
			return err
		}
		return server.demonstrate(cmd.Context(), env, key, once)
	}
	return cmd
}

// createCompany makes the sample company and returns a key of its owner. In a
// database that has the company already, it only adds the key, for a day.
func createCompany(ctx context.Context, s *billing.Service, apiKey string, now time.Time) (string, error) {
	company, err := sample.Create(ctx, s, sample.Config{PortalID: demoPortal, OwnerKey: apiKey, Now: now})
	if !errors.Is(err, billing.ErrExists) {
		return company.OwnerKey, err
	}
	key, _, err := s.CreateKey(ctx, demoPortal, billing.NewKey{Name: "demo", Secret: apiKey, Days: 1})
	if apiKey != "" && errors.Is(err, billing.ErrExists) {
		return apiKey, nil
	}
	return key, err
}

// demonstrate serves, reads itself, and prints what it read.
func (s *server) demonstrate(ctx context.Context, env cli.Env, key string, once bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx) }()

	report, err := s.readItself(ctx, key)
	if err == nil {
		err = cli.WriteReport(env, report, "table")
	}
	if err == nil && !once {
		s.printInvitation(env, key)
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

func (s *server) printInvitation(env cli.Env, key string) {
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

Ctrl-C ends it.
`, s.url(), key, bursar, trustBursar, trustCurl)
}
