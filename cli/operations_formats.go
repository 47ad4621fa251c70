package cli

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// operationTable lays operations out for people.
type operationTable struct{ rows rowTable }

func (t *operationTable) open() error {
	return t.rows.add([]string{"DATE", "TYPE", "WHAT", "QUANTITY", "WHO", "AMOUNT"})
}

func (t *operationTable) operation(o *docspace.Operation) error {
	what := o.Description
	if what == "" {
		what = o.Service
	}
	if what != "" && o.Details != "" {
		what += ": "
	}
	what += o.Details
	quantity := ""
	if o.Quantity > 0 {
		quantity = strconv.FormatInt(o.Quantity, 10)
		if o.ServiceUnit != "" {
			quantity += " " + o.ServiceUnit
		}
	}
	who := o.ParticipantDisplayName
	if who == "" {
		who = o.ParticipantName
	}
	if o.AgentTitle != "" {
		who += " (" + o.AgentTitle + ")"
	}
	return t.rows.add([]string{
		o.Date.Format(time.DateTime), printable(string(o.Type)), ansi.Truncate(printable(what), 60, "…"),
		printable(quantity), ansi.Truncate(printable(who), 40, "…"), printable(amountText(fleet.Change(o))),
	})
}

func (t *operationTable) close() error { return t.rows.close() }

// operationLines writes operations as JSON, an object a line.
type operationLines struct{ out io.Writer }

type operationLine struct {
	Date        time.Time              `json:"date"` // in the portal's time zone
	Type        docspace.OperationType `json:"type"`
	Service     string                 `json:"service,omitempty"`
	Description string                 `json:"description,omitempty"`
	Details     string                 `json:"details,omitempty"`
	Quantity    int64                  `json:"quantity"`
	Unit        string                 `json:"unit,omitempty"`
	Amount      string                 `json:"amount"` // negative out of the wallet
	Currency    money.Currency         `json:"currency"`
	Participant string                 `json:"participant,omitempty"`
	Name        string                 `json:"participantName,omitempty"`
	AgentID     string                 `json:"agentId,omitempty"`
	AgentTitle  string                 `json:"agentTitle,omitempty"`
}

func (operationLines) open() error { return nil }

func (l operationLines) operation(o *docspace.Operation) error {
	amount := fleet.Change(o)
	return printLine(l.out, operationLine{
		Date: o.Date.Time, Type: o.Type, Service: o.Service, Description: o.Description, Details: o.Details, Quantity: o.Quantity,
		Unit: o.ServiceUnit, Amount: amount.Decimal(), Currency: amount.Currency(),
		Participant: o.ParticipantName, Name: o.ParticipantDisplayName, AgentID: o.AgentID, AgentTitle: o.AgentTitle,
	})
}

func (operationLines) close() error { return nil }

// operationCSV writes operations for spreadsheets.
type operationCSV struct{ out *csv.Writer }

func (c operationCSV) open() error {
	return c.out.Write([]string{
		"date", "type", "service", "description", "details", "quantity", "unit", "amount", "currency",
		"participant", "participant_name", "agent_id", "agent_title",
	})
}

func (c operationCSV) operation(o *docspace.Operation) error {
	amount := fleet.Change(o)
	return writeCells(c.out, o.Date.Format(time.RFC3339), string(o.Type), o.Service, o.Description, o.Details, strconv.FormatInt(o.Quantity, 10),
		o.ServiceUnit, amount.Decimal(), string(amount.Currency()), o.ParticipantName, o.ParticipantDisplayName, o.AgentID, o.AgentTitle)
}

func (c operationCSV) close() error {
	c.out.Flush()
	return c.out.Error()
}

// writeCells writes a row whose texts a spreadsheet does not compute.
func writeCells(out *csv.Writer, texts ...string) error {
	for i := range texts {
		texts[i] = cell(texts[i])
	}
	return out.Write(texts)
}
