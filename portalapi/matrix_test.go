package portalapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/sample"
)

// check is who may use a route. Source: contract, "Roles" and "Test matrix from the
// official API tests".
type check int

const (
	beAnybody        check = iota // whom a key lets in
	notBeGuest                    // everybody but guests
	administer                    // the owner and DocSpace administrators
	report                        // those of them where there is a customer
	pay                           // who pays
	payAndAdminister              // who pays, being one of those
	payOrOwn                      // who pays, and the owner
	setUp                         // those who administer; where there is a customer, who pays of them
)

// situation is a portal in which everybody tries everything.
type situation struct {
	house func(t *testing.T) *house
	// may is what everybody is answered, by what a route checks.
	may map[check][]int
	// gated is what everybody is answered where a portal that is not paid has
	// nothing to say; nil where it is paid.
	gated []int
	// but is what everybody is answered on some routes instead.
	but map[string][]int
}

// What everybody is answered.
var (
	anybodyMay     = []int{401, 200, 200, 200, 200, 200}
	noGuestMay     = []int{401, 403, 200, 200, 200, 200}
	adminsMay      = []int{401, 403, 403, 403, 200, 200}
	ownerMay       = []int{401, 403, 403, 403, 403, 200}
	adminMay       = []int{401, 403, 403, 403, 200, 403}
	memberMay      = []int{401, 403, 200, 403, 403, 403}
	nobodyMay      = []int{401, 403, 403, 403, 403, 403}
	noneIsThere    = []int{401, 404, 404, 404, 404, 404}
	nobodyHasPaid  = []int{401, 402, 402, 402, 402, 402}
	noneForAdmins  = []int{401, 403, 403, 403, 404, 404}
	ownerHasToPay  = []int{401, 403, 403, 403, 403, 402}
	memberAndOwner = []int{401, 403, 200, 403, 403, 200}
)

var situations = map[string]situation{
	"the owner pays": {
		house: func(t *testing.T) *house { return newHouse(t, setup{}) },
		may:   map[check][]int{pay: ownerMay, payAndAdminister: ownerMay, payOrOwn: ownerMay, setUp: ownerMay},
	},
	"another administrator pays": {
		house: paidBy("admin@example.com"),
		may:   map[check][]int{pay: adminMay, payAndAdminister: adminMay, payOrOwn: adminsMay, setUp: adminMay},
	},
	"a plain user pays": {
		house: paidBy("user@example.com"),
		may:   map[check][]int{pay: memberMay, payAndAdminister: nobodyMay, payOrOwn: memberAndOwner, setUp: nobodyMay},
	},
	"nobody here pays": {
		house: paidBy("nobody@example.com"),
		may:   map[check][]int{pay: nobodyMay, payAndAdminister: nobodyMay, payOrOwn: ownerMay, setUp: nobodyMay},
	},
	"there is no customer": {
		house: func(t *testing.T) *house {
			h := newHouse(t, setup{empty: true})
			h.company = sample.Company{PortalID: "bare", OwnerKey: h.addPortal(billing.NewPortal{ID: "bare", Hosts: []string{portalHost}})}
			for _, role := range billing.Roles()[1:] {
				_, err := h.service.AddUser(t.Context(), "bare", sample.People()[role])
				h.must(err)
			}
			return h
		},
		may: map[check][]int{pay: noneIsThere, payAndAdminister: noneForAdmins, payOrOwn: adminsMay, setUp: adminsMay, report: noneForAdmins},
	},
	"the plan is not paid": {
		house: func(t *testing.T) *house {
			h := newHouse(t, setup{})
			h.clock.Move(60 * 24 * time.Hour)
			return h
		},
		may:   map[check][]int{pay: ownerMay, payAndAdminister: ownerMay, payOrOwn: ownerMay, setUp: ownerMay},
		gated: nobodyHasPaid,
		but: map[string][]int{
			"PUT " + apiBase + "updatewallet": ownerHasToPay, "PUT " + apiBase + "calculatewallet": ownerHasToPay,
		},
	},
}

func paidBy(email string) func(t *testing.T) *house {
	return func(t *testing.T) *house {
		h := newHouse(t, setup{})
		h.must(h.service.SetCustomer(t.Context(), h.company.PortalID, billing.CustomerChange{Email: email}))
		return h
	}
}

// answersOf returns what everybody is answered on a route.
func (s situation) answersOf(c call) []int {
	if but := s.but[c.route]; but != nil {
		return but
	}
	if c.gated && s.gated != nil {
		return s.gated
	}
	switch c.may {
	case beAnybody:
		return anybodyMay
	case notBeGuest:
		return noGuestMay
	case administer:
		return adminsMay
	case report:
		if may := s.may[report]; may != nil {
			return may
		}
		return adminsMay
	}
	return s.may[c.may]
}

// Every role tries every route in every situation. Who is refused has changed
// nothing. Source: contract, "Test matrix from the official API tests".
func TestEverybodyDoesWhatTheyMay(t *testing.T) {
	for name, s := range situations {
		t.Run(name, func(t *testing.T) {
			h := s.house(t)
			for i, role := range everybody {
				key, email := h.keyOf(role), sample.People()[role].Email
				if role == billing.Owner {
					email = ""
				}
				before := h.standing()
				for n, c := range calls {
					q := h.requestOf(c, h.company.PortalID, email, key)
					if c.last == ownKey || c.last == aReport { // which was made just now
						before = h.standing()
					}
					got, want := h.from(thisMachine, q), s.answersOf(c)[i]
					if got.status != want {
						t.Errorf("%s as %s: %d %s, want %d", c.route, role, got.status, got.body, want)
					}
					if got.status == http.StatusForbidden {
						same(t, accessDenied, got.body)
					}
					if !c.writes() && n+1 < len(calls) && !calls[n+1].writes() {
						continue // reads are followed by one look at all
					}
					after := h.standing()
					mayChange := c.writes() && got.status == http.StatusOK
					if before != after && !mayChange {
						t.Errorf("%s as %s: %d, but something changed:\n%s", c.route, role, got.status, firstDifference(before, after))
					}
					if before == after && mayChange && !slices.Contains(harmless, c.route) {
						t.Errorf("%s as %s: %d, but nothing changed", c.route, role, got.status)
					}
					before = after
				}
			}
			h.verify()
		})
	}
}

// thisMachine is an address that limits do not count.
const thisMachine = "127.0.0.1:1"

const accessDenied = `{"error":{"message":"Access denied","type":"System.Security.SecurityException",` +
	`"stack":null,"hresult":-2146233078},"status":1,"statusCode":403}`

// harmless are the routes that are no reads, and can be used without anything
// changing that a read shows, or that stays as it is until the next.
var harmless = []string{
	"PUT " + apiBase + "calculatewallet", "PUT " + apiBase + "url", "POST " + apiBase + "request",
	"POST " + apiBase + "customer/operationsreport", "DELETE " + apiBase + "customer/operationsreport",
	"POST " + apiBase + "customer/usage/report", "DELETE " + apiBase + "customer/usage/report",
	"POST " + apiBase + "customer/usage/monthly/report", "DELETE " + apiBase + "customer/usage/monthly/report",
}

// standing returns all that there is to see of the company's portal: every read as
// its owner gets it, and the trail of who changed what.
func (h *house) standing() string {
	h.t.Helper()
	return h.standingOf(h.company.PortalID, portalHost, h.company.OwnerKey)
}

func (h *house) standingOf(portalID, host, ownerKey string) string {
	h.t.Helper()
	var b strings.Builder
	for _, c := range calls {
		if !c.writes() && c.may != setUp && !c.passes { // setUp is another page each time
			q := c.request(ownerKey)
			q.host = host
			fmt.Fprintln(&b, c.route, h.unchecked(q).body)
		}
	}
	lines, err := h.service.Audit(h.t.Context(), portalID, 0, 1000)
	h.must(err)
	for _, line := range lines {
		fmt.Fprintf(&b, "%+v\n", line)
	}
	return b.String()
}

// firstDifference returns the first lines that differ.
func firstDifference(before, after string) string {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			return "was " + was[i] + "\nis  " + is[i]
		}
	}
	return fmt.Sprintf("%d lines, then %d", len(was), len(is))
}
