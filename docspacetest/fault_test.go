package docspacetest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
)

func TestEveryFaultStrikes(t *testing.T) {
	tests := []struct {
		name  string
		fault docspacetest.Fault
		kind  error
		text  string // after "Failed to get balance: "; "" when only the kind is promised
	}{
		{"Denied", docspacetest.Denied(), docspace.ErrForbidden, "403 - Access denied"},
		{"Failed", docspacetest.Failed(), docspace.ErrPortalFailed, "500 - Object reference not set to an instance of an object."},
		{"Unauthorized", docspacetest.Unauthorized(), docspace.ErrUnauthorized, "401 - Unauthorized"},
		{"BadGateway", docspacetest.BadGateway(), docspace.ErrPortalFailed, `502 - Bad Gateway, a web page titled "502 Bad Gateway"`},
		{"LoginPage", docspacetest.LoginPage(), docspace.ErrMalformed, `200 - a web page titled "Sign in"`},
		{"TooMany", docspacetest.TooMany(7 * time.Second), docspace.ErrRateLimited, "429 - Too Many Requests"},
		{"Null", docspacetest.Fault{Null: true}, nil, ""},
		{"Cut", docspacetest.Fault{Cut: true}, docspace.ErrUnreachable, "the connection was closed"},
		{"CutAfter", docspacetest.Fault{CutAfter: 100}, docspace.ErrUnreachable, "200 - the answer broke off: the connection was closed"},
		{"Endless", docspacetest.Fault{Endless: true}, docspace.ErrTooLarge, "200 - the answer is longer than 1048576 bytes"},
		{"Location", docspacetest.Fault{Status: 302, Location: "https://login.example.net/"}, docspace.ErrRedirect, "302 - sent on to https://login.example.net"},
		{"Status", docspacetest.Fault{Status: 404}, docspace.ErrNotFound, "404 - Not Found"},
		{"Body", docspacetest.Fault{Body: "hello"}, docspace.ErrMalformed, "200 - not JSON: hello"},
		{"Status and Body", docspacetest.Fault{Status: 402, Body: `{"error":{"message":"Not paid"}}`}, docspace.ErrPaymentRequired, "402 - Not paid"},
		{"ContentType", docspacetest.Fault{ContentType: "text/html", Body: "hello"}, docspace.ErrMalformed, "200 - a web page"},
		{"RetryAfter", docspacetest.Fault{Status: 503, RetryAfter: time.Minute}, docspace.ErrPortalFailed, "503 - Service Unavailable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			portal := docspacetest.New(t)
			client := clientOf(t, portal, portal.Key)
			portal.Inject(tt.fault)
			for range 2 { // Times is 0: all requests
				balance, err := client.Balance(t.Context())
				wants(t, "balance", err, tt.kind)
				if balance != nil {
					t.Errorf("a balance all the same: %+v", balance)
				}
				if tt.text != "" && (err == nil || err.Error() != "Failed to get balance: "+tt.text) {
					t.Errorf("got %v, want %s", err, tt.text)
				}
				var failure *docspace.Error
				if errors.As(err, &failure) && failure.RetryAfter != tt.fault.RetryAfter {
					t.Errorf("retry after %s, want %s", failure.RetryAfter, tt.fault.RetryAfter)
				}
			}
			for part, read := range reads(client) {
				wants(t, string(part), read(t.Context()), tt.kind)
			}
			portal.Heal()
			for part, read := range reads(client) {
				wants(t, "healed: "+string(part), read(t.Context()), nil)
			}
		})
	}
}

// A path is the end of the one asked for, whole words or not; the others answer
// as they should.
func TestAFaultStrikesOnlyItsPath(t *testing.T) {
	tests := map[string][]docspace.Part{
		"customerinfo":                         {docspace.PartCustomer},
		"customer/balance":                     {docspace.PartBalance},
		"balance":                              {docspace.PartBalance},
		"/payment/quota":                       {docspace.PartQuota},
		"quota":                                {docspace.PartQuota},
		"quotas":                               {docspace.PartQuotas},
		"topupsettings":                        {docspace.PartTopUp},
		"currencies":                           {docspace.PartCurrencies},
		"/api/2.0/portal/payment/customerinfo": {docspace.PartCustomer},
		"s":                                    {docspace.PartQuotas, docspace.PartTopUp, docspace.PartCurrencies},
		"":                                     docspace.Parts(),
		"nowhere":                              nil,
	}
	portal := docspacetest.New(t)
	client := clientOf(t, portal, portal.Key)
	for path, struck := range tests {
		for _, fault := range []docspacetest.Fault{docspacetest.Denied(), {Cut: true}} {
			fault.Path = path
			portal.Heal()
			portal.Inject(fault)
			report := client.Report(t.Context())
			for _, part := range docspace.Parts() {
				if hit := !report.Arrived(part); hit != slices.Contains(struck, part) {
					t.Errorf("%q: %s struck: %t (%v)", path, part, hit, report.Failed[part])
				}
			}
		}
	}
}

func TestAFaultStrikesAsOftenAsItSays(t *testing.T) {
	for _, times := range []int{1, 2, 5} {
		portal := docspacetest.New(t)
		client := clientOf(t, portal, portal.Key)
		fault := docspacetest.Denied()
		fault.Path, fault.Times = "balance", times
		portal.Inject(fault)
		for i := range times + 2 {
			want := docspace.ErrForbidden
			if i >= times {
				want = nil
			}
			if _, err := client.Quota(t.Context()); err != nil { // is none of its requests
				t.Errorf("quota: %v", err)
			}
			_, err := client.Balance(t.Context())
			wants(t, "balance", err, want)
		}
	}
}

// Requests that come at once share what is left of a fault.
func TestTimesHoldsForRequestsAtOnce(t *testing.T) {
	portal := docspacetest.New(t)
	fault := docspacetest.Denied()
	fault.Times = 4
	portal.Inject(fault)
	report := clientOf(t, portal, portal.Key).Report(t.Context())
	if n := len(report.Failed); n != 4 {
		t.Errorf("%d of 6 failed, want 4: %v", n, report.Err())
	}
}

func TestFaultsStrikeInTheirOrder(t *testing.T) {
	portal := docspacetest.New(t)
	client := clientOf(t, portal, portal.Key)
	inject := func(f docspacetest.Fault, path string, times int) {
		f.Path, f.Times = path, times
		portal.Inject(f)
	}
	inject(docspacetest.Failed(), "quota", 1)
	inject(docspacetest.Denied(), "", 2)
	inject(docspacetest.BadGateway(), "balance", 1)
	inject(docspacetest.Unauthorized(), "", 1)
	for i, want := range []error{docspace.ErrForbidden, docspace.ErrForbidden, docspace.ErrPortalFailed, docspace.ErrUnauthorized, nil} {
		_, err := client.Balance(t.Context())
		wants(t, []string{"first", "second", "third", "fourth", "fifth"}[i], err, want)
	}
	_, err := client.Quota(t.Context())
	wants(t, "quota", err, docspace.ErrPortalFailed)
	_, err = client.Quota(t.Context())
	wants(t, "quota again", err, nil)
}

func TestHealSwitchesAllFaultsOff(t *testing.T) {
	portal := docspacetest.New(t)
	client := clientOf(t, portal, portal.Key)
	portal.Heal() // of nothing
	limited := docspacetest.Denied()
	limited.Times = 3
	portal.Inject(limited)
	portal.Inject(docspacetest.BadGateway())
	_, err := client.Balance(t.Context())
	wants(t, "before", err, docspace.ErrForbidden)
	portal.Heal()
	for range 5 {
		_, err = client.Balance(t.Context())
		wants(t, "healed", err, nil)
	}
	portal.Inject(docspacetest.Failed())
	_, err = client.Balance(t.Context())
	wants(t, "ill again", err, docspace.ErrPortalFailed)
}

func TestRequestsCountsByPath(t *testing.T) {
	portal := docspacetest.New(t)
	client := clientOf(t, portal, portal.Key)
	count := func(want map[string]int) {
		t.Helper()
		for path, n := range want {
			if got := portal.Requests(path); got != n {
				t.Errorf("%d requests for %q, want %d", got, path, n)
			}
		}
	}
	count(map[string]int{"": 0, "balance": 0})
	client.Report(t.Context())
	count(map[string]int{"": 6, "balance": 1, "customer/balance": 1, "quota": 1, "quotas": 1, "nowhere": 0})

	portal.Inject(docspacetest.Fault{Path: "balance", Times: 1, Cut: true})
	_, err := clientOf(t, portal, portal.Key).Balance(t.Context())
	wants(t, "cut", err, docspace.ErrUnreachable)
	_, err = clientOf(t, portal, "sk-unknown").Balance(t.Context())
	wants(t, "refused", err, docspace.ErrUnauthorized)
	count(map[string]int{"": 8, "balance": 3})
	portal.Heal()
	count(map[string]int{"": 8, "balance": 3})
}

func TestADelayComesFirst(t *testing.T) {
	const delay = 20 * time.Millisecond
	tests := map[string]struct {
		fault docspacetest.Fault
		kind  error
	}{
		"alone":          {docspacetest.Fault{}, nil},
		"on a path":      {docspacetest.Fault{Path: "balance", Times: 1}, nil},
		"with a refusal": {docspacetest.Denied(), docspace.ErrForbidden},
		"with a cut":     {docspacetest.Fault{Cut: true}, docspace.ErrUnreachable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			portal := docspacetest.New(t)
			tt.fault.Delay = delay
			portal.Inject(tt.fault)
			start := time.Now()
			balance, err := clientOf(t, portal, portal.Key).Balance(t.Context())
			if took := time.Since(start); took < delay {
				t.Errorf("took only %s", took)
			}
			wants(t, "balance", err, tt.kind)
			if (balance == nil) != (tt.kind != nil) {
				t.Errorf("balance %+v", balance)
			}
		})
	}
}

// A delay lasts no longer than somebody waits for it.
func TestADelayEndsWithItsRequest(t *testing.T) {
	portal := docspacetest.New(t)
	portal.Inject(docspacetest.Fault{Delay: 24 * time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := clientOf(t, portal, portal.Key).Balance(ctx)
		ended <- err
	}()
	eventually(t, "the request arrives", func() bool { return portal.Requests("balance") == 1 })
	cancel()
	wants(t, "balance", <-ended, context.Canceled)
}

// A test that ends while a portal still delays or pours ends all the same.
func TestTheEndOfATestEndsEveryFault(t *testing.T) {
	for name, fault := range map[string]docspacetest.Fault{
		"delay": {Delay: 24 * time.Hour}, "endless": {Endless: true}, "both": {Delay: 24 * time.Hour, Endless: true},
	} {
		ended := make(chan error, 1)
		t.Run(name, func(t *testing.T) {
			portal := docspacetest.New(t)
			portal.Inject(fault)
			client, err := docspace.New(docspace.Config{URL: portal.URL, Key: portal.Key, MaxAttempts: 1, MaxBody: 1 << 40, Transport: discarding{}})
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, err := client.Balance(context.Background())
				ended <- err
			}()
			eventually(t, "the request arrives", func() bool { return portal.Requests("balance") == 1 })
		})
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("%s: the request is still running", name)
		}
	}
}

// discarding is a transport whose bodies never fill the memory: it reads them to
// their end and hands out nothing.
type discarding struct{}

func (discarding) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	buffer := make([]byte, 1<<16)
	for err == nil {
		_, err = res.Body.Read(buffer)
	}
	res.Body = http.NoBody
	return res, nil
}

// CutAfter counts the bytes that arrive.
func TestCutAfterCountsBytes(t *testing.T) {
	for _, n := range []int{1, 12, 13, 100, 5000} {
		portal := docspacetest.New(t)
		portal.Inject(docspacetest.Fault{CutAfter: n})
		got := ask(t, portal, "customer/balance", bearer(portal.Key))
		if got.err == nil || got.status != http.StatusOK || len(got.body) != n {
			t.Errorf("cut after %d: %d bytes of status %d, %v", n, len(got.body), got.status, got.err)
		}
		if whole := `{"response":` + strings.Repeat(" ", n); !strings.HasPrefix(whole, string(got.body)) {
			t.Errorf("cut after %d: %q does not look good", n, got.body)
		}
	}
}

// Faults strike whatever is asked for, payments too: before anything happened or,
// when they are late, after it.
func TestFaultsStrikePaymentsAndLists(t *testing.T) {
	for name, fault := range map[string]docspacetest.Fault{
		"Denied": docspacetest.Denied(), "Failed": docspacetest.Failed(), "Cut": {Cut: true}, "CutAfter": {CutAfter: 10}, "Endless": {Endless: true},
	} {
		for _, late := range []bool{false, true} {
			portal := docspacetest.New(t)
			client := clientOf(t, portal, portal.Key)
			fault.Late = late
			portal.Inject(fault)
			if _, err := client.Deposit(t.Context(), 100, "USD", "k"); err == nil {
				t.Errorf("%s: a deposit was made", name)
			}
			if _, err := client.Operations(t.Context(), docspace.OperationsQuery{}); err == nil {
				t.Errorf("%s: operations were listed", name)
			}
			if _, err := client.AIBalance(t.Context()); err == nil {
				t.Errorf("%s: a balance was read", name)
			}
			portal.Heal()
			page, err := client.Operations(t.Context(), docspace.OperationsQuery{})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int64{false: 3, true: 4}[late]; page.Total != want {
				t.Errorf("%s, late %t: %d operations, want %d", name, late, page.Total, want)
			}
			if paid, err := client.Deposit(t.Context(), 100, "USD", "k"); !paid || err != nil {
				t.Errorf("%s: again: %t, %v", name, paid, err)
			}
			balance, err := client.Balance(t.Context())
			if err != nil || balance.SubAccounts[0].Amount != usd(248_50) {
				t.Errorf("%s: %+v, %v", name, balance, err)
			}
		}
	}
}
