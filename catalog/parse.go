package catalog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/yamltree"
)

// MaxSize is how many bytes a catalogue may have: 1 MB.
const MaxSize = 1 << 20

// limits are far above what a catalogue needs.
var limits = yamltree.Limits{Size: MaxSize, Lines: 20_000, Line: 10_000, Open: 100, Indent: 100}

// Load reads a catalogue from a file, as Parse does. It fails with an *Error, or
// with what the system says of the file.
func Load(path string) (*Catalog, error) {
	data, err := limits.Read(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(data)
	var wrong *Error
	if errors.As(err, &wrong) {
		wrong.File = path
	}
	return c, err
}

// Parse reads a catalogue from YAML and checks it whole. It fails with an *Error,
// which is an ErrCatalog and names the line.
func Parse(data []byte) (*Catalog, error) {
	r := &reader{}
	c := r.catalog(data)
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

func (r *reader) catalog(data []byte) *Catalog {
	c := &Catalog{}
	body, wrong := limits.Parse(data)
	if wrong != nil {
		r.failAt(wrong.Line, "%w", wrong.Err)
		return nil
	}
	if body == nil {
		r.failAt(0, "there is nothing in it: currencies and plans are missing")
		return nil
	}
	top := r.object(body, "", "currencies", "policy", "plans", "ai")
	for _, needed := range []string{"currencies", "plans"} {
		if !top.has(needed) {
			r.failAt(top.line, "%s is missing", needed)
			return nil
		}
	}
	c.policy, c.ai = standardPolicy(), AI{Currency: "USD"}
	if top.has("policy") {
		c.policy = r.policy(top.nodes["policy"])
	}
	if top.has("ai") {
		c.ai = r.ai(r.object(top.nodes["ai"], "ai", "currency", "chat", "embedding", "web_search"))
	}
	for _, n := range r.list(top.nodes["currencies"], "currencies") {
		currency := r.currency(n, "currencies")
		if slices.Contains(c.currencies, currency) {
			r.fail(n, "currencies: %s stands there twice", currency)
		}
		c.currencies = append(c.currencies, currency)
	}
	if len(c.currencies) == 0 {
		r.fail(top.nodes["currencies"], "currencies is empty")
	}
	r.plans(c, top.nodes["plans"])
	return c
}

// plans reads the plans and what must hold among them.
func (r *reader) plans(c *Catalog, list ast.Node) {
	lines := map[*Plan]int{}
	taken := map[string]int{} // by what only one may have
	for _, n := range r.list(list, "plans") {
		plan := r.plan(n, c)
		if r.err != nil {
			return
		}
		lines[plan] = yamltree.Line(n)
		for _, claim := range plan.claims() {
			if other, ok := taken[claim]; ok {
				r.fail(n, "plan %d: there is %s already, on line %d", plan.ID, claim, other)
			}
			taken[claim] = lines[plan]
		}
		c.plans = append(c.plans, plan)
	}
	for _, p := range c.plans {
		if p.Group != "" && !slices.ContainsFunc(c.plans, func(o *Plan) bool { return o.Name == p.Group && o.Visible && o.Wallet }) {
			r.failAt(lines[p], "plan %d: group: no service on offer is named %s", p.ID, yamltree.Quoted(p.Group))
		}
	}
	slices.SortFunc(c.plans, func(a, b *Plan) int { return b.ID - a.ID })
	if i := slices.IndexFunc(c.plans, func(p *Plan) bool { return p.Features.Has("free") }); i >= 0 {
		c.free = c.plans[i]
	} else {
		r.fail(list, "plans: none is free, for portals that bought none")
	}
	c.changes = priceChanges(c.plans)
}

// claims are what no other plan may have, as errors say it.
func (p *Plan) claims() []string {
	all := []string{fmt.Sprintf("a plan %d", p.ID)}
	if p.Visible {
		all = append(all, fmt.Sprintf("a plan on offer named %s", p.Name))
	}
	if p.Service != "" {
		all = append(all, fmt.Sprintf("a service %s", strings.ToLower(serviceName(p.Service))))
	}
	if p.ProductID != "" {
		all = append(all, fmt.Sprintf("a product %s", p.ProductID))
	}
	return all
}

// lowestID is DocSpace's, whose ids have 32 bits.
const lowestID = math.MinInt32

func (r *reader) plan(n ast.Node, c *Catalog) *Plan {
	o := r.object(n, "plan", "id", "name", "title", "description", "product", "service", "group", "unit",
		"period", "visible", "wallet", "additional", "minimum", "features", "price")
	p := &Plan{
		ID: int(o.whole("id", lowestID, -1)), Period: Period(o.text("period")),
		Visible: o.flag("visible"), Wallet: o.flag("wallet"), Additional: o.flag("additional"), Minimum: 1,
	}
	if !o.has("id") {
		r.failAt(o.line, "plan: id is missing: a number below zero")
		return p
	}
	o.what = fmt.Sprintf("plan %d", p.ID)
	p.Name, p.Service, p.ProductID, p.Group = o.name("name"), o.name("service"), o.name("product"), o.name("group")
	p.Title, p.Description, p.Unit = o.text("title"), o.text("description"), o.text("unit")
	if p.Name == "" {
		r.failAt(o.line, "%s: name is missing", o.what)
	}
	if p.Period != NoPeriod && p.Period != Month && p.Period != Year {
		r.fail(o.nodes["period"], "%s: period %s is neither month nor year", o.what, yamltree.Quoted(string(p.Period)))
	}
	if p.Service != "" && !p.Wallet {
		r.fail(o.nodes["service"], "%s: service is only for what is paid from the wallet", o.what)
	}
	if p.Group != "" && (!p.Wallet || p.Visible) {
		r.fail(o.nodes["group"], "%s: group is only for what is paid from the wallet and not on offer itself", o.what)
	}
	if o.has("minimum") {
		p.Minimum = o.whole("minimum", 1, c.policy.MaxQuantity)
	}
	features, err := ParseFeatures(o.text("features"))
	if err != nil {
		r.fail(o.nodes["features"], "%s: features: %w", o.what, err)
	}
	p.Features = features
	p.prices = r.prices(o, c.currencies)
	return p
}

// prices reads what a plan costs: one price in each currency, or a list of those
// with the days from which they hold. What has no price costs nothing.
func (r *reader) prices(o object, currencies []money.Currency) []Price {
	n := o.nodes["price"]
	if n == nil {
		free := Price{}
		for _, c := range currencies {
			free.Amounts = append(free.Amounts, money.FromUnits(0, c))
		}
		return []Price{free}
	}
	if _, ok := n.(*ast.SequenceNode); !ok {
		return []Price{r.priceEntry(n, o.what, currencies, false)}
	}
	entries := r.list(n, o.what)
	if len(entries) == 0 {
		r.fail(n, "%s: price is empty", o.what)
	}
	var all []Price
	for i, entry := range entries {
		p := r.priceEntry(entry, o.what, currencies, true)
		switch {
		case i == 0:
		case p.From.IsZero():
			r.fail(entry, "%s: price: from is missing: only the first price may have none", o.what)
		case !p.From.After(all[i-1].From):
			r.fail(entry, "%s: price: from is not later than that of the price before", o.what)
		}
		all = append(all, p)
	}
	return all
}

// priceEntry reads one price in each currency, and from when it holds.
func (r *reader) priceEntry(n ast.Node, what string, currencies []money.Currency, dated bool) Price {
	var p Price
	amounts := map[money.Currency]money.Amount{}
	for _, pair := range r.pairs(n, what+": price") {
		if pair.Name == "from" && dated {
			p.From = r.moment(pair.Value, what+": price: from")
			continue
		}
		currency := money.Currency(pair.Name)
		if !slices.Contains(currencies, currency) {
			r.failAt(pair.Line, "%s: price: %s is not one of currencies", what, yamltree.Quoted(pair.Name))
		}
		amounts[currency] = r.price(pair.Value, what+": price: "+pair.Name, currency)
	}
	for _, c := range currencies {
		amount, ok := amounts[c]
		if !ok {
			r.fail(n, "%s: price: none in %s", what, c)
		}
		p.Amounts = append(p.Amounts, amount)
	}
	return p
}
