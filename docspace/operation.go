package docspace

import (
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/v1"

	"github.com/bursarhq/bursar/money"
)

// Operation is one movement of money in a portal's wallet.
// Source: contract, "GET /payment/customer/operations".
type Operation struct {
	// Date is in the portal's time zone, on the wire and here.
	Date Time
	// Service is what was paid for: "backup"; "" when nothing was.
	Service string
	// Description and Details are for people: "Backup", "Automatic backup"; ""
	// when there is nothing to say.
	Description, Details string
	// ServiceUnit is what Quantity counts: "GB"; "" when there is nothing to
	// count.
	ServiceUnit string
	Quantity    int64
	// Credit came into the wallet, Debit went out of it; one of them is nought.
	// Both are in one currency.
	Credit, Debit money.Amount
	// ParticipantName is the id of the user on whose account it happened, or a
	// name; "" for nobody.
	ParticipantName string
	// ParticipantDisplayName is a user's name, HTML-encoded on the wire, which the
	// client decodes; of somebody who is no user, the same as ParticipantName.
	ParticipantDisplayName string
	// AgentID and AgentTitle are those of the AI agent that it was for.
	AgentID, AgentTitle string
	Type                OperationType
}

// OperationType says what an operation is.
// Source: contract, "Operation types and statuses".
type OperationType string

// The types that customers see. There are more.
const (
	ServicePayment   OperationType = "ServicePayment"
	PackagePayment   OperationType = "PackagePayment"
	AIServicePayment OperationType = "AiServicePayment"
	DepositPayment   OperationType = "Deposit"
	Refund           OperationType = "Refund"
	BankDeposit      OperationType = "BankDeposit"
	BankWithdrawal   OperationType = "BankWithdrawal"
	GoodwillCredit   OperationType = "GoodwillCredit"
	AIDebit          OperationType = "AiDebit"
	AICredit         OperationType = "AiCredit"
)

// OperationStatus says how an operation ended.
type OperationStatus string

const (
	Pending   OperationStatus = "Pending"
	Completed OperationStatus = "Completed"
	Rejected  OperationStatus = "Rejected"
	Canceled  OperationStatus = "Canceled"
)

// AutomaticTopUp is what a portal notes as the Details of a deposit that its top-up
// rule made. Source: contract, "Automatic top-up".
const AutomaticTopUp = "Automatic top up"

// Automatic reports whether the portal's top-up rule made this deposit.
func (o Operation) Automatic() bool {
	return o.Type == DepositPayment && o.Details == AutomaticTopUp
}

// MarshalJSON writes the members in DocSpace's order, the date in whatever zone it
// is in.
func (o Operation) MarshalJSON() ([]byte, error) {
	currency := o.Credit.Currency()
	if currency == "" {
		currency = o.Debit.Currency()
	}
	return marshal(struct {
		Date                   zoned           `json:"date"`
		Service                string          `json:"service,omitempty"`
		Description            string          `json:"description"`
		Details                string          `json:"details"`
		ServiceUnit            string          `json:"serviceUnit,omitempty"`
		Quantity               int64           `json:"quantity"`
		Currency               money.Currency  `json:"currency,omitempty"`
		Credit                 json.RawMessage `json:"credit"`
		Debit                  json.RawMessage `json:"debit"`
		ParticipantName        string          `json:"participantName,omitempty"`
		ParticipantDisplayName string          `json:"participantDisplayName,omitempty"`
		AgentID                string          `json:"agentId,omitempty"`
		AgentTitle             string          `json:"agentTitle,omitempty"`
		Type                   OperationType   `json:"type"`
	}{
		zoned(o.Date), o.Service, o.Description, o.Details, o.ServiceUnit, o.Quantity, currency,
		amountMember(money.FromUnits(o.Credit.Units(), currency)), amountMember(money.FromUnits(o.Debit.Units(), currency)),
		o.ParticipantName, o.ParticipantDisplayName, o.AgentID, o.AgentTitle, o.Type,
	})
}

// UnmarshalJSON reads what MarshalJSON writes; an amount that is missing or null
// is an error, not nought.
func (o *Operation) UnmarshalJSON(data []byte) error {
	var in struct {
		Date                   Time           `json:"date"`
		Service                string         `json:"service"`
		Description            string         `json:"description"`
		Details                string         `json:"details"`
		ServiceUnit            string         `json:"serviceUnit"`
		Quantity               int64          `json:"quantity"`
		Currency               money.Currency `json:"currency"`
		Credit                 json.Number    `json:"credit"`
		Debit                  json.Number    `json:"debit"`
		ParticipantName        string         `json:"participantName"`
		ParticipantDisplayName string         `json:"participantDisplayName"`
		AgentID                string         `json:"agentId"`
		AgentTitle             string         `json:"agentTitle"`
		Type                   OperationType  `json:"type"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*o = Operation{
		Date: in.Date, Service: in.Service, Description: in.Description, Details: in.Details,
		ServiceUnit: in.ServiceUnit, Quantity: in.Quantity,
		ParticipantName: in.ParticipantName, ParticipantDisplayName: in.ParticipantDisplayName,
		AgentID: in.AgentID, AgentTitle: in.AgentTitle, Type: in.Type,
	}
	var err error
	if o.Credit, err = readAmount("credit", in.Credit, in.Currency); err != nil {
		return err
	}
	o.Debit, err = readAmount("debit", in.Debit, in.Currency)
	return err
}

// OperationsPage is a part of the list of operations.
type OperationsPage struct {
	Operations []Operation `json:"collection"`
	// Offset is how many were passed over, Limit how many there are at most.
	Offset int64 `json:"offset"`
	Limit  int64 `json:"limit"`
	// Total is how long the list is, in operations and in pages.
	Total      int64 `json:"totalQuantity"`
	TotalPages int64 `json:"totalPage"`
	// Page is which of the pages this is, from 1.
	Page int64 `json:"currentPage"`
}

// MarshalJSON writes the members in DocSpace's order; the list is never null.
func (p OperationsPage) MarshalJSON() ([]byte, error) {
	type plain OperationsPage
	if p.Operations == nil {
		p.Operations = []Operation{}
	}
	return marshal(plain(p))
}

// UnmarshalJSON reads what MarshalJSON writes; a list that is missing is an error,
// not an empty one.
func (p *OperationsPage) UnmarshalJSON(data []byte) error {
	type plain OperationsPage
	var in plain
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Operations == nil {
		return errors.New("collection is missing")
	}
	*p = OperationsPage(in)
	return nil
}

// OperationsQuery says which operations to list; the zero value means the latest.
type OperationsQuery struct {
	// Service is what was paid for: "backup", "disk-storage", "ai-tools"; ""
	// means anything. The portal has to offer it. AI tools have a ledger of their
	// own, which is in no list but theirs.
	Service string
	// From and To are the first and the last moment, to a ten-millionth of a
	// second; the zero Time means since ever, and until now.
	From, To time.Time
	// Participant is the id of the user on whose account it happened, or a name;
	// "" means anybody.
	Participant string
	// Credit and Debit ask for what came in and what went out; neither asks for
	// both.
	Credit, Debit bool
	// Type and Status are which; "" means any.
	Type   OperationType
	Status OperationStatus
	// Ascending has the oldest first, otherwise the latest is.
	Ascending bool
	// Offset is how many to pass over; Limit is how many to return at most, of a
	// page, 1 to 1000; 0 leaves it to the portal, which means 25.
	Offset, Limit int64
}

// moment is how a query names a time.
const moment = "2006-01-02T15:04:05.9999999Z"

func (q OperationsQuery) values() url.Values {
	values := url.Values{}
	for name, text := range map[string]string{
		"serviceName": q.Service, "participantName": q.Participant, "type": string(q.Type), "status": string(q.Status),
	} {
		if text != "" {
			values.Set(name, text)
		}
	}
	for name, at := range map[string]time.Time{"startDate": q.From, "endDate": q.To} {
		if !at.IsZero() {
			values.Set(name, at.UTC().Format(moment))
		}
	}
	for name, on := range map[string]bool{"credit": q.Credit, "debit": q.Debit} {
		if on {
			values.Set(name, "true")
		}
	}
	if q.Ascending {
		values.Set("orderType", "Ascending")
	}
	for name, n := range map[string]int64{"offset": q.Offset, "limit": q.Limit} {
		if n != 0 {
			values.Set(name, strconv.FormatInt(n, 10))
		}
	}
	return values
}
