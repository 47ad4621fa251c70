package docspace_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

func TestConfigsThatCantBeUsedAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		config docspace.Config
		field  string // named by the text
	}{
		{"nothing", docspace.Config{}, "URL"},
		{"no address", docspace.Config{Key: apiKey}, "URL"},
		{"no key", docspace.Config{URL: address}, "Key"},
		{"a blank key", docspace.Config{URL: address, Key: " \r\n\t"}, "Key"},
		{"a key with a space", docspace.Config{URL: address, Key: "Bearer " + apiKey}, "Key"},
		{"a key with a line", docspace.Config{URL: address, Key: apiKey + "\n" + apiKey}, "Key"},
		{"a key in letters beyond ASCII", docspace.Config{URL: address, Key: "sk-ключ"}, "Key"},
		{"a negative timeout", docspace.Config{URL: address, Key: apiKey, Timeout: -1}, "Timeout"},
		{"negative attempts", docspace.Config{URL: address, Key: apiKey, MaxAttempts: -1}, "MaxAttempts"},
		{"a negative wait", docspace.Config{URL: address, Key: apiKey, MaxWait: -time.Second}, "MaxWait"},
		{"a negative bound", docspace.Config{URL: address, Key: apiKey, MaxBody: -1}, "MaxBody"},
	}
	for _, bad := range []string{
		"portal.example.com", "portal.example.com:443", "//portal.example.com", "/api/2.0", "localhost:8092",
		"ftp://portal.example.com", "file:///etc/passwd", "javascript:alert(1)", "httpss://portal.example.com",
		"https:", "https://", "https:///", "https:///portal.example.com", "https:portal.example.com", "https:/portal.example.com",
		"https://:8443", "https://:8443/path",
		"https://portal.example.com:port", "https://portal.example.com:-1", "https://[::1", "https://portal example.com",
		" https://portal.example.com", "https://portal.example.com\n", "https://portal.example.com\x00", "https://%zz",
		"https://portal.example.com/%zz",
		"https://portal.example.com?fields=id", "https://portal.example.com/#/payments", "https://portal.example.com/a?b#c",
		"https://owner@portal.example.com", "https://owner:password@portal.example.com", "https://:password@portal.example.com",
	} {
		tests = append(tests, struct {
			name   string
			config docspace.Config
			field  string
		}{"address " + bad, docspace.Config{URL: bad, Key: apiKey}, "URL"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, err := docspace.New(tt.config)
			if client != nil || !errors.Is(err, docspace.ErrConfig) {
				t.Fatalf("client %v, error %v", client, err)
			}
			if !strings.Contains(err.Error(), tt.field) {
				t.Errorf("%q does not name %s", err, tt.field)
			}
			if strings.Contains(err.Error(), "password@") {
				t.Errorf("%q shows a password", err)
			}
		})
	}
}

// New sends nothing, and says where it would.
func TestNewKeepsTheAddress(t *testing.T) {
	tests := map[string]struct{ url, asked string }{
		"https://portal.example.com":               {"https://portal.example.com", "https://portal.example.com"},
		"https://portal.example.com/":              {"https://portal.example.com", "https://portal.example.com"},
		"https://portal.example.com/?":             {"https://portal.example.com", "https://portal.example.com"},
		"HTTPS://Portal.Example.com":               {"https://Portal.Example.com", "https://Portal.Example.com"},
		"http://localhost:8092":                    {"http://localhost:8092", "http://localhost:8092"},
		"http://[::1]:8092/":                       {"http://[::1]:8092", "http://[::1]:8092"},
		"https://example.com/docspace":             {"https://example.com/docspace", "https://example.com/docspace"},
		"https://example.com/docspace///":          {"https://example.com/docspace", "https://example.com/docspace"},
		"https://example.com/a b/ü":                {"https://example.com/a%20b/%C3%BC", "https://example.com/a%20b/%C3%BC"},
		"https://example.com/a%20b/%C3%BC":         {"https://example.com/a%20b/%C3%BC", "https://example.com/a%20b/%C3%BC"},
		"https://example.com/tenant%2Fone/docs/":   {"https://example.com/tenant%2Fone/docs", "https://example.com/tenant%2Fone/docs"},
		"https://portal.example.com/api/2.0/extra": {"https://portal.example.com/api/2.0/extra", "https://portal.example.com/api/2.0/extra"},
	}
	for given, want := range tests {
		var asked []string
		client := newClient(t, docspace.Config{URL: given, Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.String())
			answering(nothing)(w, r)
		})})
		if len(asked) > 0 || client.URL() != want.url {
			t.Errorf("%s: URL() = %q after asking %q", given, client.URL(), asked)
		}
		if report := client.Report(t.Context(), docspace.PartQuota); report.Portal != want.url {
			t.Errorf("%s: reported as %q", given, report.Portal)
		}
		diff(t, given, asked, []string{want.asked + "/api/2.0/portal/payment/quota"})
	}
}

func TestEveryReadAsksForItsOwnPath(t *testing.T) {
	tests := []struct {
		config docspace.Config
		query  url.Values
	}{
		{docspace.Config{}, url.Values{}},
		{docspace.Config{Refresh: true}, url.Values{"refresh": {"true"}}},
		{docspace.Config{Country: "ES"}, url.Values{"country": {"ES"}}},
		{docspace.Config{Refresh: true, Country: "D&E=1#"}, url.Values{"refresh": {"true"}, "country": {"D&E=1#"}}},
	}
	for _, tt := range tests {
		for _, op := range operations() {
			var asked []*http.Request
			tt.config.Transport = inMemory(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r)
				answering(nothing)(w, r)
			})
			if _, err := op.do(t.Context(), newClient(t, tt.config)); err != nil {
				t.Fatal(err)
			}
			if len(asked) != 1 {
				t.Fatalf("%s: %d requests", op.path, len(asked))
			}
			path, wallet, _ := strings.Cut(op.path, "?")
			want := url.Values{}
			for name, values := range tt.query {
				want[name] = values
			}
			if wallet != "" {
				want.Set("wallet", "true")
			}
			got := asked[0]
			if got.Method != http.MethodGet || got.URL.Path != path || got.Body != nil && got.Body != http.NoBody {
				t.Errorf("%s %s", got.Method, got.URL)
			}
			diff(t, op.path, got.URL.Query(), want)
		}
	}
}

func TestRequestsSayWhatTheyAreFrom(t *testing.T) {
	for given, want := range map[string]string{"": "bursar-docspace", "treasury/2.1": "treasury/2.1"} {
		var header http.Header
		client := newClient(t, docspace.Config{UserAgent: given, Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
			header = r.Header
			answering(nothing)(w, r)
		})})
		if _, err := client.Balance(t.Context()); err != nil {
			t.Fatal(err)
		}
		diff(t, "headers", header, http.Header{
			"Accept": {"application/json"}, "Authorization": {"Bearer " + apiKey}, "User-Agent": {want},
		})
	}
}

// A config is the caller's; what happens to it later is no business of a client.
func TestAClientDoesNotWatchItsConfig(t *testing.T) {
	var asked []string
	config := docspace.Config{URL: address, Key: apiKey, Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host+" "+r.Header.Get("Authorization"))
		answering(nothing)(w, r)
	})}
	client := newClient(t, config)
	config.URL, config.Key, config.Refresh = "https://other.example.com", token, true
	if _, err := client.Balance(t.Context()); err != nil {
		t.Fatal(err)
	}
	diff(t, "asked", asked, []string{"portal.example.com Bearer " + apiKey})
}
