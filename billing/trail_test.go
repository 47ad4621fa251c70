package billing_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/mail"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
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
	"Carry":           "the ledger keeps who asked",
	"CarryOne":        "as Carry",
	"Rehearse":        "nothing is changed",
	"RehearseDeposit": "nothing is changed",
	"RehearsePayment": "nothing is changed",
	"FlushKeyUses":    "a hint for people",
	"SweepReports":    "what is gone was to go",
	"StopReports":     "the process ends",
	"Spending":        "it only reads: what it calls has names of others",
	"MonthlySpending": "it only reads: what it calls has names of others",
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
		for _, secret := range []string{"sk-", "bk-", d.key} {
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
	for _, some := range []map[string]traced{portalDeeds(), peopleDeeds(), settingDeeds(), moneyDeeds(), planDeeds()} {
		for name, what := range some {
			all[name] = what
		}
	}
	return all
}

func portalDeeds() map[string]traced {
	zone := "Asia/Tokyo"
	return map[string]traced{
		"CreatePortal": {portal: "new", once: true,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.CreatePortal(ctx, billing.NewPortal{
					ID: "new", Name: "New", Hosts: []string{"b.example", "a.example"}, Country: "de", Owner: billing.NewUser{Email: "o@new.example"},
					Bought: []billing.Purchase{{Plan: -9, Quantity: 2}},
				})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.CreatePortal(ctx, billing.NewPortal{ID: "new", Hosts: []string{"p.example"}})
				return err
			},
			want: []string{`portal.create new  > {"name":"New","country":"DE","hosts":["a.example","b.example"],"owner":"o@new.example","bought":[{"plan":-9,"quantity":2}]}`},
		},
		"ChangePortal": {
			do: func(ctx context.Context, d *desk) error {
				return d.ChangePortal(ctx, "p", billing.PortalChange{Name: "Pe", TimeZone: &zone, AddHosts: []string{"q.example"}})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.ChangePortal(ctx, "p", billing.PortalChange{Name: "Pe", RemoveHosts: []string{"other.example"}})
			},
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > {"name":"Pe","timeZone":"Asia/Tokyo","hosts":["p.example","q.example"]}`},
		},
		"AddHost": {
			do:    func(ctx context.Context, d *desk) error { return d.AddHost(ctx, "p", "q.example") },
			fails: func(ctx context.Context, d *desk) error { return d.AddHost(ctx, "p", "q.example:80") },
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > ` +
				`{"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example","q.example"]}`},
		},
		"RemoveHost": {once: true,
			do:    func(ctx context.Context, d *desk) error { return d.RemoveHost(ctx, "p", "p.example") },
			fails: func(ctx context.Context, d *desk) error { return d.RemoveHost(ctx, "p", "q.example") },
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > ` +
				`{"name":"p.example","timeZone":"Europe/Berlin"}`},
		},
		"SetTimeZone": {
			do:    func(ctx context.Context, d *desk) error { return d.SetTimeZone(ctx, "p", "Asia/Tokyo") },
			fails: func(ctx context.Context, d *desk) error { return d.SetTimeZone(ctx, "p", "Asia/Nowhere") },
			want: []string{`portal.change p {"name":"p.example","timeZone":"Europe/Berlin","hosts":["p.example"]} > ` +
				`{"name":"p.example","timeZone":"Asia/Tokyo","hosts":["p.example"]}`},
		},
		"CreateOperatorKey": {portal: "-", once: true,
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateOperatorKey(ctx, billing.NewOperatorKey{Name: "o", Days: 1, Secret: "bk-" + strings.Repeat("s", 30)})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateOperatorKey(ctx, billing.NewOperatorKey{Name: "o", Days: 1000})
				return err
			},
			want: []string{`operator_key.create ID  > {"name":"o","expires":"2026-07-09T11:39:43Z"}`},
		},
		"RevokeOperatorKey": {portal: "-",
			before: func(d *desk) {
				_, _, err := d.CreateOperatorKey(d.t.Context(), billing.NewOperatorKey{Name: "o", Secret: "bk-secret"})
				d.must(err)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeOperatorKey(ctx, "bk-secret")
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeOperatorKey(ctx, "bk-other")
				return err
			},
			want: []string{`operator_key.revoke ID {"name":"o"} > `},
		},
	}
}

func peopleDeeds() map[string]traced {
	return map[string]traced{
		"AddUser": {once: true,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.AddUser(ctx, "p", billing.NewUser{Email: "ann@p.example", Name: "Ann", Role: billing.Admin})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.AddUser(ctx, "p", billing.NewUser{Email: "owner@p.example", Role: billing.Admin})
				return err
			},
			want: []string{`user.create ID  > {"email":"ann@p.example","name":"Ann","role":"admin"}`},
		},
		"ChangeUser": {
			before: func(d *desk) { d.user("ann@p.example") },
			do: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeUser(ctx, "p", d.userID("ann@p.example"), billing.UserChange{Name: "Ann", Role: billing.Owner})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeUser(ctx, "p", d.userID("ann@p.example"), billing.UserChange{Email: "owner@p.example"})
				return err
			},
			want: []string{
				`user.change ID {"email":"owner@p.example","name":"owner","role":"owner"} > {"email":"owner@p.example","name":"owner","role":"admin"}`,
				`user.change ID {"email":"ann@p.example","name":"ann","role":"guest"} > {"email":"ann@p.example","name":"Ann","role":"owner"}`,
			},
		},
		"RemoveUser": {once: true,
			before: func(d *desk) { d.user("ann@p.example") },
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RemoveUser(ctx, "p", d.userID("ann@p.example"))
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RemoveUser(ctx, "p", d.userID("owner@p.example"))
				return err
			},
			want: []string{`user.remove ID {"email":"ann@p.example","name":"ann","role":"guest"} > `},
		},
		"CreateKey": {once: true,
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateKey(ctx, "p", billing.NewKey{Name: "new", Days: 1})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateKey(ctx, "p", billing.NewKey{Name: "new", UserEmail: "nobody@p.example"})
				return err
			},
			want: []string{`key.create ID  > {"name":"new","user":"ID","expires":"2026-07-09T11:39:43Z"}`},
		},
		"CreateKeyFor": {once: true,
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.CreateKeyFor(ctx, d.me(), billing.NewKey{Name: "new"})
				return err
			},
			want: []string{`key.create ID  > {"name":"new","user":"ID"}`},
		},
		"RevokeKey": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeKey(ctx, "p", d.key)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RevokeKey(ctx, "p", "none")
				return err
			},
			want: []string{`key.revoke ID {"name":"k","user":"ID"} > `},
		},
		"RevokeKeyFor": {once: true,
			do: func(ctx context.Context, d *desk) error {
				me := d.me()
				keys, err := d.KeysFor(ctx, me)
				d.must(err)
				return d.RevokeKeyFor(ctx, me, keys[0].ID)
			},
			want: []string{`key.revoke ID {"name":"k","user":"ID"} > `},
		},
		"RequestSales": {open: mailingDesk, portal: company, once: true,
			before: func(d *desk) { d.as(billing.Admin) },
			do: func(ctx context.Context, d *desk) error {
				return d.RequestSales(ctx, d.as(billing.Admin), home, wanted)
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.RequestSales(ctx, d.as(billing.Admin), netip.Addr{}, billing.SalesRequest{Email: "a@example.com"})
			},
			want: []string{`sales.request   > {"name":"Olivia Owner","email":"Olivia@example.com","message":"What does it cost\nfor a thousand?"}`},
		},
		"StartReport": {open: reportingDesk, once: true,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.StartReport(ctx, d.me(), operationsOf(billing.OperationFilter{}))
				return err
			},
			want: []string{`report.start 1  > {"kind":"operations","file":"operations.xlsx"}`},
		},
		"CancelReport": {open: reportingDesk,
			before: func(d *desk) {
				let := make(chan struct{})
				d.t.Cleanup(func() { close(let) })
				d.start(d.me(), waiting(let))
			},
			do:   func(ctx context.Context, d *desk) error { return d.CancelReport(ctx, d.me(), billing.OperationsReport) },
			want: []string{`report.cancel 1 {"kind":"operations"} > `},
		},
	}
}

func settingDeeds() map[string]traced {
	rule := func(ctx context.Context, d *desk, floor, target string) error {
		return d.SetTopUpRule(ctx, "p", true, amount(floor), amount(target))
	}
	return map[string]traced{
		"SetCustomer": {
			do: func(ctx context.Context, d *desk) error {
				return d.SetCustomer(ctx, "p", billing.CustomerChange{Email: "new@p.example", MethodStatus: "expired"})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetCustomer(ctx, "p", billing.CustomerChange{Email: "new@p.example", LastCredit: amount("5 JPY")})
			},
			want: []string{`customer.change 100001 {"email":"owner@p.example","payer":"ID","method":"set","type":"card"} > {"email":"new@p.example","method":"expired","type":"card"}`},
		},
		"SetPurchases": {
			do: func(ctx context.Context, d *desk) error {
				return d.SetPurchases(ctx, "p", []billing.Purchase{{Plan: -9, Quantity: 3}})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetPurchases(ctx, "p", []billing.Purchase{{Plan: -9, Quantity: 0}})
			},
			want: []string{`subscription.change  [] > [{"plan":-9,"quantity":3}]`},
		},
		"SetUsage": {
			before: func(d *desk) { d.must(d.SetUsage(d.t.Context(), "p", map[string]int64{"room": 1, "users": 4})) },
			do: func(ctx context.Context, d *desk) error {
				return d.SetUsage(ctx, "p", map[string]int64{"room": 2, "users": 4, "manager": 3})
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetUsage(ctx, "p", map[string]int64{"room": -2})
			},
			want: []string{`usage.report  {"room":1} > {"manager":3,"room":2}`},
		},
		"SetServices": {
			do:    func(ctx context.Context, d *desk) error { return d.SetServices(ctx, "p", []int{-12, -11}) },
			fails: func(ctx context.Context, d *desk) error { return d.SetServices(ctx, "p", []int{-9}) },
			want:  []string{`services.change   > [-11,-12]`},
		},
		"SwitchService": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.SwitchService(ctx, d.me(), "backup", true)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.SwitchService(ctx, d.me(), "nothing", true)
				return err
			},
			want: []string{`services.change backup  > [-12]`},
		},
		"RestrictModels": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RestrictModels(ctx, d.me(), []string{"b", "a"})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RestrictModels(ctx, d.me(), []string{""})
				return err
			},
			want: []string{`models.restrict   > ["a","b"]`},
		},
		"SetCreditLimit": {
			do: func(ctx context.Context, d *desk) error {
				return d.SetCreditLimit(ctx, "p", ledger.Main, amount("10 USD"))
			},
			fails: func(ctx context.Context, d *desk) error {
				return d.SetCreditLimit(ctx, "p", ledger.Main, amount("-10 USD"))
			},
			want: []string{`credit_limit.change main "0.00 USD" > "10.00 USD"`},
		},
		"SetTopUpRule": {
			do:    func(ctx context.Context, d *desk) error { return rule(ctx, d, "20 USD", "100 USD") },
			fails: func(ctx context.Context, d *desk) error { return rule(ctx, d, "20 USD", "10 USD") },
			want:  []string{`top_up_rule.change   > {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"}`},
		},
		"ClearTopUpRule": {
			before: func(d *desk) { d.must(rule(d.t.Context(), d, "20 USD", "100 USD")) },
			do:     func(ctx context.Context, d *desk) error { return d.ClearTopUpRule(ctx, "p") },
			want:   []string{`top_up_rule.change  {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"} > `},
		},
		"ChangeTopUpRule": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeTopUpRule(ctx, d.me(), &billing.TopUpChange{Enabled: true, MinBalance: 20, UpToBalance: 100})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.ChangeTopUpRule(ctx, d.me(), &billing.TopUpChange{Enabled: true, MinBalance: 20, UpToBalance: 10})
				return err
			},
			want: []string{`top_up_rule.change   > {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"}`},
		},
	}
}

const (
	opened  = `collection.open c1.p  > {"state":"open","amount":"50.00 USD","purpose":"deposit"}`
	settled = `collection.end c1.p  > {"state":"settled","amount":"50.00 USD","purpose":"deposit","reference":"CODE"}`
)

func moneyDeeds() map[string]traced {
	paid := func(reference string) billing.Payment {
		return billing.Payment{Amount: amount("5 USD"), Reference: reference}
	}
	return map[string]traced{
		"Deposit": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Deposit(ctx, "p", "k", billing.Deposit{Amount: amount("50 USD")})
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.Deposit(ctx, "p", "k", billing.Deposit{Amount: amount("0.001 USD")})
				return err
			},
			want: []string{opened, settled},
		},
		"DepositFor": {
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.DepositFor(ctx, d.me(), "k", 50, "USD")
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.DepositFor(ctx, d.me(), "k", 0, "USD")
				return err
			},
			want: []string{opened, settled},
		},
		"RecordPayment": {
			before: func(d *desk) {
				_, err := d.RecordPayment(d.t.Context(), "p", "first", paid("one"))
				d.must(err)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RecordPayment(ctx, "p", "k", paid("two"))
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RehearsePayment(ctx, "p", "k", paid("two"))
				d.must(err)
				_, err = d.RecordPayment(ctx, "p", "k", paid("one"))
				return err
			},
			want: []string{`payment.record two  > {"amount":"5.00 USD","method":"bank_transfer","received":"2026-07-08T11:39:43Z","transfer":"t3.p"}`},
		},
		"RefundCollection": {
			before: deposited,
			do: func(ctx context.Context, d *desk) error {
				_, err := d.RefundCollection(ctx, "c1.p", "k", amount("20 USD"), "late")
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.RefundCollection(ctx, "c1.p", "k", amount("51 USD"), "late")
				return err
			},
			want: []string{
				`refund.open r1.c1.p  > {"state":"open","amount":"20.00 USD","why":"late"}`,
				`refund.end r1.c1.p {"state":"open","amount":"20.00 USD","why":"late"} > {"state":"settled","amount":"20.00 USD","why":"late","reference":"CODE"}`,
			},
		},
		"Receive": {by: billing.ByProvider, before: deposited,
			do: func(ctx context.Context, d *desk) error { return d.Receive(ctx, refunded("c1.p", "20 USD")) },
			fails: func(ctx context.Context, d *desk) error {
				return d.Receive(ctx, payment.Event{Kind: payment.Refunded, ChargeID: "c1.p", Outcome: payment.Outcome{Amount: amount("20 JPY")}})
			},
			want: []string{`collection.end c1.p  > {"state":"refunded","amount":"20.00 USD","purpose":"deposit"}`},
		},
		"Reconcile": {
			before: func(d *desk) {
				d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutAfter})
				if _, err := d.Deposit(d.t.Context(), "p", "k", billing.Deposit{Amount: amount("50 USD")}); !errors.Is(err, billing.ErrUnsettled) {
					d.t.Fatal(err)
				}
				d.clock.Advance(2 * 60 * 1e9)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Reconcile(ctx)
				return err
			},
			want: []string{settled},
		},
		"Reconcile, of what never arrived": {
			before: func(d *desk) {
				d.bank.behaves(sandbox.Behaviour{Fault: sandbox.TimeOutBefore})
				if _, err := d.Deposit(d.t.Context(), "p", "k", billing.Deposit{Amount: amount("50 USD")}); !errors.Is(err, billing.ErrUnsettled) {
					d.t.Fatal(err)
				}
				d.clock.Advance(2 * 60 * 1e9)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Reconcile(ctx)
				return err
			},
			want: []string{`collection.end c1.p  > {"state":"declined","amount":"50.00 USD","purpose":"deposit","reason":"abandoned"}`},
		},
		"CreditAI": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.CreditAI(ctx, d.me(), "k", amount("20 USD"))
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.CreditAI(ctx, d.me(), "k", amount("5000 USD"))
				return err
			},
			want: []string{`ai_credit.buy ai-tools  > "20.00 USD"`, `services.change aitools  > [-13]`},
		},
		"BuyAICredit": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.BuyAICredit(ctx, d.me(), "k", "aitools", 20)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.BuyAICredit(ctx, d.me(), "k", "backup", 20)
				return err
			},
			want: []string{`ai_credit.buy ai-tools  > "20.00 USD"`, `services.change aitools  > [-13]`},
		},
	}
}

func planDeeds() map[string]traced {
	hundred := int64(200)
	return map[string]traced{
		"PlanPage": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.PlanPage(ctx, d.me(), order)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				wrong := order
				wrong.Product = "nothing"
				_, err := d.PlanPage(ctx, d.me(), wrong)
				return err
			},
			want: []string{`page.open c1.p  > {"state":"open","amount":"100.00 USD","purpose":"plan","plan":-9,"quantity":5}`},
		},
		"ChangePlan": {
			before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.ChangePlan(ctx, d.me(), "k", "admin", 6, here)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, _, err := d.ChangePlan(ctx, d.me(), "k", "admin", 5, here)
				return err
			},
			want: []string{
				`collection.open c2.p  > {"state":"open","amount":"20.00 USD","purpose":"plan","plan":-9,"quantity":6,"method":"Card card"}`,
				`subscription.change -9 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > ` +
					`{"plan":-9,"quantity":6,"rate":"120.00 USD","due":"2026-08-08T11:39:43Z"}`,
				`collection.end c2.p  > {"state":"settled","amount":"20.00 USD","purpose":"plan","reference":"CODE"}`,
			},
		},
		"Receive, of a page that was paid": {by: billing.ByProvider, open: poorDesk,
			before: func(d *desk) { d.pageFor(order) },
			do:     func(ctx context.Context, d *desk) error { return d.Receive(ctx, d.bank.pays("c1.p", "card")) },
			want: []string{
				`customer.change 100001  > {"email":"owner@p.example","payer":"ID","method":"none"}`,
				`subscription.change -9  > {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"}`,
				`customer.method sandbox {"status":"none"} > {"status":"set","label":"Card card","type":"card"}`,
				`collection.end c1.p  > {"state":"settled","amount":"100.00 USD","purpose":"plan","reference":"ref"}`,
			},
		},
		"Receive, of a card that is gone": {by: billing.ByProvider, before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				return d.Receive(ctx, payment.Event{ID: "e", Kind: payment.MethodGone, Customer: "p", Method: method("card")})
			},
			want: []string{
				`customer.method sandbox {"status":"set","label":"Card card","type":"card"} > {"status":"none","type":"card"}`,
			},
		},
		"Receive, of a refund of a plan": {by: billing.ByProvider, before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error { return d.Receive(ctx, refunded("c1.p", "40 USD")) },
			want: []string{
				`subscription.change -9 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > {"plan":-9,"quantity":5,"rate":"60.00 USD","due":"2026-08-08T11:39:43Z"}`,
				`collection.end c1.p  > {"state":"refunded","amount":"40.00 USD","purpose":"plan"}`,
			},
		},
		"AddUser, who pays": {once: true,
			before: func(d *desk) {
				d.must(d.SetCustomer(d.t.Context(), "p", billing.CustomerChange{Email: "ann@p.example"}))
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.AddUser(ctx, "p", billing.NewUser{Email: "ann@p.example", Role: billing.Admin})
				return err
			},
			want: []string{
				`user.create ID  > {"email":"ann@p.example","name":"ann","role":"admin"}`,
				`customer.change 100001 {"email":"ann@p.example","method":"set","type":"card"} > {"email":"ann@p.example","payer":"ID","method":"set","type":"card"}`,
			},
		},
		"ChangePlan, to less": {
			before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.ChangePlan(ctx, d.me(), "k", "admin", 4, here)
				return err
			},
			want: []string{
				`subscription.change -9 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > {"plan":-9,"quantity":4,"rate":"80.00 USD","due":"2026-08-08T11:39:43Z"}`,
			},
		},
		"MoveToWallet, by card": {open: func(t *testing.T) *desk { return newDesk(t, inMemory, "1 USD") },
			before: func(d *desk) { d.subscribe(5); d.clock.Advance(10 * day) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.MoveToWallet(ctx, d.me(), "k", "adminwallet", 5)
				return err
			},
			want: []string{
				`collection.open c2.p  > {"state":"open","amount":"31.26 USD","purpose":"deposit","method":"Card card"}`,
				`collection.end c2.p  > {"state":"settled","amount":"31.26 USD","purpose":"deposit","reference":"CODE"}`,
				`subscription.change -14 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > {"plan":-14,"quantity":5,"rate":"100.00 USD","due":"2026-08-18T11:39:43Z"}`,
			},
		},
		"SetCustomer, who is new": {open: poorDesk,
			do: func(ctx context.Context, d *desk) error {
				return d.SetCustomer(ctx, "p", billing.CustomerChange{Email: "owner@p.example", TopUp: &billing.TopUp{Enabled: true, Floor: amount("20 USD"), Target: amount("100 USD")}})
			},
			want: []string{
				`customer.change 100001  > {"email":"owner@p.example","payer":"ID","method":"none"}`,
				`top_up_rule.change   > {"enabled":true,"minBalance":"20.00 USD","upTo":"100.00 USD"}`,
			},
		},
		"Purchase": {
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Purchase(ctx, d.me(), "k", "storage", 100)
				return err
			},
			fails: func(ctx context.Context, d *desk) error {
				_, err := d.Purchase(ctx, d.me(), "k", "storage", 1_000_000)
				return err
			},
			want: []string{`subscription.change -11  > {"plan":-11,"quantity":100,"rate":"14.00 USD","due":"2026-08-08T11:39:43Z"}`},
		},
		"Schedule": {
			before: func(d *desk) {
				_, err := d.Purchase(d.t.Context(), d.me(), "first", "storage", 100)
				d.must(err)
			},
			do: func(ctx context.Context, d *desk) error {
				_, err := d.Schedule(ctx, d.me(), "storage", &hundred)
				return err
			},
			want: []string{`subscription.change -11 {"plan":-11,"quantity":100,"rate":"14.00 USD","due":"2026-08-08T11:39:43Z"} > ` +
				`{"plan":-11,"quantity":100,"next":200,"rate":"14.00 USD","due":"2026-08-08T11:39:43Z"}`},
		},
		"MoveToWallet": {
			before: func(d *desk) { d.subscribe(5) },
			do: func(ctx context.Context, d *desk) error {
				_, _, err := d.MoveToWallet(ctx, d.me(), "k", "adminwallet", 5)
				return err
			},
			want: []string{`subscription.change -14 {"plan":-9,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"} > ` +
				`{"plan":-14,"quantity":5,"rate":"100.00 USD","due":"2026-08-08T11:39:43Z"}`},
		},
	}
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
