package portalapi

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/sheet"
)

// operationsReport is the workbook of a list of operations, worded as the list is,
// over a time from and to which it goes. Source: contract, "customer/
// operationsreport".
func (w wording) operationsReport(filter billing.OperationFilter, from, to time.Time) billing.ReportSpec {
	columns := []sheet.Column{
		{Title: "Date", Width: 20}, {Title: "Type", Width: 20}, {Title: "Details", Width: 40}, {Title: "Contact", Width: 28}, {Title: "Quantity"},
		{Title: "Unit of Measurement", Width: 20}, {Title: "Credit", Width: 18}, {Title: "Debit", Width: 18}, {Title: "Currency", Width: 10},
	}
	if w.service == aiTools {
		columns = append(columns, sheet.Column{Title: "Agent", Width: 28})
	}
	return billing.ReportSpec{
		FileName: w.reportName("Customer operations report", from, to), Title: "Operations", Columns: columns,
		Of: billing.ReportOfOperations{Filter: filter, Row: func(t *ledger.Transfer, names map[string]string) []sheet.Cell {
			row := w.operation(t)
			contact := row.ParticipantName
			if name, isUser := names[contact]; isUser {
				contact = name // as it is: a sheet is no page
			}
			return []sheet.Cell{
				sheet.Moment(row.Date.Time), sheet.Text(w.kind(row)), sheet.Text(row.Details), sheet.Text(contact), sheet.Integer(row.Quantity),
				sheet.Text(row.ServiceUnit), sheet.Number(row.Credit.Decimal()), sheet.Number(row.Debit.Decimal()),
				sheet.Text(string(t.Amount.Currency())), sheet.Text(row.AgentTitle),
			}[:len(columns)]
		}},
	}
}

// kind is what an operation is called in a column: in words, or by its type where
// there are none.
func (w wording) kind(row docspace.Operation) string {
	if row.Description != "" {
		return row.Description
	}
	return string(row.Type)
}

// usageReport is the workbook of what was spent, by service. Source: contract,
// "Routes" of newer versions, usage/report.
func (w wording) usageReport(filter billing.SpendingFilter, from, to time.Time) billing.ReportSpec {
	return billing.ReportSpec{
		FileName: w.reportName("Customer usage report", from, to), Title: "Usage",
		Columns: []sheet.Column{
			{Title: "Service", Width: 24}, {Title: "Quantity"}, {Title: "Unit of Measurement", Width: 20},
			{Title: "Amount", Width: 18}, {Title: "Currency", Width: 10}, {Title: "Operations"},
		},
		Of: billing.ReportOfSpending{Filter: filter, Row: func(s billing.ServiceSpending) []sheet.Cell {
			title, unit := serviceWords(s.Service)
			return []sheet.Cell{
				sheet.Text(title), sheet.Integer(s.Quantity), sheet.Text(unit),
				sheet.Number(s.Amount.Decimal()), sheet.Text(string(s.Amount.Currency())), sheet.Integer(s.Operations),
			}
		}},
	}
}

// monthlyReport is the workbook of what was spent, by month. Source: contract,
// "Routes" of newer versions, usage/monthly/report.
func (w wording) monthlyReport(from, to, shownFrom, shownTo time.Time) billing.ReportSpec {
	return billing.ReportSpec{
		FileName: w.reportName("Customer monthly usage report", shownFrom, shownTo), Title: "Monthly usage",
		Columns: []sheet.Column{{Title: "Year", Width: 8}, {Title: "Month", Width: 8}, {Title: "Amount", Width: 18}, {Title: "Currency", Width: 10}, {Title: "Operations"}},
		Of: billing.ReportOfMonths{From: from, To: to, Row: func(m billing.MonthSpending) []sheet.Cell {
			return []sheet.Cell{
				sheet.Integer(int64(m.Year)), sheet.Integer(int64(m.Month)), sheet.Number(m.Amount.Decimal()),
				sheet.Text(string(m.Amount.Currency())), sheet.Integer(m.Operations),
			}
		}},
	}
}

// serviceWords is what a service is called, and what is counted of it; one without
// words of its own is called by its name.
func serviceWords(service string) (title, unit string) {
	words, ok := wordsOf[service]
	if !ok {
		return service, ""
	}
	return words.description, words.unit
}

// reportName is what the file of a report is called, with the days from and to
// which it goes.
func (w wording) reportName(of string, from, to time.Time) string {
	const day = "2006.01.02" // with dashes it would not be seen where one day ends
	return fmt.Sprintf("%s (%s-%s).xlsx", of, from.In(w.zone).Format(day), to.In(w.zone).Format(day))
}

// reportTaskID is what the task of building a report is called. Source: contract,
// "customer/operationsreport".
func reportTaskID(r *billing.Report) string {
	return fmt.Sprintf("DocumentBuilderTask_%s_%s_%s", r.PortalID, r.UserID, r.Kind)
}
