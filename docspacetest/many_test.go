package docspacetest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
)

// Of many portals each is its own: its money, its key, its faults.
func TestManyPortals(t *testing.T) {
	all := docspacetest.Many(t, 30)
	all[7].SetBalance(usd(1_25))
	all[8].Inject(docspacetest.BadGateway())
	for i, p := range all {
		client, err := docspace.New(docspace.Config{URL: p.URL, Key: p.Key, MaxAttempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		balance, err := client.Balance(t.Context())
		switch {
		case i == 8:
			if err == nil {
				t.Error("the one that fails answers")
			}
		case err != nil:
			t.Errorf("portal %d: %v", i, err)
		case balance.SubAccounts[0].Amount == usd(1_25) != (i == 7):
			t.Errorf("portal %d has %s", i, balance.SubAccounts[0].Amount)
		}
	}
	stranger, err := docspace.New(docspace.Config{URL: all[0].URL, Key: all[1].Key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Balance(t.Context()); err == nil {
		t.Error("a key opens another portal")
	}
}

func TestSkewIsInTheDate(t *testing.T) {
	p := docspacetest.New(t)
	p.Inject(docspacetest.Fault{Skew: -time.Hour})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/api/2.0/portal/payment/currencies", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.Key)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if behind := time.Since(date); err != nil || behind < 59*time.Minute || behind > 2*time.Hour || answer.StatusCode != 200 {
		t.Errorf("%d, dated %s behind: %v", answer.StatusCode, behind, err)
	}
}

// Rows that arrive between two pages, and a page that lacks some.
func TestPagesThatChange(t *testing.T) {
	p := docspacetest.New(t)
	for n := range 5 {
		p.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: usd(1), Participant: fmt.Sprint(n)})
	}
	p.Inject(docspacetest.Fault{Path: "customer/operations", Times: 1, After: func() {
		p.Charge(billing.Charge{Service: "backup", Quantity: 1, Amount: usd(2), Participant: "late"})
	}})
	late, n := false, 0
	for o, err := range p.Client().AllOperations(context.Background(), docspace.OperationsQuery{Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		late = late || strings.Contains(o.ParticipantName, "late")
	}
	if p.Requests("customer/operations") < 4 || n < 5 || late {
		t.Errorf("%d operations in %d requests, the late one among them: %t", n, p.Requests("customer/operations"), late)
	}
	p.Inject(docspacetest.Fault{Path: "currencies", Times: 1, Change: func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte("USD"), []byte("XTS"))
	}})
	for _, want := range []string{"XTS", "USD"} {
		currencies, err := p.Client().Currencies(t.Context())
		if err != nil || currencies[0].ISOSymbol != want {
			t.Errorf("%+v, %v: not %s", currencies, err, want)
		}
	}
}
