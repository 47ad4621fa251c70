package store

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bursarhq/bursar/pgtest"
)

func TestConfigIsForOnePlace(t *testing.T) {
	for name, config := range map[string]Config{
		"nowhere":        {},
		"URL and folder": {URL: "postgres://h/d", Dir: "/x"},
		"URL and memory": {URL: "postgres://h/d", InMemory: true},
		"both":           {Dir: "/x", InMemory: true},
		"readers":        {InMemory: true, Readers: -1},
		"writers":        {InMemory: true, Writers: -1},
	} {
		if s, err := Open(t.Context(), config); err == nil {
			s.Close()
			t.Errorf("%s: is opened", name)
		}
		if _, err := Migrate(t.Context(), config, true); err == nil {
			t.Errorf("%s: is migrated", name)
		}
	}
}

// TestURLErrorsKeepThePassword gives passwords in every way that can go wrong.
func TestURLErrorsKeepThePassword(t *testing.T) {
	closed := closedPort(t)
	for text, want := range map[string]string{
		"postgres://u:s3cret@" + closed + "/d":                             "connect",
		"postgres://u@" + closed + "/d?password=s3cret":                    "connect",
		"postgres://u:s3cret@no-such-host.invalid/d":                       "no-such-host.invalid",
		"postgres://u:s3cret@h/d?sslmode=s3cret":                           "sslmode",
		"postgres://u:s3cret@h:port/d":                                     "understood",
		"postgres://u:s3cret#more@h/d":                                     "understood",
		"postgres://u:s3/cret@h/d":                                         "understood",
		"postgres://u:1/s3cret@h/d":                                        "understood",
		"postgres://u:%zzs3cret@h/d":                                       "understood",
		"postgres://u:s3cret@h/d?connect_timeout=s3cret":                   "URL",
		"mysql://u:s3cret@h/d":                                             "postgres://",
		"host=h password=s3cret":                                           "",
		"postgres://u:s3cret@h/d?sslrootcert=/no/such/s3cret":              "",
		"postgres://u:s3cret@" + closed + "/d?target_session_attrs=s3cret": "",
	} {
		s, err := Open(t.Context(), Config{URL: text})
		if err == nil {
			s.Close()
			t.Errorf("%s: is opened", text)
			continue
		}
		if strings.Contains(err.Error(), "s3") || strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: the password is told: %v", text, err)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: no %q in: %v", text, want, err)
		}
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestServerIsToldApartFromItsDatabase(t *testing.T) {
	here := pgtest.Database(t)
	with := func(change func(*url.URL)) string {
		u, err := url.Parse(here)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	for name, tt := range map[string]struct {
		url  string
		want error
	}{
		"down":        {"postgres://u:p@" + closedPort(t) + "/d", ErrBusy},
		"no database": {with(func(u *url.URL) { u.Path = "/none" }), fs.ErrNotExist},
		"no user":     {with(func(u *url.URL) { u.User = url.UserPassword("nobody", "s3cret") }), fs.ErrPermission},
	} {
		s, err := Open(t.Context(), Config{URL: tt.url})
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if s, err := Open(t.Context(), Config{URL: here, MustExist: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database without tables: %v, %v", s, err)
	}
	raw(t, here, `CREATE DATABASE test_ascii ENCODING 'SQL_ASCII' TEMPLATE template0`)
	ascii := with(func(u *url.URL) { u.Path = "/test_ascii" })
	defer raw(t, here, `DROP DATABASE test_ascii WITH (FORCE)`)
	if s, err := Open(t.Context(), Config{URL: ascii}); err == nil || !strings.Contains(err.Error(), "UTF8") {
		t.Errorf("a database in another encoding: %v, %v", s, err)
	}
}

// raw does something to a database as another program would.
func raw(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(background, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(background)
	if _, err := conn.Exec(background, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestStoreOutlivesItsServer restarts PostgreSQL under an open store, both in
// order and by a crash, while it is idle and while it is at work.
func TestStoreOutlivesItsServer(t *testing.T) {
	c := pgtest.New(t, pgtest.Config{})
	for id, address := range map[string]string{"unix": c.URL("postgres"), "tcp": c.TCPURL("postgres")} {
		s := openWith(t, Config{URL: address, Writers: 2})
		addPortal(t, s, id)
		for _, mode := range []string{"fast", "immediate"} {
			mustWork(t, s, id)
			if err := c.Restart(t.Context(), mode); err != nil {
				t.Fatal(err)
			}
			mustWork(t, s, id) // all sessions are made anew, and nobody notices

			before := versionOf(t, s, id)
			err := s.Change(t.Context(), id, func(tx *Tx) error {
				if err := c.Stop(t.Context(), mode); err != nil {
					return err
				}
				return tx.PutUsage("room", 1)
			})
			mustBeBusy(t, "a change without a server", err)
			for name, call := range map[string]func() error{
				"Change": func() error { return s.Change(t.Context(), id, nothing) },
				"Read":   func() error { return s.Read(t.Context(), nothing) },
				"Locate": func() error { _, err := s.Locate(t.Context(), Where{PortalID: id}, Known{}); return err },
			} {
				for range 5 {
					mustBeBusy(t, name+" while it is down", call())
				}
			}
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if after := versionOf(t, s, id); after != before {
				t.Errorf("version %d became %d", before, after)
			}
			mustWork(t, s, id)
		}
	}
}

// TestSessionsThatAreEndedByTheServer ends each connection in the middle of what
// it does.
func TestSessionsThatAreEndedByTheServer(t *testing.T) {
	address := pgtest.Database(t)
	s := openWith(t, Config{URL: address})
	addPortal(t, s, "p")
	end := func(tx *Tx) error {
		var pid int
		if err := tx.row("SELECT pg_backend_pid()", nil, &pid); err != nil {
			return err
		}
		conn, err := pgx.Connect(background, address)
		if err != nil {
			return err
		}
		defer conn.Close(background)
		_, err = conn.Exec(background, "SELECT pg_terminate_backend($1, 5000)", pid)
		return err
	}
	for range 6 {
		mustBeBusy(t, "Read", s.Read(t.Context(), func(tx *Tx) error {
			if err := end(tx); err != nil {
				return err
			}
			_, err := tx.Portal("p")
			return err
		}))
		mustBeBusy(t, "Change", s.Change(t.Context(), "p", end)) // by the commit
	}
	if v := versionOf(t, s, "p"); v != 1 {
		t.Errorf("version %d", v)
	}
	mustWork(t, s, "p")
}

// TestEveryServerSessionIsDurable asks each, as the server may have it otherwise.
func TestEveryServerSessionIsDurable(t *testing.T) {
	address := pgtest.Database(t)
	raw(t, address, "ALTER ROLE bursar IN DATABASE "+strings.Trim(must(url.Parse(address)).Path, "/")+" SET synchronous_commit = local")
	for want, noSync := range map[string]bool{"on": false, "off": true} {
		s := openWith(t, Config{URL: address, NoSync: noSync})
		for range 2 {
			for setting, want := range map[string]string{
				"synchronous_commit": want, "TimeZone": "UTC", "application_name": "bursar", "lock_timeout": "10s",
				"statement_timeout": "30s", "idle_in_transaction_session_timeout": "30s", "enable_seqscan": "off",
			} {
				for _, pool := range []chan *session{s.readers, s.writer} {
					for range cap(pool) {
						use := <-pool
						var got string
						if err := use.conn.QueryRowContext(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
							t.Errorf("%s is %s (%v), want %s", setting, got, err, want)
						}
						pool <- use
					}
				}
			}
			// And again with connections that were made later.
			use := <-s.readers
			use.drop()
			if err := use.connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.readers <- use
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestWritersRunAtOnce lets as many changes of different portals as there are
// writers meet each other in the middle.
func TestWritersRunAtOnce(t *testing.T) {
	s := openWith(t, Config{URL: pgtest.Database(t), Writers: 3})
	var all []<-chan error
	arrived, leave := make(chan struct{}, 3), make(chan struct{})
	for _, id := range []string{"a", "b", "c"} {
		addPortal(t, s, id)
		all = append(all, running(func() error {
			return s.Change(background, id, func(tx *Tx) error {
				arrived <- struct{}{}
				<-leave
				return tx.PutUsage("room", 1)
			})
		}))
	}
	for range all {
		select {
		case <-arrived:
		case <-time.After(patience):
			t.Fatal("they wait for each other")
		}
	}
	close(leave)
	for _, writer := range all {
		if err := within(t, "a writer", writer); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatTheServerTellsHasAName(t *testing.T) {
	for code, want := range map[string]error{
		"40001": ErrBusy, "40P01": ErrBusy, "55P03": ErrBusy, "57P01": ErrBusy, "08006": ErrBusy, "53300": ErrBusy, "25006": ErrBusy,
		"23505": ErrExists, "53100": ErrFull, "XX001": ErrDamaged, "XX002": ErrDamaged,
		"42501": fs.ErrPermission, "28P01": fs.ErrPermission, "3D000": fs.ErrNotExist,
	} {
		if err := engineError(&pgconn.PgError{Code: code}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", code, err, want)
		}
	}
	// What else there is has no other name.
	plain := &pgconn.PgError{Code: "23514"}
	if err := engineError(plain); err != error(plain) {
		t.Errorf("a constraint: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	mustBeBusy(t, "an ended context", engineError(ended.Err()))
}
