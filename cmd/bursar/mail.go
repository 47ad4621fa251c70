package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/mail"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/cli"
	bursarmail "github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/store"
)

// mailFlags say how messages are sent, and to whom.
type mailFlags struct{ smtp, outbox, sales, operator, from string }

// mailConfig is what they come to.
type mailConfig struct {
	sender                bursarmail.Sender // nil: none
	from, sales, operator string
	// outbox returns the folder that messages are kept in; "" where they are not, or
	// none came yet.
	outbox func() string
}

func (m *mailFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.smtp, "smtp", "", "mail server, as smtp://user:password@host:587?tls=starttls, where tls may be implicit or none (or $BURSAR_SMTP)")
	f.StringVar(&m.outbox, "outbox", "", "folder for messages in place of a mail server, a file each (default: outbox in the database's folder)")
	f.StringVar(&m.sales, "sales-email", "", "address that gets what customers write to sales (default: none, and they can't)")
	f.StringVar(&m.operator, "operator-email", "", "address that is told what whoever runs Bursar must know (default: none)")
	f.StringVar(&m.from, "mail-from", "", "address that messages come from (default: --sales-email, or --operator-email)")
	cmd.MarkFlagsMutuallyExclusive("smtp", "outbox")
}

// config checks the flags before anything is made. An outbox is made with its first
// message.
func (m *mailFlags) config(where store.Config, env cli.Env, log *slog.Logger) (mailConfig, error) {
	from := cmp.Or(m.from, m.sales, m.operator)
	for flag, address := range map[string]string{"--sales-email": m.sales, "--operator-email": m.operator, "--mail-from": m.from} {
		if parsed, err := mail.ParseAddress(address); address != "" && (err != nil || parsed.Address != address) {
			return mailConfig{}, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("%s: %q is not an e-mail address", flag, address), Hint: "it is like sales@example.com"}
		}
	}
	source, address := "--smtp", m.smtp
	if address == "" && m.outbox == "" && env.Getenv != nil {
		source, address = "$BURSAR_SMTP", env.Getenv("BURSAR_SMTP")
	}
	if address != "" { // the error has no part of it, which may be the password
		sender, err := bursarmail.NewSMTP(address)
		if err != nil {
			return mailConfig{}, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("%s: %w", source, err), Hint: "an outbox needs no mail server: --outbox DIR"}
		}
		sender.Now = env.Now
		if from == "" {
			return mailConfig{}, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("%s is given, and none of --sales-email, --operator-email and --mail-from", source), Hint: "say whom messages come from"}
		}
		log.Info("messages go to the mail server", "server", sender.String())
		return mailConfig{sender, from, m.sales, m.operator, nowhere}, nil
	}
	dir := m.outboxIn(where, env)
	switch {
	case from == "", dir == "" && !where.InMemory:
		return mailConfig{sales: m.sales, operator: m.operator, outbox: nowhere}, nil
	case dir == "":
		temporary := &temporaryOutbox{log: log, box: bursarmail.Outbox{Now: env.Now}}
		return mailConfig{temporary, from, m.sales, m.operator, temporary.folder}, nil
	}
	log.Warn("messages are not sent, but kept as files: see --smtp", "folder", dir)
	return mailConfig{&bursarmail.Outbox{Dir: dir, Now: env.Now}, from, m.sales, m.operator, func() string { return dir }}, nil
}

func nowhere() string { return "" }

// outboxIn returns the folder for messages; "" where no place is its own.
func (m *mailFlags) outboxIn(where store.Config, env cli.Env) string {
	switch {
	case m.outbox != "":
		return m.outbox
	case where.Dir != "":
		return filepath.Join(where.Dir, "outbox")
	case where.URL != "" && env.DataDir() != "": // the database is on a server
		return filepath.Join(env.DataDir(), "outbox")
	}
	return ""
}

// temporaryOutbox keeps messages in a folder that is made, and told, when the first
// one comes.
type temporaryOutbox struct {
	log *slog.Logger
	mu  sync.Mutex
	box bursarmail.Outbox
}

// Send writes a message.
func (o *temporaryOutbox) Send(ctx context.Context, m bursarmail.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.box.Dir == "" {
		dir, err := os.MkdirTemp("", "bursar-outbox-") // nobody else may read it
		if err != nil {
			return fmt.Errorf("make a folder for messages: %w", err)
		}
		o.log.Warn("messages are not sent, but kept as files", "folder", dir)
		o.box.Dir = dir
	}
	return o.box.Send(ctx, m)
}

// Repeats says that a message with an ID may be sent again, as long as the program runs:
// so long the folder is the same.
func (o *temporaryOutbox) Repeats() {}

// folder returns the folder; "" where no message came yet.
func (o *temporaryOutbox) folder() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.box.Dir
}
