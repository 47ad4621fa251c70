package payment_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/payment"
)

func TestChargeCheck(t *testing.T) {
	long := strings.Repeat("x", 255)
	tests := []struct {
		name    string
		change  func(*payment.Charge)
		refused bool
	}{
		{"as it should be", func(*payment.Charge) {}, false},
		{"all that may be empty", func(c *payment.Charge) { c.Method, c.Description = "", "" }, false},
		{"as long as may be", func(c *payment.Charge) { c.ID, c.Customer, c.Account, c.Method = long, long, long, long }, false},
		{"no id", func(c *payment.Charge) { c.ID = "" }, true},
		{"a long id", func(c *payment.Charge) { c.ID = long + "x" }, true},
		{"no customer", func(c *payment.Charge) { c.Customer = "" }, true},
		{"a long customer", func(c *payment.Charge) { c.Customer = long + "x" }, true},
		{"a long account", func(c *payment.Charge) { c.Account = long + "x" }, true},
		{"a long method", func(c *payment.Charge) { c.Method = long + "x" }, true},
		{"no amount", func(c *payment.Charge) { c.Amount = amount(t, "0", "USD") }, true},
		{"a negative amount", func(c *payment.Charge) { c.Amount = c.Amount.Neg() }, true},
		{"no currency", func(c *payment.Charge) { c.Amount = amount(t, "10", "") }, true},
		{"a part of a minor unit", func(c *payment.Charge) { c.Amount = amount(t, "10.001", "USD") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := payment.Charge{ID: "c-1", Customer: "p-1", Method: "card", Amount: amount(t, "10", "USD"), Description: "Deposit"}
			tt.change(&c)
			if err := c.Check(); errors.Is(err, payment.ErrRefused) != tt.refused || (err != nil) != tt.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}
