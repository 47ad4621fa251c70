package billing_test

import (
	"fmt"
	"testing"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
)

// Plans that portals have and a catalogue lacks are found, with those who have them.
func TestMissingPlansAreNamed(t *testing.T) {
	h := newHall(t)
	missing := func(s *billing.Service) []billing.MissingPlan {
		t.Helper()
		all, err := s.MissingPlans(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	poor, err := catalog.Parse([]byte("currencies: [USD]\nplans: [ { id: -3, name: startup, features: free } ]"))
	if err != nil {
		t.Fatal(err)
	}
	other := hallOn(t, h.dir, h.clock, billing.Config{Catalog: poor})
	diff(t, "of no portals", missing(other.Service), []billing.MissingPlan(nil))
	h.addPortal("free")
	h.addPortal("alone", billing.Purchase{Plan: -3, Quantity: 1}, billing.Purchase{Plan: -11, Quantity: 100})
	for i := range 6 {
		h.addPortal(fmt.Sprint("p", 5-i), billing.Purchase{Plan: -9, Quantity: 1})
	}
	diff(t, "of the built-in one", missing(h.Service), []billing.MissingPlan(nil))
	diff(t, "of another", missing(other.Service), []billing.MissingPlan{
		{ID: -9, Portals: []string{"p0", "p1", "p2", "p3", "p4"}, More: true},
		{ID: -11, Portals: []string{"alone"}},
	})
	h.must(h.SetPurchases(t.Context(), "p3", nil))
	diff(t, "of five", missing(other.Service)[0], billing.MissingPlan{ID: -9, Portals: []string{"p0", "p1", "p2", "p4", "p5"}})
}
