package payment_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

func TestPageCheck(t *testing.T) {
	long := strings.Repeat("x", 255)
	tests := []struct {
		name   string
		change func(*payment.Page)
		names  string // what the error names; "" is no error
	}{
		{"as it should be", func(*payment.Page) {}, ""},
		{"all that may be empty", func(p *payment.Page) { p.Account, p.Email, p.Description, p.Language = "", "", "", "" }, ""},
		{"an account page", func(p *payment.Page) {
			*p = payment.Page{Kind: payment.AccountPage, Customer: "p-1", SuccessURL: "https://p.example/"}
		}, ""},
		{"a set-up page", func(p *payment.Page) { p.Kind, p.Amount = payment.SetupPage, money.Amount{} }, ""},
		{"no kind", func(p *payment.Page) { p.Kind = "" }, "kind"},
		{"another kind", func(p *payment.Page) { p.Kind = "front" }, "kind"},
		{"no id", func(p *payment.Page) { p.ID = "" }, "id"},
		{"a long id", func(p *payment.Page) { p.ID = long + "x" }, "id"},
		{"no customer", func(p *payment.Page) { p.Customer = "" }, "customer"},
		{"a long account", func(p *payment.Page) { p.Account = long + "x" }, "account"},
		{"no e-mail address", func(p *payment.Page) { p.Email = "ann" }, "email"},
		{"no way out", func(p *payment.Page) { p.SuccessURL = "" }, "success URL"},
		{"no way back", func(p *payment.Page) { p.CancelURL = "" }, "cancel URL"},
		{"a script", func(p *payment.Page) { p.SuccessURL = "javascript:alert(1)" }, "success URL"},
		{"a path", func(p *payment.Page) { p.CancelURL = "/back" }, "cancel URL"},
		{"a password", func(p *payment.Page) { p.CancelURL = "https://a:b@p.example/" }, "cancel URL"},
		{"no address", func(p *payment.Page) { p.CancelURL = "https://p.example/%zz" }, "cancel URL"},
		{"a long address", func(p *payment.Page) { p.CancelURL = "https://p.example/" + strings.Repeat("x", 2000) }, "cancel URL"},
		{"no amount", func(p *payment.Page) { p.Amount = money.Amount{} }, "currency"},
		{"a part of a minor unit", func(p *payment.Page) { p.Amount = amount(t, "1.001", "USD") }, "minor units"},
		{"an amount to set up", func(p *payment.Page) { p.Kind = payment.SetupPage }, "amount"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := payment.Page{
				Kind: payment.PayPage, ID: long, Customer: long, Account: long, Email: "ann@p.example", Amount: amount(t, "10", "USD"),
				Description: "Ten administrators", Language: "de", SuccessURL: "https://p.example/paid?a=b", CancelURL: "http://localhost:1/",
			}
			tt.change(&p)
			err := p.Check()
			if tt.names == "" && err != nil || tt.names != "" && (!errors.Is(err, payment.ErrRefused) || !strings.Contains(err.Error(), tt.names)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRefundCheck(t *testing.T) {
	tests := map[string]struct {
		change  func(*payment.Refund)
		refused bool
	}{
		"as it should be":      {func(*payment.Refund) {}, false},
		"no account":           {func(r *payment.Refund) { r.Account, r.Reference = "", "" }, false},
		"no id":                {func(r *payment.Refund) { r.ID = "" }, true},
		"no customer":          {func(r *payment.Refund) { r.Customer = "" }, true},
		"no charge":            {func(r *payment.Refund) { r.ChargeID = "" }, true},
		"a long reference":     {func(r *payment.Refund) { r.Reference = strings.Repeat("x", 256) }, true},
		"nothing to give back": {func(r *payment.Refund) { r.Amount = amount(t, "0", "USD") }, true},
	}
	for name, tt := range tests {
		r := payment.Refund{ID: "r-1", Customer: "p-1", Account: "a", ChargeID: "c-1", Reference: "ref", Amount: amount(t, "10", "USD")}
		tt.change(&r)
		if err := r.Check(); errors.Is(err, payment.ErrRefused) != tt.refused || (err != nil) != tt.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
