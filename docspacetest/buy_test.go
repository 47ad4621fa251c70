package docspacetest_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
)

// What a program does that buys: the price, the purchase, the operation and the new
// balance.
func TestBuyingFromTheWallet(t *testing.T) {
	portal := docspacetest.New(t)
	client, ctx := portal.Client(), t.Context()
	before, err := client.Balance(ctx)
	if err != nil {
		t.Fatal(err)
	}
	price, err := client.CalculateWallet(ctx, "storage", 100)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := client.BuyFromWallet(ctx, "storage", 100, "once"); err != nil || !done {
		t.Fatalf("%v, %v", done, err)
	}
	after, err := client.Balance(ctx)
	if err != nil {
		t.Fatal(err)
	}
	left, err := before.SubAccounts[0].Amount.Sub(price.Amount)
	if err != nil || after.SubAccounts[0].Amount != left {
		t.Errorf("%s is left, want %s", after.SubAccounts[0].Amount, left)
	}
	page, err := client.Operations(ctx, docspace.OperationsQuery{Service: "disk-storage"})
	if err != nil || len(page.Operations) != 1 || page.Operations[0].Debit != price.Amount {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := client.BuyFromWallet(ctx, "storage", 100_000, ""); !errors.Is(err, docspace.ErrPaymentRequired) {
		t.Errorf("too much: %v", err)
	}
}

// The sandbox's page is a real one: whoever pays there has bought.
func TestPagesOfTheSandbox(t *testing.T) {
	portal := docspacetest.New(t)
	portal.SetPurchases() // and has the free plan
	client, ctx := portal.Client(), t.Context()
	page, err := client.CheckoutURL(ctx, "admin", 7, portal.URL+"/back", portal.URL+"/done")
	if err != nil || !strings.HasPrefix(page, portal.URL+"/sandbox/") {
		t.Fatalf("%q, %v", page, err)
	}
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	form, err := stay.PostForm(page, url.Values{"method": {"card"}, "action": {"pay"}})
	if err != nil {
		t.Fatal(err)
	}
	defer form.Body.Close()
	if form.StatusCode != http.StatusSeeOther || form.Header.Get("Location") != portal.URL+"/done" {
		body, _ := io.ReadAll(form.Body)
		t.Fatalf("%s %s\n%s", form.Status, form.Header, body)
	}
	tariff, err := client.Tariff(ctx)
	if err != nil || tariff.Details.Quotas[0].Quantity != 7 {
		t.Errorf("%+v, %v", tariff, err)
	}
}

func TestLettersToSales(t *testing.T) {
	portal := docspacetest.New(t)
	if err := portal.Client().RequestSales(t.Context(), docspace.SalesRequest{UserName: "Olivia", Email: "o@example.com", Message: "More, please"}); err != nil {
		t.Fatal(err)
	}
	if all := portal.Mail(); len(all) != 1 || !strings.Contains(all[0].Text, "More, please") {
		t.Errorf("%+v", all)
	}
}
