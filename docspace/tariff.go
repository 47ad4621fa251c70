package docspace

import (
	"fmt"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// Tariff is what a portal has bought, and until when. Who is no administrator is
// told less of it. Source: contract, "GET /api/2.0/portal/tariff".
type Tariff struct {
	// ID grows with every change; 0 where the key's user may not see it.
	ID    int64
	State TariffState
	// Dates is nil where the key's user may not see them: users and guests.
	Dates *TariffDates
	// Details is nil where the key's user is no DocSpace administrator.
	Details *TariffDetails
}

// TariffState says whether a portal is paid for.
type TariffState int

const (
	TariffTrial   TariffState = 0
	TariffPaid    TariffState = 1
	TariffDelay   TariffState = 2 // overdue, and all works for some days of grace
	TariffNotPaid TariffState = 3
)

// String returns "trial", "paid", "delay" or "not paid".
func (s TariffState) String() string { return statusName(int(s), "trial", "paid", "delay", "not paid") }

// TariffDates are until when a portal is paid for, in its own time zone.
type TariffDates struct {
	// Due is the zero Time when nothing ends.
	Due Time
	// DelayDue is when the days of grace end; the zero Time when there are none.
	DelayDue Time
}

// TariffDetails are what only administrators are told of a tariff.
type TariffDetails struct {
	OpenSource, Enterprise, Developer bool
	// LicenseDate is the zero Time for a portal without a licence of its own.
	LicenseDate Time
	// CustomerID is the e-mail address of who paid; "" when nobody did.
	CustomerID string
	// Quotas are the plan and what is added to it, the plan first.
	Quotas []TariffQuota
}

// TariffQuota is a plan or a service that a portal has, and how much of it.
type TariffQuota struct {
	// ID is that of a Quota: -9.
	ID       int
	Quantity int64
	// Wallet says that it is paid from the wallet.
	Wallet bool
	// Additional says that it is added to a plan; nil from a portal before 3.8,
	// which does not say.
	Additional *bool
	// DueDate is the zero Time when it ends with the tariff itself.
	DueDate Time
	// NextQuantity is how much there will be from the next period on, 0 for none;
	// nil when nothing changes.
	NextQuantity *int64
	// State is nil when the portal does not say: of a plan.
	State *QuotaState
}

// QuotaState says whether what a portal has is paid for.
type QuotaState int

const (
	QuotaActive  QuotaState = 0
	QuotaOverdue QuotaState = 1
)

// String returns "active" or "overdue".
func (s QuotaState) String() string { return statusName(int(s), "active", "overdue") }

// tariffHead and the rest are the members of a tariff in DocSpace's order.
type tariffHead struct {
	OpenSource bool `json:"openSource"`
	Enterprise bool `json:"enterprise"`
	Developer  bool `json:"developer"`
}

type tariffMiddle struct {
	Due      zoned `json:"dueDate"`
	DelayDue zoned `json:"delayDueDate"`
}

type tariffTail struct {
	LicenseDate zoned         `json:"licenseDate"`
	CustomerID  string        `json:"customerId"`
	Quotas      []TariffQuota `json:"quotas"`
}

// MarshalJSON writes the members in DocSpace's order, and leaves out what is nil.
func (t Tariff) MarshalJSON() ([]byte, error) {
	out := struct {
		*tariffHead
		ID    int64       `json:"id"`
		State TariffState `json:"state"`
		*tariffMiddle
		*tariffTail
	}{ID: t.ID, State: t.State}
	if t.Dates != nil {
		out.tariffMiddle = &tariffMiddle{zoned(t.Dates.Due), zoned(t.Dates.DelayDue)}
	}
	if d := t.Details; d != nil {
		out.tariffHead = &tariffHead{d.OpenSource, d.Enterprise, d.Developer}
		out.tariffTail = &tariffTail{zoned(d.LicenseDate), d.CustomerID, d.Quotas}
		if d.Quotas == nil {
			out.Quotas = []TariffQuota{}
		}
	}
	return marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes; a state that is missing is an error.
func (t *Tariff) UnmarshalJSON(data []byte) error {
	var in struct {
		OpenSource *bool         `json:"openSource"`
		Enterprise bool          `json:"enterprise"`
		Developer  bool          `json:"developer"`
		ID         int64         `json:"id"`
		State      *TariffState  `json:"state"`
		Due        *Time         `json:"dueDate"`
		DelayDue   Time          `json:"delayDueDate"`
		License    Time          `json:"licenseDate"`
		CustomerID *string       `json:"customerId"`
		Quotas     []TariffQuota `json:"quotas"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.State == nil {
		return fmt.Errorf("state is missing")
	}
	*t = Tariff{ID: in.ID, State: *in.State}
	if in.Due != nil {
		t.Dates = &TariffDates{*in.Due, in.DelayDue}
	}
	if in.OpenSource != nil || in.CustomerID != nil || in.Quotas != nil {
		t.Details = &TariffDetails{
			OpenSource: in.OpenSource != nil && *in.OpenSource, Enterprise: in.Enterprise, Developer: in.Developer,
			LicenseDate: in.License, Quotas: in.Quotas,
		}
		if in.CustomerID != nil {
			t.Details.CustomerID = *in.CustomerID
		}
	}
	return nil
}

// MarshalJSON writes the members in DocSpace's order: with Additional as 3.8 does,
// whose date has the form of a tariff's and is always there, and without as 3.7.
func (q TariffQuota) MarshalJSON() ([]byte, error) {
	var due any
	switch {
	case q.Additional != nil:
		due = zoned(q.DueDate)
	case !q.DueDate.IsZero():
		due = q.DueDate
	}
	return marshal(struct {
		ID           int         `json:"id"`
		Quantity     int64       `json:"quantity"`
		Wallet       bool        `json:"wallet"`
		Additional   *bool       `json:"additional,omitempty"`
		DueDate      any         `json:"dueDate,omitempty"`
		NextQuantity *int64      `json:"nextQuantity,omitempty"`
		State        *QuotaState `json:"state,omitempty"`
	}{q.ID, q.Quantity, q.Wallet, q.Additional, due, q.NextQuantity, q.State})
}

// UnmarshalJSON reads what MarshalJSON writes; a quantity that is missing is an
// error, not nought.
func (q *TariffQuota) UnmarshalJSON(data []byte) error {
	var in struct {
		ID           int         `json:"id"`
		Quantity     *int64      `json:"quantity"`
		Wallet       bool        `json:"wallet"`
		Additional   *bool       `json:"additional"`
		DueDate      Time        `json:"dueDate"`
		NextQuantity *int64      `json:"nextQuantity"`
		State        *QuotaState `json:"state"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Quantity == nil {
		return fmt.Errorf("quantity is missing")
	}
	*q = TariffQuota{in.ID, *in.Quantity, in.Wallet, in.Additional, in.DueDate, in.NextQuantity, in.State}
	return nil
}

// UpcomingPayment is what will be paid at the end of a period.
// Source: contract, "What newer versions add", GET /portal/tariff/upcoming (3.8).
type UpcomingPayment struct {
	// ID is that of a Quota: -11.
	ID   int
	Name string
	// Title is for people; "" when the portal has none.
	Title string
	// UnitOfMeasure is what Quantity counts: "GB"; "" when there is nothing to
	// count.
	UnitOfMeasure string
	Quantity      int64
	// Wallet says that it is paid from the wallet.
	Wallet  bool
	DueDate Time
	// Amount is for all of Quantity; in no currency ("") when the portal leaves the
	// currency out.
	Amount money.Amount
}

// MarshalJSON writes the members in DocSpace's order, the date in whatever zone it
// is in.
func (p UpcomingPayment) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		ID            int             `json:"id"`
		Name          string          `json:"name"`
		Title         string          `json:"title,omitempty"`
		UnitOfMeasure string          `json:"unitOfMeasure,omitempty"`
		Quantity      int64           `json:"quantity"`
		Wallet        bool            `json:"wallet"`
		DueDate       zoned           `json:"dueDate"`
		Amount        json.RawMessage `json:"amount"`
		Currency      money.Currency  `json:"currency,omitempty"`
	}{p.ID, p.Name, p.Title, p.UnitOfMeasure, p.Quantity, p.Wallet, zoned(p.DueDate), amountMember(p.Amount), p.Amount.Currency()})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing is an
// error, not nought.
func (p *UpcomingPayment) UnmarshalJSON(data []byte) error {
	var in struct {
		ID            int            `json:"id"`
		Name          string         `json:"name"`
		Title         string         `json:"title"`
		UnitOfMeasure string         `json:"unitOfMeasure"`
		Quantity      int64          `json:"quantity"`
		Wallet        bool           `json:"wallet"`
		DueDate       Time           `json:"dueDate"`
		Amount        json.Number    `json:"amount"`
		Currency      money.Currency `json:"currency"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	amount, err := readAmount("amount", in.Amount, in.Currency)
	*p = UpcomingPayment{in.ID, in.Name, in.Title, in.UnitOfMeasure, in.Quantity, in.Wallet, in.DueDate, amount}
	return err
}

// SubscriptionBalance is what is left of a plan that was paid by card.
// Source: contract, "What newer versions add", GET /payment/subscription/balance (3.8).
type SubscriptionBalance struct {
	// TotalCost is what was paid for the period, Remaining what the rest of it is
	// worth in the same currency, and RemainingInWallet in the wallet's.
	TotalCost, Remaining, RemainingInWallet money.Amount
	PeriodStart, PeriodEnd                  Time
	// PeriodUsedUntil is up to when the period counts as used, DaysElapsed how many
	// days that is.
	PeriodUsedUntil Time
	DaysElapsed     int
}

// MarshalJSON writes the members in DocSpace's order.
func (b SubscriptionBalance) MarshalJSON() ([]byte, error) {
	if b.TotalCost.Currency() != b.Remaining.Currency() {
		return nil, fmt.Errorf("%w: what a subscription cost, and what is left of it", money.ErrCurrencyMismatch)
	}
	return marshal(struct {
		TotalCost         json.RawMessage `json:"totalCost"`
		Currency          money.Currency  `json:"currency"`
		PeriodStart       Time            `json:"periodStart"`
		PeriodEnd         Time            `json:"periodEnd"`
		PeriodUsedUntil   Time            `json:"periodUsedUntil"`
		DaysElapsed       int             `json:"daysElapsed"`
		Remaining         json.RawMessage `json:"remainingBalance"`
		RemainingInWallet json.RawMessage `json:"remainingBalanceInWalletCurrency"`
		WalletCurrency    money.Currency  `json:"walletCurrency"`
	}{
		amountMember(b.TotalCost), b.TotalCost.Currency(), b.PeriodStart, b.PeriodEnd, b.PeriodUsedUntil, b.DaysElapsed,
		amountMember(b.Remaining), amountMember(b.RemainingInWallet), b.RemainingInWallet.Currency(),
	})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing is an
// error, not nought.
func (b *SubscriptionBalance) UnmarshalJSON(data []byte) error {
	var in struct {
		TotalCost         json.Number    `json:"totalCost"`
		Currency          money.Currency `json:"currency"`
		PeriodStart       Time           `json:"periodStart"`
		PeriodEnd         Time           `json:"periodEnd"`
		PeriodUsedUntil   Time           `json:"periodUsedUntil"`
		DaysElapsed       int            `json:"daysElapsed"`
		Remaining         json.Number    `json:"remainingBalance"`
		RemainingInWallet json.Number    `json:"remainingBalanceInWalletCurrency"`
		WalletCurrency    money.Currency `json:"walletCurrency"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*b = SubscriptionBalance{
		PeriodStart: in.PeriodStart, PeriodEnd: in.PeriodEnd, PeriodUsedUntil: in.PeriodUsedUntil, DaysElapsed: in.DaysElapsed,
	}
	var err error
	if b.TotalCost, err = readAmount("totalCost", in.TotalCost, in.Currency); err != nil {
		return err
	}
	if b.Remaining, err = readAmount("remainingBalance", in.Remaining, in.Currency); err != nil {
		return err
	}
	b.RemainingInWallet, err = readAmount("remainingBalanceInWalletCurrency", in.RemainingInWallet, in.WalletCurrency)
	return err
}
