package billing_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

func customer(h *hall, c *billing.Caller) *billing.CustomerInfo {
	h.t.Helper()
	info, err := h.CustomerInfo(c)
	if err != nil {
		h.t.Fatalf("CustomerInfo: %v", err)
	}
	return info
}

func balance(h *hall, c *billing.Caller) *billing.Balance {
	h.t.Helper()
	b, err := h.Balance(c)
	if err != nil {
		h.t.Fatalf("Balance: %v", err)
	}
	return b
}

func TestPortalWithoutCustomerHasNoneAndNoBalance(t *testing.T) {
	h := newHall(t)
	h.addPortal("p")
	c := h.owner("p")
	if info, b := customer(h, c), balance(h, c); info != nil || b != nil {
		t.Errorf("%+v, %+v", info, b)
	}
	if c.Pays() {
		t.Error("the owner pays")
	}
	// A customer who never paid anything in has no balance either.
	h.must(h.SetCustomer(t.Context(), "p", billing.CustomerChange{Email: "c@example.com"}))
	c = h.owner("p")
	if info, b := customer(h, c), balance(h, c); info == nil || b != nil {
		t.Errorf("%+v, %+v", info, b)
	}
}

func TestSampleCustomer(t *testing.T) {
	h := newCompany(t)
	c := h.as(billing.Admin)
	info := customer(h, c)
	if info == nil || info.Payer == nil || info.AccountNumber == 0 {
		t.Fatalf("%+v", info)
	}
	diff(t, "customer", info, &billing.CustomerInfo{
		PortalID: company,
		Customer: store.Customer{
			AccountNumber: info.AccountNumber, Email: "owner@example.com", PayerID: info.Payer.ID,
			MethodStatus: "set", MethodType: "card", CreatedAt: h.clock.Now(),
		},
		Payer: &store.User{ID: info.Payer.ID, Email: "owner@example.com", Name: "Olivia Owner", Role: "owner", CreatedAt: h.clock.Now()},
	})
	diff(t, "balance", balance(h, c), &billing.Balance{
		AccountNumber: info.AccountNumber, AccountName: company,
		Pockets:    []money.Amount{amount("148.50 USD"), amount("25 EUR")},
		LastCredit: amount("100 USD"), LastCreditAt: h.clock.Now(),
	})
}

func TestSetCustomerKeepsWhatIsLeftOut(t *testing.T) {
	h := newCompany(t)
	want := *customer(h, h.as(billing.Owner))
	wantBalance := *balance(h, h.as(billing.Owner))
	h.clock.Move(time.Hour)
	for _, step := range []struct {
		change billing.CustomerChange
		expect func()
	}{
		{billing.CustomerChange{}, func() {}},
		{billing.CustomerChange{MethodStatus: "expired"}, func() { want.MethodStatus = "expired" }},
		{billing.CustomerChange{MethodType: "sepa"}, func() { want.MethodType = "sepa" }},
		{billing.CustomerChange{MethodStatus: "none"}, func() { want.MethodStatus = "none" }},
		{billing.CustomerChange{Email: "Other@Example.com"}, func() {
			want.Email, want.PayerID, want.Payer = "other@example.com", "", nil
		}},
		{billing.CustomerChange{Balances: []money.Amount{amount("1 EUR"), amount("5 JPY")}}, func() {
			wantBalance.Pockets = []money.Amount{amount("148.50 USD"), amount("1 EUR"), amount("5 JPY")}
		}},
		{billing.CustomerChange{Balances: []money.Amount{amount("0 USD")}}, func() { wantBalance.Pockets[0] = amount("0 USD") }},
		{billing.CustomerChange{Balances: []money.Amount{amount("6 JPY")}, LastCredit: amount("1 JPY")}, func() {
			wantBalance.Pockets[2] = amount("6 JPY")
			wantBalance.LastCredit, wantBalance.LastCreditAt = amount("1 JPY"), h.clock.Now()
		}},
	} {
		h.must(h.SetCustomer(t.Context(), company, step.change))
		step.expect()
		c := h.as(billing.Owner)
		diff(t, fmt.Sprintf("customer after %+v", step.change), *customer(h, c), want)
		diff(t, fmt.Sprintf("balance after %+v", step.change), *balance(h, c), wantBalance)
	}
}

// TestLastCreditIsShown: it is shown when it is given, and its pocket must be one
// of the wallet's; that its balance is given too is not asked for.
func TestLastCreditIsShown(t *testing.T) {
	h := newCompany(t)
	for _, change := range []billing.CustomerChange{
		{LastCredit: amount("7 EUR"), Balances: []money.Amount{amount("32 EUR")}},
		{LastCredit: amount("3 JPY"), Balances: []money.Amount{amount("1 EUR"), amount("3 JPY")}},
		{LastCredit: amount("8 USD"), Balances: []money.Amount{amount("1 EUR")}},
		{LastCredit: amount("9 EUR")},
	} {
		h.clock.Move(time.Minute)
		h.must(h.SetCustomer(t.Context(), company, change))
		b := balance(h, h.as(billing.Owner))
		if b.LastCredit != change.LastCredit || !b.LastCreditAt.Equal(h.clock.Now()) {
			t.Errorf("%+v: the last credit is %s at %s, want it at %s", change, b.LastCredit, b.LastCreditAt, h.clock.Now())
		}
	}
}

// TestPayer is who pays: the user that the customer names or else, as DocSpace
// finds it, the one with the customer's address.
func TestPayer(t *testing.T) {
	people := sample.People()
	tests := []struct {
		name string
		do   func(t *testing.T, h *hall)
		want string // e-mail; "" means nobody
	}{
		{"by e-mail", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "admin@example.com"}))
		}, "admin@example.com"},
		{"by e-mail in capitals", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "ADMIN@Example.com"}))
		}, "admin@example.com"},
		{"nobody has the address", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "elsewhere@example.com"}))
		}, ""},
		{"nobody in this portal has the address", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "owner@other.example"}))
		}, ""},
		{"adopted when added later", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "late@example.com"}))
			h.must(h.AddUser(t.Context(), company, billing.NewUser{Email: "Late@example.com", Role: billing.Member}))
		}, "late@example.com"},
		{"not adopted in another portal", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "late@example.com"}))
			h.must(h.AddUser(t.Context(), "other", billing.NewUser{Email: "late@example.com", Role: billing.Member}))
		}, ""},
		{"not adopted with another address", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "late@example.com"}))
			h.must(h.AddUser(t.Context(), company, billing.NewUser{Email: "later@example.com", Role: billing.Member}))
		}, ""},
		{"stays when others come", func(t *testing.T, h *hall) {
			h.must(h.AddUser(t.Context(), company, billing.NewUser{Email: "late@example.com", Role: billing.Member}))
		}, "owner@example.com"},
		{"by id, whatever the address", func(t *testing.T, h *hall) {
			guest := h.as(billing.Guest).User
			h.must(h.store.Change(t.Context(), company, func(tx *store.Tx) error {
				return tx.PutCustomer(store.Customer{Email: people[billing.Admin].Email, PayerID: guest.ID, MethodStatus: "set", CreatedAt: h.clock.Now()})
			}))
		}, "guest@example.com"},
		{"by id, not adopted by the one with the address", func(t *testing.T, h *hall) {
			guest := h.as(billing.Guest).User
			h.must(h.store.Change(t.Context(), company, func(tx *store.Tx) error {
				return tx.PutCustomer(store.Customer{Email: "late@example.com", PayerID: guest.ID, MethodStatus: "set", CreatedAt: h.clock.Now()})
			}))
			h.must(h.AddUser(t.Context(), company, billing.NewUser{Email: "late@example.com", Role: billing.Member}))
		}, "guest@example.com"},
		{"by e-mail where no id is kept", func(t *testing.T, h *hall) {
			h.must(h.store.Change(t.Context(), company, func(tx *store.Tx) error {
				return tx.PutCustomer(store.Customer{Email: people[billing.Admin].Email, MethodStatus: "set", CreatedAt: h.clock.Now()})
			}))
		}, "admin@example.com"},
		{"kept by a change without an address", func(t *testing.T, h *hall) {
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{Email: "admin@example.com"}))
			h.must(h.SetCustomer(t.Context(), company, billing.CustomerChange{MethodStatus: "expired"}))
		}, "admin@example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newCompany(t)
			h.addPortal("other")
			tt.do(t, h)
			info := customer(h, h.as(billing.Owner))
			if got := info.Payer; got == nil && tt.want != "" || got != nil && got.Email != tt.want {
				t.Errorf("the payer is %+v, want %q", got, tt.want)
			}
			for _, role := range billing.Roles() {
				c := h.as(role)
				if want := people[role].Email == tt.want; c.Pays() != want {
					t.Errorf("%s pays: %v, want %v", role, c.Pays(), want)
				}
			}
		})
	}
}

func TestAccountNumbersAreEverybodysOwn(t *testing.T) {
	const portals = 12
	h := newHall(t)
	for i := range portals {
		h.addPortal(fmt.Sprint("p", i))
	}
	halls := []*hall{h, h.another()}
	var all []<-chan error
	for i := range portals {
		for range 2 { // two make the same customer at once
			all = append(all, running(func() error {
				return halls[i%2].SetCustomer(background, fmt.Sprint("p", i), billing.CustomerChange{Email: "c@example.com"})
			}))
		}
	}
	for _, each := range all {
		within(t, "SetCustomer", each)
	}
	owners := map[int64]string{}
	for i := range portals {
		id := fmt.Sprint("p", i)
		number := customer(h, h.owner(id)).AccountNumber
		if other, ok := owners[number]; ok || number == 0 {
			t.Errorf("%s and %s have the account number %d", id, other, number)
		}
		owners[number] = id
		h.must(h.SetCustomer(t.Context(), id, billing.CustomerChange{MethodStatus: "set"}))
		if again := customer(h, h.owner(id)).AccountNumber; again != number {
			t.Errorf("%s: the account number %d became %d", id, number, again)
		}
	}
}

func TestTopUpRuleWithinItsBounds(t *testing.T) {
	h := newCompany(t)
	for _, tt := range []struct{ floor, target string }{
		{"5 USD", "6 USD"}, {"1000 USD", "5000 USD"}, {"5 EUR", "6.00000001 EUR"}, {"999.99999999 KWD", "1000 KWD"}, {"20 JPY", "100 JPY"},
	} {
		for _, enabled := range []bool{true, false} {
			h.clock.Move(time.Minute)
			err := h.SetTopUpRule(t.Context(), company, enabled, amount(tt.floor), amount(tt.target))
			h.must(err)
			rule, err := h.TopUpRule(h.as(billing.Owner))
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "rule", rule, store.TopUpRule{
				Enabled: enabled, MinBalance: amount(tt.floor), UpTo: amount(tt.target), ModifiedAt: h.clock.Now(),
			})
		}
	}
}

func TestTopUpRuleThatWasNeverSetIsOff(t *testing.T) {
	h := newCompany(t)
	made := h.view(host).Portal.CreatedAt
	h.clock.Move(time.Hour)
	for range 2 {
		h.must(h.ClearTopUpRule(t.Context(), company))
		rule, err := h.TopUpRule(h.as(billing.Admin))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "rule", rule, store.TopUpRule{ModifiedAt: made})
	}
}

// TestSetCustomerSetsTheTopUpRuleToo: nil keeps it, an empty one takes it away.
func TestSetCustomerSetsTheTopUpRuleToo(t *testing.T) {
	h := newCompany(t)
	want := store.TopUpRule{Enabled: true, MinBalance: amount("20 USD"), UpTo: amount("100 USD"), ModifiedAt: h.clock.Now()}
	for _, step := range []struct {
		change billing.CustomerChange
		expect func()
	}{
		{billing.CustomerChange{MethodStatus: "set"}, func() {}},
		{billing.CustomerChange{TopUp: topUp("30 EUR", "60 EUR")}, func() {
			want = store.TopUpRule{Enabled: true, MinBalance: amount("30 EUR"), UpTo: amount("60 EUR"), ModifiedAt: h.clock.Now()}
		}},
		{billing.CustomerChange{Balances: []money.Amount{amount("1 USD")}}, func() {}},
		{billing.CustomerChange{TopUp: &billing.TopUp{}}, func() { want = store.TopUpRule{ModifiedAt: h.view(host).Portal.CreatedAt} }},
		{billing.CustomerChange{TopUp: &billing.TopUp{Floor: amount("5 USD"), Target: amount("6 USD")}}, func() {
			want = store.TopUpRule{MinBalance: amount("5 USD"), UpTo: amount("6 USD"), ModifiedAt: h.clock.Now()}
		}},
	} {
		h.clock.Move(time.Minute)
		version := h.view(host).Portal.Version
		h.must(h.SetCustomer(t.Context(), company, step.change))
		if after := h.view(host).Portal.Version; after != version+1 {
			t.Errorf("%+v: version %d became %d", step.change, version, after)
		}
		step.expect()
		rule, err := h.TopUpRule(h.as(billing.Owner))
		if err != nil {
			t.Fatal(err)
		}
		diff(t, fmt.Sprintf("rule after %+v", step.change), rule, want)
	}
}

// Account numbers are for customers that are new: setting one again, or failing
// to make one, draws none.
func TestAccountNumbersAreDrawnForNewCustomersOnly(t *testing.T) {
	h := newHall(t)
	h.addPortal("a")
	h.addPortal("b")
	h.must(h.SetCustomer(t.Context(), "a", billing.CustomerChange{Email: "a@example.com"}))
	first := customer(h, h.owner("a")).AccountNumber
	for range 3 {
		h.must(h.SetCustomer(t.Context(), "a", billing.CustomerChange{Email: "other@example.com", MethodStatus: "set"}))
	}
	if err := h.SetCustomer(t.Context(), "nowhere", billing.CustomerChange{Email: "a@example.com"}); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("a customer of no portal: %v", err)
	}
	if err := h.SetCustomer(t.Context(), "b", billing.CustomerChange{MethodStatus: "set"}); !errors.Is(err, billing.ErrInvalid) {
		t.Errorf("a new customer without an address: %v", err)
	}
	h.must(h.SetCustomer(t.Context(), "b", billing.CustomerChange{Email: "b@example.com"}))
	if got := customer(h, h.owner("a")).AccountNumber; got != first {
		t.Errorf("account number %d has become %d", first, got)
	}
	if got := customer(h, h.owner("b")).AccountNumber; got != first+1 {
		t.Errorf("the second customer has account number %d, the first %d", got, first)
	}
}
