package sandbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

// world is a sandbox beside what it should have done.
type world struct {
	provider *sandbox.Provider
	books    *sandbox.MemoryJournal
	journal  journal
	now      time.Time
	next     sandbox.Behaviour
	fault    sandbox.Fault // of Find

	first map[string]charged // what stands under an id
}

// charged is a charge that took effect.
type charged struct {
	payment.Charge
	end payment.State
	why string
	due time.Time
}

// restart is a new process with the same books.
func (w *world) restart() {
	w.provider = sandbox.New(sandbox.Config{
		Journal:    &w.journal,
		Now:        func() time.Time { return w.now },
		Script:     func(payment.Charge) sandbox.Behaviour { return w.next },
		FindScript: func(customer, id string) sandbox.Fault { return w.fault },
	})
}

// state returns how the charge should stand by now.
func (w *world) state(c charged) (payment.State, string) {
	if w.now.Before(c.due) {
		return payment.Pending, ""
	}
	return c.end, c.why
}

func (w *world) charge(t *rapid.T) {
	c := payment.Charge{
		ID:       drawID(t),
		Customer: rapid.SampledFrom([]string{"acme", "acme", "acme", "other"}).Draw(t, "customer"),
		Amount: rapid.SampledFrom([]money.Amount{
			usd(10), usd(10), usd(10), usd(11), money.FromUnits(usd(10).Units(), "EUR")}).Draw(t, "amount"),
	}
	w.next = sandbox.Behaviour{
		Decline: rapid.SampledFrom([]string{"", "", payment.CardDeclined, payment.ExpiredCard}).Draw(t, "decline"),
		Late:    rapid.SampledFrom([]time.Duration{0, 0, time.Minute, time.Hour}).Draw(t, "late"),
		Fault:   drawFault(t),
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	trouble := rapid.SampledFrom([]string{"", "", "", "", "gone", "gone meanwhile", "journal before", "journal after"}).Draw(t, "trouble")
	failure := rapid.SampledFrom([]error{errors.New("disk full"), payment.ErrRefused}).Draw(t, "failure")
	switch trouble {
	case "gone":
		cancel()
	case "gone meanwhile":
		w.journal.cancel = cancel
	case "journal before":
		w.journal.before = failure
	case "journal after":
		w.journal.after = failure
	}
	got, err := w.provider.Charge(ctx, c)
	w.journal = journal{Journal: w.books}

	// What should have come of it, as the story goes from the caller to the books
	// and back.
	var want error
	fault := w.next.Fault
	switch {
	case trouble == "gone" || fault == sandbox.Unreachable:
		want = payment.ErrUnreachable
	case fault == sandbox.TimeOutBefore || fault == sandbox.FailBefore || trouble == "journal before":
		want = payment.ErrUnknown
	default:
		first, taken := w.first[c.ID]
		if !taken {
			first = charged{Charge: c, end: payment.Settled, due: w.now.Add(w.next.Late)}
			if w.next.Decline != "" {
				first.end, first.why = payment.Declined, w.next.Decline
			}
			w.first[c.ID] = first
		}
		switch {
		case trouble == "journal after":
			want = payment.ErrUnknown
		case first.Customer != c.Customer || first.Amount != c.Amount:
			want = payment.ErrRefused
		case fault != "" || trouble == "gone meanwhile":
			want = payment.ErrUnknown
		default:
			w.agrees(t, got, first)
		}
	}
	if !errors.Is(err, want) || (want == nil && err != nil) {
		t.Fatalf("charge %+v: %+v, %v; want %v", c, got, err, want)
	}
	if want != payment.ErrRefused && errors.Is(err, payment.ErrRefused) {
		t.Fatalf("charge %+v: what is uncertain looks certain: %v", c, err)
	}
}

func (w *world) find(t *rapid.T) {
	w.fault = drawFault(t)
	defer func() { w.fault = "" }()
	got, err := w.provider.Find(context.Background(), of("acme", drawID(t)))
	if w.fault != "" {
		if !errors.Is(err, payment.ErrUnknown) && !errors.Is(err, payment.ErrUnreachable) || got != (payment.Outcome{}) {
			t.Fatalf("find by a broken way: %+v, %v", got, err)
		}
	}
}

// agrees checks an outcome against the charge that stands under its id.
func (w *world) agrees(t *rapid.T, got payment.Outcome, first charged) {
	state, why := w.state(first)
	if got.State != state || got.Reason != why || got.Amount != first.Amount || got.Reference == "" || got.At.After(w.now) {
		t.Fatalf("got %+v at %s, want what came of %+v", got, w.now, first)
	}
}

// check compares the books, and what Find says of every id, with what was
// collected.
func (w *world) check(t *rapid.T) {
	type line struct {
		id, customer string
		amount       money.Amount
		end          payment.State
		due          time.Time
	}
	due := func(at time.Time) time.Time {
		if at.After(w.now) {
			return at
		}
		return time.Time{}
	}
	var want, got []line
	for id, c := range w.first {
		want = append(want, line{id, c.Customer, c.Amount, c.end, due(c.due)})
	}
	for _, r := range w.books.All() {
		got = append(got, line{r.ID, r.Customer, r.Amount, r.State, due(r.Due)})
	}
	byID := func(a, b line) int { return strings.Compare(a.id, b.id) }
	slices.SortFunc(want, byID)
	slices.SortFunc(got, byID)
	if diff := cmp.Diff(want, got, same, cmp.AllowUnexported(line{})); diff != "" {
		t.Fatalf("the books (-want +got):\n%s", diff)
	}
	for _, id := range ids {
		for _, customer := range []string{"acme", "other"} {
			found, err := w.provider.Find(context.Background(), of(customer, id))
			first, taken := w.first[id]
			if !taken || first.Customer != customer {
				if !errors.Is(err, payment.ErrNotFound) || found != (payment.Outcome{}) {
					t.Fatalf("find %s of %s: %+v, %v; want ErrNotFound", id, customer, found, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("find %s of %s: %v", id, customer, err)
			}
			w.agrees(t, found, first)
		}
	}
}

var ids = []string{"c-1", "c-2", "c-3"}

func drawID(t *rapid.T) string { return rapid.SampledFrom(ids).Draw(t, "id") }

func drawFault(t *rapid.T) sandbox.Fault {
	return rapid.SampledFrom([]sandbox.Fault{"", "", "", sandbox.Unreachable,
		sandbox.TimeOutBefore, sandbox.TimeOutAfter, sandbox.FailBefore, sandbox.FailAfter}).Draw(t, "fault")
}

// Whatever is asked, in whatever order, and whatever goes wrong: one id collects
// once, and Find says what was collected.
func TestNothingIsCollectedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{books: sandbox.Memory(), now: start, first: map[string]charged{}}
		w.journal = journal{Journal: w.books}
		w.restart()
		t.Repeat(map[string]func(*rapid.T){
			"charge":  w.charge,
			"find":    w.find,
			"restart": func(*rapid.T) { w.restart() },
			"wait": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "minutes")) * time.Minute)
			},
			"": w.check,
		})
	})
}
