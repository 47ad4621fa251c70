package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/wallet"
)

// A write that a fault stops before its end is not there; one that is reported lost
// after it, is.
func TestFaultsHappenAtTheirMoments(t *testing.T) {
	onEachConfig(t, func(t *testing.T, config Config) {
		var (
			asked []Moment
			stop  Moment
		)
		lost := errors.New("lost")
		config.Fault = func(m Moment) error {
			asked = append(asked, m)
			if m == stop {
				return lost
			}
			return nil
		}
		s := openWith(t, config)
		if err := s.CreatePortal(t.Context(), Portal{ID: "p", CreatedAt: epoch}, nil, func(*Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		inOne := s.server != nil // the poster's writes are one statement
		for n, moment := range []Moment{"", BeforeWrite, BeforeCommit, AfterCommit} {
			stop = moment
			key := fmt.Sprintf("k%d", n)
			for what, do := range map[string]func() error{
				"change": func() error {
					return s.Change(t.Context(), "p", func(tx *Tx) error { return tx.UpdatePortal(Portal{ID: "p", Name: key}) })
				},
				"post": func() error {
					_, err := s.Post(t.Context(), Post{Now: epoch, Requests: []ledger.Request{{
						Portal: "p", Key: key, Do: wallet.Goodwill(wallet.Payment{Amount: usd(1)}),
					}}})
					return err
				},
			} {
				asked = nil
				err := do()
				want := []Moment{BeforeWrite, BeforeCommit, AfterCommit}
				if what == "post" && inOne {
					want = []Moment{BeforeWrite, AfterCommit}
				}
				place := slices.Index(want, stop)
				if place >= 0 {
					want = want[:place+1]
				}
				if !slices.Equal(asked, want) || errors.Is(err, lost) != (place >= 0) {
					t.Errorf("%s that is stopped %q: %v at %q, want %q", what, stop, err, asked, want)
				}
				done := false
				if err := s.Read(t.Context(), func(tx *Tx) error {
					portal, err := tx.Portal("p")
					if err != nil {
						return err
					}
					made, err := tx.Done("p", key)
					done = what == "change" && portal.Name == key || what == "post" && made != nil
					return err
				}); err != nil {
					t.Fatal(err)
				}
				if durable := place < 0 || stop == AfterCommit; done != durable {
					t.Errorf("%s that is stopped %q was done: %t", what, stop, done)
				}
			}
		}
	})
}
