package fleet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

// memory is a keyring for a test.
type memory map[string]string

func (m memory) Get(service, user string) (string, error) {
	if key, ok := m[service+"/"+user]; ok {
		return key, nil
	}
	return "", keyring.ErrNotFound
}
func (m memory) Set(service, user, key string) error { m[service+"/"+user] = key; return nil }
func (m memory) Delete(service, user string) error {
	if _, ok := m[service+"/"+user]; !ok {
		return keyring.ErrNotFound
	}
	delete(m, service+"/"+user)
	return nil
}

func keyFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKeysComeFromWhereTheProfileSays(t *testing.T) {
	keys := &Keys{
		Keyring: memory{"bursar/acme@acme.example.com/docspace": "sk-ring"},
		Getenv:  func(name string) string { return map[string]string{"ACME": " sk-variable\n"}[name] },
		Environ: []string{"WORD=sk-command"},
	}
	for name, test := range map[string]struct {
		key  Key
		want string
	}{
		"keyring":  {Key{Keyring: true}, "sk-ring"},
		"command":  {Key{Command: "echo $WORD; echo more"}, "sk-command"},
		"file":     {Key{File: keyFile(t, "  sk-file \r\nmore\n", 0o600)}, "sk-file"},
		"variable": {Key{Variable: "ACME"}, "sk-variable"},
		"plain":    {Key{Plain: "sk-plain"}, "sk-plain"},
	} {
		if name == "command" && runtime.GOOS == "windows" {
			continue
		}
		got, err := keys.Of(t.Context(), Profile{Name: "acme", URL: "https://acme.example.com/docspace", Key: test.key})
		if err != nil || got != test.want {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if source := test.key.Source(); source != name {
			t.Errorf("%s: source %q", name, source)
		}
		if text := fmt.Sprintf("%v %+v %#v %+v", test.key, test.key, test.key, Profile{Key: test.key}); strings.Contains(text, "sk-") {
			t.Errorf("%s: it prints as %s", name, text)
		}
	}
}

func TestKeysThatCannotBeHad(t *testing.T) {
	for name, test := range map[string]struct {
		key  Key
		want string
	}{
		"none":            {Key{}, "does not say where"},
		"keyring":         {Key{Keyring: true}, "by keyring"},
		"command":         {Key{Command: "echo no such entry >&2; echo sk-said-before; exit 3"}, "exit status 3: no such entry"},
		"silent command":  {Key{Command: "true"}, "there is none in it"},
		"file":            {Key{File: filepath.Join(t.TempDir(), "none.txt")}, "none.txt"},
		"empty file":      {Key{File: keyFile(t, "", 0o600)}, "there is none in it"},
		"blank file":      {Key{File: keyFile(t, "\nsk-second-line\n", 0o600)}, "there is none in it"},
		"file of a group": {Key{File: keyFile(t, "sk-open", 0o640)}, "chmod 600"},
		"file of all":     {Key{File: keyFile(t, "sk-open", 0o604)}, "chmod 600"},
		"variable":        {Key{Variable: "NOT_SET"}, "there is none in it"},
	} {
		if runtime.GOOS == "windows" && (strings.Contains(name, "command") || strings.Contains(name, "file of")) {
			continue
		}
		for _, keys := range []*Keys{{Keyring: memory{}, Getenv: func(string) string { return "" }}, {}} {
			got, err := keys.Of(t.Context(), Profile{Name: "acme", URL: "https://acme.example.com", Key: test.key})
			if !errors.Is(err, ErrKey) || got != "" || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "portal acme") {
				t.Errorf("%s: %q, error %v, want one with %q", name, got, err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "sk-") {
				t.Errorf("%s: a key is in %v", name, err)
			}
		}
	}
}

// A key in the keyring is for one address: a profile that is turned to another one does
// not send it there.
func TestKeyringKeysAreForOneAddress(t *testing.T) {
	ring := memory{}
	keys := &Keys{Keyring: ring}
	p := Profile{Name: "acme", URL: "https://acme.example.com", Key: Key{Keyring: true}}
	if err := keys.Keep(p, "sk-ring"); err != nil {
		t.Fatal(err)
	}
	if key, err := keys.Of(t.Context(), p); err != nil || key != "sk-ring" {
		t.Errorf("%q %v", key, err)
	}
	for _, other := range []string{"https://evil.example.com", "https://acme.example.com:444", "https://acme.example.com/x"} {
		turned := p
		turned.URL = other
		if key, err := keys.Of(t.Context(), turned); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %q %v", other, key, err)
		}
	}
	for range 2 { // forgetting what is not there is no failure
		if err := keys.Forget(p); err != nil || len(ring) != 0 {
			t.Errorf("Forget: %v, %d left", err, len(ring))
		}
	}
	for _, elsewhere := range []Key{{}, {Plain: "sk-plain"}, {File: "x"}} {
		p.Key = elsewhere
		if err := errors.Join(keys.Keep(p, "sk-ring"), keys.Forget(p)); err != nil || len(ring) != 0 {
			t.Errorf("%v: %v, the keyring has %d", elsewhere, err, len(ring))
		}
	}
}

func TestKeyringsThatFail(t *testing.T) {
	p := Profile{Name: "acme", URL: "https://acme.example.com", Key: Key{Keyring: true}}
	if err := (&Keys{}).Keep(p, "sk-ring"); !errors.Is(err, ErrKey) {
		t.Errorf("Keep without one: %v", err)
	}
	locked := errors.New("the keyring is locked")
	keyring.MockInitWithError(locked)
	t.Cleanup(keyring.MockInit)
	keys := &Keys{Keyring: SystemKeyring{}}
	if _, err := keys.Of(t.Context(), p); !errors.Is(err, ErrKey) || !errors.Is(err, locked) {
		t.Errorf("Of: %v", err)
	}
	if err := keys.Keep(p, "sk-ring"); !errors.Is(err, ErrKey) || !errors.Is(err, locked) || strings.Contains(err.Error(), "sk-") {
		t.Errorf("Keep: %v", err)
	}
	if err := keys.Forget(p); !errors.Is(err, ErrKey) || !errors.Is(err, locked) {
		t.Errorf("Forget: %v", err)
	}
	keyring.MockInit()
	if err := keys.Keep(p, "sk-ring"); err != nil {
		t.Error(err)
	}
	if key, err := keys.Of(t.Context(), p); err != nil || key != "sk-ring" {
		t.Errorf("%q %v", key, err)
	}
}
