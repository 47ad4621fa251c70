package sandbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func usd(units int64) money.Amount { return money.FromUnits(units*money.Scale, "USD") }

func charge(id string) payment.Charge {
	return payment.Charge{ID: id, Customer: "acme", Amount: usd(10)}
}

// of asks for a charge.
func of(customer, id string) payment.Query { return payment.Query{Customer: customer, ID: id} }

// room is a sandbox with its books in reach, and a clock that stands still.
type room struct {
	*sandbox.Provider
	now   time.Time
	next  sandbox.Behaviour
	books *sandbox.MemoryJournal
}

func newRoom() *room {
	r := &room{now: start, books: sandbox.Memory()}
	r.Provider = sandbox.New(sandbox.Config{
		Journal: r.books,
		Now:     func() time.Time { return r.now },
		Script:  func(payment.Charge) sandbox.Behaviour { return r.next },
	})
	return r
}

// collected returns the sum of what the books say was taken from everyone.
func collected(t testing.TB, books *sandbox.MemoryJournal, now time.Time) money.Amount {
	t.Helper()
	sum := usd(0)
	for _, r := range books.All() {
		if r.State != payment.Settled || r.Amount == (money.Amount{}) || now.Before(r.Due) {
			continue
		}
		var err error
		if sum, err = sum.Add(r.Amount); err != nil {
			t.Fatal(err)
		}
	}
	return sum
}

// Every way a charge may go: what its caller hears, what Find says then and an
// hour later, and what the journal holds.
func TestEveryBehaviour(t *testing.T) {
	const (
		settled   = payment.Settled
		declined  = payment.Declined
		pending   = payment.Pending
		cardError = payment.CardDeclined
	)
	tests := []struct {
		name      string
		behaviour sandbox.Behaviour
		err       error         // of Charge
		found     payment.State // "" is ErrNotFound
		later     payment.State
		reason    string // in the end
		records   int
		taken     money.Amount // in the end
	}{
		{"settles", sandbox.Behaviour{}, nil, settled, settled, "", 1, usd(10)},
		{"declines", sandbox.Behaviour{Decline: cardError}, nil, declined, declined, cardError, 1, usd(0)},
		{"declines for a reason of its own", sandbox.Behaviour{Decline: "lost_card"}, nil, declined, declined, "lost_card", 1, usd(0)},
		{"times out before", sandbox.Behaviour{Fault: sandbox.TimeOutBefore}, payment.ErrUnknown, "", "", "", 0, usd(0)},
		{"times out after", sandbox.Behaviour{Fault: sandbox.TimeOutAfter}, payment.ErrUnknown, settled, settled, "", 1, usd(10)},
		{"fails before", sandbox.Behaviour{Fault: sandbox.FailBefore}, payment.ErrUnknown, "", "", "", 0, usd(0)},
		{"fails after", sandbox.Behaviour{Fault: sandbox.FailAfter}, payment.ErrUnknown, settled, settled, "", 1, usd(10)},
		{"unreachable", sandbox.Behaviour{Fault: sandbox.Unreachable}, payment.ErrUnreachable, "", "", "", 0, usd(0)},
		{"settles late", sandbox.Behaviour{Late: time.Hour}, nil, pending, settled, "", 1, usd(10)},
		{"declines late", sandbox.Behaviour{Late: time.Hour, Decline: cardError}, nil, pending, declined, cardError, 1, usd(0)},
		{"settles later than that", sandbox.Behaviour{Late: time.Hour + time.Microsecond}, nil, pending, pending, "", 1, usd(0)},
		{"settles late, and times out after", sandbox.Behaviour{Late: time.Hour, Fault: sandbox.TimeOutAfter}, payment.ErrUnknown, pending, settled, "", 1, usd(10)},
		{"declines, and times out after", sandbox.Behaviour{Decline: cardError, Fault: sandbox.TimeOutAfter}, payment.ErrUnknown, declined, declined, cardError, 1, usd(0)},
		{"declines, and fails before", sandbox.Behaviour{Decline: cardError, Fault: sandbox.FailBefore}, payment.ErrUnknown, "", "", "", 0, usd(0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRoom()
			r.next = tt.behaviour
			answer, err := r.Charge(t.Context(), charge("c-1"))
			only(t, err, tt.err)
			found, err := r.Find(t.Context(), of("acme", "c-1"))
			finds(t, found, err, tt.found)
			if tt.err == nil {
				if diff := cmp.Diff(found, answer, same); diff != "" {
					t.Errorf("Charge answered otherwise than Find (-found +answer):\n%s", diff)
				}
			} else if answer != (payment.Outcome{}) {
				t.Errorf("an outcome with an error: %+v", answer)
			}

			r.now = start.Add(time.Hour)
			found, err = r.Find(t.Context(), of("acme", "c-1"))
			finds(t, found, err, tt.later)
			if found.Reason != tt.reason {
				t.Errorf("reason %q, want %q", found.Reason, tt.reason)
			}
			if n := len(r.books.All()); n != tt.records {
				t.Errorf("%d records, want %d", n, tt.records)
			}
			if got := collected(t, r.books, r.now); got != tt.taken {
				t.Errorf("collected %v, want %v", got, tt.taken)
			}
			if tt.later == "" {
				return
			}
			// Charged again, what took effect stands.
			r.next = sandbox.Behaviour{Decline: "another_reason"}
			again, err := r.Charge(t.Context(), charge("c-1"))
			if diff := cmp.Diff(found, again, same); err != nil || diff != "" {
				t.Errorf("charged again: %v (-found +again):\n%s", err, diff)
			}
			if got := collected(t, r.books, r.now); got != tt.taken || len(r.books.All()) != 1 {
				t.Errorf("charged again: collected %v, want %v", got, tt.taken)
			}
		})
	}
}

// same lets cmp compare amounts.
var same = cmp.Comparer(func(a, b money.Amount) bool { return a == b })

// only checks that an error is of one kind and of no other.
func only(t *testing.T, err, want error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("got error %v", err)
		}
		return
	}
	for _, kind := range []error{payment.ErrRefused, payment.ErrUnreachable, payment.ErrUnknown, payment.ErrNotFound} {
		if errors.Is(err, kind) != (kind == want) {
			t.Errorf("got error %v, want %v", err, want)
		}
	}
}

// finds checks an answer of Find; "" stands for ErrNotFound.
func finds(t *testing.T, found payment.Outcome, err error, want payment.State) {
	t.Helper()
	if want == "" {
		only(t, err, payment.ErrNotFound)
		return
	}
	if err != nil || found.State != want {
		t.Errorf("found %+v, %v; want it %s", found, err, want)
		return
	}
	if found.Amount != usd(10) || !strings.HasPrefix(found.Reference, "sandbox_") {
		t.Errorf("found %+v", found)
	}
}

// What the caller reads of a lost reply must not tell what came of it.
func TestFaultsKeepTheirSecret(t *testing.T) {
	said := map[sandbox.Fault]string{}
	for _, fault := range []sandbox.Fault{sandbox.TimeOutBefore, sandbox.TimeOutAfter, sandbox.FailBefore, sandbox.FailAfter} {
		r := newRoom()
		r.next.Fault = fault
		_, err := r.Charge(t.Context(), charge("c-1"))
		only(t, err, payment.ErrUnknown)
		said[fault] = err.Error()
	}
	if said[sandbox.TimeOutBefore] != said[sandbox.TimeOutAfter] || said[sandbox.FailBefore] != said[sandbox.FailAfter] {
		t.Errorf("%v", said)
	}
}

func TestTimesOfALateCharge(t *testing.T) {
	r := newRoom()
	r.now = start.Add(1500 * time.Nanosecond).In(time.FixedZone("", 3600))
	r.next = sandbox.Behaviour{Late: time.Hour, Decline: payment.CardDeclined}
	asked, due := start.Add(time.Microsecond), start.Add(time.Hour+time.Microsecond)

	got, err := r.Charge(t.Context(), charge("c-1"))
	if err != nil || got.State != payment.Pending || got.Reason != "" || got.At != asked {
		t.Errorf("at once: %+v, %v", got, err)
	}
	r.now = due.Add(-1)
	if got, err = r.Find(t.Context(), of("acme", "c-1")); err != nil || got.State != payment.Pending || got.At != asked {
		t.Errorf("just before: %+v, %v", got, err)
	}
	for range 2 {
		r.now = r.now.Add(time.Hour)
		got, err = r.Find(t.Context(), of("acme", "c-1"))
		if err != nil || got.State != payment.Declined || got.Reason != payment.CardDeclined || got.At != due {
			t.Errorf("then: %+v, %v", got, err)
		}
	}
}

// One id stands for one customer, amount and currency.
func TestAnIDIsTakenOnce(t *testing.T) {
	others := map[string]func(*payment.Charge){
		"another amount":   func(c *payment.Charge) { c.Amount = usd(11) },
		"another currency": func(c *payment.Charge) { c.Amount = money.FromUnits(c.Amount.Units(), "EUR") },
		"another customer": func(c *payment.Charge) { c.Customer = "other" },
	}
	first := []sandbox.Behaviour{{}, {Decline: payment.CardDeclined}, {Late: time.Hour}, {Fault: sandbox.TimeOutAfter}}
	for name, change := range others {
		for _, behaviour := range first {
			r := newRoom()
			r.next = behaviour
			_, _ = r.Charge(t.Context(), charge("c-1"))
			before := r.books.All()
			c := charge("c-1")
			change(&c)
			for _, b := range append(first, sandbox.Behaviour{Fault: sandbox.FailAfter}) {
				r.next = b
				got, err := r.Charge(t.Context(), c)
				if !errors.Is(err, payment.ErrRefused) || got != (payment.Outcome{}) {
					t.Errorf("%s, %+v after %+v: %+v, %v", name, b, behaviour, got, err)
				}
			}
			if diff := cmp.Diff(before, r.books.All(), same); diff != "" {
				t.Errorf("%s changed the books:\n%s", name, diff)
			}
			_, err := r.Find(t.Context(), of("other", "c-1"))
			only(t, err, payment.ErrNotFound)
		}
	}
}

// Method, description and whether it is automatic are not what an id stands for.
func TestTheRestOfAChargeMayDiffer(t *testing.T) {
	p := sandbox.New(sandbox.Config{})
	c := charge("c-1")
	want, err := p.Charge(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	c.Method, c.Description, c.Automatic = "card_declined", "Again", true
	got, err := p.Charge(t.Context(), c)
	if diff := cmp.Diff(want, got, same); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestWhatCannotBeAskedIsRefused(t *testing.T) {
	bad := map[string]payment.Charge{
		"no id":       {Customer: "acme", Amount: usd(1)},
		"no customer": {ID: "c-1", Amount: usd(1)},
		"no amount":   {ID: "c-1", Customer: "acme"},
		"not rounded": {ID: "c-1", Customer: "acme", Amount: money.FromUnits(1, "USD")},
		"account":     {ID: "c-1", Customer: "acme", Amount: usd(1), Account: "sandbox_other"},
		"no method":   {ID: "c-1", Customer: "acme", Amount: usd(1), Method: "gold"},
	}
	books := sandbox.Memory()
	p := sandbox.New(sandbox.Config{Journal: books})
	for name, c := range bad {
		got, err := p.Charge(t.Context(), c)
		only(t, err, payment.ErrRefused)
		if got != (payment.Outcome{}) || books.All() != nil {
			t.Errorf("%s: %+v, %+v", name, got, books.All())
		}
	}
	for _, ids := range [][2]string{{"", ""}, {"acme", ""}, {"", "c-1"}, {"acme", "c-1"}} {
		_, err := p.Find(t.Context(), of(ids[0], ids[1]))
		only(t, err, payment.ErrNotFound)
	}
}

func TestMethods(t *testing.T) {
	want := map[string]struct {
		err   error
		state payment.State // that Find says; "" is ErrNotFound
		last  payment.State // a minute later
		why   string
	}{
		"":                             {nil, payment.Settled, payment.Settled, ""},
		"card":                         {nil, payment.Settled, payment.Settled, ""},
		"card_confirm":                 {nil, payment.Settled, payment.Settled, ""},
		"card_twice":                   {nil, payment.Settled, payment.Settled, ""},
		"card_declined":                {nil, payment.Declined, payment.Declined, "card_declined"},
		"card_expired":                 {nil, payment.Declined, payment.Declined, "expired_card"},
		"card_insufficient_funds":      {nil, payment.Declined, payment.Declined, "insufficient_funds"},
		"card_authentication_required": {nil, payment.Unconfirmed, payment.Unconfirmed, "authentication_required"},
		"card_late":                    {nil, payment.Pending, payment.Settled, ""},
		"card_late_declined":           {nil, payment.Pending, payment.Declined, "card_declined"},
		"card_timeout_before":          {payment.ErrUnknown, "", "", ""},
		"card_timeout_after":           {payment.ErrUnknown, payment.Settled, payment.Settled, ""},
		"card_error_before":            {payment.ErrUnknown, "", "", ""},
		"card_error_after":             {payment.ErrUnknown, payment.Settled, payment.Settled, ""},
		"card_unreachable":             {payment.ErrUnreachable, "", "", ""},
	}
	methods := sandbox.Methods()
	if methods[0].Name != "card" || len(methods)+1 != len(want) {
		t.Errorf("got methods %+v", methods)
	}
	for _, m := range append(methods, sandbox.Method{Says: "settles at once"}) {
		t.Run(m.Name, func(t *testing.T) {
			want, ok := want[m.Name]
			if !ok || m.Says == "" {
				t.Fatalf("not in the table: %+v", m)
			}
			now := start
			p := sandbox.New(sandbox.Config{Now: func() time.Time { return now }})
			c := charge("c-1")
			c.Method = m.Name
			_, err := p.Charge(context.Background(), c)
			only(t, err, want.err)
			found, err := p.Find(context.Background(), of("acme", "c-1"))
			finds(t, found, err, want.state)
			now = now.Add(time.Minute)
			found, err = p.Find(context.Background(), of("acme", "c-1"))
			finds(t, found, err, want.last)
			if found.Reason != want.why {
				t.Errorf("reason %q, want %q", found.Reason, want.why)
			}
		})
	}
}

func TestFindMayFail(t *testing.T) {
	var fault sandbox.Fault
	p := sandbox.New(sandbox.Config{FindScript: func(customer, id string) sandbox.Fault {
		if customer != "acme" || id != "c-1" {
			t.Errorf("asked about %s of %s", id, customer)
		}
		return fault
	}})
	if _, err := p.Charge(t.Context(), charge("c-1")); err != nil {
		t.Fatal(err)
	}
	for f, want := range map[sandbox.Fault]error{
		sandbox.Unreachable:   payment.ErrUnreachable,
		sandbox.TimeOutBefore: payment.ErrUnknown, sandbox.TimeOutAfter: payment.ErrUnknown,
		sandbox.FailBefore: payment.ErrUnknown, sandbox.FailAfter: payment.ErrUnknown,
	} {
		fault = f
		got, err := p.Find(t.Context(), of("acme", "c-1"))
		only(t, err, want)
		if got != (payment.Outcome{}) {
			t.Errorf("%s: %+v", f, got)
		}
	}
	fault = ""
	found, err := p.Find(t.Context(), of("acme", "c-1"))
	finds(t, found, err, payment.Settled)
}
