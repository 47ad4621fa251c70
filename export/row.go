package export

import (
	"io"
	"iter"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/foreign"
	"github.com/bursarhq/bursar/money"
)

// Row is an operation of a portal.
type Row struct {
	// Portal is the portal's name, Address where it is.
	Portal, Address string
	Operation       *docspace.Operation
}

// Options are what a format may want to know.
type Options struct {
	// Issuer is who invoices, for FOCUS; "" means ONLYOFFICE.
	Issuer string
	// Prepaid says that the operations are of a ledger of credit that was bought before,
	// which is that of AI features.
	Prepaid bool
}

// aiTools is the service that has a ledger of its own. Source: contract, "GET
// /payment/customer/operations".
const aiTools = "ai-tools"

// Formats returns the formats there are.
func Formats() []string { return []string{"csv", "xlsx", "json", "ndjson", "parquet", "focus"} }

// Write writes rows in a format, and returns how many are in it, and how many are not
// for it. The first error of rows ends it. What is written then is no file of the
// format, and neither is it where w fails.
func Write(w io.Writer, format string, o Options, rows iter.Seq2[Row, error]) (written, left int64, err error) {
	counted := func(yield func(Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				written++
			}
			if !yield(row, err) {
				return
			}
		}
	}
	switch format {
	case "csv":
		err = writeCSV(w, counted)
	case "xlsx":
		err = writeSheet(w, counted)
	case "json":
		err = writeArray(w, counted)
	case "ndjson":
		err = writeLines(w, counted)
	case "parquet":
		err = writeParquet(w, counted)
	default:
		left, err = writeFocus(w, o, counted)
	}
	return written - left, left, err
}

// columns are the names of what is written of a row, in every format but FOCUS.
func columns() []string {
	return []string{
		"portal", "date", "date_utc", "utc_offset", "type", "service", "description", "details", "quantity", "unit",
		"credit", "debit", "amount", "currency", "participant", "participant_name", "agent_id", "agent_title",
	}
}

// dateText is a date as the portal wrote it: in its zone, with all digits that say
// something; "" for none.
func dateText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02T15:04:05.9999999Z07:00")
}

// offsetText is how far the portal's zone is from UTC at a date: +03:00.
func offsetText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("-07:00")
}

// currencyOf is the one currency of both amounts.
func currencyOf(o *docspace.Operation) money.Currency {
	if c := o.Credit.Currency(); c != "" {
		return c
	}
	return o.Debit.Currency()
}

// amounts are an operation's credit, debit, and what it does to the wallet: below
// nought is out of it.
func amounts(o *docspace.Operation) (credit, debit, amount string) {
	return o.Credit.Decimal(), o.Debit.Decimal(), fleet.Change(o).Decimal()
}

// cell keeps a terminal from obeying a portal's text, and a spreadsheet from taking
// it for a formula.
func cell(s string) string {
	s = plain(s)
	if trimmed := strings.TrimLeft(s, " "); trimmed == "" || !strings.ContainsRune("=+-@", rune(trimmed[0])) {
		return s
	}
	if _, err := money.Parse(s, ""); err == nil {
		return s
	}
	return "'" + s
}

// plain takes out of a text what is no character to be read; what breaks a line becomes
// a space.
func plain(s string) string { return foreign.Plain(s) }
