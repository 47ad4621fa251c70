package reconcile

import (
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// Document is a result as programs read it: amounts are decimal text beside their
// currency, moments in UTC.
type Document struct {
	// Portal is what it is called here.
	Portal     string            `json:"portal"`
	Verdict    Verdict           `json:"verdict"`
	From       time.Time         `json:"from,omitzero"`
	Operations int               `json:"operations"`
	First      time.Time         `json:"first,omitzero"`
	Last       time.Time         `json:"last,omitzero"`
	Pockets    []PocketDocument  `json:"pockets"`
	Findings   []FindingDocument `json:"findings"`
	Unproven   []string          `json:"unproven"`
	Notes      []string          `json:"notes"`
	// Error says why nothing is known; "" otherwise.
	Error string `json:"error,omitempty"`
}

// PocketDocument is what a wallet has in one currency. What is not known is missing.
type PocketDocument struct {
	Currency money.Currency `json:"currency"`
	Opening  string         `json:"opening,omitempty"`
	In       string         `json:"in"`
	Out      string         `json:"out"`
	Rebuilt  string         `json:"rebuilt,omitempty"`
	Reported string         `json:"reported,omitempty"`
}

// FindingDocument is one thing that was found.
type FindingDocument struct {
	Code       Code                `json:"code"`
	Severity   Severity            `json:"severity"`
	Text       string              `json:"text"`
	Amount     string              `json:"amount,omitempty"`
	Currency   money.Currency      `json:"currency,omitempty"`
	At         time.Time           `json:"at,omitzero"`
	Operations []OperationDocument `json:"operations"`
	More       int                 `json:"moreOperations,omitempty"`
}

// OperationDocument is one operation; Amount is below nought for what went out.
type OperationDocument struct {
	Date        time.Time              `json:"date"`
	Type        docspace.OperationType `json:"type"`
	Service     string                 `json:"service,omitempty"`
	Description string                 `json:"description,omitempty"`
	Details     string                 `json:"details,omitempty"`
	Quantity    int64                  `json:"quantity"`
	Amount      string                 `json:"amount"`
	Currency    money.Currency         `json:"currency"`
	Participant string                 `json:"participant,omitempty"`
}

// Document returns the result of a portal that is called so.
func (r *Result) Document(portal string) Document {
	d := Document{
		Portal: portal, Verdict: r.Verdict(), From: r.From.UTC(), Operations: r.Operations, First: r.First.UTC(), Last: r.Last.UTC(),
		Pockets: []PocketDocument{}, Findings: []FindingDocument{}, Unproven: texts(r.Unproven), Notes: texts(r.Notes),
	}
	for _, p := range r.Pockets {
		out := PocketDocument{Currency: p.Currency, In: p.In.Decimal(), Out: p.Out.Decimal()}
		if p.Known {
			out.Opening, out.Rebuilt = p.Opening.Decimal(), p.Rebuilt.Decimal()
		}
		if p.Told {
			out.Reported = p.Reported.Decimal()
		}
		d.Pockets = append(d.Pockets, out)
	}
	for i := range r.Findings {
		d.Findings = append(d.Findings, r.Findings[i].document())
	}
	return d
}

func (f *Finding) document() FindingDocument {
	out := FindingDocument{Code: f.Code, Severity: f.Severity, Text: f.Text, At: f.At.UTC(), More: f.More, Operations: []OperationDocument{}}
	if f.Amount.Currency() != "" {
		out.Amount, out.Currency = f.Amount.Decimal(), f.Amount.Currency()
	}
	for i := range f.Operations {
		out.Operations = append(out.Operations, OperationOf(&f.Operations[i]))
	}
	return out
}

// OperationOf returns an operation as programs read it.
func OperationOf(o *docspace.Operation) OperationDocument {
	amount := fleet.Change(o)
	return OperationDocument{
		Date: o.Date.UTC(), Type: o.Type, Service: o.Service, Description: o.Description, Details: o.Details, Quantity: o.Quantity,
		Amount: amount.Decimal(), Currency: amount.Currency(), Participant: o.ParticipantName,
	}
}

func texts(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}
