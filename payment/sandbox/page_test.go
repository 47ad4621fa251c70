package sandbox_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

func payPage(id string) payment.Page {
	return payment.Page{
		Kind: payment.PayPage, ID: id, Customer: "acme", Email: "ann@acme.example", Amount: usd(200), Description: "10 administrators",
		SuccessURL: "https://acme.example/paid?a=b", CancelURL: "https://acme.example/back",
	}
}

func setupPage(id string) payment.Page {
	p := payPage(id)
	p.Kind, p.Amount = payment.SetupPage, money.Amount{}
	return p
}

func accountPage() payment.Page {
	return payment.Page{Kind: payment.AccountPage, Customer: "acme", SuccessURL: "https://acme.example/"}
}

// site is a sandbox with a clock that stands still, and what its pages lead to.
type site struct {
	*sandbox.Provider
	t     *testing.T
	books *sandbox.MemoryJournal
	now   time.Time
}

func newSite(t *testing.T) *site {
	s := &site{t: t, books: sandbox.Memory(), now: start}
	s.Provider = sandbox.New(sandbox.Config{Journal: s.books, Now: func() time.Time { return s.now }, WebhookSecret: "secret"})
	return s
}

// open opens a page and returns what its link has in it.
func (s *site) open(p payment.Page) (customer, id, token string) {
	s.t.Helper()
	link, err := s.Open(s.t.Context(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(link.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	parts := strings.Split(strings.TrimPrefix(u.EscapedPath(), sandbox.PagePath), "/")
	token = u.Query().Get(sandbox.TokenParameter)
	if len(parts) != 2 || len(token) < 32 {
		s.t.Fatalf("the link is %s", link.URL)
	}
	for i := range parts {
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			s.t.Fatal(err)
		}
	}
	return parts[0], parts[1], token
}

// by chooses a card and confirms.
func by(method string) sandbox.Answer {
	return sandbox.Answer{Method: method, Confirmation: sandbox.Confirmed}
}

// What comes of a page by each card: the step, what is told, what Find says then and
// a minute later, and what the card does when it is charged later.
func TestPayingByEveryMethod(t *testing.T) {
	tests := map[string]struct {
		err         error
		step        sandbox.Step
		reason      string
		told        int
		found, last payment.State
		later       payment.State // of a charge by what was saved; "" if nothing was
	}{
		"card":                         {nil, sandbox.Finished, "", 1, payment.Settled, payment.Settled, payment.Settled},
		"card_confirm":                 {nil, sandbox.Finished, "", 1, payment.Settled, payment.Settled, payment.Settled},
		"card_authentication_required": {nil, sandbox.Finished, "", 1, payment.Settled, payment.Settled, payment.Unconfirmed},
		"card_declined":                {nil, sandbox.TryAgain, payment.CardDeclined, 0, payment.Pending, payment.Pending, ""},
		"card_expired":                 {nil, sandbox.TryAgain, payment.ExpiredCard, 0, payment.Pending, payment.Pending, ""},
		"card_insufficient_funds":      {nil, sandbox.TryAgain, payment.InsufficientFunds, 0, payment.Pending, payment.Pending, ""},
		"card_late":                    {nil, sandbox.Finished, "", 1, payment.Pending, payment.Settled, payment.Pending},
		"card_late_declined":           {nil, sandbox.Finished, "", 1, payment.Pending, payment.Declined, payment.Pending},
		"card_twice":                   {nil, sandbox.Finished, "", 2, payment.Settled, payment.Settled, payment.Settled},
		"card_timeout_before":          {payment.ErrUnknown, "", "", 0, payment.Pending, payment.Pending, ""},
		"card_timeout_after":           {payment.ErrUnknown, "", "", 0, payment.Settled, payment.Settled, ""},
		"card_error_before":            {payment.ErrUnknown, "", "", 0, payment.Pending, payment.Pending, ""},
		"card_error_after":             {payment.ErrUnknown, "", "", 0, payment.Settled, payment.Settled, ""},
		"card_unreachable":             {payment.ErrUnreachable, "", "", 0, payment.Pending, payment.Pending, ""},
	}
	for _, m := range sandbox.Methods() {
		t.Run(m.Name, func(t *testing.T) {
			tt, ok := tests[m.Name]
			if !ok {
				t.Fatal("not in the table")
			}
			s := newSite(t)
			customer, id, token := s.open(payPage("p-1"))
			reply, err := s.Answer(t.Context(), customer, id, token, by(m.Name))
			only(t, err, tt.err)
			if reply.Step != tt.step || reply.Reason != tt.reason || len(reply.Events) != tt.told {
				t.Errorf("got %+v", reply)
			}
			found, err := s.Find(t.Context(), of("acme", "p-1"))
			if err != nil || found.State != tt.found || found.Amount != usd(200) {
				t.Errorf("found %+v, %v", found, err)
			}
			for _, e := range reply.Events {
				want := payment.Event{ID: e.ID, Kind: payment.Charged, Customer: "acme", ChargeID: "p-1", Outcome: found, Method: found.Method, At: start}
				if diff := cmp.Diff(want, e, same); diff != "" || e.ID == "" || e.Method.Token != m.Name {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			}
			s.now = start.Add(time.Minute)
			if found, err = s.Find(t.Context(), of("acme", "p-1")); err != nil || found.State != tt.last {
				t.Errorf("later %+v, %v", found, err)
			}
			if tt.later != "" {
				c := charge("c-1")
				c.Account, c.Method = found.Method.Account, found.Method.Token
				if got, err := s.Charge(t.Context(), c); err != nil || got.State != tt.later {
					t.Errorf("charged later: %+v, %v", got, err)
				}
			}
		})
	}
}

// A page is paid once, whatever its customer does: twice at once, back and again by
// another card, or after the answer was lost.
func TestAPageIsPaidOnce(t *testing.T) {
	s := newSite(t)
	customer, id, token := s.open(payPage("p-1"))
	for _, a := range []sandbox.Answer{by("card_declined"), {Method: "card_confirm"}, {Method: "card_confirm", Confirmation: sandbox.Rejected}} {
		reply, err := s.Answer(t.Context(), customer, id, token, a)
		if err != nil || reply.Step == sandbox.Finished || reply.Events != nil || s.books.All() != nil {
			t.Errorf("%+v: %+v, %v", a, reply, err)
		}
	}
	_, err := s.Answer(t.Context(), customer, id, token, by("card_timeout_after"))
	only(t, err, payment.ErrUnknown)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			method := sandbox.Methods()[i%len(sandbox.Methods())].Name
			reply, err := s.Answer(context.Background(), customer, id, token, by(method))
			if err != nil || reply.Step != sandbox.Finished || len(reply.Events) != 1 || reply.Events[0].Method.Token != "card_timeout_after" {
				t.Errorf("%s: %+v, %v", method, reply, err)
			}
		})
	}
	all.Wait()
	if got := collected(t, s.books, s.now); got != usd(200) {
		t.Errorf("collected %v", got)
	}
	v, err := s.Visit(t.Context(), customer, id, token)
	if err != nil || !v.Done || !v.Ended || v.Outcome.State != payment.Settled || v.Saved == nil {
		t.Errorf("%+v, %v", v, err)
	}
	_, err = s.Open(t.Context(), payPage("p-1"))
	only(t, err, payment.ErrRefused)
	c := charge("p-1")
	c.Amount = usd(200)
	_, err = s.Charge(t.Context(), c)
	only(t, err, payment.ErrRefused)
}

func TestSavingAndRemoving(t *testing.T) {
	s := newSite(t)
	customer, id, token := s.open(setupPage("s-1"))
	reply, err := s.Answer(t.Context(), customer, id, token, by("card_declined")) // to fail later
	if err != nil || len(reply.Events) != 1 {
		t.Fatalf("%+v, %v", reply, err)
	}
	e := reply.Events[0]
	if e.Kind != payment.MethodSaved || e.ChargeID != "s-1" || e.Method.Token != "card_declined" || e.Method.Account != "sandbox_acme" || e.Method.Label != "Sandbox •••• 0002" {
		t.Errorf("%+v, %+v", e, e.Method)
	}
	found, err := s.Find(t.Context(), of("acme", "s-1"))
	if err != nil || found.State != payment.Settled || found.Amount != (money.Amount{}) || found.Method.Token != "card_declined" {
		t.Errorf("%+v, %v", found, err)
	}
	if got := collected(t, s.books, s.now); got != usd(0) {
		t.Errorf("collected %v", got)
	}

	customer, id, token = s.open(accountPage())
	v, err := s.Visit(t.Context(), customer, id, token)
	if err != nil || v.Saved == nil || v.Saved.Token != "card_declined" || v.Ended {
		t.Errorf("%+v, %v", v, err)
	}
	if reply, err = s.Answer(t.Context(), customer, id, token, by("card")); err != nil || reply.Events[0].Kind != payment.MethodSaved || reply.Events[0].ChargeID != "" {
		t.Errorf("%+v, %v", reply, err)
	}
	customer, id, token = s.open(accountPage())
	reply, err = s.Answer(t.Context(), customer, id, token, sandbox.Answer{Remove: true})
	if err != nil || reply.Events[0].Kind != payment.MethodGone || *reply.Events[0].Method != (payment.Method{Account: "sandbox_acme", Token: "card"}) {
		t.Errorf("%+v, %v", reply, err)
	}
	customer, id, token = s.open(accountPage())
	reply, err = s.Answer(t.Context(), customer, id, token, sandbox.Answer{Remove: true})
	if err != nil || reply.Step != sandbox.Finished || reply.Events != nil {
		t.Errorf("nothing to remove: %+v, %v", reply, err)
	}
	if v, err := s.Visit(t.Context(), customer, id, token); err != nil || v.Saved != nil {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestPagesEnd(t *testing.T) {
	s := newSite(t)
	customer, id, token := s.open(payPage("p-1"))
	s.now = start.Add(24*time.Hour + time.Minute) // who paid at the last moment may still be at it
	if found, err := s.Find(t.Context(), of("acme", "p-1")); err != nil || found.State != payment.Pending {
		t.Errorf("%+v, %v", found, err)
	}
	_, err := s.Answer(t.Context(), customer, id, token, by("card"))
	only(t, err, payment.ErrRefused)
	_, err = s.Open(t.Context(), payPage("p-1"))
	only(t, err, payment.ErrRefused)
	if v, err := s.Visit(t.Context(), customer, id, token); err != nil || !v.Ended || v.Done {
		t.Errorf("%+v, %v", v, err)
	}
	s.now = s.now.Add(time.Second)
	found, err := s.Find(t.Context(), of("acme", "p-1"))
	if err != nil || found.State != payment.Declined || found.Reason != payment.Abandoned || found.At != start.Add(24*time.Hour) {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestOpen(t *testing.T) {
	s := newSite(t)
	first, err := s.Open(t.Context(), payPage("p/1 ?"))
	if err != nil || !strings.HasPrefix(first.URL, "https://acme.example/sandbox/acme/p%2F1%20%3F?token=") || first.ExpiresAt != start.Add(24*time.Hour) || first.Reference == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := s.Open(t.Context(), payPage("p/1 ?")); again != first || err != nil {
		t.Errorf("opened again: %+v, %v", again, err)
	}
	if _, err := s.Charge(t.Context(), charge("c-1")); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]payment.Page{
		"another amount":      {Kind: payment.PayPage, ID: "p/1 ?", Customer: "acme", Amount: usd(1), SuccessURL: "https://a.example/", CancelURL: "https://a.example/"},
		"the id of a charge":  payPage("c-1"),
		"no amount":           {Kind: payment.PayPage, ID: "p-2", Customer: "acme", SuccessURL: "https://a.example/", CancelURL: "https://a.example/"},
		"another's account":   {Kind: payment.AccountPage, Customer: "acme", Account: "sandbox_other", SuccessURL: "https://a.example/"},
		"no kind of its own":  {ID: "p-2", Customer: "acme"},
		"no way to come back": {Kind: payment.SetupPage, ID: "p-2", Customer: "acme"},
	} {
		if link, err := s.Open(t.Context(), p); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, link, err)
		}
	}
	elsewhere := sandbox.New(sandbox.Config{BaseURL: "https://pay.example/"})
	if link, err := elsewhere.Open(t.Context(), setupPage("s-1")); err != nil || !strings.HasPrefix(link.URL, "https://pay.example/sandbox/acme/s-1?token=") {
		t.Errorf("%+v, %v", link, err)
	}
	// Who guesses gets nothing.
	customer, id, token := s.open(payPage("p-3"))
	for _, guess := range [][3]string{{customer, id, ""}, {customer, id, token[:31] + "!"}, {"other", id, token}, {customer, "p-4", token}} {
		_, err := s.Visit(t.Context(), guess[0], guess[1], guess[2])
		only(t, err, payment.ErrNotFound)
		_, err = s.Answer(t.Context(), guess[0], guess[1], guess[2], by("card"))
		only(t, err, payment.ErrNotFound)
	}
	_, err = s.Answer(t.Context(), customer, id, token, by("gold"))
	only(t, err, payment.ErrRefused)
}

func TestRefund(t *testing.T) {
	s := newSite(t)
	for _, c := range []payment.Charge{charge("c-1"), {ID: "c-2", Customer: "acme", Amount: usd(10), Method: "card_declined"}} {
		if _, err := s.Charge(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	part := payment.Refund{ID: "r-1", Customer: "acme", ChargeID: "c-1", Amount: usd(4)}
	first, err := s.Refund(t.Context(), part)
	want := payment.Outcome{State: payment.Settled, Amount: usd(4), Reference: first.Reference, At: start}
	if diff := cmp.Diff(want, first, same); err != nil || diff != "" || first.Reference == "" {
		t.Errorf("%v\n%s", err, diff)
	}
	s.now = start.Add(time.Hour)
	if again, err := s.Refund(t.Context(), part); again != first || err != nil {
		t.Errorf("%+v, %v", again, err)
	}
	for name, change := range map[string]func(*payment.Refund){
		"another amount":         func(r *payment.Refund) { r.Amount = usd(3) },
		"more than is left":      func(r *payment.Refund) { r.ID, r.Amount = "r-2", usd(7) },
		"another currency":       func(r *payment.Refund) { r.ID, r.Amount = "r-2", money.FromUnits(money.Scale, "EUR") },
		"what was not collected": func(r *payment.Refund) { r.ID, r.ChargeID = "r-2", "c-2" },
		"what nobody asked for":  func(r *payment.Refund) { r.ID, r.ChargeID = "r-2", "c-3" },
		"another customer's":     func(r *payment.Refund) { r.ID, r.Customer = "r-2", "other" },
	} {
		r := part
		change(&r)
		_, err := s.Refund(t.Context(), r)
		if only(t, err, payment.ErrRefused); t.Failed() {
			t.Fatal(name)
		}
	}
	given, err := s.books.Refunded(t.Context(), "acme", "c-1")
	if given != usd(4) || err != nil {
		t.Errorf("%v, %v", given, err)
	}
}

// A message is believed if it is signed and new, and tells only what the books say.
func TestMessages(t *testing.T) {
	s := newSite(t)
	customer, id, token := s.open(payPage("p-1"))
	reply, err := s.Answer(t.Context(), customer, id, token, by("card"))
	if err != nil {
		t.Fatal(err)
	}
	header, body, err := s.Message(payment.Charged, "acme", "p-1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Event(t.Context(), header, body)
	if diff := cmp.Diff(reply.Events[0], got, same); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := s.Refund(t.Context(), payment.Refund{ID: "r-1", Customer: "acme", ChargeID: "p-1", Amount: usd(5)}); err != nil {
		t.Fatal(err)
	}
	h, b, _ := s.Message(payment.Refunded, "acme", "p-1")
	if got, err := s.Event(t.Context(), h, b); err != nil || got.Kind != payment.Refunded || got.Outcome.Amount != usd(5) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, m := range map[string]struct {
		kind payment.EventKind
		id   string
	}{
		"a charge that nobody made": {payment.Charged, "p-2"},
		"a page that nobody used":   {payment.MethodSaved, "p-1"},
		"a refund of nothing":       {payment.Refunded, "p-2"},
		"nothing":                   {"", "p-1"},
	} {
		h, b, err := s.Message(m.kind, "acme", m.id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Event(t.Context(), h, b); !errors.Is(err, payment.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger := sandbox.New(sandbox.Config{Journal: s.books, Now: func() time.Time { return s.now }})
	_, err = stranger.Event(t.Context(), header, body)
	only(t, err, payment.ErrSignature)
	for name, h := range map[string]http.Header{"none": {}, "empty": {sandbox.SignatureHeader: {""}}, "broken": {sandbox.SignatureHeader: {"t=1,v1=zz"}}} {
		if _, err := s.Event(t.Context(), h, body); !errors.Is(err, payment.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = s.Event(t.Context(), header, append(body, ' '))
	only(t, err, payment.ErrSignature)
	for _, away := range []time.Duration{5*time.Minute + time.Second, -5*time.Minute - time.Second} {
		s.now = start.Add(away)
		_, err = s.Event(t.Context(), header, body)
		only(t, err, payment.ErrSignature)
	}
}
