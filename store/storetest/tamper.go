package storetest

import (
	"errors"
	"testing"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// tampers are statements that break a law in what forTampering makes, and undo it
// again. Verify must find each.
var tampers = []struct{ name, do, undo string }{
	{"a balance", `UPDATE pocket SET balance = balance + 1 WHERE book = 'main' AND currency = 'USD'`, `UPDATE pocket SET balance = balance - 1 WHERE book = 'main' AND currency = 'USD'`},
	{"a balance of AI credit", `UPDATE pocket SET balance = balance - 1 WHERE book = 'ai'`, `UPDATE pocket SET balance = balance + 1 WHERE book = 'ai'`},
	{"what is held", `UPDATE pocket SET held = held + 1 WHERE book = 'main' AND currency = 'USD'`, `UPDATE pocket SET held = held - 1 WHERE book = 'main' AND currency = 'USD'`},
	{"a pocket's currency", `UPDATE pocket SET currency = 'GBP' WHERE currency = 'EUR'`, `UPDATE pocket SET currency = 'EUR' WHERE currency = 'GBP'`},
	{"an amount", `UPDATE transfer SET amount = amount + 1 WHERE book = 'main' AND number = 2`, `UPDATE transfer SET amount = amount - 1 WHERE book = 'main' AND number = 2`},
	{"an amount that is not sealed", `UPDATE transfer SET amount = amount + 1 WHERE book = 'main' AND number = 8`, `UPDATE transfer SET amount = amount - 1 WHERE book = 'main' AND number = 8`},
	{"a stated balance", `UPDATE transfer SET balance = balance + 1 WHERE book = 'main' AND number = 8`, `UPDATE transfer SET balance = balance - 1 WHERE book = 'main' AND number = 8`},
	{"an account", `UPDATE transfer SET credit = 'pocket' WHERE book = 'main' AND number = 8`, `UPDATE transfer SET credit = 'revenue' WHERE book = 'main' AND number = 8`},
	{"a moment", `UPDATE transfer SET at = at - 1 WHERE book = 'main' AND number = 8`, `UPDATE transfer SET at = at + 1 WHERE book = 'main' AND number = 8`},
	{"a key", `UPDATE transfer SET key = 'other' WHERE book = 'main' AND number = 8`, `UPDATE transfer SET key = 'last' WHERE book = 'main' AND number = 8`},
	{"a key of another", `UPDATE transfer SET key = 'charge' WHERE book = 'main' AND number = 8`, `UPDATE transfer SET key = 'last' WHERE book = 'main' AND number = 8`},
	{"the account of something sealed", `UPDATE transfer SET credit = 'goodwill' WHERE book = 'main' AND number = 2`, `UPDATE transfer SET credit = 'revenue' WHERE book = 'main' AND number = 2`},
	{"the service of something sealed", `UPDATE transfer SET service = 'Backup' WHERE book = 'main' AND number = 2`, `UPDATE transfer SET service = 'backup' WHERE book = 'main' AND number = 2`},
	{"the participant of something sealed", `UPDATE transfer SET participant = 'x' WHERE book = 'main' AND number = 2`, `UPDATE transfer SET participant = '' WHERE book = 'main' AND number = 2`},
	{"the metadata of something sealed", `UPDATE transfer SET metadata = '{}' WHERE book = 'main' AND number = 2`, `UPDATE transfer SET metadata = '' WHERE book = 'main' AND number = 2`},
	{"the quantity of something sealed", `UPDATE transfer SET quantity = 2 WHERE book = 'main' AND number = 2`, `UPDATE transfer SET quantity = 1 WHERE book = 'main' AND number = 2`},
	{"the type of something sealed", `UPDATE transfer SET type = 2 WHERE book = 'main' AND number = 2`, `UPDATE transfer SET type = 1 WHERE book = 'main' AND number = 2`},
	{"what corrects", `UPDATE transfer SET corrects = 1 WHERE book = 'main' AND number = 5`, `UPDATE transfer SET corrects = 2 WHERE book = 'main' AND number = 5`},
	{"a correction of more", `UPDATE transfer SET corrects = 2 WHERE book = 'main' AND number = 9`, `UPDATE transfer SET corrects = NULL WHERE book = 'main' AND number = 9`},
	{"the hold that is completed", `UPDATE transfer SET hold = NULL WHERE book = 'main' AND number = 7`, `UPDATE transfer SET hold = 4 WHERE book = 'main' AND number = 7`},
	{"a gap", `UPDATE transfer SET number = 100 WHERE book = 'main' AND number = 9`, `UPDATE transfer SET number = 9 WHERE book = 'main' AND number = 100`},
	{"a gap in the middle", `UPDATE transfer SET number = 100 WHERE book = 'main' AND number = 2`, `UPDATE transfer SET number = 2 WHERE book = 'main' AND number = 100`},
	{"how far a book got", `UPDATE book SET last = last + 1 WHERE book = 'main'`, `UPDATE book SET last = last - 1 WHERE book = 'main'`},
	{"a book that is shorter", `UPDATE book SET last = last - 1 WHERE book = 'main' AND portal_id = 'p'`, `UPDATE book SET last = last + 1 WHERE book = 'main' AND portal_id = 'p'`},
	{"how many holds there are", `UPDATE book SET last_hold = last_hold + 1 WHERE book = 'main'`, `UPDATE book SET last_hold = last_hold - 1 WHERE book = 'main'`},
	{"a book that is missing", `UPDATE book SET portal_id = 'x' WHERE portal_id = 'q' AND book = 'ai'`, `UPDATE book SET portal_id = 'q' WHERE portal_id = 'x'`},
	{"an open hold's amount", `UPDATE hold SET amount = amount + 1 WHERE state = 'open'`, `UPDATE hold SET amount = amount - 1 WHERE state = 'open'`},
	{"an open hold's currency", `UPDATE hold SET currency = 'EUR' WHERE state = 'open'`, `UPDATE hold SET currency = 'USD' WHERE state = 'open'`},
	{"what a hold posted", `UPDATE hold SET posted = posted + 1 WHERE number = 4`, `UPDATE hold SET posted = posted - 1 WHERE number = 4`},
	{"a hold's transfer", `UPDATE hold SET transfer = 2 WHERE number = 1`, `UPDATE hold SET transfer = 3 WHERE number = 1`},
	{"a hold's state", `UPDATE hold SET state = 'voided', closed_at = opened_at WHERE number = 3`, `UPDATE hold SET state = 'open', closed_at = NULL WHERE number = 3`},
	{"a hold's number", `UPDATE hold SET number = 9 WHERE number = 3`, `UPDATE hold SET number = 3 WHERE number = 9`},
	{"a hold's key", `UPDATE hold SET key = 'charge' WHERE number = 3`, `UPDATE hold SET key = 'hold 3' WHERE number = 3`},
	{"the key of a transfer", `UPDATE done SET key = 'x' WHERE key = 'last'`, `UPDATE done SET key = 'last' WHERE key = 'x'`},
	{"the key of a hold", `UPDATE done SET key = 'x' WHERE key = 'hold 3'`, `UPDATE done SET key = 'hold 3' WHERE key = 'x'`},
	{"what a key stands for", `UPDATE done SET main_transfer = 100 WHERE key = 'last'`, `UPDATE done SET main_transfer = 8 WHERE key = 'last'`},
	{"what a key stands for in the other book", `UPDATE done SET ai_transfer = 2 WHERE key = 'ai'`, `UPDATE done SET ai_transfer = 1 WHERE key = 'ai'`},
	{"the hold of a key", `UPDATE done SET hold = 9 WHERE key = 'void'`, `UPDATE done SET hold = 2 WHERE key = 'void'`},
	{"an answer", `UPDATE done SET amount = amount + 1 WHERE key = 'last'`, `UPDATE done SET amount = amount - 1 WHERE key = 'last'`},
	{"a seal's end", `UPDATE seal SET last = last - 1 WHERE book = 'main'`, `UPDATE seal SET last = last + 1 WHERE book = 'main'`},
	{"a seal's beginning", `UPDATE seal SET first = first + 1 WHERE book = 'main'`, `UPDATE seal SET first = first - 1 WHERE book = 'main'`},
	{"a collection that settled", `UPDATE collection SET state = 'declined' WHERE state = 'settled'`, `UPDATE collection SET state = 'settled' WHERE state = 'declined' AND number = 1`},
	{"a collection that did not", `UPDATE collection SET state = 'settled' WHERE number = 2`, `UPDATE collection SET state = 'declined' WHERE number = 2`},
	{"a floor", `UPDATE pocket SET floor = floor + 1`, `UPDATE pocket SET floor = floor - 1`},
	{"a floor that is no more", `UPDATE pocket SET floor = NULL WHERE currency = 'USD' AND book = 'main'`, `UPDATE pocket SET floor = 940 WHERE currency = 'USD' AND book = 'main'`},
	{"a floor of another pocket", `UPDATE pocket SET floor = 940 WHERE currency = 'EUR'`, `UPDATE pocket SET floor = NULL WHERE currency = 'EUR'`},
	{"a floor of AI credit", `UPDATE pocket SET floor = 940 WHERE book = 'ai'`, `UPDATE pocket SET floor = NULL WHERE book = 'ai'`},
	{"a rule that is not watched", `UPDATE top_up_rule SET currency = 'GBP'`, `UPDATE top_up_rule SET currency = 'USD'`},
	{"who fell and nobody noticed", `UPDATE job SET kind = 'other'`, `UPDATE job SET kind = 'top_up'`},
	{"an event's number", `UPDATE event SET number = 9 WHERE number = 2`, `UPDATE event SET number = 2 WHERE number = 9`},
	{"an event's moment", `UPDATE event SET at = at + 60000000 WHERE number = 1`, `UPDATE event SET at = at - 60000000 WHERE number = 1`},
	{"an event's place", `UPDATE event SET position = 1 WHERE number = 2`, `UPDATE event SET position = 2 WHERE number = 2`},
	{"a place that is nobody's", `UPDATE event SET position = 4 WHERE number = 2`, `UPDATE event SET position = 2 WHERE number = 2`},
	{"the last event", `UPDATE event SET position = NULL WHERE number = 3`, `UPDATE event SET position = 3 WHERE number = 3`},
	{"how far the line goes", `UPDATE counter SET value = value + 1 WHERE name = 'event'`, `UPDATE counter SET value = value - 1 WHERE name = 'event'`},
	{"what was collected", `UPDATE collection SET amount = amount + 1 WHERE number = 1`, `UPDATE collection SET amount = amount - 1 WHERE number = 1`},
}

// forTampering makes portal p with something of everything, of which the first part
// is sealed.
func forTampering(t *testing.T, s *store.Store) {
	t.Helper()
	addPortals(t, s, "p", "q")
	must(t, s, ask("credit", credit(usd(1000))))
	putFloor(t, s, "p", usd(940))
	must(t, s,
		ask("charge", charge(usd(100))),
		ask("hold 1", reserve(usd(10))), ask("complete", ledger.Complete{Hold: 1}),
		ask("hold 2", reserve(usd(20))), ask("void", ledger.Void{Hold: 2}), ask("hold 3", reserve(usd(30))),
		ask("ai", buyAI(usd(40))),
	)
	must(t, s, ask("correct", ledger.Correct{Book: ledger.Main, Transfer: 2, Amount: usd(60)}), ask("euro", credit(eur(5))))
	for _, book := range ledger.Books() {
		if _, err := s.SealBook(t.Context(), "p", book, epoch); err != nil {
			t.Fatal(err)
		}
	}
	must(t, s, ask("hold 4", reserve(usd(10))), ask("complete 4", ledger.Complete{Hold: 4, Amount: usd(5)}), ask("last", charge(usd(1))),
		ask("bursar:collection:1", credit(usd(50))))
	change(t, s, "p", func(tx *store.Tx) error {
		for i, state := range []store.CollectionState{store.CollectionSettled, store.CollectionDeclined} {
			c := store.Collection{PortalID: "p", Key: string(state), Provider: "sandbox", Amount: usd(50), OpenedAt: epoch, AskedAt: epoch}
			n, err := tx.InsertCollection(c)
			if err != nil {
				return err
			}
			if n != int64(i)+1 {
				t.Errorf("number %d", n)
			}
			c.Number, c.State, c.ClosedAt = n, state, epoch
			if err := tx.CloseCollection(c); err != nil {
				return err
			}
		}
		return nil
	})
	change(t, s, "p", func(tx *store.Tx) (err error) {
		for range 3 {
			_, more := tx.AppendEvent(store.Event{Type: "balance.low", At: epoch, Data: "{}"})
			err = errors.Join(err, more)
		}
		return err
	})
	if _, err := s.PlaceEvents(t.Context(), func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	diff(t, "verified", verify(t, s), store.Verified{Portals: 2, Transfers: 10, Holds: 4, Keys: 14, Seals: 2, Collections: 2})
}

func tampering(t *testing.T, db Database) {
	s := db.open(t)
	forTampering(t, s)
	for _, tamper := range tampers {
		mustBeFound(t, s, db, tamper.name, tamper.do, tamper.undo)
	}
	for _, column := range []string{"hash", "marks"} {
		mustFindFlip(t, s, db, column)
	}
	for name, removal := range map[string]string{
		"the key of a transfer": "done WHERE key = 'charge'",
		"the key of a hold":     "done WHERE key = 'hold 2'",
		"a transfer":            "transfer WHERE book = 'main' AND number = 4",
		"the last transfer":     "transfer WHERE book = 'main' AND number = 9",
		"an open hold":          "hold WHERE number = 3",
		"the last hold":         "hold WHERE number = 4",
		"a pocket":              "pocket WHERE currency = 'EUR'",
		"a book":                "book WHERE portal_id = 'q' AND book = 'ai'",
		"all transfers":         "transfer",
		"all of the ledger":     "book",
	} {
		mustFindRemoval(t, s, db, name, removal)
	}
}

// mustFindFlip flips one bit of a seal.
func mustFindFlip(t *testing.T, s *store.Store, db Database, column string) {
	t.Helper()
	var sealed []byte
	if err := db.SQL.QueryRow("SELECT " + column + " FROM seal WHERE book = 'main'").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, len(sealed) / 2, len(sealed) - 1} {
		flip := func() {
			sealed[at] ^= 1
			if _, err := db.SQL.Exec("UPDATE seal SET "+column+" = $1 WHERE book = 'main'", sealed); err != nil {
				t.Fatal(err)
			}
		}
		flip()
		_, _, err := s.Verify(t.Context(), store.Verification{})
		if found := (*ledger.Break)(nil); !errors.As(err, &found) {
			t.Errorf("byte %d of a seal's %s: Verify finds %v", at, column, err)
		}
		flip()
		verify(t, s)
	}
}

// mustFindRemoval takes rows away, and puts them back.
func mustFindRemoval(t *testing.T, s *store.Store, db Database, name, removal string) {
	t.Helper()
	table, _, _ := cutWord(removal)
	do(t, db, "CREATE TABLE kept AS SELECT * FROM "+removal)
	mustBeFound(t, s, db, name+" that is gone", "DELETE FROM "+removal, "INSERT INTO "+table+" SELECT * FROM kept")
	do(t, db, "DROP TABLE kept")
}

func cutWord(text string) (first, rest string, ok bool) {
	for i := range len(text) {
		if text[i] == ' ' {
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

func do(t *testing.T, db Database, statement string) {
	t.Helper()
	if _, err := db.SQL.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// mustBeFound tampers, verifies, and makes it good again.
func mustBeFound(t *testing.T, s *store.Store, db Database, name, tamper, undo string) {
	t.Helper()
	do(t, db, tamper)
	_, _, err := s.Verify(t.Context(), store.Verification{})
	if found := (*ledger.Break)(nil); !errors.As(err, &found) {
		t.Errorf("%s: Verify finds %v", name, err)
	} else if found.Portal == "" || found.Where == "" || found.What == "" {
		t.Errorf("%s: %+v says too little", name, found)
	}
	do(t, db, undo)
	if _, _, err := s.Verify(t.Context(), store.Verification{}); err != nil {
		t.Fatalf("%s: it is good again, and Verify finds %v", name, err)
	}
}

// strays puts rows of no portal into each table of the ledger.
func strays(t *testing.T, db Database) {
	s := db.open(t)
	forTampering(t, s)
	for _, table := range []string{"book", "pocket", "transfer", "hold", "done", "seal", "collection", "job", "event"} {
		do(t, db, "CREATE TABLE kept AS SELECT * FROM "+table+" WHERE portal_id = 'p'")
		do(t, db, "UPDATE kept SET portal_id = 'stray'")
		mustBeFound(t, s, db, "a stray in "+table, "INSERT INTO "+table+" SELECT * FROM kept", "DELETE FROM "+table+" WHERE portal_id = 'stray'")
		do(t, db, "DROP TABLE kept")
	}
	mustBeFound(t, s, db, "a stray webhook", `
		INSERT INTO webhook (webhook_id, url, description, portal_id, types, private, secret, old_secret, state, reason, position, failures, last_status, created_at)
		VALUES ('w', 'https://a.example', '', 'stray', '[]', 0, '', '', 'active', '', 0, 0, '', 0)`, "DELETE FROM webhook")
}
