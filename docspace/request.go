package docspace

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// QuantityRequest is the body that asks for so much of a product.
// Source: contract, "PUT /payment/url", "…/update", "…/updatewallet",
// "…/calculatewallet" and, in 3.8, "POST /payment/subscription/movetowallet".
type QuantityRequest struct {
	// Quantity has one entry: a product's name ("admin", "storage") and how many.
	// Null takes a scheduled change back.
	Quantity map[string]*int64 `json:"quantity"`
	// BackURL and SuccessURL are where a checkout returns to, absolute; "" leaves
	// them out.
	BackURL    string `json:"backUrl,omitempty"`
	SuccessURL string `json:"successUrl,omitempty"`
	// Type is what to do with a wallet's product; nil leaves it out, and means
	// QuantitySet to a portal.
	Type *ProductQuantityType `json:"productQuantityType,omitempty"`
}

// UnmarshalJSON reads what MarshalJSON writes, and quantities in strings, as portals
// do.
func (r *QuantityRequest) UnmarshalJSON(data []byte) error {
	type plain QuantityRequest
	var in struct {
		Quantity map[string]*json.Number `json:"quantity"`
		plain
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	out := QuantityRequest(in.plain)
	out.Quantity = nil
	if in.Quantity != nil {
		out.Quantity = make(map[string]*int64, len(in.Quantity))
	}
	for product, text := range in.Quantity {
		out.Quantity[product] = nil
		if text != nil {
			n, err := readWhole("quantity of "+excerpt(product), *text)
			if err != nil {
				return err
			}
			out.Quantity[product] = &n
		}
	}
	*r = out
	return nil
}

// readWhole reads a whole number, or a string that holds one.
func readWhole(member string, text json.Number) (int64, error) {
	if text == "" {
		return 0, fmt.Errorf("%s is missing", member)
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number: %q", member, excerpt(string(text)))
	}
	return n, nil
}

// ProductQuantityType says what is done with a quantity.
type ProductQuantityType int

const (
	QuantitySet   ProductQuantityType = 0 // have so many, from the next period on
	QuantityAdd   ProductQuantityType = 1 // buy so many more, now
	QuantitySub   ProductQuantityType = 2 // no portal takes it
	QuantityRenew ProductQuantityType = 3 // portals renew by themselves
)

// String returns "set", "add", "sub" or "renew".
func (t ProductQuantityType) String() string {
	return statusName(int(t), "set", "add", "sub", "renew")
}

// DepositRequest is the body that charges the payment method.
// Source: contract, "POST /payment/deposit".
type DepositRequest struct {
	// Amount is in whole major units.
	Amount   int64          `json:"amount"`
	Currency money.Currency `json:"currency"`
}

// UnmarshalJSON reads what MarshalJSON writes, and an amount in a string, as portals
// do; one that is missing is an error, not nought.
func (r *DepositRequest) UnmarshalJSON(data []byte) error {
	var in struct {
		Amount   json.Number    `json:"amount"`
		Currency money.Currency `json:"currency"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	amount, err := readWhole("amount", in.Amount)
	*r = DepositRequest{amount, in.Currency}
	return err
}

// TopUpRequest is the body that changes the automatic top-up.
// Source: contract, "POST /payment/topupsettings".
type TopUpRequest struct {
	// Settings is nil to switch it off and forget the amounts. Its amounts are
	// whole major units to a stock portal.
	Settings *TopUpSettings
}

// MarshalJSON writes {"settings":{"enabled":true,"minBalance":20,"upToBalance":100,"currency":"USD"}}.
func (r TopUpRequest) MarshalJSON() ([]byte, error) {
	type settings struct {
		Enabled      bool            `json:"enabled"`
		MinBalance   json.RawMessage `json:"minBalance"`
		UpToBalance  json.RawMessage `json:"upToBalance"`
		Currency     money.Currency  `json:"currency,omitempty"`
		LastModified Time            `json:"lastModified,omitzero"`
	}
	var out struct {
		Settings *settings `json:"settings"`
	}
	if s := r.Settings; s != nil {
		out.Settings = &settings{s.Enabled, s.MinBalance.AppendShortest(nil), s.UpToBalance.AppendShortest(nil), s.Currency(), s.LastModified}
	}
	return marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *TopUpRequest) UnmarshalJSON(data []byte) error {
	var in struct {
		Settings *TopUpSettings `json:"settings"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*r = TopUpRequest{in.Settings}
	return nil
}

// AICreditRequest is the body that buys AI credit from the wallet.
// Source: contract, "POST /payment/creditaibalance".
type AICreditRequest struct {
	// Amount is in no currency ("") to leave the choice to the portal.
	Amount money.Amount
}

// MarshalJSON writes {"amount":25.5,"currency":"USD"}.
func (r AICreditRequest) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Amount   json.RawMessage `json:"amount"`
		Currency money.Currency  `json:"currency,omitempty"`
	}{r.Amount.AppendShortest(nil), r.Amount.Currency()})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing is an
// error, not nought.
func (r *AICreditRequest) UnmarshalJSON(data []byte) error {
	var in struct {
		Amount   json.Number    `json:"amount"`
		Currency money.Currency `json:"currency"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	var err error
	r.Amount, err = readAmount("amount", in.Amount, in.Currency)
	return err
}

// SalesRequest is a message to whoever sells.
// Source: contract, "POST /payment/request".
type SalesRequest struct {
	UserName string `json:"userName"` // to 255 characters
	Email    string `json:"email"`    // to 64
	Message  string `json:"message"`  // to 255
}

// ServicePurchase is the body that buys a service from the wallet.
// Source: contract, "What newer versions add", POST /payment/buywalletservice (3.7
// before its release).
type ServicePurchase struct {
	ServiceName string `json:"serviceName"`
	Quantity    int64  `json:"quantity"`
}

// UnmarshalJSON reads what MarshalJSON writes, and a quantity in a string, as portals
// do; one that is missing is an error, not nought.
func (p *ServicePurchase) UnmarshalJSON(data []byte) error {
	var in struct {
		ServiceName string      `json:"serviceName"`
		Quantity    json.Number `json:"quantity"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	quantity, err := readWhole("quantity", in.Quantity)
	*p = ServicePurchase{in.ServiceName, quantity}
	return err
}

// ReportRequest is the body that has a report made: what a list's query says, but
// for its pages. Source: contract, "customer/operationsreport", and "What newer
// versions add", …/usage/report and …/usage/monthly/report (3.8).
type ReportRequest struct {
	Service string `json:"serviceName,omitempty"`
	// From and To are the first and the last moment; the zero Time leaves them out.
	From        Time              `json:"startDate,omitzero"`
	To          Time              `json:"endDate,omitzero"`
	Participant string            `json:"participantName,omitempty"`
	Credit      bool              `json:"credit,omitempty"`
	Debit       bool              `json:"debit,omitempty"`
	Type        OperationType     `json:"type,omitempty"`
	Status      OperationStatus   `json:"status,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}
