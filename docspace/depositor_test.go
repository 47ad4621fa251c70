package docspace_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
)

// payer deposits at a portal of its own, by a clock that moves when it sleeps.
type payer struct {
	*docspace.Depositor
	*docspacetest.Portal
	t       *testing.T
	mu      sync.Mutex
	elapsed time.Duration
}

func newPayer(t *testing.T, portal *docspacetest.Portal) *payer {
	t.Helper()
	p := &payer{Portal: portal, t: t}
	carrier := docspace.NewTransport(nil)
	t.Cleanup(carrier.CloseIdleConnections)
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: portal.Key, MaxAttempts: 1, Transport: transport(func(r *http.Request) (*http.Response, error) {
		res, err := carrier.RoundTrip(r)
		if err == nil { // the portal's clock goes with ours
			res.Header.Set("Date", p.now().UTC().Format(http.TimeFormat))
		}
		return res, err
	})})
	if err != nil {
		t.Fatal(err)
	}
	p.Depositor = &docspace.Depositor{
		Client: client, Store: docspace.IntentFolder{Dir: filepath.Join(t.TempDir(), "deposits")}, Now: p.now,
		Sleep: func(ctx context.Context, d time.Duration) error { p.pass(d); return ctx.Err() },
	}
	return p
}

func (p *payer) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Portal.Now().Add(p.elapsed)
}

func (p *payer) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.elapsed += d
}

// wants deposits, and checks how that ends and how much more the wallet then has.
func (p *payer) wants(key string, dollars int64, kind error, state docspace.DepositState, wallet string) *docspace.DepositIntent {
	p.t.Helper()
	intent, err := p.Deposit(p.t.Context(), key, money.FromUnits(dollars*money.Scale, "USD"))
	if kind == nil && err != nil || !errors.Is(err, kind) {
		p.t.Fatalf("%s: got %v, want %v", key, err, kind)
	}
	if intent == nil || intent.State != state {
		p.t.Fatalf("%s: got %+v, want %s", key, intent, state)
	}
	p.has(wallet)
	return intent
}

func (p *payer) has(wallet string) {
	p.t.Helper()
	balance, err := p.Portal.Client().Balance(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	if got := balance.SubAccounts[0].Amount.Decimal(); got != wallet {
		p.t.Fatalf("the wallet has %s, not %s", got, wallet)
	}
}

// A portal that keeps keys is asked again at once, whatever was lost and when.
func TestDepositAtAPortalThatKeepsKeys(t *testing.T) {
	for name, fault := range map[string]docspacetest.Fault{
		"before": {Cut: true}, "after": {Cut: true, Late: true}, "502": docspacetest.BadGateway(), "503 after": {Status: 503, Late: true},
		"nothing": {Null: true, Late: true}, "half an answer": {CutAfter: 5, Late: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPayer(t, docspacetest.New(t))
			fault.Path, fault.Times = "payment/deposit", 1
			p.Inject(fault)
			intent := p.wants("june", 100, nil, docspace.DepositDone, "248.50")
			if intent.Evidence != docspace.ByKey || intent.Attempt != 1 || p.Requests("payment/deposit") != 2 {
				t.Errorf("%+v after %d requests", intent, p.Requests("payment/deposit"))
			}
			p.wants("june", 100, nil, docspace.DepositDone, "248.50")
			p.wants("june", 10, docspace.ErrOtherDeposit, docspace.DepositDone, "248.50")
		})
	}
}

// A stock portal is asked once. What happened is found among the operations; where
// somebody else may have done it, a person says.
func TestDepositFoundAmongTheOperations(t *testing.T) {
	for name, alone := range map[string]bool{"alone": true, "not alone": false} {
		t.Run(name, func(t *testing.T) {
			p := newPayer(t, docspacetest.NewStock(t))
			p.Alone, p.Wait = alone, true
			p.Inject(docspacetest.Fault{Path: "payment/deposit", Cut: true, Late: true, Times: 1})
			if alone {
				if got := p.wants("june", 100, nil, docspace.DepositDone, "248.50"); got.Evidence != docspace.ByOperation || got.Operation == "" {
					t.Errorf("%+v", got)
				}
			} else {
				got := p.wants("june", 100, docspace.ErrDepositUnknown, docspace.DepositUnknown, "248.50")
				if got.Doubt != docspace.DoubtOne || !got.Doubt.NeedsPerson() || len(got.Found) != 1 {
					t.Errorf("%+v", got)
				}
				if _, err := p.Deposit(t.Context(), "july", money.FromUnits(100*money.Scale, "USD")); !errors.Is(err, docspace.ErrDepositOpen) {
					t.Errorf("another of the amount: %v", err)
				}
				if got, err := p.Resolve(t.Context(), "june", true); err != nil || got.State != docspace.DepositDone || got.Evidence != docspace.ByPerson {
					t.Errorf("%+v, %v", got, err)
				}
				if _, err := p.Resolve(t.Context(), "june", false); !errors.Is(err, docspace.ErrOtherDeposit) {
					t.Errorf("resolved the other way: %v", err)
				}
			}
			if n := p.Requests("payment/deposit"); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
			p.wants("july", 100, nil, docspace.DepositDone, "348.50")
		})
	}
}

// What is proven not to have happened is sent again, and nothing is before.
func TestDepositProvenNotToHaveHappened(t *testing.T) {
	p := newPayer(t, docspacetest.NewStock(t))
	p.Inject(docspacetest.Fault{Path: "payment/deposit", Status: 504, Times: 1})
	for range 3 {
		if got := p.wants("june", 100, docspace.ErrDepositUnknown, docspace.DepositUnknown, "148.50"); got.Doubt != docspace.DoubtEarly {
			t.Errorf("%+v", got)
		}
		p.pass(4 * time.Minute)
	}
	p.pass(4 * time.Minute)
	if got := p.wants("june", 100, docspace.ErrDepositUnknown, docspace.DepositUnknown, "148.50"); got.Doubt != docspace.DoubtOnce {
		t.Errorf("%+v", got)
	}
	if n := p.Requests("payment/deposit"); n != 1 {
		t.Fatalf("it was sent %d times", n)
	}
	p.pass(time.Minute + time.Second)
	if got := p.wants("june", 100, nil, docspace.DepositDone, "248.50"); got.Attempt != 2 || p.Requests("payment/deposit") != 2 {
		t.Errorf("%+v", got)
	}
}

// Resume finds out, and sends nothing to a portal that does not keep keys.
func TestResumeOnlyFindsOut(t *testing.T) {
	p := newPayer(t, docspacetest.NewStock(t))
	p.Wait = true
	if _, err := p.Resume(t.Context(), "june"); !errors.Is(err, docspace.ErrNoDeposit) {
		t.Errorf("%v", err)
	}
	p.Inject(docspacetest.Fault{Path: "payment/deposit", Cut: true, Times: 1})
	p.Wait = false
	p.wants("june", 100, docspace.ErrDepositUnknown, docspace.DepositUnknown, "148.50")
	p.Wait = true
	intent, err := p.Resume(t.Context(), "june")
	if err == nil || errors.Is(err, docspace.ErrDepositUnknown) || intent.State != docspace.DepositNotDone || intent.Evidence != docspace.ByAbsence {
		t.Errorf("%+v, %v", intent, err)
	}
	if n := p.Requests("payment/deposit"); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
}

// A charge that is pending, a balance that does not add up, a wallet that tells
// nothing: none of them is proof.
func TestWhatIsNoProofOfAbsence(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(p *payer)
		doubt   docspace.DepositDoubt
	}{
		"a balance that is not known": {func(p *payer) { p.Inject(docspacetest.Fault{Path: "customer/balance", Null: true}) }, docspace.DoubtBalance},
		"operations that fail":        {func(p *payer) { p.Inject(on("customer/operations", docspacetest.Failed())) }, docspace.DoubtSilent},
		"operations that are null":    {func(p *payer) { p.Inject(docspacetest.Fault{Path: "customer/operations", Null: true}) }, docspace.DoubtSilent},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPayer(t, docspacetest.NewStock(t))
			p.Inject(docspacetest.Fault{Path: "payment/deposit", Cut: true, Times: 1})
			p.wants("june", 100, docspace.ErrDepositUnknown, docspace.DepositUnknown, "148.50")
			c.prepare(p)
			for range 5 {
				p.pass(time.Hour)
				intent, err := p.Deposit(t.Context(), "june", money.FromUnits(100*money.Scale, "USD"))
				if !errors.Is(err, docspace.ErrDepositUnknown) || intent.Doubt != c.doubt {
					t.Fatalf("%+v, %v", intent, err)
				}
			}
			if n := p.Requests("payment/deposit"); n != 1 {
				t.Errorf("it was sent %d times", n)
			}
		})
	}
}

// on limits a fault to one route.
func on(path string, f docspacetest.Fault) docspacetest.Fault { f.Path = path; return f }

// A refusal charged nothing: the same command tries again when its reason is gone.
func TestRefusedDepositIsTriedAgain(t *testing.T) {
	p := newPayer(t, docspacetest.New(t))
	p.SetCustomer(billing.CustomerChange{MethodType: "card_declined"})
	p.wants("june", 100, docspace.ErrRefused, docspace.DepositRefused, "148.50")
	p.SetCustomer(billing.CustomerChange{MethodType: "card"})
	if got := p.wants("june", 100, nil, docspace.DepositDone, "248.50"); got.Attempt != 2 {
		t.Errorf("%+v", got)
	}
}

// On a stock portal false may be a bank that did not answer: it is no refusal.
func TestFalseOfAStockPortalIsNoRefusal(t *testing.T) {
	p := newPayer(t, docspacetest.NewStock(t))
	p.SetCustomer(billing.CustomerChange{MethodType: "card_declined"})
	p.wants("june", 100, docspace.ErrDepositUnknown, docspace.DepositUnknown, "148.50")
}

// Processes that do the same, and others that do something else, come after one
// another.
func TestDepositsAtOnce(t *testing.T) {
	p := newPayer(t, docspacetest.New(t))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			key := []string{"a", "b"}[i%2]
			if _, err := p.Deposit(t.Context(), key, money.FromUnits(10*money.Scale, "USD")); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		})
	}
	all.Wait()
	p.has("168.50")
	if n := p.Requests("payment/deposit"); n != 2 {
		t.Errorf("%d were sent", n)
	}
	intents, err := p.Store.List(t.Context(), "")
	if err != nil || len(intents) != 2 || intents[0].Operation == "" || intents[1].Operation == "" {
		t.Errorf("%+v, %v", intents, err)
	}
}

func TestDepositsThatAreNone(t *testing.T) {
	p := newPayer(t, docspacetest.New(t))
	for key, units := range map[string]int64{
		"": money.Scale, strings.Repeat("x", 241): money.Scale, "é": money.Scale, "june#2": money.Scale, "half": money.Scale / 2, "none": 0, "less": -money.Scale,
	} {
		if _, err := p.Deposit(t.Context(), key, money.FromUnits(units, "USD")); !errors.Is(err, docspace.ErrRefused) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if n := p.Requests(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Without a connection nothing was sent.
func TestDepositThatHasNoConnection(t *testing.T) {
	portal := docspacetest.New(t)
	p := newPayer(t, portal)
	client, err := docspace.New(docspace.Config{URL: portal.URL, Key: portal.Key, Transport: transport(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		return http.DefaultTransport.RoundTrip(r)
	})})
	if err != nil {
		t.Fatal(err)
	}
	p.Depositor.Client = client
	intent, err := p.Deposit(t.Context(), "june", money.FromUnits(money.Scale, "USD"))
	if !errors.Is(err, docspace.ErrUnreachable) || intent.State != docspace.DepositNotDone || intent.Evidence != docspace.ByUnsent {
		t.Errorf("%+v, %v", intent, err)
	}
}

// What is kept is nobody else's to read, holds no key, and what can't be read is never
// taken for nothing.
func TestIntentFolder(t *testing.T) {
	p := newPayer(t, docspacetest.New(t))
	p.wants("june", 10, nil, docspace.DepositDone, "158.50")
	dir := p.Store.(docspace.IntentFolder).Dir
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || strings.Contains(string(text), p.Key) {
		t.Errorf("%s, %v", text, err)
	}
	for _, broken := range []string{"", "{", "{}", `{"key":"june","state":"perhaps"}`, strings.Replace(string(text), `"key": "june"`, `"key": "july"`, 1)} {
		if err := os.WriteFile(files[0], []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Deposit(t.Context(), "june", money.FromUnits(10*money.Scale, "USD")); err == nil {
			t.Errorf("%q was taken for nothing", broken)
		}
	}
	if n := p.Requests("payment/deposit"); n != 1 {
		t.Errorf("%d were sent", n)
	}
	unlock, err := p.Store.Lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Store.Lock(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("it is locked twice: %v", err)
	}
	unlock()
	again, err := p.Store.Lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	again()
}
