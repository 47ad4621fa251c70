package portalapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// A change is seen by the very next read, also when another process made it: a
// second store on the same files knows nothing of the first one but the files.
func TestNextReadSeesAChange(t *testing.T) {
	for name, open := range map[string]func(*testing.T) (h *house, other *billing.Service){
		"of this process": func(t *testing.T) (*house, *billing.Service) {
			h := newHouse(t, setup{})
			return h, h.service
		},
		"of another process": func(t *testing.T) (*house, *billing.Service) {
			dir := t.TempDir()
			h := newHouse(t, setup{store: openStore(t, store.Config{Dir: dir})})
			other, err := billing.New(billing.Config{Store: openStore(t, store.Config{Dir: dir}), Now: h.clock.Now})
			h.must(err)
			return h, other
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, other := open(t)
			for _, change := range changes(h.company.PortalID) {
				before := h.get(change.path).payload(t)
				if strings.Contains(before, change.want) {
					t.Fatalf("%s: %s is there before: %s", change.name, change.want, before)
				}
				h.must(change.do(t.Context(), other))
				if after := h.get(change.path).payload(t); !strings.Contains(after, change.want) {
					t.Errorf("%s: no %s in %s", change.name, change.want, after)
				}
			}
			key, _, err := other.CreateKey(t.Context(), h.company.PortalID, billing.NewKey{Name: "new"})
			h.must(err)
			h.getAs(key, "quota")
			_, err = other.RevokeKey(t.Context(), h.company.PortalID, key)
			h.must(err)
			if got := h.do(request{path: "quota", key: key}); got.status != http.StatusUnauthorized {
				t.Errorf("a revoked key: %d", got.status)
			}
		})
	}
}

// change is something that is changed, and where and how that shows.
type change struct {
	name, path, want string
	do               func(context.Context, *billing.Service) error
}

func changes(id string) []change {
	usd := func(major int64) money.Amount { return money.FromUnits(major*money.Scale, "USD") }
	return []change{
		{"the customer's address", "customerinfo", `"email":"other@example.com"}`, func(ctx context.Context, s *billing.Service) error {
			return s.SetCustomer(ctx, id, billing.CustomerChange{Email: "other@example.com"})
		}},
		{"a user with that address", "customerinfo", `"displayName":"Otto Other"`, func(ctx context.Context, s *billing.Service) error {
			_, err := s.AddUser(ctx, id, billing.NewUser{Email: "other@example.com", Name: "Otto Other", Role: billing.Member})
			return err
		}},
		{"the payment method", "customerinfo", `"paymentMethodStatus":2`, func(ctx context.Context, s *billing.Service) error {
			return s.SetCustomer(ctx, id, billing.CustomerChange{MethodStatus: "expired"})
		}},
		{"the balance", "customer/balance", `"amount":7.00}`, func(ctx context.Context, s *billing.Service) error {
			return s.SetCustomer(ctx, id, billing.CustomerChange{Balances: []money.Amount{usd(7)}})
		}},
		{"the top-up", "topupsettings", `{"enabled":false,"minBalance":10,"upToBalance":30`, func(ctx context.Context, s *billing.Service) error {
			return s.SetTopUpRule(ctx, id, false, usd(10), usd(30))
		}},
		{"no top-up", "topupsettings", `"minBalance":0,"upToBalance":0,`, func(ctx context.Context, s *billing.Service) error {
			return s.ClearTopUpRule(ctx, id)
		}},
		{"what is used", "quota", `"used":{"value":9,"title":"Admins added:"}`, func(ctx context.Context, s *billing.Service) error {
			return s.SetUsage(ctx, id, map[string]int64{"manager": 9})
		}},
		{"a service", "quotas?wallet=true", `"value":true,"type":"flag","priceTitle":"Enable AI`, func(ctx context.Context, s *billing.Service) error {
			return s.SetServices(ctx, id, []int{-13})
		}},
		{"the plan", "quota", `{"id":-3,"title":"Startup"`, func(ctx context.Context, s *billing.Service) error {
			return s.SetPurchases(ctx, id, nil)
		}},
	}
}

// An add-on whose time is over is gone from that moment, though nobody changed
// anything.
func TestAddOnEndsWithItsTime(t *testing.T) {
	h := newHouse(t, setup{})
	h.must(h.service.SetPurchases(t.Context(), h.company.PortalID, []billing.Purchase{
		{Plan: -3, Quantity: 1}, {Plan: -11, Quantity: 1, DueAt: startOfTime.Add(time.Hour)},
	}))
	const gigabyte = 1 << 30
	storage := func() (bytes int64, due time.Time) {
		quota := decode[docspace.Quota](t, h.get("quota").payload(t))
		feature, _ := quota.Feature("total_size")
		bytes, _ = feature.Value.Number()
		return bytes, quota.DueDate.Time
	}
	h.clock.Move(time.Hour - time.Microsecond)
	if bytes, due := storage(); bytes != 3*gigabyte || !due.Equal(startOfTime.Add(time.Hour)) {
		t.Errorf("a moment before: %d bytes until %s", bytes, due)
	}
	h.clock.Move(time.Microsecond)
	if bytes, due := storage(); bytes != 2*gigabyte || !due.IsZero() {
		t.Errorf("at the end: %d bytes until %s", bytes, due)
	}
}

// Readers that come at once each see all that was acknowledged before they came.
func TestReadersAtOnceAreNeverBehind(t *testing.T) {
	h := newHouse(t, setup{})
	var (
		mu           sync.Mutex
		acknowledged int64
		wg           sync.WaitGroup
	)
	const last = 60
	for range 4 {
		wg.Go(func() {
			for {
				mu.Lock()
				atLeast := acknowledged
				mu.Unlock()
				r := request{path: "customer/balance", key: h.company.OwnerKey}.build(t, h.server.URL)
				got, err := balanceOf(r)
				if err != nil || got < atLeast {
					t.Errorf("%d after %d was acknowledged (%v)", got, atLeast, err)
					return
				}
				if atLeast == last {
					return
				}
			}
		})
	}
	for i := int64(1); i <= last; i++ {
		err := h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{
			Balances: []money.Amount{money.FromUnits(i*1000*money.Scale, "USD")},
		})
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		acknowledged = i
		mu.Unlock()
	}
	wg.Wait()
}

// balanceOf reads a balance in thousands of dollars; it may be called from any
// goroutine. What it was before it was first set counts as nought.
func balanceOf(r *http.Request) (int64, error) {
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var body struct{ Response docspace.Balance }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return 0, err
	}
	if len(body.Response.SubAccounts) == 0 {
		return 0, fmt.Errorf("no balance (%s)", res.Status)
	}
	return body.Response.SubAccounts[0].Amount.Units() / 1000 / money.Scale, nil
}
