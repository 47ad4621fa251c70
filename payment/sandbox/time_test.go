package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

// A provider can be asked by whoever knows only the interface.
var _ payment.Provider = (*sandbox.Provider)(nil)

func TestName(t *testing.T) {
	if name := sandbox.New(sandbox.Config{}).Name(); name != "sandbox" {
		t.Errorf("got %q", name)
	}
}

// A caller may give up at any moment of a call that takes two seconds.
func TestGivingUp(t *testing.T) {
	tests := []struct {
		name    string
		patient time.Duration
		charge  error // nil: a settled outcome
		find    error
		records int
	}{
		{"before it begins", 0, payment.ErrUnreachable, payment.ErrUnreachable, 0},
		{"on the way there", 999 * time.Millisecond, payment.ErrUnknown, payment.ErrUnknown, 0},
		{"on the way back", 1001 * time.Millisecond, payment.ErrUnknown, payment.ErrUnknown, 1},
		{"when it is over", 2001 * time.Millisecond, nil, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				books := sandbox.Memory()
				p := sandbox.New(sandbox.Config{Journal: books, Latency: 2 * time.Second})
				gaveUp := func(call func(context.Context) (payment.Outcome, error), want error) {
					t.Helper()
					ctx, cancel := context.WithTimeout(t.Context(), tt.patient)
					defer cancel()
					began := time.Now()
					got, err := call(ctx)
					if took := time.Since(began); took != min(tt.patient, 2*time.Second) {
						t.Errorf("it took %s", took)
					}
					only(t, err, want)
					if want != nil && (!errors.Is(err, context.DeadlineExceeded) || got != (payment.Outcome{})) {
						t.Errorf("got %+v, %v", got, err)
					}
				}
				gaveUp(func(ctx context.Context) (payment.Outcome, error) { return p.Charge(ctx, charge("c-1")) }, tt.charge)
				if n := len(books.All()); n != tt.records {
					t.Errorf("%d records, want %d", n, tt.records)
				}
				found, err := p.Find(t.Context(), of("acme", "c-1"))
				state := payment.Settled
				if tt.records == 0 {
					state = ""
				}
				finds(t, found, err, state)

				if tt.find == nil && tt.records == 0 {
					tt.find = payment.ErrNotFound
				}
				gaveUp(func(ctx context.Context) (payment.Outcome, error) { return p.Find(ctx, of("acme", "c-1")) }, tt.find)
			})
		})
	}
}

// Without latency, too, nothing is collected for a caller who has gone.
func TestGoneBeforeItBegins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newRoom()
	_, err := r.Charge(ctx, charge("c-1"))
	only(t, err, payment.ErrUnreachable)
	if !errors.Is(err, context.Canceled) || r.books.All() != nil {
		t.Errorf("%v, %+v", err, r.books.All())
	}
}

// A journal that is asked at a bad moment, and may say so in words that mean
// something else here.
type journal struct {
	sandbox.Journal
	before, after, lookup error
	cancel                context.CancelFunc // called when a record is kept
}

func (j *journal) Record(ctx context.Context, r sandbox.Record) (sandbox.Record, bool, error) {
	if j.before != nil {
		return sandbox.Record{}, false, j.before
	}
	first, existed, err := j.Journal.Record(ctx, r)
	if j.cancel != nil {
		j.cancel()
	}
	if j.after != nil {
		return sandbox.Record{}, false, j.after
	}
	return first, existed, err
}

func (j *journal) Lookup(ctx context.Context, customer, id string) (sandbox.Record, error) {
	if j.lookup != nil {
		return sandbox.Record{}, j.lookup
	}
	return j.Journal.Lookup(ctx, customer, id)
}

func TestAFailingJournalIsUnknown(t *testing.T) {
	for _, failure := range []error{errors.New("disk full"), payment.ErrRefused, payment.ErrUnreachable, payment.ErrNotFound} {
		for name, tt := range map[string]struct {
			journal journal
			found   payment.State
		}{
			"before": {journal{before: failure}, ""},
			"after":  {journal{after: failure}, payment.Settled},
		} {
			t.Run(fmt.Sprint(name, " ", failure), func(t *testing.T) {
				tt.journal.Journal = sandbox.Memory()
				p := sandbox.New(sandbox.Config{Journal: &tt.journal})
				_, err := p.Charge(t.Context(), charge("c-1"))
				only(t, err, payment.ErrUnknown)
				found, err := p.Find(t.Context(), of("acme", "c-1"))
				finds(t, found, err, tt.found)
			})
		}
	}
	p := sandbox.New(sandbox.Config{Journal: &journal{Journal: sandbox.Memory(), lookup: errors.New("disk gone")}})
	_, err := p.Find(t.Context(), of("acme", "c-1"))
	only(t, err, payment.ErrUnknown)
}

// The reply is lost on a caller who goes while the journal writes.
func TestGoneMeanwhile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	books := sandbox.Memory()
	p := sandbox.New(sandbox.Config{Journal: &journal{Journal: books, cancel: cancel}})
	_, err := p.Charge(ctx, charge("c-1"))
	only(t, err, payment.ErrUnknown)
	if !errors.Is(err, context.Canceled) || len(books.All()) != 1 {
		t.Errorf("%v, %+v", err, books.All())
	}
}

// All who charge one id at once hear of the same charge, though each would have
// had another.
func TestOneIDAtOnce(t *testing.T) {
	const callers = 64
	books := sandbox.Memory()
	var mu sync.Mutex
	calls := 0
	p := sandbox.New(sandbox.Config{Journal: books, Script: func(payment.Charge) sandbox.Behaviour {
		mu.Lock()
		defer mu.Unlock()
		calls++
		b := sandbox.Behaviour{Decline: fmt.Sprintf("reason_%d", calls)}
		switch calls % 4 {
		case 0:
			b.Fault = sandbox.TimeOutAfter
		case 1:
			b.Fault = sandbox.FailBefore
		}
		return b
	}})
	heard := make(chan payment.Outcome, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			got, err := p.Charge(context.Background(), charge("c-1"))
			if err == nil {
				heard <- got
			} else if !errors.Is(err, payment.ErrUnknown) {
				t.Error(err)
			}
			if _, err := p.Find(context.Background(), of("acme", "c-1")); err != nil && !errors.Is(err, payment.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(heard)
	found, err := p.Find(t.Context(), of("acme", "c-1"))
	if err != nil || len(books.All()) != 1 || len(heard) != callers/2 {
		t.Fatalf("%v, %d heard, books: %+v", err, len(heard), books.All())
	}
	for got := range heard {
		if got != found {
			t.Errorf("heard %+v, found %+v", got, found)
		}
	}
}

// Of different charges that come at once with one id, one is collected and the
// others are refused.
func TestOneIDAtOnceForDifferentAmounts(t *testing.T) {
	const callers = 32
	books := sandbox.Memory()
	p := sandbox.New(sandbox.Config{Journal: books})
	var mu sync.Mutex
	settled, refused := 0, 0
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			c := charge("c-1")
			c.Amount = usd(int64(i + 1))
			got, err := p.Charge(context.Background(), c)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && got.Amount == c.Amount:
				settled++
			case errors.Is(err, payment.ErrRefused):
				refused++
			default:
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if settled != 1 || refused != callers-1 || len(books.All()) != 1 {
		t.Errorf("%d settled, %d refused, books: %+v", settled, refused, books.All())
	}
}
