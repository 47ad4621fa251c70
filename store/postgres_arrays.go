package store

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bursarhq/bursar/ledger"
)

// nullable is nil for 0, where there is no such number.
func nullable(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// moment is nil for the zero Time.
func moment(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.UnixMicro()
	return &n
}

func queueTransfers(q *pgx.Batch, all []ledger.Transfer) {
	if len(all) == 0 {
		return
	}
	n := len(all)
	var (
		portals, books         = make([]string, n), make([]string, n)
		numbers, ats, types    = make([]int64, n), make([]int64, n), make([]int64, n)
		debits, credits        = make([]string, n), make([]string, n)
		currencies             = make([]string, n)
		amounts, balances      = make([]int64, n), make([]int64, n)
		keys, services         = make([]string, n), make([]string, n)
		quantities             = make([]int64, n)
		participants, metadata = make([]string, n), make([]string, n)
		corrects, holds        = make([]*int64, n), make([]*int64, n)
	)
	for i := range all {
		t := &all[i]
		portals[i], books[i], numbers[i], ats[i], types[i] = t.Portal, string(t.Book), t.Number, t.At.UnixMicro(), int64(t.Type)
		debits[i], credits[i], currencies[i] = string(t.Debit), string(t.Credit), string(t.Amount.Currency())
		amounts[i], balances[i], keys[i], services[i] = t.Amount.Units(), t.Balance.Units(), t.Key, t.Service
		quantities[i], participants[i], metadata[i] = t.Quantity, t.Participant, string(t.Metadata)
		corrects[i], holds[i] = nullable(t.Corrects), nullable(t.Hold)
	}
	q.Queue(`
		INSERT INTO transfer (portal_id, book, `+transferColumns+`)
		SELECT *
		  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[],
		              $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[])`,
		portals, books, numbers, ats, types, debits, credits, currencies, amounts, balances, keys, services, quantities,
		participants, metadata, corrects, holds)
}

func queueDone(q *pgx.Batch, all []ledger.Done) {
	if len(all) == 0 {
		return
	}
	n := len(all)
	var (
		portals, keys, currencies = make([]string, n), make([]string, n), make([]string, n)
		inputs                    = make([][]byte, n)
		ats, amounts, available   = make([]int64, n), make([]int64, n), make([]int64, n)
		main, ai, holds, expires  = make([]*int64, n), make([]*int64, n), make([]*int64, n), make([]*int64, n)
	)
	for i := range all {
		d, a := &all[i], &all[i].Answer
		portals[i], keys[i], inputs[i], ats[i] = d.Portal, d.Key, d.Input[:], a.At.UnixMicro()
		main[i], ai[i], holds[i], expires[i] = nullable(a.Main), nullable(a.AI), nullable(a.Hold), moment(a.ExpiresAt)
		currencies[i], amounts[i], available[i] = string(a.Amount.Currency()), a.Amount.Units(), a.Available.Units()
	}
	q.Queue(`
		INSERT INTO done (portal_id, key, input, at, main_transfer, ai_transfer, hold, currency, amount, available, expires_at)
		SELECT *
		  FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
		              $9::bigint[], $10::bigint[], $11::bigint[])`,
		portals, keys, inputs, ats, main, ai, holds, currencies, amounts, available, expires)
}

func queueHolds(q *pgx.Batch, fresh, changed []ledger.Hold) {
	if n := len(fresh); n > 0 {
		var (
			portals, states, currencies, keys    = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
			services, participants, metadata     = make([]string, n), make([]string, n), make([]string, n)
			numbers, amounts, posted, quantities = make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
			opened, expires, transfers, closed   = make([]int64, n), make([]int64, n), make([]*int64, n), make([]*int64, n)
		)
		for i := range fresh {
			h := &fresh[i]
			portals[i], numbers[i], states[i], currencies[i] = h.Portal, h.Number, string(h.State), string(h.Amount.Currency())
			amounts[i], posted[i], transfers[i], keys[i] = h.Amount.Units(), h.Posted.Units(), nullable(h.Transfer), h.Key
			services[i], quantities[i], participants[i], metadata[i] = h.Service, h.Quantity, h.Participant, string(h.Metadata)
			opened[i], expires[i], closed[i] = h.OpenedAt.UnixMicro(), h.ExpiresAt.UnixMicro(), moment(h.ClosedAt)
		}
		q.Queue(`
			INSERT INTO hold (portal_id, `+holdColumns+`)
			SELECT *
			  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
			              $9::text[], $10::bigint[], $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[])`,
			portals, numbers, states, currencies, amounts, posted, transfers, keys, services, quantities, participants,
			metadata, opened, expires, closed)
	}
	if n := len(changed); n > 0 {
		var (
			portals, states          = make([]string, n), make([]string, n)
			numbers, posted, expires = make([]int64, n), make([]int64, n), make([]int64, n)
			transfers, closed        = make([]*int64, n), make([]*int64, n)
		)
		for i := range changed {
			h := &changed[i]
			portals[i], numbers[i], states[i], posted[i] = h.Portal, h.Number, string(h.State), h.Posted.Units()
			transfers[i], expires[i], closed[i] = nullable(h.Transfer), h.ExpiresAt.UnixMicro(), moment(h.ClosedAt)
		}
		q.Queue(exactly(`
			UPDATE hold h
			   SET state = n.state,
			       posted = n.posted,
			       transfer = n.transfer,
			       expires_at = n.expires_at,
			       closed_at = n.closed_at
			  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
			       AS n (portal_id, number, state, posted, transfer, expires_at, closed_at)
			 WHERE h.portal_id = n.portal_id
			   AND h.number = n.number
			   AND h.state = 'open'`, 8),
			portals, numbers, states, posted, transfers, expires, closed, n)
	}
}

func queuePockets(q *pgx.Batch, fresh, changed []ledger.Pocket) {
	for _, p := range fresh { // a pocket is new once
		q.Queue(`
			INSERT INTO pocket (portal_id, book, currency, position, balance, held, credit_limit, credited, credited_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			p.Portal, string(p.Book), string(p.Currency()), p.Position, p.Balance.Units(), p.Held.Units(), p.CreditLimit.Units(),
			creditedUnits(p), moment(p.CreditedAt))
	}
	n := len(changed)
	if n == 0 {
		return
	}
	var (
		portals, books, currencies = make([]string, n), make([]string, n), make([]string, n)
		balances, held             = make([]int64, n), make([]int64, n)
		credited, creditedAt       = make([]*int64, n), make([]*int64, n)
	)
	for i, p := range changed {
		portals[i], books[i], currencies[i] = p.Portal, string(p.Book), string(p.Currency())
		balances[i], held[i], credited[i], creditedAt[i] = p.Balance.Units(), p.Held.Units(), creditedUnits(p), moment(p.CreditedAt)
	}
	q.Queue(exactly(`
		UPDATE pocket p
		   SET balance = n.balance,
		       held = n.held,
		       credited = n.credited,
		       credited_at = n.credited_at
		  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
		       AS n (portal_id, book, currency, balance, held, credited, credited_at)
		 WHERE p.portal_id = n.portal_id
		   AND p.book = n.book
		   AND p.currency = n.currency`, 8),
		portals, books, currencies, balances, held, credited, creditedAt, n)
}

func creditedUnits(p ledger.Pocket) *int64 {
	if p.CreditedAt.IsZero() {
		return nil
	}
	n := p.Credited.Units()
	return &n
}
