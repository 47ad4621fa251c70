package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"iter"
	"strconv"
)

// record is a row as texts, in the order of columns.
func record(row Row) []string {
	o := row.Operation
	credit, debit, amount := amounts(o)
	texts := []string{
		row.Portal, dateText(o.Date.Time), dateText(o.Date.UTC()), offsetText(o.Date.Time), string(o.Type), o.Service, o.Description,
		o.Details, strconv.FormatInt(o.Quantity, 10), o.ServiceUnit, credit, debit, amount, string(currencyOf(o)),
		o.ParticipantName, o.ParticipantDisplayName, o.AgentID, o.AgentTitle,
	}
	return texts
}

// writeCSV writes rows for spreadsheets and programs, as RFC 4180 has it but for line
// ends, which are those of Unix.
func writeCSV(w io.Writer, rows iter.Seq2[Row, error]) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns()); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		texts := record(row)
		for i, name := range columns() {
			if name != "utc_offset" { // which begins with a sign
				texts[i] = cell(texts[i])
			}
		}
		if err := out.Write(texts); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// object is a row as JSON. All members are there in each.
type object struct {
	Portal          string `json:"portal"`
	Date            string `json:"date"` // in the portal's zone
	DateUTC         string `json:"dateUtc"`
	Offset          string `json:"utcOffset"`
	Type            string `json:"type"`
	Service         string `json:"service"`
	Description     string `json:"description"`
	Details         string `json:"details"`
	Quantity        int64  `json:"quantity"`
	Unit            string `json:"unit"`
	Credit          string `json:"credit"` // exact, as all amounts
	Debit           string `json:"debit"`
	Amount          string `json:"amount"` // below nought is out of the wallet
	Currency        string `json:"currency"`
	Participant     string `json:"participant"`
	ParticipantName string `json:"participantName"`
	AgentID         string `json:"agentId"`
	AgentTitle      string `json:"agentTitle"`
}

func objectOf(row Row) object {
	o := row.Operation
	credit, debit, amount := amounts(o)
	return object{
		Portal: row.Portal, Date: dateText(o.Date.Time), DateUTC: dateText(o.Date.UTC()), Offset: offsetText(o.Date.Time),
		Type: string(o.Type), Service: o.Service, Description: o.Description, Details: o.Details, Quantity: o.Quantity,
		Unit: o.ServiceUnit, Credit: credit, Debit: debit, Amount: amount, Currency: string(currencyOf(o)),
		Participant: o.ParticipantName, ParticipantName: o.ParticipantDisplayName, AgentID: o.AgentID, AgentTitle: o.AgentTitle,
	}
}

// writeLines writes an object a line.
func writeLines(w io.Writer, rows iter.Seq2[Row, error]) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for row, err := range rows {
		if err == nil {
			err = out.Encode(objectOf(row))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeArray writes one array, with an object on each line.
func writeArray(w io.Writer, rows iter.Seq2[Row, error]) error {
	begin := "[\n"
	for row, err := range rows {
		if err != nil {
			return err
		}
		text, err := json.Marshal(objectOf(row))
		if err == nil {
			_, err = io.WriteString(w, begin+string(text))
		}
		if err != nil {
			return err
		}
		begin = ",\n"
	}
	end := "\n]\n"
	if begin == "[\n" {
		end = "[]\n"
	}
	_, err := io.WriteString(w, end)
	return err
}
