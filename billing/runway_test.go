package billing_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// spend has the wallet pay so much on each of some days, at noon.
func (d *desk) spend(days int, texts ...string) {
	d.t.Helper()
	for n := range days {
		d.clock.Move(day)
		d.due()
		d.charge(fmt.Sprintf("%s %d", d.clock.Now(), n), "backup", texts[n%len(texts)])
	}
}

func (d *desk) charge(key, service, text string) billing.Receipt {
	d.t.Helper()
	receipt, err := d.CarryOne(d.t.Context(), billing.Order{PortalID: "p", Key: key, What: billing.Charge{
		Service: service, Quantity: 1, Amount: amount(text), Participant: "nightly",
	}})
	if err != nil {
		d.t.Fatal(err)
	}
	return receipt
}

// due does all jobs that are due.
func (d *desk) due() {
	d.t.Helper()
	for {
		jobs, err := d.ClaimJobs(d.t.Context(), 100)
		if err != nil {
			d.t.Fatal(err)
		}
		if len(jobs) == 0 {
			return
		}
		for _, job := range jobs {
			d.must(d.RunJob(d.t.Context(), job))
		}
	}
}

func (d *desk) runway() billing.Runway {
	d.t.Helper()
	all, err := d.Runway(d.t.Context(), "p")
	if err != nil || len(all) != 1 {
		d.t.Fatalf("%+v, %v", all, err)
	}
	return all[0]
}

func same(days int) wallet.Band {
	return wallet.Band{Pessimistic: days, Likely: days, Optimistic: days}
}

func TestRunwayOfAWallet(t *testing.T) {
	d := newDesk(t, inMemory, "1000 USD")
	if r := d.runway(); r.Known || r.HistoryDays != 0 || r.Available != amount("1000 USD") || !r.EmptyAt().IsZero() {
		t.Errorf("at the beginning: %+v", r)
	}
	d.spend(14, "10 USD")
	if r := d.runway(); r.Known || r.HistoryDays != 13 {
		t.Errorf("after 13 whole days: %+v", r)
	}
	d.spend(1, "10 USD")
	r := d.runway()
	if !r.Known || r.HistoryDays != 14 || r.Alone != same(85) || r.Refilled || r.Weekly.Likely != amount("70 USD") {
		t.Errorf("after 14 whole days: %+v", r)
	}
	if want := d.clock.Now().AddDate(0, 0, 85); !r.EmptyAt().Equal(want) {
		t.Errorf("empty at %s, not %s", r.EmptyAt(), want)
	}

	// What is taken back was not spent, what moved to the AI credit was; what is held
	// can't be spent.
	wrong := d.charge("wrong", "backup", "70 USD")
	d.must(d.CarryOne(t.Context(), billing.Order{PortalID: "p", Key: "right", What: billing.Correction{Transfer: wrong.Transfer, Reason: "twice"}}))
	_, err := d.CreditAI(t.Context(), d.me(), "ai", amount("35 USD"))
	d.must(err)
	d.must(d.CarryOne(t.Context(), billing.Order{PortalID: "p", Key: "hold", What: billing.Reservation{
		Charge: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("15 USD")}, For: 10 * day,
	}}))
	d.spend(1, "10 USD") // 790 are left
	r = d.runway()
	if r.Weekly.Pessimistic != amount("105 USD") || r.Weekly.Optimistic != amount("70 USD") || r.Available != amount("790 USD") {
		t.Errorf("with corrections: %+v", r)
	}

	if _, err := d.Runway(t.Context(), "nobody"); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("of no portal: %v", err)
	}
	d.addPortal("poor")
	if all, err := d.Runway(t.Context(), "poor"); len(all) != 0 || err != nil {
		t.Errorf("of no customer: %+v, %v", all, err)
	}
}

// What renews from the wallet is foretold, and not what it was paid with.
func TestRunwayForetellsRenewals(t *testing.T) {
	d := newDesk(t, inMemory, "1000 USD")
	d.subscribe(5) // by card: that is no matter of the wallet
	d.spend(10, "10 USD")
	d.must(d.Purchase(t.Context(), d.me(), "s", "storage", 1000)) // 140 a month
	bought := d.clock.Now()
	d.spend(8, "10 USD")
	r := d.runway()
	if r.Weekly.Likely != amount("70 USD") || len(r.Scheduled) != 12 || r.Scheduled[0].Amount != amount("140 USD") {
		t.Fatalf("%+v", r)
	}
	if due := r.Scheduled[0].At; due.Before(bought.AddDate(0, 1, -1)) || due.After(bought.AddDate(0, 1, 1)) {
		t.Errorf("bought on %s, due on %s", bought, due)
	}
	// 680 last for 23 days, then there are 450 less 140: 31 more, and then 140 are due.
	if r.Alone.Likely < 48 || r.Alone.Likely > 54 {
		t.Errorf("%+v of %s", r.Alone, r.Available)
	}
	// None of it, from the next period on.
	d.must(d.Schedule(t.Context(), d.me(), "storage", number(0)))
	if r := d.runway(); len(r.Scheduled) != 0 {
		t.Errorf("cancelled: %+v", r.Scheduled)
	}
}

// lows are the events of a wallet that does not last.
func (d *desk) lows() (all []event.RunwayLow) {
	d.t.Helper()
	d.must(d.store.Read(d.t.Context(), func(tx *store.Tx) error {
		rows, err := tx.EventsOf("p", 0, 1000)
		for _, row := range rows {
			if row.Type == string(event.TypeRunwayLow) {
				var low event.RunwayLow
				d.must(json.Unmarshal([]byte(row.Data), &low))
				all = append(all, low)
			}
		}
		return err
	}))
	return all
}

// A wallet that does not last for a week is told of once, and again when it was saved
// meanwhile.
func TestRunwayLowIsToldOnce(t *testing.T) {
	d := newDesk(t, inMemory, "240 USD")
	credit := func(key, text string) {
		d.must(d.CarryOne(t.Context(), billing.Order{PortalID: "p", Key: key, What: billing.Credit{Amount: amount(text), Reason: "more"}}))
	}
	d.spend(17, "10 USD")
	if got := d.lows(); len(got) != 0 {
		t.Fatalf("70 USD last for a week: %+v", got)
	}
	d.clock.Move(day)
	d.spend(3, "10 USD")
	got := d.lows()
	if len(got) != 1 || got[0].WarnDays != 7 || got[0].Days >= 7 || got[0].LowDays > got[0].Days || got[0].EmptyAt.IsZero() || got[0].Balance.Currency != "USD" {
		t.Fatalf("%+v", got)
	}
	credit("a little", "31 USD") // seven days again, which is not yet saved
	d.spend(2, "10 USD")
	credit("little", "21 USD")
	d.spend(1, "10 USD")
	if got := d.lows(); len(got) != 1 {
		t.Fatalf("told again while it goes up and down: %+v", got[1:])
	}
	credit("much", "100 USD")
	d.spend(1, "10 USD")
	d.spend(11, "10 USD")
	if got := d.lows(); len(got) != 2 {
		t.Fatalf("not told again: %+v", got)
	}
}

// A rule that works keeps a wallet from ever being low.
func TestRunwayOfARefilledWallet(t *testing.T) {
	d := newDesk(t, inMemory, "240 USD")
	d.must(d.SetTopUpRule(t.Context(), "p", true, amount("20 USD"), amount("100 USD")))
	d.spend(40, "10 USD")
	r := d.runway()
	if !r.Refilled || r.Refills != same(wallet.Horizon) || r.Alone.Likely > 10 || len(d.lows()) != 0 {
		t.Errorf("%+v, %+v", r, d.lows())
	}
	d.must(d.SetTopUpRule(t.Context(), "p", false, amount("20 USD"), amount("100 USD")))
	d.clock.Move(day)
	d.due()
	if r := d.runway(); r.Refilled || len(d.lows()) != 1 {
		t.Errorf("switched off: %+v, %+v", r, d.lows())
	}
}

// The job is there for every customer, and comes again: after two days while too little
// is known.
func TestRunwayIsLookedAtAgain(t *testing.T) {
	d := newDesk(t, inMemory, "")
	d.subscribe(1) // which makes the customer
	var at []string
	for range 5 {
		d.clock.Move(day)
		jobs, err := d.ClaimJobs(t.Context(), 10)
		d.must(err)
		for _, job := range jobs {
			if job.Kind == "runway" {
				at = append(at, job.PortalID)
			}
			d.must(d.RunJob(t.Context(), job))
		}
	}
	if diff := cmp.Diff([]string{"p", "p", "p"}, at); diff != "" {
		t.Error(diff)
	}
}
