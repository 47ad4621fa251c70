package portalapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/sample"
)

var keyForm = regexp.MustCompile(`^sk-[0-9a-f]{64}$`)

// makeKey makes a key over the wire.
func (h *house) makeKey(t *testing.T, as, body string) docspace.APIKey {
	t.Helper()
	got := h.from(thisMachine, request{method: "POST", path: keysPath, key: as, body: body})
	got.wants(t, http.StatusOK, "")
	return decode[docspace.APIKey](t, got.payload(t))
}

func (h *house) listKeys(t *testing.T, as string) (names []string, whole string) {
	t.Helper()
	whole = h.getAs(as, keysPath).payload(t)
	for _, key := range decode[[]docspace.APIKey](t, whole) {
		names = append(names, key.Name)
	}
	return names, whole
}

// Source: contract, "Authentication".
func TestKeyIsMadeShownOnceAndEnded(t *testing.T) {
	h := newHouse(t, setup{})
	h.clock.Move(time.Hour)
	made := h.makeKey(t, h.company.OwnerKey, `{"name":"Spreadsheet","permissions":["*:read"],"expiresInDays":"90"}`)
	now := startOfTime.Add(time.Hour)
	if !keyForm.MatchString(made.Key) || made.KeyPostfix != "sk-***"+made.Key[len(made.Key)-4:] || made.Name != "Spreadsheet" ||
		len(made.Permissions) != 1 || made.Permissions[0] != "*:read" || !made.IsActive || !made.CreateOn.Equal(now) ||
		!made.ExpiresAt.Equal(now.AddDate(0, 0, 90)) || !made.LastUsed.IsZero() || made.CreateBy.DisplayName != "Olivia Owner" {
		t.Errorf("the key is %+v", made)
	}
	h.getAs(made.Key, "quota")
	h.must(h.service.FlushKeyUses(t.Context()))
	names, whole := h.listKeys(t, h.company.OwnerKey)
	if strings.Join(names, " ") != "sample Spreadsheet" || strings.Contains(whole, made.Key) || strings.Contains(whole, h.company.OwnerKey) {
		t.Errorf("the list is %s", whole)
	}
	listed := decode[[]docspace.APIKey](t, whole)[1]
	if listed.ID != made.ID || listed.Key != "" || listed.KeyPostfix != made.KeyPostfix || !listed.LastUsed.Equal(now) {
		t.Errorf("the key is listed as %+v", listed)
	}
	end := request{method: "DELETE", path: keysPath + "/" + made.ID, key: h.company.OwnerKey}
	same(t, `{"response":true,"count":1,"links":[{"href":"http://portal.example.com`+end.path+`","action":"DELETE"}],"status":0,"statusCode":200}`, h.do(end).body)
	h.do(request{path: "quota", key: made.Key}).wants(t, http.StatusUnauthorized, "")
	_, whole = h.listKeys(t, h.company.OwnerKey)
	if listed := decode[[]docspace.APIKey](t, whole)[1]; listed.IsActive {
		t.Errorf("the key that was ended is %+v", listed)
	}
	if log := h.log.String(); strings.Contains(log, made.Key) {
		t.Error("a key was logged")
	}
}

// Everybody has their own keys; administrators see and end those of all.
func TestKeysBelongToTheirUsers(t *testing.T) {
	h := newHouse(t, setup{})
	keys := map[billing.Role]string{}
	made := map[billing.Role]docspace.APIKey{}
	for _, role := range []billing.Role{billing.Admin, billing.RoomAdmin, billing.Member} {
		h.clock.Move(time.Minute)
		keys[role] = h.newKey(h.company.PortalID, billing.NewKey{UserEmail: sample.People()[role].Email, Name: "of " + string(role)})
		made[role] = h.makeKey(t, keys[role], `{"name":"by `+string(role)+`","permissions":[]}`)
		if made[role].CreateBy.DisplayName != sample.People()[role].Name {
			t.Errorf("%s made a key for %s", role, made[role].CreateBy.DisplayName)
		}
		// It can do what its user can, and no more.
		h.do(request{path: "quotas", key: made[role].Key}).wants(t, map[bool]int{true: 200, false: 403}[role.Administers()], "")
	}
	for role, want := range map[billing.Role]string{
		billing.Member: "by user, of user", billing.RoomAdmin: "by room_admin, of room_admin",
	} {
		names, _ := h.listKeys(t, keys[role])
		if len(names) != 2 || !strings.Contains(want, names[0]) || !strings.Contains(want, names[1]) {
			t.Errorf("%s sees %q", role, names)
		}
	}
	for _, key := range []string{keys[billing.Admin], h.company.OwnerKey} {
		if names, _ := h.listKeys(t, key); len(names) != 7 {
			t.Errorf("an administrator sees %q", names)
		}
	}
	del := func(as string, id string) reply {
		return h.from(thisMachine, request{method: "DELETE", path: keysPath + "/" + id, key: as})
	}
	others := made[billing.Admin].ID
	for _, role := range []billing.Role{billing.Member, billing.RoomAdmin} {
		del(keys[role], others).wantsError(t, string(role), 404, `key "`+others+`": not found`)
		del(keys[role], made[role].ID).wants(t, 200, "true")
	}
	h.getAs(made[billing.Admin].Key, "quota")
	del(h.company.OwnerKey, others).wants(t, 200, "true")
	h.do(request{path: "quota", key: made[billing.Admin].Key}).wants(t, 401, "")
	// By its id alone: neither by its last characters, nor by itself.
	for _, name := range []string{keys[billing.Member], keys[billing.Member][len(keys[billing.Member])-4:], "%00", "sk-", "-", strings.Repeat("x", 5000)} {
		del(h.company.OwnerKey, name).wants(t, 404, "")
	}
	h.getAs(keys[billing.Member], "quota")
}

func TestNameOfAKeyIsLimitedInCharacters(t *testing.T) {
	h := newHouse(t, setup{})
	made := h.makeKey(t, h.company.OwnerKey, `{"name":"`+strings.Repeat("ü", 30)+`","permissions":null,"expiresInDays":null}`)
	if made.Name != strings.Repeat("ü", 30) || len(made.Permissions) != 0 || !made.ExpiresAt.IsZero() {
		t.Errorf("the key is %+v", made)
	}
	for body, want := range map[string]string{
		`{}`:          `{"Name":["The Name field is required."]}`,
		`{"name":""}`: `{"Name":["The Name field is required."]}`,
		`{"name":"` + strings.Repeat("ü", 31) + `"}`: `{"Name":["The field Name must be a string with a maximum length of 30."]}`,
		`{"name":"x","expiresInDays":0}`:             `{"ExpiresInDays":["The field ExpiresInDays must be between 1 and 365."]}`,
		`{"name":"x","permissions":["*:read",""]}`:   `{"Permissions[1]":["The Permissions[1] field is required."]}`,
	} {
		if got := h.send(keysPath, body); got.status != 400 || !strings.Contains(got.body, `"errors":`+want) {
			t.Errorf("%s: %d %s, want %s", body, got.status, got.body, want)
		}
	}
}

// Source: contract, "Rate limits": the policy for what is sensitive.
func TestKeysAreFewAQuarterOfAnHour(t *testing.T) {
	h := newHouse(t, setup{})
	another := func() int {
		return h.from("203.0.113.7:1", request{method: "POST", path: keysPath, key: h.company.OwnerKey, body: `{"name":"another"}`}).status
	}
	for i := range 5 {
		if status := another(); status != 200 {
			t.Fatalf("number %d: %d", i+1, status)
		}
	}
	if status := another(); status != http.StatusTooManyRequests {
		t.Errorf("number 6: %d", status)
	}
	h.from("203.0.113.7:1", request{path: keysPath, key: h.company.OwnerKey}).wants(t, 200, "") // they can still be listed
	h.clock.Move(15 * time.Minute)
	if status := another(); status != 200 {
		t.Errorf("a quarter of an hour later: %d", status)
	}
}
