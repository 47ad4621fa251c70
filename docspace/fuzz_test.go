package docspace_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bursarhq/bursar/docspace"
)

// Whatever is sent instead of an answer, every route's method returns a value,
// or nothing, or one error of one kind on one line, which never has the key in it.
func FuzzEnvelope(f *testing.F) {
	for _, payload := range payloads {
		f.Add(uint16(200), "application/json", []byte(envelope(payload)))
		f.Add(uint16(200), "", []byte(`{"settings":`+payload+`}`))
	}
	for _, a := range badAnswers() {
		f.Add(uint16(a.status), a.headers.Get("Content-Type"), []byte(a.body))
	}
	for _, body := range []string{
		nothing, refusal(403, "bad key "+apiKey), `"` + apiKey + `"`, "<title>" + apiKey + "</title>", apiKey,
		envelope(`{"accountNumber":1,"subAccounts":[{"currency":"USD","amount":"` + apiKey + `"}]}`),
		envelope(`[null,{"id":1e2,"price":null,"features":[null],"dueDate":"9999-12-31T23:59:59.9999999"}]`),
		`{"response":[[[[[[[[]]]]]]]],"error":null}`, `{"Response":{},"RESPONSE":null,"error":{}}`, "\xef\xbb\xbf" + nothing,
	} {
		f.Add(uint16(200), "text/html", []byte(body))
	}
	for _, e := range examples() {
		f.Add(uint16(200), "application/json", []byte(envelope(e.body)))
	}
	f.Fuzz(func(t *testing.T, status uint16, contentType string, body []byte) {
		client := once(t, inMemory(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{contentType}
			w.WriteHeader(200 + (int(status)+200)%400) // 200 to 599
			_, _ = w.Write(body)                       // a recorder takes everything
		}))
		for _, r := range routes() {
			value, err := r.do(t.Context(), client)
			if err == nil {
				continue
			}
			if present(value) {
				t.Errorf("%s: a value and an error: %v", r.method, err)
			}
			var failure *docspace.Error
			if !errors.As(err, &failure) || failure.Operation == "" || failure.Message == "" {
				t.Fatalf("%s: %#v", r.method, err)
			}
			matched := 0
			for _, kind := range kinds {
				if errors.Is(err, kind) {
					matched++
				}
			}
			if matched != 1 {
				t.Errorf("%s: %v is of %d kinds", r.method, err, matched)
			}
			text := err.Error()
			if strings.Contains(text, apiKey) {
				t.Errorf("%s: %q shows the key", r.method, text)
			}
			if strings.ContainsAny(text, "\r\n\x1b") || !utf8.ValidString(text) {
				t.Errorf("%s: %q is not one plain line", r.method, text)
			}
		}
	})
}
