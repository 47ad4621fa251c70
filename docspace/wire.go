package docspace

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// CustomerInfo says who pays for a portal, and by what.
// Source: contract, "GET /api/2.0/portal/payment/customerinfo".
type CustomerInfo struct {
	// PortalID is the portal's name in the billing system.
	PortalID string `json:"portalId"`
	// PaymentMethodStatus says whether a payment method is stored.
	PaymentMethodStatus PaymentMethodStatus `json:"paymentMethodStatus"`
	// PaymentMethodType is the kind of payment method ("card"); "" when the
	// portal does not say (DocSpace before 4.x).
	PaymentMethodType string `json:"paymentMethodType,omitempty"`
	// DelayedPaymentMethod says that payments by this method settle late.
	DelayedPaymentMethod bool `json:"isDelayedPaymentMethod,omitempty"`
	// Email is the customer's address in lower case; "" when unknown.
	Email string `json:"email,omitempty"`
	// Payer is the portal's user with that address; nil when there is none,
	// and then nobody may change what the portal pays.
	Payer *Person `json:"payer,omitempty"`
}

// PaymentMethodStatus says whether a payment method is stored.
type PaymentMethodStatus int

const (
	PaymentMethodNone    PaymentMethodStatus = 0
	PaymentMethodSet     PaymentMethodStatus = 1
	PaymentMethodExpired PaymentMethodStatus = 2
)

// String returns "none", "set" or "expired".
func (s PaymentMethodStatus) String() string {
	switch s {
	case PaymentMethodNone:
		return "none"
	case PaymentMethodSet:
		return "set"
	case PaymentMethodExpired:
		return "expired"
	default:
		return "status " + strconv.Itoa(int(s))
	}
}

// Person is a user of the portal.
type Person struct {
	ID string `json:"id"`
	// DisplayName is HTML-encoded on the wire; the client decodes it.
	DisplayName string `json:"displayName"`
	// The avatars are addresses relative to the portal, or absolute.
	Avatar         string `json:"avatar,omitempty"`
	AvatarOriginal string `json:"avatarOriginal,omitempty"`
	AvatarMax      string `json:"avatarMax,omitempty"`
	AvatarMedium   string `json:"avatarMedium,omitempty"`
	AvatarSmall    string `json:"avatarSmall,omitempty"`
	// ProfileURL is the user's page in the portal.
	ProfileURL string `json:"profileUrl,omitempty"`
	HasAvatar  bool   `json:"hasAvatar"`
	Anonymous  bool   `json:"isAnonim"`
}

// Balance is what a portal's wallet holds.
// Source: contract, "GET /api/2.0/portal/payment/customer/balance".
type Balance struct {
	AccountNumber    int64  `json:"accountNumber"`
	SubAccountNumber int64  `json:"subAccountNumber"`
	AccountName      string `json:"accountName,omitempty"`
	// AccountCurrency is the wallet's own currency; "" when not stated.
	AccountCurrency money.Currency `json:"accountCurrency,omitempty"`
	// SubAccounts has one entry a currency.
	SubAccounts []SubAccount `json:"subAccounts"`
	// LastCredit is the latest payment into the wallet; nil when there is none
	// or the portal does not say.
	LastCredit *LastCredit `json:"lastCredit,omitempty"`
}

// SubAccount is the part of a wallet that is in one currency.
type SubAccount struct {
	// Amount is the available amount, in the sub-account's currency.
	Amount money.Amount
}

// marshal is json.Marshal with <, > and & as they are: what a Marshaler returns is
// not touched any more by who asked it, and portals send them plainly.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// MarshalJSON writes the members in DocSpace's order; the list is never null.
func (b Balance) MarshalJSON() ([]byte, error) {
	type plain Balance
	if b.SubAccounts == nil {
		b.SubAccounts = []SubAccount{}
	}
	return marshal(plain(b))
}

// amountMember is an amount as a bare JSON number.
func amountMember(a money.Amount) json.RawMessage { return a.AppendDecimal(nil) }

// readAmount reads a JSON number, or a string that holds one, and nothing else.
func readAmount(member string, text json.Number, currency money.Currency) (money.Amount, error) {
	if text == "" {
		return money.Amount{}, fmt.Errorf("%s is missing", member)
	}
	a, err := money.Parse(string(text), currency)
	if err != nil {
		return money.Amount{}, fmt.Errorf("%s: %w", member, err)
	}
	return a, nil
}

// MarshalJSON writes {"currency":"USD","amount":148.50}.
func (s SubAccount) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Currency money.Currency  `json:"currency"`
		Amount   json.RawMessage `json:"amount"`
	}{s.Amount.Currency(), amountMember(s.Amount)})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing or
// null is an error, not nought.
func (s *SubAccount) UnmarshalJSON(data []byte) error {
	var in struct {
		Currency money.Currency `json:"currency"`
		Amount   json.Number    `json:"amount"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	var err error
	s.Amount, err = readAmount("amount", in.Amount, in.Currency)
	return err
}

// LastCredit is a payment into a wallet.
type LastCredit struct {
	Date   Time
	Amount money.Amount
}

// MarshalJSON writes {"date":"…","currency":"USD","amount":100.00}.
func (c LastCredit) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Date     Time            `json:"date,omitzero"`
		Currency money.Currency  `json:"currency"`
		Amount   json.RawMessage `json:"amount"`
	}{c.Date, c.Amount.Currency(), amountMember(c.Amount)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *LastCredit) UnmarshalJSON(data []byte) error {
	var in struct {
		Date     Time           `json:"date"`
		Currency money.Currency `json:"currency"`
		Amount   json.Number    `json:"amount"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	var err error
	c.Date = in.Date
	c.Amount, err = readAmount("lastCredit.amount", in.Amount, in.Currency)
	return err
}

// TopUpSettings say when and how far the wallet is refilled by itself.
// Source: contract, "GET /api/2.0/portal/payment/topupsettings".
type TopUpSettings struct {
	Enabled bool
	// MinBalance is the amount below which the wallet is refilled.
	MinBalance money.Amount
	// UpToBalance is the amount it is refilled to.
	UpToBalance money.Amount
	// LastModified is when somebody last changed the settings.
	LastModified Time
}

// Currency returns the currency of the settings; "" when none was ever set.
func (s TopUpSettings) Currency() money.Currency { return s.MinBalance.Currency() }

// MarshalJSON writes the members in DocSpace's order. The amounts are whole
// numbers to DocSpace, so no decimal place is written that is not needed.
func (s TopUpSettings) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Enabled      bool            `json:"enabled"`
		MinBalance   json.RawMessage `json:"minBalance"`
		UpToBalance  json.RawMessage `json:"upToBalance"`
		Currency     money.Currency  `json:"currency,omitempty"`
		LastModified Time            `json:"lastModified"`
	}{s.Enabled, s.MinBalance.AppendShortest(nil), s.UpToBalance.AppendShortest(nil), s.Currency(), s.LastModified})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *TopUpSettings) UnmarshalJSON(data []byte) error {
	var in struct {
		Enabled      *bool          `json:"enabled"`
		MinBalance   json.Number    `json:"minBalance"`
		UpToBalance  json.Number    `json:"upToBalance"`
		Currency     money.Currency `json:"currency"`
		LastModified Time           `json:"lastModified"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Enabled == nil {
		return fmt.Errorf("enabled is missing")
	}
	var err error
	s.Enabled, s.LastModified = *in.Enabled, in.LastModified
	if s.MinBalance, err = readAmount("minBalance", in.MinBalance, in.Currency); err != nil {
		return err
	}
	s.UpToBalance, err = readAmount("upToBalance", in.UpToBalance, in.Currency)
	return err
}

// Currency is one currency that a portal's prices may be in, and a country
// that stands for it. Source: contract, "GET /api/2.0/portal/payment/currencies".
type Currency struct {
	CountryCode string `json:"isoCountryCode"`
	// ISOSymbol is the ISO 4217 code by its documentation and from Bursar; a
	// stock portal puts the sign here. Ask Code and Sign instead.
	ISOSymbol string `json:"isoCurrencySymbol"`
	// NativeName is what the country's people call the currency.
	NativeName string `json:"currencyNativeName"`
	// Symbol is the sign; "" from a stock portal.
	Symbol string `json:"currencySymbol,omitempty"`
}

// Code returns the ISO 4217 code, by way of the country where the portal sent
// only a sign; "" when neither tells.
func (c Currency) Code() money.Currency {
	if code := money.Currency(c.ISOSymbol); code.WellFormed() {
		return code
	}
	region, _ := money.RegionOf(c.CountryCode)
	return region.Currency
}

// Sign returns how the currency is written: "$", or its code where it has no
// sign.
func (c Currency) Sign() string {
	if c.Symbol != "" {
		return c.Symbol
	}
	return strings.TrimSpace(c.ISOSymbol)
}
