package docspacetest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
)

// both runs a test on a portal of each kind.
func both(t *testing.T, test func(t *testing.T, p *docspacetest.Portal, stock bool)) {
	t.Helper()
	t.Run("Bursar", func(t *testing.T) { test(t, docspacetest.New(t), false) })
	t.Run("stock", func(t *testing.T) { test(t, docspacetest.NewStock(t), true) })
}

func TestStockAcceptsKeysOnlyAsBearers(t *testing.T) {
	both(t, func(t *testing.T, p *docspacetest.Portal, stock bool) {
		status := func(headers http.Header) int { t.Helper(); return ask(t, p, "quota", headers).status }
		other := http.StatusOK
		if stock {
			other = http.StatusUnauthorized
		}
		diff(t, "bearer", status(bearer(p.Key)), http.StatusOK)
		diff(t, "raw", status(http.Header{"Authorization": {p.Key}}), other)
		diff(t, "header of its own", status(http.Header{"Apikeybearer": {p.Key}}), other)
		diff(t, "none", status(http.Header{}), http.StatusUnauthorized)
	})
}

func TestStockPutsTheSignWhereTheCodeShouldBe(t *testing.T) {
	both(t, func(t *testing.T, p *docspacetest.Portal, stock bool) {
		client, err := docspace.New(docspace.Config{URL: p.URL, Key: p.Key, Country: "DE"})
		if err != nil {
			t.Fatal(err)
		}
		currencies, err := client.Currencies(t.Context())
		if err != nil || len(currencies) == 0 {
			t.Fatalf("%+v, %v", currencies, err)
		}
		first := currencies[0]
		want := docspace.Currency{CountryCode: "US", ISOSymbol: "USD", NativeName: "US Dollar", Symbol: "$"}
		if stock {
			want.ISOSymbol, want.Symbol = "$", ""
		}
		diff(t, "the first", first, want)
		diff(t, "its code, to our client", first.Code(), money.Currency("USD"))
		diff(t, "its sign, to our client", first.Sign(), "$")

		// A stock portal counts the list, not what is in it.
		count := "2"
		if stock {
			count = "1"
		}
		diff(t, "currencies", len(currencies), 2)
		diff(t, "count", string(decode(t, ask(t, p, "currencies?country=DE", bearer(p.Key)).body)["count"]), count)
	})
}

func TestStockHasNoDueDateOfThePlan(t *testing.T) {
	both(t, func(t *testing.T, p *docspacetest.Portal, stock bool) {
		now := p.Now().Truncate(time.Second)
		plan := billing.Purchase{Plan: business, Quantity: 1, DueAt: now.Add(30 * day)}
		due := func() time.Duration {
			t.Helper()
			quota := must[docspace.Quota](t)(p.Client().Quota(t.Context()))
			if quota.DueDate.IsZero() {
				return 0
			}
			return quota.DueDate.Sub(now)
		}
		p.SetPurchases(plan)
		want := 30 * day
		if stock {
			want = 0
		}
		diff(t, "the plan alone", due(), want)
		p.SetPurchases(plan, billing.Purchase{Plan: storage, Quantity: 1, DueAt: now.Add(5 * day)})
		diff(t, "with an add-on", due(), 5*day)
		p.Advance(6 * day)
		diff(t, "with an add-on that came due", due(), want)
	})
}

func TestStockHasNoTwinOfTheSettings(t *testing.T) {
	both(t, func(t *testing.T, p *docspacetest.Portal, stock bool) {
		members := decode(t, ask(t, p, "topupsettings", bearer(p.Key)).body)
		want := string(members["response"])
		if stock {
			want = ""
		}
		diff(t, "settings", string(members["settings"]), want)
		if members["response"] == nil {
			t.Error("no response")
		}
	})
}

func TestStockTellsOfLimitsOnlyWhenTheyAreHit(t *testing.T) {
	both(t, func(t *testing.T, p *docspacetest.Portal, stock bool) {
		headers := ask(t, p, "quota", bearer(p.Key)).headers
		for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
			if (headers.Get(name) == "") != stock {
				t.Errorf("%s: %q", name, headers.Get(name))
			}
		}
	})
}

// Our own client reads both alike, but for what stock leaves out.
func TestTheClientReadsStockAsWell(t *testing.T) {
	both(t, func(t *testing.T, p *docspacetest.Portal, _ bool) {
		report := p.Client().Report(t.Context())
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		diff(t, "balance", report.Balance.SubAccounts[0].Amount, usd(148_50))
		diff(t, "rule", report.TopUp.MinBalance, usd(20_00))
		diff(t, "currency", report.Currencies[0].Code(), money.Currency("USD"))
	})
}
