package docspace

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// Quota is a plan or a wallet service: what it is called, what it costs and
// what it allows. [Client.Quota] returns the one a portal has, with what is
// used of it; [Client.Quotas] those on offer, for one unit each.
// Source: contract, "GET /api/2.0/portal/payment/quota" and "…/quotas".
type Quota struct {
	ID int `json:"id"`
	// Title is "" for plans that have none, and for wallet services.
	Title string `json:"title,omitempty"`
	// Price is nil when the portal does not say.
	Price     *Price    `json:"price,omitempty"`
	NonProfit bool      `json:"nonProfit"`
	Free      bool      `json:"free"`
	Trial     bool      `json:"trial"`
	Features  []Feature `json:"features"`

	// The portal's own limits; nil when its plan has no statistics.
	UsersQuota        *DefaultQuota `json:"usersQuota,omitempty"`
	RoomsQuota        *DefaultQuota `json:"roomsQuota,omitempty"`
	AIAgentsQuota     *DefaultQuota `json:"aiAgentsQuota,omitempty"`
	TenantCustomQuota *CustomQuota  `json:"tenantCustomQuota,omitempty"`

	// DueDate is the earliest due date of what is paid from the wallet. Without
	// such a thing, Bursar gives the plan's own, and a stock portal none. The
	// zero Time means that there is none.
	DueDate Time `json:"dueDate,omitzero"`
}

// MarshalJSON writes the members in DocSpace's order; the list is never null.
func (q Quota) MarshalJSON() ([]byte, error) {
	type plain Quota
	if q.Features == nil {
		q.Features = []Feature{}
	}
	return marshal(plain(q))
}

// Feature returns the feature with this id; false if the quota has none.
func (q Quota) Feature(id string) (Feature, bool) {
	for _, f := range q.Features {
		if f.ID == id {
			return f, true
		}
	}
	return Feature{}, false
}

// Price is what a quota costs for the quantity it is about.
type Price struct {
	// Amount is in no currency ("") when the portal leaves the currency out,
	// as DocSpace 3.7.2 does.
	Amount money.Amount
	// Symbol is the currency's sign; "" when the portal leaves it out.
	Symbol string
}

// MarshalJSON writes {"value":200.00,"currencySymbol":"$","isoCurrencySymbol":"USD"}.
func (p Price) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Value  json.RawMessage `json:"value"`
		Symbol string          `json:"currencySymbol,omitempty"`
		ISO    money.Currency  `json:"isoCurrencySymbol,omitempty"`
	}{amountMember(p.Amount), p.Symbol, p.Amount.Currency()})
}

// UnmarshalJSON reads what MarshalJSON writes, and a sign where the ISO code
// should be.
func (p *Price) UnmarshalJSON(data []byte) error {
	var in struct {
		Value  json.Number `json:"value"`
		Symbol string      `json:"currencySymbol"`
		ISO    string      `json:"isoCurrencySymbol"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	var err error
	*p, err = readPrice("price.value", in.Value, in.Symbol, in.ISO)
	return err
}

// readPrice reads a price whose currency may be named by its code, by its sign in
// the code's place, or not at all.
func readPrice(member string, value json.Number, symbol, iso string) (Price, error) {
	currency := money.Currency(iso)
	if !currency.WellFormed() {
		currency = ""
		if symbol == "" {
			symbol = iso
		}
	}
	amount, err := readAmount(member, value, currency)
	return Price{amount, symbol}, err
}

// FeatureType says what a feature's value counts.
type FeatureType string

const (
	FeatureFlag  FeatureType = "flag"  // there or not
	FeatureCount FeatureType = "count" // pieces
	FeatureSize  FeatureType = "size"  // bytes
)

// Feature is one thing that a quota allows or limits.
type Feature struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Image is SVG markup; "" for features with no icon.
	Image string       `json:"image,omitempty"`
	Value FeatureValue `json:"value"`
	Type  FeatureType  `json:"type"`
	// Used is what is used of it; nil where nothing is counted.
	Used       *FeatureUsed `json:"used,omitempty"`
	PriceTitle string       `json:"priceTitle,omitempty"`
}

// FeatureUsed is how much of a feature is used.
type FeatureUsed struct {
	// Value is nil where the key's user may not see it.
	Value *int64 `json:"value,omitempty"`
	Title string `json:"title,omitempty"`
}

// FeatureValue is a flag or a number.
type FeatureValue struct {
	raw string
}

// Unlimited is the number that stands for "no limit".
const Unlimited = -1

// FlagValue returns the value of a feature that is there or not.
func FlagValue(on bool) FeatureValue { return FeatureValue{strconv.FormatBool(on)} }

// NumberValue returns the value of a feature that is counted; Unlimited means
// no limit.
func NumberValue(n int64) FeatureValue { return FeatureValue{strconv.FormatInt(n, 10)} }

// Flag returns the flag; ok is false when the value is no flag.
func (v FeatureValue) Flag() (on, ok bool) {
	return v.raw == "true", v.raw == "true" || v.raw == "false"
}

// Number returns the number, Unlimited for no limit; ok is false when the value
// is no whole number.
func (v FeatureValue) Number() (n int64, ok bool) {
	whole, fraction, _ := strings.Cut(v.raw, ".")
	if strings.Trim(fraction, "0") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, err == nil
}

// String returns the value as it stands on the wire.
func (v FeatureValue) String() string { return v.raw }

// MarshalJSON writes the value as it stands.
func (v FeatureValue) MarshalJSON() ([]byte, error) {
	if v.raw == "" {
		return []byte("null"), nil
	}
	return []byte(v.raw), nil
}

// UnmarshalJSON keeps any value; one that is neither flag nor number is kept
// out of the way.
func (v *FeatureValue) UnmarshalJSON(data []byte) error {
	v.raw = string(bytes.TrimSpace(data))
	if v.raw == "null" {
		v.raw = ""
	}
	return nil
}

// DefaultQuota is a storage limit that a portal sets for each of its users,
// rooms or agents.
type DefaultQuota struct {
	Enabled bool `json:"enableQuota"`
	// Default is in bytes; -1 means unlimited, -2 not set.
	Default int64 `json:"defaultQuota"`
}

// CustomQuota is a storage limit set for the whole portal.
type CustomQuota struct {
	Enabled bool `json:"enableQuota"`
	// Quota is in bytes; -1 means unlimited.
	Quota        int64 `json:"quota"`
	LastModified Time  `json:"lastModified,omitzero"`
}
