package portalapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

const moveTen = `{"quantity":{"adminwallet":10}}`

// subscriberHouse has paid for ten administrators by card, ten days of 31 ago, and has
// 1000 dollars in its wallet.
func subscriberHouse(t *testing.T) *house {
	h := customerHouse(t)
	h.put("update", `{"quantity":{"admin":10}}`).wants(t, http.StatusOK, "true")
	h.clock.Move(10 * 24 * time.Hour)
	return h
}

// poorHouse is the same with ten dollars.
func poorHouse(t *testing.T) *house {
	h := subscriberHouse(t)
	h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{Balances: []money.Amount{usd("10")}}))
	return h
}

// Source: contract, "GET /payment/subscription/balance" and "POST
// /payment/subscription/movetowallet".
func TestPlanIsMovedToTheWallet(t *testing.T) {
	h := subscriberHouse(t)
	same(t, `{"totalCost":200.00,"currency":"USD","periodStart":"2026-07-08T11:39:43Z","periodEnd":"2026-08-08T11:39:43Z",`+
		`"periodUsedUntil":"2026-07-18T11:39:43Z","daysElapsed":10,"remainingBalance":135.48,"remainingBalanceInWalletCurrency":135.48,"walletCurrency":"USD"}`,
		h.get("subscription/balance").payload(t))
	move := func(body string) reply {
		return h.from(thisMachine, request{
			method: "POST", path: "subscription/movetowallet", key: h.company.OwnerKey, body: body, header: map[string]string{"Idempotency-Key": "move"},
		})
	}
	got := move(moveTen)
	got.wants(t, http.StatusOK, "true")
	if got.header.Get("Idempotent-Replay") != "" {
		t.Error("it is called a replay")
	}
	if sum := h.wallet(); sum != usd("935.48") { // and 135.48 back, less 200
		t.Errorf("the wallet holds %s", sum)
	}
	operations := decode[docspace.OperationsPage](t, h.get("customer/operations?limit=2").payload(t)).Operations
	if operations[0].Debit != usd("200") || operations[1].Credit != usd("135.48") {
		t.Errorf("%+v", operations)
	}
	tariff := decode[docspace.Tariff](t, h.get(tariffBase+"tariff").payload(t))
	if quotas := tariff.Details.Quotas; len(quotas) != 1 || quotas[0].ID != -14 || quotas[0].Quantity != 10 || !tariff.Dates.Due.Equal(startOfTime.AddDate(0, 1, 10).Truncate(time.Second)) {
		t.Errorf("the tariff is %+v until %s", tariff.Details, tariff.Dates.Due)
	}
	again := move(moveTen)
	again.wants(t, http.StatusOK, "true")
	if again.header.Get("Idempotent-Replay") != "true" || h.wallet() != usd("935.48") {
		t.Errorf("the same again: %v, and the wallet holds %s", again.header, h.wallet())
	}
	move(`{"quantity":{"adminwallet":11}}`).wants(t, http.StatusUnprocessableEntity, "")
	h.from(thisMachine, request{path: "subscription/balance", key: h.company.OwnerKey}).wantsError(t, "moved", 400, "Invalid product")
	h.send("subscription/movetowallet", moveTen).wantsError(t, "moved", 400, "Invalid product")
	h.verify()
}

// What the wallet lacks is collected, to the cent, or nothing happens.
func TestMoveCollectsWhatTheWalletLacks(t *testing.T) {
	h := poorHouse(t)
	h.send("subscription/movetowallet", moveTen).wants(t, http.StatusOK, "true")
	if sum := h.wallet(); sum != usd("0") {
		t.Errorf("the wallet holds %s", sum)
	}
	operations := decode[docspace.OperationsPage](t, h.get("customer/operations?limit=3").payload(t)).Operations
	if operations[2].Type != "Deposit" || operations[2].Credit != usd("54.52") {
		t.Errorf("what was collected is %+v", operations[2])
	}
	h.verify()

	h = poorHouse(t)
	h.setMethod("set", "card_declined")
	before := h.get(tariffBase+"tariff").payload(t) + h.get("subscription/balance").payload(t)
	h.send("subscription/movetowallet", moveTen).wants(t, http.StatusOK, "false")
	same(t, before, h.get(tariffBase+"tariff").payload(t)+h.get("subscription/balance").payload(t))
	if sum := h.wallet(); sum != usd("10") {
		t.Errorf("the wallet holds %s", sum)
	}
	h.verify()
}

func TestMoveIsRefusedInTheContractsWords(t *testing.T) {
	late := func(t *testing.T) *house {
		h := subscriberHouse(t)
		h.clock.Move(60 * 24 * time.Hour)
		return h
	}
	crowded := func(t *testing.T) *house {
		h := subscriberHouse(t)
		h.must(h.service.SetUsage(t.Context(), h.company.PortalID, map[string]int64{"manager": 7}))
		return h
	}
	noCard := func(t *testing.T) *house {
		h := subscriberHouse(t)
		h.setMethod("none", "")
		return h
	}
	elsewhere := func(t *testing.T) *house {
		h := sampleHouse(t)
		h.must(h.service.SetPurchases(t.Context(), h.company.PortalID, []billing.Purchase{{Plan: -9, Quantity: 10, DueAt: startOfTime.Add(23 * 24 * time.Hour)}}))
		return h
	}
	const notMoved = "Failed to move the subscription balance to the wallet"
	for name, r := range map[string]refusal{
		"nobody to pay with":       {noBankHouse, moveTen, 403, "no payment provider is configured"},
		"no customer":              {startupHouse, moveTen, 404, "Customer could not be found"},
		"no map":                   {subscriberHouse, `{}`, 400, noProduct},
		"two products":             {subscriberHouse, `{"quantity":{"adminwallet":10,"storage":1}}`, 400, noProduct},
		"by card":                  {subscriberHouse, `{"quantity":{"admin":10}}`, 400, "Invalid product"},
		"a service":                {subscriberHouse, `{"quantity":{"storage":10}}`, 400, "Invalid product"},
		"unheard of":               {subscriberHouse, `{"quantity":{"teleport":10}}`, 400, "Invalid product"},
		"null":                     {subscriberHouse, `{"quantity":{"adminwallet":null}}`, 400, "Invalid quantity"},
		"nought":                   {subscriberHouse, `{"quantity":{"adminwallet":0}}`, 400, "Invalid quantity"},
		"less":                     {subscriberHouse, `{"quantity":{"adminwallet":-1}}`, 400, "Invalid quantity"},
		"fewer than there are":     {crowded, `{"quantity":{"adminwallet":6}}`, 400, "Invalid quantity"},
		"no card":                  {noCard, moveTen, 403, "Customer payment method is not set"},
		"late":                     {late, moveTen, 402, "Tariff is not paid"},
		"agreed elsewhere":         {elsewhere, moveTen, 402, notMoved},
		"a plan that costs naught": {customerHouse, moveTen, 400, "Invalid product"},
	} {
		h := r.house(t)
		before := h.standing()
		h.send("subscription/movetowallet", r.body).wantsError(t, name, r.status, r.message)
		if after := h.standing(); after != before {
			t.Errorf("%s: something changed:\n%s", name, firstDifference(before, after))
		}
	}
	for name, r := range map[string]refusal{
		"no customer": {startupHouse, "", 404, "Customer could not be found"}, "late": {late, "", 402, "Tariff is not paid"},
		"agreed elsewhere": {elsewhere, "", 402, notMoved}, "free": {customerHouse, "", 400, "Invalid product"},
	} {
		h := r.house(t)
		h.do(request{path: "subscription/balance", key: h.company.OwnerKey}).wantsError(t, name, r.status, r.message)
	}
}

// Source: contract, "Routes" of other versions, buywalletservice.
func TestAICreditIsBoughtByThePiece(t *testing.T) {
	h := sampleHouse(t)
	h.send("buywalletservice", `{"serviceName":"AI-Tools","quantity":"5"}`).wants(t, http.StatusOK, `{"operationId":4,"amount":5.00,"currency":"USD","quantity":5}`)
	if sum := h.wallet(); sum != usd("143.50") {
		t.Errorf("the wallet holds %s", sum)
	}
	before := h.standing()
	h.send("buywalletservice", `{"serviceName":"ai-tools","quantity":144}`).wantsError(t, "too much", 400, "Insufficient balance")
	h.send("buywalletservice", `{"serviceName":"backup","quantity":1}`).wantsError(t, "another service", 404, "Service could not be found")
	startupHouse(t).send("buywalletservice", `{"serviceName":"ai-tools","quantity":1}`).wantsError(t, "no customer", 404, "Customer could not be found")
	if after := h.standing(); after != before {
		t.Errorf("something changed:\n%s", firstDifference(before, after))
	}
	h.verify()
}
