package cli

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
)

// portalDocument is one portal among many: its report, and what it is called here.
type portalDocument struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups"`
	document
}

func portalDocumentOf(r portalReport) portalDocument {
	return portalDocument{r.profile.Name, append([]string{}, r.profile.Groups...), newDocument(r.Report, r.Runway)}
}

// totalsDocument is what a document on many portals ends with.
type totalsDocument struct {
	Totals          []totalDocument    `json:"totals"`
	BalanceKnown    int                `json:"balanceKnown"`
	BalanceNotKnown int                `json:"balanceNotKnown"`
	Converted       *convertedDocument `json:"converted,omitempty"`
	MissingRates    []money.Currency   `json:"missingRates,omitempty"`
	EndedAt         time.Time          `json:"endedAt"`
}

type totalDocument struct {
	Currency money.Currency `json:"currency"`
	Amount   string         `json:"amount"`
	Portals  int            `json:"portals"`
}

type convertedDocument struct {
	Currency money.Currency `json:"currency"`
	Amount   string         `json:"amount"`
	Rates    []rateDocument `json:"rates"`
}

type rateDocument struct {
	From money.Currency `json:"from"`
	Rate string         `json:"rate"`
	Date string         `json:"date"`
}

func (t *fleetTotals) document(now time.Time) totalsDocument {
	d := totalsDocument{
		Totals: []totalDocument{}, BalanceKnown: t.known, BalanceNotKnown: t.unknown,
		MissingRates: t.missing(), EndedAt: now.UTC().Truncate(time.Millisecond),
	}
	for _, c := range t.currencies() {
		d.Totals = append(d.Totals, totalDocument{c, t.sums[c].text(c), t.sums[c].portals})
	}
	if c := t.converted(); c != nil {
		d.Converted = &convertedDocument{Currency: c.currency, Amount: c.text(), Rates: []rateDocument{}}
		for _, r := range c.used {
			d.Converted.Rates = append(d.Converted.Rates, rateDocument{r.from, r.text, r.day.Format(time.DateOnly)})
		}
	}
	return d
}

const reportsSchemaID = "https://github.com/bursarhq/bursar/reports/v1"

// jsonReports writes one document, its portals as they arrive.
type jsonReports struct {
	out   io.Writer
	now   func() time.Time
	begun bool
}

func (w *jsonReports) one(r portalReport) error {
	line, err := encodeJSON(portalDocumentOf(r))
	if err != nil {
		return err
	}
	b := bytes.NewBufferString(",\n    ")
	if !w.begun {
		w.begun = true
		b = bytes.NewBufferString(fmt.Sprintf("{\n  \"schema\": %q,\n  \"portals\": [\n    ", reportsSchemaID))
	}
	if err := json.Indent(b, line, "    ", "  "); err != nil {
		return err
	}
	_, err = w.out.Write(b.Bytes())
	return err
}

func (w *jsonReports) end(t *fleetTotals) error {
	line, err := encodeJSON(t.document(w.now()))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.out, "\n  ],%s\n", strings.TrimPrefix(b.String(), "{"))
	return err
}

// ndjsonReports writes a document on each portal as it arrives, a line each.
type ndjsonReports struct{ out io.Writer }

func (w ndjsonReports) one(r portalReport) error {
	line, err := encodeJSON(portalDocumentOf(r))
	if err == nil {
		_, err = w.out.Write(append(line, '\n'))
	}
	return err
}

func (w ndjsonReports) end(*fleetTotals) error { return nil }

// yamlReports writes what jsonReports does, as YAML.
type yamlReports struct {
	out   io.Writer
	now   func() time.Time
	begun bool
}

func (w *yamlReports) one(r portalReport) error {
	if !w.begun {
		w.begun = true
		if _, err := fmt.Fprintf(w.out, "schema: %s\nportals:\n", reportsSchemaID); err != nil {
			return err
		}
	}
	document, err := encodeJSON(portalDocumentOf(r))
	if err != nil {
		return err
	}
	in := json.NewDecoder(bytes.NewReader(document))
	in.UseNumber()
	lines, err := yamlElement(in)
	if err == nil {
		_, err = io.WriteString(w.out, "  "+strings.Join(lines, "\n  ")+"\n")
	}
	return err
}

func (w *yamlReports) end(t *fleetTotals) error {
	document, err := encodeJSON(t.document(w.now()))
	if err != nil {
		return err
	}
	return writeJSONAsYAML(w.out, document)
}

//go:embed reports.schema.json
var reportsSchema []byte

// schemaOfMany returns the JSON Schema of a document on many portals, with that of a
// report in it.
func schemaOfMany() ([]byte, error) {
	var many, one map[string]any
	if err := json.Unmarshal(reportsSchema, &many); err != nil {
		return nil, fmt.Errorf("read the schema of many reports: %w", err)
	}
	if err := json.Unmarshal(reportSchema, &one); err != nil {
		return nil, fmt.Errorf("read the schema of a report: %w", err)
	}
	inner := many["$defs"].(map[string]any)
	for name, definition := range one["$defs"].(map[string]any) {
		inner[name] = definition
	}
	portal := inner["portal"].(map[string]any)
	members := one["properties"].(map[string]any)
	maps.Copy(members, portal["properties"].(map[string]any))
	portal["properties"] = members
	portal["required"] = append(one["required"].([]any), portal["required"].([]any)...)
	var b bytes.Buffer
	err := printJSON(&b, many)
	return b.Bytes(), err
}
