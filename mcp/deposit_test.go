package mcp_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/mcp"
	"github.com/bursarhq/bursar/money"
)

type deposited struct {
	State, Evidence, Why, Advice string
	Deposit, Left                amount
}

// treasurer is a server that may deposit 100 USD and 10 EUR.
func treasurer(t *testing.T, p *docspacetest.Portal, dir string) *talk {
	t.Helper()
	return talkTo(t, mcp.Config{
		Now: p.Now, Portals: []fleet.Profile{profile("one", p.URL, p.Key)},
		Deposits: &mcp.Deposits{Most: []money.Amount{cents(100_00, "USD"), cents(10_00, "EUR")}, Store: docspace.IntentFolder{Dir: dir}},
	})
}

func order(amount, currency, key string) map[string]any {
	return map[string]any{"portal": "one", "amount": amount, "currency": currency, "key": key}
}

func available(t *testing.T, p *docspacetest.Portal) string {
	t.Helper()
	b, err := p.Client().Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b.SubAccounts[0].Amount.String()
}

const depositPath = "payment/deposit"

func TestDepositsAreCapped(t *testing.T) {
	p, dir := docspacetest.New(t), t.TempDir()
	c := treasurer(t, p, dir)
	tools, err := c.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools.Tools {
		if tool.Name != "deposit" {
			continue
		}
		if a := tool.Annotations; a.ReadOnlyHint || a.DestructiveHint == nil || !*a.DestructiveHint || !a.IdempotentHint {
			t.Errorf("%+v", a)
		}
		if !strings.Contains(tool.Description, "[100.00 USD 10.00 EUR]") || !strings.Contains(tool.Description, "REAL MONEY") {
			t.Error(tool.Description)
		}
	}
	for range 2 { // the same again is the same
		var got deposited
		c.must("deposit", order("60", "USD", "june"), &got)
		if got.State != "done" || got.Left != (amount{"40.00", "USD"}) || got.Deposit != (amount{"60.00", "USD"}) {
			t.Fatalf("%+v", got)
		}
	}
	if got := available(t, p); got != "208.50 USD" {
		t.Errorf("there are %s", got)
	}
	sent := p.Requests(depositPath)
	for _, tt := range []struct {
		order map[string]any
		want  string
	}{
		{order("41", "USD", "july"), "with 41.00 USD it would be 101.00 USD, and this server was started to deposit 100.00 USD in all"},
		{order("59", "USD", "june"), `the key "june" stands for 60.00 USD`},
		{order("1", "GBP", "july"), "nothing in GBP"},
		{order("0.50", "USD", "july"), "not in whole units"},
		{order("-5", "USD", "july"), "not in whole units"},
		{order("1e9", "USD", "july"), "it would be 1000000060.00 USD"},
		{order("much", "USD", "july"), "amount: "},
		{order("1", "US", "july"), "currency: "},
		{map[string]any{"portal": "one", "amount": "1", "currency": "USD"}, "key"},
		{map[string]any{"portal": "two", "amount": "1", "currency": "USD", "key": "july"}, "no portal"},
	} {
		if got := c.call("deposit", tt.order, nil); !strings.Contains(got, tt.want) {
			t.Errorf("%v: %q", tt.order, got)
		}
	}
	if got := p.Requests(depositPath); got != sent {
		t.Errorf("%d were sent all the same", got-sent)
	}
	var got deposited
	c.must("deposit", order("40", "USD", "july"), &got)
	if got.State != "done" || got.Left.Amount != "0.00" {
		t.Errorf("%+v", got)
	}
	// One that is started anew has another budget, and the same deposits.
	c = treasurer(t, p, dir)
	got = deposited{}
	if c.must("deposit", order("60", "USD", "june"), &got); got.State != "done" || available(t, p) != "248.50 USD" {
		t.Errorf("%+v, and there are %s", got, available(t, p))
	}
	if got := c.call("deposit", order("61", "USD", "july"), nil); !strings.Contains(got, "with 61.00 USD it would be 121.00 USD") {
		t.Error(got)
	}
	if got := c.call("deposit", order("39", "USD", "july"), nil); !strings.Contains(got, "stands for another deposit") {
		t.Error(got)
	}
	if strings.Contains(c.said.String(), p.Key) {
		t.Error("a key was told")
	}
}

// However many ask at once, no more than the cap is sent.
func TestTheCapHoldsAtOnce(t *testing.T) {
	p := docspacetest.New(t)
	c := treasurer(t, p, t.TempDir())
	var wg sync.WaitGroup
	for n := range 12 {
		wg.Go(func() {
			_, _ = c.CallTool(context.Background(), &sdk.CallToolParams{Name: "deposit", Arguments: order(fmt.Sprint(20+n), "USD", fmt.Sprintf("n%d", n))})
		})
	}
	wg.Wait()
	b, err := p.Client().Balance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := b.SubAccounts[0].Amount; got.Units() > cents(248_50, "USD").Units() || got.Units() <= cents(148_50, "USD").Units() {
		t.Errorf("there are %s", got)
	}
}

// What is refused, and what is lost, is told for what it is, and never charged twice.
func TestDepositsThatGoWrong(t *testing.T) {
	p := docspacetest.New(t)
	c := treasurer(t, p, t.TempDir())
	p.SetCustomer(billing.CustomerChange{MethodType: "card_declined"})
	var got deposited
	c.must("deposit", order("10", "USD", "declined"), &got)
	if got.State != "refused" || !strings.Contains(got.Advice, "Nothing was charged") || got.Why == "" || available(t, p) != "148.50 USD" {
		t.Errorf("%+v", got)
	}
	p.SetCustomer(billing.CustomerChange{MethodType: "card"})
	p.Inject(docspacetest.Fault{Path: depositPath, Late: true, Cut: true, Times: 1})
	got = deposited{}
	c.must("deposit", order("10", "EUR", "lost"), &got)
	if got.State != "done" && (got.State != "unknown" || !strings.Contains(got.Advice, "same key")) {
		t.Errorf("%+v", got)
	}
	for range 2 {
		got = deposited{}
		c.must("deposit", order("10", "EUR", "lost"), &got)
	}
	b, err := p.Client().Balance(t.Context())
	if err != nil || got.State != "done" || b.SubAccounts[1].Amount != cents(35_00, "EUR") {
		t.Errorf("%+v, and there are %+v, %v", got, b, err)
	}
	// A portal that can't be read is not charged.
	p.Inject(docspacetest.Denied())
	if got := c.call("deposit", order("1", "USD", "denied"), nil); !strings.Contains(got, "Access denied") {
		t.Error(got)
	}
}
