package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/wallet"
)

// kept is a store with some transfers of portal "p", some of which are sealed.
func kept(t *testing.T) (s *Store, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	s = openIn(t, dir)
	addPortal(t, s, "p")
	give(t, s, 20, "first")
	if _, err := s.SealBook(t.Context(), "p", ledger.Main, epoch); err != nil {
		t.Fatal(err)
	}
	give(t, s, 5, "second")
	return s, dir
}

// give puts a dollar into p's wallet, many times.
func give(t *testing.T, s *Store, count int, name string) {
	t.Helper()
	var requests []ledger.Request
	for n := range count {
		requests = append(requests, ledger.Request{
			Portal: "p", Key: fmt.Sprint(name, n), Do: wallet.Goodwill(wallet.Payment{Amount: money.FromUnits(money.Scale, "USD")}),
		})
	}
	results, err := s.Post(context.Background(), Post{Requests: requests, Now: epoch})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// verified verifies the database in a folder.
func verified(t *testing.T, dir string) Verified {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := s.Verify(t.Context(), Verification{})
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return v
}

// names are the files in a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return strings.Join(all, " ")
}

func TestBackupIsRestoredAsItWas(t *testing.T) {
	s, _ := kept(t)
	want, _, err := s.Verify(t.Context(), Verification{})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "backup of today, 100%?#.db")
	got, err := s.Backup(t.Context(), file, false)
	if err != nil || got != want {
		t.Fatalf("backed up %+v of %+v: %v", got, want, err)
	}
	if all := names(t, folder); all != filepath.Base(file) {
		t.Errorf("it left %s", all)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	give(t, s, 3, "after")

	dir := filepath.Join(t.TempDir(), "new", "data")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Restore(t.Context(), file, dir, false, nil)
	if err != nil || r != (Restored{Verified: want}) {
		t.Fatalf("restored %+v: %v", r, err)
	}
	if all := names(t, dir); all != databaseFile {
		t.Errorf("the folder has %s", all)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the backup was changed: %v", err)
	}
	if got := verified(t, dir); got != want {
		t.Errorf("it has %+v, not %+v", got, want)
	}
	restored := openIn(t, dir)
	give(t, restored, 1, "after") // it goes on as it was
}

// While others write, a backup is of one moment, whose books balance.
func TestBackupWhileOthersWrite(t *testing.T) {
	s, dir := kept(t)
	other := openIn(t, dir)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w, writer := range []*Store{s, other} {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				give(t, writer, 7, fmt.Sprintf("writer-%d-%d-", w, n))
				if n%5 == 0 {
					if _, err := writer.SealBook(context.Background(), "p", ledger.Main, epoch); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	last := int64(25)
	for range 10 {
		v, err := s.Backup(t.Context(), file, true)
		if err != nil {
			t.Error(err)
			break
		}
		if v.Transfers < last || (v.Transfers-25)%7 != 0 {
			t.Errorf("a backup has %d transfers, after one of %d", v.Transfers, last)
		}
		last = v.Transfers
	}
	close(stop)
	wg.Wait()
	if last == 25 {
		t.Error("nobody wrote meanwhile")
	}
}

func TestBackupRefuses(t *testing.T) {
	s, dir := kept(t)
	folder := t.TempDir()
	there := filepath.Join(folder, "there.db")
	if err := os.WriteFile(there, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]error{
		there:  ErrExists,
		folder: nil,
		filepath.Join(folder, "missing", "backup.db"): fs.ErrNotExist,
	} {
		if _, err := s.Backup(t.Context(), file, false); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := s.Backup(t.Context(), folder, true); err == nil {
		t.Error("a folder is overwritten")
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Backup(given, filepath.Join(folder, "x.db"), false); !errors.Is(err, ErrBusy) {
		t.Errorf("given up: %v", err)
	}
	// A ledger that is broken makes no backup, and takes nobody's place.
	db := rawDB(t, dir)
	if _, err := db.Exec("UPDATE transfer SET amount = amount + 1 WHERE number = 3"); err != nil {
		t.Fatal(err)
	}
	var broken *ledger.Break
	if _, err := s.Backup(t.Context(), there, true); !errors.As(err, &broken) || broken.Where != "transfer t3.p" {
		t.Errorf("a broken ledger: %v", err)
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
	if all := names(t, folder); all != "there.db" {
		t.Errorf("it left %s", all)
	}
	server := openWith(t, Config{URL: pgtest.Database(t)})
	if _, err := server.Backup(t.Context(), filepath.Join(folder, "x.db"), false); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("of a server: %v", err)
	}
}

// backedUp is a backup of 25 transfers.
func backedUp(t *testing.T) string {
	t.Helper()
	s, _ := kept(t)
	file := filepath.Join(t.TempDir(), "backup.db")
	if _, err := s.Backup(t.Context(), file, false); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRestoreRefusesWhatIsNotInOrder(t *testing.T) {
	change := func(statement string) func(t *testing.T, file string) {
		return func(t *testing.T, file string) {
			db, err := sql.Open("sqlite", fileURI(file))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(name, text string) func(t *testing.T, file string) {
		return func(t *testing.T, file string) {
			if err := os.WriteFile(file+name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, file string)
		want  error
	}{
		"a transfer was edited": {change("UPDATE transfer SET amount = amount + 1 WHERE number = 3"), nil},
		"newer":                 {change("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)"), ErrNewer},
		"no tables":             {change("DROP TABLE goose_db_version"), ErrDamaged},
		"text":                  {write("", strings.Repeat("this is no database ", 100)), ErrDamaged},
		"nothing":               {write("", ""), ErrDamaged},
		"in use":                {write("-wal", "something"), nil},
		"missing":               {func(t *testing.T, file string) { os.Remove(file) }, fs.ErrNotExist},
		"a folder":              {func(t *testing.T, file string) { os.Remove(file); os.Mkdir(file, 0o700) }, nil},
		"cut off": {func(t *testing.T, file string) {
			if err := os.Truncate(file, 40960); err != nil {
				t.Fatal(err)
			}
		}, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			file, dir := backedUp(t), filepath.Join(t.TempDir(), "data")
			c.spoil(t, file)
			_, err := Restore(t.Context(), file, dir, false, nil)
			var broken *ledger.Break
			if name == "a transfer was edited" {
				if !errors.As(err, &broken) || broken.Where != "transfer t3.p" {
					t.Errorf("%v", err)
				}
			} else if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
			if all := names(t, dir); all != "" {
				t.Errorf("it left %s", all)
			}
		})
	}
}

func TestRestoreIsGivenUp(t *testing.T) {
	file, dir := backedUp(t), t.TempDir()
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Restore(given, file, dir, false, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	if all := names(t, dir); all != "" {
		t.Errorf("it left %s", all)
	}
}

func TestRestoreKeepsTheOldDatabase(t *testing.T) {
	file := backedUp(t)
	s, dir := kept(t)
	give(t, s, 100, "since")
	before := names(t, dir)
	if _, err := Restore(t.Context(), file, dir, false, nil); !errors.Is(err, ErrExists) {
		t.Errorf("in the place of another: %v", err)
	}
	// As long as it is open, it stays.
	started := time.Now()
	if _, err := Restore(t.Context(), file, dir, true, nil); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "open") {
		t.Errorf("in the place of one in use: %v", err)
	}
	if took := time.Since(started); took > 8*time.Second {
		t.Errorf("that took %s", took)
	}
	if after := names(t, dir); after != before {
		t.Errorf("there was %s, now there is %s", before, after)
	}
	give(t, s, 1, "still")

	other, file2 := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "busy.db")
	if _, err := s.Backup(t.Context(), file2, false); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), file2, other, false, nil); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	r, err := Restore(t.Context(), file, other, true, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(other, "bursar.db.before-20261001T120000.000000Z"); r.Aside != want || names(t, other) != "bursar.db "+filepath.Base(want) {
		t.Errorf("%+v, %s", r, names(t, other))
	}
	if got := verified(t, other); got.Transfers != 25 {
		t.Errorf("it has %d transfers", got.Transfers)
	}
	// The old one can be put back in the same way.
	if _, err := Restore(t.Context(), r.Aside, other, true, nil); err != nil {
		t.Fatal(err)
	}
	if got := verified(t, other); got.Transfers != 126 {
		t.Errorf("the old one has %d transfers", got.Transfers)
	}
}

// The place of a database that is broken, or that a crash left with a log, is taken
// by a whole one, and nothing of the old one's log gets into it.
func TestRestoreInPlaceOfABrokenDatabase(t *testing.T) {
	file := backedUp(t)
	for name, spoil := range map[string]func(dir string) error{
		"text": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, databaseFile), []byte(strings.Repeat("x", 9999)), 0o600)
		},
		"log only": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, databaseFile+"-wal"), []byte("x"), 0o600)
		},
		"text with a log": func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, databaseFile), []byte(strings.Repeat("x", 9999)), 0o600),
				os.WriteFile(filepath.Join(dir, databaseFile+"-wal"), []byte(strings.Repeat("y", 9999)), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Restore(t.Context(), file, dir, false, nil); !errors.Is(err, ErrExists) {
				t.Errorf("%v", err)
			}
			if _, err := Restore(t.Context(), file, dir, true, nil); err != nil {
				t.Fatal(err)
			}
			if all := names(t, dir); !strings.HasPrefix(all, "bursar.db ") || strings.Contains(all, "bursar.db-") {
				t.Errorf("the folder has %s", all)
			}
			if got := verified(t, dir); got.Transfers != 25 {
				t.Errorf("it has %d transfers", got.Transfers)
			}
		})
	}
}

// A process that was killed leaves its last commits in the log: they are in what is
// kept of the old database.
func TestRestoreKeepsWhatIsInTheLog(t *testing.T) {
	s, dir := kept(t)
	crashed := t.TempDir()
	for _, name := range []string{databaseFile, databaseFile + "-wal"} { // as they are on the disk now
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crashed, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	give(t, s, 1, "later")
	r, err := Restore(t.Context(), backedUp(t), crashed, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	back, err := Restore(t.Context(), r.Aside, again, false, nil)
	if err != nil || back.Verified.Transfers != 25 {
		t.Errorf("%+v, %v", back, err)
	}
}

// older makes a database of the first version.
func older(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	e, err := newEngine(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(ddl, e.folder)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(e.goose, e.db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whoever is about to update makes a backup first, and does so with the new program.
func TestBackupOfAnOlderVersionLeavesItSo(t *testing.T) {
	dir, folder := older(t), t.TempDir()
	file := filepath.Join(folder, "backup.db")
	if _, err := Backup(t.Context(), dir, file, false); err != nil {
		t.Fatal(err)
	}
	if all := names(t, folder); all != "backup.db" {
		t.Errorf("it left %s", all)
	}
	if m, err := Migrate(t.Context(), Config{Dir: dir}, true); err != nil || m.Current != 1 {
		t.Errorf("the database has become %+v, %v", m, err)
	}
	r, err := Restore(t.Context(), file, filepath.Join(t.TempDir(), "data"), false, nil)
	if err != nil || !r.Migrated {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestBackupOfWhatIsNotThere(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "backup.db")
	if _, err := Backup(t.Context(), dir, file, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if names(t, dir)+names(t, filepath.Dir(file)) != "" {
		t.Error("something was made")
	}
}

func TestRestoreOfAnOlderVersionIsBroughtUpToDate(t *testing.T) {
	old := older(t)
	dir := filepath.Join(t.TempDir(), "data")
	r, err := Restore(t.Context(), filepath.Join(old, databaseFile), dir, false, nil)
	if err != nil || !r.Migrated {
		t.Fatalf("%+v, %v", r, err)
	}
	verified(t, dir)
	if m, err := Migrate(t.Context(), Config{Dir: old}, true); err != nil || m.Current != 1 {
		t.Errorf("the backup itself was changed: %+v, %v", m, err)
	}
}

func TestRestoreOfTheDatabaseItself(t *testing.T) {
	_, dir := kept(t)
	closed := t.TempDir()
	if _, err := Restore(t.Context(), backedUp(t), closed, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), filepath.Join(closed, databaseFile), closed, true, nil); err == nil || !strings.Contains(err.Error(), "itself") {
		t.Errorf("%v", err)
	}
	if _, err := Restore(t.Context(), filepath.Join(dir, databaseFile), t.TempDir(), false, nil); err == nil {
		t.Error("a database in use is taken for a backup")
	}
	if got := verified(t, closed); got.Transfers != 25 {
		t.Errorf("it has %d transfers", got.Transfers)
	}
}

// What is restored is every row of every table.
func TestBackupHoldsEverything(t *testing.T) {
	s := openIn(t, t.TempDir())
	furnish(t, s)
	keepBooks(t, s)
	want := dump(t, s)
	for _, table := range []string{"job", "event", "top_up", "webhook", "undelivered", "top_up_rule", "hold"} {
		if !slices.ContainsFunc(want, func(line string) bool { return strings.HasPrefix(line, table+" ") }) {
			t.Errorf("there is nothing in %s", table)
		}
	}
	file, dir := filepath.Join(t.TempDir(), "backup.db"), t.TempDir()
	if _, err := s.Backup(t.Context(), file, false); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), file, dir, false, nil); err != nil {
		t.Fatal(err)
	}
	restored := openIn(t, dir)
	diff(t, "what is restored", dump(t, restored), want)
	mustVerify(t, restored)
}
