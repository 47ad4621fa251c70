package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// ways are how a portal that addPortals made is found.
func ways(id string) []store.Where {
	return []store.Where{{Host: id + ".example"}, {PortalID: id}}
}

func portalsAreFound(t *testing.T, s *store.Store) {
	missed := map[store.Where]store.Known{}
	for _, where := range append(ways("p"), store.Where{}) {
		known, err := s.Locate(t.Context(), where, store.Known{})
		mustBe(t, "before there is one", err, store.ErrNotFound)
		missed[where] = known
	}
	addPortals(t, s, "p")
	for where, known := range missed {
		found, err := s.Locate(t.Context(), where, known)
		if err != nil || found.PortalID != "p" || found.Version != 1 || found.Money != 0 {
			t.Errorf("%+v: %+v, %v", where, found, err)
		}
		missed[where] = found
	}
	addPortals(t, s, "q")
	_, err := s.Locate(t.Context(), store.Where{}, missed[store.Where{}])
	mustBe(t, "the only one of two", err, store.ErrNotFound)
	mustBe(t, "the same again", s.CreatePortal(t.Context(), store.Portal{ID: "p", CreatedAt: epoch}, nil, nothing), store.ErrExists)
	mustBe(t, "its host again", s.CreatePortal(t.Context(), store.Portal{ID: "r", CreatedAt: epoch}, []string{"q.example"}, nothing), store.ErrExists)
	_, err = s.Locate(t.Context(), store.Where{PortalID: "r"}, store.Known{})
	mustBe(t, "one that came to nothing", err, store.ErrNotFound)
	mustBe(t, "its books", post(t, s, askOf("r", "k", credit(usd(1))))[0].Err, ledger.ErrNoPortal)
	diff(t, "verified", verify(t, s), store.Verified{Portals: 2})
}

func nothing(*store.Tx) error { return nil }

// locatingIsNeverBehind holds what was known before a commit against what is after.
func locatingIsNeverBehind(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	known := map[store.Where]store.Known{}
	look := func(where store.Where) store.Known {
		t.Helper()
		found, err := s.Locate(t.Context(), where, known[where])
		if err != nil {
			t.Fatal(err)
		}
		known[where] = found
		return found
	}
	for _, step := range []struct {
		name           string
		do             func() error
		version, money int64 // how much they grow; money: at least
	}{
		{"nothing", func() error { return nil }, 0, 0},
		{"change", func() error { return s.Change(t.Context(), "p", nothing) }, 1, 0},
		{"post", func() error { must(t, s, ask("c1", credit(usd(100)))); return nil }, 0, 1},
		{"post again", func() error { must(t, s, ask("c2", credit(usd(100)))); return nil }, 0, 1},
		{"post of two", func() error { must(t, s, ask("c3", credit(usd(1))), ask("c4", charge(usd(1)))); return nil }, 0, 1},
		{"replay", func() error { must(t, s, ask("c1", credit(usd(100)))); return nil }, 0, 0},
		{"refusal", func() error { post(t, s, ask("no", charge(usd(1000)))); return nil }, 0, 0},
		{"AI", func() error { must(t, s, ask("ai", buyAI(usd(10)))); return nil }, 0, 1},
		{"hold", func() error { must(t, s, ask("h1", reserve(usd(10)))); return nil }, 0, 1},
		{"extend", func() error { must(t, s, ask("x1", ledger.Extend{Hold: 1, For: time.Second})); return nil }, 0, 1},
		{"void", func() error { must(t, s, ask("v1", ledger.Void{Hold: 1})); return nil }, 0, 1},
		{"post and also", func() error {
			_, err := s.Post(t.Context(), store.Post{
				Requests: []ledger.Request{ask("a", credit(usd(1)))}, Now: epoch,
				Also: func(*store.Tx, []ledger.Result) error { return nil },
			})
			return err
		}, 0, 1},
		{"change that moves money", func() error {
			return s.Change(t.Context(), "p", func(tx *store.Tx) error {
				_, err := tx.CarryOut(epoch, []ledger.Request{ask("m", credit(usd(1)))})
				return err
			})
		}, 1, 1},
		{"the other portal", func() error { must(t, s, askOf("q", "c1", credit(usd(1)))); return nil }, 0, 0},
	} {
		for _, where := range ways("p") {
			look(where)
		}
		before := known[store.Where{PortalID: "p"}]
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		for _, where := range ways("p") {
			after := look(where)
			if after.Version != before.Version+step.version || after.Money < before.Money+step.money || step.money == 0 && after.Money != before.Money {
				t.Errorf("%s: %+v, after %+v", step.name, after.Address, before.Address)
			}
		}
	}
}

// manyPortals makes so many that what goes by portal goes around several times.
func manyPortals(t *testing.T, s *store.Store, n int) []string {
	t.Helper()
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("p%03d", i))
	}
	addPortals(t, s, ids...)
	return ids
}
