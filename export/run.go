package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// Job is what to export, and where to.
type Job struct {
	// Format is one of Formats.
	Format string
	// Portals are which, in the order of the file. No two have one address.
	Portals []fleet.Profile
	// Service is as docspace.OperationsQuery has it; "" means any.
	Service string
	// Status is of which operations; "" means any.
	Status docspace.OperationStatus
	// Span is of which time.
	Span Span
	// Issuer is who invoices, for the format FOCUS; "" means ONLYOFFICE.
	Issuer string

	// File is the name of the file; {time} in it becomes the time of the run. "" writes
	// to Out when everything is read, and leaves nothing to go on with.
	File string
	Out  io.Writer
	// Force overwrites the file, Resume goes on with what was begun, and Restart
	// throws that away.
	Force, Resume, Restart bool

	// State is a folder to remember in what was ever in a file, so that it is in none
	// again; "" remembers nothing. It needs File.
	State string
	// Overlap is how much of the time before the last operation is always read again.
	// What comes later than that is found too, by reading everything.
	Overlap time.Duration
	Now     func() time.Time

	step   func(string) error // where a test lets it end, or nil
	folder string             // for what is read, or ""
	page   int64              // how many operations to ask for at once, or 0
}

// Run is an export that is being made. Its methods may be called at once, but Finish and
// Close after all else.
type Run struct {
	job    Job
	dir    string // of what is read
	file   string
	fresh  bool    // nothing was there to go on with
	memory *memory // nil if nothing is remembered
	locks  []*disk.Held
	// Recovered is the file of the run before, if that was interrupted after its
	// decision and is finished now; "" otherwise.
	Recovered string

	mu   sync.Mutex
	read map[string]spoolHead // of whom all is read, by address
	last map[string]time.Time
}

// Result is what came of an export.
type Result struct {
	// File is its name; "" for none.
	File string
	// Operations are how many there are in it, LeftOut how many are not, because its
	// format is not for them.
	Operations, LeftOut int64
}

// begun is what is written down of an export that is begun.
type begun struct {
	Of   string `json:"of"`
	File string `json:"file"`
	// Run is how many exports there were before, of those that remember.
	Run int64 `json:"run"`
}

const begunFile = "export.json"

// Begin begins an export, or goes on with one. It fails with ErrInvalid, ErrUnfinished,
// ErrOther, disk.ErrBusy, ErrState, and fs.ErrExist if there is such a file.
func Begin(job Job) (r *Run, err error) {
	if err := job.check(); err != nil {
		return nil, err
	}
	if job.step == nil {
		job.step = func(string) error { return nil }
	}
	r = &Run{job: job, read: map[string]spoolHead{}, last: map[string]time.Time{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if job.File == "" {
		r.dir, err = os.MkdirTemp(job.folder, "bursar-export-*")
		return r, err
	}
	file, err := filepath.Abs(job.File)
	if err != nil {
		return nil, err
	}
	if job.State != "" {
		if err := r.recall(); err != nil {
			return r, err
		}
	}
	r.dir = file + ".part"
	r.file = strings.ReplaceAll(file, "{time}", job.Now().UTC().Format("20060102T150405Z"))
	if err := r.enter(); err != nil {
		return r, err
	}
	if !job.Force {
		err = vacant(r.file)
	}
	if err != nil && r.fresh {
		err = errors.Join(err, r.leave())
	}
	return r, err
}

func (j *Job) check() error {
	seen := map[string]string{}
	for _, p := range j.Portals {
		if other, ok := seen[address(p)]; ok {
			return fmt.Errorf("%w: the portals %s and %s have the same address", ErrInvalid, other, p.Name)
		}
		seen[address(p)] = p.Name
	}
	switch {
	case !slices.Contains(Formats(), j.Format):
		return fmt.Errorf("%w: there is no format %q", ErrInvalid, j.Format)
	case j.State != "" && j.File == "":
		return fmt.Errorf("%w: what is exported since the last time needs a file: of what is printed nobody knows whether it arrived", ErrInvalid)
	case j.State != "" && (!j.Span.To.IsZero() || j.Span.LastDay != ""):
		return fmt.Errorf("%w: what is exported since the last time has no end", ErrInvalid)
	case j.Overlap < 0:
		return fmt.Errorf("%w: the overlap is less than nothing", ErrInvalid)
	}
	return nil
}

// of says which operations the export is about.
func (j *Job) of() string {
	text, _ := json.Marshal(struct { // of texts and times: it can't fail
		Service, Status string
		Span            Span
		Since           bool
	}{j.Service, string(j.Status), j.Span, j.State != ""})
	return string(text)
}

// address is what a portal is known by: names are its owner's to change.
func address(p fleet.Profile) string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return p.URL
	}
	return strings.ToLower(u.Scheme+"://"+u.Host) + strings.TrimRight(u.Path, "/")
}

// short is a name for a portal that every disk takes.
func short(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:12])
}

// recall locks and reads what is remembered, and brings to an end what was decided.
func (r *Run) recall() (err error) {
	if err := os.MkdirAll(r.job.State, 0o700); err != nil {
		return err
	}
	if err := r.lock(filepath.Join(r.job.State, "lock")); err != nil {
		return err
	}
	if r.memory, err = recall(r.job.State); err != nil {
		return err
	}
	if r.memory.Pending != nil {
		r.Recovered = r.memory.Pending.File
		if err := r.memory.finish(r.job.step); err != nil {
			return fmt.Errorf("finish the export before, which is whole: %w", err)
		}
	}
	if r.memory.Of != "" && r.memory.Of != r.job.of() {
		return fmt.Errorf("%w: what is remembered in %s is of %s, not of %s", ErrOther, r.job.State, r.memory.Of, r.job.of())
	}
	return nil
}

func (r *Run) lock(path string) error {
	held, err := disk.Lock(path)
	if err == nil {
		r.locks = append(r.locks, held)
	}
	return err
}

// enter takes the folder of what is read, and looks at what is there.
func (r *Run) enter() error {
	if err := os.Mkdir(r.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := r.lock(filepath.Join(r.dir, "lock")); err != nil {
		return err
	}
	now := begun{Of: r.job.of(), File: r.file}
	if r.memory != nil {
		now.Run = r.memory.Runs
	}
	var before begun
	text, err := os.ReadFile(filepath.Join(r.dir, begunFile))
	if err == nil {
		err = json.Unmarshal(text, &before)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // it is new
	case err != nil && !r.job.Restart:
		return fmt.Errorf("%w: %s: %w", ErrOther, filepath.Join(r.dir, begunFile), err)
	case r.job.Restart, before.Run != now.Run: // or what it was for is done
		if err := r.empty(); err != nil {
			return err
		}
	case !r.job.Resume && r.job.State == "":
		return fmt.Errorf("%w: %s", ErrUnfinished, r.dir)
	case before.Of != now.Of:
		return fmt.Errorf("%w: what was begun in %s is of %s, not of %s", ErrOther, r.dir, before.Of, now.Of)
	default:
		r.file = before.File
		return nil
	}
	r.fresh = true
	if text, err = json.Marshal(now); err == nil {
		err = disk.WriteWhole(filepath.Join(r.dir, begunFile), text)
	}
	return err
}

// empty throws away what was begun.
func (r *Run) empty() error {
	files, err := os.ReadDir(r.dir)
	for _, f := range files {
		if f.Name() != "lock" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(r.dir, f.Name())))
		}
	}
	return err
}

func (r *Run) spool(address string) string {
	return filepath.Join(r.dir, short(address)+".rows")
}

// Read reads what is to be read of a portal, from where it was interrupted on. told
// hears how many operations are read, and how many are left. It fails as the client
// does, with fleet.ErrNothingKnown, and with ErrList.
func (r *Run) Read(ctx context.Context, portal *fleet.Portal, told func(read, left int64)) (err error) {
	at := address(portal.Profile)
	list := &reading{client: portal.Client, limit: maxPage}
	if r.job.page > 0 {
		list.limit = r.job.page
	}
	// What is remembered does not mind if there is more by now.
	s, err := openSpool(r.spool(at), r.memory != nil, list.know)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	list.query = docspace.OperationsQuery{Service: r.job.Service, Status: r.job.Status}
	list.query.From, list.query.To = r.job.Span.asked()
	if s.head == nil {
		head, err := r.head(ctx, at, list)
		if err != nil {
			return err
		}
		if err := s.begin(head); err != nil {
			return err
		}
	}
	list.query.From = s.head.From
	if !s.done {
		err = list.all(ctx, func(some []docspace.Operation, left int64) error {
			if err := s.add(some); err != nil {
				return err
			}
			told(s.rows, left)
			return r.job.step("page")
		})
		if err == nil {
			err = s.end()
		}
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read[at], r.last[at] = *s.head, s.last
	return nil
}

// head decides from where on a portal is read: from the window on, if there still are
// as many operations before it as there were, or all of it.
func (r *Run) head(ctx context.Context, at string, list *reading) (spoolHead, error) {
	head := spoolHead{Portal: at, From: list.query.From}
	if r.memory == nil {
		return head, nil
	}
	known := r.memory.Portals[at]
	if !known.Window.After(list.query.From) {
		return head, nil
	}
	n, err := count(ctx, list.client, list.query, known.Window)
	if err == nil && n == known.Before {
		head.From, head.Before = known.Window, n
	}
	return head, err
}

// Close ends what is done with an export. What was read stays, to go on with, if it is
// for a file that is not finished.
func (r *Run) Close() (err error) {
	for _, held := range r.locks {
		err = errors.Join(err, held.Unlock())
	}
	r.locks = nil
	if r.job.File == "" && r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}
