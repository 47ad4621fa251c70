package portalapi_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/portalapi"
)

// newQuirky returns a house with these quirks on the store of another one, whose
// company it has.
func newQuirky(of *house, quirks portalapi.Quirks) *house {
	of.t.Helper()
	h := newHouse(of.t, setup{
		store:   of.store,
		empty:   true,
		config:  portalapi.Config{Quirks: quirks},
		billing: billing.Config{StockQuirks: quirks.NoPlanDueDate},
	})
	h.company = of.company
	return h
}

// newPlain returns a house with a company without add-ons.
func newPlain(t *testing.T) *house {
	t.Helper()
	h := newHouse(t, setup{})
	h.must(h.service.SetPurchases(t.Context(), h.company.PortalID,
		[]billing.Purchase{{Plan: -9, Quantity: 10, DueAt: businessDue}}))
	return h
}

// Each quirk is switched on alone, and changes what it is about and no more.
func TestQuirkChangesOneThing(t *testing.T) {
	plain := newPlain(t)
	for name, test := range map[string]struct {
		quirk portalapi.Quirks
		// What becomes of the answers when the quirk is on.
		from, to string
		answers  int // how many of those that are asked for change
	}{
		"none":               {portalapi.Quirks{}, `.^`, ``, 0},
		"BearerKeysOnly":     {portalapi.Quirks{BearerKeysOnly: true}, `.^`, ``, 0}, // see TestKeyIsAcceptedInEachForm
		"NoSettingsTwin":     {portalapi.Quirks{NoSettingsTwin: true}, `,"settings":{[^}]*}`, ``, 1},
		"NoPlanDueDate":      {portalapi.Quirks{NoPlanDueDate: true}, `,"dueDate":"2026-07-31T11:39:43Z"`, ``, 1},
		"CurrenciesCountOne": {portalapi.Quirks{CurrenciesCountOne: true}, `"count":2(.*/currencies)`, `"count":1$1`, 1},
		"QuietLimits":        {portalapi.Quirks{QuietLimits: true}, `(X-RateLimit-.*=[0-9]+ ){3}`, ``, 10},
		"QuietKeys":          {portalapi.Quirks{QuietKeys: true}, `Idempotency-Keys=kept `, ``, 10},
		"SignAsISOCode": {
			portalapi.Quirks{SignAsISOCode: true},
			`"[A-Z]{3}","currencyNativeName":"([^"]*)","currencySymbol":"([^"]*)"`, `"$2","currencyNativeName":"$1"`, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain.t = t
			quirky, change, changed := newQuirky(plain, test.quirk), regexp.MustCompile(test.from), 0
			for _, path := range append([]string{"currencies?country=ES", "quotas?wallet=true"}, reads...) {
				off := allOf(plain.get(path))
				on := change.ReplaceAllString(off, test.to)
				if on != off {
					changed++
				}
				if got := allOf(quirky.get(path)); got != on {
					t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(on, got))
				}
			}
			if changed != test.answers {
				t.Errorf("%d answers are others, want %d", changed, test.answers)
			}
		})
	}
}

// allOf returns what quirks are about of a reply, on one line: its limits, its
// keys and its body, less what differs from run to run.
func allOf(r reply) string {
	all := ""
	for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Idempotency-Keys"} {
		if value := r.header.Get(name); value != "" {
			all += name + "=" + value + " "
		}
	}
	return all + settled(r.body)
}

// With an add-on, the due date is the add-on's, quirk or not.
func TestDueDateIsTheNextOfWhatIsPaidFromTheWallet(t *testing.T) {
	for _, quirks := range []portalapi.Quirks{{}, portalapi.StockQuirks()} {
		h := newQuirky(newPlain(t), quirks)
		sooner := startOfTime.AddDate(0, 0, 5)
		h.must(h.service.SetPurchases(t.Context(), h.company.PortalID, []billing.Purchase{
			{Plan: -9, Quantity: 10, DueAt: startOfTime.AddDate(0, 0, 1)},
			{Plan: -11, Quantity: 100, DueAt: startOfTime.AddDate(0, 0, 9)},
			{Plan: -12, Quantity: 1, DueAt: sooner},
		}))
		if got := h.get("quota").payload(t); !strings.HasSuffix(got, `"dueDate":"2026-07-13T11:39:43.123456Z"}`) {
			t.Errorf("%+v: %s", quirks, got)
		}
	}
}

func TestStockQuirksAreAllQuirks(t *testing.T) {
	all := reflect.ValueOf(portalapi.StockQuirks())
	for i := range all.NumField() {
		if !all.Field(i).Bool() {
			t.Errorf("%s is off", all.Type().Field(i).Name)
		}
	}
}

// Two ways of a stock portal have no switch: what fails is never answered as
// empty (see TestFailureIsNeverAnEmptyAnswer), and no stack is shown.
func TestNoQuirkShowsAStack(t *testing.T) {
	h := newQuirky(newPlain(t), portalapi.StockQuirks())
	got := h.do(request{path: "quotas", key: h.keyOf(billing.Guest)})
	if !strings.Contains(got.body, `"type":"System.Security.SecurityException","stack":null,`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}
