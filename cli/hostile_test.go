package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// hostile are texts that a portal, or one of its users, may put into a report to
// get more out of its reader than being read.
var hostile = []string{
	"\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "bell\x07", "back\x08space", "one\rtwo", "one\ntwo", "tab\there", "\x7fdelete",
	"\u009b31mred", "\u0085next", "\u202egnirts", "\u202aone\u202b\u202c\u202d", "\u2066isolated\u2067\u2068\u2069",
	"a|b", "*bold*", "_slanted_", "`code`", "<script>alert(1)</script>", "[link](https://example.com)", "![image](x)", `back\slash`, "\\|",
	`=cmd|' /C calc'!A0`, "+1+1", "-1+1", "@SUM(A1)", "=1", "\t=1+1", "\r=1+1", `=HYPERLINK("x","y")`,
}

// tricky are texts that a careless YAML writer gets wrong.
var tricky = []string{
	"? a", "- a", "a: b", "a #b", "#a", ".inf", "-.inf", ".nan", "null", "~", "yes", "true", "1e5", "0x1f", "0.10", "12:30:45", "2026-10-01",
	"'", `"`, "|", ">", "&a", "*a", "!a", "%a", "@a", "`a", "{a", "[a", " a", "a ", "a:", "-", "?", "", "a\nb", "a\r\nb\n", "\ttab", "a\tb", "\u2028", "\ufeffa",
}

// reportWith puts a text wherever a portal may put one.
func reportWith(t *testing.T, text string) *docspace.Report {
	r := sampleReport(t)
	c := r.Customer
	c.PortalID, c.Email, c.PaymentMethodType = text, text, text
	c.Payer.ID, c.Payer.DisplayName, c.Payer.ProfileURL = text, text, text
	r.Balance.AccountName = text
	r.Balance.SubAccounts[0].Amount = amount(t, "148.50", money.Currency(text))
	r.Balance.LastCredit.Amount = amount(t, "100", money.Currency(text))
	for _, q := range []*docspace.Quota{r.Quota, &r.Quotas[0], &r.Quotas[1]} {
		q.Title = text
		q.Price = &docspace.Price{Amount: amount(t, "20", ""), Symbol: text}
		q.Features = append(q.Features,
			docspace.Feature{ID: text, Title: text, Type: docspace.FeatureFlag, Value: docspace.FlagValue(true)},
			docspace.Feature{ID: "x", Title: text, Type: docspace.FeatureType(text), Value: docspace.NumberValue(3)})
	}
	r.TopUp.MinBalance, r.TopUp.UpToBalance = amount(t, "20", money.Currency(text)), amount(t, "100", money.Currency(text))
	r.Currencies[0] = docspace.Currency{CountryCode: text, ISOSymbol: text, NativeName: text, Symbol: text}
	r.Failed = map[docspace.Part]error{docspace.PartQuotas: &docspace.Error{Message: text, Err: docspace.ErrRefused}}
	return r
}

// obeyed reports whether a terminal does something else with a character than
// showing it or going on to the next column or line.
func obeyed(r rune) bool {
	return control(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func control(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }

func TestTerminalsObeyNoPortal(t *testing.T) {
	for format, bad := range map[string]func(rune) bool{
		"table": obeyed, "markdown": obeyed, "csv": obeyed, "html": obeyed,
		// Documents for programs keep the text as it is, but a terminal may
		// be all the program there is.
		"json": control, "yaml": control,
	} {
		t.Run(format, func(t *testing.T) {
			for _, text := range append(hostile, tricky...) {
				out := written(t, reportWith(t, text), format)
				if i := strings.IndexFunc(out, bad); i >= 0 {
					t.Errorf("%+q comes through: %+q", text, out[i:min(len(out), i+20)])
				}
			}
		})
	}
}

func TestPortalTextsStayOnTheirLine(t *testing.T) {
	for _, text := range []string{"one\ntwo", "one\rtwo", "\u0085x", "# x\n# y", "| x |\n| y |"} {
		plain := strings.Map(func(r rune) rune {
			if control(r) || r == '\n' {
				return -1
			}
			return r
		}, text)
		for _, format := range []string{"table", "markdown", "json"} {
			got := strings.Count(written(t, reportWith(t, text), format), "\n")
			if want := strings.Count(written(t, reportWith(t, plain), format), "\n"); got != want {
				t.Errorf("%+q makes the %s %d lines long, not %d", text, format, got, want)
			}
		}
	}
}

func TestMarkdownShowsPortalTextsAsTheyAre(t *testing.T) {
	for text, want := range map[string]string{
		"a|b": `a\|b`, `\|`: `\\\|`, "*b*": `\*b\*`, "_s_": `\_s\_`, "`c`": "\\`c\\`", "<b>": "&lt;b>",
		"[l](u)": `\[l\](u)`, "![i](u)": `!\[i\](u)`, `a\b`: `a\\b`,
	} {
		out := written(t, reportWith(t, text), "markdown")
		if !strings.Contains(out, "- **Payer:** "+want+"\n") {
			t.Errorf("%q is not written %q in\n%s", text, want, out)
		}
		for line := range strings.Lines(out) {
			plain := strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, "")
			if cells := strings.Count(plain, "|") - 1; strings.HasPrefix(line, "|") && cells != 2 && cells != 3 && cells != 4 {
				t.Errorf("%q makes a row of %d cells: %s", text, cells, line)
			}
		}
	}
	// Fragments that only bite at the start of a line, or as a whole address.
	out := written(t, reportWith(t, "<https://example.com>"), "markdown")
	if strings.Contains(out, "<https:") {
		t.Errorf("a link is alive in\n%s", out)
	}
}

func TestSpreadsheetsComputeNothingOfAPortals(t *testing.T) {
	for _, text := range append(hostile, "-1", "+1", "-0.5e3", "-1-1", "=") {
		out := written(t, reportWith(t, text), "csv")
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil {
			t.Errorf("%+q: %v", text, err)
		}
		for _, row := range rows {
			for i, cell := range row {
				if cell == "" || !strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
					continue
				}
				if _, err := money.Parse(cell, ""); err != nil {
					t.Errorf("cell %d of %q is a formula", i+1, row)
				}
			}
		}
	}
}

// readYAML returns a document with its values as encoding/json has them.
func readYAML(text string) (any, error) {
	var document any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, err
	}
	data, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var again any
	err = json.Unmarshal(data, &again)
	return again, err
}

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	check := func(name string, r *docspace.Report) {
		var fromJSON any
		if err := json.Unmarshal([]byte(written(t, r, "json")), &fromJSON); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		fromYAML, err := readYAML(written(t, r, "yaml"))
		if err != nil {
			t.Errorf("%s: the YAML can't be read: %.200v", name, err)
			return
		}
		if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
			t.Errorf("%s: the YAML says something else (-JSON +YAML):\n%.400s…", name, diff)
		}
	}
	for name, report := range reports {
		check(name, report(t))
	}
	for _, text := range append(hostile, tricky...) {
		check(fmt.Sprintf("%+q", text), reportWith(t, text))
	}
}

// & < and > are nothing special in JSON, and escapes are hard on people.
func TestJSONWritesPlainTextPlainly(t *testing.T) {
	if out := written(t, reportWith(t, "R&D <Owner> é"), "json"); !strings.Contains(out, `"name": "R&D <Owner> é"`) {
		_, name, _ := strings.Cut(out, `"name": `)
		name, _, _ = strings.Cut(name, "\n")
		t.Errorf("the name is written %s", name)
	}
}
