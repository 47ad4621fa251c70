package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestCloseLeavesNoGoroutine(t *testing.T) {
	onEachConfig(t, func(t *testing.T, config Config) {
		before := goleak.IgnoreCurrent()
		s, err := Open(background, config)
		if err != nil {
			t.Fatal(err)
		}
		furnish(t, s)
		mustWork(t, s, "p")
		ctx, cancel := context.WithTimeout(background, time.Millisecond)
		defer cancel()
		_ = s.Read(ctx, func(tx *Tx) error { var n int; return tx.row(endless, nil, &n) })
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		goleak.VerifyNone(t, before)
	})
}

func TestOpenThatFailsLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(background)
	cancel()
	for _, config := range []Config{{Dir: t.TempDir()}, {InMemory: true}, {Dir: "/dev/null/data"}, {}} {
		if s, err := Open(ctx, config); err == nil {
			s.Close()
			t.Errorf("%+v is opened", config)
		}
	}
	goleak.VerifyNone(t, before)
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	onEachConfig(t, func(t *testing.T, config Config) {
		s, err := Open(background, config)
		if err != nil {
			t.Fatal(err)
		}
		addPortal(t, s, "p")
		running1, finish := make(chan struct{}), make(chan struct{})
		reading := running(func() error {
			return s.Read(background, func(tx *Tx) error {
				if _, err := tx.Portal("p"); err != nil {
					return err
				}
				close(running1)
				<-finish
				_, err := tx.Portal("p")
				return err
			})
		})
		<-running1
		closing := running(s.Close)
		select {
		case err := <-closing:
			t.Errorf("Close returned (%v) while a read was running", err)
		case <-time.After(20 * time.Millisecond): // enough to be wrong, never wrong to be more
		}
		close(finish)
		if err := within(t, "the read", reading); err != nil {
			t.Errorf("the read that was running: %v", err)
		}
		if err := within(t, "Close", closing); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// TestCloseWhileEverybodyIsAtWork closes a store under load: whoever comes too
// late is told so, and nobody waits for ever.
func TestCloseWhileEverybodyIsAtWork(t *testing.T) {
	onEachConfig(t, func(t *testing.T, config Config) {
		s, err := Open(background, config)
		if err != nil {
			t.Fatal(err)
		}
		addPortal(t, s, "p")
		work := map[string]func() error{
			"Read": func() error {
				return s.Read(background, func(tx *Tx) error { _, err := tx.Portal("p"); return err })
			},
			"Change": func() error { return s.Change(background, "p", nothing) },
			"Locate": func() error { _, err := s.Locate(background, Where{Host: "p.example"}, Known{}); return err },
		}
		started := make(chan struct{}, 100)
		workers := map[string]<-chan error{}
		for name, do := range work {
			for i := range 6 {
				workers[fmt.Sprint(name, " ", i)] = running(func() error {
					err := do()
					started <- struct{}{}
					for err == nil {
						err = do()
					}
					return err
				})
			}
		}
		for range workers {
			<-started
		}
		if err := within(t, "Close", running(s.Close)); err != nil {
			t.Errorf("Close: %v", err)
		}
		late := time.After(5 * time.Second)
		for name, worker := range workers {
			select {
			case err := <-worker:
				if !errors.Is(err, ErrBusy) {
					t.Errorf("%s, after Close: got %v, want ErrBusy", name, err)
				}
			case <-late:
				t.Errorf("%s hangs after Close", name)
				late = time.After(time.Millisecond)
			}
		}
	})
}
