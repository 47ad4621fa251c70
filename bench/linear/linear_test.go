// Package linear has a test only: that the wallets behind the operator's door are
// linearizable. Whatever many clients see of them at once, over several processes on
// one database, could have happened one after the other, each thing between its call
// and its answer.
package linear

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/operatorapi"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var portals = []string{"p", "q"}

func TestWalletsOfAFolderAreLinearizable(t *testing.T) {
	dir := t.TempDir()
	checkHistory(t, store.Config{Dir: dir, NoSync: true}, 1)
}

func TestWalletsOfTwoProcessesOnAFolderAreLinearizable(t *testing.T) {
	dir := t.TempDir()
	checkHistory(t, store.Config{Dir: dir, NoSync: true}, 2)
}

func TestWalletsOfTwoProcessesOnAServerAreLinearizable(t *testing.T) {
	checkHistory(t, store.Config{URL: pgtest.Database(t)}, 2)
}

// checkHistory has clients ask servers on one database, and checks what they saw.
func checkHistory(t *testing.T, config store.Config, servers int) {
	t.Helper()
	const clients, steps = 10, 40
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var (
		addresses []string
		secret    string
		stores    []*store.Store
	)
	for i := range servers {
		s, service := serve(t, config)
		stores = append(stores, s)
		if i == 0 {
			for _, id := range portals {
				if _, err := service.CreatePortal(t.Context(), billing.NewPortal{ID: id, Name: id, Owner: billing.NewUser{Email: "o@example.com"}}); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if secret, _, err = service.CreateOperatorKey(t.Context(), billing.NewOperatorKey{Name: "linear"}); err != nil {
				t.Fatal(err)
			}
		}
		door := httptest.NewServer(operatorapi.New(operatorapi.Config{Service: service, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}))
		t.Cleanup(door.Close)
		addresses = append(addresses, door.URL)
	}
	seen := &history{holds: map[string][]int64{}}
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	t.Cleanup(transport.CloseIdleConnections)
	done := make(chan error, clients)
	for i := range clients {
		c := &client{
			number: i, random: rand.New(rand.NewPCG(seed, uint64(i))), history: seen, servers: addresses,
			http: &http.Client{Transport: transport}, secret: secret,
		}
		go func() { done <- c.work(portals, steps) }()
	}
	for range clients {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("a client hangs")
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	check(t, seen)
	for _, s := range stores {
		if _, _, err := s.Verify(t.Context(), store.Verification{}); err != nil {
			t.Errorf("Verify: %v", err)
		}
	}
}

// serve opens a store and returns the hall on it.
func serve(t *testing.T, config store.Config) (*store.Store, *billing.Service) {
	t.Helper()
	s, err := store.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	service, err := billing.New(billing.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	return s, service
}

func check(t *testing.T, seen *history) {
	t.Helper()
	words := map[string]int{}
	for _, op := range seen.ops {
		words[op.Output.(outcome).word]++
	}
	t.Logf("%d operations: %v", len(seen.ops), words)
	started := time.Now()
	result, info := porcupine.CheckOperationsVerbose(model(), seen.ops, 30*time.Second)
	t.Logf("checked in %s", time.Since(started).Round(time.Millisecond))
	if result == porcupine.Ok {
		return
	}
	name := filepath.Join(os.TempDir(), "linear.html")
	if err := porcupine.VisualizePath(model(), info, name); err != nil {
		name = err.Error()
	}
	t.Errorf("the history is not linearizable: %s (see %s)", result, name)
}

// TestModelTellsWrongFromRight keeps the checker honest.
func TestModelTellsWrongFromRight(t *testing.T) {
	op := func(call, back int64, in input, out outcome) porcupine.Operation {
		in.portal = "p"
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: back}
	}
	credit := op(1, 2, input{kind: "credit", amount: 10}, outcome{word: "ok", number: 1, available: 10})
	charge := func(call, back, number int64) porcupine.Operation {
		return op(call, back, input{kind: "charge", amount: 10}, outcome{word: "ok", number: number, available: 0})
	}
	reading := func(call, back, balance, transfers int64) porcupine.Operation {
		return op(call, back, input{kind: "wallet"}, outcome{word: "ok", balance: balance, available: balance, transfers: transfers})
	}
	cut := op(3, 1<<62, input{kind: "charge", amount: 10}, outcome{word: unknown})
	refused := op(5, 6, input{kind: "charge", amount: 10}, outcome{word: "insufficient_funds"})
	for name, tt := range map[string]struct {
		ops  []porcupine.Operation
		want bool
	}{
		"in order":                  {[]porcupine.Operation{credit, charge(3, 4, 2), reading(5, 6, 0, 2)}, true},
		"a stale reading":           {[]porcupine.Operation{credit, charge(3, 4, 2), reading(5, 6, 10, 1)}, false},
		"a reading meanwhile":       {[]porcupine.Operation{credit, charge(3, 6, 2), reading(4, 5, 10, 1)}, true},
		"spent twice":               {[]porcupine.Operation{credit, charge(3, 6, 2), charge(4, 5, 3)}, false},
		"refused without reason":    {[]porcupine.Operation{credit, refused}, false},
		"refused after all":         {[]porcupine.Operation{credit, charge(3, 4, 2), refused}, true},
		"cut off, and it happened":  {[]porcupine.Operation{credit, cut, refused}, true},
		"cut off, and it did not":   {[]porcupine.Operation{credit, cut, reading(5, 6, 10, 1), charge(7, 8, 2)}, true},
		"cut off, and both":         {[]porcupine.Operation{credit, cut, refused, charge(7, 8, 2)}, false},
		"an answer of another time": {[]porcupine.Operation{credit, charge(3, 4, 3)}, false},
	} {
		if got := porcupine.CheckOperations(model(), tt.ops); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
