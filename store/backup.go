package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bursarhq/bursar/disk"
)

// errServed is told to who asks of a server what is done with a file.
var errServed = errors.New("the database is on a PostgreSQL server: pg_dump and pg_restore are the way")

// Backup writes the database of a folder, as it is at one moment, into a file that
// only its owner may read, and verifies what it wrote: the file's structure and
// every law of the ledger. Others go on reading and writing meanwhile, and one of
// an older Bursar stays so. The file is there whole, and durable, or as it was
// before.
//
// It fails with fs.ErrNotExist when there is no database, with ErrExists where the
// file is there, unless it is to be overwritten, with ErrNewer, and with a
// *ledger.Break when the ledger breaks a law.
func Backup(ctx context.Context, dir, file string, overwrite bool) (v Verified, err error) {
	e, err := newEngine(Config{Dir: dir, MustExist: true})
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, e.db.Close()) }()
	if err := e.await(ctx); err != nil {
		return v, fmt.Errorf("back up %s: %w", dir, err)
	}
	return e.backup(ctx, file, overwrite)
}

// Backup is Backup of a database that is open.
func (s *Store) Backup(ctx context.Context, file string, overwrite bool) (Verified, error) {
	return s.backup(ctx, file, overwrite)
}

func (e *engine) backup(ctx context.Context, file string, overwrite bool) (v Verified, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up into %s: %w", file, err)
		}
	}()
	if e.server != nil {
		return v, errServed
	}
	if err := mayWrite(file, overwrite); err != nil {
		return v, err
	}
	m, err := e.pending(ctx)
	if err != nil {
		return v, err
	}
	made, err := temporary(file)
	if err != nil {
		return v, err
	}
	defer func() { _ = os.Remove(made) }() // fails where it has its name by then
	if err := e.copyInto(ctx, made); err != nil {
		return v, err
	}
	if len(m.Steps) == 0 {
		v, err = verifyFile(ctx, made)
	} else {
		v, err = verifyOlder(ctx, made)
	}
	if err != nil {
		return v, err
	}
	if err := syncFile(made); err != nil {
		return v, err
	}
	if err := mayWrite(file, overwrite); err != nil {
		return v, err
	}
	if err := os.Rename(made, file); err != nil {
		return v, err
	}
	return v, disk.SyncFolder(filepath.Dir(file))
}

// verifyOlder verifies a database of an older Bursar, by a copy that is brought up
// to date.
func verifyOlder(ctx context.Context, file string) (v Verified, err error) {
	room, err := os.MkdirTemp(filepath.Dir(file), ".verify.*")
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(room)) }()
	if err := copyFile(ctx, file, filepath.Join(room, databaseFile)); err != nil {
		return v, err
	}
	v, _, err = prepareIn(ctx, room)
	return v, err
}

// mayWrite refuses a file that is there, unless it is to be overwritten.
func mayWrite(file string, overwrite bool) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("that is no file")
	case !overwrite:
		return ErrExists
	}
	return nil
}

// temporary makes an empty file for a short time beside the one that it is to
// become, and returns its name. Nobody else may read it.
func temporary(file string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*.tmp") // 0600
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// copyInto writes all there is into an empty file. It is one reading transaction,
// which keeps no writer waiting, and never begins anew as the engine's online
// backup does when another process writes.
func (e *engine) copyInto(ctx context.Context, file string) error {
	_, err := e.db.ExecContext(ctx, "VACUUM INTO ?", file)
	return engineError(err)
}

// verifyFile verifies a database in a file that nobody writes to, and leaves it as
// it is.
func verifyFile(ctx context.Context, file string) (v Verified, err error) {
	e, err := engineOn(file)
	if err != nil {
		return v, err
	}
	if err := e.whole(ctx); err != nil {
		return v, errors.Join(err, e.db.Close())
	}
	// It is no folder's: there is no log beside it, nor an index of one.
	s, err := e.open(ctx, Config{InMemory: true, MustExist: true, Readers: 1})
	if err != nil {
		return v, errors.Join(err, e.db.Close())
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v, _, err = s.Verify(ctx, Verification{})
	return v, err
}

// engineOn is for reading one file that nobody writes to.
func engineOn(file string) (*engine, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", fileURI(path)+"?mode=ro&immutable=1")
	if err != nil {
		return nil, err
	}
	return &engine{dialect: sqliteDialect(), db: db, name: file, writers: 1}, nil
}

// whole fails with ErrDamaged unless the engine finds the database's structure in
// order.
func (e *engine) whole(ctx context.Context) error {
	var found string
	if err := e.db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		return engineError(err)
	}
	if found != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, found)
	}
	return nil
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
