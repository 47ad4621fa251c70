package billing_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/sample"
	"github.com/bursarhq/bursar/store"
)

func TestAuthenticateSaysWhoItIs(t *testing.T) {
	h := newCompany(t)
	for role, person := range sample.People() {
		c := h.as(role)
		if c.Role != role || c.User.Role != string(role) || c.User.Email != person.Email || c.User.Name != person.Name || c.User.ID == "" {
			t.Errorf("%s: %+v", role, c.User)
		}
		if c.View != h.view(host) {
			t.Errorf("%s: the view is another one", role)
		}
		if c.Pays() != (role == billing.Owner) {
			t.Errorf("%s pays: %v", role, c.Pays())
		}
		if role.Administers() != (role == billing.Owner || role == billing.Admin) {
			t.Errorf("%s administers: %v", role, role.Administers())
		}
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	h := newCompany(t)
	h.addPortal("other")
	foreign, _, err := h.CreateKey(t.Context(), "other", billing.NewKey{Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	good, key := newKey(h, billing.NewKey{Secret: "sk-good-key"})
	revoked, revokedKey := newKey(h, billing.NewKey{Days: 1, Scopes: []string{"rooms:read"}})
	h.must(h.RevokeKey(t.Context(), company, revokedKey.ID))
	expired, _ := newKey(h, billing.NewKey{Days: 1, Scopes: []string{"rooms:read"}})
	narrow, _ := newKey(h, billing.NewKey{Days: 3, Scopes: []string{"rooms:read"}})
	h.clock.Move(2 * day)
	tests := []struct {
		name, secret string
		want         error
	}{
		{"none", "", billing.ErrNoKey},
		{"unknown", "sk-0000", billing.ErrUnknownKey},
		{"another portal's", foreign, billing.ErrUnknownKey},
		{"its id", key.ID, billing.ErrUnknownKey},
		{"its end", good[len(good)-4:], billing.ErrUnknownKey},
		{"its hash", string(key.Hash[:]), billing.ErrUnknownKey},
		{"in capitals", strings.ToUpper(good), billing.ErrUnknownKey},
		{"with a space", good + " ", billing.ErrUnknownKey},
		{"with a scheme", "Bearer " + good, billing.ErrUnknownKey},
		{"cut short", good[:len(good)-1], billing.ErrUnknownKey},
		{"long", strings.Repeat("x", 1<<20), billing.ErrUnknownKey},
		{"odd", "\x00\xff'; --", billing.ErrUnknownKey},
		{"revoked, and more", revoked, billing.ErrKeyRevoked},
		{"expired, and more", expired, billing.ErrKeyExpired},
		{"of a narrow scope", narrow, billing.ErrScope},
	}
	for range 2 { // what is known is not forgotten, and what is not is not learned
		for _, tt := range tests {
			c, err := h.Authenticate(t.Context(), h.view(host), tt.secret, billing.Reading)
			if !errors.Is(err, tt.want) || c != nil {
				t.Errorf("%s: %v, %v, want %v", tt.name, c, err, tt.want)
			}
			for _, other := range []error{billing.ErrNoKey, billing.ErrUnknownKey, billing.ErrKeyRevoked, billing.ErrKeyExpired, billing.ErrScope} {
				if other != tt.want && errors.Is(err, other) {
					t.Errorf("%s: %v is %v as well", tt.name, err, other)
				}
			}
		}
		h.enter(host, good)
	}
	if _, err := h.Authenticate(t.Context(), h.view("other.example"), good, billing.Reading); !errors.Is(err, billing.ErrUnknownKey) {
		t.Errorf("in the other portal: %v", err)
	}
	h.enter("other.example", foreign)
}

func TestSameSecretInTwoPortalsIsTwoKeys(t *testing.T) {
	h := newHall(t)
	for _, id := range []string{"p", "q"} {
		h.addPortal(id)
		h.must(h.CreateKey(t.Context(), id, billing.NewKey{Name: "k", Secret: "sk-shared"}))
	}
	h.must(h.RevokeKey(t.Context(), "p", "sk-shared"))
	if _, err := h.Authenticate(t.Context(), h.view("p.example"), "sk-shared", billing.Reading); !errors.Is(err, billing.ErrKeyRevoked) {
		t.Errorf("in p: %v", err)
	}
	if c := h.enter("q.example", "sk-shared"); c.User.Email != "owner@q.example" {
		t.Errorf("in q: %+v", c.User)
	}
}

func TestScopes(t *testing.T) {
	h := newCompany(t)
	modules := []string{}
	for _, m := range []string{"rooms", "files", "accounts", "accounts.self"} {
		modules = append(modules, m+":read", m+":write")
	}
	tests := []struct {
		scopes      []string
		read, write bool
	}{
		{nil, true, true},
		{[]string{}, true, true},
		{[]string{"*"}, true, true},
		{[]string{"*:read"}, true, false},
		{[]string{"*:write"}, true, true},
		{[]string{"*:read", "*:write"}, true, true},
		{[]string{"*:read", "rooms:write"}, true, false},
		{[]string{"rooms:read", "*:write"}, true, true},
		{[]string{"files:write", "*"}, true, true},
		{[]string{"rooms:read"}, false, false},
		{modules, false, false},
	}
	for _, m := range modules {
		tests = append(tests, struct {
			scopes      []string
			read, write bool
		}{[]string{m}, false, false})
	}
	for _, tt := range tests {
		secret, _ := newKey(h, billing.NewKey{Scopes: tt.scopes})
		for access, want := range map[billing.Access]bool{billing.Reading: tt.read, billing.Writing: tt.write} {
			_, err := h.Authenticate(t.Context(), h.view(host), secret, access)
			if want && err != nil || !want && !errors.Is(err, billing.ErrScope) {
				t.Errorf("%v for %s: %v, want %v", tt.scopes, access, err, want)
			}
			if !want && !strings.Contains(fmt.Sprint(err), string(access)) {
				t.Errorf("%q does not say that it needs %s", err, access)
			}
		}
	}
}

func TestKeyEndsAtItsLastMoment(t *testing.T) {
	for _, days := range []int{1, 30, 365} {
		h := newCompany(t)
		secret, key := newKey(h, billing.NewKey{Days: days})
		forever, _ := newKey(h, billing.NewKey{})
		for _, step := range []struct {
			until time.Duration // before its end
			want  error
		}{{time.Duration(days) * day, nil}, {time.Second, nil}, {time.Microsecond, nil}, {0, billing.ErrKeyExpired}, {-day, billing.ErrKeyExpired}} {
			h.clock.Move(key.ExpiresAt.Add(-step.until).Sub(h.clock.Now()))
			// In a view that knows it, and in one that does not.
			for _, each := range []*hall{h, h.another()} {
				if _, err := each.Authenticate(t.Context(), each.view(host), secret, billing.Reading); !errors.Is(err, step.want) {
					t.Errorf("%d days, %s before the end: %v, want %v", days, step.until, err, step.want)
				}
			}
		}
		h.enter(host, forever)
	}
}

// TestReadsByRole is who may read what.
func TestReadsByRole(t *testing.T) {
	h := newCompany(t)
	reads := map[string]struct {
		all  bool // all but guests, or administrators only
		read func(c *billing.Caller) (result any, err error)
	}{
		"CustomerInfo": {false, func(c *billing.Caller) (any, error) { r, err := h.CustomerInfo(c); return r, err }},
		"Balance":      {false, func(c *billing.Caller) (any, error) { r, err := h.Balance(c); return r, err }},
		"TopUpRule":    {false, func(c *billing.Caller) (any, error) { r, err := h.TopUpRule(c); return r, err }},
		"Currencies":   {false, func(c *billing.Caller) (any, error) { r, err := h.Currencies(c, here); return r, err }},
		"Quota":        {true, func(c *billing.Caller) (any, error) { r, _, err := h.Quota(c, here); return r, err }},
		"Quotas":       {false, func(c *billing.Caller) (any, error) { r, _, err := h.Quotas(c, false, here); return r, err }},
		"Quotas of the wallet": {false, func(c *billing.Caller) (any, error) {
			r, _, err := h.Quotas(c, true, catalog.Locale{Asked: "JP"})
			return r, err
		}},
	}
	if len(billing.Roles()) != 5 {
		t.Errorf("roles: %v", billing.Roles())
	}
	for name, tt := range reads {
		nothing := map[string]bool{"[]": true, "<nil>": true, fmt.Sprint(store.TopUpRule{}): true}
		for _, role := range billing.Roles() {
			result, err := tt.read(h.as(role))
			allowed := role.Administers() || tt.all && role != billing.Guest
			switch {
			case allowed && (err != nil || nothing[fmt.Sprint(result)]):
				t.Errorf("%s for %s: %v, %v", name, role, result, err)
			case !allowed && !errors.Is(err, billing.ErrAccessDenied):
				t.Errorf("%s for %s: %v, want ErrAccessDenied", name, role, err)
			case !allowed && !nothing[fmt.Sprint(result)]:
				t.Errorf("%s for %s is refused, but tells %v", name, role, result)
			}
		}
	}
}

func TestKeyThatAnotherProcessRevokedIsRefusedAtOnce(t *testing.T) {
	h := newCompany(t)
	other := h.another()
	for range 3 {
		secret, key := newKey(h, billing.NewKey{})
		h.enter(host, secret)
		other.enter(host, secret)
		h.must(other.RevokeKey(t.Context(), company, key.ID))
		for name, each := range map[string]*hall{"the other": h, "its own": other} {
			if _, err := each.Authenticate(t.Context(), each.view(host), secret, billing.Reading); !errors.Is(err, billing.ErrKeyRevoked) {
				t.Errorf("in %s process: %v", name, err)
			}
		}
	}
}

// TestNobodyEntersAfterTheRevocation looks while the key is being revoked.
func TestNobodyEntersAfterTheRevocation(t *testing.T) {
	h := newCompany(t)
	other := h.another()
	for range 5 {
		secret, key := newKey(h, billing.NewKey{})
		var revoked atomic.Bool
		var all []<-chan error
		for _, each := range []*hall{h, h, other} {
			all = append(all, running(func() error {
				for {
					after := revoked.Load()
					v, err := each.View(background, host)
					if err != nil {
						return err
					}
					_, err = each.Authenticate(background, v, secret, billing.Reading)
					switch {
					case errors.Is(err, billing.ErrKeyRevoked):
						return nil
					case err != nil:
						return err
					case after:
						return errors.New("somebody is let in by a revoked key")
					}
				}
			}))
		}
		h.must(other.RevokeKey(t.Context(), company, key.ID))
		revoked.Store(true)
		for _, each := range all {
			within(t, "entering", each)
		}
	}
}

// TestMoreKeysThanAreKept has more keys than a view keeps.
func TestMoreKeysThanAreKept(t *testing.T) {
	const many = 1100
	h := newCompany(t)
	owner := h.as(billing.Owner).User.ID
	secret := func(i int) string { return fmt.Sprintf("sk-many-%d", i) }
	h.must(h.store.Change(t.Context(), company, func(tx *store.Tx) error {
		for i := range many {
			err := tx.InsertKey(store.Key{ID: secret(i), UserID: owner, Hash: hashOf(secret(i)), CreatedAt: h.clock.Now()})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	for range 2 {
		for i := range many {
			h.enter(host, secret(i))
		}
	}
	h.must(h.RevokeKey(t.Context(), company, secret(many-1)))
	if _, err := h.Authenticate(t.Context(), h.view(host), secret(many-1), billing.Reading); !errors.Is(err, billing.ErrKeyRevoked) {
		t.Error(err)
	}
}
