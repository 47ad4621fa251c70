package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/goccy/go-yaml"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// ReportFormats returns the names of the formats of a report.
func ReportFormats() []string { return []string{"table", "json", "yaml", "csv", "markdown"} }

// WriteReport writes the parts of a report that arrived in one of the formats.
// Colours appear only on a terminal that shows them, and not with NO_COLOR.
func WriteReport(env Env, r *docspace.Report, format string) error {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = printJSON(&b, newDocument(r))
	case "yaml":
		err = writeYAML(&b, newDocument(r))
	case "csv":
		err = writeCSV(&b, r)
	case "markdown":
		writeMarkdown(&b, newPage(r, env.Now()))
	default:
		writeTable(&b, newPage(r, env.Now()))
		_, err = colorprofile.NewWriter(env.Stdout, env.Environ).Write(b.Bytes())
		return err
	}
	if err == nil {
		_, err = env.Stdout.Write(b.Bytes())
	}
	return err
}

// writeYAML writes the JSON document as YAML, members in the same order.
func writeYAML(w io.Writer, d document) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	text, err := yaml.JSONToYAML(data)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

const (
	bold    = "\x1b[1m"
	dim     = "\x1b[2m"
	plain   = "\x1b[0m"
	columnN = 80 // what every terminal has
)

// writeTable lays a page out for a terminal.
func writeTable(w io.Writer, p page) {
	writeFacts(w, "", p.facts)
	for _, s := range p.sections {
		fmt.Fprintf(w, "\n%s%s%s\n", bold, strings.ToUpper(s.title), plain)
		writeFacts(w, "  ", s.facts)
		if len(s.grid.rows) > 0 {
			if len(s.facts) > 0 {
				fmt.Fprintln(w)
			}
			writeGrid(w, s.grid)
		}
		for i, text := range s.texts {
			if i == 0 && len(s.grid.rows) > 0 {
				fmt.Fprintln(w)
			}
			for line := range strings.SplitSeq(ansi.Wordwrap(cleaned(text), columnN-4, ""), "\n") {
				fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(line, noBreak, " "))
			}
		}
	}
}

func writeFacts(w io.Writer, indent string, facts []fact) {
	widest := 0
	for _, f := range facts {
		widest = max(widest, ansi.StringWidth(f.label))
	}
	for _, f := range facts {
		value := printable(f.value)
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "%s%s%s%s  %s\n", indent, dim, padded(f.label, widest, false), plain, value)
	}
}

func writeGrid(w io.Writer, g grid) {
	widths := make([]int, len(g.headings))
	right := make([]bool, len(g.headings))
	headings := make([]string, len(g.headings))
	for i, h := range g.headings {
		headings[i], right[i] = strings.CutPrefix(h, ">")
		widths[i] = ansi.StringWidth(headings[i])
	}
	for _, row := range g.rows {
		for i, cell := range row {
			row[i] = printable(cell)
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
		}
	}
	line := func(cells []string) string {
		var b strings.Builder
		for i, cell := range cells {
			b.WriteString("  " + padded(cell, widths[i], right[i]))
		}
		return strings.TrimRight(b.String(), " ")
	}
	fmt.Fprintf(w, "%s%s%s\n", dim, line(headings), plain)
	for _, row := range g.rows {
		fmt.Fprintln(w, line(row))
	}
}

// padded fills a cell up to a width as terminals count it: two columns for a
// wide character, none for a mark that combines.
func padded(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
	if right {
		return fill + s
	}
	return s + fill
}

// printable returns a text as it can stand on one line.
func printable(s string) string { return strings.ReplaceAll(cleaned(s), noBreak, " ") }

// cleaned takes out of a portal's text what a terminal would obey.
func cleaned(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, s)
}

// writeMarkdown lays a page out as Markdown.
func writeMarkdown(w io.Writer, p page) {
	fmt.Fprintf(w, "# Billing of %s\n", markdownText(p.facts[0].value))
	for _, f := range p.facts[1:] {
		fmt.Fprintf(w, "\n%s %s\n", f.label, markdownText(f.value))
	}
	for _, s := range p.sections {
		fmt.Fprintf(w, "\n## %s\n", s.title)
		if len(s.facts) > 0 {
			fmt.Fprintln(w)
		}
		for _, f := range s.facts {
			fmt.Fprintf(w, "- **%s:** %s\n", f.label, markdownText(f.value))
		}
		if len(s.grid.rows) > 0 {
			writeMarkdownGrid(w, s.grid)
		}
		for _, text := range s.texts {
			fmt.Fprintf(w, "\n%s\n", markdownText(text))
		}
	}
}

func writeMarkdownGrid(w io.Writer, g grid) {
	fmt.Fprintln(w)
	var rule strings.Builder
	for _, h := range g.headings {
		name, right := strings.CutPrefix(h, ">")
		fmt.Fprintf(w, "| %s ", name)
		if right {
			rule.WriteString("| ---: ")
		} else {
			rule.WriteString("| --- ")
		}
	}
	fmt.Fprintf(w, "|\n%s|\n", rule.String())
	for _, row := range g.rows {
		for _, cell := range row {
			fmt.Fprintf(w, "| %s ", markdownText(cell))
		}
		fmt.Fprintln(w, "|")
	}
}

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "]", `\]`)

func markdownText(s string) string { return markdownEscapes.Replace(printable(s)) }

// writeCSV writes one fact a line, in the order of the report: which part, which
// item of it, which fact, its value, and for amounts the currency.
func writeCSV(w io.Writer, r *docspace.Report) error {
	out := csv.NewWriter(w)
	row := func(part docspace.Part, item, fact, value string, currency money.Currency) {
		_ = out.Write([]string{string(part), cell(item), fact, cell(value), string(currency)}) // Error tells
	}
	_ = out.Write([]string{"part", "item", "fact", "value", "currency"})
	if c := r.Customer; c != nil {
		row(docspace.PartCustomer, "", "portal_id", c.PortalID, "")
		row(docspace.PartCustomer, "", "email", c.Email, "")
		row(docspace.PartCustomer, "", "payment_method_status", c.PaymentMethodStatus.String(), "")
		row(docspace.PartCustomer, "", "payment_method_type", c.PaymentMethodType, "")
		if c.Payer != nil {
			row(docspace.PartCustomer, "", "payer_id", c.Payer.ID, "")
			row(docspace.PartCustomer, "", "payer_name", c.Payer.DisplayName, "")
		}
	}
	if b := r.Balance; b != nil {
		for _, sub := range b.SubAccounts {
			row(docspace.PartBalance, string(sub.Amount.Currency()), "available", sub.Amount.Decimal(), sub.Amount.Currency())
		}
		if b.LastCredit != nil {
			row(docspace.PartBalance, "last_credit", "amount", b.LastCredit.Amount.Decimal(), b.LastCredit.Amount.Currency())
			row(docspace.PartBalance, "last_credit", "date", csvTime(b.LastCredit.Date), "")
		}
	}
	if r.Quota != nil {
		csvQuota(docspace.PartQuota, *r.Quota, row)
	}
	for _, q := range r.Quotas {
		csvQuota(docspace.PartQuotas, q, row)
	}
	if t := r.TopUp; t != nil {
		row(docspace.PartTopUp, "", "enabled", strconv.FormatBool(t.Enabled), "")
		row(docspace.PartTopUp, "", "min_balance", t.MinBalance.Decimal(), t.Currency())
		row(docspace.PartTopUp, "", "up_to_balance", t.UpToBalance.Decimal(), t.Currency())
		row(docspace.PartTopUp, "", "last_modified", csvTime(t.LastModified), "")
	}
	for _, c := range r.Currencies {
		row(docspace.PartCurrencies, string(c.Code()), "symbol", c.Sign(), "")
		row(docspace.PartCurrencies, string(c.Code()), "name", c.NativeName, "")
		row(docspace.PartCurrencies, string(c.Code()), "country", c.CountryCode, "")
	}
	out.Flush()
	return out.Error()
}

func csvQuota(part docspace.Part, q docspace.Quota, row func(docspace.Part, string, string, string, money.Currency)) {
	item := strconv.Itoa(q.ID)
	row(part, item, "title", q.Title, "")
	if q.Price != nil {
		row(part, item, "price", q.Price.Amount.Decimal(), q.Price.Amount.Currency())
	}
	row(part, item, "trial", strconv.FormatBool(q.Trial), "")
	row(part, item, "free", strconv.FormatBool(q.Free), "")
	row(part, item, "non_profit", strconv.FormatBool(q.NonProfit), "")
	if part == docspace.PartQuota {
		row(part, item, "due_date", csvTime(q.DueDate), "")
	}
	for _, f := range q.Features {
		row(part, item, "feature."+f.ID, f.Value.String(), "")
		if f.Used != nil && f.Used.Value != nil {
			row(part, item, "used."+f.ID, strconv.FormatInt(*f.Used.Value, 10), "")
		}
	}
}

func csvTime(t docspace.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// cell keeps a spreadsheet from taking a portal's text for a formula.
func cell(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := money.Parse(s, ""); err == nil {
		return s
	}
	return "'" + s
}
