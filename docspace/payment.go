package docspace

import (
	stdjson "encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// Payment is what a service was paid with, or what it would cost. (DocSpace calls
// it a service payment.)
// Source: contract, "PUT /payment/calculatewallet" and "POST /payment/creditaibalance".
type Payment struct {
	// OperationID is the operation's number; 0 for a preview, which is none.
	OperationID int64
	// Amount is the price of all of Quantity.
	Amount   money.Amount
	Quantity int64
	// SubscriptionID is what was extended by it; "" when nothing was.
	SubscriptionID ID
	// StartDate and EndDate are the period that is paid for; the zero Time when
	// the portal names none.
	StartDate, EndDate Time
}

// MarshalJSON writes the members in DocSpace's order.
func (p Payment) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		OperationID    int64           `json:"operationId"`
		Amount         json.RawMessage `json:"amount"`
		Currency       money.Currency  `json:"currency,omitempty"`
		Quantity       int64           `json:"quantity"`
		SubscriptionID ID              `json:"subscriptionId,omitempty"`
		StartDate      Time            `json:"startDate,omitzero"`
		EndDate        Time            `json:"endDate,omitzero"`
	}{p.OperationID, amountMember(p.Amount), p.Amount.Currency(), p.Quantity, p.SubscriptionID, p.StartDate, p.EndDate})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing is an
// error, not nought.
func (p *Payment) UnmarshalJSON(data []byte) error {
	var in struct {
		OperationID    int64          `json:"operationId"`
		Amount         json.Number    `json:"amount"`
		Currency       money.Currency `json:"currency"`
		Quantity       int64          `json:"quantity"`
		SubscriptionID ID             `json:"subscriptionId"`
		StartDate      Time           `json:"startDate"`
		EndDate        Time           `json:"endDate"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	amount, err := readAmount("amount", in.Amount, in.Currency)
	*p = Payment{in.OperationID, amount, in.Quantity, in.SubscriptionID, in.StartDate, in.EndDate}
	return err
}

// Prices are what one unit of each product costs, by the product's name. All are in
// one currency, which the wire leaves out: amounts that were read have none (""),
// and those to write must agree. Nought stands for a product that is not sold in
// that currency. Source: contract, "GET /payment/prices".
type Prices map[string]money.Amount

// MarshalJSON writes {"admin":20.00,"adminyear":220.00}, names in order.
func (p Prices) MarshalJSON() ([]byte, error) {
	members := make(map[string]json.RawMessage, len(p))
	var currency money.Currency
	for name, amount := range p {
		if len(members) > 0 && amount.Currency() != currency {
			return nil, fmt.Errorf("%w: prices in %q and %q", money.ErrCurrencyMismatch, currency, amount.Currency())
		}
		currency = amount.Currency()
		members[name] = amountMember(amount)
	}
	return marshal(members)
}

// UnmarshalJSON reads what MarshalJSON writes; a price that is null is an error.
func (p *Prices) UnmarshalJSON(data []byte) error {
	var in map[string]json.Number
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	out := make(Prices, len(in))
	for name, text := range in {
		amount, err := readAmount("price of "+excerpt(name), text, "")
		if err != nil {
			return err
		}
		out[name] = amount
	}
	*p = out
	return nil
}

// AccountingCurrency is a currency that money can be kept in.
// Source: contract, "GET /payment/accounting/currencies".
type AccountingCurrency struct {
	ID   int64          `json:"id"`
	Code money.Currency `json:"code"`
}

// PriceRecord is a price of a service with its history. Its amounts are in the
// accounting's own currency, which the wire leaves out: those that were read have
// none (""). Source: contract, "Accounting, 4.x additions".
type PriceRecord struct {
	ID            int64
	AccountNumber int64
	ServiceID     int64
	TimeUnit      TimeUnit
	// ServicePrice is what a customer pays: what it costs, and what is put on top.
	CostPrice, ExtraCharge, ServicePrice money.Amount
	// Quota is for how many the price is; no number when the portal does not say.
	Quota Decimal
	// TimeBound is as the portal sends it; nil when it sends nothing.
	TimeBound stdjson.RawMessage
	Status    PriceStatus
	Created   Time
	// DiscountCategoryID is "" when there is none; DiscountCategory is as the
	// portal sends it, nil when it sends nothing.
	DiscountCategoryID ID
	DiscountCategory   stdjson.RawMessage
}

// TimeUnit is the time that a price is for.
type TimeUnit string

const (
	NoTimeUnit TimeUnit = "None" // for a piece, or a use
	Hour       TimeUnit = "Hour"
	Day        TimeUnit = "Day"
	Week       TimeUnit = "Week"
	Month      TimeUnit = "Month"
	Year       TimeUnit = "Year"
	ThreeYears TimeUnit = "ThreeYears"
)

// UnmarshalJSON reads a name, or its number.
func (u *TimeUnit) UnmarshalJSON(data []byte) error {
	return readName(data, u, NoTimeUnit, Hour, Day, Week, Month, Year, ThreeYears)
}

// PriceStatus says whether a price is in use.
type PriceStatus string

const (
	PriceDraft    PriceStatus = "Draft"
	PriceApproved PriceStatus = "Approved"
	PriceRejected PriceStatus = "Rejected"
)

// UnmarshalJSON reads a name, or its number.
func (s *PriceStatus) UnmarshalJSON(data []byte) error {
	return readName(data, s, PriceDraft, PriceApproved, PriceRejected)
}

// readName reads a name, known or not, or the number of one that is.
func readName[T ~string](data []byte, value *T, names ...T) error {
	var name string
	if err := json.Unmarshal(data, &name); err == nil {
		*value = T(name)
		return nil
	}
	var number int
	if err := json.Unmarshal(data, &number); err != nil {
		return err
	}
	if number < 0 || number >= len(names) {
		return fmt.Errorf("%d stands for no name", number)
	}
	*value = names[number]
	return nil
}

// MarshalJSON writes the members in DocSpace's order; amounts of more than one
// currency are an error.
func (p PriceRecord) MarshalJSON() ([]byte, error) {
	if c := p.ServicePrice.Currency(); p.CostPrice.Currency() != c || p.ExtraCharge.Currency() != c {
		return nil, fmt.Errorf("%w: a price record", money.ErrCurrencyMismatch)
	}
	return marshal(struct {
		ID                 int64              `json:"id"`
		AccountNumber      int64              `json:"accountNumber"`
		ServiceID          int64              `json:"serviceId"`
		TimeUnit           TimeUnit           `json:"timeUnit"`
		CostPrice          json.RawMessage    `json:"costPrice"`
		ExtraCharge        json.RawMessage    `json:"extraCharge"`
		ServicePrice       json.RawMessage    `json:"servicePrice"`
		Quota              Decimal            `json:"quota,omitzero"`
		TimeBound          stdjson.RawMessage `json:"timeBound,omitempty"`
		Status             PriceStatus        `json:"status"`
		Created            Time               `json:"created"`
		DiscountCategoryID ID                 `json:"discountCategoryId,omitempty"`
		DiscountCategory   stdjson.RawMessage `json:"discountCategory,omitempty"`
	}{
		p.ID, p.AccountNumber, p.ServiceID, p.TimeUnit, amountMember(p.CostPrice), amountMember(p.ExtraCharge), amountMember(p.ServicePrice),
		p.Quota, p.TimeBound, p.Status, p.Created, p.DiscountCategoryID, p.DiscountCategory,
	})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing is an
// error, not nought.
func (p *PriceRecord) UnmarshalJSON(data []byte) error {
	var in struct {
		ID                 int64              `json:"id"`
		AccountNumber      int64              `json:"accountNumber"`
		ServiceID          int64              `json:"serviceId"`
		TimeUnit           TimeUnit           `json:"timeUnit"`
		CostPrice          json.Number        `json:"costPrice"`
		ExtraCharge        json.Number        `json:"extraCharge"`
		ServicePrice       json.Number        `json:"servicePrice"`
		Quota              Decimal            `json:"quota"`
		TimeBound          stdjson.RawMessage `json:"timeBound"`
		Status             PriceStatus        `json:"status"`
		Created            Time               `json:"created"`
		DiscountCategoryID ID                 `json:"discountCategoryId"`
		DiscountCategory   stdjson.RawMessage `json:"discountCategory"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	cost, err1 := readAmount("costPrice", in.CostPrice, "")
	extra, err2 := readAmount("extraCharge", in.ExtraCharge, "")
	price, err3 := readAmount("servicePrice", in.ServicePrice, "")
	*p = PriceRecord{
		in.ID, in.AccountNumber, in.ServiceID, in.TimeUnit, cost, extra, price, in.Quota, present(in.TimeBound), in.Status, in.Created,
		in.DiscountCategoryID, present(in.DiscountCategory),
	}
	return errors.Join(err1, err2, err3)
}

// present returns a member as it stands; nil for null.
func present[Raw ~[]byte](member Raw) Raw {
	if string(member) == "null" {
		return nil
	}
	return member
}
