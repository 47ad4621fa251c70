package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/foreign"
)

// ReportFormats returns the names of the formats of a report.
func ReportFormats() []string {
	return []string{"table", "json", "ndjson", "yaml", "csv", "markdown", "html"}
}

// WriteReport writes the parts of a report that arrived in one of the formats.
// Colours appear only on a terminal that shows them, and not with NO_COLOR.
func WriteReport(env Env, r *docspace.Report, format string) error {
	return writeReport(env, r, nil, format)
}

// writeReport writes a report with its runway, which is among the parts that arrived
// if there is one; nil is one of which nothing is known.
func writeReport(env Env, r *docspace.Report, lasts *fleet.Runway, format string) error {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = printJSON(&b, newDocument(r, lasts))
	case "ndjson":
		var line []byte
		if line, err = encodeJSON(newDocument(r, lasts)); err == nil {
			b.Write(append(line, '\n'))
		}
	case "yaml":
		var document []byte
		if document, err = encodeJSON(newDocument(r, lasts)); err == nil {
			err = writeJSONAsYAML(&b, document)
		}
	case "csv":
		err = writeCSV(&b, r, lasts)
	case "markdown":
		writeMarkdown(&b, newPage(r, lasts, env.Now()))
	case "html":
		err = writePage(&b, env, r, lasts)
	default:
		writeTable(&b, newPage(r, lasts, env.Now()))
		if env.get("NO_COLOR") == "" {
			_, err = colorprofile.NewWriter(env.Stdout, env.Environ).Write(b.Bytes())
			return err
		}
		b = *bytes.NewBufferString(ansi.Strip(b.String()))
	}
	if err == nil {
		_, err = env.Stdout.Write(b.Bytes())
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
			if row[i] = printable(cell); row[i] == "" {
				row[i] = "-"
			}
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

// cleaned takes out of a portal's text what a terminal would obey; what breaks a
// line becomes a space.
func cleaned(s string) string { return foreign.Plain(s) }

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
