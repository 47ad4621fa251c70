package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Config says where the database is: in one of Dir, InMemory and URL.
type Config struct {
	// Dir is the folder that holds it, as SQLite; it is made when it is not there.
	Dir string
	// InMemory keeps everything in memory instead, until Close.
	InMemory bool
	// URL is a database of a PostgreSQL server, version 14 or newer:
	// "postgres://user:password@host:5432/database". It must be there, and be
	// kept in UTF-8. Several hosts may be named; the one that can be written to
	// is used. What the URL leaves out comes from PGPASSWORD and its like.
	URL string
	// MustExist makes Open fail with fs.ErrNotExist where there is no database
	// (on a server: no tables), instead of making one.
	MustExist bool
	// Readers is how many reads may run at once; 0 means 4.
	Readers int
	// Writers is how many changes may run at once on PostgreSQL; 0 means 4.
	// SQLite has one writer whatever it says.
	Writers int
	// NoSync makes commits faster by not waiting for the disk: after a crash
	// of the machine they may be gone, or a folder's database broken. It is for
	// filling databases that can be made again.
	NoSync bool
	// Fault is asked at the moments of every write at which the process or the
	// connection may be lost, for simulations of that: an error is what the caller
	// gets. nil: nothing is lost but what is lost.
	Fault func(Moment) error
}

// Moment is a place in a write.
type Moment string

const (
	// BeforeWrite: nothing was begun. No transaction is open, so that others may write.
	BeforeWrite Moment = "before a write"
	// BeforeCommit: all of it is written, and will be undone by an error. It is not
	// asked where the poster has PostgreSQL do it all in one statement, and maybe by
	// another goroutine than the caller's.
	BeforeCommit Moment = "before its commit"
	// AfterCommit: it is durable, whatever the caller gets to hear. No transaction is
	// open.
	AfterCommit Moment = "after its commit"
)

// at asks for a fault.
func (s *Store) at(m Moment) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(m)
}

// check reports what a configuration says twice, or not at all.
func (c Config) check() error {
	switch {
	case c.Readers < 0, c.Writers < 0:
		return errors.New("open database: there can't be less than one reader and one writer")
	case c.URL != "" && (c.Dir != "" || c.InMemory):
		return errors.New("open database: a URL is given, and a folder or memory too")
	case c.Dir != "" && c.InMemory:
		return errors.New("open database: a folder is given, and memory too")
	case c.URL == "" && c.Dir == "" && !c.InMemory:
		return errors.New("open database: no folder named, and no URL")
	}
	return nil
}

// Open opens the database, makes it if there is none, and brings an older one
// up to date. It fails with ErrNewer on a database of a newer Bursar, and with
// ErrBusy when a server does not answer.
func Open(ctx context.Context, config Config) (*Store, error) {
	e, err := newEngine(config)
	if err != nil {
		return nil, err
	}
	s, err := e.open(ctx, config)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", e.name, err), e.db.Close())
	}
	return s, nil
}

func (e *engine) open(ctx context.Context, config Config) (_ *Store, err error) {
	if err := e.await(ctx); err != nil {
		return nil, err
	}
	if err := e.upToDate(ctx, config.MustExist); err != nil {
		return nil, err
	}
	s := &Store{
		engine:  e,
		fault:   config.Fault,
		bell:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		writer:  make(chan *session, e.writers),
		readers: make(chan *session, or(config.Readers, 4)),
	}
	for _, pool := range []chan *session{s.writer, s.readers} {
		for range cap(pool) {
			session := &session{db: e.db}
			if pool == s.readers {
				session.setUp = e.setUpReader
			}
			if err := session.connect(ctx); err != nil {
				return nil, err
			}
			pool <- session
		}
	}
	if e.server != nil {
		if s.locator, err = newLocator(ctx, e.server); err == nil {
			s.poster = newPoster(s)
		}
		return s, err
	}
	s.pulse = &pulse{session: &session{db: e.db}}
	if err := s.pulse.open(ctx); err != nil {
		return nil, err
	}
	if !config.InMemory {
		s.index, err = openWALIndex(filepath.Join(config.Dir, databaseFile))
	}
	if err == nil {
		s.poster = newPoster(s)
	}
	return s, err
}

func or(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}

// upToDate brings the tables up to date, or refuses to.
func (e *engine) upToDate(ctx context.Context, mustExist bool) error {
	m, err := e.pending(ctx)
	switch {
	case err != nil:
		return err
	case m.Current == 0 && mustExist:
		return fmt.Errorf("%w: it has no tables of Bursar's", fs.ErrNotExist)
	case len(m.Steps) == 0:
		return nil
	}
	return e.migrate(ctx, m.Target)
}
