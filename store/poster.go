package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bursarhq/bursar/ledger"
)

// poster commits requests of many callers together. Whoever comes while a batch
// is being committed waits for the next one; each caller wakes with its own
// results. A single caller never waits for company.
type poster struct {
	store *Store
	press *press // nil: it is SQLite

	mu      sync.Mutex
	queue   []*waiting
	queued  int           // requests in the queue
	closed  bool          // nothing more is taken
	wake    chan struct{} // holds one token while there may be work
	stopped chan struct{} // closed when nobody works any more
}

// waiting is the requests of one caller.
type waiting struct {
	ctx      context.Context
	requests []ledger.Request
	at       time.Time
	results  []ledger.Result
	err      error
	done     chan struct{}
}

// The bounds of the queue, in requests.
const (
	maxQueued = 20_000
	maxBatch  = 1000
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
	return s.poster.post(ctx, post)
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
	return tx.carryOut(now, requests, ledger.NeedsOf(requests))
}

func (tx *Tx) carryOut(now time.Time, requests []ledger.Request, needs ledger.Needs) ([]ledger.Result, error) {
	batch := ledger.NewBatch(now)
	if err := tx.load(batch, needs); err != nil {
		return nil, err
	}
	results, err := runAll(batch, requests, needs)
	if err != nil {
		return nil, err
	}
	return results, tx.save(batch.Effects())
}

// errNotAllNew says that requests which were hoped to be new are to be looked at
// again, with what was done under their keys.
var errNotAllNew = errors.New("not all requests are new and possible")

// runAll runs requests one after the other. Nearly all are new and possible, and
// what was done under their keys need not be read: writing them says whether that
// is so. It fails with errNotAllNew when it was not read, and one is refused, which
// may be for having been carried out before.
func runAll(batch *ledger.Batch, requests []ledger.Request, needs ledger.Needs) ([]ledger.Result, error) {
	results := make([]ledger.Result, len(requests))
	for i, r := range requests {
		results[i] = batch.Run(r)
		if results[i].Err != nil && len(needs.Keys) == 0 {
			return nil, errNotAllNew
		}
	}
	return results, nil
}

func newPoster(s *Store) *poster {
	p := &poster{store: s, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	if s.server != nil {
		p.press = &press{server: s.server}
	}
	go p.work()
	return p
}

func (p *poster) post(ctx context.Context, post Post) ([]ledger.Result, error) {
	if len(post.Requests) == 0 {
		return nil, nil
	}
	w := &waiting{ctx: ctx, requests: post.Requests, at: post.Now, done: make(chan struct{})}
	if err := p.enqueue(w); err != nil {
		return nil, err
	}
	select {
	case <-w.done:
		return w.results, w.err
	case <-ctx.Done():
		// It may be on its way to the disk: only its key tells.
		return nil, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

func (p *poster) enqueue(w *waiting) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fmt.Errorf("%w: it is closing", ErrBusy)
	case p.queued+len(w.requests) > maxQueued:
		return ErrQueueFull
	}
	p.queue = append(p.queue, w)
	p.queued += len(w.requests)
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return nil
}

// take returns who goes into the next batch: whoever came first, as long as they
// fit. Those who have given up meanwhile are left out, and nothing happens.
func (p *poster) take() (batch []*waiting, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := 0
	for len(p.queue) > 0 {
		w := p.queue[0]
		if size > 0 && size+len(w.requests) > maxBatch {
			break
		}
		p.queue[0] = nil
		p.queue = p.queue[1:]
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

// work commits batches until the poster is closed and its queue is empty.
func (p *poster) work() {
	defer close(p.stopped)
	if p.press != nil {
		defer p.press.close()
	}
	for range p.wake {
		for {
			batch, open := p.take()
			if len(batch) > 0 {
				p.commit(batch)
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
func (p *poster) commit(batch []*waiting) {
	var requests []ledger.Request
	at := batch[0].at
	for _, w := range batch {
		requests = append(requests, w.requests...)
		if w.at.After(at) {
			at = w.at
		}
	}
	results, err := p.carryOut(at, requests)
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
		w.end(p.carryOut(w.at, w.requests))
	}
}

// carryOut carries requests out in one transaction.
func (p *poster) carryOut(at time.Time, requests []ledger.Request) (results []ledger.Result, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			results, err = nil, fmt.Errorf("post: panic: %v", cause)
		}
	}()
	if p.press != nil {
		return p.press.post(context.Background(), at, requests)
	}
	needs := ledger.NeedsOf(requests)
	hopeful := needs
	hopeful.Keys = nil
	for _, needs := range []ledger.Needs{hopeful, needs} {
		err = p.store.moveMoney(context.Background(), func(tx *Tx) (err error) {
			results, err = tx.carryOut(at, requests, needs)
			return err
		})
		if !errors.Is(err, errNotAllNew) {
			break
		}
	}
	return results, err
}

// close stops taking requests and waits for those that were taken.
func (p *poster) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	<-p.stopped
}

// moveMoney is a transaction on the books of any portals. It counts up no portal's
// version: what reads pockets asks for the changes of their books.
func (s *Store) moveMoney(ctx context.Context, fn func(*Tx) error) error {
	return s.write(ctx, "", fn)
}
