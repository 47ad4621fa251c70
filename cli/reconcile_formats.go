package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/reconcile"
)

// reconciledLine is all that is said of a wallet, one of many, in which nothing was
// found.
func reconciledLine(d reconcile.Document) string {
	line := printable(d.Portal) + ": " + string(d.Verdict)
	if d.Error != "" {
		return line + ", " + printable(d.Error)
	}
	line += ", " + howMany(d.Operations, "operation")
	if len(d.Unproven) > 0 {
		line += "; " + printable(strings.Join(d.Unproven, "; "))
	}
	return line
}

func reconciledFacts(d reconcile.Document) []fact {
	read := howMany(d.Operations, "operation")
	if d.Operations > 0 {
		read += ", " + second(d.First) + " to " + second(d.Last)
	}
	return []fact{{"Portal", d.Portal}, {"Verdict", verdictText(d)}, {"Read", read}}
}

func verdictText(d reconcile.Document) string {
	wrong := 0
	for _, f := range d.Findings {
		if f.Severity == reconcile.Wrong {
			wrong++
		}
	}
	switch d.Verdict {
	case reconcile.Agrees:
		if n := len(d.Findings); n > 0 {
			return "agrees, with " + howMany(n, "doubt")
		}
		return "agrees"
	case reconcile.Disagrees:
		return "does not agree: " + howMany(wrong, "finding")
	}
	return "can't be told"
}

func reconciledSections(d reconcile.Document) (all []section) {
	wallet := section{title: "Wallet"}
	wallet.grid.headings = []string{"Currency", ">Before", ">In", ">Out", ">Comes to", ">Reported"}
	for _, p := range d.Pockets {
		wallet.grid.rows = append(wallet.grid.rows, []string{
			string(p.Currency), groupedIn(p.Opening, p.Currency), groupedIn(p.In, p.Currency), groupedIn(p.Out, p.Currency),
			groupedIn(p.Rebuilt, p.Currency), groupedIn(p.Reported, p.Currency),
		})
	}
	if len(d.Pockets) == 0 {
		wallet.texts = []string{"There never was anything in it."}
	}
	all = append(all, wallet)
	for i := range d.Findings {
		all = append(all, findingSection(&d.Findings[i]))
	}
	for _, s := range []section{{title: "Not proven", texts: d.Unproven}, {title: "Notes", texts: d.Notes}} {
		if len(s.texts) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// groupedIn writes an amount of a document for people; "" stands for one that is not
// known.
func groupedIn(text string, c money.Currency) string {
	amount, err := money.Parse(text, c)
	if err != nil {
		return "not known"
	}
	return numberText(amount)
}

func findingSection(f *reconcile.FindingDocument) section {
	s := section{title: string(f.Code)}
	if f.Severity == reconcile.Suspicious {
		s.title += " (a suspicion)"
	}
	if f.Amount != "" {
		s.facts = append(s.facts, fact{"Amount", groupedIn(f.Amount, f.Currency) + " " + string(f.Currency)})
	}
	s.facts = append(s.facts, fact{"When", second(f.At)})
	if len(f.Operations) > 0 {
		s.grid.headings = []string{"Date (UTC)", "Type", "What", ">Amount"}
	}
	for _, o := range f.Operations {
		what := o.Service
		if what == "" {
			what = o.Description
		}
		s.grid.rows = append(s.grid.rows, []string{
			o.Date.UTC().Format(time.DateTime), ansi.Truncate(printable(string(o.Type)), 16, "…"), ansi.Truncate(printable(what), 20, "…"),
			groupedIn(o.Amount, o.Currency) + " " + string(o.Currency),
		})
	}
	s.texts = append(s.texts, strings.ToUpper(f.Text[:1])+f.Text[1:]+".")
	if f.More > 0 && len(f.Operations) > 0 {
		s.texts = append(s.texts, fmt.Sprintf("There are %s more.", howMany(f.More, "operation")))
	}
	return s
}

// howMany counts things: "1 wallet", "2 wallets".
func howMany(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

func doOrDoes(n int) string {
	if n == 1 {
		return "does"
	}
	return "do"
}
