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
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

// person returns a user of the sample company.
func (h *hall) person(role billing.Role) store.User {
	h.t.Helper()
	u, err := h.UserNamed(h.t.Context(), company, sample.People()[role].Email)
	if err != nil {
		h.t.Fatal(err)
	}
	return u
}

func ptr[T any](v T) *T { return &v }

func TestChangePortalIsRefused(t *testing.T) {
	var tests []refusal
	add := func(name, field string, want error, change billing.PortalChange) {
		tests = append(tests, refusal{name: name, field: field, want: want, do: func(ctx context.Context, h *hall) error {
			change := change
			if change.Name == "" { // all of it is refused, not just what is wrong
				change.Name = "New name"
			}
			return h.ChangePortal(ctx, company, change)
		}})
	}
	add("spaces", "name", nil, billing.PortalChange{Name: " "})
	add("long", "name", nil, billing.PortalChange{Name: strings.Repeat("a", 256)})
	add("control", "name", nil, billing.PortalChange{Name: "a\x1b[31m"})
	add("country", "country", nil, billing.PortalChange{Country: ptr("XX")})
	add("zone", "time zone", nil, billing.PortalChange{TimeZone: ptr("Mars/Olympus")})
	add("local", "time zone", nil, billing.PortalChange{TimeZone: ptr("Local")})
	add("host", "host", nil, billing.PortalChange{AddHosts: []string{"good.example", "a:80"}})
	add("host twice", "host", nil, billing.PortalChange{AddHosts: []string{"a.example", "A.example"}})
	add("host to go", "host", nil, billing.PortalChange{RemoveHosts: []string{"a_b"}})
	add("host that is not there", "", billing.ErrNotFound, billing.PortalChange{AddHosts: []string{"new.example"}, RemoveHosts: []string{"none.example"}})
	tests = append(tests, refusal{name: "host of another", want: billing.ErrExists, do: func(ctx context.Context, h *hall) error {
		return h.ChangePortal(ctx, company, billing.PortalChange{AddHosts: []string{"new.example", "other.example"}})
	}})
	h := newCompany(t)
	h.addPortal("other")
	check(t, h, tests)
}

func TestChangePortal(t *testing.T) {
	h := newCompany(t)
	before := h.view(host)
	h.must(h.ChangePortal(t.Context(), company, billing.PortalChange{
		Name: " Other ", Country: ptr("jp"), TimeZone: ptr("Asia/Tokyo"), AddHosts: []string{"B.example", host}, RemoveHosts: []string{host},
	}))
	v := h.view("b.example")
	if v.Portal.Name != "Other" || v.Portal.Country != "JP" || v.Portal.TimeZone != "Asia/Tokyo" || v.Portal.Version != before.Portal.Version+1 {
		t.Errorf("%+v", v.Portal)
	}
	h.view(host) // it was taken away and given back in one
	h.must(h.ChangePortal(t.Context(), company, billing.PortalChange{Country: ptr(""), TimeZone: ptr("")}))
	if v = h.view(host); v.Portal.Name != "Other" || v.Portal.Country != "" || v.Portal.TimeZone != "" {
		t.Errorf("%+v", v.Portal)
	}
}

func TestChangeUserIsRefused(t *testing.T) {
	h := newCompany(t)
	admin, owner := h.person(billing.Admin), h.person(billing.Owner)
	changing := func(id string, change billing.UserChange) func(context.Context, *hall) error {
		return func(ctx context.Context, h *hall) error {
			_, err := h.ChangeUser(ctx, company, id, change)
			return err
		}
	}
	removing := func(id string) func(context.Context, *hall) error {
		return func(ctx context.Context, h *hall) error {
			_, err := h.RemoveUser(ctx, company, id)
			return err
		}
	}
	h.must(h.CreateKey(t.Context(), company, billing.NewKey{Name: "k", UserEmail: h.person(billing.Guest).Email}))
	check(t, h, []refusal{
		{name: "address", field: "email", do: changing(admin.ID, billing.UserChange{Email: "nobody", Name: "New"})},
		{name: "taken", want: billing.ErrExists, do: changing(admin.ID, billing.UserChange{Email: strings.ToUpper(owner.Email), Name: "New"})},
		{name: "name", field: "name", do: changing(admin.ID, billing.UserChange{Name: strings.Repeat("a", 256)})},
		{name: "role", field: "role", do: changing(admin.ID, billing.UserChange{Role: "boss", Name: "New"})},
		{name: "the owner's role", field: "role", do: changing(owner.ID, billing.UserChange{Role: billing.Guest, Name: "New"})},
		{name: "nobody", want: billing.ErrNotFound, do: changing("nobody", billing.UserChange{Name: "New"})},
		{name: "remove the owner", want: billing.ErrInUse, do: removing(owner.ID)},
		{name: "remove who has keys", want: billing.ErrInUse, do: removing(h.person(billing.Guest).ID)},
		{name: "remove nobody", want: billing.ErrNotFound, do: removing("nobody")},
	})
}

// A role that changes counts for the next request, with whatever key.
func TestChangedRoleCountsAtOnce(t *testing.T) {
	h := newCompany(t)
	h.as(billing.Guest) // has a key from here on
	guest := h.person(billing.Guest)
	if _, err := h.Balance(h.enter(host, h.keys[billing.Guest])); !errors.Is(err, billing.ErrAccessDenied) {
		t.Fatal(err)
	}
	changed, err := h.ChangeUser(t.Context(), company, guest.ID, billing.UserChange{Role: billing.Owner, Name: "Greta", Email: "Greta@example.com"})
	if err != nil || changed.Email != "greta@example.com" || changed.Name != "Greta" || changed.Role != "owner" {
		t.Fatalf("%+v, %v", changed, err)
	}
	if c := h.enter(host, h.keys[billing.Guest]); c.Role != billing.Owner || c.User.Name != "Greta" {
		t.Errorf("%+v", c)
	}
	if was := h.person(billing.Owner); was.Role != string(billing.Admin) {
		t.Errorf("the one before is %s", was.Role)
	}
	p, err := h.Portal(t.Context(), company)
	if err != nil || p.Owner.ID != guest.ID {
		t.Errorf("%+v, %v", p.Owner, err)
	}
}

// Two who are made owners at once: one is in the end, the others are admins.
func TestOneOwnerInTheEnd(t *testing.T) {
	h := newCompany(t)
	other := h.another()
	var wg sync.WaitGroup
	for i, role := range []billing.Role{billing.Admin, billing.RoomAdmin, billing.Member, billing.Guest} {
		id := h.person(role).ID
		wg.Go(func() {
			one := []*hall{h, other}[i%2]
			for range 5 {
				if _, err := one.ChangeUser(background, company, id, billing.UserChange{Role: billing.Owner}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	users, more, err := h.UsersAfter(t.Context(), company, store.Place{}, 1000)
	if err != nil || more {
		t.Fatal(err)
	}
	var owners int
	for _, u := range users {
		if u.Role == string(billing.Owner) {
			owners++
		} else if u.Role != string(billing.Admin) {
			t.Errorf("%s is %s", u.Email, u.Role)
		}
	}
	if owners != 1 {
		t.Errorf("%d owners", owners)
	}
}

func TestCreditLimitIsRefused(t *testing.T) {
	setting := func(book ledger.Book, limit money.Amount) func(context.Context, *hall) error {
		return func(ctx context.Context, h *hall) error { return h.SetCreditLimit(ctx, company, book, limit) }
	}
	check(t, newCompany(t), []refusal{
		{name: "book", field: "book", do: setting("other", amount("1 USD"))},
		{name: "currency", field: "currency", do: setting("", money.FromUnits(1, "XXY"))},
		{name: "none", field: "currency", do: setting("", money.Amount{})},
		{name: "less than nought", field: "limit", do: setting("", amount("-1 USD"))},
	})
}

// What is shown of a wallet knows of a limit, and that it does, at once.
func TestCreditLimitCountsAtOnce(t *testing.T) {
	h := newCompany(t)
	other := h.another()
	charge := func(key, sum string) error {
		_, err := other.CarryOne(t.Context(), billing.Order{PortalID: company, Key: key, What: billing.Charge{Service: "backup", Quantity: 1, Amount: amount(sum)}})
		return err
	}
	h.must(charge("all", "148.50 USD"))
	for i := range 5 {
		h.must(h.SetCreditLimit(t.Context(), company, "", amount(fmt.Sprint(10*(i+1), " USD"))))
		h.must(charge(fmt.Sprint("more ", i), "10 USD"))
		if err := charge("too much", "0.01 USD"); !errors.Is(err, billing.ErrInsufficient) {
			t.Errorf("step %d: %v", i, err)
		}
	}
	w, err := h.Wallet(t.Context(), company)
	if err != nil || w.Pockets[0].CreditLimit != amount("50 USD") || w.Pockets[0].Available != amount("-50 USD") {
		t.Errorf("%+v, %v", w, err)
	}
	diff(t, "the balance", balance(h, h.as(billing.Owner)).Pockets[0], amount("-50 USD"))
	h.must(h.SetCreditLimit(t.Context(), company, ledger.Main, amount("0 USD")))
	if _, _, err := h.Verify(t.Context(), store.Verification{}); err != nil {
		t.Error(err)
	}
}

// A list of transfers goes on after a number, whatever the filter, in both orders.
func TestOperationsAfterANumber(t *testing.T) {
	h := newCompany(t)
	for i := range 700 {
		service := []string{"backup", "ai-chat", "disk"}[i*i%3]
		h.must(h.CarryOne(t.Context(), billing.Order{PortalID: company, Key: fmt.Sprint(i), What: billing.Charge{Service: service, Quantity: 1, Amount: amount("0.01 USD")}}))
		h.clock.Move(time.Second)
	}
	from := h.clock.Now().Add(-600 * time.Second)
	for _, f := range []billing.OperationFilter{
		{}, {Ascending: true}, {Service: "backup"}, {Service: "backup", Ascending: true}, {Service: "ai*", From: from},
		{From: from, To: from.Add(300 * time.Second)}, {From: from, To: from.Add(300 * time.Second), Service: "ai-chat", Ascending: true},
		{Participant: "nobody"}, {Types: []ledger.Type{ledger.Deposit, ledger.ServicePayment}},
	} {
		number := func(page *billing.OperationPage) (all []int64) {
			for _, tr := range page.Transfers {
				all = append(all, tr.Number)
			}
			return all
		}
		f.Limit = 1000
		whole, err := h.PortalOperations(t.Context(), company, f)
		h.must(err)
		want := number(whole)
		for _, limit := range []int64{1, 7, 256} {
			var got []int64
			g := f
			for g.Limit = limit; ; {
				page, err := h.PortalOperations(t.Context(), company, g)
				h.must(err)
				if int64(len(want)-len(got)) != page.Total {
					t.Fatalf("%+v: %d are left, it says %d", g, len(want)-len(got), page.Total)
				}
				some := number(page)
				if len(some) == 0 {
					break
				}
				if got = append(got, some...); len(got) > 60 && limit == 1 {
					want = want[:len(got)]
					break
				}
				g.After = some[len(some)-1]
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v by %d: %v, want %v", f, limit, got, want)
			}
			want = number(whole)
		}
		for _, after := range []int64{-1, 1, 10_000, 1<<63 - 1} {
			f.After = after
			if _, err := h.PortalOperations(t.Context(), company, f); err != nil {
				t.Errorf("%+v: %v", f, err)
			}
		}
	}
}

func TestListsAreRefused(t *testing.T) {
	h := newCompany(t)
	for _, limit := range []int{0, -1, billing.MaxPage + 1} {
		for name, list := range map[string]func() error{
			"portals":     func() error { _, _, err := h.PortalsAfter(t.Context(), "", limit); return err },
			"users":       func() error { _, _, err := h.UsersAfter(t.Context(), company, store.Place{}, limit); return err },
			"keys":        func() error { _, _, err := h.KeysAfter(t.Context(), company, store.Place{}, limit); return err },
			"holds":       func() error { _, _, err := h.HoldsBefore(t.Context(), company, "", 0, limit); return err },
			"collections": func() error { _, _, err := h.CollectionsBefore(t.Context(), company, "", 0, limit); return err },
		} {
			var field *billing.FieldError
			if err := list(); !errors.As(err, &field) || field.Field != "limit" {
				t.Errorf("%s by %d: %v", name, limit, err)
			}
		}
	}
}
