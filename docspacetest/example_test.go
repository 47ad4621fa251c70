package docspacetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
)

var t *testing.T // that of your own test

// A test of a program that warns of low balances: set what the portal holds, and
// see what the program makes of it.
func Example() {
	portal := docspacetest.New(t)
	portal.SetBalance(money.FromUnits(3*money.Scale, "USD"))

	// Hand portal.URL and portal.Key to what is tested, or read by a client:
	balance, err := portal.Client().Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := balance.SubAccounts[0].Amount.String(); got != "3.00 USD" {
		t.Errorf("got %s", got)
	}
}

// A portal that fails once and then recovers is no reason to give up.
func ExamplePortal_Inject() {
	portal := docspacetest.New(t)
	fault := docspacetest.BadGateway()
	fault.Path, fault.Times = "customer/balance", 1
	portal.Inject(fault)

	if _, err := portal.Client().Balance(t.Context()); err != nil {
		t.Errorf("gave up: %v", err)
	}
	if n := portal.Requests("customer/balance"); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// Every way to go wrong can be tried: here, an answer that does not stop.
func ExampleFault() {
	portal := docspacetest.New(t)
	portal.Inject(docspacetest.Fault{Path: "quota", Endless: true})

	_, err := portal.Client().Quota(t.Context())
	if !errors.Is(err, docspace.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	portal.Heal()
}

// A key of each role shows what a program does when it may not see all.
func ExamplePortal_KeyOf() {
	portal := docspacetest.New(t)
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: portal.KeyOf(billing.Member)})
	if err != nil {
		t.Fatal(err)
	}

	report := client.Report(t.Context())
	if report.Quota == nil {
		t.Error("a user may see the plan")
	}
	if !errors.Is(report.Failed[docspace.PartBalance], docspace.ErrForbidden) {
		t.Error("a user may not see the balance")
	}
}

// The portal's clock moves without waiting, and what falls due is done. The sample's
// extra storage is renewed from the wallet in 23 days.
func ExamplePortal_Advance() {
	portal := docspacetest.New(t)
	portal.Advance(24 * 24 * time.Hour)

	balance, err := portal.Client().Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if left := balance.SubAccounts[0].Amount; left != money.FromUnits(134*money.Scale+money.Scale/2, "USD") {
		t.Errorf("the storage is not renewed: %s are left", left)
	}
}

// A list of operations is made of charges and credits.
func ExamplePortal_Charge() {
	portal := docspacetest.New(t)
	portal.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: money.FromUnits(10*money.Scale, "USD")})
	portal.Credit(billing.Credit{Amount: money.FromUnits(5*money.Scale, "USD"), Reason: "For your patience"})

	page, err := portal.Client().Operations(t.Context(), docspace.OperationsQuery{Service: "backup"})
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != 1 || page.Operations[0].Debit.String() != "10.00 USD" {
		t.Errorf("got %+v", page)
	}
}

// An answer that is lost after the money was collected: a program that asks again
// under the same key must find it paid, and paid once.
func ExampleFault_late() {
	portal := docspacetest.New(t)
	portal.Inject(docspacetest.Fault{Path: "deposit", Times: 1, Late: true, Cut: true})

	client := portal.Client()
	if _, err := client.Deposit(t.Context(), 100, "USD", "invoice-7"); !errors.Is(err, docspace.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if paid, err := client.Deposit(t.Context(), 100, "USD", "invoice-7"); !paid || err != nil {
		t.Errorf("got %t, %v", paid, err)
	}
	balance, err := client.Balance(t.Context())
	if err != nil || balance.SubAccounts[0].Amount.String() != "248.50 USD" {
		t.Errorf("got %+v, %v", balance, err)
	}
}

// A stock portal puts signs where the codes of currencies should be. Programs
// that read portals of all kinds are tested on both.
func ExampleNewStock() {
	portal := docspacetest.NewStock(t)

	currencies, err := portal.Client().Currencies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := currencies[0]; c.ISOSymbol != "$" || c.Code() != "USD" {
		t.Errorf("got %+v", c)
	}
}

// The examples are tests of a test's author, so they run as that.
func TestExamplesHold(own *testing.T) {
	for name, example := range map[string]func(){
		"New": Example, "Inject": ExamplePortal_Inject, "Fault": ExampleFault, "KeyOf": ExamplePortal_KeyOf,
		"Advance": ExamplePortal_Advance, "Charge": ExamplePortal_Charge, "late": ExampleFault_late, "NewStock": ExampleNewStock,
	} {
		own.Run(name, func(sub *testing.T) {
			t = sub
			example()
		})
	}
}
