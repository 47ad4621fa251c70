package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/wallet"
)

// TestTamperingAcrossTablesIsFound is what no table shows by itself.
func TestTamperingAcrossTablesIsFound(t *testing.T) {
	for name, statement := range map[string]string{
		"all seals removed":               `DELETE FROM seal`,
		"a closed hold's amount":          `UPDATE hold SET amount = amount + 1 WHERE state = 'voided'`,
		"a completed hold's amount":       `UPDATE hold SET amount = amount + 1 WHERE state = 'completed'`,
		"two transfers complete one hold": `UPDATE transfer SET hold = 1 WHERE number = 2`,
		"a transfer completes a void one": `UPDATE transfer SET hold = 2 WHERE number = 2`,
		"a collection removed":            `DELETE FROM collection WHERE number = 1`,
		"a stray charge of the sandbox":   `UPDATE sandbox_charge SET portal_id = 'stray'`,
		"a stray page of the sandbox":     `UPDATE sandbox_page SET portal_id = 'stray'`,
		"a refund of nothing":             `UPDATE refund SET collection = 99`,
		"a refund by a lost transfer":     `UPDATE refund SET transfer = 1`,
		"a stray refund of the sandbox":   `UPDATE sandbox_refund SET portal_id = 'stray'`,
	} {
		t.Run(name, func(t *testing.T) {
			s := openWith(t, Config{InMemory: true})
			furnish(t, s)
			keepBooks(t, s)
			if name != "all seals removed" {
				if _, err := s.db.Exec(`DELETE FROM seal`); err != nil {
					t.Fatal(err)
				}
				if _, err := s.db.Exec(`UPDATE book SET sealed = 0`); err != nil {
					t.Fatal(err)
				}
			}
			if name == "a collection removed" {
				if r := post(t, s, ledger.Request{Portal: "p", Key: "bursar:collection:1", Do: wallet.Deposit(wallet.Payment{Amount: usd(1)}, "sandbox")})[0]; r.Err != nil {
					t.Fatal(r.Err)
				}
				if _, err := s.db.Exec(`UPDATE collection SET state = 'settled' WHERE number = 1`); err != nil {
					t.Fatal(err)
				}
			}
			mustVerify(t, s)
			if _, err := s.db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			_, _, err := s.Verify(t.Context(), Verification{})
			if found := (*ledger.Break)(nil); !errors.As(err, &found) {
				t.Errorf("Verify finds %v", err)
			}
		})
	}
}

// TestMuchMayTurnOver moves all that fits into a pocket more than once.
func TestMuchMayTurnOver(t *testing.T) {
	most := money.FromUnits(1<<63-1, "VND")
	for name, portals := range map[string][]string{"one portal": {"p", "p"}, "two portals": {"p", "q"}} {
		t.Run(name, func(t *testing.T) {
			s := openWith(t, Config{InMemory: true})
			addPortal(t, s, "p")
			addPortal(t, s, "q")
			for i, id := range portals {
				for _, r := range post(t, s,
					ledger.Request{Portal: id, Key: fmt.Sprint("in", i), Do: wallet.Goodwill(wallet.Payment{Amount: most})},
					ledger.Request{Portal: id, Key: fmt.Sprint("out", i), Do: wallet.Charge(wallet.Payment{Amount: most, Service: "backup", Quantity: 1})},
				) {
					if r.Err != nil {
						t.Fatal(r.Err)
					}
				}
			}
			if _, _, err := s.Verify(t.Context(), Verification{}); err != nil {
				t.Errorf("Verify: %v", err)
			}
		})
	}
}

// TestKeyThatComesInBetween has another store keep a key between the moment a batch
// looked for it and the one in which it keeps it: the answer is the ledger's, as it
// is in every other order.
func TestKeyThatComesInBetween(t *testing.T) {
	address := pgtest.Database(t)
	here, there := openWith(t, Config{URL: address}), openWith(t, Config{URL: address})
	addPortal(t, here, "p")
	post(t, here, credit("opening", 1)) // so that there is a pocket
	ai := func(debit, credit ledger.Account) ledger.Post {
		return ledger.Post{{Book: ledger.AI, Debit: debit, Credit: credit, Amount: money.FromUnits(1, "USD"), Type: ledger.GoodwillCredit}}
	}
	for name, wanted := range map[string]Post{
		"alone":      {Requests: []ledger.Request{credit("k1", 5)}, Now: epoch},
		"a hold":     {Requests: []ledger.Request{{Portal: "p", Key: "k4", Do: ledger.Reserve{Amount: money.FromUnits(1, "USD"), For: time.Hour}}}, Now: epoch},
		"in company": {Requests: []ledger.Request{credit("k2", 5), credit("l", 5)}, Now: epoch},
		"row by row": {Requests: []ledger.Request{credit("k3", 5)}, Now: epoch, Also: func(*Tx, []ledger.Result) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			kept, leave := make(chan struct{}), make(chan struct{})
			other := running(func() error {
				return there.Change(background, "p", func(tx *Tx) error {
					r := wanted.Requests[0]
					r.Do, r.Input[0] = ai(ledger.Goodwill, ledger.Wallet), r.Input[0]+1
					_, err := tx.CarryOut(epoch, []ledger.Request{r})
					close(kept)
					<-leave
					return err
				})
			})
			<-kept
			var results []ledger.Result
			posting := running(func() (err error) { results, err = here.Post(background, wanted); return err })
			awaitLock(t, here)
			close(leave)
			if err := within(t, "the other", other); err != nil {
				t.Fatal(err)
			}
			err := within(t, "the post", posting)
			if err != nil {
				t.Fatalf("Post: %v", err)
			}
			if !errors.Is(results[0].Err, ledger.ErrMismatch) {
				t.Errorf("%+v", results[0])
			}
		})
	}
	mustVerify(t, here)
}

// TestWhatDoesNotAddUpIsUndone has a statement change fewer rows than there are,
// which is noticed, and must not be committed.
func TestWhatDoesNotAddUpIsUndone(t *testing.T) {
	address := pgtest.Database(t)
	s := openWith(t, Config{URL: address})
	addPortal(t, s, "p")
	post(t, s, credit("opening", 1))
	before := ledgerDump(t, s)
	raw(t, address, "CREATE RULE lost AS ON UPDATE TO pocket DO INSTEAD NOTHING")
	_, err := s.Post(background, Post{Requests: []ledger.Request{credit("a", 1), credit("b", 1)}, Now: epoch})
	raw(t, address, "DROP RULE lost ON pocket")
	if err == nil {
		t.Error("nobody notices")
	}
	if len(ledgerDump(t, s)) != len(before) {
		t.Errorf("Post failed with %v, and it is committed: %v", err, verifyError(s))
	}
}

func verifyError(s *Store) error {
	_, _, err := s.Verify(background, Verification{})
	return err
}
