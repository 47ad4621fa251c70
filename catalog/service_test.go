package catalog

import "testing"

// Source: contract, "Services" and "GET /payment/walletservice".
func TestByService(t *testing.T) {
	for name, want := range map[string]int{
		"disk-storage": -11, "DISK-Storage": -11, "disk-storage-1-hour": -11, "Disk-Storage-1-Hour": -11, "Storage": -11, "-11": -11,
		"backup": -12, "Backup": -12, "backup-1-hour": -12, "-12": -12,
		"ai-tools": -13, "AITools": -13, "aitools": -13, "-13": -13,
		"admin": -14, "Admin": -14, "adminwallet": -14, "-14": -14,
		"ai-search": -18, "AISearch": -18, "-18": -18,
	} {
		if p, ok := Stock().ByService(name); !ok || p.ID != want {
			t.Errorf("%q is %v, want %d", name, p, want)
		}
	}
	for _, name := range []string{"", "-1-hour", "gold", "-9", "11", "-99", "adminyear", "startup", "storage-1-hour", "disk-storage-1-hour-1-hour", "-99999999999999999999"} {
		if p, ok := Stock().ByService(name); ok {
			t.Errorf("%q is plan %d", name, p.ID)
		}
	}
}

// A catalogue may call its services what it likes: DocSpace's names still find
// them, and so does a name that says a period, with or without it.
func TestByServiceOfOnesOwn(t *testing.T) {
	c := mustParse(t, least+`
  - { id: -11, name: space, service: gigabytes-1-hour, wallet: true, additional: true }
  - { id: -12, name: copies, service: storage, wallet: true, additional: true }
  - { id: -13, name: bare, wallet: true, additional: true }
`)
	for name, want := range map[string]int{"gigabytes": -11, "gigabytes-1-hour": -11, "space": -11, "storage": -12, "Backup": -12, "bare": -13, "AITools": -13} {
		if p, ok := c.ByService(name); !ok || p.ID != want {
			t.Errorf("%q is %v, want %d", name, p, want)
		}
	}
	if p, ok := c.ByService("Admin"); ok {
		t.Errorf("Admin is plan %d", p.ID)
	}
}

func TestByProductName(t *testing.T) {
	for name, want := range map[string]int{"admin": -9, "adminyear": -10, "storage": -11, "backup": -12, "aitools": -13, "adminwallet": -14} {
		if p, ok := Stock().ByProductName(name); !ok || p.ID != want {
			t.Errorf("%q is %v, want %d", name, p, want)
		}
	}
	for _, name := range []string{"", "Admin", "Business", "startup", "aisearch"} { // another case, a title, not on offer
		if p, ok := Stock().ByProductName(name); ok {
			t.Errorf("%q is plan %d", name, p.ID)
		}
	}
}

func TestKind(t *testing.T) {
	want := map[int]ServiceKind{-11: Storage, -12: Backup, -13: AITools, -14: WalletPlan, -18: AISearch}
	for _, p := range Stock().All() {
		if got := p.Kind(); got != want[p.ID] {
			t.Errorf("plan %d is %d, want %d", p.ID, got, want[p.ID])
		}
	}
}

// The columns of the contract's table. Source: contract, "Seed rows" and "Shape
// and behaviour changes".
func TestStockIsTheContracts(t *testing.T) {
	type row struct {
		name, product, service, unit string
		visible, wallet, additional  bool
		period                       Period
		minimum                      int64
		price                        string
	}
	want := map[int]row{
		-1:  {"trial", "", "", "", false, false, false, "", 1, "0.00"},
		-2:  {"admin", "1002", "", "Admins", false, false, false, "month", 1, "15.00"},
		-3:  {"startup", "", "", "", false, false, false, "", 1, "0.00"},
		-4:  {"disk", "1004", "", "GB", false, false, true, "", 1, "0.00"},
		-5:  {"admin1", "1005", "", "Admins", false, false, true, "", 1, "0.00"},
		-6:  {"subscription", "1001", "", "", false, false, false, "", 1, "0.00"},
		-7:  {"nonprofit", "1007", "", "", false, false, false, "", 1, "0.00"},
		-8:  {"zoom", "", "", "", false, false, false, "", 1, "0.00"},
		-9:  {"admin", "1006", "", "Admins", true, false, false, "month", 1, "20.00"},
		-10: {"adminyear", "1009", "", "Admins", true, false, false, "year", 1, "220.00"},
		-11: {"storage", "1011", "disk-storage", "GB", true, true, true, "month", 100, "0.14"},
		-12: {"backup", "", "backup", "Backup", true, true, true, "", 1, "10.00"},
		-13: {"aitools", "", "ai-tools", "AI Credits", true, true, true, "", 1, "1.00"},
		-14: {"adminwallet", "1013", "admin", "Admins", true, true, false, "month", 1, "20.00"},
		-18: {"aisearch", "", "ai-search", "", false, true, true, "", 1, "0.00"},
	}
	all := Stock().All()
	if len(all) != len(want) {
		t.Errorf("%d plans, want %d", len(all), len(want))
	}
	for _, p := range all {
		got := row{p.Name, p.ProductID, p.Service, p.Unit, p.Visible, p.Wallet, p.Additional, p.Period, p.Minimum, p.PriceAt("USD", now).Decimal()}
		if got != want[p.ID] {
			t.Errorf("plan %d: %+v, want %+v", p.ID, got, want[p.ID])
		}
	}
	business, _ := Stock().Plan(-9)
	fromWallet, _ := Stock().Plan(-14)
	if business.Features.String() != fromWallet.Features.String() {
		t.Errorf("-14 has %s, -9 has %s", fromWallet.Features, business.Features)
	}
}
