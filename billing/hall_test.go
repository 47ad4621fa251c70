package billing_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/testenv"
)

const (
	company  = "docspace.io123" // the sample company's portal
	host     = "portal.example"
	gigabyte = 1 << 30
	day      = 24 * time.Hour
	// patience only decides how long a failing test takes.
	patience = 30 * time.Second
)

// here is a reader of whom nothing is known.
var here catalog.Locale

func newClock() *testenv.Clock {
	return testenv.NewClock(time.Date(2026, 7, 8, 11, 39, 43, 0, time.UTC))
}

// hall is a service with its clock, on a database in a folder.
type hall struct {
	*billing.Service
	t     *testing.T
	dir   string
	store *store.Store
	clock *testenv.Clock
	keys  map[billing.Role]string
}

// newHall returns a hall on an empty database.
func newHall(t *testing.T) *hall {
	t.Helper()
	return hallOn(t, t.TempDir(), newClock(), billing.Config{})
}

// newCompany returns a hall with the sample company, which answers for host.
func newCompany(t *testing.T) *hall {
	t.Helper()
	h := newHall(t)
	if _, err := sample.Create(t.Context(), h.Service, sample.Config{Hosts: []string{host}, Now: h.clock.Now()}); err != nil {
		t.Fatalf("make the sample company: %v", err)
	}
	return h
}

// hallOn returns a hall on the database of a folder.
func hallOn(t *testing.T, dir string, clock *testenv.Clock, config billing.Config) *hall {
	t.Helper()
	// What is asked here does not depend on the disk, and thousands of commits do.
	s, err := store.Open(t.Context(), store.Config{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	config.Store, config.Now = s, clock.Now
	service, err := billing.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return &hall{Service: service, t: t, dir: dir, store: s, clock: clock, keys: map[billing.Role]string{}}
}

// another returns a second hall on the same folder, as another process would be.
func (h *hall) another() *hall { return hallOn(h.t, h.dir, h.clock, billing.Config{}) }

// addPortal makes a portal that answers for "<id>.example".
func (h *hall) addPortal(id string, bought ...billing.Purchase) {
	h.t.Helper()
	h.must(h.CreatePortal(h.t.Context(), billing.NewPortal{
		ID: id, Hosts: []string{id + ".example"}, Owner: billing.NewUser{Email: "owner@" + id + ".example"}, Bought: bought,
	}))
}

// must fails the test on an error; what comes before it is not looked at.
func (h *hall) must(results ...any) {
	h.t.Helper()
	if err, _ := results[len(results)-1].(error); err != nil {
		h.t.Fatal(err)
	}
}

// view returns what a host is shown.
func (h *hall) view(host string) *billing.View {
	h.t.Helper()
	v, err := h.View(h.t.Context(), host)
	if err != nil {
		h.t.Fatalf("View(%s): %v", host, err)
	}
	return v
}

// as returns a caller with a role in the sample company, as it is now.
func (h *hall) as(role billing.Role) *billing.Caller {
	h.t.Helper()
	if h.keys[role] == "" {
		key, _, err := h.CreateKey(h.t.Context(), company, billing.NewKey{UserEmail: sample.People()[role].Email, Name: "test"})
		if err != nil {
			h.t.Fatal(err)
		}
		h.keys[role] = key
	}
	return h.enter(host, h.keys[role])
}

// owner returns the owner of a portal that addPortal made, as caller.
func (h *hall) owner(id string) *billing.Caller {
	h.t.Helper()
	key, _, err := h.CreateKey(h.t.Context(), id, billing.NewKey{Name: "owner"})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.enter(id+".example", key)
}

// enter returns the caller whom a key lets in to read.
func (h *hall) enter(host, key string) *billing.Caller {
	h.t.Helper()
	c, err := h.Authenticate(h.t.Context(), h.view(host), key, billing.Reading)
	if err != nil {
		h.t.Fatalf("Authenticate: %v", err)
	}
	return c
}

// past runs a statement past Bursar.
func (h *hall) past(statement string) {
	h.t.Helper()
	file := url.URL{Scheme: "file", Path: filepath.Join(h.dir, "bursar.db")}
	db, err := sql.Open("sqlite", file.String())
	h.must(err)
	defer db.Close()
	h.must(db.Exec(statement))
}

// dump returns the database as sorted text, a line a row, without the numbers
// that are given out: one that is not used is lost.
func (h *hall) dump() []string {
	h.t.Helper()
	file := url.URL{Scheme: "file", Path: filepath.Join(h.dir, "bursar.db")}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	var all []string
	for _, table := range []string{
		"host", "portal", "portal_user", "api_key", "customer", "pocket", "subscription", "top_up_rule", "usage", "enabled_service",
	} {
		rows, err := db.Query("SELECT * FROM " + table)
		if err != nil {
			h.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			h.t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				h.t.Fatal(err)
			}
			line := table
			for i, c := range columns {
				line += fmt.Sprintf(" %s=%q", c, fmt.Sprint(values[i]))
			}
			all = append(all, line)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			h.t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

// within waits for a goroutine that must end.
func within(t *testing.T, what string, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(patience):
		t.Fatalf("%s hangs", what)
	}
}

// running runs fn in a goroutine of its own.
func running(fn func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	return done
}

// equally compares what this package returns.
var equally = cmp.Options{
	cmpopts.EquateComparable(money.Amount{}),
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b *catalog.Plan) bool { return a == b }),
	cmp.Comparer(func(a, b catalog.Features) bool { return a.String() == b.String() }),
}

func diff(t testing.TB, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, equally); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func planIDs(quotas []billing.Quota) []int {
	var ids []int
	for _, q := range quotas {
		ids = append(ids, q.Plan.ID)
	}
	return ids
}

func plan(t *testing.T, id int) *catalog.Plan {
	t.Helper()
	p, ok := catalog.Stock().Plan(id)
	if !ok {
		t.Fatalf("the stock catalogue has no plan %d", id)
	}
	return p
}

// amount reads "148.50 USD".
func amount(text string) money.Amount {
	number, currency, _ := strings.Cut(text, " ")
	a, err := money.Parse(number, money.Currency(currency))
	if err != nil {
		panic(err)
	}
	return a
}

// hashOf is how a key is kept.
func hashOf(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// background is for goroutines that may outlive a test's context.
var background = context.Background()
