package docspace_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// payloads are answers by the end of the path they are for.
var payloads = map[string]string{
	"customerinfo":     customerPayload,
	"customer/balance": balancePayload,
	"quota":            paidPlanPayload,
	"quotas":           offersPayload,
	"topupsettings":    topUpPayload,
	"currencies":       `[{"isoCountryCode":"US","isoCurrencySymbol":"$","currencyNativeName":"US Dollar"}]`,
}

// wholePortal answers all six reads, but those that are failed otherwise.
func wholePortal(failed map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/api/2.0/portal/payment/")
		if handler := failed[name]; handler != nil {
			handler(w, r)
			return
		}
		answering(envelope(payloads[name]))(w, r)
	}
}

func refusing(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(refusal(status, message)))
	}
}

// arrived returns the parts of which the report has a value.
func arrived(r *docspace.Report) []docspace.Part {
	there := map[docspace.Part]bool{
		docspace.PartCustomer: r.Customer != nil, docspace.PartBalance: r.Balance != nil, docspace.PartQuota: r.Quota != nil,
		docspace.PartQuotas: r.Quotas != nil, docspace.PartTopUp: r.TopUp != nil, docspace.PartCurrencies: r.Currencies != nil,
	}
	return slices.DeleteFunc(docspace.Parts(), func(part docspace.Part) bool { return !there[part] })
}

func TestReportHasAllSixParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(7 * time.Second)
			answering(envelope(payloads["quotas"]))(w, r)
		}
		handler := wholePortal(map[string]http.HandlerFunc{"quotas": slow})
		start := time.Now()
		report := newClient(t, docspace.Config{Transport: inMemory(handler)}).Report(t.Context())
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		diff(t, "asked", report.Asked, docspace.Parts())
		diff(t, "arrived", arrived(report), docspace.Parts())
		for _, part := range docspace.Parts() {
			if !report.Arrived(part) {
				t.Errorf("%s did not arrive", part)
			}
		}
		if report.Portal != address || !report.RetrievedAt.Equal(start.Add(7*time.Second)) {
			t.Errorf("of %s at %s", report.Portal, report.RetrievedAt)
		}
		diff(t, "customer", report.Customer.Payer.DisplayName, "Seán O'Brien & Söhne <b>")
		diff(t, "balance", report.Balance.AccountNumber, 9007199254740993)
		diff(t, "quota", report.Quota.Title, "Business")
		diff(t, "quotas", len(report.Quotas), 3)
		diff(t, "top-up", *report.TopUp, topUpWant)
		diff(t, "currencies", report.Currencies[0].Code(), "USD")
	})
}

// No answer is given before all requests are there, so one after the other would
// wait for ever.
func TestReportReadsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var here sync.WaitGroup
		here.Add(len(docspace.Parts()))
		all := make(chan struct{})
		go func() { here.Wait(); close(all) }()
		carrier := transport(func(r *http.Request) (*http.Response, error) {
			here.Done()
			select {
			case <-all:
				return inMemory(wholePortal(nil))(r)
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		start := time.Now()
		report := newClient(t, docspace.Config{Transport: carrier, MaxAttempts: 1}).Report(t.Context())
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestReportKeepsWhatArrived(t *testing.T) {
	failed := map[string]http.HandlerFunc{
		"customerinfo":  refusing(403, "Access denied"),
		"quotas":        answering(loginPage),
		"topupsettings": answering(nothing), // nothing to say is no failure
		"currencies":    refusing(500, "Oops"),
	}
	report := newClient(t, docspace.Config{Transport: inMemory(wholePortal(failed))}).Report(t.Context())
	diff(t, "arrived", arrived(report), []docspace.Part{docspace.PartBalance, docspace.PartQuota})
	for part, kind := range map[docspace.Part]error{
		docspace.PartCustomer: docspace.ErrForbidden, docspace.PartQuotas: docspace.ErrMalformed, docspace.PartCurrencies: docspace.ErrPortalFailed,
	} {
		failureOf(t, report.Failed[part], kind)
		if report.Arrived(part) {
			t.Errorf("%s arrived", part)
		}
		if !errors.Is(report.Err(), kind) {
			t.Errorf("%v does not tell of %s", report.Err(), part)
		}
	}
	if len(report.Failed) != 3 || !report.Arrived(docspace.PartTopUp) || report.TopUp != nil {
		t.Errorf("failed: %v; top-up %+v", report.Failed, report.TopUp)
	}
	diff(t, "errors", report.Err().Error(), "Failed to get customer info: 403 - Access denied\n"+
		`Failed to get available quotas: 200 - a web page titled "Sign in – Portal & more"`+"\n"+
		"Failed to get currencies: 500 - Oops")
}

func TestReportReadsOnlyWhatItIsAskedFor(t *testing.T) {
	tests := []struct{ only, asked []docspace.Part }{
		{nil, docspace.Parts()},
		{docspace.Parts(), docspace.Parts()},
		{[]docspace.Part{docspace.PartBalance}, []docspace.Part{docspace.PartBalance}},
		{[]docspace.Part{docspace.PartCurrencies, docspace.PartCustomer}, []docspace.Part{docspace.PartCustomer, docspace.PartCurrencies}},
		{[]docspace.Part{docspace.PartTopUp, docspace.PartTopUp}, []docspace.Part{docspace.PartTopUp}},
	}
	for _, tt := range tests {
		var (
			mu    sync.Mutex
			asked int
		)
		client := newClient(t, docspace.Config{Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			wholePortal(nil)(w, r)
		})})
		report := client.Report(t.Context(), tt.only...)
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		diff(t, "asked", report.Asked, tt.asked)
		diff(t, "arrived", arrived(report), tt.asked)
		diff(t, "requests", asked, len(tt.asked))
		for _, part := range docspace.Parts() {
			if report.Arrived(part) != slices.Contains(tt.asked, part) {
				t.Errorf("%v: arrived %s: %t", tt.only, part, report.Arrived(part))
			}
		}
	}
}

func TestReportOfAPortalThatIsGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report := newClient(t, docspace.Config{Transport: inMemory(wholePortal(nil))}).Report(ctx)
	diff(t, "arrived", arrived(report), []docspace.Part{})
	diff(t, "failed", len(report.Failed), 6)
	want := "Failed to get customer info: canceled\nFailed to get balance: canceled\nFailed to get current quota: canceled\n" +
		"Failed to get available quotas: canceled\nFailed to get topup settings: canceled\nFailed to get currencies: canceled"
	diff(t, "errors", report.Err().Error(), want)
	if !errors.Is(report.Err(), context.Canceled) {
		t.Error("the cause is lost")
	}
}

// Parts belong to who asked for them.
func TestPartsAreACopy(t *testing.T) {
	docspace.Parts()[0] = "spoiled"
	diff(t, "parts", docspace.Parts(), []docspace.Part{"customer", "balance", "quota", "quotas", "topup", "currencies"})
}

func TestParsePart(t *testing.T) {
	for _, part := range docspace.Parts() {
		if got, err := docspace.ParsePart(string(part)); got != part || err != nil {
			t.Errorf("%s: %q, %v", part, got, err)
		}
	}
	for _, name := range []string{"", "Balance", "balances", " quota", "all"} {
		part, err := docspace.ParsePart(name)
		if part != "" || err == nil {
			t.Errorf("%q: %q, %v", name, part, err)
			continue
		}
		for _, known := range docspace.Parts() {
			if !strings.Contains(err.Error(), string(known)) {
				t.Errorf("%q: %q does not list %s", name, err, known)
			}
		}
	}
}
