package docspace

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// MonthlyUsage is what went out of a wallet in a month, in one currency.
// Source: contract, "What newer versions add", GET /payment/customer/usage/monthly (3.8).
type MonthlyUsage struct {
	Year int
	// Month is 1 to 12, in the portal's time zone.
	Month  int
	Amount money.Amount
	// OperationCount is of how many operations.
	OperationCount int64
}

// MarshalJSON writes the members in DocSpace's order.
func (u MonthlyUsage) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Year           int             `json:"year"`
		Month          int             `json:"month"`
		Currency       money.Currency  `json:"currency"`
		Amount         json.RawMessage `json:"totalAmount"`
		OperationCount int64           `json:"operationCount"`
	}{u.Year, u.Month, u.Amount.Currency(), amountMember(u.Amount), u.OperationCount})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing is an
// error, not nought.
func (u *MonthlyUsage) UnmarshalJSON(data []byte) error {
	var in struct {
		Year           int            `json:"year"`
		Month          int            `json:"month"`
		Currency       money.Currency `json:"currency"`
		Amount         json.Number    `json:"totalAmount"`
		OperationCount int64          `json:"operationCount"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	amount, err := readAmount("totalAmount", in.Amount, in.Currency)
	*u = MonthlyUsage{in.Year, in.Month, amount, in.OperationCount}
	return err
}

// UsageItem is what was paid for one service.
// Source: contract, "What newer versions add", GET /payment/customer/usage (3.8).
type UsageItem struct {
	// Service is what operations call it: "backup"; Title is for people.
	Service, Title string
	// ServiceUnit is what Quantity counts: "GB".
	ServiceUnit string
	Quantity    int64
	Amount      money.Amount
	// OperationCount is of how many operations.
	OperationCount int64
	// Price is that of one unit now, and Subscription says that it is paid by the
	// period; nil from a portal before 4.x, which does not say.
	Price        *money.Amount
	Subscription *bool
}

// MarshalJSON writes the members in DocSpace's order. The price must be in the
// currency of the amount.
func (u UsageItem) MarshalJSON() ([]byte, error) {
	var price json.RawMessage
	if u.Price != nil {
		if u.Price.Currency() != u.Amount.Currency() {
			return nil, money.ErrCurrencyMismatch
		}
		price = amountMember(*u.Price)
	}
	return marshal(struct {
		Service        string          `json:"service"`
		Title          string          `json:"title"`
		ServiceUnit    string          `json:"serviceUnit"`
		Currency       money.Currency  `json:"currency"`
		Quantity       int64           `json:"totalQuantity"`
		Amount         json.RawMessage `json:"totalAmount"`
		OperationCount int64           `json:"operationCount"`
		Price          json.RawMessage `json:"price,omitempty"`
		Subscription   *bool           `json:"subscription,omitempty"`
	}{u.Service, u.Title, u.ServiceUnit, u.Amount.Currency(), u.Quantity, amountMember(u.Amount), u.OperationCount, price, u.Subscription})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing is an
// error, not nought.
func (u *UsageItem) UnmarshalJSON(data []byte) error {
	var in struct {
		Service        string          `json:"service"`
		Title          string          `json:"title"`
		ServiceUnit    string          `json:"serviceUnit"`
		Currency       money.Currency  `json:"currency"`
		Quantity       int64           `json:"totalQuantity"`
		Amount         json.Number     `json:"totalAmount"`
		OperationCount int64           `json:"operationCount"`
		Price          json.RawMessage `json:"price"`
		Subscription   *bool           `json:"subscription"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	amount, err := readAmount("totalAmount", in.Amount, in.Currency)
	if err != nil {
		return err
	}
	*u = UsageItem{in.Service, in.Title, in.ServiceUnit, in.Quantity, amount, in.OperationCount, nil, in.Subscription}
	if present(in.Price) == nil {
		return nil
	}
	price, err := readUnitPrice(in.Price, in.Currency)
	u.Price = &price
	return err
}

// readUnitPrice reads a price that is a number, or that of a Quota: no source says
// which of the two it is.
func readUnitPrice(member json.RawMessage, currency money.Currency) (money.Amount, error) {
	if member[0] == '{' {
		var price Price
		if err := json.Unmarshal(member, &price); err != nil {
			return money.Amount{}, err
		}
		if c := price.Amount.Currency(); c != "" && c != currency {
			return money.Amount{}, fmt.Errorf("price: %w: %s and %s", money.ErrCurrencyMismatch, c, currency)
		}
		return money.FromUnits(price.Amount.Units(), currency), nil
	}
	var text json.Number
	if err := json.Unmarshal(member, &text); err != nil {
		return money.Amount{}, err
	}
	return readAmount("price", text, currency)
}

// UsagePage is a part of the list of what was paid for each service.
type UsagePage struct {
	Items []UsageItem `json:"collection"`
	// Offset is how many were passed over, Limit how many there are at most.
	Offset int64 `json:"offset"`
	Limit  int64 `json:"limit"`
	// Total is how long the list is, in services and in pages.
	Total      int64 `json:"totalQuantity"`
	TotalPages int64 `json:"totalPage"`
	// Page is which of the pages this is, from 1.
	Page int64 `json:"currentPage"`
}

// MarshalJSON writes the members in DocSpace's order; the list is never null.
func (p UsagePage) MarshalJSON() ([]byte, error) {
	type plain UsagePage
	if p.Items == nil {
		p.Items = []UsageItem{}
	}
	return marshal(plain(p))
}

// UnmarshalJSON reads what MarshalJSON writes; a list that is missing is an error,
// not an empty one.
func (p *UsagePage) UnmarshalJSON(data []byte) error {
	type plain UsagePage
	var in plain
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Items == nil {
		return errors.New("collection is missing")
	}
	*p = UsagePage(in)
	return nil
}
