// Package storetest is what a store has to keep to, whatever is beneath it: one
// suite for every engine, which knows the store by its public methods only.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
	"github.com/bursarhq/bursar/wallet"
)

// Run tests stores, each on an empty database. What open returns is closed by the
// caller, when the test has ended.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(t *testing.T, s *store.Store)
	}{
		{"portals are found as soon as they are made", portalsAreFound},
		{"locating is never behind", locatingIsNeverBehind},
		{"every action", everyAction},
		{"refusals change nothing", refusalsChangeNothing},
		{"a refusal keeps no key", refusalKeepsNoKey},
		{"replays say what they said", replays},
		{"origins", origins},
		{"refunds", refunds},
		{"keys are a portal's own", keysArePortals},
		{"neighbours in a batch", neighbours},
		{"a key twice in a batch", keyTwice},
		{"order within a wallet", orderWithinAWallet},
		{"a thousand in one", thousand},
		{"two books", twoBooks},
		{"texts that can't be kept", badTexts},
		{"also", also},
		{"rehearsal", rehearsal},
		{"change and carry out", changeAndCarryOut},
		{"holds end with their time", holdsEnd},
		{"a clock that runs backwards", clockBackwards},
		{"a clock that is behind a hold", clockBehindAHold},
		{"seals", seals},
		{"operator keys", operatorKeys},
		{"collections", collections},
		{"sandbox charges", sandboxCharges},
		{"sandbox pages and refunds", sandboxPages},
		{"key uses", keyUses},
		{"reports", reports},
		{"reports that are started at once", reportsAtOnce},
		{"users", users},
		{"pages of keys", keyPages},
		{"hosts", hosts},
		{"pages of holds", holdPages},
		{"pages of collections", collectionPages},
		{"credit limits", creditLimits},
		{"an empty pocket", emptyPocket},
		{"floors", floors},
		{"floors in one batch", floorsInOneBatch},
		{"jobs that are there", jobsThatAreThere},
		{"events", events},
		{"events at once", eventsAtOnce},
		{"webhooks", webhooks},
		{"the trail of no portal", trailAtOnce},
		{"jobs are caused", jobsAreCaused},
		{"jobs are scheduled, canceled and tried again", jobsAreScheduled},
		{"jobs are claimed", jobsAreClaimed},
		{"pages of jobs", jobsAreListed},
		{"jobs ring", jobsRing},
		{"events are told", eventsAreTold},
		{"virtual time", virtualTime},
		{"more events than are placed at once", manyEvents},
		{"random callers at once", func(t *testing.T, s *store.Store) { randomCallers(t, s) }},
		{"given up in the queue", givenUpInTheQueue},
		{"a full queue", fullQueue},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open(t)) })
	}
}

// epoch is when these tests begin.
var epoch = time.Date(2026, 7, 1, 9, 30, 0, 123_456_000, time.UTC)

// patience only decides how long a failing test takes.
const patience = 60 * time.Second

// background is for what may outlive a test's own context.
var background = context.Background()

func usd(units int64) money.Amount { return money.FromUnits(units, "USD") }

func eur(units int64) money.Amount { return money.FromUnits(units, "EUR") }

// ask returns a request for portal p; its input is all that it asks.
func ask(key string, do ledger.Action) ledger.Request { return askOf("p", key, do) }

func askOf(portalID, key string, do ledger.Action) ledger.Request {
	return ledger.Request{Portal: portalID, Key: key, Input: ledger.InputOf("test", fmt.Sprintf("%T %+v", do, do)), Do: do}
}

func credit(a money.Amount) ledger.Action { return wallet.Goodwill(wallet.Payment{Amount: a}) }

func charge(a money.Amount) ledger.Action {
	return wallet.Charge(wallet.Payment{Amount: a, Service: "backup", Quantity: 1})
}

func reserve(a money.Amount) ledger.Action {
	return ledger.Reserve{Amount: a, Service: "backup", Quantity: 1, For: time.Hour}
}

// buyAI moves an amount from the main book to the other.
func buyAI(a money.Amount) ledger.Action {
	return ledger.Post{
		{Book: ledger.Main, Debit: ledger.Wallet, Credit: ledger.Transit, Amount: a, Type: ledger.AIDebit},
		{Book: ledger.AI, Debit: ledger.Transit, Credit: ledger.Wallet, Amount: a, Type: ledger.AICredit},
	}
}

// addPortals makes portals that answer for "<id>.example".
func addPortals(t *testing.T, s *store.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		err := s.CreatePortal(t.Context(), store.Portal{ID: id, Name: id, CreatedAt: epoch}, []string{id + ".example"}, func(tx *store.Tx) error {
			return tx.InsertUser(store.User{ID: "owner", Email: "owner@" + id + ".example", Role: "owner", CreatedAt: epoch})
		})
		if err != nil {
			t.Fatalf("make portal %s: %v", id, err)
		}
	}
}

// post carries out what must come through, refused or not.
func post(t *testing.T, s *store.Store, requests ...ledger.Request) []ledger.Result {
	t.Helper()
	return postAt(t, s, epoch, requests...)
}

func postAt(t *testing.T, s *store.Store, now time.Time, requests ...ledger.Request) []ledger.Result {
	t.Helper()
	results, err := s.Post(t.Context(), store.Post{Requests: requests, Now: now})
	if err != nil {
		t.Fatalf("Post: %v", err)
	}
	if len(results) != len(requests) {
		t.Fatalf("%d results of %d requests", len(results), len(requests))
	}
	return results
}

// must carries out what must not be refused.
func must(t *testing.T, s *store.Store, requests ...ledger.Request) []ledger.Answer {
	t.Helper()
	var answers []ledger.Answer
	for i, r := range post(t, s, requests...) {
		if r.Err != nil {
			t.Fatalf("%s: %v", requests[i].Key, r.Err)
		}
		answers = append(answers, r.Answer)
	}
	return answers
}

func verify(t *testing.T, s *store.Store) store.Verified {
	t.Helper()
	verified, _, err := s.Verify(t.Context(), store.Verification{})
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return verified
}

// books is all that can be read of a portal's ledger.
type books struct {
	Verified  store.Verified
	Sums      []ledger.Sum
	Portal    store.Portal
	States    []ledger.BookState
	Pockets   []ledger.Pocket
	Transfers []ledger.Transfer
	Money     int64
}

func booksOf(t *testing.T, s *store.Store, portalID string) (b books) {
	t.Helper()
	var err error
	if b.Verified, b.Sums, err = s.Verify(t.Context(), store.Verification{}); err != nil {
		t.Fatalf("Verify: %v", err)
	}
	read(t, s, func(tx *store.Tx) error {
		address, err := tx.AddressByID(portalID)
		if err != nil {
			return err
		}
		b.Money = address.Money
		if b.Portal, err = tx.Portal(portalID); err != nil {
			return err
		}
		for _, name := range ledger.Books() {
			state, err := tx.Book(portalID, name)
			if err != nil {
				return err
			}
			pockets, err := tx.Pockets(portalID, name)
			if err != nil {
				return err
			}
			b.States, b.Pockets = append(b.States, state), append(b.Pockets, pockets...)
			if err := tx.TransfersFrom(portalID, name, 1, 1_000_000, func(t *ledger.Transfer) error {
				b.Transfers = append(b.Transfers, *t)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return b
}

func read(t *testing.T, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Read(t.Context(), fn); err != nil {
		t.Fatalf("Read: %v", err)
	}
}

func change(t *testing.T, s *store.Store, portalID string, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Change(t.Context(), portalID, fn); err != nil {
		t.Fatalf("Change: %v", err)
	}
}

// mustHold checks what the pockets of portal p's main book hold at a moment.
func mustHold(t *testing.T, s *store.Store, at time.Time, balance, held money.Amount) {
	t.Helper()
	read(t, s, func(tx *store.Tx) error {
		pockets, _, err := tx.PocketsAt("p", ledger.Main, at)
		for _, p := range pockets {
			if p.Currency() == balance.Currency() && (p.Balance != balance || p.Held != held) {
				t.Errorf("%s of which %s is held, want %s and %s", p.Balance, p.Held, balance, held)
			}
		}
		return err
	})
}

func diff(t *testing.T, what string, got, want any) {
	t.Helper()
	options := cmp.Options{
		cmpopts.EquateComparable(money.Amount{}), cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) }),
	}
	if d := cmp.Diff(want, got, options); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// mustBe checks that an error is the one it should be.
func mustBe(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// within waits for what must come.
func within[T any](t *testing.T, what string, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatalf("%s hangs", what)
	}
	return got
}

// running runs fn in a goroutine of its own.
func running(fn func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	return done
}

// seeded returns a source of chance whose seed is told.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// What is done beside something else, where nothing is.
func noNumber(*store.Tx, int64) error          { return nil }
func noKey(*store.Tx, store.OperatorKey) error { return nil }
