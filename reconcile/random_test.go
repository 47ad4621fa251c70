package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/reconcile"
)

// The rule that the random wallets have, in whole major units.
const (
	ruleMin  = 20
	ruleUpTo = 100
)

// world is a wallet with its whole past, as a portal would tell it.
type world struct {
	operations    []docspace.Operation // the oldest first
	rule          *docspace.TopUpSettings
	subscriptions []reconcile.Subscription
	now           time.Time
	zone          *time.Location
	has           map[money.Currency]money.Amount
}

func cents(n int64, c money.Currency) money.Amount { return money.FromUnits(n*money.Scale/100, c) }

// post adds an operation at the world's time; below nought goes out.
func (w *world) post(o docspace.Operation, change money.Amount) {
	nought := money.FromUnits(0, change.Currency())
	o.Date, o.Credit, o.Debit = docspace.Time{Time: w.now.In(w.zone)}, nought, nought
	if change.Sign() < 0 {
		o.Debit = change.Neg()
	} else {
		o.Credit = change
	}
	w.operations = append(w.operations, o)
	has, err := w.of(change.Currency()).Add(change)
	if err != nil {
		panic(err)
	}
	w.has[change.Currency()] = has
}

func (w *world) of(c money.Currency) money.Amount {
	if has, ok := w.has[c]; ok {
		return has
	}
	return money.FromUnits(0, c)
}

// refill does what the rule says, as portals do.
func (w *world) refill() {
	if has := w.of("USD"); has.Units() < ruleMin*money.Scale {
		w.now = w.now.Add(2 * time.Minute)
		missing := ruleUpTo*money.Scale - has.Units()
		minor := int64(money.Scale / 100)
		missing = (missing + minor - 1) / minor * minor
		w.post(docspace.Operation{Type: docspace.DepositPayment, Details: docspace.AutomaticTopUp}, money.FromUnits(missing, "USD"))
	}
}

// clean makes a wallet in which nothing is wrong.
func clean(t *rapid.T) *world {
	w := &world{now: time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC), zone: time.UTC, has: map[money.Currency]money.Amount{}}
	whole := func(n int64) money.Amount { return money.FromUnits(n*money.Scale, "USD") }
	w.rule = &docspace.TopUpSettings{Enabled: true, MinBalance: whole(ruleMin), UpToBalance: whole(ruleUpTo), LastModified: docspace.Time{Time: w.now}}
	berlin := time.FixedZone("there", 2*60*60)
	for _, c := range []money.Currency{"USD", "EUR", "JPY"} {
		w.post(docspace.Operation{Type: docspace.DepositPayment}, cents(rapid.Int64Range(90_00, 500_00).Draw(t, "deposit"), c))
	}
	due := w.now.Add(time.Hour) // storage is had from the start
	renew := func() {
		for ; !due.After(w.now); due = due.AddDate(0, 1, 0) {
			at := w.now
			w.now = due
			w.refill()
			w.post(docspace.Operation{Type: docspace.ServicePayment, Service: "disk-storage", Quantity: 100, Details: "Automatic renewal"}, cents(-14_00, "USD"))
			w.refill()
			if at.After(w.now) {
				w.now = at
			}
		}
	}
	for n := range rapid.SampledFrom([]int{5, 20, 60, 90, 120}).Draw(t, "operations") {
		// Payments differ in who pays, so that none looks like another.
		who := fmt.Sprintf("user %d", n)
		if rapid.IntRange(0, 4).Draw(t, "same moment") > 0 {
			hours := rapid.SampledFrom([]int{0, 1, 20, 30, 50, 70}).Draw(t, "hours")
			w.now = w.now.Add(time.Duration(hours)*time.Hour + time.Duration(rapid.Int64Range(1, 3_600_000_000).Draw(t, "pause"))*time.Microsecond)
			renew()
		}
		if rapid.IntRange(0, 9).Draw(t, "moved") == 0 {
			w.zone = rapid.SampledFrom([]*time.Location{time.UTC, berlin}).Draw(t, "zone")
		}
		c := rapid.SampledFrom([]money.Currency{"USD", "EUR", "JPY"}).Draw(t, "currency")
		price := money.FromUnits(rapid.SampledFrom([]int64{1, 99, 7, 4, 9, 12}).Draw(t, "major")*money.Scale/8+rapid.Int64Range(1, money.Scale).Draw(t, "more"), c)
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			w.post(docspace.Operation{Type: docspace.DepositPayment, ParticipantName: who}, price)
		case 1:
			w.post(docspace.Operation{Type: docspace.GoodwillCredit, ParticipantName: who}, price)
		case 2: // paid and given back
			if w.of(c).Units() >= price.Units() {
				w.post(docspace.Operation{Type: docspace.ServicePayment, Service: "backup", Quantity: 1, ParticipantName: who}, price.Neg())
				w.post(docspace.Operation{Type: docspace.Refund, Service: "backup", ParticipantName: who}, price)
			}
		default:
			if w.of(c).Units() >= price.Units() {
				w.post(docspace.Operation{Type: docspace.ServicePayment, Service: "backup", Quantity: 1, ParticipantName: who}, price.Neg())
				w.refill()
			}
		}
	}
	// What tests look for is there at least once: three renewals, a payment that made the
	// wallet low, its top-up, and a payment that could be made again.
	for first := w.operations[0].Date; w.now.Before(first.AddDate(0, 2, 1)); {
		w.now = w.now.AddDate(0, 0, 20)
		renew()
	}
	for n := range 2 {
		w.now = w.now.Add(time.Hour)
		renew()
		price := int64(money.Scale)
		if n == 0 {
			price = w.of("USD").Units() - ruleMin/2*money.Scale
		}
		w.post(docspace.Operation{Type: docspace.ServicePayment, Service: "backup", Quantity: 1, ParticipantName: fmt.Sprintf("last user %d", n)}, money.FromUnits(-price, "USD"))
		w.refill()
	}
	w.subscriptions = []reconcile.Subscription{{Service: "disk-storage", Due: due}}
	return w
}

// facts are what the portal says beside the operations.
func (w *world) facts() reconcile.Facts {
	b := &docspace.Balance{}
	for _, c := range []money.Currency{"USD", "EUR", "JPY"} {
		b.SubAccounts = append(b.SubAccounts, docspace.SubAccount{Amount: w.of(c)})
	}
	return reconcile.Facts{Now: w.now, Balance: b, Quiet: true, Rule: w.rule, Subscriptions: w.subscriptions}
}

// reconciled adds all operations to a book, and closes it.
func (w *world) reconciled(t rapid.TB, c reconcile.Config) (*reconcile.Result, *reconcile.Memory) {
	t.Helper()
	book := reconcile.New(c)
	for i := range w.operations {
		if o := w.operations[i]; !o.Date.Before(c.From) {
			if err := book.Add(&o); err != nil {
				t.Fatal(err)
			}
		}
	}
	r, err := book.Close(w.facts())
	if err != nil {
		t.Fatal(err)
	}
	return r, book.Memory(w.facts())
}

func TestNothingIsFoundInCleanWallets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		r, memory := w.reconciled(t, reconcile.Config{})
		if r.Verdict() != reconcile.Agrees || len(r.Findings) > 0 {
			t.Fatalf("%s: %+v %v", r.Verdict(), r.Findings, r.Unproven)
		}
		// Nor in a part of one, nor by the next run.
		cut := w.operations[rapid.IntRange(0, len(w.operations)-1).Draw(t, "cut")].Date.Time
		part, _ := w.reconciled(t, reconcile.Config{From: cut, Earlier: memory})
		if part.Verdict() != reconcile.Unproven || len(part.Findings) > 0 {
			t.Fatalf("from %s: %s: %+v %v", cut, part.Verdict(), part.Findings, part.Unproven)
		}
		w.zone = time.FixedZone("elsewhere", -7*60*60) // the same moments
		for i := range w.operations {
			w.operations[i].Date.Time = w.operations[i].Date.In(w.zone)
		}
		w.now = w.now.Add(time.Hour)
		w.post(docspace.Operation{Type: docspace.DepositPayment, ParticipantName: "later"}, cents(5_00, "EUR"))
		next, _ := w.reconciled(t, reconcile.Config{Earlier: memory})
		if next.Verdict() != reconcile.Agrees || len(next.Findings) > 0 {
			t.Fatalf("next: %s: %+v", next.Verdict(), next.Findings)
		}
	})
}

// An opening that is known proves a part as well as the whole.
func TestAKnownOpeningProvesAPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		from := w.operations[rapid.IntRange(0, len(w.operations)-1).Draw(t, "cut")].Date.Time
		opening := map[money.Currency]money.Amount{"USD": cents(0, "USD"), "EUR": cents(0, "EUR"), "JPY": cents(0, "JPY")}
		for i := range w.operations {
			if change := fleet.Change(&w.operations[i]); w.operations[i].Date.Before(from) {
				sum, err := opening[change.Currency()].Add(change)
				if err != nil {
					t.Fatal(err)
				}
				opening[change.Currency()] = sum
			}
		}
		c := reconcile.Config{From: from, Opening: []money.Amount{opening["USD"], opening["EUR"], opening["JPY"]}}
		if r, _ := w.reconciled(t, c); r.Verdict() != reconcile.Agrees || len(r.Findings) > 0 {
			t.Fatalf("%s: %+v %v", r.Verdict(), r.Findings, r.Unproven)
		}
		wrong, err := c.Opening[1].Add(cents(1, "EUR"))
		if err != nil {
			t.Fatal(err)
		}
		c.Opening[1] = wrong
		r, _ := w.reconciled(t, c)
		must(t, r, reconcile.Gap, cents(-1, "EUR"))
	})
}

// must fails unless there is a finding of a code about an amount, and returns it.
func must(t rapid.TB, r *reconcile.Result, code reconcile.Code, amount money.Amount, operations ...docspace.Operation) reconcile.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Code == code && (amount.IsZero() || f.Amount == amount) && concerns(f, operations) {
			return f
		}
	}
	t.Fatalf("no %s of %s with %+v among %+v", code, amount, operations, r.Findings)
	return reconcile.Finding{}
}

func concerns(f reconcile.Finding, operations []docspace.Operation) bool {
	for _, o := range operations {
		if !slices.Contains(f.Operations, o) {
			return false
		}
	}
	return true
}

// only fails when anything else was found than codes.
func only(t rapid.TB, r *reconcile.Result, codes ...reconcile.Code) {
	t.Helper()
	for _, f := range r.Findings {
		if !slices.Contains(codes, f.Code) {
			t.Fatalf("found too: %+v", f)
		}
	}
}

// pick returns the place of an operation for which something holds.
func (w *world) pick(t *rapid.T, holds func(docspace.Operation) bool) int {
	var all []int
	for i, o := range w.operations {
		if holds(o) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		t.Fatal("there is none")
	}
	return rapid.SampledFrom(all).Draw(t, "place")
}

func anyOperation(docspace.Operation) bool { return true }

func TestADroppedOperationIsAGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		_, memory := w.reconciled(t, reconcile.Config{})
		i := w.pick(t, anyOperation)
		lost := w.operations[i]
		w.operations = slices.Delete(w.operations, i, i+1)
		r, _ := w.reconciled(t, reconcile.Config{Earlier: memory})
		must(t, r, reconcile.Gap, fleet.Change(&lost))
		if f := must(t, r, reconcile.Vanished, money.Amount{}); f.At.Format(time.DateOnly) != lost.Date.UTC().Format(time.DateOnly) || f.More != 1 {
			t.Fatalf("%+v, and it was of %s", f, lost.Date)
		}
		only(t, r, reconcile.Gap, reconcile.Vanished, reconcile.MissedRenewal)
	})
}

func TestAListedTwiceOperationIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		i := w.pick(t, anyOperation)
		again := w.operations[i]
		w.operations = slices.Insert(w.operations, i, again)
		r, _ := w.reconciled(t, reconcile.Config{})
		must(t, r, reconcile.ListedTwice, fleet.Change(&again), again, again)
		only(t, r, reconcile.ListedTwice)
	})
}

func TestAnOperationThatHappenedTwiceIsASuspicion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		i := w.pick(t, func(o docspace.Operation) bool {
			return o.Service == "backup" && o.Debit.Sign() > 0 && o.Debit.Units() <= w.of(o.Debit.Currency()).Units()
		})
		again := w.operations[i]
		change := fleet.Change(&again)
		again.Date.Time = again.Date.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "seconds")) * time.Second)
		w.operations = slices.Insert(w.operations, i+1, again)
		slices.SortStableFunc(w.operations, func(a, b docspace.Operation) int { return a.Date.Compare(b.Date.Time) })
		has, err := w.of(change.Currency()).Add(change)
		if err != nil {
			t.Fatal(err)
		}
		w.has[change.Currency()] = has
		r, _ := w.reconciled(t, reconcile.Config{})
		if f := must(t, r, reconcile.ChargedTwice, change, again); f.Severity != reconcile.Suspicious || len(f.Operations) != 2 {
			t.Fatalf("%+v", f)
		}
	})
}

func TestAnAlteredAmountIsAGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		_, memory := w.reconciled(t, reconcile.Config{})
		i := w.pick(t, func(o docspace.Operation) bool { return o.Credit.Sign() > 0 })
		more := money.FromUnits(rapid.Int64Range(1, 1000*money.Scale).Draw(t, "more"), w.operations[i].Credit.Currency())
		sum, err := w.operations[i].Credit.Add(more)
		if err != nil {
			t.Fatal(err)
		}
		w.operations[i].Credit = sum
		r, _ := w.reconciled(t, reconcile.Config{Earlier: memory})
		must(t, r, reconcile.Gap, more.Neg())
		must(t, r, reconcile.Vanished, money.Amount{})
	})
}

// What is dated before what was read past came late, and what was there under another
// date is gone.
func TestAShiftedDateIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		_, memory := w.reconciled(t, reconcile.Config{})
		i := w.pick(t, func(o docspace.Operation) bool {
			return o.Service != "disk-storage" && o.Date.After(w.operations[0].Date.Time)
		})
		w.operations[i].Date.Time = w.operations[i].Date.Add(-time.Duration(rapid.Int64Range(1, 1000).Draw(t, "microseconds")) * time.Microsecond)
		moved := w.operations[i]
		slices.SortStableFunc(w.operations, func(a, b docspace.Operation) int { return a.Date.Compare(b.Date.Time) })
		r, _ := w.reconciled(t, reconcile.Config{Earlier: memory})
		must(t, r, reconcile.Late, fleet.Change(&moved), moved)
		must(t, r, reconcile.Vanished, money.Amount{})
	})
}

func TestWhatComesLateIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		i := w.pick(t, func(o docspace.Operation) bool { return o.Date.Before(w.operations[len(w.operations)-1].Date.Time) })
		late := w.operations[i]
		before := *w
		before.operations = slices.Delete(slices.Clone(w.operations), i, i+1)
		_, memory := before.reconciled(t, reconcile.Config{})
		r, _ := w.reconciled(t, reconcile.Config{Earlier: memory})
		must(t, r, reconcile.Late, fleet.Change(&late), late)
	})
}

// Between two runs the wallet moves by something that is no operation.
func TestDriftIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		_, memory := w.reconciled(t, reconcile.Config{})
		w.now = w.now.Add(time.Hour)
		w.post(docspace.Operation{Type: docspace.GoodwillCredit, ParticipantName: "after"}, cents(7_00, "EUR"))
		after := w.operations[len(w.operations)-1]
		drift := money.FromUnits(rapid.Int64Range(1, money.Scale).Draw(t, "drift"), "EUR")
		has, err := w.of("EUR").Add(drift)
		if err != nil {
			t.Fatal(err)
		}
		w.has["EUR"] = has
		r, _ := w.reconciled(t, reconcile.Config{Earlier: memory})
		must(t, r, reconcile.Gap, drift)
		must(t, r, reconcile.Drift, drift, after)
		only(t, r, reconcile.Gap, reconcile.Drift)
		// Of a part, a gap can't be told, and drift can.
		r, _ = w.reconciled(t, reconcile.Config{From: memory.Through, Earlier: memory})
		must(t, r, reconcile.Drift, drift, after)
		only(t, r, reconcile.Drift)
		if r.Verdict() != reconcile.Disagrees {
			t.Fatal(r.Verdict())
		}
	})
}

func TestALeftOutRenewalIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		var renewals []int
		for i, o := range w.operations {
			if o.Service == "disk-storage" {
				renewals = append(renewals, i)
			}
		}
		if len(renewals) < 3 {
			t.Fatal("too few")
		}
		place := rapid.IntRange(1, len(renewals)-1).Draw(t, "which")
		lost := w.operations[renewals[place]]
		w.operations = slices.Delete(w.operations, renewals[place], renewals[place]+1)
		w.has["USD"] = add(t, w.of("USD"), lost.Debit) // it never happened
		r, _ := w.reconciled(t, reconcile.Config{})
		f := must(t, r, reconcile.MissedRenewal, money.Amount{}, w.operations[renewals[place-1]])
		if f.Severity != reconcile.Wrong || f.At.Sub(lost.Date.Time).Abs() > 24*time.Hour {
			t.Fatalf("%+v, and it was due %s", f, lost.Date)
		}
	})
}

func add(t rapid.TB, a, b money.Amount) money.Amount {
	t.Helper()
	sum, err := a.Add(b)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestASecondTopUpIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		i := w.pick(t, func(o docspace.Operation) bool { return o.Automatic() })
		first := w.operations[i]
		second := first
		second.Date.Time = first.Date.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second)
		for i+1 < len(w.operations) && !w.operations[i+1].Date.After(second.Date.Time) {
			i++
		}
		w.operations = slices.Insert(w.operations, i+1, second)
		w.has["USD"] = add(t, w.of("USD"), second.Credit)
		r, _ := w.reconciled(t, reconcile.Config{})
		f := must(t, r, reconcile.TopUpTwice, second.Credit, first, second)
		if f.Severity != reconcile.Wrong {
			t.Fatalf("%+v", f)
		}
	})
}

// Several at once are each found.
func TestSeveralFaultsAreEachFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := clean(t)
		i := w.pick(t, func(o docspace.Operation) bool { return o.Credit.Currency() == "EUR" })
		lost := w.operations[i]
		w.operations = slices.Delete(w.operations, i, i+1)
		j := w.pick(t, func(o docspace.Operation) bool { return o.Credit.Currency() == "JPY" })
		again := w.operations[j]
		w.operations = slices.Insert(w.operations, j, again)
		w.post(docspace.Operation{Type: docspace.ServicePayment, Service: "scan", Quantity: 1, ParticipantName: "x"}, cents(-1, "USD"))
		w.post(docspace.Operation{Type: docspace.Refund, Service: "scan", ParticipantName: "x"}, cents(3, "USD"))
		strange := w.operations[0]
		strange.Date, strange.Credit, strange.Debit = docspace.Time{Time: w.now}, cents(1, ""), cents(0, "")
		w.operations = append(w.operations, strange)
		r, _ := w.reconciled(t, reconcile.Config{})
		must(t, r, reconcile.Gap, fleet.Change(&lost))
		must(t, r, reconcile.ListedTwice, fleet.Change(&again), again)
		must(t, r, reconcile.OverRefund, cents(2, "USD"))
		must(t, r, reconcile.UnknownCurrency, money.Amount{}, strange)
	})
}
