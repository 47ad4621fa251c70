package docspace_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspace"
)

// newKey is what a portal makes; it opens nothing anywhere.
const newKey = "sk-9c2e77d10b54af3386e1c0d4b8f2a6957e3d1c80f4b6a29587d0e3c1f5a7b942"

func TestAKeyIsMade(t *testing.T) {
	client := once(t, saying(200, envelope(`{"id":"7","name":"export","key":"`+newKey+`","keyPostfix":"b942","permissions":["*:read"],`+
		`"createOn":"2026-06-30T08:15:30.0000000Z","createBy":{"id":"66","displayName":"O &amp; O"},"isActive":true}`)))
	key, err := client.CreateKey(t.Context(), docspace.KeyRequest{Name: "export"})
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "key", key.Key, newKey)
	diff(t, "by", key.CreateBy.DisplayName, "O & O")
	if !key.ExpiresAt.IsZero() || !key.LastUsed.IsZero() {
		t.Errorf("%s, %s", key.ExpiresAt, key.LastUsed)
	}
	keys, err := once(t, saying(200, envelope(`[{"id":"7","createBy":{"displayName":"&lt;"}},{"id":"8","createBy":null}]`))).Keys(t.Context())
	if err != nil || len(keys) != 2 || keys[0].CreateBy.DisplayName != "<" || keys[1].CreateBy != nil || keys[0].Key != "" {
		t.Errorf("%+v, %v", keys, err)
	}
}

// A key that was made is in its JSON, which is the wire, and printed nowhere.
func TestAKeyThatWasMadeIsNotPrinted(t *testing.T) {
	key, hidden := docspace.APIKey{ID: "7", Name: "export", Key: newKey}, secretOf(newKey)
	for what, v := range map[string]any{"APIKey": key, "*APIKey": &key} {
		for where, v := range held(v) {
			for how, text := range printed(v) {
				if strings.HasPrefix(how, "JSON") || strings.HasPrefix(how, "log as") && where != "bare" {
					continue // as the wire, whole; and logs encode what holds it as JSON
				}
				if piece := hidden.in(text); piece != "" {
					t.Errorf("%s of %s %s shows %q: %s", how, what, where, piece, text)
				}
			}
		}
	}
	data, err := json.Marshal(key)
	if err != nil || !strings.Contains(string(data), newKey) {
		t.Errorf("%s, %v", data, err)
	}
}

// A portal that made a key and says so wrongly does not put it into an error.
func TestAKeyThatWasMadeIsInNoError(t *testing.T) {
	hidden := secretOf(newKey)
	for name, body := range map[string]string{
		"bare":           `{"key":"` + newKey + `"}`,
		"text":           newKey,
		"title":          "<title>" + newKey + "</title>",
		"no id":          envelope(`{"key":"` + newKey + `"}`),
		"a text":         envelope(`"` + newKey + `"`),
		"wrong date":     envelope(`{"id":"7","createOn":"` + newKey + `"}`),
		"in its name":    refusal(500, "made "+newKey+" and failed"),
		"as a field":     `{"response":{"errors":{"` + newKey + `":["` + newKey + `"]}},"status":1}`,
		"as a user":      envelope(`{"id":"7","createBy":["` + newKey + `"]}`),
		"broken off":     `{"response":{"id":"7","key":"` + newKey + `"`,
		"with no answer": envelope(`{"id":"7","key":{"value":"` + newKey + `"}}`),
	} {
		_, err := once(t, saying(200, body)).CreateKey(t.Context(), docspace.KeyRequest{Name: "n"})
		var failure *docspace.Error
		if !errors.As(err, &failure) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		each(err, func(err error) {
			if piece := hidden.in(err.Error()); piece != "" {
				t.Errorf("%s: %T shows %q: %s", name, err, piece, err)
			}
		})
	}
}
