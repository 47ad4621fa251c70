package portalapi_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
)

// everybody is anon and every role, the least first.
var everybody = []billing.Role{anon, billing.Guest, billing.Member, billing.RoomAdmin, billing.Admin, billing.Owner}

// Input is checked before the role is, as in DocSpace.
func TestGuestWithBadInputIsToldOfTheInput(t *testing.T) {
	h := newHouse(t, setup{})
	if got := h.do(request{path: "quotas?wallet=maybe", key: h.keyOf(billing.Guest)}); got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestFeaturesOfTheQuotaGoByRole(t *testing.T) {
	ofAll := []string{"manager", "total_size", "file_size", "oauth", "users", "room", "statistic", "aiagent", "automationapi"}
	ofAdmins := []string{
		"manager", "total_size", "file_size", "branding", "oauth", "year", "backup", "aitools", "users", "room",
		"customization", "ldap", "sso", "free_backup", "restore", "audit", "thirdparty", "statistic", "aiagent", "automationapi",
	}
	counted := []string{"manager", "total_size", "file_size", "users", "room", "aiagent"}
	h := newHouse(t, setup{})
	for role, want := range map[billing.Role]struct {
		features []string
		values   []string // of which features it is seen how much is used
	}{
		billing.Member:    {ofAll, []string{"total_size"}},
		billing.RoomAdmin: {ofAll, counted},
		billing.Admin:     {ofAdmins, append([]string{"free_backup"}, counted...)},
		billing.Owner:     {ofAdmins, append([]string{"free_backup"}, counted...)},
	} {
		t.Run(string(role), func(t *testing.T) {
			h.t = t
			quota := decode[docspace.Quota](t, h.getAs(h.keyOf(role), "quota").payload(t))
			var ids, values []string
			for _, f := range quota.Features {
				ids = append(ids, f.ID)
				if f.Used != nil && f.Used.Value != nil {
					values = append(values, f.ID)
				}
				if f.ID == "manager" && f.Used.Title != "Admins added:" {
					t.Errorf("use of admins is titled %q", f.Used.Title)
				}
			}
			if diff := cmp.Diff(want.features, ids); diff != "" {
				t.Errorf("features (-want +got):\n%s", diff)
			}
			slices.Sort(values)
			slices.Sort(want.values)
			if diff := cmp.Diff(want.values, values); diff != "" {
				t.Errorf("use is seen of (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPayerIsWhoeverHasTheCustomersAddress(t *testing.T) {
	h := newHouse(t, setup{empty: true})
	key := h.addPortal(billing.NewPortal{ID: "example", Hosts: []string{portalHost}})
	steps := []struct {
		does      string
		do        func() error
		wantPayer string
		wantPage  string
	}{
		{"set a customer with nobody's address", func() error {
			return h.service.SetCustomer(t.Context(), "example", billing.CustomerChange{Email: "New@Example.com"})
		}, "", ""},
		{"add a user with it", func() error {
			_, err := h.service.AddUser(t.Context(), "example", billing.NewUser{
				Email: "new@example.com", Name: "N & <b>w</b>", Role: billing.Guest,
			})
			return err
		}, "N &amp; &lt;b&gt;w&lt;/b&gt;", "http://portal.example.com/accounts/guests/filter?search=new%40example.com"},
		{"give the customer the owner's", func() error {
			return h.service.SetCustomer(t.Context(), "example", billing.CustomerChange{Email: "owner@example.com"})
		}, "Olivia Owner", "http://portal.example.com/accounts/people/filter?search=owner%40example.com"},
	}
	for _, step := range steps {
		h.must(step.do())
		info := decode[docspace.CustomerInfo](t, h.getAs(key, "customerinfo").payload(t))
		name, page := "", ""
		if info.Payer != nil {
			name, page = info.Payer.DisplayName, info.Payer.ProfileURL
		}
		if name != step.wantPayer {
			t.Errorf("%s: the payer is %q, want %q", step.does, name, step.wantPayer)
		}
		if page != step.wantPage {
			t.Errorf("%s: the page is %s, want %s", step.does, page, step.wantPage)
		}
	}
}
