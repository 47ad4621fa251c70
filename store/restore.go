package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bursarhq/bursar/disk"
)

// errUsed is told to who would replace a database that others are using.
func errUsed(dir string) error {
	return fmt.Errorf("%w: another process has the one in %s open", ErrBusy, dir)
}

// Restored is what Restore did.
type Restored struct {
	Verified Verified
	// Aside is where the database is that was there before; "" when there was
	// none.
	Aside string
	// Migrated says that the backup was of an older Bursar, and what is restored
	// was brought up to date. The backup is as it was.
	Migrated bool
}

// Restore makes a database in a folder from a file that Backup wrote. What is
// verified is the copy that becomes the database, before anything in the folder
// is touched; when it is there, it is durable.
//
// It fails with ErrExists where the folder holds a database, unless that is to be
// replaced: then it is kept under another name. It fails with ErrBusy when a
// process has that one open, as far as can be told, with ErrDamaged or a
// *ledger.Break when the file is not in order, and with ErrNewer. A now that is
// nil means time.Now.
func Restore(ctx context.Context, file, dir string, replace bool, now func() time.Time) (r Restored, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore %s: %w", file, err)
		}
	}()
	if now == nil {
		now = time.Now
	}
	if err := mayRestore(file, dir, replace); err != nil {
		return r, err
	}
	if err := foldLog(ctx, filepath.Join(dir, databaseFile), dir); err != nil { // before the work of verifying
		return r, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return r, err
	}
	room, err := os.MkdirTemp(dir, ".restore.*") // 0700, and on the same disk
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(room)) }()
	if err := copyFile(ctx, file, filepath.Join(room, databaseFile)); err != nil {
		return r, err
	}
	if r.Verified, r.Migrated, err = prepareIn(ctx, room); err != nil {
		return r, err
	}
	if r.Aside, err = setAside(ctx, dir, now()); err != nil {
		return r, err
	}
	if err := os.Rename(filepath.Join(room, databaseFile), filepath.Join(dir, databaseFile)); err != nil {
		return r, err
	}
	return r, disk.SyncFolder(dir)
}

// logFiles are what SQLite puts beside a database that is in use.
var logFiles = []string{databaseFile + "-wal", databaseFile + "-shm", databaseFile + "-journal"}

// mayRestore refuses what can be seen to be wrong before anything is done.
func mayRestore(file, dir string, replace bool) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("that is no file")
	}
	for _, end := range []string{"-wal", "-journal"} {
		if log, err := os.Stat(file + end); err == nil && log.Size() > 0 {
			return fmt.Errorf("it is a database in use and no backup: a part of it is in %s", file+end)
		}
	}
	there, err := os.Stat(filepath.Join(dir, databaseFile))
	if err == nil && os.SameFile(info, there) {
		return errors.New("that is the database itself")
	}
	for _, name := range append([]string{databaseFile}, logFiles...) {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil && !replace {
			return fmt.Errorf("the database in %s: %w", dir, ErrExists)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// copyFile copies a file to a new one, durably.
func copyFile(ctx context.Context, from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, readerUntil{ctx, in}); err != nil {
		return err
	}
	return out.Sync()
}

// readerUntil reads until a context ends.
type readerUntil struct {
	ctx  context.Context
	from io.Reader
}

func (r readerUntil) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, engineError(err)
	}
	return r.from.Read(b)
}

// prepareIn verifies the database in a folder, and leaves it as one that was
// closed: all of it in its file, and up to date.
func prepareIn(ctx context.Context, dir string) (v Verified, migrated bool, err error) {
	file := filepath.Join(dir, databaseFile)
	e, err := engineOn(file)
	if err != nil {
		return v, false, err
	}
	m, err := e.pending(ctx)
	if err == nil && m.Current == 0 {
		err = fmt.Errorf("%w: it has no tables of Bursar's", ErrDamaged)
	}
	if err == nil {
		err = e.whole(ctx)
	}
	if err = errors.Join(err, e.db.Close()); err != nil {
		return v, false, err
	}
	s, err := Open(ctx, Config{Dir: dir, MustExist: true})
	if err != nil {
		return v, false, err
	}
	v, _, err = s.Verify(ctx, Verification{})
	if err = errors.Join(err, s.Close()); err != nil {
		return v, false, err
	}
	for _, name := range logFiles {
		if log, err := os.Stat(filepath.Join(dir, name)); err == nil && log.Size() > 0 {
			return v, false, fmt.Errorf("%s is left, which can't be", name)
		}
	}
	return v, len(m.Steps) > 0, syncFile(file)
}

// setAside gives the database in a folder another name, and returns it; "" when
// there is none. The folder has a database at every moment, or a process that is
// started meanwhile would make an empty one.
func setAside(ctx context.Context, dir string, at time.Time) (string, error) {
	file := filepath.Join(dir, databaseFile)
	aside := file + ".before-" + at.UTC().Format("20060102T150405.000000Z")
	if err := foldLog(ctx, file, dir); err != nil {
		return "", err
	}
	// What is left of a log belongs to what is there now, and to nothing else.
	for _, name := range logFiles {
		err := os.Rename(filepath.Join(dir, name), aside+name[len(databaseFile):])
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	err := os.Link(file, aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(file, aside) // a disk that knows no second names
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return aside, disk.SyncFolder(dir)
}

// foldLog brings all of a database into its one file. It needs it for itself, and
// fails with ErrBusy when another process has it open. One that is too broken to
// be opened stays as it is: then nobody else can use it either.
func foldLog(ctx context.Context, file, dir string) error {
	if _, err := os.Stat(file); err != nil {
		return nil // there is none
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", fileURI(path)+"?_pragma=busy_timeout(1000)&_pragma=synchronous(FULL)&_pragma=fullfsync(1)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	var mode string
	err = db.QueryRowContext(ctx, "PRAGMA journal_mode = DELETE").Scan(&mode)
	if err == nil {
		_, err = db.ExecContext(ctx, "BEGIN EXCLUSIVE; COMMIT")
	}
	if err == nil && mode != "delete" {
		err = ErrBusy
	}
	err = engineError(err)
	closed := db.Close()
	switch {
	case errors.Is(err, ErrBusy) && ctx.Err() == nil:
		return errUsed(dir)
	case errors.Is(err, ErrDamaged):
		return nil
	}
	return errors.Join(err, closed)
}
