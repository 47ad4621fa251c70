package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/ledger"
)

// floors checks that the wallet is watched as its top-up rule says, and nothing else
// is; and that who is below was noticed.
func (v *verifier) floors(tx *Tx, portalID string) error {
	var book, currency string
	for _, check := range []struct{ query, what string }{
		{`SELECT 'main', currency
		    FROM top_up_rule r
		   WHERE portal_id = $1
		     AND (SELECT count(*) FROM pocket p WHERE p.portal_id = r.portal_id AND p.book = 'main' AND p.currency = r.currency
		             AND p.floor = r.min_balance) = 0`, "its floor is not the one of the top-up rule, or it is missing"},
		{`SELECT book, currency
		    FROM pocket p
		   WHERE portal_id = $1
		     AND floor IS NOT NULL
		     AND (book <> 'main' OR (SELECT count(*) FROM top_up_rule r WHERE r.portal_id = p.portal_id AND r.currency = p.currency) = 0)
		   ORDER BY book, position
		   LIMIT 1`, "it has a floor that no top-up rule asks for"},
		{`SELECT book, currency
		    FROM pocket p
		   WHERE portal_id = $1
		     AND book = 'main'
		     AND balance - held < floor
		     AND (SELECT count(*) FROM job j WHERE j.portal_id = p.portal_id AND j.kind = '` + JobTopUp + `' AND j.subject = '') = 0`,
			"it is below its floor, and nobody noticed"},
	} {
		switch err := tx.row(check.query, []any{portalID}, &book, &currency); {
		case err == nil:
			return &ledger.Break{Portal: portalID, Where: "pocket " + book + " " + currency, What: check.what}
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	return nil
}

// numbered checks that the portal's events are numbered without a gap, in the order of
// their moments.
func (v *verifier) numbered(tx *Tx, portalID string) error {
	return v.none(tx, portalID, `
		SELECT 'event', number, 'a number before it is missing, or it is earlier than the one before'
		  FROM (SELECT number, at, row_number() OVER (ORDER BY number) AS place, lag(at) OVER (ORDER BY number) AS before
		          FROM event
		         WHERE portal_id = $1) e
		 WHERE number <> place
		    OR at < before
		 ORDER BY number
		 LIMIT 1`, ledger.Main, portalID)
}

// inLine checks that each place in the line of all events is one event's, and none is
// left out.
func (v *verifier) inLine(tx *Tx) error {
	var (
		portalID     string
		number, last int64
	)
	err := tx.row(`
		SELECT portal_id, number
		  FROM (SELECT portal_id, number, position, row_number() OVER (ORDER BY position, portal_id, number) AS place
		          FROM event
		         WHERE position IS NOT NULL) e
		 WHERE position <> place
		 ORDER BY place
		 LIMIT 1`, nil, &portalID, &number)
	if err == nil {
		return &ledger.Break{Portal: portalID, Where: fmt.Sprint("event ", number), What: "another event has its place in the line, or the place before it is nobody's"}
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	var position sql.NullInt64
	if err := tx.row(`SELECT max(position) FROM event`, nil, &position); err != nil {
		return err
	}
	err = tx.row(`SELECT value FROM counter WHERE name = 'event'`, nil, &last)
	if errors.Is(err, ErrNotFound) || err == nil && last != position.Int64 {
		return &ledger.Break{Portal: "of all", Where: "counter event", What: fmt.Sprintf("it is %d, and the last place in the line is %d", last, position.Int64)}
	}
	return err
}
