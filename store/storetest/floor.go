package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// putFloor sets a floor of a portal, and the rule that asks for it.
func putFloor(t *testing.T, s *store.Store, portalID string, floor money.Amount) {
	t.Helper()
	change(t, s, portalID, func(tx *store.Tx) error {
		if err := tx.LockBook(portalID, ledger.Main); err != nil {
			return err
		}
		if err := tx.EnsurePocket(ledger.Main, floor.Currency()); err != nil {
			return err
		}
		target, err := floor.Add(floor)
		return errors.Join(err,
			tx.PutTopUpRule(store.TopUpRule{MinBalance: floor, UpTo: target, ModifiedAt: epoch}),
			tx.PutFloor(ledger.Main, floor.Currency(), floor, epoch))
	})
}

// topUpOf returns the job that tops a portal's wallet up; nil when it was never caused.
func topUpOf(t *testing.T, s *store.Store, portalID string) (found *store.Job) {
	t.Helper()
	read(t, s, func(tx *store.Tx) error {
		job, err := tx.Job(store.JobKey{PortalID: portalID, Kind: store.JobTopUp})
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		found = &job
		return err
	})
	return found
}

// rung reports whether somebody was told since the last time.
func rung(s *store.Store) bool {
	select {
	case <-s.JobsCaused():
		return true
	default:
		return false
	}
}

// floors are noticed in the commit that falls below them, whichever way it takes, and
// however the floor came to be.
func floors(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	must(t, s, ask("credit", credit(usd(100))), ask("first", charge(usd(10)))) // the book is remembered from here on
	putFloor(t, s, "p", usd(50))
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	open := func(seconds int, round int64) *store.Job {
		return &store.Job{PortalID: "p", Kind: store.JobTopUp, State: store.JobOpen, RunAt: at(seconds), Round: round, CausedAt: at(seconds), ChangedAt: at(seconds)}
	}
	want := (*store.Job)(nil)
	alone := func(second int, key string, do ledger.Action) error {
		return postAt(t, s, at(second), ask(key, do))[0].Err
	}
	also := func(second int, key string, do ledger.Action) error {
		results, err := s.Post(t.Context(), store.Post{Requests: []ledger.Request{ask(key, do)}, Now: at(second), Also: func(*store.Tx, []ledger.Result) error { return nil }})
		return errors.Join(err, results[0].Err)
	}
	within := func(second int, key string, do ledger.Action) error {
		return s.Change(t.Context(), "p", func(tx *store.Tx) error {
			results, err := tx.CarryOut(at(second), []ledger.Request{ask(key, do)})
			return errors.Join(err, results[0].Err)
		})
	}
	rehearsed := func(second int, key string, do ledger.Action) error {
		results, err := s.Post(t.Context(), store.Post{Requests: []ledger.Request{ask(key, do)}, Now: at(second), Rehearse: true})
		return errors.Join(err, results[0].Err)
	}
	for i, step := range []struct {
		by     func(second int, key string, do ledger.Action) error
		key    string
		do     ledger.Action
		err    error
		caused bool // a round begins
	}{
		{alone, "to the floor", charge(usd(40)), nil, false},
		{rehearsed, "not really", charge(usd(1)), nil, false},
		{alone, "too much", charge(usd(51)), ledger.ErrInsufficient, false},
		{alone, "below", charge(usd(1)), nil, true}, // 49
		{alone, "below", charge(usd(1)), nil, false},
		{alone, "further below", charge(usd(9)), nil, false}, // 40
		{alone, "up", credit(usd(60)), nil, false},           // 100
		{also, "down by a post of its own", charge(usd(60)), nil, true},
		{also, "up again", credit(usd(60)), nil, false}, // 100
		{within, "down in a change", charge(usd(60)), nil, true},
		{within, "up in a change", credit(usd(60)), nil, false}, // 100
		{alone, "a hold", reserve(usd(51)), nil, true},          // 49, 51 held
		{alone, "no hold", ledger.Void{Hold: 1}, nil, false},    // 100
		{alone, "for AI", buyAI(usd(70)), nil, true},            // 30
	} {
		if step.caused && want != nil { // it was done meanwhile
			for _, job := range claimAt(t, s, at(i+1)) {
				change(t, s, "p", func(tx *store.Tx) error { return tx.EndJob(at(i+1), job, store.JobEnd{}) })
			}
		}
		rung(s)
		mustBe(t, step.key, step.by(i+1, step.key, step.do), step.err)
		if step.caused {
			round, fence := int64(1), int64(0)
			if want != nil {
				round, fence = want.Round+1, want.Fence+1
			}
			want = open(i+1, round)
			want.Fence = fence
		}
		diff(t, "the job after "+step.key, topUpOf(t, s, "p"), want)
		if got := rung(s); got != step.caused {
			t.Errorf("%s: somebody was told: %t", step.key, got)
		}
	}
	verify(t, s)
}

// claimAt takes all jobs that are due.
func claimAt(t *testing.T, s *store.Store, now time.Time) []store.Job {
	t.Helper()
	jobs, err := s.ClaimJobs(t.Context(), now, time.Minute, 100)
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// jobsThatAreThere are caused again only where they ended; an open one comes earlier,
// unless it failed or somebody is at it.
func jobsThatAreThere(t *testing.T, s *store.Store) {
	later, fallen := epoch.Add(time.Hour), epoch.Add(time.Minute)
	for name, leave := range map[string]func(tx *store.Tx, job store.Job) (want store.Job, err error){
		"done": func(tx *store.Tx, job store.Job) (store.Job, error) {
			err := tx.EndJob(epoch, job, store.JobEnd{Input: "{}"})
			job.Leased, job.RunAt, job.Round, job.CausedAt = false, fallen, 2, fallen
			return job, err
		},
		"dead": func(tx *store.Tx, job store.Job) (store.Job, error) {
			err := tx.FailJob(epoch, job, time.Time{}, "why")
			job.Leased, job.RunAt, job.Round, job.CausedAt = false, fallen, 2, fallen
			return job, err
		},
		"waiting": func(tx *store.Tx, job store.Job) (store.Job, error) {
			err := tx.EndJob(epoch, job, store.JobEnd{RunAt: later, Input: "{}"})
			job.Leased, job.RunAt, job.Input = false, fallen, "{}"
			return job, err
		},
		"failed": func(tx *store.Tx, job store.Job) (store.Job, error) {
			err := tx.FailJob(epoch, job, later, "why")
			job.Leased, job.RunAt, job.Attempt, job.Error, job.ChangedAt = false, later, 1, "why", epoch
			return job, err
		},
		"taken": func(_ *store.Tx, job store.Job) (store.Job, error) { return job, nil },
	} {
		t.Run(name, func(t *testing.T) {
			id := "p-" + name
			addPortals(t, s, id)
			must(t, s, askOf(id, "credit", credit(usd(100))))
			putFloor(t, s, id, usd(50))
			must(t, s, askOf(id, "below", charge(usd(51))))
			must(t, s, askOf(id, "above", credit(usd(51))))
			jobs := claimAt(t, s, epoch)
			if len(jobs) != 1 || jobs[0].PortalID != id {
				t.Fatalf("got %+v", jobs)
			}
			var want store.Job
			change(t, s, id, func(tx *store.Tx) (err error) { want, err = leave(tx, jobs[0]); return err })
			if name != "taken" && name != "failed" {
				want.ChangedAt = fallen
			}
			if r := postAt(t, s, fallen, askOf(id, "again", charge(usd(51))))[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
			diff(t, "the job", topUpOf(t, s, id), &want)
		})
	}
}

// floorsInOneBatch are noticed for each wallet; one that fell and rose is not.
func floorsInOneBatch(t *testing.T, s *store.Store) {
	ids := []string{"c", "a", "b", "rose", "none", "euro", "ai"}
	addPortals(t, s, ids...)
	var below []ledger.Request
	for _, id := range ids {
		must(t, s, askOf(id, "credit", credit(usd(100))), askOf(id, "euros", credit(eur(100))), askOf(id, "ai", buyAI(usd(10))))
		below = append(below, askOf(id, "below", charge(usd(41))))
	}
	for _, id := range []string{"a", "b", "c", "rose"} {
		putFloor(t, s, id, usd(50))
	}
	putFloor(t, s, "euro", eur(50))
	change(t, s, "b", func(tx *store.Tx) error { return tx.PutFloor(ledger.Main, "EUR", eur(100), epoch) })
	change(t, s, "ai", func(tx *store.Tx) error { return tx.PutFloor(ledger.AI, "USD", usd(10), epoch) })
	below = append(below, askOf("b", "euros below", charge(eur(1))), askOf("rose", "up", credit(usd(1))),
		askOf("ai", "spent", ledger.Post{{Book: ledger.AI, Debit: ledger.Wallet, Credit: ledger.Revenue, Amount: usd(1), Type: ledger.AIServicePayment}}))
	must(t, s, below...)
	for _, id := range ids {
		if want, got := id == "a" || id == "b" || id == "c", topUpOf(t, s, id); want != (got != nil) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	// A floor that is no more.
	change(t, s, "euro", func(tx *store.Tx) error { return tx.PutFloor(ledger.Main, "EUR", money.Amount{}, epoch) })
	must(t, s, askOf("euro", "euros below", charge(eur(60))))
	if got := topUpOf(t, s, "euro"); got != nil {
		t.Errorf("nobody wants to know, and %+v", got)
	}
	err := s.Change(t.Context(), "p", func(tx *store.Tx) error { return tx.PutFloor(ledger.Main, "USD", eur(1), epoch) })
	if err == nil {
		t.Error("dollars have a floor in euros")
	}
}
