package billing_test

import (
	"context"
	"errors"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// changes are all changes of a portal that is there, by their names.
func changes(portal string) map[string]func(ctx context.Context, h *hall) error {
	return map[string]func(ctx context.Context, h *hall) error{
		"SetPurchases": func(ctx context.Context, h *hall) error {
			return h.SetPurchases(ctx, portal, []billing.Purchase{{Plan: -10, Quantity: 3}})
		},
		"SetUsage": func(ctx context.Context, h *hall) error {
			return h.SetUsage(ctx, portal, map[string]int64{"room": 99})
		},
		"SetServices": func(ctx context.Context, h *hall) error { return h.SetServices(ctx, portal, []int{-13}) },
		"SetTopUpRule": func(ctx context.Context, h *hall) error {
			return h.SetTopUpRule(ctx, portal, true, amount("7 EUR"), amount("8 EUR"))
		},
		"ClearTopUpRule": func(ctx context.Context, h *hall) error { return h.ClearTopUpRule(ctx, portal) },
		"SetCustomer": func(ctx context.Context, h *hall) error {
			return h.SetCustomer(ctx, portal, billing.CustomerChange{
				Email: "new@example.com", MethodStatus: "expired", Balances: []money.Amount{amount("1 USD")},
			})
		},
		"AddUser": func(ctx context.Context, h *hall) error {
			_, err := h.AddUser(ctx, portal, billing.NewUser{Email: "new@example.com", Role: billing.Admin})
			return err
		},
		"CreateKey": func(ctx context.Context, h *hall) error {
			_, _, err := h.CreateKey(ctx, portal, billing.NewKey{Name: "new", Secret: "sk-new-key"})
			return err
		},
		"ChangePortal": func(ctx context.Context, h *hall) error {
			return h.ChangePortal(ctx, portal, billing.PortalChange{Name: "New"})
		},
		"AddHost":        func(ctx context.Context, h *hall) error { return h.AddHost(ctx, portal, "new.example") },
		"SetCreditLimit": func(ctx context.Context, h *hall) error { return h.SetCreditLimit(ctx, portal, "", amount("1 USD")) },
		"ChangeUser": func(ctx context.Context, h *hall) error {
			id := "nobody"
			if some, _, err := h.UsersAfter(background, portal, store.Place{}, 1); err == nil {
				id = some[0].ID
			}
			_, err := h.ChangeUser(ctx, portal, id, billing.UserChange{Name: "New"})
			return err
		},
		"RevokeKey": func(ctx context.Context, h *hall) error {
			_, err := h.RevokeKey(ctx, portal, "sk-revocable")
			return err
		},
	}
}

// TestCallThatIsGivenUpDoesNothing ends the context of every use case.
func TestCallThatIsGivenUpDoesNothing(t *testing.T) {
	h := newCompany(t)
	h.must(h.CreateKey(t.Context(), company, billing.NewKey{Name: "k", Secret: "sk-revocable"}))
	caller := h.as(billing.Owner)
	calls := changes(company)
	calls["CreatePortal"] = func(ctx context.Context, h *hall) error {
		_, err := h.CreatePortal(ctx, billing.NewPortal{Name: "p", Owner: billing.NewUser{Email: "o@example.com"}})
		return err
	}
	guest := h.person(billing.Guest)
	calls["RemoveHost"] = func(ctx context.Context, h *hall) error { return h.RemoveHost(ctx, company, host) }
	calls["RemoveUser"] = func(ctx context.Context, h *hall) error { _, err := h.RemoveUser(ctx, company, guest.ID); return err }
	calls["User"] = func(ctx context.Context, h *hall) error { _, err := h.User(ctx, company, guest.ID); return err }
	calls["PortalCustomer"] = func(ctx context.Context, h *hall) error { _, err := h.PortalCustomer(ctx, company); return err }
	calls["PortalTopUpRule"] = func(ctx context.Context, h *hall) error { _, err := h.PortalTopUpRule(ctx, company); return err }
	calls["Purchases"] = func(ctx context.Context, h *hall) error { _, err := h.Purchases(ctx, company); return err }
	calls["Usage"] = func(ctx context.Context, h *hall) error { _, err := h.Usage(ctx, company); return err }
	calls["Services"] = func(ctx context.Context, h *hall) error { _, err := h.Services(ctx, company); return err }
	calls["Transfer"] = func(ctx context.Context, h *hall) error { _, err := h.Transfer(ctx, "t1."+company); return err }
	calls["Hold"] = func(ctx context.Context, h *hall) error { _, err := h.Hold(ctx, "h1."+company); return err }
	calls["Collection"] = func(ctx context.Context, h *hall) error { _, err := h.Collection(ctx, "c1."+company); return err }
	calls["HoldsBefore"] = func(ctx context.Context, h *hall) error {
		_, _, err := h.HoldsBefore(ctx, company, "", 0, 1)
		return err
	}
	calls["View"] = func(ctx context.Context, h *hall) error { _, err := h.View(ctx, "not.read.yet"); return err }
	calls["Authenticate"] = func(ctx context.Context, h *hall) error {
		c, err := h.Authenticate(ctx, caller.View, "sk-not-looked-up-yet", billing.Reading)
		if c != nil {
			t.Errorf("somebody is let in: %+v", c)
		}
		return err
	}
	calls["Keys"] = func(ctx context.Context, h *hall) error { _, err := h.Keys(ctx, company); return err }
	calls["FindPortal"] = func(ctx context.Context, h *hall) error { _, err := h.FindPortal(ctx, company); return err }
	calls["Portal"] = func(ctx context.Context, h *hall) error { _, err := h.Portal(ctx, company); return err }
	calls["Portals"] = func(ctx context.Context, h *hall) error {
		return h.Portals(ctx, func(billing.PortalSummary) error { return nil })
	}
	calls["FlushKeyUses"] = func(ctx context.Context, h *hall) error { return h.FlushKeyUses(ctx) } // as has entered

	var tests []refusal
	for name, do := range calls {
		tests = append(tests, refusal{name: name, want: billing.ErrTryAgain, do: func(_ context.Context, h *hall) error {
			ctx, cancel := context.WithCancel(background)
			cancel()
			return do(ctx, h)
		}})
	}
	check(t, h, tests)
	for name, do := range changes(company) { // and the same again succeeds
		if err := do(t.Context(), h); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFindOnlyPortalIsGivenUp: that the database can't be asked is no fault of
// the caller's.
func TestFindOnlyPortalIsGivenUp(t *testing.T) {
	h := newCompany(t)
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := h.FindPortal(ctx, ""); !errors.Is(err, billing.ErrTryAgain) || errors.Is(err, billing.ErrInvalid) {
		t.Errorf("got %v, want ErrTryAgain", err)
	}
}

// TestErrorsAreToldApart keeps doors from giving two answers to one error.
func TestErrorsAreToldApart(t *testing.T) {
	all := []error{
		billing.ErrNoPortal, billing.ErrNoKey, billing.ErrUnknownKey, billing.ErrKeyExpired, billing.ErrKeyRevoked, billing.ErrScope,
		billing.ErrAccessDenied, billing.ErrInvalid, billing.ErrNotFound, billing.ErrExists, billing.ErrTryAgain,
	}
	for i, a := range all {
		for j, b := range all {
			if (i == j) != errors.Is(a, b) {
				t.Errorf("%v is %v", a, b)
			}
		}
	}
}
