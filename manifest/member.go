package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/yamltree"
)

// The words that stand for more than a value.
const (
	wordNone  = "none"  // there is to be nothing of it
	wordLeave = "leave" // it is nobody's business here, whatever defaults say
)

// member is what a manifest may say of a portal: a value, or a mapping of members, with
// words in place of either.
type member struct {
	name string
	// about is what editors tell of it.
	about string
	words []string
	// form is that of a value; its check is nil for a mapping.
	form    form
	members []member
}

// form is what a value must look like, as a check and as a JSON schema.
type form struct {
	check  func(text string) error
	schema map[string]any
}

// product is a service that is bought by the period, or switched.
type product struct {
	name string
	id   docspace.Service
	// least is how many there are at least, but for none.
	least int64
}

// products are what wallets pay for. Source: contract, "Wallet services".
var products = []product{
	{"storage", docspace.ServiceStorage, 100},
	{"backup", docspace.ServiceBackup, 0},
	{"aitools", docspace.ServiceAITools, 0},
	{"adminwallet", docspace.ServiceAdmin, 1},
	{"aisearch", docspace.ServiceAISearch, 0},
}

// findProduct returns a product by its name; one with no name where there is none.
func findProduct(name string) product {
	for _, p := range products {
		if p.name == name {
			return p
		}
	}
	return product{}
}

// members returns all that a manifest may say of a portal.
func members() []member {
	services := member{name: "services", about: "What is switched on, and paid from the wallet as it is used.", words: []string{wordLeave}}
	quantities := member{name: "quantities", about: "How many there are of what the wallet pays for by the month.", words: []string{wordLeave}}
	for _, p := range products {
		services.members = append(services.members, member{name: p.name, about: "on or off", words: []string{wordLeave}, form: switches()})
		if p.least > 0 {
			quantities.members = append(quantities.members, member{name: p.name, about: "more is bought at once, less is scheduled", words: []string{wordLeave}, form: p.quantities()})
		}
	}
	return []member{
		{name: "topup_rule", about: "When the wallet is refilled by itself; none for never.", words: []string{wordNone, wordLeave}, members: []member{
			{name: "enabled", about: "false keeps the amounts, and refills nothing", form: flags()},
			{name: "min", about: "refill when less than this is left", form: amounts()},
			{name: "up_to", about: "refill up to this", form: amounts()},
			{name: "currency", about: "of all amounts of the rule, by ISO 4217", form: currencies()},
			{name: "caps", about: "What is collected at most. Only Bursar's own API has it: see operator.", words: []string{wordLeave}, members: []member{
				{name: "charge", about: "in one charge", form: amounts()}, {name: "day", about: "in 24 hours", form: amounts()},
				{name: "month", about: "in 30 days", form: amounts()}, {name: "count", about: "charges in 24 hours", form: counts()},
			}},
		}},
		services, quantities,
		{name: "plan", about: "For how many the plan is that the card pays for.", words: []string{wordLeave}, members: []member{
			{name: "quantity", about: "for how many", form: counts()}, {name: "product", about: "its name; the one that the portal has where it is left out", form: namings()},
		}},
		{name: "operator", about: "Where Bursar's own API is, for caps.", words: []string{wordLeave}, members: []member{
			{name: "url", about: "address of the server", form: addresses()}, {name: "portal", about: "the portal's id there", form: namings()},
			{name: "key_file", about: "file with the operator's key", form: texts()}, {name: "key_variable", about: "variable with the operator's key", form: namings()},
			{name: "key_command", about: "command that prints the operator's key", form: texts()},
		}},
	}
}

func schemaOf(kind string) map[string]any { return map[string]any{"type": kind} }

func flags() form { return form{isFlag, schemaOf("boolean")} }

func switches() form { return form{isSwitch, map[string]any{"enum": []any{"on", "off", true, false}}} }

func amounts() form {
	return form{isAmount, map[string]any{"type": []any{"number", "string"}, "exclusiveMinimum": 0, "pattern": `^[0-9]+(\.[0-9]{1,8})?$`}}
}

func currencies() form {
	return form{isCurrency, map[string]any{"type": "string", "pattern": "^[A-Za-z]{3}$"}}
}

func counts() form {
	return form{isCount, map[string]any{"type": "integer", "minimum": 1, "maximum": maxCount}}
}

func namings() form {
	return form{isName, map[string]any{"type": "string", "pattern": nameForm.String()}}
}

func texts() form {
	return form{isText, map[string]any{"type": "string", "minLength": 1, "maxLength": 1000}}
}

func addresses() form {
	return form{isAddress, map[string]any{"type": "string", "pattern": "^https?://", "maxLength": 1000}}
}

// quantities are none, or as many as portals take.
func (p product) quantities() form {
	return form{p.isQuantity, map[string]any{"anyOf": []any{
		map[string]any{"const": 0}, map[string]any{"type": "integer", "minimum": p.least, "maximum": maxCount},
	}}}
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)

func isName(text string) error {
	if !nameForm.MatchString(text) {
		return fmt.Errorf("%s is not up to 64 letters, digits, dots, hyphens and underscores", yamltree.Quoted(text))
	}
	return nil
}

func isText(text string) error {
	if text == "" || len(text) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("%s is not a text of one line, up to 1000 bytes", yamltree.Quoted(text))
	}
	return nil
}

func isAddress(text string) error {
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		return fmt.Errorf("%s does not start with https:// (or http://)", yamltree.Quoted(text))
	}
	return isText(text)
}

func isFlag(text string) error {
	if text != "true" && text != "false" {
		return fmt.Errorf("it must be true or false, and is %s", yamltree.Quoted(text))
	}
	return nil
}

func isSwitch(text string) error {
	if !slices.Contains([]string{"on", "off", "true", "false"}, text) {
		return fmt.Errorf("it must be on or off, and is %s", yamltree.Quoted(text))
	}
	return nil
}

func isOn(text string) bool { return text == "on" || text == "true" }

func isAmount(text string) error {
	amount, err := money.Parse(text, "")
	if err == nil && amount.Sign() <= 0 {
		err = fmt.Errorf("%s is not more than nought", yamltree.Quoted(text))
	}
	return err
}

func isCurrency(text string) error {
	_, err := money.ParseCurrency(text)
	return err
}

// maxCount is more than there can be of anything.
const maxCount = 1_000_000_000

func parseCount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxCount || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("it must be a whole number from 0 to %d, and is %s", maxCount, yamltree.Quoted(text))
	}
	return n, nil
}

func isCount(text string) error {
	n, err := parseCount(text)
	if err == nil && n == 0 {
		err = fmt.Errorf("it is not more than nought")
	}
	return err
}

// isQuantity allows for none, or for as many as portals take. Source: contract, "PUT
// /payment/updatewallet".
func (p product) isQuantity(text string) error {
	n, err := parseCount(text)
	if err == nil && n > 0 && n < p.least {
		err = fmt.Errorf("portals take none or %d at least, not %d", p.least, n)
	}
	return err
}

// value is what a manifest says of one member, and where.
type value struct {
	text string
	word bool // text is one of the member's words
	line int
}

// layer is what defaults, a group or a portal say, by the path of the member:
// "topup_rule.min".
type layer map[string]value

// layer reads members; what is how errors name the whole.
func (r *reader) layer(n ast.Node, what string, known []member, except string, visit func(yamltree.Pair)) layer {
	l := layer{}
	r.members(l, n, what, "", known, except, visit)
	return l
}

func (r *reader) members(l layer, n ast.Node, what, path string, known []member, except string, visit func(yamltree.Pair)) {
	for _, p := range r.pairs(n, what) {
		if except != "" && p.Name == except {
			visit(p)
			continue
		}
		i := slices.IndexFunc(known, func(m member) bool { return m.name == p.Name })
		if i < 0 {
			r.fail(p.Line, "%s: %s is not known; there are %s", what, yamltree.Quoted(p.Name), names(known, except))
			continue
		}
		r.member(l, p, what+"."+p.Name, strings.TrimPrefix(path+"."+p.Name, "."), known[i])
	}
}

func (r *reader) member(l layer, p yamltree.Pair, what, path string, m member) {
	text, plain := yamltree.Scalar(p.Value)
	switch {
	case plain && slices.Contains(m.words, text):
		l[path] = value{text, true, p.Line}
	case m.form.check == nil && plain && len(m.words) > 0:
		r.fail(p.Line, "%s: it must be names with values, or %s, and is %s", what, strings.Join(m.words, " or "), yamltree.Quoted(text))
	case m.form.check == nil:
		r.members(l, p.Value, what, path, m.members, "", nil)
	case !plain:
		hint := ""
		if kindOf(p.Value) == "empty" {
			hint = "; leave it out to leave it alone"
		}
		r.fail(p.Line, "%s: it must be a value, and is %s%s", what, kindOf(p.Value), hint)
	default:
		if err := m.form.check(text); err != nil {
			r.fail(p.Line, "%s: %w", what, err)
		}
		l[path] = value{text, false, p.Line}
	}
}

func names(all []member, except string) string {
	var texts []string
	if except != "" {
		texts = append(texts, except)
	}
	for _, m := range all {
		texts = append(texts, m.name)
	}
	return strings.Join(texts, ", ")
}

// over lays one layer on another: what it says goes before, a word before all that is
// under it, and anything under a word takes that away.
func (l layer) over(below layer) layer {
	out := make(layer, len(l)+len(below))
	for path, v := range below {
		if !l.replaces(path) {
			out[path] = v
		}
	}
	for path, v := range l {
		out[path] = v
	}
	return out
}

func (l layer) replaces(path string) bool {
	for own, v := range l {
		if own == path || v.word && strings.HasPrefix(path, own+".") || strings.HasPrefix(own, path+".") {
			return true
		}
	}
	return false
}
