package portalapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// form is the input of a route, the members of a JSON object or the parameters of
// a query, each read by its wire name. What can't be used reads as nothing; what
// is wrong with it is kept, and err returns all of it.
//
// Names match in any case, unknown members are passed over, and numbers may be
// strings, as in ASP.NET. Source: contract, "JSON naming", "Error envelope".
type form struct {
	values map[string]any // by fold of the name
	prefix string         // of the names in errors: "settings."
	query  bool           // all values are strings
	wrong  invalid        // shared by the forms of one input
}

// form reads the body of a request, which must be there.
func (d *door) form(r *http.Request) (*form, error) {
	f, sent, err := d.optionalForm(r)
	if err == nil && !sent {
		return nil, invalidOf(broken("is missing"))
	}
	return f, err
}

// optionalForm reads the body of a request; no body is as good as an empty one,
// and sent is false.
func (d *door) optionalForm(r *http.Request) (f *form, sent bool, err error) {
	body, err := readBody(r)
	if err != nil {
		return nil, false, invalidOf(err)
	}
	f = &form{wrong: invalid{}}
	if body != nil {
		f.values = body.values
	}
	return f, body != nil, nil
}

// queryForm reads the known parameters of a query. An empty one counts as none.
func queryForm(r *http.Request, known ...string) (*form, error) {
	sent, err := parameters(r, known)
	if err != nil {
		return nil, invalidOf(err)
	}
	f := &form{values: map[string]any{}, query: true, wrong: invalid{}}
	for name, value := range sent {
		if value != "" {
			f.values[fold(name)] = value
		}
	}
	return f, nil
}

// err returns all that was wrong with what was read so far; nil for nothing.
func (f *form) err() error {
	if len(f.wrong) == 0 {
		return nil
	}
	return maps.Clone(f.wrong)
}

// refuse notes that something is wrong with a field, in a whole sentence.
func (f *form) refuse(name, sentence string) {
	key := pascalCase(f.prefix + name)
	if !slices.Contains(f.wrong[key], sentence) {
		f.wrong[key] = append(f.wrong[key], sentence)
	}
}

// mind notes that a field is wrong: "must be a string".
func (f *form) mind(name, text string) { f.refuse(name, theField(name)+text+".") }

func (f *form) value(name string) any { return f.values[fold(name)] }

// has reports whether a member is there, null or not.
func (f *form) has(name string) bool {
	_, ok := f.values[fold(name)]
	return ok
}

// need says whether a text must be there.
type need int

const (
	optional need = iota // it may be missing or null, and then is ""
	present              // it must be there, if only as ""
	required             // and it must be more than white space
)

// length bounds a text. The two kinds differ in how they say so.
type length struct {
	most int // characters
	says string
}

func stringLength(most int) length {
	return length{most, "must be a string with a maximum length of " + strconv.Itoa(most)}
}

func maxLength(most int) length {
	return length{most, "must be a string or array type with a maximum length of '" + strconv.Itoa(most) + "'"}
}

// missing notes that a field is not there.
func (f *form) missing(name string) {
	f.refuse(name, "The "+pascalCase(name)+" field is required.")
}

// text reads a string.
func (f *form) text(name string, n need, longest length) string {
	value := f.value(name)
	if value == nil {
		if n != optional {
			f.missing(name)
		}
		return ""
	}
	text, ok := value.(string)
	switch {
	case !ok:
		f.mind(name, "must be a string")
	case n == required && strings.TrimSpace(text) == "":
		f.missing(name)
	case utf8.RuneCountInString(text) > longest.most:
		f.mind(name, longest.says)
	case !isPlain(text):
		f.mind(name, "must not contain the character U+0000")
	default:
		return text
	}
	return ""
}

// words reads a member as it would stand in a query: a text, or the digits of a
// number; "" for null.
func (f *form) words(name string) string {
	switch value := f.value(name).(type) {
	case nil:
		return ""
	case string:
		return value
	case bool:
		return strconv.FormatBool(value)
	case json.Number:
		return value.String()
	}
	f.mind(name, "must be a text, a number or a boolean")
	return ""
}

// url reads an absolute http, https or ftp URL of at most 255 characters. Whether
// anybody may be sent there is another question: see redirect.
func (f *form) url(name string, n need) string {
	text := f.text(name, n, stringLength(255))
	if text != "" && !isURL(text) {
		f.refuse(name, "The "+pascalCase(name)+" field is not a valid fully-qualified http, https, or ftp URL.")
		return ""
	}
	return text
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && slices.Contains([]string{"http", "https", "ftp"}, u.Scheme)
}

// isPlain reports whether a text is one that databases and files can keep.
func isPlain(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// texts reads a list of strings, each of which must be there; nil when the list is
// missing or null.
func (f *form) texts(name string, n need, most int, longest length) []string {
	value := f.value(name)
	if value == nil {
		if n != optional {
			f.missing(name)
		}
		return nil
	}
	list, ok := value.([]any)
	if !ok {
		f.mind(name, "must be a list of strings")
		return nil
	}
	if len(list) > most {
		f.mind(name, "must have at most "+strconv.Itoa(most)+" elements")
		return nil
	}
	all := make([]string, 0, len(list))
	for i, element := range list {
		at := name + "[" + strconv.Itoa(i) + "]"
		one := &form{values: map[string]any{fold(at): element}, prefix: f.prefix, wrong: f.wrong}
		all = append(all, one.text(at, required, longest))
	}
	return all
}

// flag reads true or false; one that is missing or null is false, as in .NET.
func (f *form) flag(name string) bool {
	switch value := f.value(name).(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		if set, err := parseBool(name, value); f.query && err == nil {
			return set
		}
	}
	f.mind(name, "is neither true nor false")
	return false
}

// object reads a member that is a form of its own; nil when it is missing or null.
// What is wrong in it is kept with the rest.
func (f *form) object(name string) *form {
	switch value := f.value(name).(type) {
	case nil:
	case *object:
		return &form{values: value.values, prefix: f.prefix + name + ".", wrong: f.wrong}
	default:
		f.mind(name, "must be an object")
	}
	return nil
}

// choice is one of the values of an enum of .NET's.
type choice struct {
	name   string
	number int64
}

// choose reads an enum, by name in any case or by number; a missing or null one is
// 0, as in .NET, where that is a choice. Source: contract, "Enums on the wire".
func (f *form) choose(name string, among []choice) int64 {
	value := f.value(name)
	sent, isNumber := wholeNumber(value)
	text, _ := value.(string)
	var names []string
	for _, c := range among {
		if value == nil && c.number == 0 || isNumber && c.number == sent || fold(c.name) == fold(text) {
			return c.number
		}
		names = append(names, c.name)
	}
	if value == nil {
		f.missing(name)
	} else {
		f.mind(name, "must be one of "+strings.Join(names, ", "))
	}
	return 0
}
