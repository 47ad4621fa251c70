package catalog

import (
	"strconv"
	"strings"
)

// ServiceKind says what it is that is paid from the wallet.
type ServiceKind int

const (
	// OtherService is none of the following, or no wallet service at all.
	OtherService ServiceKind = iota
	// Storage is room for files, by the gigabyte and the month.
	Storage
	// Backup is a backup beyond the free ones, each by itself.
	Backup
	// AITools is the use of AI features.
	AITools
	// AISearch is the use of search in AI features.
	AISearch
	// WalletPlan is a plan proper that is paid from the wallet.
	WalletPlan
)

// Kind returns what kind of wallet service the plan is, by what it allows.
// Source: contract, "Services".
func (p *Plan) Kind() ServiceKind {
	switch {
	case !p.Wallet:
		return OtherService
	case !p.Additional:
		return WalletPlan
	case p.Features.Has("backup"):
		return Backup
	case p.Features.Has("aitools"):
		return AITools
	case p.Features.Has("aisearch"):
		return AISearch
	case p.Features.Mentions("total_size"):
		return Storage
	}
	return OtherService
}

// serviceIDs are DocSpace's names for its services in requests, in lower case,
// where they are not names of the plans themselves. Source: contract, "Services".
var serviceIDs = map[string]int{"storage": -11, "backup": -12, "aitools": -13, "admin": -14, "aisearch": -18}

// serviceName returns the name of a service without what is said of its period:
// "disk-storage" of "disk-storage-1-hour".
func serviceName(name string) string {
	const hourly = "-1-hour"
	if cut := len(name) - len(hourly); cut >= 0 && strings.EqualFold(name[cut:], hourly) {
		return name[:cut]
	}
	return name
}

// ByService returns the plan that is paid from the wallet and goes by this name in
// any case: the service's ("disk-storage"; "disk-storage-1-hour" is the same), the
// plan's ("storage"), DocSpace's own ("AITools") or its id ("-11"). What is not on
// offer is found too. False if there is none.
// Source: contract, "Services" and "GET /payment/walletservice".
func (c *Catalog) ByService(name string) (*Plan, bool) {
	if id, err := strconv.Atoi(name); err == nil {
		return c.walletPlan(id)
	}
	short := serviceName(name)
	for _, p := range c.plans {
		if p.Wallet && p.Service != "" && strings.EqualFold(serviceName(p.Service), short) {
			return p, true
		}
	}
	for _, p := range c.plans {
		if p.Wallet && strings.EqualFold(p.Name, name) {
			return p, true
		}
	}
	id, ok := serviceIDs[strings.ToLower(name)]
	if !ok {
		return nil, false
	}
	return c.walletPlan(id)
}

func (c *Catalog) walletPlan(id int) (*Plan, bool) {
	if p, ok := c.Plan(id); ok && p.Wallet {
		return p, true
	}
	return nil, false
}

// ByProductName returns the plan on offer with exactly this name, which is how
// purchases name it: "admin", "adminyear", "storage". False if there is none.
func (c *Catalog) ByProductName(name string) (*Plan, bool) {
	for _, p := range c.plans {
		if p.Visible && p.Name == name {
			return p, true
		}
	}
	return nil, false
}
