package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/exporter"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/httpd"
)

// exporterFlags are the flags of exporter.
type exporterFlags struct {
	*selection
	listen, tokenFile string
	tlsCert, tlsKey   string
	interval, runway  time.Duration
	maxAge            time.Duration
	maxPortals        int
	once              bool
	textfile          string
}

// minInterval is the shortest interval: what a portal allows may make it longer.
const minInterval = time.Second

func newExporter(env Env) *cobra.Command {
	flags := exporterFlags{}
	cmd := &cobra.Command{
		Use:   "exporter",
		Short: "Tell Prometheus how portals stand",
		Long: `Tell Prometheus how portals stand: balances, for how long they last, what is due
and when, what of a plan is used, the top-up rule, and whether a portal can be read.

Portals are read in the background, each once in --interval at a moment of its own,
and no faster than its profile's limit. A scrape shows what is known and costs the
portals nothing, however many ask. What a portal does not say is absent, never 0;
what is older than --max-age is not shown any more.

/metrics is in Prometheus's text format or OpenMetrics, as the caller prefers.
/healthz says that the process runs, /readyz that each portal was asked once. The
profiles are read again when their file changes, and at SIGHUP; if that fails, those
of before hold. SIGINT or SIGTERM stop it.

It listens on this machine alone unless --listen says otherwise; --token-file names a
file with a token (first line) that callers must then bring, as "Authorization:
Bearer TOKEN". deploy/ in the source has alert rules and a dashboard.

--once reads each portal once and prints the metrics, or writes them to --textfile,
whole or not at all, for node_exporter's textfile collector. Exit status then: 0 all
was read, 1 nothing, 3 some, 4 no key is accepted; what is known is written anyway.`,
		Example: `# Watch all portals that bursar profile knows
bursar exporter --all

# For a Prometheus on another machine
bursar exporter --all --listen :9464 --token-file token.txt --tls-cert cert.pem --tls-key key.pem

# By cron, for node_exporter
bursar exporter --group paying --once --textfile /var/lib/prometheus/node-exporter/docspace.prom`,
		GroupID: GroupRead,
		Args:    cobra.NoArgs,
	}
	flags.selection = selectionFlags(cmd, env, patienceWithMany)
	f := cmd.Flags()
	f.StringVar(&flags.listen, "listen", "127.0.0.1:9464", "address and port to listen on")
	f.DurationVar(&flags.interval, "interval", 5*time.Minute, "how often each portal is read")
	f.DurationVar(&flags.runway, "runway-interval", 30*time.Minute, "how often a wallet's past is read, to tell how long it lasts")
	f.DurationVar(&flags.maxAge, "max-age", time.Hour, "how old something may be to be shown")
	f.IntVar(&flags.maxPortals, "max-portals", 10_000, "how many portals may be watched")
	f.StringVar(&flags.tokenFile, "token-file", "", "file with the token that callers must bring")
	f.StringVar(&flags.tlsCert, "tls-cert", "", "file with the certificate (PEM)")
	f.StringVar(&flags.tlsKey, "tls-key", "", "file with the certificate's key (PEM)")
	f.BoolVar(&flags.once, "once", false, "read each portal once, print the metrics, and end")
	f.StringVar(&flags.textfile, "textfile", "", "file to write the metrics to, with --once; its name ends in .prom")
	cmd.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	for _, one := range []string{"listen", "token-file", "tls-cert", "interval"} {
		cmd.MarkFlagsMutuallyExclusive("once", one)
	}
	for _, file := range []string{"token-file", "tls-cert", "tls-key", "textfile"} {
		_ = cmd.MarkFlagFilename(file) // fails only for a flag that is not there
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		if flags.once {
			return flags.readOnce(cmd.Context())
		}
		return flags.serve(cmd.Context())
	}
	return cmd
}

func (f *exporterFlags) check() error {
	switch {
	case f.interval < minInterval:
		return usage("--interval: %s is less than %s", f.interval, minInterval)
	case f.runway < 0:
		return usage("--runway-interval: %s is less than nothing", f.runway)
	case f.maxAge <= 0:
		return usage("--max-age: %s is not more than nothing", f.maxAge)
	case !f.once && (f.maxAge < f.interval || f.maxAge < f.runway):
		return usage("--max-age: %s is less than --interval or --runway-interval, so that what is known would be forgotten before it is read again", f.maxAge)
	case f.maxPortals < 1:
		return usage("--max-portals: %d is less than 1", f.maxPortals)
	case f.textfile != "" && !f.once:
		return usage("--textfile needs --once")
	case f.textfile != "" && filepath.Ext(f.textfile) != ".prom":
		return usage("--textfile: node_exporter reads only files that end in .prom, and %q does not", f.textfile)
	}
	return nil
}

// watched returns the portals that are to be watched.
func (f *exporterFlags) watched() ([]fleet.Profile, error) {
	all, err := f.portals()
	if err == nil && len(all) > f.maxPortals {
		return nil, usage("--max-portals: there are %d portals, more than the %d that may be watched", len(all), f.maxPortals)
	}
	return all, err
}

// open returns an exporter of the portals that the flags choose.
func (f *exporterFlags) open(log *slog.Logger) (*exporter.Exporter, []fleet.Profile, error) {
	all, err := f.watched()
	if err != nil {
		return nil, nil, err
	}
	reader, err := f.reader()
	if err != nil {
		return nil, nil, err
	}
	return exporter.New(exporter.Config{
		Reader: reader, Portals: all, Interval: f.interval, RunwayInterval: f.runway, MaxAge: f.maxAge,
		Now: f.env.Now, Chance: rand.Int64N, Log: log, Version: f.env.Version,
	}), all, nil
}

// readOnce reads all portals, and writes what they say.
func (f *exporterFlags) readOnce(ctx context.Context) error {
	e, all, err := f.open(slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	failed := map[int]int{} // by exit status
	bar := newProgress(f.env, f.quiet, len(all), "Reading portals")
	var said []error
	err = e.ReadOnce(ctx, func(profile fleet.Profile, err error) {
		if bar.step(); err != nil {
			failed[ExitCode(err)]++
			said = append(said, fmt.Errorf("%s: %w", profile.Name, err))
		}
	})
	bar.stop()
	if err != nil {
		return err
	}
	if f.textfile != "" {
		err = e.WriteFile(f.textfile)
	} else {
		err = e.WriteText(f.env.Stdout)
	}
	if err != nil {
		return err
	}
	return f.outcome(said, failed, e.Answering(), len(all))
}

// outcome says what could not be read.
func (f *exporterFlags) outcome(said []error, failed map[int]int, answering, all int) error {
	if len(said) == 0 {
		return nil
	}
	const most = 20
	for _, err := range said[:min(most, len(said))] {
		PrintError(f.env.Stderr, err)
	}
	if more := len(said) - most; more > 0 {
		fmt.Fprintf(f.env.Stderr, "bursar: and %d portals more\n", more)
	}
	code := ExitPartly
	switch {
	case failed[ExitNotAllowed] == all && answering == 0:
		code = ExitNotAllowed
	case answering == 0:
		code = ExitFailed
	}
	return &Error{Err: errors.Join(said...), Code: code, Printed: true}
}

// serve answers scrapes until the context ends.
func (f *exporterFlags) serve(ctx context.Context) error {
	level := slog.LevelInfo
	if f.quiet {
		level = slog.LevelWarn
	}
	log := slog.New(slog.NewTextHandler(f.env.Stderr, &slog.HandlerOptions{Level: level}))
	token, err := f.token()
	if err != nil {
		return err
	}
	if f.tlsCert != "" {
		if _, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey); err != nil {
			return &Error{Code: ExitUsage, Err: fmt.Errorf("--tls-cert and --tls-key: %w", err), Hint: "both must be there, in PEM, and belong together"}
		}
	}
	state := f.profilesState()
	e, all, err := f.open(log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	f.warn(log, listener.Addr(), token, all)
	reading, rest := context.WithCancel(ctx)
	ended := make(chan struct{}, 2)
	go func() { e.Run(reading); ended <- struct{}{} }()
	go func() { f.reload(reading, e, state, log); ended <- struct{}{} }()
	log.Info("serving", "address", f.address(listener.Addr()), "portals", len(all), "version", f.env.Version)
	err = httpd.Serve(ctx, listener, httpd.Config{
		Handler: e.Handler(token), Log: log, CertFile: f.tlsCert, KeyFile: f.tlsKey,
		Ready: func(context.Context) error {
			if !e.Ready() {
				return errors.New("not all portals were asked yet")
			}
			return nil
		},
	})
	rest()
	<-ended
	<-ended
	return err
}

// address is where the exporter can be reached.
func (f *exporterFlags) address(at net.Addr) string {
	scheme := "http://"
	if f.tlsCert != "" {
		scheme = "https://"
	}
	return scheme + at.String()
}

// warn says what others could see.
func (f *exporterFlags) warn(log *slog.Logger, at net.Addr, token string, all []fleet.Profile) {
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		switch {
		case token == "":
			log.Warn("whoever reaches this address can read what the portals' wallets hold; --token-file asks for a token", "listen", at.String())
		case f.tlsCert == "":
			log.Warn("the token and what the wallets hold travel unencrypted; --tls-cert and --tls-key encrypt them", "listen", at.String())
		}
	}
	clear := 0
	for _, profile := range all {
		if sentInClear(profile.URL) {
			clear++
		}
	}
	if clear > 0 {
		log.Warn("keys travel unencrypted; use https:// if the portals have it", "portals", clear)
	}
}

// token returns what callers must bring; "" for nothing.
func (f *exporterFlags) token() (string, error) {
	if f.tokenFile == "" {
		return "", nil
	}
	file, err := os.Open(f.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && disk.Shared(info) {
		return "", &Error{Code: ExitUsage, Err: fmt.Errorf("--token-file: others can read %s", f.tokenFile), Hint: "chmod 600 keeps it to yourself"}
	}
	token, err := firstLine(f.tokenFile, file)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return token, nil
}
