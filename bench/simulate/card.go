package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bursarhq/bursar/payment"
)

// cards are all payment methods that anybody has, by the bank's name for them.
type cards map[string]*card

// card is a payment method.
type card struct {
	token string
	// bad is of a hundred charges how many are declined, and why.
	bad int
	why string
	// until is when it expires.
	until time.Time
}

// draw makes a card of a kind that chance decides.
func (all cards) draw(random *rand.Rand, customer string, now time.Time) *card {
	c := &card{token: fmt.Sprintf("card-%d.%s", len(all)+1, customer), until: now.AddDate(20, 0, 0), why: payment.CardDeclined}
	switch random.IntN(8) {
	case 0:
		c.bad = 100 // never works
	case 1:
		c.bad, c.why = 40, payment.InsufficientFunds // now and then
	case 2:
		c.until = now.AddDate(0, 1+random.IntN(12), 0)
	case 3:
		c.bad, c.why = 100, payment.AuthenticationRequired
	}
	all[c.token] = c
	return c
}

// declines returns why a charge is declined; "" is not at all.
func (all cards) declines(token string, now time.Time, f *fate) string {
	c := all[token]
	switch {
	case c == nil:
		return ""
	case !now.Before(c.until):
		return payment.ExpiredCard
	case c.bad > 0 && f.random.IntN(100) < c.bad:
		return c.why
	}
	return ""
}

// method is the card as the bank tells of it.
func (c *card) method(customer string) *payment.Method {
	year, month, _ := c.until.AddDate(0, -1, 0).Date() // it can be charged until the month is over
	return &payment.Method{
		Account: "sandbox_" + customer, Token: c.token, Kind: "card", Label: "Card " + c.token, Fingerprint: "print of " + c.token,
		ExpiresYear: year, ExpiresMonth: int(month),
	}
}
