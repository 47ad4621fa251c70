package store

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

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

// part is a part of the one statement that writes what a batch came to.
type part struct {
	sql  string // its parameters are numbered from 1 on
	args []any
	rows int // how many it must change, or undo everything; or anyRows
}

// anyRows says that a part may change as many rows as it likes.
const anyRows = -1

// statementOf returns the statement that is all of some parts, the first of them
// first. It fails by a division by zero where one changes fewer rows than it must;
// its last parameters are how many those are.
func statementOf(parts []part) string {
	var with, checks strings.Builder
	n := 0
	for i, part := range parts {
		fmt.Fprintf(&with, "part%d AS (%s\n\tRETURNING 1\n), ", i, parameter.ReplaceAllStringFunc(part.sql, func(text string) string {
			number, _ := strconv.Atoi(text[1:])
			return "$" + strconv.Itoa(n+number)
		}))
		n += len(part.args)
	}
	for i := range parts {
		if parts[i].rows == anyRows {
			continue
		}
		n++
		if checks.Len() > 0 {
			checks.WriteString(" AND ")
		}
		fmt.Fprintf(&checks, "(SELECT count(*) FROM part%d) = $%d::bigint", i, n)
	}
	return "WITH " + strings.TrimSuffix(with.String(), ", ") + "\nSELECT 1 / CASE WHEN " + checks.String() + " THEN 1 ELSE 0 END"
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// partsOf returns what has to be said to write effects of a moment, and the jobs of
// portals that they cause: books first, in one order, as they come where they are
// locked. What nothing is looked at of comes last, after all that it depends on.
func partsOf(e *ledger.Effects, now time.Time, topUps []string) []part {
	all := []part{
		bookPart(e.Books, e.Was.Books),
		newPocketPart(e.NewPockets),
		pocketPart(e.Pockets, e.Was.Pockets),
		newHoldPart(e.NewHolds),
		holdPart(e.Holds, e.Was.Holds),
		transferPart(e.Transfers),
		donePart(e.Done),
		topUpPart(now, topUps),
	}
	return slices.DeleteFunc(all, func(p part) bool { return p.rows == 0 })
}

func bookPart(all, were []ledger.BookState) part {
	n := len(all)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(all[i].Portal, all[j].Portal), cmp.Compare(all[i].Book, all[j].Book))
	})
	var (
		portals, books                  = make([]string, n), make([]string, n)
		last, holds, ats                = make([]int64, n), make([]int64, n), make([]int64, n)
		wasLast, wasLastHold, wasLastAt = make([]int64, n), make([]int64, n), make([]int64, n)
	)
	for to, from := range order {
		b, was := &all[from], &were[from]
		portals[to], books[to], last[to], holds[to], ats[to] = b.Portal, string(b.Book), b.Last, b.LastHold, b.LastAt.UnixMicro()
		wasLast[to], wasLastHold[to], wasLastAt[to] = was.Last, was.LastHold, was.LastAt.UnixMicro()
	}
	return part{`
		UPDATE book b
		   SET last = n.last,
		       last_hold = n.last_hold,
		       last_at = n.last_at,
		       changes = b.changes + 1
		  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
		       AS n (portal_id, book, last, last_hold, last_at, was_last, was_last_hold, was_last_at)
		 WHERE b.portal_id = n.portal_id
		   AND b.book = n.book
		   AND b.last = n.was_last
		   AND b.last_hold = n.was_last_hold
		   AND b.last_at = n.was_last_at`,
		[]any{portals, books, last, holds, ats, wasLast, wasLastHold, wasLastAt}, n}
}

func transferPart(all []ledger.Transfer) part {
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
	return part{`
		INSERT INTO transfer (portal_id, book, ` + transferColumns + `)
		SELECT *
		  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[],
		              $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[])`,
		[]any{portals, books, numbers, ats, types, debits, credits, currencies, amounts, balances, keys, services, quantities,
			participants, metadata, corrects, holds}, n}
}

func donePart(all []ledger.Done) part {
	n := len(all)
	var (
		portals, keys            = make([]string, n), make([]string, n)
		currencies, origins      = make([]string, n), make([]string, n)
		inputs                   = make([][]byte, n)
		ats, amounts, available  = make([]int64, n), make([]int64, n), make([]int64, n)
		main, ai, holds, expires = make([]*int64, n), make([]*int64, n), make([]*int64, n), make([]*int64, n)
	)
	for i := range all {
		d, a := &all[i], &all[i].Answer
		portals[i], keys[i], inputs[i], ats[i], origins[i] = d.Portal, d.Key, d.Input[:], a.At.UnixMicro(), d.Origin
		main[i], ai[i], holds[i], expires[i] = nullable(a.Main), nullable(a.AI), nullable(a.Hold), moment(a.ExpiresAt)
		currencies[i], amounts[i], available[i] = string(a.Amount.Currency()), a.Amount.Units(), a.Available.Units()
	}
	return part{`
		INSERT INTO done (portal_id, key, input, at, main_transfer, ai_transfer, hold, currency, amount, available, expires_at, origin)
		SELECT *
		  FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
		              $9::bigint[], $10::bigint[], $11::bigint[], $12::text[])`,
		[]any{portals, keys, inputs, ats, main, ai, holds, currencies, amounts, available, expires, origins}, n}
}

func newHoldPart(all []ledger.Hold) part {
	n := len(all)
	var (
		portals, states, currencies, keys    = make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		services, participants, metadata     = make([]string, n), make([]string, n), make([]string, n)
		numbers, amounts, posted, quantities = make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
		opened, expires, transfers, closed   = make([]int64, n), make([]int64, n), make([]*int64, n), make([]*int64, n)
	)
	for i := range all {
		h := &all[i]
		portals[i], numbers[i], states[i], currencies[i] = h.Portal, h.Number, string(h.State), string(h.Amount.Currency())
		amounts[i], posted[i], transfers[i], keys[i] = h.Amount.Units(), h.Posted.Units(), nullable(h.Transfer), h.Key
		services[i], quantities[i], participants[i], metadata[i] = h.Service, h.Quantity, h.Participant, string(h.Metadata)
		opened[i], expires[i], closed[i] = h.OpenedAt.UnixMicro(), h.ExpiresAt.UnixMicro(), moment(h.ClosedAt)
	}
	return part{`
		INSERT INTO hold (portal_id, ` + holdColumns + `)
		SELECT *
		  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
		              $9::text[], $10::bigint[], $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::bigint[])`,
		[]any{portals, numbers, states, currencies, amounts, posted, transfers, keys, services, quantities, participants,
			metadata, opened, expires, closed}, n}
}

func holdPart(all, were []ledger.Hold) part {
	n := len(all)
	var (
		portals, states       = make([]string, n), make([]string, n)
		numbers, posted       = make([]int64, n), make([]int64, n)
		expires, wereToExpire = make([]int64, n), make([]int64, n)
		transfers, closed     = make([]*int64, n), make([]*int64, n)
	)
	for i := range all {
		h := &all[i]
		portals[i], numbers[i], states[i], posted[i] = h.Portal, h.Number, string(h.State), h.Posted.Units()
		transfers[i], expires[i], closed[i] = nullable(h.Transfer), h.ExpiresAt.UnixMicro(), moment(h.ClosedAt)
		wereToExpire[i] = were[i].ExpiresAt.UnixMicro()
	}
	return part{`
		UPDATE hold h
		   SET state = n.state,
		       posted = n.posted,
		       transfer = n.transfer,
		       expires_at = n.expires_at,
		       closed_at = n.closed_at
		  FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
		       AS n (portal_id, number, state, posted, transfer, expires_at, closed_at, was_to_expire_at)
		 WHERE h.portal_id = n.portal_id
		   AND h.number = n.number
		   AND h.state = 'open'
		   AND h.expires_at = n.was_to_expire_at`,
		[]any{portals, numbers, states, posted, transfers, expires, closed, wereToExpire}, n}
}

// pocketRows are what new and changed pockets have in common.
func pocketRows(all []ledger.Pocket) []any {
	n := len(all)
	var (
		portals, books, currencies = make([]string, n), make([]string, n), make([]string, n)
		balances, held             = make([]int64, n), make([]int64, n)
		credited, creditedAt       = make([]*int64, n), make([]*int64, n)
	)
	for i, p := range all {
		portals[i], books[i], currencies[i] = p.Portal, string(p.Book), string(p.Currency())
		balances[i], held[i], credited[i], creditedAt[i] = p.Balance.Units(), p.Held.Units(), creditedUnits(p), moment(p.CreditedAt)
	}
	return []any{portals, books, currencies, balances, held, credited, creditedAt}
}

func newPocketPart(all []ledger.Pocket) part {
	n := len(all)
	positions, limits := make([]int64, n), make([]int64, n)
	for i, p := range all {
		positions[i], limits[i] = p.Position, p.CreditLimit.Units()
	}
	return part{`
		INSERT INTO pocket (portal_id, book, currency, balance, held, credited, credited_at, position, credit_limit)
		SELECT *
		  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])`,
		append(pocketRows(all), positions, limits), n}
}

func pocketPart(all, were []ledger.Pocket) part {
	n := len(all)
	balances, held, limits, floors := make([]int64, n), make([]int64, n), make([]int64, n), make([]*int64, n)
	for i, p := range were {
		balances[i], held[i], limits[i] = p.Balance.Units(), p.Held.Units(), p.CreditLimit.Units()
		if !p.Floor.IsZero() {
			units := p.Floor.Units()
			floors[i] = &units
		}
	}
	return part{`
		UPDATE pocket p
		   SET balance = n.balance,
		       held = n.held,
		       credited = n.credited,
		       credited_at = n.credited_at
		  FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
		       AS n (portal_id, book, currency, balance, held, credited, credited_at, was_balance, was_held, credit_limit, floor)
		 WHERE p.portal_id = n.portal_id
		   AND p.book = n.book
		   AND p.currency = n.currency
		   AND p.balance = n.was_balance
		   AND p.held = n.was_held
		   AND p.credit_limit = n.credit_limit
		   AND p.floor IS NOT DISTINCT FROM n.floor`,
		append(pocketRows(all), balances, held, limits, floors), n}
}

// topUpPart causes the jobs that top wallets up. The one of a portal may be open
// already, and stay as it is.
func topUpPart(now time.Time, portals []string) part {
	if len(portals) == 0 {
		return part{}
	}
	return part{`
		INSERT INTO job (portal_id, kind, subject, state, run_at, leased, fence, round, attempt, input, error, caused_at, changed_at)
		SELECT portal_id, '` + JobTopUp + `', '', 'open', $2::bigint, 0, 0, 1, 0, '', '', $2::bigint, $2::bigint
		  FROM unnest($1::text[]) AS n (portal_id)` + causedAgain,
		[]any{portals, now.UnixMicro()}, anyRows}
}

func creditedUnits(p ledger.Pocket) *int64 {
	if p.CreditedAt.IsZero() {
		return nil
	}
	n := p.Credited.Units()
	return &n
}
