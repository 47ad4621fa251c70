package portalapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a body may be at most.
const (
	maxBody  = 64 << 10 // bytes
	maxDepth = 32       // objects and lists within one another
)

// object is a JSON object. A value is nil for null, or a bool, a string, a
// json.Number, a list of such ([]any), or another *object.
type object struct {
	names  []string       // as they were sent, in that order
	values map[string]any // by fold of the name
}

// fold returns what two names have in common that .NET takes for the same.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// bodyError says what is wrong with a body, and where.
type bodyError struct {
	path string // from the body down: ".settings.minBalance", "" for all of it
	text string // "is not JSON"
}

func (e *bodyError) Error() string { return "body" + e.path + " " + e.text }

// in returns an error of a value with the step that leads to the value.
func in(step string, err error) error {
	var wrong *bodyError
	if errors.As(err, &wrong) && wrong.path != whole {
		wrong.path = step + wrong.path
	}
	return err
}

// whole as the path of a bodyError keeps it one of the whole body, however deep.
const whole = "$"

func broken(text string) error { return &bodyError{whole, text} }

const (
	noObject = "is not a JSON object"
	noJSON   = "is not JSON"
)

// readBody reads the body of a request: one JSON object in UTF-8, or nil for no
// body. It fails with a *bodyError.
//
// Of two members of one name it makes an error, at any depth and in any case: they
// may be one thing to us and another to whoever looked at them before.
func readBody(r *http.Request) (*object, error) {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case len(text) > maxBody:
		return nil, broken("is longer than " + strconv.Itoa(maxBody) + " bytes")
	case err != nil:
		return nil, broken("broke off")
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // as .NET does, and RFC 8259 lets it
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	if !utf8.Valid(text) {
		return nil, broken("is not UTF-8")
	}
	p := &parser{text: text, tokens: json.NewDecoder(bytes.NewReader(text))}
	p.tokens.UseNumber()
	if first, err := p.tokens.Token(); err != nil || first != json.Delim('{') {
		return nil, broken(noObject)
	}
	all, err := p.object(1)
	if err != nil {
		return nil, err
	}
	if _, err := p.tokens.Token(); err != io.EOF {
		return nil, broken("goes on after the JSON object")
	}
	return all, nil
}

// parser makes values of a JSON text. It never goes deeper than maxDepth.
type parser struct {
	text   []byte
	tokens *json.Decoder
}

// object reads on after the opening brace.
func (p *parser) object(depth int) (*object, error) {
	o := &object{values: map[string]any{}}
	for p.tokens.More() {
		token, err := p.tokens.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, broken(noObject)
		}
		if rest := bytes.TrimLeft(p.text[p.tokens.InputOffset():], " \t\r\n"); !bytes.HasPrefix(rest, []byte(":")) {
			return nil, broken(noObject)
		}
		if _, again := o.values[fold(name)]; again {
			return nil, broken("has " + quote(name) + " twice")
		}
		value, err := p.value(depth)
		if err != nil {
			return nil, in("."+shorten(name), err)
		}
		o.names = append(o.names, name)
		o.values[fold(name)] = value
	}
	_, err := p.tokens.Token() // the closing brace, if it is one
	if err != nil {
		return nil, broken(noObject)
	}
	return o, nil
}

// value reads a member's value or a list's element.
func (p *parser) value(depth int) (any, error) {
	token, err := p.tokens.Token()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, broken(noObject)
	}
	if err != nil {
		return nil, &bodyError{"", noJSON}
	}
	open, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == maxDepth {
		return nil, broken("is nested deeper than " + strconv.Itoa(maxDepth) + " levels")
	}
	if open == '{' {
		return p.object(depth + 1)
	}
	list := []any{}
	for p.tokens.More() {
		element, err := p.value(depth + 1)
		if err != nil {
			return nil, in("["+strconv.Itoa(len(list))+"]", err)
		}
		list = append(list, element)
	}
	if _, err := p.tokens.Token(); err != nil {
		return nil, broken(noObject)
	}
	return list, nil
}

// quote returns a name from outside as it can stand in an error.
func quote(name string) string { return strconv.Quote(shorten(name)) }

// shorten returns a text from outside, or the start of a long one.
func shorten(text string) string {
	const most = 64
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}
