package billing_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

func wired(number, reference string) billing.Payment {
	return billing.Payment{Amount: amount(number), Reference: reference, Participant: "Ann"}
}

// transfersOf returns what happened in the company's wallet, the oldest first.
func (tl *till) transfersOf() []ledger.Transfer {
	tl.t.Helper()
	page, err := tl.PortalOperations(tl.t.Context(), company, billing.OperationFilter{Ascending: true, Limit: 100})
	tl.must(err)
	return page.Transfers
}

// verifies checks all the books.
func (tl *till) verifies() {
	tl.t.Helper()
	if _, _, err := tl.store.Verify(tl.t.Context(), store.Verification{}); err != nil {
		tl.t.Errorf("verify: %v", err)
	}
}

func TestRecordPayment(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		before := len(tl.transfersOf())
		in := wired("1500.50 USD", "NTRF 4711/2")
		in.ReceivedAt = tl.clock.Now().Add(-36 * time.Hour)
		rehearsed, err := tl.RehearsePayment(t.Context(), company, "k1", in)
		tl.must(err)
		if n := len(tl.transfersOf()); n != before {
			t.Fatalf("a rehearsal left %d transfers", n-before)
		}
		first, err := tl.RecordPayment(t.Context(), company, "k1", in)
		tl.must(err)
		if diff := cmp.Diff(rehearsed, first, sameAmounts); diff != "" {
			t.Errorf("rehearsed otherwise:\n%s", diff)
		}
		tl.clock.Move(time.Hour)
		again, err := tl.RecordPayment(t.Context(), company, "k1", in)
		tl.must(err)
		if !again.Replay {
			t.Error("again is no replay")
		}
		again.Replay = false
		if diff := cmp.Diff(first, again, sameAmounts); diff != "" {
			t.Errorf("answered otherwise:\n%s", diff)
		}
		all := tl.transfersOf()
		if len(all) != before+1 {
			t.Fatalf("%d transfers came", len(all)-before)
		}
		got := all[before]
		texts := got.Metadata.Texts()
		want := map[string]string{
			"details": "NTRF 4711/2", "reference": "NTRF 4711/2", "method": "bank_transfer", "received_at": in.ReceivedAt.UTC().Format(time.RFC3339),
		}
		if got.Type != ledger.Deposit || got.Debit != "provider.manual" || got.Credit != ledger.Wallet || got.Amount != in.Amount || got.Participant != "Ann" || cmp.Diff(want, texts) != "" {
			t.Errorf("the transfer is %+v, with %v", got, texts)
		}

		// One reference stands for one payment, one key for one request.
		other := in
		other.Amount = amount("1 USD")
		for what, tt := range map[string]struct {
			key  string
			in   billing.Payment
			want error
		}{
			"the reference under another key": {"k2", in, billing.ErrInvalid},
			"the reference for less":          {"k2", other, billing.ErrInvalid},
			"the key for less":                {"k1", other, billing.ErrMismatch},
			"the key for another reference":   {"k1", wired("1500.50 USD", "NTRF 4712"), billing.ErrMismatch},
		} {
			if _, err := tl.RecordPayment(t.Context(), company, tt.key, tt.in); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", what, err, tt.want)
			}
		}
		if n := len(tl.transfersOf()); n != before+1 {
			t.Errorf("%d transfers came", n-before)
		}
		// The same reference by another way is another payment, and so is it elsewhere.
		cheque := in
		cheque.Method = "cheque"
		_, err = tl.RecordPayment(t.Context(), company, "k3", cheque)
		tl.must(err)
		tl.addPortal("other")
		_, err = tl.RecordPayment(t.Context(), "other", "k1", in)
		tl.must(err)
		tl.verifies()
	})
}

// Several who record one payment at once record it once.
func TestOnePaymentAtOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, tl *till) {
		before := len(tl.transfersOf())
		var all sync.WaitGroup
		var recorded, taken atomic.Int64
		for i := range 8 {
			all.Go(func() {
				r, err := tl.RecordPayment(context.Background(), company, fmt.Sprint("k", i%4), wired("10 USD", "REF"))
				switch {
				case err == nil && !r.Replay:
					recorded.Add(1)
				case errors.Is(err, billing.ErrInvalid):
					taken.Add(1)
				case err != nil:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(tl.transfersOf()) - before; n != 1 || recorded.Load() != 1 || taken.Load() != 6 {
			t.Errorf("%d transfers, %d recorded, %d refused", n, recorded.Load(), taken.Load())
		}
		tl.verifies()
	})
}

func TestRecordPaymentRefuses(t *testing.T) {
	h := newCompany(t)
	for name, tt := range map[string]struct {
		portal, key string
		change      func(*billing.Payment)
		field       string // "": ErrNotFound
	}{
		"no key":              {company, "", func(*billing.Payment) {}, "Idempotency-Key"},
		"no amount":           {company, "k", func(p *billing.Payment) { p.Amount = money.Amount{} }, "currency"},
		"nothing":             {company, "k", func(p *billing.Payment) { p.Amount = amount("0 USD") }, "amount"},
		"a negative amount":   {company, "k", func(p *billing.Payment) { p.Amount = amount("-1 USD") }, "amount"},
		"a part of a cent":    {company, "k", func(p *billing.Payment) { p.Amount = amount("1.001 USD") }, "amount"},
		"too much":            {company, "k", func(p *billing.Payment) { p.Amount = money.FromUnits(math.MaxInt64/money.Scale*money.Scale, "USD") }, "amount"},
		"no such currency":    {company, "k", func(p *billing.Payment) { p.Amount = amount("1 KZT") }, "currency"},
		"no reference":        {company, "k", func(p *billing.Payment) { p.Reference = "" }, "reference"},
		"blanks":              {company, "k", func(p *billing.Payment) { p.Reference = "  " }, "reference"},
		"a blank at the end":  {company, "k", func(p *billing.Payment) { p.Reference = "REF " }, "reference"},
		"a long reference":    {company, "k", func(p *billing.Payment) { p.Reference = strings.Repeat("x", 256) }, "reference"},
		"a control character": {company, "k", func(p *billing.Payment) { p.Reference = "a\nb" }, "reference"},
		"an odd method":       {company, "k", func(p *billing.Payment) { p.Method = "Bank transfer" }, "method"},
		"tomorrow":            {company, "k", func(p *billing.Payment) { p.ReceivedAt = h.clock.Now().Add(day) }, "receivedAt"},
		"long ago":            {company, "k", func(p *billing.Payment) { p.ReceivedAt = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) }, "receivedAt"},
		"a long participant":  {company, "k", func(p *billing.Payment) { p.Participant = strings.Repeat("x", 256) }, "participant"},
		"no such portal":      {"nowhere", "k", func(*billing.Payment) {}, ""},
		"no portal at all":    {"", "k", func(*billing.Payment) {}, ""},
	} {
		in := wired("10 USD", "REF")
		tt.change(&in)
		_, err := h.RecordPayment(t.Context(), tt.portal, tt.key, in)
		var wrong *billing.FieldError
		switch {
		case tt.field == "" && errors.Is(err, billing.ErrNotFound):
		case errors.As(err, &wrong) && wrong.Field == tt.field:
		default:
			t.Errorf("%s: %v, want %q", name, err, tt.field)
		}
	}
	if _, err := h.RecordPayment(t.Context(), company, "k", wired("10 USD", "REF")); err != nil {
		t.Errorf("after all that was refused: %v", err)
	}
}
