package billing_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

// fill makes charges and credits, one in three a charge by "ann", and returns how
// many there are by then, with those of the sample company.
func (h *hall) fill(name string, n int) {
	h.t.Helper()
	for from := 0; from < n; from += 500 {
		var orders []billing.Order
		for i := from; i < min(n, from+500); i++ {
			var what billing.What = billing.Credit{Amount: amount("1 USD"), Reason: fmt.Sprint(name, i)}
			if i%3 == 2 {
				what = billing.Charge{Service: "backup", Quantity: 1, Amount: amount("1 USD"), Participant: "ann", Metadata: map[string]string{"details": fmt.Sprint(name, i)}}
			}
			orders = append(orders, billing.Order{PortalID: company, Key: fmt.Sprint(name, i), What: what})
		}
		for _, o := range h.Carry(h.t.Context(), orders...) {
			h.must(o.Err)
		}
	}
}

func (h *hall) list(f billing.OperationFilter) *billing.OperationPage {
	h.t.Helper()
	page, err := h.PortalOperations(h.t.Context(), company, f)
	if err != nil {
		h.t.Fatalf("%+v: %v", f, err)
	}
	return page
}

func numbers(p *billing.OperationPage) []int64 {
	all := []int64{}
	for _, t := range p.Transfers {
		all = append(all, t.Number)
	}
	return all
}

func TestOperationsOfAPortal(t *testing.T) {
	h := newCompany(t) // has three
	h.fill("a", 9)
	diff(t, "latest", numbers(h.list(billing.OperationFilter{Limit: 3})), []int64{12, 11, 10})
	diff(t, "oldest", numbers(h.list(billing.OperationFilter{Limit: 3, Ascending: true})), []int64{1, 2, 3})
	diff(t, "by service", numbers(h.list(billing.OperationFilter{Limit: 9, Service: "backup"})), []int64{12, 9, 6})
	diff(t, "by a part of it", numbers(h.list(billing.OperationFilter{Limit: 9, Service: "back*", Offset: 1})), []int64{9, 6})
	diff(t, "by participant", numbers(h.list(billing.OperationFilter{Limit: 1, Participant: "ann", Ascending: true})), []int64{6})
	diff(t, "by type", numbers(h.list(billing.OperationFilter{Limit: 9, Types: []ledger.Type{ledger.Deposit, ledger.BankDeposit}})), []int64{3, 2, 1})
	diff(t, "past the end", numbers(h.list(billing.OperationFilter{Limit: 9, Offset: 12})), []int64{})
	diff(t, "of the other book", numbers(h.list(billing.OperationFilter{Limit: 9, Book: ledger.AI})), []int64{})
	for field, f := range map[string]billing.OperationFilter{
		"offset": {Limit: 1, Offset: -1}, "limit": {}, "limit ": {Limit: billing.MaxOperations + 1},
	} {
		_, err := h.PortalOperations(t.Context(), company, f)
		var wrong *billing.FieldError
		if !errors.As(err, &wrong) || wrong.Field != strings.TrimSpace(field) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for _, f := range []billing.OperationFilter{{Limit: 1}, {Limit: 1, Service: "backup"}} {
		if _, err := h.PortalOperations(t.Context(), "nobody", f); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("a portal that is not there: %v", err)
		}
	}
	if _, err := h.Operations(t.Context(), h.as(billing.RoomAdmin), billing.OperationFilter{Limit: 1}); !errors.Is(err, billing.ErrAccessDenied) {
		t.Errorf("as a room admin: %v", err)
	}
	h.addPortal("bare")
	if page, err := h.Operations(t.Context(), h.owner("bare"), billing.OperationFilter{Limit: 1}); page != nil || err != nil {
		t.Errorf("of a portal without a customer: %+v, %v", page, err)
	}
}

func TestServicesAreThoseOnOffer(t *testing.T) {
	h := newCompany(t)
	owner := h.as(billing.Owner)
	for name, want := range map[string]string{"backup": "backup", "Backup": "backup", "disk-storage": "disk-storage*", "disk-storage-1-hour": "disk-storage*"} {
		if f, err := h.OfService(owner, name); f.Service != want || err != nil {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	if f, err := h.OfService(owner, "AI-Tools"); f.Book != ledger.AI || f.Service != "" || err != nil {
		t.Errorf("AI tools: %+v, %v", f, err)
	}
	for _, name := range []string{"", "ai-search", "disk", "disk-storage*", "-1-hour"} { // AI search is not on offer in the stock catalogue
		if f, err := h.OfService(owner, name); !errors.Is(err, billing.ErrNotFound) || err.Error() != "Service could not be found" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	if _, err := h.OfService(h.as(billing.Guest), "backup"); !errors.Is(err, billing.ErrAccessDenied) {
		t.Errorf("as a guest: %v", err)
	}
}

// Any page of a filtered list is found, in a ledger of many blocks, whichever is
// asked for first, and however many other lists are asked for in between.
func TestAnyPageIsFound(t *testing.T) {
	h := newCompany(t)
	h.fill("a", 3000)
	var want []int64 // of ann's
	for i := int64(2); i < 3000; i += 3 {
		want = append(want, 4+i)
	}
	slices.Reverse(want)
	f := billing.OperationFilter{Participant: "ann", Limit: 7}
	for _, f.Offset = range []int64{993, 0, 500, 7, 999, 85, 86, 255, 256} {
		page := h.list(f)
		diff(t, "total", page.Total, int64(1000))
		diff(t, fmt.Sprint("offset ", f.Offset), numbers(page), want[f.Offset:min(f.Offset+7, 1000)])
		if f.Offset == 7 { // forget it
			for i := range 256 {
				h.list(billing.OperationFilter{Book: ledger.AI, Participant: fmt.Sprint("nobody", i), Limit: 1})
			}
		}
	}
	h.fill("b", 300)
	diff(t, "total", h.list(f).Total, int64(1100))
	diff(t, "the latest of another process", numbers(h.another().list(billing.OperationFilter{Participant: "ann", Limit: 1})), []int64{3303})
}

// Lists are whole while others write: what a page says fits together, and what was
// there stays where it was.
func TestListsAreWholeWhileOthersWrite(t *testing.T) {
	for name, config := range map[string]store.Config{"memory": {InMemory: true}, "postgres": {}} {
		t.Run(name, func(t *testing.T) {
			if name == "postgres" {
				config.URL = pgtest.Database(t)
			}
			h := newTill(t, config).hall
			h.fill("a", 700)
			end, stop := h.clock.Now(), make(chan struct{})
			h.clock.Move(time.Second)
			want := numbers(h.list(billing.OperationFilter{To: end, Service: "backup", Limit: 1000}))
			var all sync.WaitGroup
			for w := range 2 {
				all.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						time.Sleep(time.Millisecond)
						h.Carry(background, billing.Order{PortalID: company, Key: fmt.Sprint("w", w, i), What: billing.Charge{
							Service: "backup", Quantity: 1, Amount: amount("0.01 USD"),
						}})
					}
				})
			}
			var readers sync.WaitGroup
			for range 4 {
				readers.Go(func() {
					last := int64(0)
					for range 15 {
						page, err := h.PortalOperations(background, company, billing.OperationFilter{Service: "backup", Limit: 1000, Ascending: true})
						if err != nil || page.Total < last || int64(len(page.Transfers)) != min(page.Total, 1000) {
							t.Errorf("%v: %d of %d, %d before", err, len(page.Transfers), page.Total, last)
							return
						}
						last = page.Total
						old, err := h.PortalOperations(background, company, billing.OperationFilter{To: end, Service: "backup", Limit: 1000})
						if err != nil || !slices.Equal(numbers(old), want) {
							t.Errorf("%v: a list that ended has changed", err)
							return
						}
					}
				})
			}
			readers.Wait()
			close(stop)
			all.Wait()
			if _, _, err := h.Verify(t.Context(), store.Verification{}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestListIsLeftWithItsContext(t *testing.T) {
	h := newCompany(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range []billing.OperationFilter{{Limit: 1}, {Limit: 1, Participant: "ann"}} {
		if _, err := h.PortalOperations(ctx, company, f); !errors.Is(err, billing.ErrTryAgain) {
			t.Errorf("%+v: %v", f, err)
		}
		h.list(f)
	}
}

func TestTimeZones(t *testing.T) {
	h := newHall(t)
	h.addPortal("plain")
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{ID: "east", TimeZone: "Asia/Kolkata", Hosts: []string{"east.example"}, Owner: billing.NewUser{Email: "o@east.example"}}))
	zone := func(host string) string {
		t.Helper()
		z, err := h.view(host).Zone()
		if err != nil {
			t.Fatal(err)
		}
		return z.String()
	}
	diff(t, "none", zone("plain.example"), "UTC")
	diff(t, "its own", zone("east.example"), "Asia/Kolkata")
	h.must(h.SetTimeZone(t.Context(), "east", "Europe/Berlin"))
	diff(t, "another", zone("east.example"), "Europe/Berlin")
	summary, err := h.Portal(t.Context(), "east")
	h.must(err)
	diff(t, "as listed", summary.TimeZone, "Europe/Berlin")
	if err := h.SetTimeZone(t.Context(), "nobody", "UTC"); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("a portal that is not there: %v", err)
	}
	for _, bad := range []string{"Local", "Mars", "Europe/Berlin ", "../UTC"} {
		_, err := h.CreatePortal(t.Context(), billing.NewPortal{ID: "x", TimeZone: bad, Owner: billing.NewUser{Email: "o@x.example"}})
		if !errors.Is(err, billing.ErrInvalid) || !errors.Is(h.SetTimeZone(t.Context(), "east", bad), billing.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
