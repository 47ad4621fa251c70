package fleet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func profilesIn(t *testing.T, text string) (*Profiles, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "portals.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

func TestLoadReadsWhatAPersonWrites(t *testing.T) {
	p, err := profilesIn(t, `# ours
portals:
  zeta: {url: "https://zeta.example.com", key: sk-plain}
  acme:
    url: https://acme.example.com/docspace   # behind a path
    groups: [eu, big]
    key_command: pass show 'bursar/acme' | head -1
    ca_cert: /etc/ca.pem
    per_minute: 60
  beta:
    url: http://beta.example.com
    groups:
      - eu
    keyring: true
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Profile{
		{Name: "acme", URL: "https://acme.example.com/docspace", Groups: []string{"eu", "big"},
			Key: Key{Command: "pass show 'bursar/acme' | head -1"}, CACert: "/etc/ca.pem", PerMinute: 60},
		{Name: "beta", URL: "http://beta.example.com", Groups: []string{"eu"}, Key: Key{Keyring: true}},
		{Name: "zeta", URL: "https://zeta.example.com", Key: Key{Plain: "sk-plain"}},
	}
	if diff := cmp.Diff(want, p.All()); diff != "" {
		t.Error(diff)
	}
	if one, err := p.Find("beta"); err != nil || one.URL != "http://beta.example.com" {
		t.Errorf("Find: %v %v", one.URL, err)
	}
	if _, err := p.Find("bet"); !errors.Is(err, ErrNoProfile) || !strings.Contains(err.Error(), `"bet"`) {
		t.Errorf("Find of nobody: %v", err)
	}
	in, err := p.In("eu", "big")
	if err != nil || len(in) != 2 {
		t.Errorf("In: %d %v", len(in), err)
	}
	if _, err := p.In("eu", "us"); !errors.Is(err, ErrNoProfile) || !strings.Contains(err.Error(), `"us"`) {
		t.Errorf("In of nobody: %v", err)
	}
}

func TestLoadRefusesByName(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"member", "portals:\n  acme:\n    url: https://a.example.com\n    ulr: x\n", "ulr"},
		{"twice", "portals:\n  acme:\n    url: https://a.example.com\n  acme:\n    url: https://b.example.com\n", "acme"},
		{"member twice", "portals:\n  acme:\n    url: https://a.example.com\n    url: https://b.example.com\n", "url"},
		{"no url", "portals:\n  acme:\n    keyring: true\n", `portal "acme": url is missing`},
		{"scheme", "portals:\n  acme:\n    url: ftp://a.example.com\n", `portal "acme": url: "ftp://a.example.com"`},
		{"keys", "portals:\n  acme:\n    url: https://a.example.com\n    keyring: true\n    key: sk-x\n", `portal "acme": the key is in one of`},
		{"rate", "portals:\n  acme:\n    url: https://a.example.com\n    per_minute: -1\n", `per_minute: -1`},
		{"rate's text", "portals:\n  acme:\n    url: https://a.example.com\n    per_minute: many\n", "[4:17]"},
		{"group", "portals:\n  acme:\n    url: https://a.example.com\n    groups: [\"a b\"]\n", `groups: "a b" is no name`},
		{"empty group", "portals:\n  acme:\n    url: https://a.example.com\n    groups: []\n    keyring: maybe\n", "[5:14]"},
		{"name", "portals:\n  ../etc:\n    url: https://a.example.com\n", `portal "../etc"`},
		{"long name", "portals:\n  " + strings.Repeat("a", 65) + ":\n    url: https://a.example.com\n", "64 at most"},
		{"escape", "portals:\n  \"a\\u001b[31m\":\n    url: https://a.example.com\n", `portal "a\x1b[31m"`},
		{"text", "portals: 7\n", "portals"},
		{"not YAML", "portals:\n\t- {\n", "portals.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := profilesIn(t, test.text)
			if !errors.Is(err, ErrProfiles) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "portals.yaml") {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestLoadOfNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# none\n", "portals:\n", "portals: {}\n"} {
		if p, err := profilesIn(t, text); err != nil || len(p.All()) != 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
	if p, err := Load(filepath.Join(t.TempDir(), "none", "portals.yaml")); err != nil || len(p.All()) != 0 {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil || errors.Is(err, ErrProfiles) {
		t.Errorf("a folder: %v", err)
	}
}

// somebody is any profile that can be kept, with texts that YAML could take for others.
func somebody(t *rapid.T) Profile {
	name := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,12}`)
	odd := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z/]{1,3}[ -~]{0,20}`),
		rapid.SampledFrom([]string{"true", "No", "null", "~", "1", "1e3", "a: b", "a #b", "- a", "'a'", `"a"`, "a ", " a", "é", "a\tb", "a\nb", "<a&b>", "=a", "0x1f", "2026-01-01", "\u2028"}))
	p := Profile{
		Name: name.Draw(t, "name"), URL: "https://" + odd.Draw(t, "url"),
		Groups: rapid.SliceOfN(name, 0, 3).Draw(t, "groups"), PerMinute: rapid.IntRange(0, 2000).Draw(t, "per minute"),
	}
	switch rapid.IntRange(0, 5).Draw(t, "source") {
	case 0:
		p.Key.Keyring = true
	case 1:
		p.Key.Command = odd.Draw(t, "command")
	case 2:
		p.Key.File = odd.Draw(t, "file")
	case 3:
		p.Key.Variable = odd.Draw(t, "variable")
	case 4:
		p.Key.Plain = odd.Draw(t, "key")
	}
	return p
}

// What Save writes says the same to the quick reader and to one of all of YAML.
func TestSaveWritesWhatBothReadersRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Profiles{}
		for range rapid.IntRange(1, 4).Draw(t, "portals") {
			if err := p.Put(somebody(t)); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]Profile{}
		for _, one := range p.All() {
			name := one.Name
			one.Name = ""
			want[name] = one
		}
		text, err := writePlain(p.All())
		if err != nil {
			t.Fatal(err)
		}
		same := cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b Key) bool { return a == b })}
		quick, ok := readPlain(string(text))
		if diff := cmp.Diff(want, quick, same); !ok || diff != "" {
			t.Fatalf("readPlain: %t %s\n%s", ok, diff, text)
		}
		var file profilesFile
		if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(want, file.Portals, same); diff != "" {
			t.Fatalf("go-yaml: %s\n%s", diff, text)
		}
	})
}

// Whatever the quick reader takes, the other one takes for the same.
func TestReadPlainReadsNothingInItsOwnWay(t *testing.T) {
	words := []string{"portals:", "  ", "    ", "\n", "acme", ":", ": ", "url", "keyring", "true", "groups", "[", "]", ", ", "a", `"`, "key", "key_file", "/k", "per_minute",
		"7", "07", "-", "#", " #", "'", "https://a.example.com", "no", "yes", "null", "\t", `\`, "{", "}", "|", "&", "*", "\r", "+1", ".5", "é"}
	rapid.Check(t, func(t *rapid.T) {
		text := "portals:\n  acme:\n    url: " + strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, "words"), "")
		quick, ok := readPlain(text)
		if !ok {
			return
		}
		var file profilesFile
		if err := yaml.UnmarshalWithOptions([]byte(text), &file, yaml.Strict()); err != nil {
			t.Fatalf("it is refused by go-yaml: %v\n%q", err, text)
		}
		if diff := cmp.Diff(file.Portals, quick, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b Key) bool { return a == b })); diff != "" {
			t.Fatalf("%s\n%q", diff, text)
		}
	})
}

func TestSaveIsWholeAndPrivate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sub", "portals.yaml")
	p, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Put(Profile{Name: "acme", URL: "https://acme.example.com", Key: Key{Plain: "sk-1"}}); err != nil {
		t.Fatal(err)
	}
	if err := p.Save(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := p.Put(Profile{Name: "acme"}); !errors.Is(err, ErrProfiles) {
		t.Errorf("Put of half a profile: %v", err)
	}
	if err := p.Remove("nobody"); !errors.Is(err, ErrNoProfile) {
		t.Errorf("Remove of nobody: %v", err)
	}
	// A text that can't be written leaves the file as it was, and nothing beside it.
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p.all[0].Key.Plain = "\xff"
	if err := p.Save(); !errors.Is(err, ErrProfiles) {
		t.Errorf("Save of no text: %v", err)
	}
	after, err := os.ReadFile(file)
	entries, _ := os.ReadDir(filepath.Dir(file))
	if err != nil || string(before) != string(after) || len(entries) != 1 {
		t.Errorf("%v: %q became %q, %d files", err, before, after, len(entries))
	}
}

func TestEditsAtOnceAreAllKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "portals.yaml")
	const writers = 20
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			err := Edit(file, func(p *Profiles) error {
				return p.Put(Profile{Name: fmt.Sprintf("p%d", i), URL: "https://p.example.com"})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, err := Load(file)
	if err != nil || len(p.All()) != writers {
		t.Fatalf("%d of %d are there: %v", len(p.All()), writers, err)
	}
	failed := errors.New("not today")
	if err := Edit(file, func(p *Profiles) error { p.all = nil; return failed }); !errors.Is(err, failed) {
		t.Errorf("Edit: %v", err)
	}
	if p, err := Load(file); err != nil || len(p.All()) != writers {
		t.Errorf("an edit that failed left %d: %v", len(p.All()), err)
	}
}

func TestTenThousandProfilesAreReadQuickly(t *testing.T) {
	p := &Profiles{}
	for i := range 10_000 {
		p.all = append(p.all, Profile{
			Name: fmt.Sprintf("portal-%05d", i), URL: fmt.Sprintf("https://portal%05d.example.com", i),
			Groups: []string{"eu", "2026"}, Key: Key{Command: "pass show 'bursar/" + fmt.Sprint(i) + "' && true"},
		})
	}
	text, err := writePlain(p.all)
	if err != nil {
		t.Fatal(err)
	}
	// By what is allocated, as time says little on a busy machine.
	allocated := testing.AllocsPerRun(1, func() {
		if _, ok := readPlain(string(text)); !ok {
			t.Error("it is not read by the quick reader")
		}
	})
	if allocated > 200_000 {
		t.Errorf("%.0f allocations for 10,000 profiles", allocated)
	}
}
