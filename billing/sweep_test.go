package billing_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// deeds are all ways in which money and what the portal has change together: what is
// there before, and what is done, which may be done again.
var deeds = map[string]struct {
	before func(d *desk)
	do     func(ctx context.Context, d *desk, me *billing.Caller) error
}{
	"the first purchase": {nil, func(ctx context.Context, d *desk, me *billing.Caller) error {
		_, err := d.Purchase(ctx, me, "k", "storage", 100)
		return err
	}},
	"a purchase that costs nothing": {
		func(d *desk) {
			d.must(d.Purchase(d.t.Context(), d.me(), "j", "storage", 100))
			d.clock.Move(25 * day)
		},
		func(ctx context.Context, d *desk, me *billing.Caller) error {
			_, err := d.Purchase(ctx, me, "k", "storage", 1)
			return err
		},
	},
	"a plan from the wallet": {nil, func(ctx context.Context, d *desk, me *billing.Caller) error {
		_, err := d.Purchase(ctx, me, "k", "adminwallet", 5)
		return err
	}},
	"a bigger plan": {func(d *desk) { d.subscribe(5) }, func(ctx context.Context, d *desk, me *billing.Caller) error {
		_, _, err := d.ChangePlan(ctx, me, "k", "admin", 10, here)
		return err
	}},
	"a smaller plan": {func(d *desk) { d.subscribe(5) }, func(ctx context.Context, d *desk, me *billing.Caller) error {
		_, _, err := d.ChangePlan(ctx, me, "k", "admin", 2, here)
		return err
	}},
	"a page that is paid": {func(d *desk) { d.pageFor(order) }, func(ctx context.Context, d *desk, me *billing.Caller) error {
		return d.Receive(ctx, d.bank.pays("c1.p", "card"))
	}},
	"a move without a collection": {func(d *desk) { d.subscribe(10) }, func(ctx context.Context, d *desk, me *billing.Caller) error {
		_, _, err := d.MoveToWallet(ctx, me, "k", "adminwallet", 5)
		return err
	}},
	"a move with one": {func(d *desk) { d.subscribe(10) }, func(ctx context.Context, d *desk, me *billing.Caller) error {
		_, _, err := d.MoveToWallet(ctx, me, "k", "adminwallet", 100)
		return err
	}},
	"credit of AI": {nil, func(ctx context.Context, d *desk, me *billing.Caller) error {
		_, err := d.CreditAI(ctx, me, "k", amount("10 USD"))
		return err
	}},
	"a refund": {func(d *desk) { d.subscribe(5) }, func(ctx context.Context, d *desk, me *billing.Caller) error {
		return d.Receive(ctx, refunded("c1.p", "60 USD"))
	}},
	"a renewal from the wallet": {
		func(d *desk) {
			d.must(d.Purchase(d.t.Context(), d.me(), "j", "storage", 100))
			d.clock.Set(d.of(-11).DueAt.Add(-day))
		},
		func(ctx context.Context, d *desk, _ *billing.Caller) error { return d.works(ctx) },
	},
	"a renewal with fewer": {
		func(d *desk) {
			d.must(d.Purchase(d.t.Context(), d.me(), "j", "storage", 300))
			d.must(d.Schedule(d.t.Context(), d.me(), "storage", number(100)))
			d.clock.Set(d.of(-11).DueAt)
		},
		func(ctx context.Context, d *desk, _ *billing.Caller) error { return d.works(ctx) },
	},
	"a renewal by card": {
		func(d *desk) {
			d.subscribe(5)
			d.clock.Set(d.of(-9).DueAt.Add(-day))
		},
		func(ctx context.Context, d *desk, _ *billing.Caller) error { return d.works(ctx) },
	},
	"a service that is not paid": {
		func(d *desk) {
			d.must(d.Purchase(d.t.Context(), d.me(), "j", "storage", 1000))
			d.runUntil(d.of(-11).DueAt)
			d.clock.Set(d.of(-11).DueAt.Add(3 * day))
		},
		func(ctx context.Context, d *desk, _ *billing.Caller) error { return d.works(ctx) },
	},
	"a new card": {func(d *desk) { d.subscribe(5) }, func(ctx context.Context, d *desk, me *billing.Caller) error {
		return d.Receive(ctx, payment.Event{Kind: payment.MethodSaved, Customer: "p", Method: method("new"), At: d.clock.Now()})
	}},
}

// standing is what a portal has, and what the house has earned by it.
func (d *desk) standing() string {
	d.t.Helper()
	text := "revenue " + d.sums(ledger.Revenue, "USD")
	for _, r := range d.rows() {
		text += fmt.Sprintf("; %d of %d at %s", r.Quantity, r.PlanID, r.Rate)
	}
	on, err := d.EnabledServices(d.me())
	d.must(err)
	return text + fmt.Sprint("; ", on.Plans)
}

// all is standing with all money.
func (d *desk) all() string {
	info, err := d.CustomerInfo(d.me())
	d.must(err)
	w, err := d.Wallet(d.t.Context(), "p")
	d.must(err)
	text := d.standing() + "; card " + info.Method
	for _, p := range w.Pockets {
		text += fmt.Sprintf("; %s %s", p.Book, p.Available)
	}
	return text + fmt.Sprintf("; %d charges", len(d.bank.journal.All()))
}

// sweep does a deed that is broken off in some way, and checks that it was done whole
// or not at all; and that the same again does the rest, once.
func sweep(t *testing.T, name string, config store.Config, broken func(d *desk, do func(ctx context.Context) error) error) (failed bool) {
	t.Helper()
	deed := deeds[name]
	start := func(config store.Config) *desk {
		d := newDesk(t, config, "200 USD")
		if deed.before != nil {
			deed.before(d)
		}
		return d
	}
	whole := start(inMemory)
	before := whole.standing()
	whole.must(deed.do(t.Context(), whole, whole.me()))
	after, all := whole.standing(), whole.all()

	d := start(config)
	me := d.me()
	err := broken(d, func(ctx context.Context) error { return deed.do(ctx, d, me) })
	if got := d.standing(); got != before && got != after {
		t.Errorf("%s, broken off (%v): %s\nbefore: %s\nafter: %s", name, err, got, before, after)
	}
	d.clock.Move(time.Minute + time.Second)
	for range 2 {
		if err := deed.do(t.Context(), d, d.me()); err != nil {
			t.Errorf("%s, again: %v", name, err)
		}
	}
	if got := d.all(); got != all {
		t.Errorf("%s, again: %s, want %s", name, got, all)
	}
	d.sound()
	return err != nil
}

// A statement that fails, whichever it is, leaves nothing half done.
func TestStatementThatFailsLeavesNoHalf(t *testing.T) {
	faults := []string{
		"UPDATE ON portal", "INSERT ON subscription", "DELETE ON subscription", "INSERT ON transfer", "INSERT ON done", "INSERT ON pocket", "UPDATE ON pocket",
		"UPDATE ON book", "INSERT ON collection", "UPDATE ON collection", "UPDATE ON customer", "INSERT ON audit", "INSERT ON costless", "INSERT ON enabled_service", "INSERT ON event", "UPDATE ON job",
	}
	least := 2
	if testing.Short() { // a few, which each deed meets at least one of
		faults, least = []string{"UPDATE ON portal", "INSERT ON transfer", "INSERT ON audit"}, 1
	}
	for name := range deeds {
		t.Run(name, func(t *testing.T) {
			hit := 0
			for _, fault := range faults {
				dir := t.TempDir()
				if sweep(t, name, store.Config{Dir: dir, NoSync: true}, func(d *desk, do func(context.Context) error) error {
					file := url.URL{Scheme: "file", Path: filepath.Join(dir, "bursar.db")}
					db, err := sql.Open("sqlite", file.String())
					d.must(err)
					defer db.Close()
					d.must(db.Exec("CREATE TRIGGER fault BEFORE " + fault + " BEGIN SELECT RAISE(ABORT, 'the disk is bad'); END"))
					failure := do(t.Context())
					d.must(db.Exec("DROP TRIGGER fault"))
					return failure
				}) {
					hit++
				}
			}
			if hit < least {
				t.Errorf("only %d of %d made it fail", hit, len(faults))
			}
		})
	}
}

// fuse is a context that ends the nth time that anybody asks whether it has.
type fuse struct {
	context.Context
	mu   sync.Mutex
	left int
	done chan struct{}
}

func newFuse(n int) *fuse { return &fuse{Context: background, left: n, done: make(chan struct{})} }

func (f *fuse) burn() (over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left == 0 {
		close(f.done)
	}
	return f.left <= 0
}

// burnt reports whether it has ended, without asking it.
func (f *fuse) burnt() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left <= 0
}

func (f *fuse) Done() <-chan struct{} { f.burn(); return f.done }

func (f *fuse) Err() error {
	if f.burn() {
		return context.Canceled
	}
	return nil
}

// Whenever the caller goes away, nothing is half done.
func TestCallerWhoGoesAwayLeavesNoHalf(t *testing.T) {
	for name := range deeds {
		t.Run(name, func(t *testing.T) {
			failed, least, stride := 0, 3, 3
			if testing.Short() {
				least, stride = 1, 1
			}
			for n := 1; n < 600; n += 1 + n/stride {
				if sweep(t, name, inMemory, func(_ *desk, do func(context.Context) error) error { return do(newFuse(n)) }) {
					failed++
				}
			}
			if failed < least {
				t.Errorf("it was broken off %d times", failed)
			}
		})
	}
}
