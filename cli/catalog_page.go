package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

// printCatalog writes a catalogue for people.
func printCatalog(env Env, c *catalog.Catalog) error {
	w := env.Stdout
	headings := "ID\tNAME\tTITLE\tSERVICE\tPAID\tPER\tOFFERED\tFROM"
	for _, currency := range c.Currencies() {
		headings += "\t" + string(currency)
	}
	err := columns(w, headings, func(line func(...string)) error {
		for _, p := range c.All() {
			for _, price := range p.Prices() {
				cells := []string{
					fmt.Sprint(p.ID), p.Name, p.Title, p.Service, paidBy(p), string(p.Period), yesNo(p.Visible), dayText(price.From),
				}
				for _, amount := range price.Amounts {
					cells = append(cells, numberText(amount))
				}
				line(cells...)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	err = columns(w, "ID\tNAME\tUNIT\tLEAST\tALLOWS", func(line func(...string)) error {
		for _, p := range c.All() {
			var all []string
			for _, name := range p.Features.Names() {
				all = append(all, strings.TrimSpace(name+" "+featureText(name, p.Features)))
			}
			line(fmt.Sprint(p.ID), p.Name, p.Unit, fmt.Sprint(p.Minimum), strings.Join(all, ", "))
		}
		return nil
	})
	if err == nil {
		err = printAI(w, c.AI())
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n"+policyText(c.Policy()))
	return err
}

func printAI(w io.Writer, list catalog.AI) error {
	if len(list.Chat)+len(list.Embedding)+len(list.WebSearch) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return columns(w, "AI\tID\tNAME\tPROVIDER\t"+string(list.Currency)+"\tFOR", func(line func(...string)) error {
		for _, m := range list.Chat {
			line("chat", m.ID, m.Alias, m.Provider, numberText(m.Prompt), "a million tokens asked")
			line("chat", m.ID, m.Alias, m.Provider, numberText(m.Completion), "a million tokens answered")
		}
		for _, m := range list.Embedding {
			line("embedding", m.ID, m.Alias, m.Provider, numberText(m.Prompt), "a million tokens")
		}
		for _, m := range list.WebSearch {
			line("web search", m.ID, m.Alias, m.Provider, numberText(m.Price), "a result")
		}
		return nil
	})
}

func paidBy(p *catalog.Plan) string {
	if p.Wallet {
		return "wallet"
	}
	return "card"
}

// dayText returns a day, with the time where it is not the first moment of it in
// UTC; "" for the zero Time.
func dayText(at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case at.Equal(at.Truncate(24 * time.Hour)):
		return at.Format(time.DateOnly)
	}
	return at.Format(time.RFC3339Nano)
}

// featureText returns what a feature allows; "" for a flag that is set.
func featureText(name string, f catalog.Features) string {
	switch kind, _ := catalog.KindOf(name); kind {
	case catalog.Flag:
		return ""
	case catalog.Size, catalog.LargestSize:
		return docspace.SizeText(f.Limit(name))
	}
	return fmt.Sprint(f.Limit(name))
}

type catalogJSON struct {
	Currencies []money.Currency `json:"currencies"`
	Policy     policyJSON       `json:"policy"`
	Plans      []planJSON       `json:"plans"`
	AI         aiJSON           `json:"ai"`
}

type planJSON struct {
	ID          int            `json:"id"`
	Name        string         `json:"name"`
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	Unit        string         `json:"unit,omitempty"`
	Product     string         `json:"product,omitempty"`
	Service     string         `json:"service,omitempty"`
	Group       string         `json:"group,omitempty"`
	Period      string         `json:"period,omitempty"`
	Visible     bool           `json:"visible"`
	Wallet      bool           `json:"wallet"`
	Additional  bool           `json:"additional"`
	Minimum     int64          `json:"minimum"`
	Features    map[string]any `json:"features"`
	Prices      []priceJSON    `json:"prices"`
}

type priceJSON struct {
	From    *time.Time     `json:"from,omitempty"`
	Amounts []money.Amount `json:"amounts"`
}

type aiJSON struct {
	Chat      []modelJSON `json:"chat"`
	Embedding []modelJSON `json:"embedding"`
	WebSearch []modelJSON `json:"webSearch"`
}

type modelJSON struct {
	ID         string        `json:"id"`
	Alias      string        `json:"alias"`
	Provider   string        `json:"provider"`
	Image      string        `json:"image,omitempty"`
	Link       string        `json:"link,omitempty"`
	Prompt     *money.Amount `json:"prompt,omitempty"`
	Completion *money.Amount `json:"completion,omitempty"`
	Price      *money.Amount `json:"price,omitempty"`
}

func catalogOf(c *catalog.Catalog) catalogJSON {
	out := catalogJSON{Currencies: c.Currencies(), Policy: policyOf(c.Policy()), Plans: []planJSON{}}
	for _, p := range c.All() {
		line := planJSON{
			ID: p.ID, Name: p.Name, Title: p.Title, Description: p.Description, Unit: p.Unit, Product: p.ProductID,
			Service: p.Service, Group: p.Group, Period: string(p.Period), Visible: p.Visible, Wallet: p.Wallet,
			Additional: p.Additional, Minimum: p.Minimum, Features: map[string]any{},
		}
		for _, name := range p.Features.Names() {
			if kind, _ := catalog.KindOf(name); kind == catalog.Flag {
				line.Features[name] = true
			} else {
				line.Features[name] = p.Features.Limit(name)
			}
		}
		for _, price := range p.Prices() {
			line.Prices = append(line.Prices, priceJSON{From: timeOrNil(price.From), Amounts: price.Amounts})
		}
		out.Plans = append(out.Plans, line)
	}
	out.AI = aiOf(c.AI())
	return out
}

func aiOf(list catalog.AI) aiJSON {
	out := aiJSON{Chat: []modelJSON{}, Embedding: []modelJSON{}, WebSearch: []modelJSON{}}
	of := func(m catalog.Model) modelJSON {
		return modelJSON{ID: m.ID, Alias: m.Alias, Provider: m.Provider, Image: m.Image, Link: m.Link}
	}
	for _, m := range list.Chat {
		line := of(m.Model)
		line.Prompt, line.Completion = &m.Prompt, &m.Completion
		out.Chat = append(out.Chat, line)
	}
	for _, m := range list.Embedding {
		line := of(m.Model)
		line.Prompt = &m.Prompt
		out.Embedding = append(out.Embedding, line)
	}
	for _, m := range list.WebSearch {
		line := of(m.Model)
		line.Price = &m.Price
		out.WebSearch = append(out.WebSearch, line)
	}
	return out
}

// timeOrNil returns nil for the zero Time.
func timeOrNil(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

type changeJSON struct {
	Plan    int        `json:"plan,omitempty"`
	Name    string     `json:"name"`
	Field   string     `json:"field,omitempty"`
	From    *time.Time `json:"from,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Old     string     `json:"old,omitempty"`
	New     string     `json:"new,omitempty"`
	Percent string     `json:"percent,omitempty"`
}

// printChanges writes how two catalogues differ; as a table it is a line each.
func printChanges(env Env, changes []catalog.Change, format string) error {
	if format == "json" {
		out := []changeJSON{}
		for _, c := range changes {
			out = append(out, changeJSON{
				Plan: c.Plan, Name: c.Name, Field: c.Field, From: timeOrNil(c.From), Until: timeOrNil(c.Until),
				Old: c.Old, New: c.New, Percent: c.Percent,
			})
		}
		return printJSON(env.Stdout, out)
	}
	for _, c := range changes {
		if _, err := fmt.Fprintln(env.Stdout, changeText(c)); err != nil {
			return err
		}
	}
	return nil
}

// changeText says one change: "plan -9 admin: price.USD 20.00 -> 22.00 (+10.0 %)
// from 2027-01-01".
func changeText(c catalog.Change) string {
	what := c.Name
	if c.Plan != 0 {
		what = fmt.Sprintf("plan %d %s", c.Plan, c.Name)
	}
	what += ":"
	if c.Field != "" {
		what += " " + c.Field
	}
	switch {
	case c.Old == "" && c.New == "yes", c.Old == "" && c.Field == "":
		what += " added"
	case c.New == "" && c.Old == "yes", c.New == "" && c.Field == "":
		what += " removed"
	default:
		what += fmt.Sprintf(" %s -> %s", valueText(c.Field, c.Old), valueText(c.Field, c.New))
	}
	if c.Percent != "" {
		what += fmt.Sprintf(" (%s %%)", c.Percent)
	}
	if !c.From.IsZero() {
		what += " from " + dayText(c.From)
	}
	if !c.Until.IsZero() {
		what += " until " + dayText(c.Until)
	}
	return what
}

// valueText returns a value of a field, and "none" where there is none; sizes as
// people read them.
func valueText(field, text string) string {
	if text == "" {
		return "none"
	}
	feature, _ := strings.CutPrefix(field, "features.")
	if kind, _ := catalog.KindOf(feature); kind == catalog.Size || kind == catalog.LargestSize {
		if bytes, err := strconv.ParseInt(text, 10, 64); err == nil {
			return docspace.SizeText(bytes)
		}
	}
	return text
}
