package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
)

// Finish writes the file, of the portals of which all was read, and has it be there.
// What was read is thrown away then. If it fails, there is no file, or, of an export
// that remembers, one that the next run finishes.
func (r *Run) Finish(ctx context.Context) (result Result, err error) {
	next := map[string]remembered{}
	if r.memory != nil {
		maps.Copy(next, r.memory.Portals)
	}
	rows := r.rows(ctx, next)
	if r.job.File == "" {
		return r.write(r.job.Out, rows)
	}
	written := filepath.Join(r.dir, "output")
	to, err := os.OpenFile(written, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return Result{}, err
	}
	if result, err = r.write(to, rows); err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err == nil && r.memory != nil {
		// Once it is decided, a file that is not there was published.
		err = errors.Join(disk.SyncFolder(r.dir), disk.SyncFolder(filepath.Dir(r.dir)))
	}
	if err != nil {
		return Result{}, fmt.Errorf("write %s: %w", r.file, err)
	}
	result.File = r.file
	if err := r.job.step("written"); err != nil {
		return Result{}, err
	}
	if r.memory == nil {
		if err := publish(written, r.file, r.job.Force); err != nil {
			return Result{}, err
		}
		return result, r.leave()
	}
	r.memory.Of = r.job.of()
	r.memory.Pending = &pending{Written: written, File: r.file, Force: r.job.Force, Portals: next}
	if err := r.memory.save(); err != nil {
		return Result{}, err
	}
	if err := r.job.step("decided"); err != nil {
		return Result{}, err
	}
	if err := r.memory.finish(r.job.step); err != nil {
		return Result{}, err
	}
	return result, r.leave()
}

// write writes rows in the format of the job.
func (r *Run) write(w io.Writer, rows iter.Seq2[Row, error]) (result Result, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	options := Options{Issuer: r.job.Issuer, Prepaid: r.job.Service == aiTools}
	result.Operations, result.LeftOut, err = Write(out, r.job.Format, options, rows)
	return result, errors.Join(err, out.Flush())
}

// rows are those of the file; next gets what is to be remembered with them.
func (r *Run) rows(ctx context.Context, next map[string]remembered) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, p := range r.job.Portals {
			at := address(p)
			if _, ok := r.read[at]; !ok {
				continue
			}
			given := 0
			err := r.give(at, next, func(o *docspace.Operation) error {
				if given++; given%256 == 0 && ctx.Err() != nil {
					return ctx.Err()
				}
				if r.job.Span.holds(o) && !yield(Row{Portal: p.Name, Address: at, Operation: o}, nil) {
					return errEnough
				}
				return nil
			})
			if errors.Is(err, errEnough) {
				return
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
		}
	}
}

// errEnough says that nobody wants more.
var errEnough = errors.New("enough")

// give gives the operations of one portal: all, or those that are new.
func (r *Run) give(at string, next map[string]remembered, give func(*docspace.Operation) error) (err error) {
	all := operations(r.spool(at))
	if r.memory == nil {
		for o, err := range all {
			if err == nil {
				err = give(o)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	now := r.window(at)
	now.Seen = fmt.Sprintf("%s-%d%s", short(at), r.memory.Runs+1, seenSuffix)
	seen, err := newSeen(filepath.Join(r.memory.dir, now.Seen))
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, seen.close()); err == nil {
			next[at] = now
		}
	}()
	counted := func(yield func(*docspace.Operation, error) bool) {
		for o, err := range all {
			if err == nil && o.Date.Before(now.Window) {
				now.Before++
			}
			if !yield(o, err) {
				return
			}
		}
	}
	return news(entries(r.memory.seen(at)), counted, seen, give)
}

// window returns from where on a portal is read the next time, and how many operations
// are before that but are not read this time. A date that is ahead of now moves it no
// further than now: others may yet come before that.
func (r *Run) window(at string) remembered {
	head, now := r.read[at], remembered{Last: r.memory.Portals[at].Last.UTC()}
	if last := r.last[at].UTC(); last.After(now.Last) {
		now.Last = last
	}
	end := now.Last
	if clock := r.job.Now().UTC(); end.After(clock) {
		end = clock
	}
	now.Window, now.Before = head.From, head.Before
	if !now.Last.IsZero() {
		if w := end.Add(-r.job.Overlap).Truncate(time.Second); w.After(head.From) {
			now.Window = w
		}
	}
	return now
}

// leave throws away what was read.
func (r *Run) leave() error {
	gone := r.dir + ".done"
	err := os.RemoveAll(gone)
	if err == nil && os.Rename(r.dir, gone) != nil {
		gone = r.dir // where a file that is open keeps its name
	}
	for _, held := range r.locks {
		err = errors.Join(err, held.Unlock())
	}
	r.locks = nil
	return errors.Join(err, os.RemoveAll(gone))
}

// Portals returns of how many portals all was read.
func (r *Run) Portals() int { return len(r.read) }

// Resumable returns the folder with what was read, to go on with; "" for none.
func (r *Run) Resumable() string {
	if r.job.File == "" {
		return ""
	}
	return r.dir
}
