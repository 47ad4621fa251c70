package docspacetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/clock"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/paymentapi"
	"github.com/bursarhq/bursar/portalapi"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/worker"
)

// Portal is a running portal. Its methods fail the test when they can't do what
// they say.
type Portal struct {
	// URL is its address: "http://127.0.0.1:40123".
	URL string
	// Key is an API key of the owner, who is also the payer.
	Key string

	t       testing.TB
	id      string
	service *billing.Service
	clock   *clock.Virtual
	worker  *worker.Worker
	faults  *faults
	mail    *letters
}

// New starts a portal for one test.
func New(t testing.TB) *Portal {
	t.Helper()
	return newHouse(t, portalapi.Quirks{}).portal(t, "")
}

// NewStock starts a portal that keeps the ways of a stock DocSpace where Bursar
// does better: signs for currency codes, no due date of the plan, and others.
func NewStock(t testing.TB) *Portal {
	t.Helper()
	return newHouse(t, portalapi.StockQuirks()).portal(t, "")
}

// Many starts n portals for one test, each with an address, a key and faults of its own.
// They are in one process and one database, and have one clock and one mailbox.
func Many(t testing.TB, n int) []*Portal {
	t.Helper()
	h := newHouse(t, portalapi.Quirks{})
	all := make([]*Portal, n)
	for i := range all {
		all[i] = h.portal(t, fmt.Sprintf("p%d", i))
	}
	return all
}

// house is what portals have in common.
type house struct {
	service *billing.Service
	clock   *clock.Virtual
	worker  *worker.Worker
	door    http.Handler
	mail    *letters
}

func newHouse(t testing.TB, quirks portalapi.Quirks) *house {
	t.Helper()
	db, err := store.Open(context.Background(), store.Config{InMemory: true})
	if err != nil {
		t.Fatal("docspacetest: ", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error("docspacetest: ", err)
		}
	})
	h := &house{clock: clock.NewVirtual(time.Now()), mail: &letters{}}
	collector := billing.NewSandbox(db, sandbox.Config{Now: h.clock.Now})
	h.service, err = billing.New(billing.Config{
		Store: db, Now: h.clock.Now, Provider: collector, StockQuirks: quirks.NoPlanDueDate,
		Mail: h.mail, MailFrom: "portal@example.com", SalesEmail: "sales@example.com",
	})
	if err != nil {
		t.Fatal("docspacetest: ", err)
	}
	t.Cleanup(func() { // before the database is closed
		if err := h.service.StopReports(context.Background()); err != nil {
			t.Error("docspacetest: ", err)
		}
	})
	h.worker = worker.New(worker.Config{Service: h.service, Clock: h.clock})
	quiet := slog.New(slog.DiscardHandler)
	h.door = doors(
		paymentapi.New(paymentapi.Config{Provider: collector, Handle: h.service.Receive, Log: quiet}),
		portalapi.New(portalapi.Config{Service: h.service, Log: quiet, Quirks: quirks, SalesEmail: "sales@example.com"}),
	)
	return h
}

// portal opens a portal of the house, at an address of its own; the id "" is for the
// only one.
func (h *house) portal(t testing.TB, id string) *Portal {
	t.Helper()
	config := sample.Config{PortalID: id, Now: h.clock.Now()}
	door := h.door
	if id != "" {
		host := id + ".example.com"
		config.Hosts = []string{host}
		door = called(host, door)
	}
	company, err := sample.Create(context.Background(), h.service, config)
	if err != nil {
		t.Fatal("docspacetest: ", err)
	}
	p := &Portal{
		Key: company.OwnerKey, id: company.PortalID,
		t: t, service: h.service, clock: h.clock, worker: h.worker, faults: newFaults(), mail: h.mail,
	}
	server := httptest.NewServer(httpd.Wrap(httpd.Config{Handler: p.faults.before(door), Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(func() {
		p.faults.stop()
		server.Close()
	})
	p.URL = server.URL
	return p
}

// called has requests be for a host, whatever they were sent to.
func called(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Host = host
		next.ServeHTTP(w, r)
	})
}

// doors sends each request to its door: the sandbox's pages have paths of their own.
func doors(payments, portals http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if paymentapi.Owns(r.URL.Path) {
			payments.ServeHTTP(w, r)
			return
		}
		portals.ServeHTTP(w, r)
	})
}

// letters are the messages that a portal sent.
type letters struct {
	mu  sync.Mutex
	all []mail.Message
}

// Send keeps a message.
func (l *letters) Send(_ context.Context, m mail.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
	return nil
}

// Mail returns the messages that the portal sent, the oldest first; nil for none.
func (p *Portal) Mail() []mail.Message {
	p.mail.mu.Lock()
	defer p.mail.mu.Unlock()
	return slices.Clone(p.mail.all)
}

// Client returns a client that is let in by the owner's key.
func (p *Portal) Client() *docspace.Client {
	p.t.Helper()
	client, err := docspace.New(docspace.Config{URL: p.URL, Key: p.Key})
	p.must("make client", err)
	return client
}

// KeyOf returns a new API key of the sample's user with this role.
func (p *Portal) KeyOf(role billing.Role) string {
	p.t.Helper()
	person, ok := sample.People()[role]
	if !ok {
		p.t.Fatalf("docspacetest: nobody has the role %q", role)
	}
	secret, _, err := p.service.CreateKey(p.t.Context(), p.id, billing.NewKey{
		Name: "of " + string(role), UserEmail: person.Email,
	})
	p.must("create key", err)
	return secret
}

// SetBalance sets what the wallet holds in the currencies of the amounts; it
// keeps what it holds in others.
func (p *Portal) SetBalance(amounts ...money.Amount) {
	p.t.Helper()
	p.must("set balance", p.service.SetCustomer(p.t.Context(), p.id, billing.CustomerChange{Balances: amounts}))
}

// SetCustomer changes who pays, and by what. The kind of payment method says how
// deposits end: "card" settles, "card_declined" is declined, "card_timeout_after" is
// collected without an answer, and so on; see package payment/sandbox, Methods.
func (p *Portal) SetCustomer(change billing.CustomerChange) {
	p.t.Helper()
	p.must("set customer", p.service.SetCustomer(p.t.Context(), p.id, change))
}

// Charge takes something from the wallet, as a service does: an operation that goes
// out. It returns what came of it.
func (p *Portal) Charge(charge billing.Charge) billing.Receipt {
	p.t.Helper()
	return p.carry("charge", charge)
}

// Credit puts something into the wallet that nobody paid in: an operation that
// comes in. It returns what came of it.
func (p *Portal) Credit(credit billing.Credit) billing.Receipt {
	p.t.Helper()
	return p.carry("credit", credit)
}

func (p *Portal) carry(doing string, what billing.What) billing.Receipt {
	p.t.Helper()
	receipt, err := p.service.CarryOne(p.t.Context(), billing.Order{PortalID: p.id, Key: rand.Text(), What: what})
	p.must(doing, err)
	return receipt
}

// SetTimeZone sets the zone that the dates of operations are in, by its IANA name;
// "" is UTC, which it is at first.
func (p *Portal) SetTimeZone(name string) {
	p.t.Helper()
	p.must("set time zone", p.service.SetTimeZone(p.t.Context(), p.id, name))
}

// SetPurchases replaces what the portal has bought, the plan first; nothing
// leaves it the free plan.
func (p *Portal) SetPurchases(bought ...billing.Purchase) {
	p.t.Helper()
	p.must("set purchases", p.service.SetPurchases(p.t.Context(), p.id, bought))
}

// SetUsage sets how much of some features is used.
func (p *Portal) SetUsage(used map[string]int64) {
	p.t.Helper()
	p.must("set usage", p.service.SetUsage(p.t.Context(), p.id, used))
}

// SetTopUpRule sets when, and up to what, the wallet is refilled.
func (p *Portal) SetTopUpRule(enabled bool, floor, target money.Amount) {
	p.t.Helper()
	p.must("set top-up rule", p.service.SetTopUpRule(p.t.Context(), p.id, enabled, floor, target))
}

// ClearTopUpRule takes the top-up rule away, as if it had never been set.
func (p *Portal) ClearTopUpRule() {
	p.t.Helper()
	p.must("clear top-up rule", p.service.ClearTopUpRule(p.t.Context(), p.id))
}

// Now returns the portal's time.
func (p *Portal) Now() time.Time { return p.clock.Now() }

// Advance moves the portal's clock forward, from one moment at which something falls
// due to the next, and does it: renewals, top-ups, messages. The clock stands still
// otherwise.
func (p *Portal) Advance(by time.Duration) {
	p.t.Helper()
	_, err := p.worker.Advance(p.t.Context(), by)
	p.must("advance", err)
}

func (p *Portal) must(doing string, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("docspacetest: %s: %v", doing, err)
	}
}
