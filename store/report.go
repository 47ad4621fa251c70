package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ReportState is how far a report has come.
type ReportState string

const (
	ReportCreated   ReportState = "created" // it waits for its turn
	ReportRunning   ReportState = "running"
	ReportCompleted ReportState = "completed"
	ReportCanceled  ReportState = "canceled" // somebody asked for its end
	ReportFailed    ReportState = "failed"
)

// Report is a file that is built for a user of a portal, or was.
type Report struct {
	PortalID string
	// Number is no other report's, of any portal, ever.
	Number int64
	// UserID is who asked for it, Kind what it is of.
	UserID, Kind string
	State        ReportState
	// Percentage is how much is done, 0 to 100.
	Percentage int64
	// Error is why it failed; "" unless it did.
	Error    string
	FileName string
	// Size is the file's, in bytes, as far as it is written; Chunks is the number
	// of pieces.
	Size, Chunks int64
	StartedAt    time.Time
	// BeatAt is when its builder was last known to live.
	BeatAt time.Time
	// EndedAt is the zero Time as long as it is built.
	EndedAt time.Time
}

// Ended reports whether nobody builds the report any more.
func (r *Report) Ended() bool { return !r.EndedAt.IsZero() }

// ReportChunk is how long the pieces of a file are, all but the last: small enough
// for a transaction that keeps nobody waiting.
const ReportChunk = 512 << 10

// chunksInMind is after how many pieces a connection forgets them: 8 MB, which are 16
// in memory. What it forgets besides is read again in some milliseconds.
const chunksInMind = 16

// aside is a transaction on what no view of a portal is made of: it does not count
// the portal's version up, and moves nobody's money.
func (s *Store) aside(ctx context.Context, portalID string, fn func(*Tx) error) error {
	return s.write(ctx, portalID, func(tx *Tx) error {
		tx.moved = []string{}
		return fn(tx)
	})
}

// lockPortal keeps others from changing the transaction's portal until it ends, so
// that the lines of its trail follow one another. It fails with ErrNotFound.
func (tx *Tx) lockPortal() error {
	found := 0
	return tx.row(`
		SELECT 1
		  FROM portal
		 WHERE portal_id = $1 `+tx.lockRows, []any{tx.portal}, &found)
}

// StartReport adds a report with a number of its own, from its portal, user, kind,
// name and start. If one of the same user and kind is being built, that is returned
// in place of a new one, unless its builder was last known to live before alive: it
// is ended as failed then, for the given reason. Also is done in the transaction that
// adds a new one.
func (s *Store) StartReport(ctx context.Context, r Report, alive time.Time, reason string, also func(tx *Tx, number int64) error) (started Report, isNew bool, err error) {
	for range 2 {
		err = s.Read(ctx, func(tx *Tx) error {
			started, err = tx.runningReport(r.PortalID, r.UserID, r.Kind)
			return err
		})
		if err == nil && !started.BeatAt.Before(alive) {
			return started, false, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return started, false, err
		}
		if r.Number == 0 {
			if r.Number, err = s.newReportNumber(ctx); err != nil {
				return started, false, err
			}
		}
		err = s.aside(ctx, r.PortalID, func(tx *Tx) error {
			if err := tx.lockPortal(); err != nil {
				return err
			}
			if err := tx.endLostReport(r, alive, reason); err != nil {
				return err
			}
			if err := tx.insertReport(r); err != nil {
				return err
			}
			return also(tx, r.Number)
		})
		if !errors.Is(err, ErrExists) {
			break // of two who come at once, the other one may be first
		}
	}
	if errors.Is(err, ErrExists) {
		err = fmt.Errorf("%w: others start the same report", ErrBusy)
	}
	r.State, r.BeatAt = ReportCreated, r.StartedAt
	return r, err == nil, err
}

func (s *Store) newReportNumber(ctx context.Context) (n int64, err error) {
	err = s.aside(ctx, "", func(tx *Tx) error {
		return tx.row(`
			UPDATE counter
			   SET value = value + 1
			 WHERE name = 'report'
			RETURNING value`, nil, &n)
	})
	return n, err
}

func (tx *Tx) endLostReport(r Report, alive time.Time, reason string) error {
	_, err := tx.exec(`
		UPDATE report
		   SET state = 'failed',
		       error = $5,
		       ended_at = $6
		 WHERE portal_id = $1
		   AND user_id = $2
		   AND kind = $3
		   AND ended_at IS NULL
		   AND beat_at < $4`, r.PortalID, r.UserID, r.Kind, alive.UnixMicro(), reason, r.StartedAt.UnixMicro())
	return err
}

func (tx *Tx) insertReport(r Report) error {
	_, err := tx.exec(`
		INSERT INTO report (portal_id, number, user_id, kind, state, percentage, error, file_name, size, chunks, canceled, started_at, beat_at)
		VALUES ($1, $2, $3, $4, 'created', 0, '', $5, 0, 0, 0, $6, $6)`,
		r.PortalID, r.Number, r.UserID, r.Kind, r.FileName, r.StartedAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("report %d: %w", r.Number, err)
	}
	return nil
}

// BeatReport says that a report's builder lives, and how far it has come. It
// reports whether somebody asked for the report's end, and fails with ErrNotFound
// when the report has ended already.
func (s *Store) BeatReport(ctx context.Context, r Report) (canceled bool, err error) {
	err = s.aside(ctx, r.PortalID, func(tx *Tx) error {
		asked := int64(0)
		err := tx.row(`
			UPDATE report
			   SET state = $3,
			       percentage = $4,
			       beat_at = $5
			 WHERE portal_id = $1
			   AND number = $2
			   AND ended_at IS NULL
			RETURNING canceled`, []any{r.PortalID, r.Number, string(r.State), r.Percentage, r.BeatAt.UnixMicro()}, &asked)
		canceled = asked != 0
		return err
	})
	return canceled, err
}

// AddReportChunk adds a piece to a report's file, the one after those that r says
// there are. It fails with ErrNotFound when the report has ended already.
func (s *Store) AddReportChunk(ctx context.Context, r Report, data []byte) error {
	return s.aside(ctx, r.PortalID, func(tx *Tx) error {
		changed, err := tx.exec(`
			UPDATE report
			   SET chunks = chunks + 1,
			       size = size + $4,
			       beat_at = $5
			 WHERE portal_id = $1
			   AND number = $2
			   AND chunks = $3
			   AND ended_at IS NULL`, r.PortalID, r.Number, r.Chunks, int64(len(data)), r.BeatAt.UnixMicro())
		if err == nil && changed == 0 {
			err = fmt.Errorf("report %d of %s: %w", r.Number, r.PortalID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		if _, err = tx.exec(`
			INSERT INTO report_chunk (portal_id, number, chunk, data)
			VALUES ($1, $2, $3, $4)`, r.PortalID, r.Number, r.Chunks, data); err != nil {
			return err
		}
		// The writer keeps what it wrote in mind, and will not see it again.
		if s.forget != "" && r.Chunks%chunksInMind == chunksInMind-1 {
			_, err = tx.exec(s.forget)
		}
		return err
	})
}

// EndReport says how a report ended, by its state, percentage, error and end. It
// fails with ErrNotFound when it has ended already.
func (s *Store) EndReport(ctx context.Context, r Report) error {
	return s.aside(ctx, r.PortalID, func(tx *Tx) error {
		changed, err := tx.exec(`
			UPDATE report
			   SET state = $3,
			       percentage = $4,
			       error = $5,
			       ended_at = $6
			 WHERE portal_id = $1
			   AND number = $2
			   AND ended_at IS NULL`, r.PortalID, r.Number, string(r.State), r.Percentage, r.Error, r.EndedAt.UnixMicro())
		if err == nil && changed == 0 {
			err = fmt.Errorf("report %d of %s: %w", r.Number, r.PortalID, ErrNotFound)
		}
		return err
	})
}

// CancelReport asks for the end of a user's report of a kind, and returns its
// number. Its builder sees to it. Also is done in the same transaction, unless the end
// was asked for before. It fails with ErrNotFound when none is built.
func (s *Store) CancelReport(ctx context.Context, portalID, userID, kind string, also func(tx *Tx, number int64) error) (number int64, err error) {
	err = s.aside(ctx, portalID, func(tx *Tx) error {
		if err := tx.lockPortal(); err != nil {
			return err
		}
		before := 0
		if err := tx.row(`
			SELECT number, canceled
			  FROM report
			 WHERE portal_id = $1
			   AND user_id = $2
			   AND kind = $3
			   AND ended_at IS NULL `+tx.lockRows, []any{portalID, userID, kind}, &number, &before); err != nil || before != 0 {
			return err
		}
		if err := tx.one(`
			UPDATE report
			   SET canceled = 1
			 WHERE portal_id = $1
			   AND number = $2`, portalID, number); err != nil {
			return err
		}
		return also(tx, number)
	})
	return number, err
}

// DropReportFile deletes the file of a report that has ended, a few pieces at a
// time, and with entirely the report too.
func (s *Store) DropReportFile(ctx context.Context, r Report, entirely bool) error {
	const pieces = 16
	for upTo := int64(pieces); ; upTo += pieces {
		last := upTo >= r.Chunks
		err := s.aside(ctx, r.PortalID, func(tx *Tx) error {
			if _, err := tx.exec(`
				DELETE FROM report_chunk
				 WHERE portal_id = $1
				   AND number = $2
				   AND chunk < $3`, r.PortalID, r.Number, upTo); err != nil || !last {
				return err
			}
			if entirely {
				_, err := tx.exec(`
					DELETE FROM report
					 WHERE portal_id = $1
					   AND number = $2
					   AND ended_at IS NOT NULL`, r.PortalID, r.Number)
				return err
			}
			_, err := tx.exec(`
				UPDATE report
				   SET size = 0,
				       chunks = 0
				 WHERE portal_id = $1
				   AND number = $2
				   AND ended_at IS NOT NULL`, r.PortalID, r.Number)
			return err
		})
		if err != nil || last {
			return err
		}
	}
}

const reportColumns = `portal_id, number, user_id, kind, state, percentage, error, file_name, size, chunks, started_at, beat_at, ended_at`

// LatestReport returns a user's latest report of a kind, or ErrNotFound.
func (tx *Tx) LatestReport(portalID, userID, kind string) (Report, error) {
	return tx.report(`
		SELECT `+reportColumns+`
		  FROM report
		 WHERE portal_id = $1
		   AND user_id = $2
		   AND kind = $3
		 ORDER BY number DESC
		 LIMIT 1`, portalID, userID, kind)
}

func (tx *Tx) runningReport(portalID, userID, kind string) (Report, error) {
	return tx.report(`
		SELECT `+reportColumns+`
		  FROM report
		 WHERE portal_id = $1
		   AND user_id = $2
		   AND kind = $3
		   AND ended_at IS NULL`, portalID, userID, kind)
}

// Report returns a report by its number, or ErrNotFound.
func (tx *Tx) Report(portalID string, number int64) (Report, error) {
	return tx.report(`
		SELECT `+reportColumns+`
		  FROM report
		 WHERE portal_id = $1
		   AND number = $2`, portalID, number)
}

func (tx *Tx) report(query string, args ...any) (r Report, err error) {
	found := false
	err = tx.reports(query, args, func(one Report) { r, found = one, true })
	if err == nil && !found {
		err = ErrNotFound
	}
	return r, err
}

// ReportsAfter returns up to limit reports of all portals, in the order of their
// portals and numbers, from the first one after the given.
func (tx *Tx) ReportsAfter(after Report, limit int) ([]Report, error) {
	var all []Report
	err := tx.reports(`
		SELECT `+reportColumns+`
		  FROM report
		 WHERE (portal_id, number) > ($1, $2)
		 ORDER BY portal_id, number
		 LIMIT $3`, []any{after.PortalID, after.Number, limit}, func(r Report) { all = append(all, r) })
	return all, err
}

func (tx *Tx) reports(query string, args []any, each func(Report)) error {
	return tx.rows(query, args, func(scan func(...any) error) error {
		var (
			r                    Report
			started, beat, ended sql.NullInt64
		)
		err := scan(&r.PortalID, &r.Number, &r.UserID, &r.Kind, &r.State, &r.Percentage, &r.Error, &r.FileName,
			&r.Size, &r.Chunks, &started, &beat, &ended)
		r.StartedAt, r.BeatAt, r.EndedAt = fromMicros(started), fromMicros(beat), fromMicros(ended)
		if err == nil {
			each(r)
		}
		return err
	})
}

// ReportChunk returns a piece of a report's file, from 0, or ErrNotFound.
func (tx *Tx) ReportChunk(portalID string, number, chunk int64) (data []byte, err error) {
	err = tx.row(`
		SELECT data
		  FROM report_chunk
		 WHERE portal_id = $1
		   AND number = $2
		   AND chunk = $3`, []any{portalID, number, chunk}, &data)
	return data, err
}
