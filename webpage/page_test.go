package webpage_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/webpage"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// pages are what the goldens are of.
var pages = map[string]func() []*webpage.Portal{
	"one":     func() []*webpage.Portal { return []*webpage.Portal{rich("docspace.example.com")} },
	"mute":    func() []*webpage.Portal { return []*webpage.Portal{mute("docspace.example.com")} },
	"partly":  func() []*webpage.Portal { return []*webpage.Portal{partly("docspace.example.com")} },
	"down":    func() []*webpage.Portal { return []*webpage.Portal{down("docspace.example.com")} },
	"hostile": func() []*webpage.Portal { return []*webpage.Portal{hostile()} },
	"many": func() []*webpage.Portal {
		return []*webpage.Portal{
			rich("acme"), partly("sales.example.com"), mute("beta.example.com"), low("warehouse.example.com"), down("old.example.com"), rich("lab.example.com"),
		}
	},
}

func made(t *testing.T, page *webpage.Page, portals []*webpage.Portal) string {
	t.Helper()
	page.Now = noon
	t.Cleanup(func() {
		if err := page.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, p := range portals {
		if err := page.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := page.Finish(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPagesLookAsTheyShould(t *testing.T) {
	for name, portals := range pages {
		t.Run(name, func(t *testing.T) {
			all := portals()
			got := made(t, &webpage.Page{Many: len(all) > 1}, all)
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (go test ./webpage -update writes it)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("not as in %s (-golden +now):\n%s", file, diff)
			}
		})
	}
}

// A page is the same whichever portal came first.
func TestPagesAreInOrder(t *testing.T) {
	all := pages["many"]()
	want := made(t, &webpage.Page{Many: true}, all)
	slices.Reverse(all)
	if diff := cmp.Diff(want, made(t, &webpage.Page{Many: true}, all)); diff != "" {
		t.Errorf("another order, another page (-first +second):\n%s", diff)
	}
}

// What portals send is text: it opens no element, leads nowhere, and turns no line.
func TestPagesAreOnlyText(t *testing.T) {
	text := made(t, &webpage.Page{Many: true}, []*webpage.Portal{hostile(), rich("acme")})
	for _, bad := range []string{"<script", "<img", "onload=alert(1)>", "<svg onload", "href=\"javascript", "\u202e", "\u2066", "\x1b", "\x00"} {
		if strings.Contains(text, bad) {
			t.Errorf("there is %q in it", bad)
		}
	}
	if !strings.Contains(text, "&lt;script&gt;alert(1)&lt;/script&gt;") {
		t.Error("the text itself is not in it")
	}
	for _, link := range regexp.MustCompile(`(?i)(href|src|action|url)\s*[=(]\s*"?([^">]*)`).FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`^#p\d+$`).MatchString(link[2]) && !strings.Contains(link[0], "src=x onerror") {
			t.Errorf("it links to %q", link[0])
		}
	}
	if n := strings.Count(text, "style="); n > 0 {
		t.Errorf("%d styles stand where the policy forbids them", n)
	}
}

func TestTotalsAreExact(t *testing.T) {
	var all []*webpage.Portal
	for i := range 3 {
		p := mute(fmt.Sprintf("portal%d", i))
		p.Balance = &docspace.Balance{SubAccounts: []docspace.SubAccount{
			{Amount: money.FromUnits(1, "USD")}, {Amount: money.FromUnits(9_000_000_000_000_000_000, "JPY")},
		}}
		all = append(all, p)
	}
	text := made(t, &webpage.Page{Many: true}, append(all, down("gone"), mute("silent")))
	for _, want := range []string{"0.00000003\u00a0USD", "Too much to add up", "Could not be read, and in no total: 1 portal.", "Balance not known, and in no total: 1 portal.", "Spending not wholly known: 3 portals."} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in it", want)
		}
	}
}

// An overview has the rows and nothing else, and says so.
func TestOverviewAlone(t *testing.T) {
	text := made(t, &webpage.Page{Many: true, Overview: true}, pages["many"]())
	if strings.Contains(text, `class="portal"`) || strings.Contains(text, `href="#`) || !strings.Contains(text, "too many portals") {
		t.Error("an overview shows more than that, or does not say so")
	}
	for _, name := range []string{"acme", "warehouse.example.com", "old.example.com"} {
		if !strings.Contains(text, name) {
			t.Errorf("%s is not in it", name)
		}
	}
}

// failing takes so many bytes.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errors.New("the disk is full")
	}
	return len(b), nil
}

func TestWriterFails(t *testing.T) {
	for _, left := range []int{0, 70 << 10} {
		page := &webpage.Page{Now: noon, Many: true}
		defer page.Close()
		for i := range 12 {
			if err := page.Add(rich(fmt.Sprint("portal", i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := page.Finish(&failing{left}); err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
}

// Many portals lie in a file, not in memory, and the file is gone afterwards.
func TestManyPortalsAreNotKeptInMemory(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // Windows
	page := &webpage.Page{Now: noon, Many: true}
	portal := rich("portal")
	const n = 1600
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range n {
		portal.Name = fmt.Sprintf("portal%04d", i)
		if err := page.Add(portal); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	var written counter
	if err := page.Finish(&written); err != nil {
		t.Fatal(err)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > int64(written)/4 {
		t.Errorf("%d portals take %d bytes of memory for %d bytes of page", n, grown, written)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%d files lie beside: %v", len(files), err)
	}
	if err := page.Close(); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%d files are left behind: %v", len(files), err)
	}
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
