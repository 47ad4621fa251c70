package portalapi_test

import (
	"context"
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/store"
)

// Each failure is a real one, after which the portal can't be read. Unknown is
// not nought: no read may answer it with an empty answer, or with an old one.
func TestFailureIsNeverAnEmptyAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		broken func(*testing.T) *house // worked, and does no more
		cause  string                  // what the log says, and the answer does not
	}{
		"a table is gone":                  {goneTable, "no such table"},
		"the plan is not in the catalogue": {gonePlan, "catalogue lacks"},
	} {
		t.Run(name, func(t *testing.T) {
			h := test.broken(t)
			for _, path := range append([]string{"quotas?wallet=true", "customer/balance?refresh=true"}, reads...) {
				got := h.do(request{path: path, key: h.company.OwnerKey, header: map[string]string{httpd.RequestIDHeader: "test-42"}})
				same(t, `{"error":{"message":"Something went wrong on our side. Request test-42","type":"System.Exception",`+
					`"stack":null,"hresult":-2146233088},"status":1,"statusCode":500}`, got.body)
				if id := got.header.Get(httpd.RequestIDHeader); got.status != http.StatusInternalServerError || id != "test-42" {
					t.Errorf("%s: %d of request %q", path, got.status, id)
				}
			}
			log := h.log.String()
			if !strings.Contains(log, test.cause) || !strings.Contains(log, "request_id=test-42") {
				t.Errorf("the log has not both the request and %q: %s", test.cause, log)
			}
			if strings.Contains(log, h.company.OwnerKey) {
				t.Error("the key was logged")
			}
		})
	}
}

// A store that is closing is not broken: the next instance may have the answer.
func TestClosedStoreIsNeverAnEmptyAnswer(t *testing.T) {
	h := closedStore(t)
	for _, path := range append([]string{"quotas?wallet=true", "customer/balance?refresh=true"}, reads...) {
		got := h.do(request{path: path, key: h.company.OwnerKey})
		if got.status != http.StatusInternalServerError && got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %.200s", path, got.status, got.body)
		}
		if message := got.message(t); message == "" || strings.Contains(message, "closed") || strings.Contains(message, "sql") {
			t.Errorf("%s: the message is %q", path, message)
		}
	}
}

func closedStore(t *testing.T) *house {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, setup{store: s})
	h.get("customer/balance")
	h.must(s.Close())
	return h
}

func goneTable(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	h := newHouse(t, setup{store: openStore(t, store.Config{Dir: dir})})
	h.get("customer/balance")
	db, err := sql.Open("sqlite", filepath.Join(dir, "bursar.db"))
	h.must(err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `
		ALTER TABLE pocket RENAME TO lost`)
	h.must(err)
	// The portal must be read anew.
	_, err = db.ExecContext(t.Context(), `
		UPDATE portal
		   SET version = version + 1`)
	h.must(err)
	return h
}

func gonePlan(t *testing.T) *house {
	t.Helper()
	less, err := catalog.Parse([]byte("currencies: [USD]\nplans: [{id: -3, name: startup, features: free}]"))
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, store.Config{InMemory: true})
	company := newHouse(t, setup{store: s}).company
	h := newHouse(t, setup{store: s, empty: true, billing: billing.Config{Catalog: less}})
	h.company = company
	return h
}

// A request that was given up while it waited may be sent again, and is told so.
func TestBusyIsTryAgain(t *testing.T) {
	h := newHouse(t, setup{})
	q := request{path: "customer/balance", key: h.company.OwnerKey}
	r := q.build(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := h.hand(q, r.WithContext(ctx))
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	same(t, `{"error":{"message":"The service is busy. Try again","type":null,"stack":null,"hresult":0},`+
		`"status":1,"statusCode":503}`, got.body)
	h.get("customer/balance") // and so it goes
}

func TestRequestIDIsTheCallersOrADrawnOne(t *testing.T) {
	h := newHouse(t, setup{})
	for sent, kept := range map[string]bool{
		"abc-DEF_0.9": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, `a"b`: false, "a b": false, "": false,
	} {
		got := h.do(request{path: "quota", key: h.company.OwnerKey, header: map[string]string{httpd.RequestIDHeader: sent}})
		if id := got.header.Get(httpd.RequestIDHeader); (id == sent) != kept || id == "" {
			t.Errorf("%q was sent, %q is the request's", sent, id)
		}
	}
}
