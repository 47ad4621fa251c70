package billing_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/testenv"
)

// picture is everything that can be read of a portal.
type picture struct {
	Portal   store.Portal
	Keys     map[string]string // whom each key lets in, or why not
	Customer *billing.CustomerInfo
	Pays     bool
	Balance  *billing.Balance
	TopUp    store.TopUpRule
	Quota    *billing.Quota
	Standing *billing.Standing
	Offers   []billing.Quota
	Services []billing.Quota
	Regions  []money.Region
}

// world is two portals that two processes look at and change.
type world struct {
	clock *testenv.Clock
	// processes have been there for long; each keeps views.
	processes []*billing.Service
	stores    []*store.Store
	portals   []string
	secrets   []string // of all keys, in both portals
}

// fresh returns a service that has seen nothing yet.
func (w *world) fresh(t *rapid.T, process int) *billing.Service {
	s, err := billing.New(billing.Config{Store: w.stores[process], Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// look returns what a process shows of a portal to its owner.
func (w *world) look(t *rapid.T, s *billing.Service, portal string, locale catalog.Locale) picture {
	ctx := context.Background()
	v, err := s.View(ctx, portal+".example")
	if err != nil {
		t.Fatalf("View: %v", err)
	}
	p := picture{Portal: v.Portal, Keys: map[string]string{}}
	for _, secret := range w.secrets {
		c, err := s.Authenticate(ctx, v, secret, billing.Writing)
		if p.Keys[secret] = fmt.Sprint(err); err == nil {
			p.Keys[secret] = c.User.Email + fmt.Sprint(" ", c.Role, " ", c.Pays())
		}
	}
	c, err := s.Authenticate(ctx, v, "sk-owner-of-"+portal, billing.Reading)
	if err != nil {
		t.Fatalf("Authenticate: %v", err)
	}
	p.Pays = c.Pays()
	var errs [7]error
	p.Customer, errs[0] = s.CustomerInfo(c)
	p.Balance, errs[1] = s.Balance(c)
	p.TopUp, errs[2] = s.TopUpRule(c)
	p.Quota, p.Standing, errs[3] = s.Quota(c, locale)
	p.Offers, _, errs[4] = s.Quotas(c, false, locale)
	p.Services, _, errs[5] = s.Quotas(c, true, locale)
	p.Regions, errs[6] = s.Currencies(c, locale)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatalf("read: %v", err)
	}
	return p
}

// done fails on an error that is not the caller's fault.
func done(t *rapid.T, what string, err error) {
	for _, fine := range []error{nil, billing.ErrInvalid, billing.ErrExists, billing.ErrNotFound} {
		if errors.Is(err, fine) {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// TestViewsEqualWhatIsReadAfresh makes random changes in two portals from two
// processes while time goes by, and looks now and then: what a process shows
// that has been there for long is what a new one shows.
func TestViewsEqualWhatIsReadAfresh(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	one, two := hallOn(t, dir, clock, billing.Config{}), hallOn(t, dir, clock, billing.Config{MaxViews: 2})
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		w := &world{
			clock: clock, processes: []*billing.Service{one.Service, two.Service}, stores: []*store.Store{one.store, two.store},
			portals: []string{fmt.Sprintf("a%d", runs), fmt.Sprintf("b%d", runs)},
		}
		for _, id := range w.portals {
			w.create(t, id)
		}
		actions := w.actions()
		actions[""] = func(t *rapid.T) {
			if process := rapid.IntRange(0, 3).Draw(t, "who looks"); process < len(w.processes) {
				w.compare(t, process, rapid.SampledFrom(w.portals).Draw(t, "portal"))
			}
		}
		t.Repeat(actions)
		for process := range w.processes {
			for _, portal := range w.portals {
				w.compare(t, process, portal)
			}
		}
	})
}

func (w *world) create(t *rapid.T, id string) {
	ctx := context.Background()
	_, err := w.processes[0].CreatePortal(ctx, billing.NewPortal{
		ID: id, Hosts: []string{id + ".example"}, Country: "GB", Owner: billing.NewUser{Email: "owner@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := w.processes[0].CreateKey(ctx, id, billing.NewKey{Name: "owner", Secret: "sk-owner-of-" + id})
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, secret)
}

// compare compares what a process shows of a portal with what a new one does.
func (w *world) compare(t *rapid.T, process int, portal string) {
	locale := catalog.Locale{Asked: rapid.SampledFrom([]string{"", "US", "JP", "FR", "CH"}).Draw(t, "country")}
	got := w.look(t, w.processes[process], portal, locale)
	want := w.look(t, w.fresh(t, process), portal, locale)
	if !reflect.DeepEqual(got, want) { // much faster than cmp
		t.Fatalf("process %d shows of %s (-fresh +kept):\n%s", process, portal, cmp.Diff(want, got, equally))
	}
	before, err := w.processes[process].View(context.Background(), portal+".example")
	if err != nil {
		t.Fatal(err)
	}
	after, err := w.processes[process].View(context.Background(), portal+".example")
	if err != nil || after != before {
		t.Fatalf("process %d reads %s again (%v), though nothing changed", process, portal, err)
	}
}

// actions are the changes, each by one of the processes in one of the portals.
func (w *world) actions() map[string]func(*rapid.T) {
	ctx := context.Background()
	emails := rapid.SampledFrom([]string{"owner@example.com", "a@example.com", "B@example.com", "c@example.com"})
	amounts := rapid.Custom(func(t *rapid.T) money.Amount {
		currency := rapid.SampledFrom([]money.Currency{"USD", "EUR", "JPY"}).Draw(t, "currency")
		return money.FromUnits(rapid.Int64Range(-5, 2000).Draw(t, "amount")*money.Scale/2, currency)
	})
	due := func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return w.clock.Now().Add(time.Duration(rapid.Int64Range(-2, 40).Draw(t, "due")) * time.Hour)
	}
	each := map[string]func(t *rapid.T, s *billing.Service, portal string) error{
		"user": func(t *rapid.T, s *billing.Service, portal string) error {
			_, err := s.AddUser(ctx, portal, billing.NewUser{
				Email: emails.Draw(t, "email"), Role: rapid.SampledFrom(billing.Roles()).Draw(t, "role"),
			})
			return err
		},
		"customer": func(t *rapid.T, s *billing.Service, portal string) error {
			change := billing.CustomerChange{
				MethodStatus: rapid.SampledFrom([]string{"", "none", "set", "expired"}).Draw(t, "status"),
				Balances:     rapid.SliceOfNDistinct(amounts, 0, 3, money.Amount.Currency).Draw(t, "balances"),
			}
			if rapid.Bool().Draw(t, "address") {
				change.Email = emails.Draw(t, "email")
			}
			if len(change.Balances) > 0 && rapid.Bool().Draw(t, "credited") {
				change.LastCredit = change.Balances[0]
			}
			return s.SetCustomer(ctx, portal, change)
		},
		"rule": func(t *rapid.T, s *billing.Service, portal string) error {
			return s.SetTopUpRule(ctx, portal, rapid.Bool().Draw(t, "enabled"), amounts.Draw(t, "floor"), amounts.Draw(t, "target"))
		},
		"no rule": func(t *rapid.T, s *billing.Service, portal string) error { return s.ClearTopUpRule(ctx, portal) },
		"purchases": func(t *rapid.T, s *billing.Service, portal string) error {
			var bought []billing.Purchase
			plans := []int{rapid.SampledFrom([]int{-3, -7, -9, -10}).Draw(t, "plan")}
			plans = append(plans, rapid.SliceOfDistinct(rapid.SampledFrom([]int{-11, -12, -13}), rapid.ID).Draw(t, "add-ons")...)
			for _, id := range plans {
				bought = append(bought, billing.Purchase{Plan: id, Quantity: rapid.Int64Range(0, 20).Draw(t, "quantity"), DueAt: due(t)})
			}
			return s.SetPurchases(ctx, portal, bought)
		},
		"usage": func(t *rapid.T, s *billing.Service, portal string) error {
			features := rapid.SampledFrom(billing.CountedFeatures())
			return s.SetUsage(ctx, portal, rapid.MapOf(features, rapid.Int64Range(-1, 1000)).Draw(t, "used"))
		},
		"services": func(t *rapid.T, s *billing.Service, portal string) error {
			ids := rapid.SliceOfDistinct(rapid.SampledFrom([]int{-9, -11, -12, -13}), rapid.ID).Draw(t, "services")
			return s.SetServices(ctx, portal, ids)
		},
		"key": func(t *rapid.T, s *billing.Service, portal string) error {
			secret, _, err := s.CreateKey(ctx, portal, billing.NewKey{
				Name: "k", UserEmail: emails.Draw(t, "email"), Days: rapid.IntRange(0, 2).Draw(t, "days"),
				Scopes: rapid.SampledFrom([][]string{nil, {"*:read"}, {"*:write"}, {"rooms:read"}}).Draw(t, "scopes"),
			})
			if err == nil {
				w.secrets = append(w.secrets, secret)
			}
			return err
		},
		"revocation": func(t *rapid.T, s *billing.Service, portal string) error {
			secret := rapid.SampledFrom(w.secrets).Draw(t, "key")
			if slices.Contains([]string{"sk-owner-of-" + w.portals[0], "sk-owner-of-" + w.portals[1]}, secret) {
				return nil // the test goes on with these
			}
			_, err := s.RevokeKey(ctx, portal, secret)
			return err
		},
		"flush": func(t *rapid.T, s *billing.Service, portal string) error { return s.FlushKeyUses(ctx) },
		"time": func(t *rapid.T, s *billing.Service, portal string) error {
			w.clock.Move(time.Duration(rapid.Int64Range(0, 30).Draw(t, "hours")) * time.Hour)
			return nil
		},
	}
	actions := map[string]func(*rapid.T){}
	for name, do := range each {
		actions[name] = func(t *rapid.T) {
			s := rapid.SampledFrom(w.processes).Draw(t, "process")
			done(t, name, do(t, s, rapid.SampledFrom(w.portals).Draw(t, "portal")))
		}
	}
	return actions
}
