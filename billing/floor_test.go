package billing_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// watched says what a portal's wallet is watched for, and how often it was looked at by
// its rule: "USD 20.00, EUR -, looked at 1".
func (h *hall) watched(portalID string) (text string) {
	h.t.Helper()
	var rounds int64
	err := h.store.Read(h.t.Context(), func(tx *store.Tx) error {
		pockets, err := tx.Pockets(portalID, ledger.Main)
		for _, p := range pockets {
			floor := "-"
			if !p.Floor.IsZero() {
				floor = p.Floor.Decimal()
			}
			text += fmt.Sprintf("%s %s, ", p.Currency(), floor)
		}
		if err != nil {
			return err
		}
		job, err := tx.Job(store.JobKey{PortalID: portalID, Kind: store.JobTopUp})
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		rounds = job.Round
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return text + fmt.Sprintf("looked at %d", rounds)
}

// A wallet is watched as its rule says from the moment on that it is set, and looked at
// at once where it is too low already.
func TestAWalletIsWatchedAsItsRuleSays(t *testing.T) {
	h := newHall(t)
	h.addPortal("p")
	usd, eur := func(text string) money.Amount { return amount(text + " USD") }, func(text string) money.Amount { return amount(text + " EUR") }
	set := func(enabled bool, floor, target money.Amount) func() error {
		return func() error { return h.SetTopUpRule(t.Context(), "p", enabled, floor, target) }
	}
	charge := func(key, sum string) func() error {
		return func() error {
			_, err := h.CarryOne(t.Context(), billing.Order{PortalID: "p", Key: key, What: billing.Charge{Amount: amount(sum), Service: "backup", Quantity: 1}})
			return err
		}
	}
	done := func() error { // what was caused is done
		jobs, err := h.ClaimJobs(t.Context(), 10)
		for _, job := range jobs {
			err = errors.Join(err, h.store.ChangeJobs(t.Context(), "p", func(tx *store.Tx) error { return tx.EndJob(h.clock.Now(), job, store.JobEnd{}) }))
		}
		return err
	}
	for i, step := range []struct {
		do   func() error
		want string
	}{
		{set(true, usd("20"), usd("100")), "USD 20.00, looked at 1"}, // there is nothing in it
		{set(true, usd("20"), usd("100")), "USD 20.00, looked at 1"},
		{done, "USD 20.00, looked at 1"},
		{set(true, usd("20"), usd("100")), "USD 20.00, looked at 1"}, // the same again
		{set(true, usd("20"), usd("101")), "USD 20.00, looked at 2"},
		{done, "USD 20.00, looked at 2"},
		{func() error {
			return h.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "owner@p.example", Balances: []money.Amount{usd("50")}})
		}, "USD 20.00, looked at 2"},
		{charge("a", "30 USD"), "USD 20.00, looked at 2"},
		{charge("b", "0.01 USD"), "USD 20.00, looked at 3"},
		{done, "USD 20.00, looked at 3"},
		{set(false, usd("15"), usd("100")), "USD 15.00, looked at 3"},
		{charge("c", "5 USD"), "USD 15.00, looked at 4"}, // it is told, enabled or not
		{done, "USD 15.00, looked at 4"},
		{set(true, eur("10"), eur("20")), "USD -, EUR 10.00, looked at 5"},
		{done, "USD -, EUR 10.00, looked at 5"},
		{charge("d", "14.99 USD"), "USD -, EUR 10.00, looked at 5"},
		{func() error { return h.ClearTopUpRule(t.Context(), "p") }, "USD -, EUR -, looked at 5"},
		{func() error {
			return h.SetCustomer(t.Context(), "p", billing.CustomerChange{
				Balances: []money.Amount{usd("7"), eur("0")}, TopUp: &billing.TopUp{Enabled: true, Floor: usd("7"), Target: usd("8")},
			})
		}, "USD 7.00, EUR -, looked at 5"},
		{func() error {
			return h.SetCustomer(t.Context(), "p", billing.CustomerChange{Balances: []money.Amount{usd("6"), eur("0")}})
		}, "USD 7.00, EUR -, looked at 6"},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if got := h.watched("p"); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	if _, _, err := h.Verify(t.Context(), store.Verification{}); err != nil {
		t.Error(err)
	}
}

// How much a rule may collect is the operator's to say: a payer's change leaves it.
func TestCapsOfATopUpRule(t *testing.T) {
	d := newDesk(t, store.Config{Dir: t.TempDir(), NoSync: true}, "500 USD")
	caps := func() string {
		rule, err := d.PortalTopUpRule(t.Context(), "p")
		if err != nil {
			t.Fatal(err)
		}
		text := func(a money.Amount) string {
			if a.IsZero() {
				return "-"
			}
			return a.String()
		}
		return fmt.Sprintf("%s %s %s %d", text(rule.MaxCharge), text(rule.MaxDay), text(rule.MaxMonth), rule.MaxCount)
	}
	rule := billing.TopUp{Enabled: true, Floor: amount("20 USD"), Target: amount("100 USD")}
	set := func(change func(*wallet.Caps)) error {
		capped := rule
		capped.Caps = &wallet.Caps{Charge: amount("80 USD"), Day: amount("150 USD"), Month: amount("1000 USD"), Count: 3}
		change(capped.Caps)
		return d.SetTopUp(t.Context(), "p", capped)
	}
	payer := func(currency money.Currency) error {
		_, err := d.ChangeTopUpRule(t.Context(), d.me(), &billing.TopUpChange{Enabled: true, MinBalance: 30, UpToBalance: 200, Currency: currency})
		return err
	}
	for i, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return d.SetTopUp(t.Context(), "p", rule) }, "- - - 0"},
		{func() error { return set(func(*wallet.Caps) {}) }, "80.00 USD 150.00 USD 1000.00 USD 3"},
		{func() error { return payer("USD") }, "80.00 USD 150.00 USD 1000.00 USD 3"},
		{func() error {
			return d.SetTopUpRule(t.Context(), "p", false, amount("20 USD"), amount("100 USD"))
		}, "80.00 USD 150.00 USD 1000.00 USD 3"},
		{func() error { return set(func(c *wallet.Caps) { c.Day, c.Count = amount("0 EUR"), 0 }) }, "80.00 USD - 1000.00 USD 0"},
		{func() error { return set(func(c *wallet.Caps) { c.Month = money.Amount{} }) }, "80.00 USD 150.00 USD - 3"},
		{func() error { return payer("EUR") }, "- - - 3"},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if got := caps(); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	for field, change := range map[string]func(*wallet.Caps){
		"caps.charge": func(c *wallet.Caps) { c.Charge = amount("0.99 USD") },
		"caps.day":    func(c *wallet.Caps) { c.Day = amount("100 EUR") },
		"caps.month":  func(c *wallet.Caps) { c.Month = amount("-100 USD") },
		"caps.count":  func(c *wallet.Caps) { c.Count = 1441 },
	} {
		var wrong *billing.FieldError
		if err := set(change); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if got := caps(); got != "- - - 3" {
		t.Errorf("a refusal changed it: %s", got)
	}
}
