package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/store"
)

// rest is how long a world is left alone at its end: longer than anything waits that
// is under way.
const rest = 45 * day

// end lets everything come to its end that is under way, without anybody wanting
// anything new and without faults, and looks at what came of the world.
func (w *world) end() {
	w.tally.portals = len(w.portals)
	w.tally.days, w.tally.steps, w.tally.charged = int64(w.clock.Now().Sub(w.began)/day), w.steps, w.bank.asked
	w.tally.faults = w.fate.counts
	w.fate.calm = true
	for until := w.clock.Now().Add(rest); w.failed == nil && w.clock.Now().Before(until); {
		w.step(until)
	}
	if w.failed != nil {
		return
	}
	w.look = w.clock.Now()
	w.step(w.look)
	if err := w.processes[0].service.Seal(w.ctx); err != nil {
		w.fail("", "seal: %v", err)
	}
	for _, p := range w.portals {
		w.touched[p.id] = true
	}
	w.check()
	w.verify()
	for _, p := range w.portals {
		if w.failed != nil {
			return
		}
		if err := w.read(p.final); err != nil {
			w.fail(p.id, "look at it at the end: %v", err)
		}
	}
	for _, r := range w.receivers {
		if err := w.read(r.final); err != nil {
			w.fail(r.portal, "look at a receiver at the end: %v", err)
		}
	}
	w.tally.mails = len(w.mailbox.got)
	if w.failed == nil {
		if err := w.finalJobs(); err != nil {
			w.fail("", "%v", err)
		}
	}
}

// facts are all that is kept of a portal's money.
type facts struct {
	transfers   map[ledger.Book][]ledger.Transfer
	byKey       map[string][]*ledger.Transfer
	collections []store.Collection
	holds       []ledger.Hold
}

func (p *portal) facts(tx *store.Tx) (*facts, error) {
	f := &facts{transfers: map[ledger.Book][]ledger.Transfer{}, byKey: map[string][]*ledger.Transfer{}}
	for _, book := range ledger.Books() {
		if err := tx.TransfersFrom(p.id, book, 1, math.MaxInt32, func(t *ledger.Transfer) error {
			f.transfers[book] = append(f.transfers[book], *t)
			return nil
		}); err != nil {
			return nil, err
		}
		for i := range f.transfers[book] {
			t := &f.transfers[book][i]
			if book == ledger.Main {
				f.byKey[t.Key] = append(f.byKey[t.Key], t)
			}
		}
	}
	var err error
	if f.collections, err = tx.CollectionsBefore(p.id, "", math.MaxInt64, math.MaxInt32); err != nil {
		return nil, err
	}
	f.holds, err = tx.HoldsBefore(p.id, "", p.world.clock.Now(), math.MaxInt64, math.MaxInt32)
	return f, err
}

// final looks at all that a portal came to.
func (p *portal) final(tx *store.Tx) error {
	f, err := p.facts(tx)
	if err != nil {
		return err
	}
	p.finalBank(f)
	if err := p.finalRefunds(tx, f); err != nil {
		return err
	}
	p.finalWishes(f)
	p.finalTopUps(f)
	p.finalHolds(f)
	p.finalTold(f)
	p.finalPeriods(f)
	p.world.tally.events += len(p.events)
	return nil
}

// finalBank holds the ledger against the bank's own books: all that the bank collected
// is in the wallet, once, and nothing else is.
func (p *portal) finalBank(f *facts) {
	w := p.world
	collected := map[string]sandbox.Record{}
	total := map[money.Currency]int64{}
	for _, r := range w.bank.books.All() {
		if r.Customer != p.id || r.Amount == (money.Amount{}) {
			continue
		}
		if r.State == payment.Settled {
			collected[r.ID] = r
			total[r.Amount.Currency()] += r.Amount.Units()
		}
	}
	settled := 0
	for _, c := range f.collections {
		id := billing.CollectionID(c)
		r, paid := collected[id]
		switch {
		case !c.Closed():
			w.fail(p.id, "collection %s is still %s", id, c.State)
		case paid != (c.State == store.CollectionSettled):
			w.fail(p.id, "collection %s is %s (%s), and the bank collected it: %t", id, c.State, c.Reason, paid)
		case paid && r.Amount != c.Amount:
			w.fail(p.id, "collection %s is of %s, and the bank collected %s", id, c.Amount, r.Amount)
		}
		w.tally.collections++
		if c.State == store.CollectionSettled {
			settled++
		} else {
			w.tally.declines++
		}
	}
	if settled != len(collected) {
		w.fail(p.id, "the bank collected %d times, and %d collections are settled", len(collected), settled)
	}
	into := map[string]int{}
	for _, t := range f.transfers[ledger.Main] {
		if t.Debit == ledger.Provider(w.bank.Name()) && t.Corrects == 0 {
			total[t.Amount.Currency()] -= t.Amount.Units()
			if into[t.Key]++; into[t.Key] > 1 {
				w.fail(p.id, "the money of %s is in the wallet twice", t.Key)
			}
		}
	}
	for currency, units := range total {
		if units != 0 {
			w.fail(p.id, "the bank collected %s more than is in the books", money.FromUnits(units, currency))
		}
	}
}

// finalRefunds looks whether the bank gave back what it was asked to, and no more.
func (p *portal) finalRefunds(tx *store.Tx, f *facts) error {
	w := p.world
	asked := map[int64]int64{} // by collection
	for _, i := range slices.Concat(p.over, p.intents) {
		r, err := tx.RefundByKey(p.id, i.key)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case r.State == store.RefundOpen:
			w.fail(p.id, "%s (%s) is still open", i.what, i.key)
		case r.State == store.RefundSettled:
			asked[r.Collection] += r.Amount.Units()
		}
	}
	told := map[string]int64{}
	for _, e := range p.events {
		var d event.ChargeRefunded
		if event.Type(e.Type) != event.TypeChargeRefunded {
			continue
		}
		if err := json.Unmarshal([]byte(e.Data), &d); err != nil {
			return err
		}
		amount, err := money.Parse(d.Amount.Amount, money.Currency(d.Amount.Currency))
		if err != nil {
			return err
		}
		told[d.Collection] += amount.Units()
	}
	for _, c := range f.collections {
		if id := billing.CollectionID(c); told[id] != asked[c.Number] {
			w.fail(p.id, "of %s, %s were told to be given back, and %s were", id, money.FromUnits(told[id], c.Amount.Currency()), money.FromUnits(asked[c.Number], c.Amount.Currency()))
		}
		given, err := w.bank.books.Refunded(w.ctx, p.id, billing.CollectionID(c))
		if err != nil && !errors.Is(err, payment.ErrNotFound) {
			return err
		}
		if given.Units() != asked[c.Number] {
			w.fail(p.id, "of %s the bank gave back %s, and %s are written down", billing.CollectionID(c), given, money.FromUnits(asked[c.Number], c.Amount.Currency()))
		}
	}
	return nil
}

// finalWishes looks whether what people were told is so: what was done is there once,
// what was refused is not, and of what nobody knows there is no more than one.
func (p *portal) finalWishes(f *facts) {
	w := p.world
	recorded := p.recorded
	for _, i := range slices.Concat(p.over, p.intents) {
		what, _, _ := strings.Cut(i.what, " of ")
		end := i.end
		if end == "" {
			end = "under way"
		}
		w.tally.ends[what+": "+end]++
		if i.end == "recorded" {
			recorded++
		}
		if i.amount == (money.Amount{}) {
			continue
		}
		n := len(f.byKey[i.key])
		switch {
		case i.end == "done" && n != 1, i.end == "refused" && n != 0, n > 1:
			w.fail(p.id, "%s (%s) was %s, and is there %d times", i.what, i.key, end, n)
		case n == 1 && f.byKey[i.key][0].Amount != i.amount:
			w.fail(p.id, "%s (%s) took %s", i.what, i.key, f.byKey[i.key][0].Amount)
		}
	}
	byHand := 0
	for _, t := range f.transfers[ledger.Main] {
		if t.Debit == ledger.Provider("manual") {
			byHand++
		}
	}
	if byHand < recorded {
		w.fail(p.id, "%d bank transfers were recorded, and %d are there", recorded, byHand)
	}
}

// finalHolds looks whether each hold has ended whose time is over, and whether others
// were told of those that expired.
func (p *portal) finalHolds(f *facts) {
	w := p.world
	told := map[string]int{}
	for _, e := range p.events {
		var d event.HoldExpired
		if event.Type(e.Type) != event.TypeHoldExpired {
			continue
		}
		if err := json.Unmarshal([]byte(e.Data), &d); err != nil {
			w.fail(p.id, "event %d: %v", e.Number, err)
		}
		told[d.Hold]++
	}
	for _, h := range f.holds {
		id, want := ledger.HoldID{Portal: p.id, Number: h.Number}.String(), 0
		if h.State == ledger.HoldExpired {
			want = 1
		}
		switch {
		case h.State == ledger.HoldOpen && h.ExpiresAt.Before(w.clock.Now()):
			w.fail(p.id, "the hold %s is open, and its time was over at %s", id, h.ExpiresAt)
		case told[id] != want:
			w.fail(p.id, "the hold %s is %s, and it was told %d times that it expired", id, h.State, told[id])
		}
		w.tally.ends["a hold: ended, "+string(h.State)]++
	}
}

// finalJobs looks at the jobs: none is dead, and those that are open wait for a moment
// to come.
func (w *world) finalJobs() error {
	jobs, err := w.processes[0].service.Jobs(w.ctx, store.JobKey{}, store.JobFilter{AllPortals: true}, billing.MaxJobs)
	if err != nil {
		return err
	}
	now := w.clock.Now()
	for _, j := range jobs {
		switch {
		case j.State == store.JobDead && strings.Contains(j.Error, "it may have been sent"):
			w.tally.ends["a mail: may have been sent, and is not sent again"]++
		case j.State == store.JobDead:
			return fmt.Errorf("the job %s %s of portal %s is dead: %s", j.Kind, j.Subject, j.PortalID, j.Error)
		case j.State == store.JobOpen && j.RunAt.Before(now.Add(-time.Minute)):
			return fmt.Errorf("the job %s %s of portal %s is open since %s", j.Kind, j.Subject, j.PortalID, j.RunAt)
		case j.State == store.JobOpen && j.Error != "":
			return fmt.Errorf("the job %s %s of portal %s fails still: %s", j.Kind, j.Subject, j.PortalID, j.Error)
		}
	}
	return nil
}
