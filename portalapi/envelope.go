package portalapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// envelope is a good answer, whole but for the address it was asked under.
// Source: contract, "Success envelope".
type envelope struct {
	head []byte // up to the href of its one link
	tail []byte // from there
}

// newEnvelope wraps a payload; a nil one is left out, and counts nought.
func newEnvelope(method string, payload any, count int, twin string) (*envelope, error) {
	e := &envelope{}
	body, err := encode(payload)
	if err != nil {
		return nil, err
	}
	if isNil(payload) {
		body, count = nil, 0
	}
	e.head = append(e.head, '{')
	if body != nil {
		e.head = append(append(append(e.head, `"response":`...), body...), ',')
	}
	e.head = append(e.head, `"count":`...)
	e.head = strconv.AppendInt(e.head, int64(count), 10)
	e.head = append(e.head, `,"links":[{"href":`...)
	e.tail = append(append(append(e.tail, `,"action":"`...), method...), `"}],"status":0,"statusCode":200`...)
	if twin != "" && body != nil {
		e.tail = append(append(append(append(e.tail, `,"`...), twin...), `":`...), body...)
	}
	e.tail = append(e.tail, '}')
	return e, nil
}

// countOf returns how many elements a payload has: 1 for what is no list. Source:
// contract, "Success envelope".
func countOf(payload any) int {
	if r := reflect.ValueOf(payload); r.Kind() == reflect.Slice {
		return r.Len()
	}
	return 1
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// encode returns compact JSON with <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// write answers a request that came under a scheme.
func (e *envelope) write(w http.ResponseWriter, r *http.Request, started time.Time, scheme string) {
	path := target(r)
	link := make([]byte, 0, len(r.Host)+len(path)+16)
	link = appendString(link, scheme, "://", r.Host, path)
	writeJSON(w, started, http.StatusOK, typeJSON, e.head, link, e.tail)
}

// appendString appends several texts as one JSON string.
func appendString(b []byte, parts ...string) []byte {
	for _, part := range parts {
		for i := range len(part) {
			if c := part[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
				quoted, err := encode(strings.Join(parts, ""))
				if err != nil { // a string can always be encoded
					return append(b, `""`...)
				}
				return append(b, quoted...)
			}
		}
	}
	b = append(b, '"')
	for _, part := range parts {
		b = append(b, part...)
	}
	return append(b, '"')
}

// Header values that do not change from answer to answer are made once.
var (
	apiVersions = []string{"2.0"}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	yes         = []string{"true"}
	kept        = []string{"kept"}
	typeJSON    = []string{"application/json; charset=utf-8"}
	typeProblem = []string{"application/problem+json; charset=utf-8"}
)

// writeJSON answers with the parts of a body, one behind the other.
func writeJSON(w http.ResponseWriter, started time.Time, status int, contentType []string, parts ...[]byte) {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	h := w.Header()
	own := []string{serverTiming(time.Since(started)), strconv.Itoa(length)}
	h["Api-Supported-Versions"] = apiVersions
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["Server-Timing"], h["Content-Length"] = own[:1:1], own[1:]
	if length > 0 {
		h["Content-Type"] = contentType
	}
	w.WriteHeader(status)
	for _, part := range parts {
		_, _ = w.Write(part) // the client's loss if it went away
	}
}

// serverTiming returns the header of that name, in milliseconds. Source:
// contract, "Addressing".
func serverTiming(took time.Duration) string {
	b := append(make([]byte, 0, 48), "aspnetcore-request-time;dur="...)
	micros := took.Microseconds()
	b = strconv.AppendInt(b, micros/1000, 10)
	b = append(b, '.', '0'+byte(micros/100%10), '0'+byte(micros/10%10), '0'+byte(micros%10))
	return string(append(b, "ms"...))
}
