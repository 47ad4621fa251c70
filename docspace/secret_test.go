package docspace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspace"
)

// secret is a key in all the pieces and forms that must not be shown: longer than
// the four characters that may be.
type secret []string

func secretOf(key string) secret {
	const length = 8
	var all secret
	for i := 0; i+length <= len(key); i++ {
		piece := key[i : i+length]
		all = append(all, piece, url.QueryEscape(piece), url.PathEscape(piece), fmt.Sprintf("%x", piece),
			fmt.Sprintf("%X", piece), fmt.Sprintf("% x", piece), strings.Trim(fmt.Sprint([]byte(piece)), "[]"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// in returns a piece that text shows; "" when it shows none.
func (s secret) in(text string) string {
	for _, piece := range s {
		if strings.Contains(text, piece) {
			return piece
		}
	}
	return ""
}

func TestKeysAreSentAsTheirKindIs(t *testing.T) {
	tests := map[string]string{
		apiKey:                  "Bearer " + apiKey,
		" \t" + apiKey + "\r\n": "Bearer " + apiKey,
		token:                   token,
		"\n" + token + " ":      token,
		"SK-3b1f0c9e7d52a8":     "SK-3b1f0c9e7d52a8",
		"!~":                    "!~",
	}
	for key, want := range tests {
		for _, op := range operations() {
			var got []string
			client := newClient(t, docspace.Config{Key: key, Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
				got = append(got, r.Header.Values("Authorization")...)
				answering(nothing)(w, r)
			})})
			if _, err := op.do(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			diff(t, op.name, got, []string{want})
		}
	}
}

// printed returns a value in every way that Go prints, logs and encodes.
func printed(v any) map[string]string {
	all := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%b", "%e", "%c", "%U", "%20v", "%-20.3s"} {
		all[verb] = fmt.Sprintf(verb, v)
	}
	if data, err := json.Marshal(v); err == nil {
		all["JSON"] = string(data)
	}
	var b bytes.Buffer
	for name, handler := range map[string]slog.Handler{"text": slog.NewTextHandler(&b, nil), "JSON": slog.NewJSONHandler(&b, nil)} {
		b.Reset()
		log := slog.New(handler)
		log.Error("failed", "v", v, slog.Group("g", "v", v))
		log.With("v", v).Info("again")
		all["log as "+name] = b.String()
	}
	return all
}

// held returns a value in what may hold it.
func held(v any) map[string]any {
	return map[string]any{
		"bare": v, "in a list": []any{v}, "in a map": map[string]any{"v": v},
		"in a struct": struct{ V any }{v}, "in an error": fmt.Errorf("wrapped: %v", v),
	}
}

func TestNothingPrintsTheKey(t *testing.T) {
	for _, key := range []string{apiKey, token, " " + apiKey + "\n", apiKey[:21], token[:12]} {
		hidden := secretOf(strings.TrimSpace(key))
		config := docspace.Config{URL: address, Key: key, Transport: saying(403, refusal(403, "no "+key))}
		client, err := docspace.New(config)
		if err != nil {
			t.Fatal(err)
		}
		_, failure := client.Balance(t.Context())
		var whole *docspace.Error
		if !errors.As(failure, &whole) {
			t.Fatal(failure)
		}
		report := client.Report(t.Context(), docspace.PartBalance)
		for what, v := range map[string]any{
			"Config": config, "*Config": &config, "*Client": client, "Client": *client,
			"error": failure, "Error": *whole, "Report": report, "Report.Err": report.Err(),
		} {
			for where, v := range held(v) {
				for how, text := range printed(v) {
					if piece := hidden.in(text); piece != "" {
						t.Errorf("%s of %s %s shows %q: %s", how, what, where, piece, text)
					}
				}
			}
		}
	}
}

func TestAPrintedConfigTellsKeysApart(t *testing.T) {
	tests := map[string]string{
		apiKey:                "Key:sk-***c0d3 ",
		token:                 "Key:***87== ",
		"sk-0123456789abcdef": "Key:sk-*** ", // too short to show any of it
		"short":               "Key:*** ",
		"":                    "Key: ",
	}
	for key, want := range tests {
		config := docspace.Config{URL: address, Key: key, Country: "ES", Refresh: true}
		for how, text := range map[string]string{
			"%v": fmt.Sprintf("%v", config), "%+v": fmt.Sprintf("%+v", config), "%#v": fmt.Sprintf("%#v", config), "*": fmt.Sprint(&config),
		} {
			if !strings.Contains(text, want) || !strings.Contains(text, "URL:"+address+" ") {
				t.Errorf("%s of %q: %s", how, key, text)
			}
		}
		data, err := json.Marshal(map[string]any{"portal": config})
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("JSON: %s, %v", data, err)
		}
	}
}

// echoes are the ways a server can hand a key back.
func echoes(key string) map[string]transport {
	send := func(status int, header, value, body string) transport {
		return inMemory(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body)) // a recorder takes everything
		})
	}
	const plain = "X-Nothing"
	quoted, _ := json.Marshal(key) // a string always can be
	all := map[string]transport{
		"message":         saying(403, fmt.Sprintf(`{"error":{"message":"bad key %s!"}}`, key)),
		"message and all": saying(200, fmt.Sprintf(`{"error":{"message":%s}}`, quoted)),
		"challenge":       send(401, "WWW-Authenticate", fmt.Sprintf(`Bearer error_description="no %s here"`, key), ""),
		"title":           send(502, plain, "", "<title>"+key+"</title>"),
		"login page":      send(200, plain, "", "<html><title>Hello "+key+"</title>"),
		"text":            send(500, plain, "", "got "+key),
		"text for JSON":   send(200, plain, "", key),
		"other JSON":      send(500, plain, "", `{"headers":{"authorization":"Bearer `+key+`"}}`),
		// ASP.NET writes a plus sign so, in pages and in JSON.
		"title, encoded":           send(502, plain, "", "<title>"+strings.ReplaceAll(key, "+", "&#x2B;")+"</title>"),
		"other JSON, escaped":      send(500, plain, "", `{"key":"`+strings.ReplaceAll(key, "+", `\u002B`)+`"}`),
		"message, invisibly split": saying(403, `{"error":{"message":"`+key[:20]+"\u200b"+key[20:]+`"}}`),
		"list":                     send(200, plain, "", `["`+key+`"]`),
		"amount":                   saying(200, envelope(`{"accountNumber":1,"subAccounts":[{"currency":"USD","amount":"`+key+`"}]}`)),
		"date":                     saying(200, envelope(`{"accountNumber":1,"lastCredit":{"date":"`+key+`","currency":"USD","amount":1}}`)),
		"redirect":                 send(302, "Location", "https://login.example.net/?key="+key, ""),
		"redirect, escaped":        send(302, "Location", "https://login.example.net/?key="+url.QueryEscape(key), ""),
		"redirect, as path":        send(302, "Location", "https://login.example.net/"+url.PathEscape(key)+"/in", ""),
		"redirect, no port":        send(302, "Location", "https://portal.example.com:"+key+"/", ""),
		"request id":               send(500, "X-Request-Id", key, ""),
		"network":                  func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("sent %q", key) },
		"network, its parts":       func(*http.Request) (*http.Response, error) { return nil, errors.Join(errors.New("a"), errors.New(key)) },
	}
	// Where a text is shortened, a key must not be shortened out of its disguise.
	for _, before := range []int{100, 134, 150, 190, 195} {
		all[fmt.Sprintf("message, %d characters in", before)] = saying(500, fmt.Sprintf(`{"error":{"message":"%s%s"}}`, strings.Repeat("y", before), key))
		all[fmt.Sprintf("title, %d characters in", before)] = send(500, plain, "", "<title>"+strings.Repeat("y", before)+key+"</title>")
	}
	for _, before := range []int{740, 780} {
		all[fmt.Sprintf("text, %d bytes in", before)] = send(500, plain, "", strings.Repeat("é ", before/3)+key)
	}
	return all
}

func TestAKeyHandedBackIsNotShown(t *testing.T) {
	for _, key := range []string{apiKey, token} {
		hidden := secretOf(key)
		for name, carrier := range echoes(key) {
			t.Run(name+" of "+key[:2], func(t *testing.T) {
				client := newClient(t, docspace.Config{Key: key, Transport: carrier, MaxAttempts: 1})
				_, err := client.Balance(t.Context())
				if err == nil {
					t.Fatal("no error")
				}
				for how, text := range printed(err) {
					if piece := hidden.in(text); piece != "" {
						t.Errorf("%s shows %q: %s", how, piece, text)
						break
					}
				}
			})
		}
	}
}

// Whoever logs the cause of an error logs no key either. What a transport of the
// caller's own says is left as it is, for errors.As.
func TestNoWrappedErrorShowsTheKey(t *testing.T) {
	hidden := secretOf(apiKey)
	for name, carrier := range echoes(apiKey) {
		if strings.HasPrefix(name, "network") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			_, err := once(t, carrier).Balance(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			each(errors.Unwrap(err), func(err error) {
				if piece := hidden.in(err.Error()); piece != "" {
					t.Errorf("%T shows %q: %s", err, piece, err)
				}
			})
		})
	}
}

// each calls do for an error and for every one it wraps.
func each(err error, do func(error)) {
	if err == nil {
		return
	}
	do(err)
	switch wrapping := err.(type) {
	case interface{ Unwrap() error }:
		each(wrapping.Unwrap(), do)
	case interface{ Unwrap() []error }:
		for _, err := range wrapping.Unwrap() {
			each(err, do)
		}
	}
}

func TestAKeyThatCantBeSentIsRefusedUnseen(t *testing.T) {
	hidden := slices.Concat(secretOf(apiKey), secretOf(token))
	for _, bad := range []string{"\n", " ", "\x00", "\t", "\x7f", "é", "“", "\u00a0", "\r\nX-Admin: yes"} {
		for _, key := range []string{apiKey[:40] + bad + apiKey[40:], token[:5] + bad + token[5:]} {
			client, err := docspace.New(docspace.Config{URL: address, Key: key})
			if client != nil || !errors.Is(err, docspace.ErrConfig) || !strings.Contains(err.Error(), "Key ") {
				t.Errorf("%q: %v", bad, err)
				continue
			}
			for how, text := range printed(err) {
				if hidden.in(text) != "" {
					t.Errorf("%q: %s shows it: %s", bad, how, text)
				}
			}
		}
	}
}

// Address and key are easily taken for each other.
func TestAKeyInTheAddressIsNotShown(t *testing.T) {
	hidden := secretOf(apiKey)
	for _, address := range []string{
		apiKey,
		"https://portal.example.com/?key=" + apiKey,
		"https://portal.example.com/#" + apiKey,
		"https://" + apiKey + "@portal.example.com",
		"https://owner:" + apiKey + "@portal.example.com:port",
		"ftp://portal.example.com/" + apiKey,
		apiKey + "\x00",
	} {
		_, err := docspace.New(docspace.Config{URL: address, Key: apiKey})
		if !errors.Is(err, docspace.ErrConfig) {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if piece := hidden.in(err.Error()); piece != "" {
			t.Errorf("shows %q: %s", piece, err)
		}
	}
}
