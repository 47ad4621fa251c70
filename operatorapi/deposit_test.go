package operatorapi_test

import (
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/testenv"
)

// pgURL returns a database of a PostgreSQL server.
func pgURL(t *testing.T) string { return pgtest.Database(t) }

func TestDeposit(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		s.provider = cards(nil)
		h := newHouse(t, s)
		const path, body = "/v1/portals/acme/deposits", `{"amount":"50","currency":"USD","participant":"p"}`
		h.post(path, "k", body).refused(404, "not_found", "") // there is no customer
		h.addCustomer("card")
		first := h.post(path, "k", body).expect(201).is(`{"portal":"acme","transfer":"t2.acme","amount":"50.00","currency":"USD",` +
			`"available":"150.00","at":"2026-07-08T11:39:43.123456Z"}`)
		h.charge(acme, "between", "1").expect(201)
		if again := h.post(path, "k", body).expect(201).is(first.body); again.header.Get("Idempotent-Replay") != "true" {
			t.Error("the same again is no replay")
		}
		h.post(path, "k", `{"amount":"51","currency":"USD"}`).refused(422, "idempotency_mismatch", "")
		h.do(request{method: "GET", path: "/v1/portals/acme/wallet"}).expect(200).is(`{"portal":"acme","accountNumber":100001,"pockets":[` +
			`{"book":"main","currency":"USD","balance":"149.00","held":"0.00","available":"149.00"}],` +
			`"lastCredit":{"at":"2026-07-08T11:39:43.123456Z","amount":"50.00","currency":"USD"},"transfers":3}`)
		h.post(path, "odd", `{"amount":"0.001","currency":"USD"}`).refused(400, "invalid_field", "amount")
		h.post(path, "zloty", `{"amount":"1","currency":"XAU"}`).refused(400, "invalid_field", "currency")
		h.post(path, "none", `{"amount":"0","currency":"USD"}`).refused(400, "invalid_field", "amount")
		h.post(path, "bare", `{"currency":"USD"}`).refused(400, "invalid_field", "amount")
	})
}

func TestDepositFails(t *testing.T) {
	const path, body = "/v1/portals/acme/deposits", `{"amount":"50","currency":"USD"}`
	t.Run("no provider", func(t *testing.T) {
		h := newHouse(t, setup{})
		h.addCustomer("card")
		h.post(path, "k", body).refused(409, "no_provider", "")
	})
	t.Run("no method", func(t *testing.T) {
		h := newHouse(t, setup{provider: cards(nil)})
		h.addCustomer("card")
		h.must(h.service.SetCustomer(t.Context(), acme, change("none")))
		h.post(path, "k", body).refused(409, "no_payment_method", "")
	})
	t.Run("declined", func(t *testing.T) {
		h := newHouse(t, setup{provider: cards(nil)})
		h.addCustomer("card_expired")
		for range 2 {
			got := h.post(path, "k", body).refused(402, "payment_declined", "")
			if got.member("reason") != "expired_card" {
				t.Error(got.body)
			}
		}
		if got := h.purse(acme); got != "USD 100.00 0.00 100.00, 1" {
			t.Error(got)
		}
	})
	t.Run("late", func(t *testing.T) {
		now := testenv.NewClock(startOfTime)
		h := newHouse(t, setup{provider: sandbox.New(sandbox.Config{Now: now.Now})})
		h.addCustomer("card_late")
		h.post(path, "k", body).refused(503, "outcome_unknown", "")
		h.post(path, "other", body).refused(409, "wallet_busy", "")
		now.Move(2 * time.Minute)
		h.clock.Move(2 * time.Minute)
		h.post(path, "k", body).expect(201)
		if got := h.purse(acme); got != "USD 150.00 0.00 150.00, 2" {
			t.Error(got)
		}
	})
}

// change is one of the state of the payment method.
func change(status string) billing.CustomerChange {
	return billing.CustomerChange{MethodStatus: status}
}
