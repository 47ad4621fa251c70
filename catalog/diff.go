package catalog

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Change is one thing in which a catalogue differs from another.
type Change struct {
	// Plan is the plan it is about; 0 for the catalogue as such.
	Plan int
	// Name is the plan's name, or "policy", "currencies" or "ai".
	Name string
	// Field is what differs: "title", "features.manager", "price.USD",
	// "chat.chat-small.prompt"; "" for a plan that is there in one of them only.
	Field string
	// From and Until are when a price begins to differ in this way and when that
	// ends; the zero Time: it always did, it always will.
	From, Until time.Time
	// Old and New are the values, exactly; "" where there is none.
	Old, New string
	// Percent is by how much a price grew, with one decimal place and a sign:
	// "+10.0", "-2.5"; "" for all that is no price, and beside one of nought.
	Percent string
}

// Diff returns what changed from one catalogue to another, in the order of plans;
// nothing when they come to the same, whatever words it is written in.
func Diff(old, next *Catalog) []Change {
	d := &differ{}
	d.at(0, "currencies").field("", codes(old), codes(next))
	d.at(0, "policy").policy(old.policy, next.policy)
	ids := map[int]bool{}
	for _, p := range slices.Concat(old.plans, next.plans) {
		ids[p.ID] = true
	}
	order := slices.Sorted(maps.Keys(ids))
	slices.Reverse(order)
	for _, id := range order {
		before, _ := old.Plan(id)
		after, _ := next.Plan(id)
		d.plan(before, after, slices.Concat(old.currencies, next.currencies))
	}
	d.ai(old.ai, next.ai)
	return d.changes
}

func (d *differ) policy(old, next Policy) {
	before, after := old.members(), next.members()
	for i, m := range before {
		d.field(m.name, m.value, after[i].value)
	}
}

func codes(c *Catalog) string {
	var all []string
	for _, currency := range c.currencies {
		all = append(all, string(currency))
	}
	return strings.Join(all, ", ")
}

// differ collects changes of the thing that it is at.
type differ struct {
	changes []Change
	id      int
	name    string
}

func (d *differ) at(id int, name string) *differ {
	d.id, d.name = id, name
	return d
}

func (d *differ) field(name, old, next string) {
	if old != next {
		d.changes = append(d.changes, Change{Plan: d.id, Name: d.name, Field: name, Old: old, New: next})
	}
}

// price notes that a price differs from a moment on, until another.
func (d *differ) price(name string, from, until time.Time, old, next money.Amount) {
	if old == next {
		return
	}
	c := Change{Plan: d.id, Name: d.name, Field: name, From: from, Until: until, Percent: growth(old, next)}
	if !old.IsZero() {
		c.Old = old.Decimal()
	}
	if !next.IsZero() {
		c.New = next.Decimal()
	}
	d.changes = append(d.changes, c)
}

// growth returns by how many percent an amount grew; "" where that says nothing.
func growth(old, next money.Amount) string {
	if old.Sign() == 0 || next.IsZero() || old.Currency() != next.Currency() {
		return ""
	}
	grown := next.Units() - old.Units() // neither is negative
	percent := big.NewRat(grown, old.Units())
	percent.Mul(percent, big.NewRat(100, 1))
	sign := ""
	if grown > 0 {
		sign = "+"
	}
	return sign + percent.FloatString(1)
}

// plan notes how one plan became another; nil stands for none.
func (d *differ) plan(old, next *Plan, currencies []money.Currency) {
	switch {
	case old == nil:
		d.at(next.ID, next.Name).field("", "", next.Name)
		return
	case next == nil:
		d.at(old.ID, old.Name).field("", old.Name, "")
		return
	}
	d.at(next.ID, next.Name)
	d.field("name", old.Name, next.Name)
	d.field("title", old.Title, next.Title)
	d.field("description", old.Description, next.Description)
	d.field("unit", old.Unit, next.Unit)
	d.field("product", old.ProductID, next.ProductID)
	d.field("service", old.Service, next.Service)
	d.field("group", old.Group, next.Group)
	d.field("period", string(old.Period), string(next.Period))
	d.field("visible", strconv.FormatBool(old.Visible), strconv.FormatBool(next.Visible))
	d.field("wallet", strconv.FormatBool(old.Wallet), strconv.FormatBool(next.Wallet))
	d.field("additional", strconv.FormatBool(old.Additional), strconv.FormatBool(next.Additional))
	d.field("minimum", strconv.FormatInt(old.Minimum, 10), strconv.FormatInt(next.Minimum, 10))
	names := map[string]bool{}
	for name := range old.Features.values {
		names[name] = true
	}
	for name := range next.Features.values {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d.field("features."+name, old.Features.text(name), next.Features.text(name))
	}
	d.prices(old, next, currencies)
}

// prices notes, for each currency, from when until when prices differ in one way.
func (d *differ) prices(old, next *Plan, currencies []money.Currency) {
	moments := slices.Concat([]time.Time{{}}, priceChanges([]*Plan{old, next}))
	for i, c := range currencies {
		if slices.Contains(currencies[:i], c) {
			continue
		}
		for i := 0; i < len(moments); {
			from, before, after := moments[i], old.PriceAt(c, moments[i]), next.PriceAt(c, moments[i])
			var until time.Time
			for i++; i < len(moments); i++ {
				if old.PriceAt(c, moments[i]) != before || next.PriceAt(c, moments[i]) != after {
					until = moments[i]
					break
				}
			}
			d.price("price."+string(c), from, until, before, after)
		}
	}
}

// ai notes how the price list of AI features changed.
func (d *differ) ai(old, next AI) {
	d.at(0, "ai").field("currency", string(old.Currency), string(next.Currency))
	was, is := old.entries(), next.entries()
	for _, key := range slices.Concat(was.order, is.order) {
		before, had := was.values[key]
		after, has := is.values[key]
		delete(was.values, key)
		delete(is.values, key) // each is looked at once
		if !had && !has {
			continue
		}
		d.field(key, before.text, after.text)
		d.price(key, time.Time{}, time.Time{}, before.price, after.price)
	}
}

// entries are the members of a price list by their names.
type entries struct {
	order  []string
	values map[string]entry
}

// entry is a text or a price.
type entry struct {
	text  string
	price money.Amount
}

func (e *entries) add(name, text string, price money.Amount) {
	if text != "" || !price.IsZero() {
		e.order = append(e.order, name)
		e.values[name] = entry{text, price}
	}
}

func (e *entries) model(list string, m Model) string {
	name := list + "." + m.ID
	e.add(name+".alias", m.Alias, money.Amount{})
	e.add(name+".provider", m.Provider, money.Amount{})
	e.add(name+".image", m.Image, money.Amount{})
	e.add(name+".link", m.Link, money.Amount{})
	return name
}

func (list AI) entries() *entries {
	e := &entries{values: map[string]entry{}}
	for _, m := range list.Chat {
		name := e.model("chat", m.Model)
		e.add(name+".prompt", "", m.Prompt)
		e.add(name+".completion", "", m.Completion)
	}
	for _, m := range list.Embedding {
		e.add(e.model("embedding", m.Model)+".prompt", "", m.Prompt)
	}
	for _, m := range list.WebSearch {
		e.add(e.model("web_search", m.Model)+".price", "", m.Price)
	}
	return e
}

// text returns a feature's value: "yes" for a flag that is set, "" for what is not
// mentioned.
func (f Features) text(name string) string {
	n, ok := f.values[name]
	switch {
	case !ok:
		return ""
	case kinds[name] == Flag:
		return "yes"
	}
	return strconv.FormatInt(n, 10)
}
