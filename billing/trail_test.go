package billing_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

// traced is something that changes a portal, and the lines that it leaves.
type traced struct {
	// open is where it is done; nil: at a desk with 500 USD.
	open func(t *testing.T) *desk
	// before is done first; nil: nothing.
	before func(d *desk)
	do     func(ctx context.Context, d *desk) error
	// want are the lines, the earliest first: action, object, before > after.
	want []string
	// once says that the same again fails, or is another deed.
	once bool
	// fails is refused, and leaves no line; nil: there is no such thing.
	fails func(ctx context.Context, d *desk) error
	// portal is whose trail it is; "" means "p", "-" that of no portal.
	portal string
	// by is who it is by if not by who asks.
	by billing.ActorKind
}

var somebody = billing.Actor{Kind: billing.ByOperator, ID: "k1", Name: "deploy", Request: "req-1"}

// trail returns the lines of a portal's trail, the earliest first.
func (h *hall) trail(portalID string) []store.Audit {
	h.t.Helper()
	lines, err := h.Audit(h.t.Context(), portalID, 0, billing.MaxAudit)
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(lines)
	return lines
}

var (
	anyID   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	anyCode = regexp.MustCompile(`sandbox_[0-9a-f]+`)
)

func told(a store.Audit) string {
	text := fmt.Sprintf("%s %s %s > %s", a.Action, a.Object, a.Before, a.After)
	return anyCode.ReplaceAllString(anyID.ReplaceAllString(text, "ID"), "CODE")
}

// notTraced are the use cases that change what is stored and leave no line, with why.
var notTraced = map[string]string{
	"Carry":            "the ledger keeps who asked",
	"CarryOne":         "as Carry",
	"Rehearse":         "nothing is changed",
	"RehearseDeposit":  "nothing is changed",
	"RehearsePayment":  "nothing is changed",
	"FlushKeyUses":     "a hint for people",
	"ExpireHolds":      "nobody did it, time did; others are told by an event",
	"SweepReports":     "what is gone was to go",
	"StopReports":      "the process ends",
	"Spending":         "it only reads: what it calls has names of others",
	"Operations":       "as Spending",
	"PortalOperations": "as Spending",
	"Runway":           "as Spending",
	"WaitForEvents":    "it only reads: what it calls has names of others",
	"MonthlySpending":  "it only reads: what it calls has names of others",
	"ClaimJobs":        "a lease is nothing that anybody changed",
	"PlaceEvents":      "an event is the same wherever its place is",
	"JobsCaused":       "it only tells",
	"RunJob":           "each kind of job leaves the lines of what it does",
}

// Every use case that changes something leaves what is said here in the trail, by who
// asked, once; the same again and what is refused leave nothing.
func TestEveryChangeLeavesItsLines(t *testing.T) {
	all := changesMade()
	for _, name := range writers(t) {
		if _, ok := all[name]; !ok && notTraced[name] == "" {
			t.Errorf("%s may change something, and nothing is said of its trail", name)
		}
	}
	for name, what := range all {
		t.Run(name, func(t *testing.T) { tryDeed(t, what) })
	}
}

func tryDeed(t *testing.T, what traced) {
	var d *desk
	if what.open != nil {
		d = what.open(t)
	} else {
		d = newDesk(t, inMemory, "500 USD")
	}
	portalID := "p"
	switch what.portal {
	case "":
	case "-":
		portalID = ""
	default:
		portalID = what.portal
	}
	if what.before != nil {
		what.before(d)
	}
	earlier := 0
	if portalID != "new" {
		earlier = len(d.trail(portalID))
	}
	ctx := billing.WithActor(t.Context(), somebody)
	if what.fails != nil {
		if err := what.fails(ctx, d); err == nil {
			t.Error("what is to be refused is not")
		}
		if portalID != "new" {
			if now := d.trail(portalID)[earlier:]; len(now) > 0 {
				t.Errorf("what was refused leaves %v", now)
			}
		}
	}
	if err := what.do(ctx, d); err != nil {
		t.Fatal(err)
	}
	lines := d.trail(portalID)[earlier:]
	var got []string
	for i, line := range lines {
		got = append(got, told(line))
		for _, secret := range []string{"sk-", "bk-", "whsec_", "token=", d.key} {
			if secret != "" && strings.Contains(line.Before+line.After+line.Object, secret) {
				t.Errorf("%q is told: %+v", secret, line)
			}
		}
		by := somebody
		if what.by != "" {
			by = billing.Actor{Kind: what.by, ID: line.ActorID, Name: line.ActorName, Request: somebody.Request}
		}
		want := line
		want.PortalID, want.Number, want.At = portalID, int64(earlier+i+1), d.clock.Now()
		want.Actor, want.ActorID, want.ActorName, want.RequestID = string(by.Kind), by.ID, by.Name, by.Request
		if diff := cmp.Diff(want, line); diff != "" {
			t.Errorf("a line (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(what.want, got); diff != "" {
		t.Errorf("the lines (-want +got):\n%s", diff)
	}
	if what.once {
		return
	}
	if err := what.do(ctx, d); err != nil {
		t.Fatalf("again: %v", err)
	}
	if more := d.trail(portalID)[earlier+len(lines):]; len(more) > 0 {
		t.Errorf("the same again leaves %v", more)
	}
}

// person adds a user to the desk's portal, and returns the id.
func (d *desk) user(email string) string {
	d.t.Helper()
	id, err := d.AddUser(d.t.Context(), "p", billing.NewUser{Email: email, Role: billing.Guest})
	d.must(err)
	return id
}

func (d *desk) userID(email string) string {
	d.t.Helper()
	u, err := d.UserNamed(d.t.Context(), "p", email)
	d.must(err)
	return u.ID
}

// deposited has the wallet have a collection c1 of 50 USD.
func deposited(d *desk) {
	_, err := d.Deposit(d.t.Context(), "p", "c1", billing.Deposit{Amount: amount("50 USD")})
	d.must(err)
}

// mailingDesk is the sample company at a desk that can send mail, for sales.
func mailingDesk(t *testing.T) *desk {
	h, _ := mailing(t)
	return &desk{hall: h}
}

// poorDesk is one whose portal has no customer.
func poorDesk(t *testing.T) *desk { return newDesk(t, inMemory, "") }

func reportingDesk(t *testing.T) *desk {
	d := newDesk(t, inMemory, "500 USD")
	d.stopped()
	return d
}

func changesMade() map[string]traced {
	all := map[string]traced{}
	for _, some := range []map[string]traced{portalDeeds(), peopleDeeds(), settingDeeds(), moneyDeeds(), planDeeds(), jobDeeds(), webhookDeeds()} {
		for name, what := range some {
			all[name] = what
		}
	}
	return all
}

// What sales were not told leaves no line.
func TestMailThatFailsLeavesNoLine(t *testing.T) {
	clock := newClock()
	h := hallOn(t, t.TempDir(), clock, billing.Config{Mail: brokenMail{}, MailFrom: "bursar@example.com", SalesEmail: "sales@example.com"})
	h.must(sample.Create(t.Context(), h.Service, sample.Config{Hosts: []string{host}, Now: clock.Now()}))
	me := h.as(billing.Admin)
	before := len(h.trail(company))
	if err := h.RequestSales(t.Context(), me, home, wanted); !errors.Is(err, billing.ErrTryAgain) {
		t.Errorf("%v", err)
	}
	if now := h.trail(company)[before:]; len(now) > 0 {
		t.Errorf("%v", now)
	}
}

// brokenMail sends nothing.
type brokenMail struct{}

func (brokenMail) Send(context.Context, mail.Message) error { return errors.New("no route") }

// Money orders leave no line, but say in the ledger who asked, as does all that moves
// money beside something else.
func TestTheLedgerKeepsWhoAsked(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		lines := len(tl.trail(company))
		by := func(kind billing.ActorKind, id, name, request string) context.Context {
			return billing.WithActor(t.Context(), billing.Actor{Kind: kind, ID: id, Name: name, Request: request})
		}
		charge := billing.Charge{Service: "backup", Quantity: 1, Amount: amount("1 USD")}
		for key, ctx := range map[string]context.Context{
			"a": by(billing.ByOperator, "k1", "deploy", "r1"),
			"b": by(billing.ByCommand, "", "root", ""),
			"c": t.Context(),
			"d": by(billing.ByCommand, strings.Repeat("ä", 100), "", "r\n\x00"),
			"e": by(billing.ByCommand, "a\xffb\x00c", "", "r2"),
		} {
			order := billing.Order{PortalID: company, Key: key, What: charge}
			if _, err := tl.CarryOne(ctx, order); err != nil {
				t.Fatal(err)
			}
			if receipt, err := tl.CarryOne(by(billing.ByUser, "late", "", ""), order); err != nil || !receipt.Replay {
				t.Fatalf("%+v, %v", receipt, err)
			}
			if _, err := tl.Rehearse(ctx, billing.Order{PortalID: company, Key: "rehearsed " + key, What: charge}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tl.Deposit(by(billing.ByUser, "u1", "", "r3"), company, "f", billing.Deposit{Amount: amount("5 USD")}); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"a": "operator k1 r1", "b": "command root", "c": "bursar", "d": "command " + strings.Repeat("ä", 60), "e": "command a\uFFFDb c r2",
			"bursar:collection:1": "user u1 r3",
		}
		page, err := tl.PortalOperations(t.Context(), company, billing.OperationFilter{Limit: 6})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tl.Origins(t.Context(), company, page.Transfers...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("who asked (-want +got):\n%s", diff)
		}
		if now := tl.trail(company)[lines:]; len(now) != 2 {
			t.Errorf("charges, and a deposit, leave %v", now)
		}
	})
}

// Who asked costs a charge next to nothing.
func TestOriginsAreCheap(t *testing.T) {
	h := newCompany(t)
	bare, known := t.Context(), billing.WithActor(t.Context(), billing.Actor{
		Kind: billing.ByOperator, ID: "8597baab-f80c-4635-9c76-11095236bbd9", Name: "deploy", Request: "6bfb3ce39811430d",
	})
	h.carry("money", billing.Credit{Amount: amount("1000 USD"), Reason: "r"})
	n := 0
	charges := func(ctx context.Context) float64 {
		return testing.AllocsPerRun(50, func() {
			n++
			order := billing.Order{PortalID: company, Key: fmt.Sprint("k", n), What: billing.Charge{Service: "backup", Quantity: 1, Amount: amount("0.01 USD")}}
			if _, err := h.CarryOne(ctx, order); err != nil {
				t.Fatal(err)
			}
		})
	}
	charges(bare)
	if without, with := charges(bare), charges(known); with > without+10 {
		t.Errorf("a charge makes %v allocations, and %v when it is known who asked", without, with)
	}
}
