package store

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/bursarhq/bursar/ledger"
)

// poster commits requests of many callers together. Whoever comes while a batch
// is being committed waits for the next one; each caller wakes with its own
// results. A single caller never waits for company.
type poster struct {
	store *Store
	lanes []*lane
	seed  maphash.Seed

	mu     sync.Mutex
	queued int  // requests in the queues
	closed bool // nothing more is taken
}

// lane is one of the queues of a poster, with who works on it. The requests of one
// portal are all in the same one, in the order that they came.
type lane struct {
	poster  *poster
	memory  *memory
	press   *press        // nil: it is SQLite
	wake    chan struct{} // holds one token while there may be work
	stopped chan struct{} // closed when nobody works any more

	queue []*waiting // guarded by the poster's mu
}

// waiting is the requests of one caller in one lane.
type waiting struct {
	ctx      context.Context
	requests []ledger.Request
	at       time.Time
	results  []ledger.Result
	err      error
	done     chan struct{}
}

const (
	// maxQueued and maxBatch bound the queues and a batch, in requests.
	maxQueued = 20_000
	maxBatch  = 1000
	// serverLanes is how many batches a server works on at a time: while one
	// waits for its disk, another one is worked out. SQLite has one writer.
	serverLanes = 2
)

// Post is requests to be carried out.
type Post struct {
	Requests []ledger.Request
	// Now is the moment they happen; required.
	Now time.Time
	// Also is done in the same transaction, after the requests, and sees their
	// results; an error undoes everything of this Post and of nobody else. A Post
	// with it is a transaction of its own. nil: nothing.
	Also func(*Tx, []ledger.Result) error
	// Rehearse does everything, and undoes it.
	Rehearse bool
}

// ErrQueueFull says that too many requests are waiting already. It wraps ErrBusy.
var ErrQueueFull = fmt.Errorf("%w: too many requests are waiting", ErrBusy)

// Post carries requests out, durably, and returns the result of each, in their
// order. A refusal is a result, and no error: an error means that nothing is
// known of any of them, and that the same requests again, under the same keys,
// tell whether they happened.
func (s *Store) Post(ctx context.Context, post Post) ([]ledger.Result, error) {
	if len(post.Requests) > maxBatch {
		return nil, fmt.Errorf("post %d requests: more than %d", len(post.Requests), maxBatch)
	}
	if post.Also != nil || post.Rehearse {
		results, err := s.postAlone(ctx, post)
		if errors.Is(err, errNotAllNew) { // a key came in between, on the other book
			results, err = s.postAlone(ctx, post)
		}
		return results, err
	}
	if err := s.at(BeforeWrite); err != nil {
		return nil, err
	}
	results, err := s.poster.post(ctx, post)
	if err == nil {
		err = s.at(AfterCommit)
	}
	if err != nil {
		return nil, err
	}
	return results, nil
}

// postAlone carries requests out in a transaction of their own.
func (s *Store) postAlone(ctx context.Context, post Post) (results []ledger.Result, err error) {
	undo := errors.New("rehearsed")
	err = s.moveMoney(ctx, func(tx *Tx) error {
		var err error
		if results, err = tx.CarryOut(post.Now, post.Requests); err != nil {
			return err
		}
		if post.Also != nil {
			if err := post.Also(tx, results); err != nil {
				return err
			}
		}
		if post.Rehearse {
			return undo
		}
		return nil
	})
	if err == undo {
		err = nil
	}
	return results, err
}

// CarryOut runs requests on what is there, and writes what they come to, as a
// part of the transaction. Their results are true when that is committed.
func (tx *Tx) CarryOut(now time.Time, requests []ledger.Request) ([]ledger.Result, error) {
	return tx.carryOut(ledger.NewBatch(now), requests, ledger.NeedsOf(requests), false)
}

// carryOut runs requests on a batch that is given what is unknown of their needs.
func (tx *Tx) carryOut(batch *ledger.Batch, requests []ledger.Request, unknown ledger.Needs, hope bool) ([]ledger.Result, error) {
	if err := tx.load(batch, unknown); err != nil {
		return nil, err
	}
	results, err := runAll(batch, requests, hope)
	if err != nil {
		return nil, err
	}
	return results, tx.save(batch.Now(), batch.Effects())
}

// errNotAllNew says that requests which were hoped to be new are to be looked at
// again, with what was done under their keys.
var errNotAllNew = errors.New("not all requests are new and possible")

// runAll runs requests one after the other. Nearly all are new and possible: in
// hope, what was done under their keys is not read, nor what is remembered, and
// writing them says whether that was right. When one is refused it fails with
// errNotAllNew: it may have been carried out before.
func runAll(batch *ledger.Batch, requests []ledger.Request, hope bool) ([]ledger.Result, error) {
	results := make([]ledger.Result, len(requests))
	for i, r := range requests {
		results[i] = batch.Run(r)
		if results[i].Err != nil && hope {
			return nil, errNotAllNew
		}
	}
	return results, nil
}

func newPoster(s *Store) *poster {
	p := &poster{store: s, seed: maphash.MakeSeed()}
	lanes := 1
	if s.server != nil {
		lanes = serverLanes
	}
	for range lanes {
		l := &lane{poster: p, memory: newMemory(), wake: make(chan struct{}, 1), stopped: make(chan struct{})}
		if s.server != nil {
			l.press = &press{server: s.server, memory: l.memory, statements: map[string]string{}, ring: s.ringJobs}
		}
		p.lanes = append(p.lanes, l)
		go l.work()
	}
	return p
}

// laneOf returns the number of the lane that a portal's requests are in.
func (p *poster) laneOf(portalID string) int {
	if len(p.lanes) == 1 {
		return 0
	}
	return int(maphash.String(p.seed, portalID) % uint64(len(p.lanes)))
}

// post waits for the results of one caller's requests, which may be in several
// lanes.
func (p *poster) post(ctx context.Context, post Post) ([]ledger.Result, error) {
	parts := make([]*waiting, len(p.lanes))
	lanes := make([]int, len(post.Requests))
	for i, r := range post.Requests {
		lanes[i] = p.laneOf(r.Portal)
		w := parts[lanes[i]]
		if w == nil {
			w = &waiting{ctx: ctx, at: post.Now, done: make(chan struct{})}
			parts[lanes[i]] = w
		}
		w.requests = append(w.requests, r)
	}
	if err := p.enqueue(parts, len(post.Requests)); err != nil {
		return nil, err
	}
	for _, w := range parts {
		if w == nil {
			continue
		}
		select {
		case <-w.done:
		case <-ctx.Done():
			// It may be on its way to the disk: only its key tells.
			return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
		if w.err != nil {
			return nil, w.err
		}
	}
	results := make([]ledger.Result, len(post.Requests))
	for i, lane := range lanes {
		results[i], parts[lane].results = parts[lane].results[0], parts[lane].results[1:]
	}
	return results, nil
}

// enqueue puts each part into its lane: all of them, or none.
func (p *poster) enqueue(parts []*waiting, requests int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fmt.Errorf("%w: it is closing", ErrBusy)
	case p.queued+requests > maxQueued:
		return ErrQueueFull
	}
	p.queued += requests
	for i, w := range parts {
		if w != nil {
			p.lanes[i].queue = append(p.lanes[i].queue, w)
			p.lanes[i].rouse()
		}
	}
	return nil
}

// rouse wakes who works on a lane.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns who goes into the next batch: whoever came first, as long as they
// fit. Those who have given up meanwhile are left out, and nothing happens.
func (l *lane) take() (batch []*waiting, more bool) {
	p := l.poster
	p.mu.Lock()
	defer p.mu.Unlock()
	size := 0
	for len(l.queue) > 0 {
		w := l.queue[0]
		if size > 0 && size+len(w.requests) > maxBatch {
			break
		}
		l.queue[0] = nil
		l.queue = l.queue[1:]
		p.queued -= len(w.requests)
		if w.ctx.Err() != nil {
			w.end(nil, fmt.Errorf("%w: %w", ErrBusy, w.ctx.Err()))
			continue
		}
		batch = append(batch, w)
		size += len(w.requests)
	}
	return batch, !p.closed
}

func (w *waiting) end(results []ledger.Result, err error) {
	w.results, w.err = results, err
	close(w.done)
}

// work commits batches until the poster is closed and the lane is empty.
func (l *lane) work() {
	defer close(l.stopped)
	if l.press != nil {
		defer l.press.close()
	}
	for range l.wake {
		for {
			batch, open := l.take()
			if len(batch) > 0 {
				l.commit(batch)
				continue
			}
			if !open {
				return
			}
			break
		}
	}
}

// commit carries a batch out. When the batch as a whole fails, each caller gets a
// transaction of its own, so that nobody pays for what another one asked.
func (l *lane) commit(batch []*waiting) {
	var requests []ledger.Request
	at := batch[0].at
	for _, w := range batch {
		requests = append(requests, w.requests...)
		if w.at.After(at) {
			at = w.at
		}
	}
	results, err := l.carryOut(at, requests)
	if err == nil {
		for _, w := range batch {
			n := len(w.requests)
			w.end(results[:n:n], nil)
			results = results[n:]
		}
		return
	}
	if len(batch) == 1 || errors.Is(err, ErrBusy) || errors.Is(err, ErrFull) {
		for _, w := range batch {
			w.end(nil, err)
		}
		return
	}
	for _, w := range batch {
		w.end(l.carryOut(w.at, w.requests))
	}
}

// carryOut carries requests out in one transaction.
func (l *lane) carryOut(at time.Time, requests []ledger.Request) (results []ledger.Result, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			results, err = nil, fmt.Errorf("post: panic: %v", cause)
		}
	}()
	if l.press != nil {
		return l.press.post(context.Background(), at, requests)
	}
	needs := ledger.NeedsOf(requests)
	results, err = l.rowByRow(at, requests, needs, true)
	if errors.Is(err, errNotAllNew) || errors.Is(err, errOutdated) {
		results, err = l.rowByRow(at, requests, needs, false)
	}
	return results, err
}

// rowByRow carries requests out in one transaction. In hope, it takes their keys
// for new and what is remembered for true.
func (l *lane) rowByRow(at time.Time, requests []ledger.Request, needs ledger.Needs, hope bool) (results []ledger.Result, err error) {
	batch, unknown := ledger.NewBatch(at), needs
	if hope {
		unknown = l.memory.recall(batch, unknown)
		unknown.Keys = nil
	}
	s := l.poster.store
	err = s.run(context.Background(), s.writer, s.beginWrite, "", func(tx *Tx) (err error) {
		results, err = tx.carryOut(batch, requests, unknown, hope)
		tx.moved = movedBy(requests, results)
		return err
	})
	if err == nil {
		l.memory.keep(batch, needs)
	} else {
		l.memory.forget(needs)
	}
	return results, err
}

// movedBy returns the portals whose money results moved; nil when there are none,
// and nothing was written.
func movedBy(requests []ledger.Request, results []ledger.Result) (portals []string) {
	for i, r := range results {
		if r.Err == nil && !r.Replay {
			portals = append(portals, requests[i].Portal)
		}
	}
	return portals
}

// close stops taking requests and waits for those that were taken.
func (p *poster) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for _, l := range p.lanes {
		l.rouse()
		<-l.stopped
	}
}
