package cli

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// depositDocument is a deposit as JSON.
type depositDocument struct {
	Portal   string         `json:"portal"`
	Key      string         `json:"idempotencyKey"`
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"`
	State    string         `json:"state"` // planned, sent, unknown, done, refused or not_done
	// Evidence says how what happened is known, Doubt why it is not, and Reason either
	// for people.
	Evidence string `json:"evidence,omitempty"`
	Doubt    string `json:"doubt,omitempty"`
	Reason   string `json:"reason,omitempty"`
	// NeedsPerson says that looking again will hardly help.
	NeedsPerson bool      `json:"needsPerson"`
	Attempt     int       `json:"attempt"`
	Created     time.Time `json:"created"`
	Changed     time.Time `json:"changed"`
	// Found are new operations like it, where it is not decided.
	Found []foundOperation `json:"found,omitempty"`
}

// foundOperation is an operation that may be a deposit.
type foundOperation struct {
	Date        time.Time `json:"date"`
	Description string    `json:"description"`
	Participant string    `json:"participant,omitempty"`
}

func depositOf(i docspace.DepositIntent) *depositDocument {
	doc := &depositDocument{
		Portal: i.Portal, Key: i.Key, Amount: i.Amount.Decimal(), Currency: i.Amount.Currency(), State: string(i.State),
		Evidence: string(i.Evidence), Doubt: string(i.Doubt), Reason: knownBy(i), NeedsPerson: i.Doubt.NeedsPerson(),
		Attempt: i.Attempt, Created: i.Created.UTC(), Changed: i.Changed.UTC(),
	}
	if doc.Doubt != "" {
		for _, o := range i.Found {
			doc.Found = append(doc.Found, foundOperation{o.Date.UTC(), o.Description, o.ParticipantDisplayName})
		}
	}
	return doc
}

// knownBy says how it is known what came of a deposit, or why it is not.
func knownBy(i docspace.DepositIntent) string {
	switch i.Evidence {
	case docspace.ByReply:
		if i.State == docspace.DepositRefused && i.Message != "" {
			return "the portal refused: " + i.Message
		}
		return "the portal said so"
	case docspace.ByKey:
		return "the portal said so when asked again under the key"
	case docspace.ByOperation:
		return "it is among the operations"
	case docspace.ByAbsence:
		return "it is not among the operations, and the balance adds up without it"
	case docspace.ByPerson:
		return "somebody said so"
	case docspace.ByUnsent:
		return "there was no connection to send it over"
	}
	switch {
	case i.State == docspace.DepositPlanned:
		return "it was not sent"
	case i.Doubt == "":
		return "nobody looked yet"
	case i.Message != "":
		return i.Doubt.String() + " (" + i.Message + ")"
	}
	return i.Doubt.String()
}

// print lists deposits.
func (d *depositFlags) print(all []docspace.DepositIntent) error {
	env := d.changer.env
	if *d.changer.output == "json" {
		docs := make([]*depositDocument, 0, len(all))
		for _, intent := range all {
			docs = append(docs, depositOf(intent))
		}
		return printJSON(env.Stdout, docs)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(env.Stdout, "There are none.")
		return err
	}
	rows := rowTable{out: env.Stdout}
	if err := rows.add([]string{"PORTAL", "KEY", "AMOUNT", "STATE", "SINCE", "WHY"}); err != nil {
		return err
	}
	for _, intent := range all {
		if err := rows.add([]string{
			printable(intent.Portal), printable(intent.Key), printable(amountText(intent.Amount)), string(intent.State),
			intent.Changed.UTC().Format(time.DateTime), printable(knownBy(intent)),
		}); err != nil {
			return err
		}
	}
	return rows.close()
}
