package export

import (
	"context"
	"io"
	"iter"

	"github.com/bursarhq/bursar/sheet"
)

// writeSheet writes a spreadsheet. Its dates are those on the portal's clocks, to the
// second; the exact moment is beside them.
func writeSheet(w io.Writer, rows iter.Seq2[Row, error]) error {
	table := sheet.Table{Name: "Operations"}
	for _, name := range columns() {
		width := 16
		switch name {
		case "date", "date_utc":
			width = 28
		case "description", "details", "participant", "participant_name":
			width = 36
		}
		table.Columns = append(table.Columns, sheet.Column{Title: name, Width: width})
	}
	var cells []sheet.Cell
	return table.Write(context.Background(), w, func(yield func([]sheet.Cell, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			o := row.Operation
			credit, debit, amount := amounts(o)
			cells = append(cells[:0],
				sheet.Text(plain(row.Portal)), sheet.Moment(o.Date.Time), sheet.Text(dateText(o.Date.UTC())), sheet.Text(offsetText(o.Date.Time)),
				sheet.Text(plain(string(o.Type))), sheet.Text(plain(o.Service)), sheet.Text(plain(o.Description)), sheet.Text(plain(o.Details)),
				sheet.Integer(o.Quantity), sheet.Text(plain(o.ServiceUnit)), sheet.Number(credit), sheet.Number(debit), sheet.Number(amount),
				sheet.Text(plain(string(currencyOf(o)))), sheet.Text(plain(o.ParticipantName)), sheet.Text(plain(o.ParticipantDisplayName)),
				sheet.Text(plain(o.AgentID)), sheet.Text(plain(o.AgentTitle)))
			if !yield(cells, nil) {
				return
			}
		}
	})
}
