package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/store"
)

// Where messages go is decided before anything is made.
func TestWhereMessagesGo(t *testing.T) {
	folder, memory, server := store.Config{Dir: "/data"}, store.Config{InMemory: true}, store.Config{URL: "postgres://db/bursar"}
	for name, c := range map[string]struct {
		flags  mailFlags
		where  store.Config
		env    map[string]string
		outbox string // "" for none
		smtp   string // "" for none
		from   string
		wrong  string // "" for nothing
	}{
		"nobody to write to":         {flags: mailFlags{}, where: folder},
		"beside the database":        {flags: mailFlags{sales: "s@example.com"}, where: folder, outbox: filepath.Join("/data", "outbox"), from: "s@example.com"},
		"from somebody else":         {flags: mailFlags{sales: "s@example.com", from: "b@example.com"}, where: folder, outbox: filepath.Join("/data", "outbox"), from: "b@example.com"},
		"in a folder":                {flags: mailFlags{sales: "s@example.com", outbox: "/box"}, where: server, outbox: "/box", from: "s@example.com"},
		"beside no database":         {flags: mailFlags{sales: "s@example.com"}, where: server, env: map[string]string{"BURSAR_DATA": "/usual"}, outbox: filepath.Join("/usual", "outbox"), from: "s@example.com"},
		"nowhere":                    {flags: mailFlags{sales: "s@example.com"}, where: server},
		"by a server":                {flags: mailFlags{sales: "s@example.com", smtp: "smtp://a:secret@mail.example.com"}, where: memory, smtp: "smtp://mail.example.com:587", from: "s@example.com"},
		"by the usual server":        {flags: mailFlags{sales: "s@example.com"}, where: folder, env: map[string]string{"BURSAR_SMTP": "smtp://mail.example.com:25?tls=none"}, smtp: "smtp://mail.example.com:25", from: "s@example.com"},
		"to who runs it":             {flags: mailFlags{operator: "o@example.com"}, where: folder, outbox: filepath.Join("/data", "outbox"), from: "o@example.com"},
		"to who runs it, from sales": {flags: mailFlags{operator: "o@example.com", sales: "s@example.com"}, where: folder, outbox: filepath.Join("/data", "outbox"), from: "s@example.com"},
		"to no operator's address":   {flags: mailFlags{operator: "o"}, wrong: "--operator-email: "},
		"in a folder all the same":   {flags: mailFlags{sales: "s@example.com", outbox: "/box"}, env: map[string]string{"BURSAR_SMTP": "smtp://mail.example.com"}, where: folder, outbox: "/box", from: "s@example.com"},
		"by no server":               {flags: mailFlags{sales: "s@example.com", smtp: "mail.example.com:secret"}, wrong: "--smtp: the mail server's address does not begin"},
		"by no usual server":         {flags: mailFlags{sales: "s@example.com"}, env: map[string]string{"BURSAR_SMTP": "secret"}, wrong: "$BURSAR_SMTP: the mail server's address does not begin"},
		"by a server, from nobody":   {flags: mailFlags{smtp: "smtp://a:secret@mail.example.com"}, wrong: "none of --sales-email, --operator-email and --mail-from"},
		"to what is no address":      {flags: mailFlags{sales: "Sales <s@example.com>"}, wrong: "--sales-email: "},
		"from what is no address":    {flags: mailFlags{sales: "s@example.com", from: "bursar"}, wrong: "--mail-from: "},
		"from two, in the clear, …":  {flags: mailFlags{sales: "s@example.com", smtp: "smtp://a:secret@mail.example.com?tls=none"}, wrong: "tls must not be none"},
	} {
		var log bytes.Buffer
		env := cli.Env{Now: time.Now, Getenv: func(name string) string { return c.env[name] }}
		got, err := c.flags.config(c.where, env, slog.New(slog.NewTextHandler(&log, nil)))
		if c.wrong != "" || err != nil {
			if err == nil || c.wrong == "" || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "secret") || cli.ExitCode(err) != cli.ExitUsage {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		outbox, smtp := "", ""
		switch sender := got.sender.(type) {
		case *mail.Outbox:
			outbox = sender.Dir
		case *mail.SMTP:
			smtp = sender.String()
		}
		if outbox != c.outbox || smtp != c.smtp || got.from != c.from && got.sender != nil || got.sales != c.flags.sales || got.operator != c.flags.operator || strings.Contains(log.String(), "secret") {
			t.Errorf("%s: %q, %q, %+v, logged: %s", name, outbox, smtp, got, log.String())
		}
		if told := outbox + smtp; told != "" && !strings.Contains(log.String(), told) {
			t.Errorf("%s: it is logged: %s", name, log.String())
		}
	}
}

// A demonstration leaves nothing behind unless there are messages, and tells where.
func TestTemporaryOutbox(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var log bytes.Buffer
	flags := mailFlags{sales: "s@example.com"}
	got, err := flags.config(store.Config{InMemory: true}, cli.Env{Now: time.Now}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if made, err := filepath.Glob(filepath.Join(temp, "*")); len(made) > 0 || err != nil || log.Len() > 0 {
		t.Errorf("before there is a message: %q, %v, logged: %s", made, err, log.String())
	}
	for range 2 {
		if err := got.sender.Send(t.Context(), mail.Message{From: got.from, To: []string{got.sales}, Subject: "Hello", Text: "Hello"}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := filepath.Glob(filepath.Join(temp, "*"))
	if err != nil || len(made) != 1 || strings.Count(log.String(), made[0]) != 1 {
		t.Fatalf("folders %q, %v, logged: %s", made, err, log.String())
	}
	info, err := os.Stat(made[0])
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if messages, err := filepath.Glob(filepath.Join(made[0], "*.eml")); len(messages) != 2 || err != nil {
		t.Errorf("messages %q, %v", messages, err)
	}
}
