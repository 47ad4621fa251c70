package fleet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/fleet"
)

// ills are what portals suffer from, and what of them is read nevertheless: all parts
// fail with an error, or one does, or none.
func ills() []ill {
	half := func(body []byte) []byte { return body[:len(body)/2] }
	return []ill{
		{name: "none"},
		{name: "a storm of 429", fault: docspacetest.TooMany(time.Hour), all: docspace.ErrRateLimited},
		{name: "a cached null", fault: docspacetest.Fault{Path: "customer/balance", Null: true}, lacks: docspace.PartBalance},
		{name: "a gateway's page", fault: docspacetest.BadGateway(), all: docspace.ErrPortalFailed},
		{name: "slow", fault: docspacetest.Fault{Delay: 100 * time.Millisecond}},
		{name: "another clock", fault: docspacetest.Fault{Skew: -26 * time.Hour}},
		{name: "half a page", fault: docspacetest.Fault{Path: "customer/operations", Change: half}, part: fleet.PartRunway},
		{name: "a wrong key", fault: docspacetest.Unauthorized(), all: docspace.ErrUnauthorized},
		{name: "cut off", fault: docspacetest.Fault{Path: "topupsettings", Cut: true}, part: docspace.PartTopUp},
		{name: "endless", fault: docspacetest.Fault{Path: "portal/payment/quota", Endless: true}, part: docspace.PartQuota},
	}
}

type ill struct {
	name  string
	fault docspacetest.Fault
	all   error         // of every part
	part  docspace.Part // the one that fails
	lacks docspace.Part // the one that arrives with nothing in it
}

// A thousand portals in one process, nine of ten of which suffer: each is read as far as
// it can be, and none holds another.
func TestAThousandPortals(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 50
	}
	portals := docspacetest.Many(t, n)
	profiles, sick := make([]fleet.Profile, n), map[string]ill{}
	for i, p := range portals {
		profiles[i] = profileOf(somewhere(n)[i].Name, p)
		one := ills()[i%len(ills())]
		if sick[profiles[i].Name] = one; one.name != "none" {
			p.Inject(one.fault)
		}
	}
	reader := &fleet.Reader{Keys: &fleet.Keys{}, Timeout: 5 * time.Minute, Parallel: 32, Config: docspace.Config{MaxAttempts: 1}}
	parts := []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway}
	seen := map[string]bool{}
	err := fleet.Each(t.Context(), reader, profiles, func(ctx context.Context, p *fleet.Portal) (fleet.Snapshot, error) {
		return fleet.Read(ctx, p, portals[0].Now(), parts...), nil
	}, func(p fleet.Profile, s fleet.Snapshot, err error) error {
		if seen[p.Name] || err != nil {
			t.Errorf("%s is seen twice, or fails: %v", p.Name, err)
		}
		seen[p.Name] = true
		sick[p.Name].check(t, p.Name, &s)
		return nil
	})
	if err != nil || len(seen) != n {
		t.Errorf("%d portals, %v", len(seen), err)
	}
}

// check holds what was read of a portal against what it suffers from.
func (one ill) check(t *testing.T, name string, s *fleet.Snapshot) {
	t.Helper()
	for _, part := range s.Asked {
		err := s.Failed[part]
		runway := part == fleet.PartRunway && one.part == docspace.PartTopUp // which it is made of
		switch {
		case one.all != nil:
			if !errors.Is(err, one.all) {
				t.Errorf("%s, %s: %s fails with %v", name, one.name, part, err)
			}
		case (err != nil) != (part == one.part || runway):
			t.Errorf("%s, %s: %s: %v", name, one.name, part, err)
		}
	}
	if lacks := s.Balance == nil; one.all == nil && lacks != (one.lacks == docspace.PartBalance) {
		t.Errorf("%s, %s: its balance is %v", name, one.name, s.Balance)
	}
	if one.name == "none" && (s.Runway == nil || len(s.Runway.Pockets) == 0 || s.Customer == nil || s.Quota == nil || s.TopUp == nil) {
		t.Errorf("%s: %+v", name, s)
	}
}

// What is upcoming is read once, whoever wants it; a portal that can't say it has not
// failed, and one that does not answer has.
func TestUpcomingIsReadOnce(t *testing.T) {
	for name, test := range map[string]struct {
		parts    []docspace.Part
		fault    docspacetest.Fault
		requests int
		known    bool
		failed   error
	}{
		"with a runway":      {parts: []docspace.Part{fleet.PartRunway, fleet.PartUpcoming}, requests: 1, known: true},
		"without":            {parts: []docspace.Part{docspace.PartBalance, fleet.PartUpcoming}, requests: 1, known: true},
		"alone":              {parts: []docspace.Part{fleet.PartUpcoming}, requests: 1, known: true},
		"a runway alone":     {parts: []docspace.Part{fleet.PartRunway}, requests: 1},
		"nobody wants it":    {parts: []docspace.Part{docspace.PartBalance}},
		"an older portal":    {parts: []docspace.Part{fleet.PartRunway, fleet.PartUpcoming}, fault: docspacetest.Fault{Status: 404}, requests: 1},
		"a portal that died": {parts: []docspace.Part{fleet.PartRunway, fleet.PartUpcoming}, fault: docspacetest.BadGateway(), requests: 1, failed: docspace.ErrPortalFailed},
	} {
		p := docspacetest.New(t)
		const path = "upcoming"
		if test.fault.Status != 0 {
			test.fault.Path = path
			p.Inject(test.fault)
		}
		reader := &fleet.Reader{Keys: &fleet.Keys{}, Config: docspace.Config{MaxAttempts: 1}}
		err := fleet.Each(t.Context(), reader, []fleet.Profile{profileOf("acme", p)}, func(ctx context.Context, portal *fleet.Portal) (fleet.Snapshot, error) {
			return fleet.Read(ctx, portal, p.Now(), test.parts...), nil
		}, func(_ fleet.Profile, s fleet.Snapshot, err error) error {
			if len(s.Asked) != len(test.parts) {
				t.Errorf("%s: asked for %v", name, s.Asked)
			}
			if (s.Upcoming != nil) != test.known || p.Requests(path) != test.requests {
				t.Errorf("%s: %v after %d requests", name, s.Upcoming, p.Requests(path))
			}
			for _, part := range test.parts {
				if !errors.Is(s.Failed[part], test.failed) {
					t.Errorf("%s: %s: %v", name, part, s.Failed[part])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
