package reconcile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/reconcile"
)

const day = 24 * time.Hour

func client(t *testing.T, url, key string) *docspace.Client {
	t.Helper()
	c, err := docspace.New(docspace.Config{URL: url, Key: key, Refresh: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(t *testing.T, c *docspace.Client, r reconcile.Reading) (*reconcile.Result, *reconcile.Memory) {
	t.Helper()
	if r.Now == nil {
		r.Now = time.Now
	}
	result, memory, err := reconcile.Read(t.Context(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	return result, memory
}

func agrees(t *testing.T, r *reconcile.Result) {
	t.Helper()
	if r.Verdict() != reconcile.Agrees || len(r.Findings) > 0 {
		t.Fatalf("%s: %+v %v", r.Verdict(), r.Findings, r.Unproven)
	}
}

// spend pays for a backup.
func spend(t *testing.T, p *docspacetest.Portal, n int, cent int64) {
	t.Helper()
	p.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: cents(cent, "USD"), Participant: fmt.Sprintf("run %d", n)})
}

// Months of a real portal: backups, storage that is renewed, a wallet that is refilled,
// corrections; each month proven from the one before.
func TestARealPortalAgrees(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *docspacetest.Portal{"Bursar": docspacetest.New, "stock": docspacetest.NewStock} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			c := client(t, p.URL, p.Key)
			var memory *reconcile.Memory
			deposits, renewals := 0, 0
			for month := range 4 {
				for n := range 30 {
					p.Advance(day)
					spend(t, p, n, 7_13)
					if n == 11 {
						p.Credit(billing.Credit{Amount: cents(3_33, "EUR"), Reason: "by hand"})
						p.SetTimeZone([]string{"", "Europe/Berlin", "America/New_York", "Asia/Tokyo"}[month])
					}
				}
				result, next := read(t, c, reconcile.Reading{Now: p.Now, Page: 7, Config: reconcile.Config{Earlier: memory}})
				agrees(t, result)
				memory = next
			}
			for o, err := range c.AllOperations(t.Context(), docspace.OperationsQuery{}) {
				if err != nil {
					t.Fatal(err)
				}
				if o.Automatic() {
					deposits++
				}
				if o.Service == "disk-storage" {
					renewals++
				}
			}
			if deposits < 5 || renewals < 3 {
				t.Errorf("%d deposits and %d renewals: nothing is proven by that", deposits, renewals)
			}
			// A part of it, with the opening that all of it says.
			part, _ := read(t, c, reconcile.Reading{Now: p.Now, Config: reconcile.Config{From: p.Now().Add(-40 * day)}})
			if part.Verdict() != reconcile.Unproven || len(part.Findings) > 0 {
				t.Errorf("%s: %+v", part.Verdict(), part.Findings)
			}
		})
	}
}

// What is reserved is gone, and no operation says so.
func TestWhatIsReservedIsSaidToBePossible(t *testing.T) {
	w := stockWallet(t, `"amount":90`, deposit("2026-07-01T10:00:00Z", "100"))
	r, _ := read(t, w.client(t), reconcile.Reading{})
	f := must(t, r, reconcile.Gap, cents(-10_00, "USD"))
	if !strings.Contains(f.Text, "reserved") || r.Verdict() != reconcile.Disagrees {
		t.Errorf("%s: %+v", r.Verdict(), f)
	}
}

// through puts something between a client and a portal: before each request, and with
// each answer.
func through(t *testing.T, p *docspacetest.Portal, before func(*http.Request), change func(path string, page map[string]any)) *docspace.Client {
	t.Helper()
	to, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		if change == nil || r.StatusCode != http.StatusOK {
			return nil
		}
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		var body map[string]any
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&body); err != nil {
			return err
		}
		if payload, ok := body["response"].(map[string]any); ok {
			change(r.Request.URL.Path, payload)
		}
		if text, err = json.Marshal(body); err != nil {
			return err
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Length", strconv.Itoa(len(text)))
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil {
			before(r)
		}
		r.Header.Del("Accept-Encoding")
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return client(t, server.URL, p.Key)
}

const operationsPath = "customer/operations"

// A wallet that moves while it is read is read again until it does not.
func TestAWalletThatMovesIsReadAgain(t *testing.T) {
	p := docspacetest.New(t)
	for n := range 9 {
		p.Advance(time.Hour)
		spend(t, p, n, 1_00)
	}
	asked := 0
	c := through(t, p, func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, operationsPath) {
			if asked++; asked == 2 { // between two pages
				p.Advance(time.Hour)
				spend(t, p, 100, 2_00)
			}
		}
	}, nil)
	r, memory := read(t, c, reconcile.Reading{Now: p.Now, Page: 5})
	agrees(t, r)
	if r.Operations != 13 || memory == nil {
		t.Errorf("%d operations", r.Operations)
	}
	// One that never stands still is said to.
	n := 200
	c = through(t, p, func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, operationsPath) {
			n++
			p.Advance(time.Minute)
			spend(t, p, n, 1)
		}
	}, nil)
	r, memory = read(t, c, reconcile.Reading{Now: p.Now, Page: 5})
	if r.Verdict() != reconcile.Unproven || len(r.Findings) > 0 || memory != nil {
		t.Errorf("%s: %+v", r.Verdict(), r.Findings)
	}
	if text := strings.Join(r.Unproven, "\n"); !strings.Contains(text, "did not stand still") || !strings.Contains(text, "changed while it was read") {
		t.Error(text)
	}
}

// Pages that lack rows are no gap in the wallet.
func TestTruncatedPages(t *testing.T) {
	p := docspacetest.New(t)
	for n := range 9 {
		p.Advance(time.Hour)
		spend(t, p, n, 1_00)
	}
	tests := map[string]struct {
		change func(page map[string]any)
		want   reconcile.Verdict
		text   string
	}{
		"a page is short, and the rest follows": {func(page map[string]any) {
			if all := page["collection"].([]any); len(all) > 2 {
				page["collection"] = all[:2]
			}
		}, reconcile.Agrees, ""},
		"the last page is empty": {func(page map[string]any) {
			if fmt.Sprint(page["offset"]) == "10" {
				page["collection"] = []any{}
			}
		}, reconcile.Unproven, "counts 12 operations, and lists 10 of them"},
		"there are more than are counted": {func(page map[string]any) { page["totalQuantity"] = 3 }, reconcile.Unproven, "counts 3 operations, and lists 5"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := through(t, p, nil, func(path string, page map[string]any) {
				if strings.HasSuffix(path, operationsPath) {
					tt.change(page)
				}
			})
			r, memory := read(t, c, reconcile.Reading{Now: p.Now, Page: 5})
			if r.Verdict() != tt.want || len(r.Findings) > 0 || (memory != nil) != (tt.want == reconcile.Agrees) {
				t.Errorf("%s: %+v", r.Verdict(), r.Findings)
			}
			if text := strings.Join(r.Unproven, "\n"); !strings.Contains(text, tt.text) {
				t.Error(text)
			}
		})
	}
}

// That a portal does not know is not that there is nothing.
func TestAPortalThatDoesNotKnow(t *testing.T) {
	p := docspacetest.New(t)
	c := client(t, p.URL, p.Key)
	p.Inject(docspacetest.Fault{Path: "customer/balance", Null: true})
	r, memory := read(t, c, reconcile.Reading{Now: p.Now})
	if r.Verdict() != reconcile.Unproven || memory != nil || r.Operations != 3 || !strings.Contains(strings.Join(r.Unproven, "\n"), "does not say what the wallet has") {
		t.Errorf("%s: %+v", r.Verdict(), r)
	}
	for _, p := range r.Pockets {
		if p.Told {
			t.Errorf("%+v", p)
		}
	}
	// A balance that was forgotten for a moment only.
	p.Heal()
	p.Inject(docspacetest.Fault{Path: "customer/balance", Null: true, Times: 3})
	r, _ = read(t, c, reconcile.Reading{Now: p.Now})
	agrees(t, r)

	// What stands beside the wallet is not needed to add it up, and is missed.
	p.Inject(docspacetest.Fault{Path: "topupsettings", Status: 500})
	if r, _ = read(t, c, reconcile.Reading{Now: p.Now}); r.Verdict() != reconcile.Unproven || !strings.Contains(strings.Join(r.Unproven, "\n"), "top-up rule could not be read") {
		t.Errorf("%s: %v", r.Verdict(), r.Unproven)
	}
	p.Heal()
	for _, tt := range []struct {
		fault docspacetest.Fault
		want  error
	}{
		{docspacetest.Fault{Path: operationsPath, Null: true}, fleet.ErrNothingKnown},
		{docspacetest.Denied(), docspace.ErrForbidden},
		{docspacetest.Unauthorized(), docspace.ErrUnauthorized},
		{docspacetest.LoginPage(), docspace.ErrMalformed},
	} {
		p.Inject(tt.fault)
		if _, _, err := reconcile.Read(t.Context(), c, reconcile.Reading{Now: p.Now}); !errors.Is(err, tt.want) {
			t.Errorf("%v, not %v", err, tt.want)
		}
		p.Heal()
	}
}

// The AI credit is a wallet of its own.
func TestAICredit(t *testing.T) {
	p := docspacetest.New(t)
	c := client(t, p.URL, p.Key)
	if _, err := c.CreditAIBalance(t.Context(), cents(30_00, "USD"), "once"); err != nil {
		t.Fatal(err)
	}
	for _, ai := range []bool{false, true} {
		r, _ := read(t, c, reconcile.Reading{Now: p.Now, AI: ai})
		agrees(t, r)
		if want := map[bool]int{false: 4, true: 1}[ai]; r.Operations != want {
			t.Errorf("AI %v: %d operations", ai, r.Operations)
		}
	}
}

func TestState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	state, err := reconcile.OpenState(file)
	if err != nil || state.Of("one") != nil {
		t.Fatal(err)
	}
	p := docspacetest.New(t)
	c := client(t, p.URL, p.Key)
	_, memory := read(t, c, reconcile.Reading{Now: p.Now})
	state.Put("one", memory)
	state.Put("one", nil) // keeps what is there
	if _, err := reconcile.OpenState(file); !errors.Is(err, disk.ErrBusy) {
		t.Errorf("another run has it too: %v", err)
	}
	if err := errors.Join(state.Save(), state.Close()); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(file, link); err != nil {
		link = file // where nobody may make one
	}
	if state, err = reconcile.OpenState(link); err != nil {
		t.Fatal(err)
	}
	if _, err := reconcile.OpenState(file); !errors.Is(err, disk.ErrBusy) {
		t.Errorf("another run has it by another name: %v", err)
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	p.Advance(day)
	spend(t, p, 1, 5_00)
	r, _ := read(t, c, reconcile.Reading{Now: p.Now, Config: reconcile.Config{Earlier: state.Of("one")}})
	agrees(t, r)
	if len(r.Notes) > 0 {
		t.Error(r.Notes)
	}
	for name, text := range map[string]string{
		"no JSON": "{", "another version": `{"version":2}`, "nothing": `{"version":1,"wallets":{"a":null}}`,
		"no day":  `{"version":1,"wallets":{"a":{"days":{"July":""}}}}`,
		"no sums": `{"version":1,"wallets":{"a":{"days":{"2026-07-01":"abc"}}}}`,
	} {
		if err := disk.WriteWhole(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := reconcile.OpenState(file); !errors.Is(err, reconcile.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
