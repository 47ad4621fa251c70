package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// newReportsWriter returns what writes many reports in the format of the flags.
func newReportsWriter(env Env, flags *reportFlags, parts []docspace.Part) (reportsWriter, error) {
	switch format := flags.output.value; format {
	case "json":
		return &jsonReports{out: env.Stdout, now: env.Now}, nil
	case "yaml":
		return &yamlReports{out: env.Stdout, now: env.Now}, nil
	case "ndjson", "csv":
		if flags.rates != "" {
			return nil, usage("--rates: -o %s has no totals that could be converted", format)
		}
		if format == "ndjson" {
			return ndjsonReports{env.Stdout}, nil
		}
		return newCSVReports(env, flags.full)
	case "markdown":
		return &pagesOfMany{env: env, full: flags.full, markdown: true, parts: parts}, nil
	}
	return &pagesOfMany{env: env, full: flags.full, parts: parts}, nil
}

// pagesOfMany writes for people: a line on each portal, by name, when all have arrived;
// or with full a page on each, as it arrives. The totals follow.
type pagesOfMany struct {
	env            Env
	full, markdown bool
	parts          []docspace.Part
	rows           [][]string // by name at the end
	arrived        bool       // whether there is anything to show
}

func (w *pagesOfMany) one(r portalReport) error {
	arrived := len(r.Failed) < len(r.Asked)
	w.arrived = w.arrived || arrived
	if !w.full {
		w.rows = append(w.rows, w.row(r))
		return nil
	}
	if !arrived {
		return nil
	}
	p := newPage(r.Report, r.Runway, w.env.Now())
	p.facts = slices.Insert(p.facts, 1, fact{"Name", r.profile.Name})
	var b bytes.Buffer
	if w.markdown {
		writeMarkdown(&b, p)
	} else {
		writeTable(&b, p)
	}
	b.WriteByte('\n')
	return w.write(b.String())
}

func (w *pagesOfMany) write(text string) error {
	if w.markdown {
		_, err := io.WriteString(w.env.Stdout, text)
		return err
	}
	return writeStyled(w.env, w.env.Stdout, text)
}

// summaryColumn is a column of a line on a portal, and the part that it needs.
type summaryColumn struct {
	heading string
	part    docspace.Part
	cell    func(r portalReport, now time.Time) string
}

func summaryColumns() []summaryColumn {
	return []summaryColumn{
		{"Plan", docspace.PartQuota, func(r portalReport, _ time.Time) string {
			if r.Quota == nil {
				return "not known"
			}
			return quotaTitle(*r.Quota)
		}},
		{"Due", docspace.PartQuota, func(r portalReport, now time.Time) string {
			if r.Quota == nil {
				return "not known"
			}
			return dueText(r.Quota.DueDate, now)
		}},
		{">Balance", docspace.PartBalance, func(r portalReport, _ time.Time) string { return balanceText(r.Balance) }},
		{"Lasts", fleet.PartRunway, func(r portalReport, _ time.Time) string { return shortestText(r.Runway) }},
		{"Top-up", docspace.PartTopUp, func(r portalReport, _ time.Time) string { return topUpText(r.TopUp) }},
	}
}

// row is a line on a portal.
func (w *pagesOfMany) row(r portalReport) []string {
	row := []string{r.profile.Name}
	for _, column := range summaryColumns() {
		if !slices.Contains(w.parts, column.part) {
			continue
		}
		cell := ""
		if r.Arrived(column.part) {
			cell = column.cell(r, w.env.Now())
		}
		row = append(row, cell)
	}
	return append(row, failedText(r.Report))
}

func balanceText(b *docspace.Balance) string {
	if b == nil {
		return "not known"
	}
	var all []string
	for _, sub := range b.SubAccounts {
		all = append(all, amountText(sub.Amount))
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// shortestText is for how long the first pocket lasts that runs dry.
func shortestText(r *fleet.Runway) string {
	shortest, known := wallet.Horizon, false
	if r != nil {
		for _, p := range r.Pockets {
			if p.Known {
				known, shortest = true, min(shortest, p.Alone.Likely)
			}
		}
	}
	if !known {
		return "not known"
	}
	return lastsText(shortest)
}

func topUpText(t *docspace.TopUpSettings) string {
	switch {
	case t == nil:
		return "not known"
	case !t.Enabled:
		return "off"
	}
	return numberText(t.MinBalance) + " to " + amountText(t.UpToBalance)
}

// failedText names the parts that failed.
func failedText(r *docspace.Report) string {
	if len(r.Failed) == len(r.Asked) {
		return "all"
	}
	var names []string
	for _, part := range r.Asked {
		if r.Failed[part] != nil {
			names = append(names, string(part))
		}
	}
	return strings.Join(names, ", ")
}

func (w *pagesOfMany) end(t *fleetTotals) error {
	if !w.arrived {
		return nil // what failed says it all
	}
	var b bytes.Buffer
	if !w.full {
		w.grid(&b)
	}
	facts := t.facts()
	switch {
	case len(facts) == 0:
	case w.markdown:
		fmt.Fprintln(&b, "\n## Together")
		fmt.Fprintln(&b)
		for _, f := range facts {
			fmt.Fprintf(&b, "- **%s:** %s\n", f.label, markdownText(f.value))
		}
	default:
		fmt.Fprintln(&b)
		writeFacts(&b, "  ", facts)
	}
	return w.write(b.String())
}

// grid writes the lines on the portals, without columns that nobody asked for, and
// without that of failures where there are none.
func (w *pagesOfMany) grid(b *bytes.Buffer) {
	slices.SortFunc(w.rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	g := grid{headings: []string{"Portal"}, rows: w.rows}
	for _, column := range summaryColumns() {
		if slices.Contains(w.parts, column.part) {
			g.headings = append(g.headings, column.heading)
		}
	}
	last := len(g.headings)
	if slices.ContainsFunc(w.rows, func(row []string) bool { return row[last] != "" }) {
		g.headings = append(g.headings, "Failed")
	} else {
		for i := range w.rows {
			w.rows[i] = w.rows[i][:last]
		}
	}
	if w.markdown {
		fmt.Fprintln(b, "# Billing of portals")
		writeMarkdownGrid(b, g)
		return
	}
	writeGrid(b, g)
}

// facts are the totals as people read them.
func (t *fleetTotals) facts() (all []fact) {
	for _, c := range t.currencies() {
		all = append(all, fact{"Total", fmt.Sprintf("%s %s of %s", money.Group(t.sums[c].text(c)), currencyText(c), portalsText(t.sums[c].portals))})
	}
	if c := t.converted(); c != nil {
		text := money.Group(c.text()) + " " + string(c.currency)
		if len(c.used) > 0 {
			text += ", at rates of " + c.days()
		}
		all = append(all, fact{"In one", text})
	}
	if t.unknown > 0 {
		all = append(all, fact{"Not known", "the balance of " + portalsText(t.unknown)})
	}
	return all
}

func portalsText(n int) string {
	if n == 1 {
		return "1 portal"
	}
	return strconv.Itoa(n) + " portals"
}

// csvReports writes a row on each pocket of each portal as it arrives; with full, one on
// each fact of each.
type csvReports struct {
	*csv.Writer
	full bool
}

func newCSVReports(env Env, full bool) (*csvReports, error) {
	w := &csvReports{csv.NewWriter(env.Stdout), full}
	headings := []string{"name", "portal", "groups", "retrieved_at", "plan", "due_date", "currency", "available", "runway_days",
		"topup_enabled", "topup_min_balance", "topup_up_to_balance", "topup_currency", "failed"}
	if full {
		headings = []string{"name", "part", "item", "fact", "value", "currency"}
	}
	return w, w.Write(headings)
}

func (w *csvReports) one(r portalReport) error {
	var err error
	if w.full {
		err = w.facts(r)
	} else {
		err = w.pockets(r)
	}
	if err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}

// facts writes what the CSV of one portal has, but its headings, with the portal's name.
func (w *csvReports) facts(r portalReport) error {
	var b bytes.Buffer
	if err := writeCSV(&b, r.Report, r.Runway); err != nil {
		return err
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		return err
	}
	for _, row := range rows[1:] {
		if err := w.Write(slices.Insert(row, 0, cell(r.profile.Name))); err != nil {
			return err
		}
	}
	return nil
}

func (w *csvReports) pockets(r portalReport) error {
	start := []string{cell(r.profile.Name), cell(r.Portal), strings.Join(r.profile.Groups, " "), csvTime(docspace.Time{Time: r.RetrievedAt}), "", ""}
	if r.Quota != nil {
		start[4], start[5] = cell(quotaTitle(*r.Quota)), csvTime(r.Quota.DueDate)
	}
	end := []string{"", "", "", "", failedText(r.Report)}
	if t := r.TopUp; t != nil {
		end[0], end[1], end[2], end[3] = strconv.FormatBool(t.Enabled), t.MinBalance.Decimal(), t.UpToBalance.Decimal(), cell(string(t.Currency()))
	}
	if r.Balance == nil || len(r.Balance.SubAccounts) == 0 {
		return w.Write(slices.Concat(start, []string{"", "", ""}, end))
	}
	for _, sub := range r.Balance.SubAccounts {
		days := ""
		if r.Runway != nil {
			for _, p := range r.Runway.Pockets {
				if p.Known && p.Available.Currency() == sub.Amount.Currency() {
					days = strconv.Itoa(p.Alone.Likely)
				}
			}
		}
		if err := w.Write(slices.Concat(start, []string{cell(string(sub.Amount.Currency())), sub.Amount.Decimal(), days}, end)); err != nil {
			return err
		}
	}
	return nil
}

func (w *csvReports) end(*fleetTotals) error {
	w.Flush()
	return w.Error()
}
