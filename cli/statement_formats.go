package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// signed returns what a transfer does to the wallet.
func signed(t *ledger.Transfer) money.Amount {
	if t.In() {
		return t.Amount
	}
	return t.Amount.Neg()
}

// otherSide returns the account that is not the wallet.
func otherSide(t *ledger.Transfer) ledger.Account {
	if t.In() {
		return t.Debit
	}
	return t.Credit
}

// corrected returns the id of the transfer that one corrects; "" for none.
func corrected(t *ledger.Transfer) string {
	if t.Corrects == 0 {
		return ""
	}
	return ledger.TransferID{Portal: t.Portal, Book: t.Book, Number: t.Corrects}.String()
}

// completed returns the id of the hold that a transfer completes; "" for none.
func completed(t *ledger.Transfer) string {
	if t.Hold == 0 {
		return ""
	}
	return ledger.HoldID{Portal: t.Portal, Number: t.Hold}.String()
}

// statementTable lays a statement out for people.
type statementTable struct {
	out  io.Writer
	rows rowTable
}

func (s *statementTable) open(st billing.Statement) error {
	from, to := "the beginning", "now"
	if !st.From.IsZero() {
		from = second(st.From)
	}
	if !st.To.IsZero() {
		to = second(st.To)
	}
	_, err := fmt.Fprintf(s.out, "%s of %s, from %s to %s. Times are UTC.\n\n%s", bookTitle(st.Book), printable(st.PortalID), from, to,
		balanceLines("Opening balance", st.Opening))
	s.rows = rowTable{out: s.out, right: 2}
	if err == nil && st.Transfers > 0 {
		if _, err = io.WriteString(s.out, "\n"); err == nil {
			err = s.rows.add([]string{"TIME", "TRANSFER", "TYPE", "FOR", "WHO", "AMOUNT", "BALANCE"})
		}
	}
	return err
}

func bookTitle(book ledger.Book) string {
	if book == ledger.AI {
		return "AI credit"
	}
	return "Wallet"
}

func balanceLines(label string, balances []money.Amount) string {
	if len(balances) == 0 {
		return label + "  none\n"
	}
	var b strings.Builder
	for _, balance := range balances {
		fmt.Fprintf(&b, "%s  %s\n", label, balance)
	}
	return b.String()
}

func (s *statementTable) transfer(t *ledger.Transfer, participant string) error {
	what := t.Service
	if t.Quantity > 1 {
		what += " ×" + strconv.FormatInt(t.Quantity, 10)
	}
	if c := corrected(t); c != "" {
		what = strings.TrimSpace("corrects " + c + " " + what)
	}
	if details := t.Metadata.Texts()["details"]; details != "" {
		what = strings.TrimSpace(what + " " + details)
	}
	return s.rows.add([]string{
		t.At.UTC().Format(time.DateTime), t.ID().String(), t.Type.String(),
		ansi.Truncate(printable(what), 60, "…"), ansi.Truncate(printable(participant), 40, "…"), signed(t).String(), t.Balance.String(),
	})
}

func (s *statementTable) close(st billing.Statement) error {
	if err := s.rows.close(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "\n%s", balanceLines("Closing balance", st.Closing))
	return err
}

// statementLines writes a statement as JSON, an object a line.
type statementLines struct{ out io.Writer }

// The lines of a statement in JSON.
type (
	balanceLine struct {
		Line      string         `json:"line"` // opening or closing
		Portal    string         `json:"portal"`
		Book      ledger.Book    `json:"book"`
		From      time.Time      `json:"from,omitzero"`
		To        time.Time      `json:"to,omitzero"`
		Balances  []money.Amount `json:"balances"`
		Transfers int64          `json:"transfers"`
	}
	transferLine struct {
		Line           string            `json:"line"`
		ID             string            `json:"id"`
		At             time.Time         `json:"at"`
		Type           string            `json:"type"`
		Account        ledger.Account    `json:"account"` // the other one than the wallet
		Amount         string            `json:"amount"`  // negative out of the wallet
		Balance        string            `json:"balance"` // after it
		Currency       money.Currency    `json:"currency"`
		Service        string            `json:"service,omitempty"`
		Quantity       int64             `json:"quantity,omitempty"`
		Participant    string            `json:"participant,omitempty"`
		Name           string            `json:"participantName,omitempty"`
		Corrects       string            `json:"corrects,omitempty"`
		Hold           string            `json:"hold,omitempty"`
		Metadata       map[string]string `json:"metadata,omitempty"`
		IdempotencyKey string            `json:"idempotencyKey"`
	}
)

func (s statementLines) line(v any) error {
	text, err := encodeJSON(v)
	if err == nil {
		_, err = s.out.Write(append(text, '\n'))
	}
	return err
}

func (s statementLines) open(st billing.Statement) error {
	return s.balances("opening", st, st.Opening)
}

func (s statementLines) close(st billing.Statement) error {
	return s.balances("closing", st, st.Closing)
}

func (s statementLines) balances(line string, st billing.Statement, balances []money.Amount) error {
	return s.line(balanceLine{
		Line: line, Portal: st.PortalID, Book: st.Book, From: st.From.UTC(), To: st.To.UTC(),
		Balances: append([]money.Amount{}, balances...), Transfers: st.Transfers,
	})
}

func (s statementLines) transfer(t *ledger.Transfer, participant string) error {
	if participant == t.Participant {
		participant = ""
	}
	return s.line(transferLine{
		Line: "transfer", ID: t.ID().String(), At: t.At.UTC(), Type: t.Type.String(), Account: otherSide(t),
		Amount: signed(t).Decimal(), Balance: t.Balance.Decimal(), Currency: t.Amount.Currency(), Service: t.Service, Quantity: t.Quantity,
		Participant: t.Participant, Name: participant, Corrects: corrected(t), Hold: completed(t),
		Metadata: t.Metadata.Texts(), IdempotencyKey: t.Key,
	})
}

// statementCSV writes a statement for spreadsheets.
type statementCSV struct{ out *csv.Writer }

func (s statementCSV) row(line, at, id, kind, account, service, quantity, participant, amount, balance, currency, corrects, hold, details string) error {
	return s.out.Write([]string{
		line, at, cell(id), kind, cell(account), cell(service), quantity, cell(participant), amount, balance, currency,
		cell(corrects), cell(hold), cell(details),
	})
}

func (s statementCSV) open(st billing.Statement) error {
	err := s.out.Write(strings.Split("line,time_utc,transfer,type,account,service,quantity,participant,amount,balance,currency,corrects,hold,details", ","))
	return errors.Join(err, s.balances("opening", st.From, st.Opening))
}

func (s statementCSV) balances(line string, at time.Time, balances []money.Amount) error {
	moment := ""
	if !at.IsZero() {
		moment = at.UTC().Format(time.RFC3339Nano)
	}
	for _, b := range balances {
		if err := s.row(line, moment, "", "", "", "", "", "", "", b.Decimal(), string(b.Currency()), "", "", ""); err != nil {
			return err
		}
	}
	if len(balances) == 0 {
		return s.row(line, moment, "", "", "", "", "", "", "", "", "", "", "", "")
	}
	return nil
}

func (s statementCSV) transfer(t *ledger.Transfer, participant string) error {
	quantity := ""
	if t.Quantity != 0 {
		quantity = strconv.FormatInt(t.Quantity, 10)
	}
	return s.row("transfer", t.At.UTC().Format(time.RFC3339Nano), t.ID().String(), t.Type.String(), string(otherSide(t)),
		t.Service, quantity, participant, signed(t).Decimal(), t.Balance.Decimal(), string(t.Amount.Currency()),
		corrected(t), completed(t), t.Metadata.Texts()["details"])
}

func (s statementCSV) close(st billing.Statement) error {
	err := s.balances("closing", st.To, st.Closing)
	s.out.Flush()
	return errors.Join(err, s.out.Error())
}
