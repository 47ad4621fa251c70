package billing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/bursarhq/bursar/store"
)

// ReportKind is what a report is of.
type ReportKind string

const (
	OperationsReport ReportKind = "operations"
	UsageReport      ReportKind = "usage"
	MonthlyReport    ReportKind = "monthly"
)

// ReportState is how far a report has come. Its numbers are those of the wire.
// Source: contract, "Enums on the wire".
type ReportState int

const (
	ReportCreated ReportState = iota // it waits for its turn
	ReportRunning
	ReportCompleted
	ReportCanceled
	ReportFailed
)

var reportStates = map[store.ReportState]ReportState{
	store.ReportCreated:   ReportCreated,
	store.ReportRunning:   ReportRunning,
	store.ReportCompleted: ReportCompleted,
	store.ReportCanceled:  ReportCanceled,
	store.ReportFailed:    ReportFailed,
}

// Report is a workbook that is built for a user of a portal, or was.
type Report struct {
	PortalID, UserID string
	Kind             ReportKind
	// Number is by what OpenReport finds the file. No other report has it, of any
	// portal, ever.
	Number int64
	State  ReportState
	// Percentage is how much is done, 0 to 100; it is 100 only when the report is
	// completed.
	Percentage int
	// Error is why it failed, for people; "" unless it did.
	Error string
	// FileName is what the file is called; Size is 0 until it is completed.
	FileName  string
	Size      int64
	StartedAt time.Time
}

// Ended reports whether nobody builds the report any more.
func (r *Report) Ended() bool { return r.State > ReportRunning }

// How a report ends that is not completed, in words for people.
const (
	reportInterrupted = "interrupted" // its process ended before it did
	reportImpossible  = "the report could not be built"
)

const (
	// keepReports is how long a report is there after its end.
	keepReports = 24 * time.Hour
	// reportAlive is after how long without a beat a report's builder is lost.
	reportAlive = 60 * time.Second
)

// StartReport starts to build a report, of what there is by now, in the background,
// and returns it. While one of the same user and kind is being built, that is
// returned in its place. Its file is in the database when it is completed, for a
// day.
//
// It fails with ErrAccessDenied unless the caller is an administrator, with
// ErrNotFound when the portal has no customer, and with ErrTryAgain when too many
// wait for theirs, or the service is stopping. Source: contract, "customer/
// operationsreport".
func (s *Service) StartReport(ctx context.Context, c *Caller, spec ReportSpec) (*Report, error) {
	if err := c.mayReport(); err != nil {
		return nil, err
	}
	rows, err := spec.Of.fix(ctx, s, c.View)
	if err != nil {
		return nil, err
	}
	if err := s.builders.admit(); err != nil {
		return nil, err
	}
	now := s.now()
	started, isNew, err := s.store.StartReport(ctx, store.Report{
		PortalID: c.View.Portal.ID, UserID: c.User.ID, Kind: string(spec.Of.kind()), FileName: spec.FileName, StartedAt: now,
	}, now.Add(-reportAlive), reportInterrupted, func(tx *store.Tx, number int64) error {
		return s.trace(ctx, tx, func(t *trail) error {
			t.note(ReportStarted, strconv.FormatInt(number, 10), nil, reportNote{spec.Of.kind(), spec.FileName})
			return nil
		})
	})
	if err != nil {
		return nil, fromStore("start report", err)
	}
	if isNew {
		s.launch(started, spec, rows)
	}
	return s.reportFrom(started), nil
}

// reportNote is how the trail tells of a report.
type reportNote struct {
	Kind ReportKind `json:"kind"`
	File string     `json:"file,omitempty"`
}

// Report returns the caller's latest report of a kind; nil when there is none, or
// it ended more than a day ago. It fails as StartReport does.
func (s *Service) Report(ctx context.Context, c *Caller, kind ReportKind) (*Report, error) {
	if err := c.mayReport(); err != nil {
		return nil, err
	}
	var found store.Report
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.LatestReport(c.View.Portal.ID, c.User.ID, string(kind))
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && s.isOld(found) {
		return nil, nil
	}
	if err != nil {
		return nil, fromStore("read report", err)
	}
	return s.reportFrom(found), nil
}

// CancelReport asks for the end of the caller's report of a kind, if one is being
// built. It fails as StartReport does.
func (s *Service) CancelReport(ctx context.Context, c *Caller, kind ReportKind) error {
	if err := c.mayReport(); err != nil {
		return err
	}
	number, err := s.store.CancelReport(ctx, c.View.Portal.ID, c.User.ID, string(kind), func(tx *store.Tx, number int64) error {
		return s.trace(ctx, tx, func(t *trail) error {
			t.note(ReportStopped, strconv.FormatInt(number, 10), reportNote{Kind: kind}, nil)
			return nil
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		s.builders.cancel(number)
	}
	return fromStore("cancel report", err)
}

func (c *Caller) mayReport() error {
	if err := c.mustAdminister(); err != nil {
		return err
	}
	if c.View.customer == nil {
		return missing("Customer could not be found")
	}
	return nil
}

// reportFrom returns a report as it is to whoever asks now.
func (s *Service) reportFrom(r store.Report) *Report {
	out := &Report{
		PortalID: r.PortalID, UserID: r.UserID, Kind: ReportKind(r.Kind), Number: r.Number,
		State: reportStates[r.State], Percentage: int(r.Percentage), Error: r.Error, FileName: r.FileName, StartedAt: r.StartedAt,
	}
	if s.isLost(r) {
		out.State, out.Error = ReportFailed, reportInterrupted
	}
	if out.State == ReportCompleted {
		out.Size = r.Size
	}
	return out
}

// isLost reports whether whoever built a report is not there any more.
func (s *Service) isLost(r store.Report) bool {
	return !r.Ended() && s.now().Sub(r.BeatAt) > reportAlive
}

// isOld reports whether the time is over that a report is kept.
func (s *Service) isOld(r store.Report) bool {
	return r.Ended() && s.now().Sub(r.EndedAt) > keepReports
}

// SweepReports ends the reports whose builders are lost, and deletes the files of
// those that are not completed and all that is older than a day, of all portals.
func (s *Service) SweepReports(ctx context.Context) error {
	var after store.Report
	for {
		var some []store.Report
		err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
			some, err = tx.ReportsAfter(after, 100)
			return err
		})
		if err != nil || len(some) == 0 {
			return fromStore("look for old reports", err)
		}
		for _, r := range some {
			if err := s.sweep(ctx, r); err != nil {
				return fromStore("delete old report", err)
			}
			after = r
		}
	}
}

func (s *Service) sweep(ctx context.Context, r store.Report) error {
	if s.isLost(r) {
		r.State, r.Error, r.EndedAt = store.ReportFailed, reportInterrupted, s.now()
		if err := s.store.EndReport(ctx, r); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	switch {
	case s.isOld(r):
		return s.store.DropReportFile(ctx, r, true)
	case r.Ended() && r.State != store.ReportCompleted && r.Chunks > 0:
		return s.store.DropReportFile(ctx, r, false)
	}
	return nil
}

// ReportFile is the file of a report that is completed, as a workbook. It is read
// piece by piece, and may be gone in the middle when its day is over.
type ReportFile struct {
	Name string
	Size int64
	// At is when it was completed.
	At time.Time

	ctx    context.Context
	store  *store.Store
	report store.Report

	mu    sync.Mutex
	chunk int64  // the one in data
	data  []byte // nil: none was read yet
}

// OpenReport opens the file of a report of the caller's portal, which any of its
// administrators may read; the context is the one that it is read with. It fails
// with ErrAccessDenied, and with ErrNotFound when the portal has no such report or
// it is not completed.
func (s *Service) OpenReport(ctx context.Context, c *Caller, number int64) (*ReportFile, error) {
	if err := c.mustAdminister(); err != nil {
		return nil, err
	}
	var found store.Report
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.Report(c.View.Portal.ID, number)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (found.State != store.ReportCompleted || s.isOld(found)) {
		return nil, missing("The required file was not found")
	}
	if err != nil {
		return nil, fromStore("open report", err)
	}
	return &ReportFile{Name: found.FileName, Size: found.Size, At: found.EndedAt, ctx: ctx, store: s.store, report: found}, nil
}

// ReadAt reads a part of the file, as io.ReaderAt has it. An io.SectionReader over
// it, from 0 to Size, is what http.ServeContent takes.
func (f *ReportFile) ReadAt(b []byte, offset int64) (n int, err error) {
	if offset < 0 {
		return 0, fmt.Errorf("read report: offset %d is negative", offset)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(b) {
		at := offset + int64(n)
		if at >= f.Size {
			return n, io.EOF
		}
		if err := f.load(at / store.ReportChunk); err != nil {
			return n, err
		}
		within := at % store.ReportChunk
		if within >= int64(len(f.data)) {
			return n, io.ErrUnexpectedEOF
		}
		n += copy(b[n:], f.data[within:])
	}
	return n, nil
}

func (f *ReportFile) load(chunk int64) error {
	if f.data != nil && f.chunk == chunk {
		return nil
	}
	return fromStore("read report", f.store.Read(f.ctx, func(tx *store.Tx) (err error) {
		f.data, err = tx.ReportChunk(f.report.PortalID, f.report.Number, chunk)
		f.chunk = chunk
		return err
	}))
}
