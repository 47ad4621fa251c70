package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFoldersOfAnyName(t *testing.T) {
	for _, name := range []string{
		"plain", "with space", "a?b", "?mode=memory", "a#b", "100%", "%20", "%zz", "a&b=c", "größe-数据-🙂",
		"a+b", "a;b:c,d", "'quoted'", `back\slash`, "[brackets]", "~", "nested/in?side/one#more",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), filepath.FromSlash(name))
			s, err := Open(t.Context(), Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			addPortal(t, s, "p")
			if _, err := os.Stat(filepath.Join(dir, databaseFile)); err != nil {
				t.Errorf("the database is elsewhere: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if v := versionOf(t, openIn(t, dir), "p"); v != 1 {
				t.Errorf("version %d", v)
			}
		})
	}
}

func TestRelativeFolderIsTheOneOfTheMomentOfOpening(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	t.Chdir(root)
	s := openIn(t, filepath.Join(".", "data"))
	t.Chdir(elsewhere)
	addPortal(t, s, "p")
	mustWork(t, s, "p")
	if _, err := os.Stat(filepath.Join(root, "data", databaseFile)); err != nil {
		t.Error(err)
	}
}

func TestFolderIsForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	openIn(t, dir)
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %s", info.Mode())
	}
}

func TestOpenSaysWhatIsWrongWithTheFolder(t *testing.T) {
	file := func(t *testing.T, parts ...string) string {
		path := filepath.Join(append([]string{t.TempDir()}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := map[string]func(t *testing.T) string{
		"a file stands there":       func(t *testing.T) string { return file(t, "data") },
		"a file stands on the way":  func(t *testing.T) string { return filepath.Join(file(t, "data"), "inside") },
		"the database is something": func(t *testing.T) string { return filepath.Dir(file(t, databaseFile)) },
		"the database is a folder":  func(t *testing.T) string { return filepath.Dir(filepath.Dir(file(t, databaseFile, "x"))) },
		"nothing can be made there": func(t *testing.T) string {
			if _, err := os.Stat("/proc/self"); err != nil {
				t.Skip("no /proc")
			}
			return "/proc/bursar"
		},
		"nothing can be written there": func(t *testing.T) string {
			if os.Geteuid() == 0 {
				if _, err := os.Stat("/proc/self"); err != nil {
					t.Skip("no /proc, and root may write everywhere")
				}
				return "/proc/self"
			}
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o500); err != nil {
				t.Fatal(err)
			}
			return dir
		},
	}
	for name, make := range tests {
		t.Run(name, func(t *testing.T) {
			dir := make(t)
			s, err := Open(t.Context(), Config{Dir: dir})
			if err == nil {
				s.Close()
				t.Fatal("is opened")
			}
			// Or what stands on the way to it.
			if parent := filepath.Dir(dir); !strings.Contains(err.Error(), dir) && !strings.Contains(err.Error(), " "+parent+":") {
				t.Errorf("the error does not name the folder %s: %v", dir, err)
			}
			if strings.Contains(err.Error(), "out of memory") {
				t.Errorf("the error names the wrong reason: %v", err)
			}
		})
	}
	if s, err := Open(t.Context(), Config{}); err == nil {
		s.Close()
		t.Error("a database in no folder is opened")
	}
}

func TestDatabaseOfANewerBursarIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	addPortal(t, s, "p")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, dir)
	if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	before := dumpDB(t, db)
	for range 2 {
		s, err := Open(t.Context(), Config{Dir: dir})
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, ErrNewer) {
			t.Errorf("got %v, want ErrNewer", err)
		}
	}
	diff(t, "the database", dumpDB(t, db), before)
}

func TestReopeningKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	furnish(t, s)
	number, err := s.NewAccountNumber(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := dump(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openIn(t, dir)
	diff(t, "the database", dump(t, s), before)
	if next, err := s.NewAccountNumber(t.Context()); err != nil || next <= number {
		t.Errorf("account number %d (%v) after %d", next, err, number)
	}
	mustWork(t, s, "p")
}

func TestAcknowledgedChangeIsThereForOthersAtOnce(t *testing.T) {
	onShared(t, isThereForOthers)
}

func isThereForOthers(t *testing.T, here, there *Store) {
	addPortal(t, here, "p")
	for n := range int64(20) {
		from, to := here, there
		if n%2 == 1 {
			from, to = there, here
		}
		change(t, from, "p", func(tx *Tx) error { return tx.PutUsage("room", n) })
		used := read(t, to, func(tx *Tx) (map[string]int64, error) { return tx.Usage("p") })
		if used["room"] != n {
			t.Fatalf("%d is read after %d was acknowledged", used["room"], n)
		}
	}
}

func TestMemoryIsNobodyElses(t *testing.T) {
	one, two := openWith(t, Config{InMemory: true}), openWith(t, Config{InMemory: true})
	addPortal(t, one, "p")
	addPortal(t, two, "p")
	change(t, one, "p", nothing)
	if v := versionOf(t, two, "p"); v != 1 {
		t.Errorf("version %d", v)
	}
}

func TestSeveralMayOpenAFreshFolderAtOnce(t *testing.T) {
	for range 3 {
		dir := filepath.Join(t.TempDir(), "data")
		begin := make(chan struct{})
		stores := make(chan *Store, 3)
		var all []<-chan error
		for range cap(stores) {
			all = append(all, running(func() error {
				<-begin
				s, err := Open(background, Config{Dir: dir})
				if err == nil {
					stores <- s
				}
				return err
			}))
		}
		close(begin)
		for _, opening := range all {
			if err := within(t, "Open", opening); err != nil {
				t.Errorf("Open: %v", err)
			}
		}
		close(stores)
		made := false
		for s := range stores {
			if !made {
				addPortal(t, s, "p")
				made = true
			}
			mustWork(t, s, "p")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestOpenWaitsForWhoeverMakesTheDatabase holds a lock that another Bursar has for
// a moment while it makes the same database.
func TestOpenWaitsForWhoeverMakesTheDatabase(t *testing.T) {
	for _, lock := range []string{"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"} {
		t.Run(lock, func(t *testing.T) {
			dir := t.TempDir()
			db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			other, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if _, err := other.ExecContext(t.Context(), lock); err != nil {
				t.Fatal(err)
			}
			// An Open that waits is none the worse for a longer hold, up to ten seconds.
			released := make(chan error, 1)
			time.AfterFunc(100*time.Millisecond, func() {
				_, err := other.ExecContext(background, "ROLLBACK")
				released <- err
			})
			s, err := Open(t.Context(), Config{Dir: dir})
			if err != nil {
				t.Errorf("Open does not wait: %v", err)
			}
			if err := <-released; err != nil {
				t.Fatal(err)
			}
			if s != nil {
				addPortal(t, s, "p")
				mustWork(t, s, "p")
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestOpenThatIsGivenUpCanBeDoneAgain(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Open(ctx, Config{Dir: dir}); err == nil {
		s.Close()
		t.Error("is opened although its context had ended")
	}
	s := openIn(t, dir)
	addPortal(t, s, "p")
	mustWork(t, s, "p")
}

func TestReadersIsHowManyReadsRunAtOnce(t *testing.T) {
	for readers, want := range map[int]int{0: 4, 1: 1, 7: 7} {
		s := openWith(t, Config{InMemory: true, Readers: readers})
		addPortal(t, s, "p")
		mustWork(t, s, "p") // nests as many reads as there are readers
		if got := cap(s.readers); got != want {
			t.Errorf("Readers %d: %d", readers, got)
		}
	}
}

// TestEveryConnectionIsDurableAndStrict asks each session, since these settings
// are a connection's own.
func TestEveryConnectionIsDurableAndStrict(t *testing.T) {
	for synchronous, config := range map[string]Config{
		"2": {Dir: t.TempDir()}, // FULL: a commit waits for the disk
		"0": {Dir: t.TempDir(), NoSync: true},
	} {
		s := openWith(t, config)
		sessions := []*session{<-s.writer, s.pulse.session}
		for range cap(s.readers) {
			sessions = append(sessions, <-s.readers)
		}
		for pragma, want := range map[string]string{
			"synchronous": synchronous, "foreign_keys": "1", "journal_mode": "wal", "busy_timeout": "10000",
		} {
			for i, session := range sessions {
				var got sql.NullString
				if err := session.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got.String != want {
					t.Errorf("%+v, session %d: %s is %s (%v), want %s", config, i, pragma, got.String, err, want)
				}
			}
		}
		s.writer <- sessions[0]
		for _, session := range sessions[2:] {
			s.readers <- session
		}
	}
}
