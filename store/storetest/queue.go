package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// stall keeps everybody from the book of p until the function it returns is called.
func stall(t *testing.T, s *store.Store) (free func()) {
	t.Helper()
	held, leave := make(chan struct{}), make(chan struct{})
	done := running(func() error {
		return s.Change(background, "p", func(tx *store.Tx) error {
			err := tx.LockBook("p", ledger.Main)
			close(held)
			<-leave
			return err
		})
	})
	within(t, "the lock", held)
	return func() {
		t.Helper()
		close(leave)
		if err := within(t, "the change that holds the lock", done); err != nil {
			t.Errorf("the change that holds the lock: %v", err)
		}
	}
}

// givenUpInTheQueue ends contexts while their requests wait: they are carried out or
// not, and their keys tell.
func givenUpInTheQueue(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	must(t, s, ask("credit", credit(usd(100))))
	free := stall(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	const callers = 20
	errs := make(chan error, callers)
	for i := range callers {
		go func() {
			_, err := s.Post(ctx, store.Post{Requests: []ledger.Request{ask(fmt.Sprint("k", i), charge(usd(1)))}, Now: epoch})
			errs <- err
		}()
	}
	cancel()
	for range callers {
		mustBe(t, "given up", within(t, "one that was given up", errs), store.ErrBusy)
	}
	free()
	// Whoever comes now is behind them all.
	must(t, s, ask("last", charge(usd(1))))
	happened := 0
	var requests []ledger.Request
	for i := range callers {
		requests = append(requests, ask(fmt.Sprint("k", i), charge(usd(1))))
	}
	verified := verify(t, s)
	for _, r := range post(t, s, requests...) {
		if r.Err != nil {
			t.Error(r.Err)
		}
		if r.Replay {
			happened++
		}
	}
	if verified.Transfers != int64(2+happened) {
		t.Errorf("%d happened, and there are %d transfers", happened, verified.Transfers)
	}
	mustHold(t, s, epoch, usd(79), usd(0))
	verify(t, s)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Post(ended, store.Post{Requests: []ledger.Request{ask("ended", charge(usd(1)))}, Now: epoch}); err != nil {
		mustBe(t, "with a context that has ended", err, store.ErrBusy)
	}
	must(t, s, ask("ended", charge(usd(1))))
	mustHold(t, s, epoch, usd(78), usd(0))
}

// fullQueue stalls the books until no more requests are taken.
func fullQueue(t *testing.T, s *store.Store) {
	if testing.Short() {
		t.Skip("takes tens of thousands of requests")
	}
	addPortals(t, s, "p")
	free := stall(t, s)
	const callers = 30
	errs := make(chan error, callers)
	for c := range callers {
		go func() {
			var requests []ledger.Request
			for i := range 1000 { // refused, so that it is quick
				requests = append(requests, ask(fmt.Sprint(c, "-", i), charge(usd(1))))
			}
			results, err := s.Post(background, store.Post{Requests: requests, Now: epoch})
			for _, r := range results {
				if !errors.Is(r.Err, ledger.ErrInsufficient) {
					err = errors.Join(err, fmt.Errorf("%+v", r))
				}
			}
			errs <- err
		}()
	}
	// The queue has room for 20,000, and a thousand are under way.
	full := 0
	for ; full < callers-21; full++ {
		err := within(t, "one too many", errs)
		mustBe(t, "one too many", err, store.ErrQueueFull)
		mustBe(t, "one too many", err, store.ErrBusy)
	}
	free()
	for range callers - full {
		if err := within(t, "one in the queue", errs); err != nil && !errors.Is(err, store.ErrQueueFull) {
			t.Error(err)
		}
	}
	must(t, s, ask("credit", credit(usd(1))), ask("charge", charge(usd(1))))
	diff(t, "verified", verify(t, s), store.Verified{Portals: 1, Transfers: 2, Keys: 2})
}
