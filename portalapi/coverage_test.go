package portalapi_test

import (
	"slices"
	"testing"

	"github.com/bursarhq/bursar/portalapi"
)

// contractRoutes are the routes of the contract, by its sections: the six of the
// samples, the other payment routes, tariff and quota, newer versions' and older
// ones' own, and keys.
var contractRoutes = map[string][]string{
	"2 The six seed endpoints": {
		"GET /api/2.0/portal/payment/customerinfo",
		"GET /api/2.0/portal/payment/customer/balance",
		"GET /api/2.0/portal/payment/quota",
		"GET /api/2.0/portal/payment/quotas",
		"GET /api/2.0/portal/payment/topupsettings",
		"GET /api/2.0/portal/payment/currencies",
	},
	"3 The other payment endpoints": {
		"PUT /api/2.0/portal/payment/url",
		"PUT /api/2.0/portal/payment/update",
		"PUT /api/2.0/portal/payment/updatewallet",
		"PUT /api/2.0/portal/payment/calculatewallet",
		"GET /api/2.0/portal/payment/account",
		"GET /api/2.0/portal/payment/prices",
		"GET /api/2.0/portal/payment/walletservices",
		"GET /api/2.0/portal/payment/walletservice",
		"POST /api/2.0/portal/payment/deposit",
		"GET /api/2.0/portal/payment/customer/aibalance",
		"GET /api/2.0/portal/payment/customer/operations",
		"GET /api/2.0/portal/payment/checkoutsetupurl",
		"GET /api/2.0/portal/payment/chechoutsetupurl",
		"POST /api/2.0/portal/payment/request",
		"POST /api/2.0/portal/payment/customer/operationsreport",
		"GET /api/2.0/portal/payment/customer/operationsreport",
		"DELETE /api/2.0/portal/payment/customer/operationsreport",
		"GET /api/2.0/portal/payment/accounting/currencies",
		"POST /api/2.0/portal/payment/topupsettings",
		"GET /api/2.0/portal/payment/servicessettings",
		"POST /api/2.0/portal/payment/servicestate",
		"POST /api/2.0/portal/payment/creditaibalance",
		"GET /api/2.0/portal/payment/ai-prices",
		"GET /api/2.0/portal/payment/ai-model/restrictions",
		"PUT /api/2.0/portal/payment/ai-model/restrictions",
	},
	"4 Portal tariff and quota endpoints": {
		"GET /api/2.0/portal/tariff",
		"GET /api/2.0/portal/quota",
		"GET /api/2.0/portal/quota/right",
		"GET /api/2.0/portal/usedspace",
		"GET /api/2.0/settings/payment",
		"GET /api/2.0/portal/tenantextra",
	},
	"5.1 Routes of other versions": {
		"POST /api/2.0/portal/payment/buywalletservice",
		"GET /api/2.0/portal/payment/customer/servicequota",
		"GET /api/2.0/portal/payment/subscription/balance",
		"POST /api/2.0/portal/payment/subscription/movetowallet",
		"GET /api/2.0/portal/payment/customer/usage/monthly",
		"GET /api/2.0/portal/payment/customer/usage",
		"POST /api/2.0/portal/payment/customer/usage/report",
		"GET /api/2.0/portal/payment/customer/usage/report",
		"DELETE /api/2.0/portal/payment/customer/usage/report",
		"POST /api/2.0/portal/payment/customer/usage/monthly/report",
		"GET /api/2.0/portal/payment/customer/usage/monthly/report",
		"DELETE /api/2.0/portal/payment/customer/usage/monthly/report",
		"GET /api/2.0/portal/tariff/upcoming",
		"GET /api/2.0/portal/payment/activeservices",
		"GET /api/2.0/portal/payment/accounting/prices/{service}",
	},
	"1.8 Keys": {
		"GET /api/2.0/keys",
		"POST /api/2.0/keys",
		"GET /api/2.0/keys/permissions",
		"DELETE /api/2.0/keys/{id}",
	},
}

// ownRoutes are routes of Bursar's own.
var ownRoutes = []string{
	"GET /api/2.0/portal/payment/customer/reports/{number}", // DocSpace puts the file into the user's documents
}

// What the contract lists, the door has; and what the door has, the contract lists, or
// is its own.
func TestRouteTableIsTheContracts(t *testing.T) {
	served := portalapi.Routes()
	listed := slices.Clone(ownRoutes)
	for section, routes := range contractRoutes {
		for _, route := range routes {
			listed = append(listed, route)
			if !slices.Contains(served, route) {
				t.Errorf("%s of section %s is missing", route, section)
			}
		}
	}
	for _, route := range served {
		if !slices.Contains(listed, route) {
			t.Errorf("%s is in no section of the contract", route)
		}
	}
}
