package portalapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bursarhq/bursar/billing"
)

// deposit answers POST payment/deposit. Source: contract, the section of that
// name; validation comes before the action.
func (d *door) deposit(r *http.Request, c *billing.Caller) (done, error) {
	sent, err := members(r, "amount", "currency")
	if err != nil {
		return done{}, err
	}
	amount, err := wholeNumber("amount", sent["amount"])
	if err != nil {
		return done{}, err
	}
	currency, err := shortText("currency", sent["currency"], 3)
	if err != nil {
		return done{}, err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return done{}, err
	}
	settled, replay, err := d.service.DepositFor(r.Context(), c, key, amount, currency)
	var wrong *billing.FieldError
	if errors.As(err, &wrong) && wrong.Field == "currency" {
		err = &refusal{
			status: http.StatusBadRequest, message: "Unsupported currency", kind: "System.ArgumentException", hresult: -2147024809,
		}
	}
	if err != nil {
		return done{}, err
	}
	return done{payload: settled, replay: replay}, nil
}

// idempotencyKey returns the caller's name for what is asked; "" for none.
func idempotencyKey(r *http.Request) (string, error) {
	sent, ok := r.Header["Idempotency-Key"]
	if !ok {
		return "", nil
	}
	if len(sent) > 1 {
		return "", &billing.FieldError{Field: "Idempotency-Key", Text: "is given twice"}
	}
	if sent[0] == "" {
		return "", &billing.FieldError{Field: "Idempotency-Key", Text: "is empty"}
	}
	return sent[0], nil
}

// maxMembers bounds a body in bytes.
const maxMembers = 64 << 10

// members returns members of the JSON object that is the body of a request, by
// their names as they are known. Names match in any case, unknown ones are passed
// over, as ASP.NET does. One that is there twice is refused: it may be one thing
// to us and another to whoever looked at it before.
func members(r *http.Request, known ...string) (map[string]json.RawMessage, error) {
	wrong := func(text string) error { return &billing.FieldError{Field: "body", Text: text} }
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMembers+1))
	switch {
	case err != nil:
		return nil, wrong("broke off")
	case len(body) > maxMembers:
		return nil, wrong("is longer than " + strconv.Itoa(maxMembers) + " bytes")
	case len(bytes.TrimSpace(body)) == 0:
		return nil, wrong("is missing")
	case !utf8.Valid(body):
		return nil, wrong("is not UTF-8")
	}
	in := json.NewDecoder(bytes.NewReader(body))
	if open, err := in.Token(); err != nil || open != json.Delim('{') {
		return nil, wrong("is not a JSON object")
	}
	sent, seen := map[string]json.RawMessage{}, map[string]bool{}
	for in.More() {
		token, err := in.Token()
		if err != nil {
			return nil, wrong("is not a JSON object")
		}
		name := token.(string) // where More is true, or it would be an error
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, wrong("is not a JSON object")
		}
		folded := strings.ToLower(name)
		if seen[folded] {
			return nil, wrong("has " + strconv.Quote(name) + " twice")
		}
		seen[folded] = true
		for _, k := range known {
			if strings.ToLower(k) == folded {
				sent[k] = value
			}
		}
	}
	if _, err := in.Token(); err != nil {
		return nil, wrong("is not a JSON object")
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, wrong("goes on after the JSON object")
	}
	return sent, nil
}

var digits = regexp.MustCompile(`^"?(-?[0-9]{1,18})"?$`)

// wholeNumber reads a number, or a string that holds one; 0 when it is missing,
// as in .NET.
func wholeNumber(name string, value json.RawMessage) (int64, error) {
	if isAbsent(value) {
		return 0, nil
	}
	found := digits.FindSubmatch(value)
	if found == nil || bytes.HasPrefix(value, []byte(`"`)) != bytes.HasSuffix(value, []byte(`"`)) {
		return 0, &billing.FieldError{Field: name, Text: "must be a whole number"}
	}
	return strconv.ParseInt(string(found[1]), 10, 64)
}

// shortText reads a string that must be there.
func shortText(name string, value json.RawMessage, longest int) (string, error) {
	wrong := func(text string) error { return &billing.FieldError{Field: name, Text: text} }
	if isAbsent(value) {
		return "", wrong("is required")
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return "", wrong("must be a string")
	}
	switch {
	case text == "":
		return "", wrong("is required")
	case utf8.RuneCountInString(text) > longest:
		return "", wrong("must be a string with a maximum length of " + strconv.Itoa(longest))
	}
	return text, nil
}

func isAbsent(value json.RawMessage) bool { return value == nil || string(value) == "null" }
