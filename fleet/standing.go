package fleet

import (
	"fmt"
	"slices"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/wallet"
)

// Orphaned reports whether nobody may change what a portal pays: its customer has an
// address, and no user of the portal does. Source: contract, "Roles".
func Orphaned(c *docspace.CustomerInfo) bool {
	return c != nil && c.Email != "" && c.Payer == nil
}

// RuleFault says why a top-up rule that is switched on does not do what it should; ""
// for one that does, one that is off, and nil. A balance of nil is not known.
// Source: contract, "Weaknesses", 5 and 6: portals accept such rules.
func RuleFault(rule *docspace.TopUpSettings, balance *docspace.Balance) string {
	switch {
	case rule == nil || !rule.Enabled:
		return ""
	case rule.Currency() == "":
		return "it names no currency, and so matches nothing in the wallet"
	}
	if order, err := rule.MinBalance.Compare(rule.UpToBalance); err != nil || order >= 0 {
		return fmt.Sprintf("it refills below %s, and only up to %s", rule.MinBalance, rule.UpToBalance)
	}
	if err := (wallet.Rule{Enabled: true, Floor: rule.MinBalance, Target: rule.UpToBalance}).Check(); err != nil {
		return err.Error()
	}
	if balance != nil && !slices.ContainsFunc(balance.SubAccounts, func(s docspace.SubAccount) bool { return s.Amount.Currency() == rule.Currency() }) {
		return fmt.Sprintf("it is about %s, which the wallet does not have", rule.Currency())
	}
	return ""
}
