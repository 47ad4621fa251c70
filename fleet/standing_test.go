package fleet_test

import (
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

func TestRuleFault(t *testing.T) {
	t.Parallel()
	of := func(units int64, c money.Currency) money.Amount { return money.FromUnits(units*money.Scale, c) }
	rule := func(enabled bool, floor, target money.Amount) *docspace.TopUpSettings {
		return &docspace.TopUpSettings{Enabled: enabled, MinBalance: floor, UpToBalance: target}
	}
	dollars := &docspace.Balance{SubAccounts: []docspace.SubAccount{{Amount: of(1, "USD")}}}
	for name, test := range map[string]struct {
		rule    *docspace.TopUpSettings
		balance *docspace.Balance
		want    string // "" for none
	}{
		"none":           {nil, dollars, ""},
		"well":           {rule(true, of(20, "USD"), of(100, "USD")), dollars, ""},
		"balance nil":    {rule(true, of(20, "EUR"), of(100, "EUR")), nil, ""},
		"off":            {rule(false, of(100, "USD"), of(20, "USD")), dollars, ""},
		"downwards":      {rule(true, of(100, "USD"), of(20, "USD")), dollars, "below 100.00 USD, and only up to 20.00 USD"},
		"nowhere":        {rule(true, of(20, "USD"), of(20, "USD")), dollars, "only up to 20.00 USD"},
		"no currency":    {rule(true, of(20, ""), of(100, "")), dollars, "no currency"},
		"other currency": {rule(true, of(20, "EUR"), of(100, "EUR")), dollars, "about EUR"},
		"no such money":  {rule(true, of(20, "QQQ"), of(100, "QQQ")), nil, "QQQ"},
	} {
		got := fleet.RuleFault(test.rule, test.balance)
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestOrphaned(t *testing.T) {
	t.Parallel()
	payer := &docspace.Person{ID: "1"}
	for name, test := range map[string]struct {
		customer *docspace.CustomerInfo
		want     bool
	}{
		"none":     {nil, false},
		"unknown":  {&docspace.CustomerInfo{}, false},
		"orphaned": {&docspace.CustomerInfo{Email: "gone@example.com"}, true},
		"payer":    {&docspace.CustomerInfo{Email: "owner@example.com", Payer: payer}, false},
	} {
		if got := fleet.Orphaned(test.customer); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
