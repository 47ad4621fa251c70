package billing_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
)

func TestViewIsTheSameWhileItsPortalIs(t *testing.T) {
	h := newCompany(t)
	h.addPortal("other")
	secret, _ := newKey(h, billing.NewKey{})
	view := h.view(host)
	for name, do := range map[string]func() error{
		"nothing": func() error { return nil },
		"reads": func() error {
			c := h.enter(host, secret)
			_, err := h.CustomerInfo(c)
			return err
		},
		"lists":              func() error { return h.Portals(t.Context(), func(billing.PortalSummary) error { return nil }) },
		"uses written down":  func() error { return h.FlushKeyUses(t.Context()) },
		"a portal is made":   func() error { h.addPortal("third"); return nil },
		"time goes by":       func() error { h.clock.Move(22 * day); return nil },
		"an unknown key":     func() error { _, _ = h.Authenticate(t.Context(), view, "sk-unknown", billing.Reading); return nil },
		"a refused change":   func() error { _ = h.SetUsage(t.Context(), company, map[string]int64{"room": -1}); return nil },
		"a number is drawn":  func() error { _, err := h.store.NewAccountNumber(t.Context()); return err },
		"a late refusal":     func() error { _, _ = h.RevokeKey(t.Context(), company, "none"); return nil },
		"another's refusals": func() error { _, _ = h.another().RevokeKey(t.Context(), company, "none"); return nil },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if h.view(host) != view {
				t.Fatalf("%s: the view is another one", name)
			}
		}
	}
	h.must(h.CreateKey(t.Context(), "other", billing.NewKey{Name: "k", Secret: "sk-revocable"}))
	for name, do := range changes("other") {
		h.must(do(t.Context(), h))
		if h.view(host) != view {
			t.Fatalf("%s in another portal: the view is another one", name)
		}
	}
}

func TestViewIsAnotherAfterEveryChange(t *testing.T) {
	for who, writer := range map[string]func(h *hall) *hall{
		"this process":    func(h *hall) *hall { return h },
		"another process": func(h *hall) *hall { return h.another() },
	} {
		t.Run(who, func(t *testing.T) {
			h := newCompany(t)
			writer := writer(h)
			h.must(h.CreateKey(t.Context(), company, billing.NewKey{Name: "k", Secret: "sk-revocable"}))
			for name, do := range changes(company) {
				before := h.view(host)
				version := before.Portal.Version
				h.must(do(t.Context(), writer))
				after := h.view(host)
				if after == before || after.Portal.Version != version+1 || before.Portal.Version != version {
					t.Errorf("%s: version %d, and then %d", name, version, after.Portal.Version)
				}
			}
		})
	}
}

// TestViewThatIsHeldDoesNotChange: whoever holds one goes on with what it was.
func TestViewThatIsHeldDoesNotChange(t *testing.T) {
	h := newCompany(t)
	c := h.as(billing.Owner)
	wantInfo, wantBalance, wantQuota := *customer(h, c), *balance(h, c), func() billing.Quota { q, _ := quota(h, c, here); return *q }()
	h.must(h.CreateKey(t.Context(), company, billing.NewKey{Name: "k", Secret: "sk-revocable"}))
	for _, do := range changes(company) {
		h.must(do(t.Context(), h))
		h.view(host)
	}
	h.clock.Move(365 * day)
	h.view(host)
	diff(t, "customer", *customer(h, c), wantInfo)
	diff(t, "balance", *balance(h, c), wantBalance)
	q, _ := quota(h, c, here)
	diff(t, "quota", *q, wantQuota)
}

// TestAddOnEndsByTimeAlone writes nothing: the quota changes as time goes by.
func TestAddOnEndsByTimeAlone(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2, 3}, {0, 3, 2, 1}} {
		addOnEndsByTimeAlone(t, order)
	}
}

func addOnEndsByTimeAlone(t *testing.T, order []int) {
	h := newHall(t)
	now := h.clock.Now()
	all := []billing.Purchase{
		{Plan: -9, Quantity: 1, DueAt: now.Add(day)},
		{Plan: -11, Quantity: 1, DueAt: now.Add(2 * day)},
		{Plan: -12, Quantity: 1, DueAt: now.Add(3 * day)},
		{Plan: -13, Quantity: 1},
	}
	var bought []billing.Purchase
	for _, i := range order {
		bought = append(bought, all[i])
	}
	h.addPortal("p", bought...)
	key, _, err := h.CreateKey(t.Context(), "p", billing.NewKey{Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	plain := plan(t, -9).Features.Limit("total_size")
	last := h.view("p.example")
	for _, step := range []struct {
		at     time.Duration
		size   int64
		backup bool
		due    time.Duration
		isNew  bool
	}{
		{0, plain + gigabyte, true, 2 * day, false},
		{day + time.Hour, plain + gigabyte, true, 2 * day, false},         // the plan is due, and stays
		{2*day - time.Microsecond, plain + gigabyte, true, 2 * day, true}, // the due day is over, and with it the state
		{2 * day, plain, true, 3 * day, true},
		{3*day - time.Microsecond, plain, true, 3 * day, false},
		{3 * day, plain, false, day, true},
		{300 * day, plain, false, day, true}, // the days of grace are over
	} {
		h.clock.Move(now.Add(step.at).Sub(h.clock.Now()))
		c := h.enter("p.example", key)
		q, _ := quota(h, c, here)
		if got := q.Features.Limit("total_size"); got != step.size || q.Features.Has("backup") != step.backup || !q.DueAt.Equal(now.Add(step.due)) {
			t.Errorf("at %s: %d bytes, backup %v, due %s", step.at, got, q.Features.Has("backup"), q.DueAt)
		}
		if (c.View != last) != step.isNew {
			t.Errorf("at %s: the view is another one: %v, want %v", step.at, c.View != last, step.isNew)
		}
		last = c.View
		if last.Portal.Version != h.view("p.example").Portal.Version {
			t.Errorf("at %s: the version changed", step.at)
		}
	}
}

func TestUnknownHosts(t *testing.T) {
	h := newHall(t)
	withDefault := hallOn(t, h.dir, h.clock, billing.Config{DefaultPortal: "beta"})
	expect := func(h *hall, host, want string) {
		t.Helper()
		v, err := h.View(t.Context(), host)
		switch {
		case want == "" && (!errors.Is(err, billing.ErrNoPortal) || v != nil):
			t.Errorf("%s is answered by %v (%v), want ErrNoPortal", host, v, err)
		case want != "" && (err != nil || v.Portal.ID != want):
			t.Errorf("%s is answered by %+v (%v), want %s", host, v, err, want)
		}
	}
	expect(h, "x.example", "")
	expect(withDefault, "x.example", "")
	h.addPortal("alpha")
	expect(h, "x.example", "alpha") // the only one
	expect(h, "", "alpha")
	expect(withDefault, "x.example", "") // the default one is not there yet
	expect(withDefault, "alpha.example", "alpha")
	h.addPortal("beta")
	expect(h, "x.example", "") // as long as there is only one
	expect(h, "alpha.example", "alpha")
	expect(withDefault, "x.example", "beta")
	expect(withDefault, "alpha", "beta") // an id is no host
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{
		ID: "gamma", Hosts: []string{"x.example"}, Owner: billing.NewUser{Email: "o@example.com"},
	}))
	expect(h, "x.example", "gamma") // it has a portal of its own now
	expect(withDefault, "x.example", "gamma")
	expect(withDefault, "y.example", "beta")
	expect(h, "X.EXAMPLE", "") // doors say hosts in lower case
}

func TestViewIsThatOfTheFirstHostThatHasOne(t *testing.T) {
	h := newHall(t)
	h.addPortal("alpha")
	h.addPortal("beta")
	withDefault := hallOn(t, h.dir, h.clock, billing.Config{DefaultPortal: "alpha"})
	tests := []struct {
		hosts       []string
		want        string // "" means ErrNoPortal
		wantDefault string
	}{
		{[]string{"alpha.example", "beta.example"}, "alpha", "alpha"},
		{[]string{"beta.example", "alpha.example"}, "beta", "beta"},
		{[]string{"x.example", "beta.example"}, "beta", "beta"},
		{[]string{"beta.example", "x.example"}, "beta", "beta"},
		{[]string{"x.example", "y.example"}, "", "alpha"},
		{[]string{"", "beta.example"}, "beta", "beta"},
		{nil, "", "alpha"},
		// What looks like two hosts, and is one that nobody has, is not taken for two.
		{[]string{"x.example beta.example"}, "", "alpha"},
		{[]string{"x.example", "beta.example"}, "beta", "beta"},
		{[]string{"alpha.example beta.example"}, "", "alpha"},
		{[]string{"beta.example", "alpha.example beta.example"}, "beta", "beta"},
	}
	for range 2 {
		for _, tt := range tests {
			v, err := h.View(t.Context(), tt.hosts...)
			if tt.want == "" && !errors.Is(err, billing.ErrNoPortal) || tt.want != "" && (err != nil || v.Portal.ID != tt.want) {
				t.Errorf("%q: %+v, %v, want %q", tt.hosts, v, err, tt.want)
			}
			if v, err = withDefault.View(t.Context(), tt.hosts...); err != nil {
				t.Fatal(err)
			}
			if v.Portal.ID != tt.wantDefault {
				t.Errorf("%q, by default: %+v, want %q", tt.hosts, v.Portal, tt.wantDefault)
			}
		}
		// A change shows under all names.
		h.must(h.SetUsage(t.Context(), "beta", map[string]int64{"room": 1}))
	}
	// The first host gets a portal of its own, which comes first from now on.
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{
		ID: "gamma", Hosts: []string{"x.example"}, Owner: billing.NewUser{Email: "o@example.com"},
	}))
	if v, err := h.View(t.Context(), "x.example", "beta.example"); err != nil || v.Portal.ID != "gamma" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestAllHostsOfAPortalShowTheSame(t *testing.T) {
	h := newHall(t)
	hosts := []string{"a.example", "b.example", "192.0.2.1"}
	h.must(h.CreatePortal(t.Context(), billing.NewPortal{ID: "p", Hosts: hosts, Owner: billing.NewUser{Email: "o@example.com"}}))
	for version := int64(1); version < 4; version++ {
		for _, host := range append(hosts, "by.default.example") {
			if v := h.view(host); v.Portal.ID != "p" || v.Portal.Version != version {
				t.Errorf("%s shows version %d of %s, want %d", host, v.Portal.Version, v.Portal.ID, version)
			}
		}
		h.must(h.SetUsage(t.Context(), "p", map[string]int64{"room": version}))
	}
}

// TestFewViewsAreKept keeps one of several: what is not kept is read again.
func TestFewViewsAreKept(t *testing.T) {
	h := newHall(t)
	few := hallOn(t, h.dir, h.clock, billing.Config{MaxViews: 1})
	for i := range 3 {
		h.addPortal(fmt.Sprint("p", i))
	}
	for version := int64(1); version < 4; version++ {
		for i := range 6 {
			id := fmt.Sprint("p", i%3)
			v := few.view(id + ".example")
			if v.Portal.ID != id || v.Portal.Version != version {
				t.Errorf("%s shows version %d of %s, want %d", id, v.Portal.Version, v.Portal.ID, version)
			}
			if few.view(id+".example") != v {
				t.Errorf("%s is read again at once", id)
			}
		}
		for i := range 3 {
			h.must(h.SetUsage(t.Context(), fmt.Sprint("p", i), map[string]int64{"room": version}))
		}
	}
}

// TestNewPortalIsFoundAtOnce asks for hosts all the time until they have a portal:
// that they had none is forgotten with the commit that gives them one.
func TestNewPortalIsFoundAtOnce(t *testing.T) {
	const portals = 120
	h := newCompany(t)
	h.addPortal("second") // so that nobody answers for all others
	other := h.another()
	var made atomic.Int64 // so many of the portals are there
	var stop atomic.Bool
	look := func(reader *hall) error {
		for _, i := range []int64{made.Load() - 1, made.Load()} {
			there := i < made.Load()
			v, err := reader.View(background, "nobody.example", fmt.Sprintf("p%d.example", i))
			if there && i >= 0 && (err != nil || v.Portal.ID != fmt.Sprint("p", i)) {
				return fmt.Errorf("portal %d was made, and then: %+v, %w", i, v, err)
			}
			if err != nil && !errors.Is(err, billing.ErrNoPortal) {
				return err
			}
		}
		return nil
	}
	var readers []<-chan error
	for _, reader := range []*hall{h, h, other} {
		readers = append(readers, running(func() (err error) {
			for !stop.Load() && err == nil {
				err = look(reader)
			}
			return err
		}))
	}
	writer := running(func() error {
		for i := range portals {
			id := fmt.Sprint("p", i)
			if _, err := []*hall{h, other}[i%2].CreatePortal(background, billing.NewPortal{
				ID: id, Hosts: []string{id + ".example"}, Owner: billing.NewUser{Email: "o@example.com"},
			}); err != nil {
				return err
			}
			made.Add(1)
			for n := range 4 {
				if err := look([]*hall{h, other}[n%2]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	within(t, "the writer", writer)
	stop.Store(true)
	for _, reader := range readers {
		within(t, "a reader", reader)
	}
}

// TestViewIsNeverStale reads while two processes write in turn: a change that was
// acknowledged before the question is in the answer, whatever was being read when
// it was made.
func TestViewIsNeverStale(t *testing.T) {
	const changes = 150
	h := newCompany(t)
	other := h.another()
	secret, _ := newKey(h, billing.NewKey{})
	before := h.view(host).Portal.Version
	var acknowledged atomic.Int64
	var stop atomic.Bool
	look := func(reader *hall, last int64) (int64, error) {
		want := max(last, before+acknowledged.Load())
		v, err := reader.View(background, host)
		if err != nil {
			return 0, err
		}
		if v.Portal.Version < want {
			return 0, fmt.Errorf("version %d is shown after %d was shown or acknowledged", v.Portal.Version, want)
		}
		c, err := reader.Authenticate(background, v, secret, billing.Reading)
		if err == nil {
			_, _, err = reader.Quota(c, here)
		}
		return v.Portal.Version, err
	}
	var readers []<-chan error
	for _, reader := range []*hall{h, h, other} {
		readers = append(readers, running(func() (err error) {
			for last := int64(0); !stop.Load() && err == nil; {
				last, err = look(reader, last)
			}
			return err
		}))
	}
	writer := running(func() error {
		for i := range int64(changes) {
			if err := []*hall{h, other}[i%2].SetUsage(background, company, map[string]int64{"room": i}); err != nil {
				return err
			}
			acknowledged.Add(1)
			// Nothing is written now that would put right what is stale.
			for n := range 6 {
				if _, err := look([]*hall{h, other}[n%2], 0); err != nil {
					return err
				}
			}
		}
		return nil
	})
	within(t, "the writer", writer)
	stop.Store(true)
	for _, reader := range readers {
		within(t, "a reader", reader)
	}
	if v := h.view(host).Portal.Version; v != before+changes {
		t.Errorf("version %d, want %d", v, before+changes)
	}
}
