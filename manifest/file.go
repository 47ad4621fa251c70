package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/yamltree"
)

// Manifest says how the billing of portals is to be.
type Manifest struct {
	// Portals are those it speaks of, by name.
	Portals []Portal
}

// Portal is a portal of a manifest, with what defaults and its groups say of it.
type Portal struct {
	// Name is that of its profile.
	Name string
	// Groups are those of the manifest that it is in.
	Groups []string
	// Line is where it stands.
	Line int
	Wanted
}

// Wanted is how the billing of one portal is to be. What is nil or missing is left as
// it is.
type Wanted struct {
	Rule       *Rule      `json:"topupRule,omitempty"`
	Services   []Switch   `json:"services,omitempty"`
	Quantities []Quantity `json:"quantities,omitempty"`
	Plan       *Plan      `json:"plan,omitempty"`
	// Operator is Bursar's own API; nil where there is none for it.
	Operator *Operator `json:"operator,omitempty"`
}

// Rule is a top-up rule.
type Rule struct {
	// None says that there is to be no rule; the rest means nothing then.
	None    bool         `json:"none,omitempty"`
	Enabled bool         `json:"enabled"`
	Min     money.Amount `json:"min,omitzero"`
	UpTo    money.Amount `json:"upTo,omitzero"`
	// Caps are nil where they are left as they are.
	Caps *Caps `json:"caps,omitempty"`
}

// Caps are what a top-up rule collects at most: in one charge, in 24 hours, in 30 days,
// and how often in 24 hours. The zero Amount, and 0, leave it to Bursar.
type Caps struct {
	Charge money.Amount `json:"charge,omitzero"`
	Day    money.Amount `json:"day,omitzero"`
	Month  money.Amount `json:"month,omitzero"`
	Count  int64        `json:"count,omitzero"`
}

// Switch is a service that is to be on or off.
type Switch struct {
	Service string `json:"service"`
	On      bool   `json:"on"`
}

// Quantity is how many there are to be of what is bought by the period.
type Quantity struct {
	Product string `json:"product"`
	N       int64  `json:"quantity"`
}

// Plan is for how many the plan is to be that the card pays for.
type Plan struct {
	// Product is "" for the plan that the portal has.
	Product string `json:"product,omitempty"`
	N       int64  `json:"quantity"`
}

// Operator is where Bursar's own API is, for what DocSpace's does not know.
type Operator struct {
	URL string `json:"url"`
	// Portal is the portal's id there.
	Portal string `json:"portal"`
	// Where the operator's key is: one of these, and never the key itself.
	KeyFile     string `json:"keyFile,omitempty"`
	KeyVariable string `json:"keyVariable,omitempty"`
	KeyCommand  string `json:"keyCommand,omitempty"`
}

func (o Operator) key() fleet.Key {
	return fleet.Key{File: o.KeyFile, Variable: o.KeyVariable, Command: o.KeyCommand}
}

// Load reads a manifest from a file, as Parse does. It fails with *Errors, or with
// what the system says of the file.
func Load(path string) (*Manifest, error) {
	data, err := limits.Read(path)
	if err != nil {
		return nil, err
	}
	return parse(path, data)
}

// Parse reads a manifest from YAML and checks it whole. It fails with *Errors, joined,
// each of which is an ErrManifest and names the line: twenty at most.
func Parse(data []byte) (*Manifest, error) { return parse("", data) }

func parse(path string, data []byte) (*Manifest, error) {
	r := &reader{file: path}
	m := r.manifest(data)
	if err := r.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// Find returns a portal by name; false where the manifest does not speak of it.
func (m *Manifest) Find(name string) (Portal, bool) {
	i, found := slices.BinarySearchFunc(m.Portals, name, func(p Portal, name string) int { return cmp.Compare(p.Name, name) })
	if !found {
		return Portal{}, false
	}
	return m.Portals[i], true
}

func (r *reader) manifest(data []byte) *Manifest {
	body, wrong := limits.Parse(data)
	if wrong != nil {
		r.fail(wrong.Line, "%w", wrong.Err)
		return nil
	}
	if body == nil {
		r.fail(0, "there is nothing in it: version and portals are missing")
		return nil
	}
	top := map[string]yamltree.Pair{}
	for _, p := range r.pairs(body, "a manifest") {
		switch p.Name {
		case "version", "defaults", "groups", "portals":
			top[p.Name] = p
		default:
			r.fail(p.Line, "%s is not known; there are version, defaults, groups, portals", yamltree.Quoted(p.Name))
		}
	}
	if version, ok := top["version"]; !ok {
		r.fail(0, "version is missing: write version: 1")
	} else if text, _ := yamltree.Scalar(version.Value); text != "1" {
		r.fail(version.Line, "version: it must be 1, and is %s", kindOf(version.Value))
	}
	known := members()
	defaults := layer{}
	if p, ok := top["defaults"]; ok {
		defaults = r.layer(p.Value, "defaults", known, "", nil)
	}
	groups := map[string]layer{}
	if p, ok := top["groups"]; ok {
		for _, group := range r.pairs(p.Value, "groups") {
			r.named(group, "groups")
			groups[group.Name] = r.layer(group.Value, "groups."+group.Name, known, "", nil)
		}
	}
	portals, ok := top["portals"]
	if !ok {
		r.fail(0, "portals is missing")
		return nil
	}
	m := &Manifest{}
	used, whole := map[string]bool{}, len(r.errs) == 0
	for _, p := range r.pairs(portals.Value, "portals") {
		r.named(p, "portals")
		portal, settled := r.portal(p, known, defaults, groups, used)
		if whole && settled != nil {
			portal.Wanted = r.settle(settled, "portals."+p.Name, p.Line)
		}
		m.Portals = append(m.Portals, portal)
	}
	for name := range groups {
		if !used[name] {
			r.fail(0, "groups.%s: no portal is in it", name)
		}
	}
	slices.SortFunc(m.Portals, func(a, b Portal) int { return cmp.Compare(a.Name, b.Name) })
	return m
}

func (r *reader) named(p yamltree.Pair, what string) {
	if err := isName(p.Name); err != nil {
		r.fail(p.Line, "%s: %w", what, err)
	}
}

// portal reads a portal, and lays what it says over its groups and the defaults; nil
// where something is wrong with it.
func (r *reader) portal(p yamltree.Pair, known []member, defaults layer, groups map[string]layer, used map[string]bool) (Portal, layer) {
	before, out := len(r.errs)+r.more, Portal{Name: p.Name, Line: p.Line}
	what := "portals." + p.Name
	own := layer{}
	if _, empty := p.Value.(*ast.NullNode); !empty { // nothing of its own
		own = r.layer(p.Value, what, known, "groups", func(p yamltree.Pair) { out.Groups = r.groups(p, what, groups) })
	}
	settled := defaults
	for _, group := range out.Groups {
		used[group] = true
		settled = groups[group].over(settled)
	}
	if len(r.errs)+r.more > before {
		return out, nil
	}
	return out, own.over(settled)
}

func (r *reader) groups(p yamltree.Pair, what string, groups map[string]layer) (names []string) {
	list, ok := p.Value.(*ast.SequenceNode)
	if !ok {
		r.fail(p.Line, "%s.groups: it must be a list such as [production], and is %s", what, kindOf(p.Value))
		return nil
	}
	for _, n := range list.Values {
		name, _ := yamltree.Scalar(n)
		switch _, known := groups[name]; {
		case !known:
			r.fail(yamltree.Line(n), "%s.groups: there is no group %s under groups", what, kindOf(n))
		case slices.Contains(names, name):
			r.fail(yamltree.Line(n), "%s.groups: %s stands there twice", what, yamltree.Quoted(name))
		default:
			names = append(names, name)
		}
	}
	return names
}

// settle makes of all layers together what a portal is to be.
func (r *reader) settle(l layer, what string, line int) (w Wanted) {
	w.Rule = r.rule(l, what, line)
	for _, p := range products {
		if v, ok := l["services."+p.name]; ok && !v.word {
			w.Services = append(w.Services, Switch{p.name, isOn(v.text)})
		}
		if v, ok := l["quantities."+p.name]; ok && !v.word {
			n, _ := parseCount(v.text) // is checked
			w.Quantities = append(w.Quantities, Quantity{p.name, n})
		}
	}
	if q, ok := l["plan.quantity"]; ok {
		n, _ := parseCount(q.text)
		w.Plan = &Plan{l["plan.product"].text, n}
	} else if v, ok := l["plan.product"]; ok {
		r.fail(v.line, "%s.plan.quantity is missing", what)
	}
	if slices.Contains(w.Services, Switch{"aisearch", true}) && slices.Contains(w.Services, Switch{"aitools", false}) {
		r.fail(l["services.aisearch"].line, "%s.services: aisearch can't be on where aitools is off", what)
	}
	w.Operator = r.operator(l, what, line)
	if w.Rule != nil && w.Rule.Caps != nil && w.Operator == nil {
		r.fail(lineUnder(l, "topup_rule.caps"), "%s.topup_rule.caps: DocSpace's API takes no caps; operator says where Bursar's own API is that does", what)
	}
	return w
}

// lineUnder returns the first line of what stands under a path.
func lineUnder(l layer, path string) (first int) {
	for own, v := range l {
		if strings.HasPrefix(own, path+".") && (first == 0 || v.line < first) {
			first = v.line
		}
	}
	return first
}

// rule settles a top-up rule; nil where it is left as it is.
func (r *reader) rule(l layer, what string, line int) *Rule {
	what += ".topup_rule"
	if v, ok := l["topup_rule"]; ok {
		if v.text == wordNone {
			return &Rule{None: true}
		}
		return nil
	}
	at := lineUnder(l, "topup_rule")
	if at == 0 {
		return nil
	}
	for _, name := range []string{"min", "up_to", "currency"} {
		if _, ok := l["topup_rule."+name]; !ok {
			r.fail(line, "%s.%s is missing", what, name)
			return nil
		}
	}
	currency := money.Currency(strings.ToUpper(l["topup_rule.currency"].text))
	amount := func(path string) money.Amount {
		v, ok := l["topup_rule."+path]
		if !ok {
			return money.Amount{}
		}
		a, err := money.Parse(v.text, currency)
		if err != nil {
			r.fail(v.line, "%s.%s: %w", what, path, err)
		}
		return a
	}
	rule := &Rule{Enabled: l["topup_rule.enabled"].text != "false", Min: amount("min"), UpTo: amount("up_to")}
	if rule.UpTo.Units() <= rule.Min.Units() {
		r.fail(l["topup_rule.up_to"].line, "%s.up_to: %s is not more than min", what, rule.UpTo)
	}
	if lineUnder(l, "topup_rule.caps") > 0 {
		rule.Caps = &Caps{Charge: amount("caps.charge"), Day: amount("caps.day"), Month: amount("caps.month")}
		if v, ok := l["topup_rule.caps.count"]; ok {
			rule.Caps.Count, _ = parseCount(v.text)
		}
	}
	return rule
}

// operator settles where Bursar's own API is; nil where there is none, or none for
// this portal.
func (r *reader) operator(l layer, what string, line int) *Operator {
	o := &Operator{
		URL: l["operator.url"].text, Portal: l["operator.portal"].text, KeyFile: l["operator.key_file"].text,
		KeyVariable: l["operator.key_variable"].text, KeyCommand: l["operator.key_command"].text,
	}
	if _, word := l["operator"]; word || *o == (Operator{}) || o.Portal == "" && lineUnder(l, "topup_rule.caps") == 0 {
		return nil
	}
	sources := 0
	for _, source := range []string{o.KeyFile, o.KeyVariable, o.KeyCommand} {
		if source != "" {
			sources++
		}
	}
	var err error
	switch {
	case o.URL == "":
		err = errors.New("url is missing")
	case o.Portal == "":
		err = errors.New("portal is missing: the portal's id there, as bursar portal list shows it")
	case sources != 1:
		err = fmt.Errorf("the operator's key is in one of key_file, key_variable and key_command, not in %d of them", sources)
	}
	if err != nil {
		r.fail(line, "%s.operator: %w", what, err)
	}
	return o
}
