package store

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/pgtest"
)

// migrateTo makes a database with the tables of an older version.
func migrateTo(t *testing.T, config Config, version int64) {
	t.Helper()
	e, err := newEngine(config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.db.Close()
	files, err := fs.Sub(ddl, e.folder)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(e.goose, e.db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	// What a Bursar of that time would have written.
	for _, statement := range version1 {
		if _, err := e.db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

var version1 = []string{
	`INSERT INTO portal (portal_id, name, country, created_at, version) VALUES
		('p', 'P', 'US', 1000, 3), ('q', 'Q', '', 2000, 1), ('none', 'no customer', '', 3000, 1), ('debt', 'D', '', 4000, 1)`,
	`INSERT INTO host (host, portal_id) VALUES ('p.example', 'p'), ('q.example', 'q')`,
	`INSERT INTO portal_user (portal_id, user_id, email, name, role, created_at) VALUES
		('p', 'owner', 'owner@p.example', 'Owner', 'owner', 1000), ('p', 'guest', 'guest@p.example', '', 'guest', 1001),
		('q', 'owner', 'owner@q.example', 'Owner', 'owner', 2000)`,
	`INSERT INTO customer (portal_id, account_number, email, payer_id, method_status, method_type, created_at) VALUES
		('p', 7, 'owner@p.example', 'owner', 'set', 'card', 1000), ('q', 8, 'x@q.example', NULL, 'none', '', 2000),
		('debt', 9, 'd@d.example', NULL, 'none', '', 4000)`,
	// Positions with gaps, and in another order than the currencies.
	`INSERT INTO pocket (portal_id, currency, position, balance, credited, credited_at) VALUES
		('p', 'USD', 0, 9990000000, 10000000000, 1500), ('p', 'GBP', 2, -5, NULL, NULL), ('p', 'EUR', 3, 0, NULL, NULL),
		('p', 'CHF', 9, 9223372036854775807, NULL, NULL),
		('q', 'EUR', 0, 0, NULL, NULL),
		('debt', 'EUR', 0, -9223372036854775807, 1, 1), ('debt', 'USD', 1, -1, NULL, NULL)`,
	`INSERT INTO subscription (portal_id, plan_id, position, quantity, due_at) VALUES ('p', -9, 0, 10, 5000)`,
	`UPDATE counter SET value = 9`,
}

// TestBalancesOfTheTimeBeforeTheLedgerAreKept migrates a database of version 1.
func TestBalancesOfTheTimeBeforeTheLedgerAreKept(t *testing.T) {
	for name, config := range map[string]func(t *testing.T) Config{
		"folder":   func(t *testing.T) Config { return Config{Dir: t.TempDir()} },
		"postgres": func(t *testing.T) Config { return Config{URL: pgtest.Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			config := config(t)
			migrateTo(t, config, 1)
			if m, err := Migrate(t.Context(), config, true); err != nil || m.Current != 1 || m.Target < 2 {
				t.Fatalf("%+v, %v", m, err)
			}
			s := openWith(t, config)

			diff(t, "verified", mustVerify(t, s), Verified{Portals: 4, Transfers: 5, Keys: 5})
			for portal, want := range map[string][]string{
				"p": {
					"0 USD 9990000000, held 0, limit 0, credited 10000000000", "2 GBP -5, held 0, limit 5, credited 0",
					"3 EUR 0, held 0, limit 0, credited 0", "9 CHF 9223372036854775807, held 0, limit 0, credited 0",
				},
				"q":    {"0 EUR 0, held 0, limit 0, credited 0"},
				"none": nil,
				"debt": {
					"0 EUR -9223372036854775807, held 0, limit 9223372036854775807, credited 1",
					"1 USD -1, held 0, limit 1, credited 0",
				},
			} {
				pockets := read(t, s, func(tx *Tx) ([]ledger.Pocket, error) { return tx.Pockets(portal, ledger.Main) })
				var got []string
				for _, p := range pockets {
					got = append(got, fmt.Sprintf("%d %s %d, held %d, limit %d, credited %d", p.Position, p.Currency(), p.Balance.Units(), p.Held.Units(), p.CreditLimit.Units(), p.Credited.Units()))
				}
				diff(t, "pockets of "+portal, got, want)
				if ai := read(t, s, func(tx *Tx) ([]ledger.Pocket, error) { return tx.Pockets(portal, ledger.AI) }); len(ai) != 0 {
					t.Errorf("%s has AI credit: %v", portal, ai)
				}
			}
			adopt := read(t, s, func(tx *Tx) (Job, error) { return tx.Job(JobKey{Kind: "adopt"}) })
			if adopt.State != JobOpen || adopt.Leased {
				t.Errorf("what was there is not adopted: %+v", adopt)
			}
			if v := versionOf(t, s, "p"); v != 3 {
				t.Errorf("version %d", v)
			}
			// It goes on from there: p can't go deeper into debt, and can pay it off.
			refused := ledger.Request{Portal: "debt", Key: "k", Do: ledger.Reserve{Amount: eur(1), For: 1000}}
			if r := post(t, s, refused)[0]; r.Err == nil {
				t.Error("debt can be increased")
			}
			if r := post(t, s, credit("after", 5), charge("and", 999), charge("opening-USD", 9990000000)); r[0].Err != nil || r[1].Err != nil || r[2].Err != ledger.ErrMismatch {
				t.Errorf("%+v", r)
			}
			mustVerify(t, s)
			mustWork(t, s, "p")
		})
	}
}
