package portalapi

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/billing"
)

// invalid is input that can't be used, with everything that is wrong with it:
// whole sentences, by the C# name of the field ("Settings.MinBalance"), or by the
// path ("$.settings") of what is no JSON. It wraps billing.ErrInvalid.
// Source: contract, "Error envelope".
type invalid map[string][]string

// newInvalid returns what is wrong with one field, by its wire name.
func newInvalid(field, sentence string) invalid {
	return invalid{pascalCase(field): {sentence}}
}

func (e invalid) Error() string {
	var all []string
	for _, field := range slices.Sorted(maps.Keys(e)) {
		all = append(all, e[field]...)
	}
	return strings.Join(all, " ")
}

func (e invalid) Unwrap() error { return billing.ErrInvalid }

// invalidOf returns an error that wraps billing.ErrInvalid in that form.
func invalidOf(err error) invalid {
	var (
		ours  invalid
		field *billing.FieldError
		body  *bodyError
	)
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &field) && field.Sentence:
		return newInvalid(field.Field, field.Text)
	case errors.As(err, &field):
		return newInvalid(field.Field, theField(field.Field)+field.Text+".")
	case errors.As(err, &body):
		where, path := "Body", strings.TrimPrefix(body.path, whole)
		if path != "" {
			where = path[1:]
		}
		return invalid{whole + path: {theField(where) + body.text + "."}}
	}
	return invalid{"Request": {err.Error()}}
}

// theField returns how a sentence about a field starts.
func theField(name string) string { return "The field " + pascalCase(name) + " " }

// pascalCase turns "min balance" and "minBalance" into "MinBalance", and
// "settings.minBalance" into "Settings.MinBalance".
func pascalCase(name string) string {
	var b strings.Builder
	upper := true
	for _, c := range name {
		switch {
		case c == ' ':
			upper = true
			continue
		case upper:
			b.WriteString(strings.ToUpper(string(c)))
		default:
			b.WriteRune(c)
		}
		upper = c == '.'
	}
	return b.String()
}
