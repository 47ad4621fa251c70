package operatorapi

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

// appendReceipt appends what an order came to, as JSON. All of it is kept with
// the order's key, so that a replay is the same to the byte.
func appendReceipt(b []byte, r *billing.Receipt) []byte {
	b = append(b, `{"portal":`...)
	b = appendText(b, r.PortalID)
	if r.Transfer != "" {
		b = append(b, `,"transfer":`...)
		b = appendText(b, r.Transfer)
	}
	if r.Hold != "" {
		b = append(b, `,"hold":`...)
		b = appendText(b, r.Hold)
	}
	b = append(b, ',')
	b = appendSum(b, r.Amount)
	b = append(b, `,"available":"`...)
	b = append(r.Available.AppendDecimal(b), `","at":`...)
	b = appendTime(b, r.At)
	if !r.ExpiresAt.IsZero() {
		b = append(b, `,"expiresAt":`...)
		b = appendTime(b, r.ExpiresAt)
	}
	return append(b, '}')
}

// appendSum appends an amount as the two members that it is everywhere.
func appendSum(b []byte, a money.Amount) []byte {
	b = append(b, `"amount":"`...)
	b = append(a.AppendDecimal(b), `","currency":`...)
	return appendText(b, string(a.Currency()))
}

// appendWallet appends a wallet as JSON.
func appendWallet(b []byte, w *billing.Wallet) []byte {
	b = append(b, `{"portal":`...)
	b = appendText(b, w.PortalID)
	if w.AccountNumber != 0 {
		b = append(b, `,"accountNumber":`...)
		b = strconv.AppendInt(b, w.AccountNumber, 10)
	}
	b = append(b, `,"pockets":[`...)
	for i, p := range w.Pockets {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"book":`...)
		b = appendText(b, string(p.Book))
		b = append(b, `,"currency":`...)
		b = appendText(b, string(p.Balance.Currency()))
		b = append(b, `,"balance":"`...)
		b = append(p.Balance.AppendDecimal(b), `","held":"`...)
		b = append(p.Held.AppendDecimal(b), `","available":"`...)
		b = append(p.Available.AppendDecimal(b), '"')
		if p.CreditLimit.Sign() > 0 {
			b = append(b, `,"creditLimit":"`...)
			b = append(p.CreditLimit.AppendDecimal(b), '"')
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if !w.LastCreditAt.IsZero() {
		b = append(b, `,"lastCredit":{"at":`...)
		b = append(appendTime(b, w.LastCreditAt), ',')
		b = append(appendSum(b, w.LastCredit), '}')
	}
	b = append(b, `,"transfers":`...)
	return append(strconv.AppendInt(b, w.Transfers, 10), '}')
}

// appendTime appends a moment in the microseconds that it is kept in.
func appendTime(b []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(b, `"2006-01-02T15:04:05.000000Z"`)
}

// appendText appends a JSON string.
func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&0xf])
		case r < utf8.RuneSelf:
			b = append(b, text[i])
		default: // a byte that is no UTF-8 becomes U+FFFD
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
