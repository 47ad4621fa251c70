package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// press posts batches on PostgreSQL, on a connection of its own. It says in arrays
// what ledger.go says row by row. One round trip writes all that the requests came
// to, if their books say what is remembered of them; where nothing is remembered,
// one before it reads. Only when hope fails are the books locked first. It is used
// by one goroutine.
type press struct {
	server *server
	conn   *pgx.Conn // nil: it broke, and is made anew when it is needed
	used   time.Time // when the connection was last good for something
	memory *memory
	// careful is how many batches lock their books before they read them, because
	// somebody else is writing to the same ones.
	careful int
	// statements are those that write what batches came to, by their parts.
	statements map[string]string
	// ring is called after a batch was committed that caused jobs.
	ring func()
}

const (
	// caution is how long a press is careful, in batches.
	caution = 100
	// trusted is for how long a connection that is idle is taken to be whole: what
	// is sent on one that broke may be lost, or not.
	trusted = time.Second
)

func (p *press) close() {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	_ = p.conn.Close(ctx)
	p.conn = nil
}

// post carries requests out in one transaction. An error means that nothing is
// known of them.
func (p *press) post(ctx context.Context, now time.Time, requests []ledger.Request) ([]ledger.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	for {
		fresh := p.conn == nil
		if fresh {
			conn, err := p.server.connect(ctx)
			if err != nil {
				return nil, engineError(err)
			}
			p.conn, p.used = conn, time.Now()
		}
		results, begun, err := p.try(ctx, now, requests)
		if err == nil {
			p.used = time.Now()
			return results, nil
		}
		var told *pgconn.PgError
		named := connError(p.conn, err)
		if broken := p.conn.IsClosed() || p.conn.PgConn().TxStatus() != 'I' || errors.As(err, &told) && stale(told); broken {
			p.close()
			if !begun && !fresh {
				continue // the connection broke while it was idle: nothing was done on it
			}
		}
		return nil, named
	}
}

// try reports whether anything may have been begun when it fails.
func (p *press) try(ctx context.Context, now time.Time, requests []ledger.Request) (_ []ledger.Result, begun bool, err error) {
	if time.Since(p.used) > trusted {
		if err := p.conn.Ping(ctx); err != nil {
			return nil, false, err
		}
	}
	needs := ledger.NeedsOf(requests)
	results, begun, err := p.batch(ctx, now, requests, needs, true)
	if errors.Is(err, errNotAllNew) || errors.Is(err, errOutdated) {
		return p.batch(ctx, now, requests, needs, false)
	}
	return results, begun, err
}

// batch carries requests out in one transaction. In hope, it takes their keys for
// new and what is remembered for true, and fails with errNotAllNew or errOutdated,
// and nothing done, when that may not be so.
func (p *press) batch(ctx context.Context, now time.Time, requests []ledger.Request, needs ledger.Needs, hope bool) (_ []ledger.Result, begun bool, err error) {
	batch, unknown, lock := ledger.NewBatch(now), needs, !hope
	if hope {
		unknown.Keys = nil
		if lock = p.careful > 0; lock {
			p.careful--
		} else {
			unknown = p.memory.recall(batch, unknown)
		}
	}
	if !unknown.Empty() {
		if err := p.load(ctx, batch, unknown, lock); err != nil {
			return nil, false, errors.Join(err, p.rollback(ctx))
		}
	}
	results, err := runAll(batch, requests, hope)
	effects := batch.Effects()
	if err != nil || effects.Empty() {
		return results, true, errors.Join(err, p.rollback(ctx))
	}
	caused := topUps(&effects)
	if err := p.save(ctx, partsOf(&effects, batch.Now(), caused), lock); err != nil {
		p.memory.forget(needs)
		if err = inVain(err); errors.Is(err, errOutdated) {
			p.careful = caution
		}
		return nil, true, errors.Join(err, p.rollback(ctx))
	}
	p.memory.keep(batch, needs)
	if len(caused) > 0 {
		p.ring()
	}
	return results, true, nil
}

// inVain names an error of a transaction that was undone because something was not
// as hoped.
func inVain(err error) error {
	var told *pgconn.PgError
	if !errors.As(err, &told) {
		return err
	}
	switch told.Code {
	case "23505": // unique_violation: a key was used before
		return fmt.Errorf("%w: %w", errNotAllNew, err)
	case "22012", // division_by_zero: see statementOf
		"40P01": // deadlock_detected: with who locks one after the other
		return fmt.Errorf("%w: %w", errOutdated, err)
	}
	return err
}

// rollback ends a transaction, if one was begun.
func (p *press) rollback(ctx context.Context) error {
	if p.conn.IsClosed() || p.conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := p.conn.Exec(ctx, "ROLLBACK")
	return err
}

// load reads what requests have to do with. With a lock, it begins a transaction
// and locks the books first: what is read after that has waited for everybody else.
func (p *press) load(ctx context.Context, batch *ledger.Batch, needs ledger.Needs, lock bool) error {
	var portals, books []string
	for _, b := range needs.Books {
		portals, books = append(portals, b.Portal), append(books, string(b.Book))
	}
	q := &pgx.Batch{}
	query := `
		SELECT b.portal_id, b.book, b.last, b.last_hold, b.last_at
		  FROM unnest($1::text[], $2::text[]) AS n (portal_id, book)
		  JOIN book b ON b.portal_id = n.portal_id AND b.book = n.book`
	if lock {
		q.Queue(beginPost)
		query += `
		 ORDER BY b.portal_id, b.book
		   FOR NO KEY UPDATE OF b`
	}
	q.Queue(query, portals, books).Query(func(rows pgx.Rows) error {
		var b ledger.BookState
		var at int64
		_, err := pgx.ForEachRow(rows, []any{&b.Portal, &b.Book, &b.Last, &b.LastHold, &at}, func() error {
			b.LastAt = time.UnixMicro(at).UTC()
			batch.AddBook(b)
			return nil
		})
		return err
	})
	q.Queue(`
		SELECT p.portal_id, p.book, p.currency, p.position, p.balance, p.held, p.credit_limit, p.credited, p.credited_at, p.floor
		  FROM unnest($1::text[], $2::text[]) AS n (portal_id, book)
		  JOIN pocket p ON p.portal_id = n.portal_id AND p.book = n.book`, portals, books).Query(func(rows pgx.Rows) error {
		return eachPocket(rows, batch.AddPocket)
	})
	if len(needs.Keys) > 0 {
		q.Queue(`
		SELECT d.portal_id, d.key, d.input, d.at, d.main_transfer, d.ai_transfer, d.hold, d.currency, d.amount, d.available, d.expires_at
		  FROM unnest($1::text[], $2::text[]) AS n (portal_id, key)
		  JOIN done d ON d.portal_id = n.portal_id AND d.key = n.key`, keysOf(needs.Keys)...).Query(func(rows pgx.Rows) error {
			return eachDone(rows, batch.AddDone)
		})
	}
	q.Queue(`
		SELECT `+pressHoldColumns+`
		  FROM unnest($1::text[], $2::text[]) AS n (portal_id, book)
		  JOIN hold h ON h.portal_id = n.portal_id AND h.state = 'open'
		 WHERE n.book = 'main'
		   AND h.expires_at <= greatest($3, (SELECT max(b.last_at) FROM book b WHERE b.portal_id = n.portal_id))`, portals, books, batch.Now().UnixMicro()).Query(func(rows pgx.Rows) error {
		return eachHold(rows, batch.AddHold)
	})
	if len(needs.Holds) > 0 {
		var owners []string
		var numbers []int64
		for _, id := range needs.Holds {
			owners, numbers = append(owners, id.Portal), append(numbers, id.Number)
		}
		q.Queue(`
			SELECT `+pressHoldColumns+`
			  FROM unnest($1::text[], $2::bigint[]) AS n (portal_id, number)
			  JOIN hold h ON h.portal_id = n.portal_id AND h.number = n.number`, owners, numbers).Query(func(rows pgx.Rows) error {
			return eachHold(rows, batch.AddHold)
		})
	}
	p.queueCorrigible(q, batch, needs.Transfers)
	return p.conn.SendBatch(ctx, q).Close()
}

const beginPost = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

func keysOf(keys []ledger.Done) []any {
	var portals, names []string
	for _, k := range keys {
		portals, names = append(portals, k.Portal), append(names, k.Key)
	}
	return []any{portals, names}
}

// queueCorrigible asks for transfers to correct, of which there are few, one by
// one.
func (p *press) queueCorrigible(q *pgx.Batch, batch *ledger.Batch, ids []ledger.TransferID) {
	for _, id := range ids {
		q.Queue(`
			SELECT t.at, t.type, t.debit, t.credit, t.currency, t.amount, t.service, t.quantity, coalesce(t.corrects, 0),
			       (SELECT CAST(coalesce(sum(c.amount), 0) AS BIGINT)
			          FROM transfer c
			         WHERE c.portal_id = t.portal_id AND c.book = t.book AND c.corrects = t.number)
			  FROM transfer t
			 WHERE t.portal_id = $1
			   AND t.book = $2
			   AND t.number = $3`, id.Portal, string(id.Book), id.Number).Query(func(rows pgx.Rows) error {
			t := ledger.Transfer{Portal: id.Portal, Book: id.Book, Number: id.Number}
			var (
				at, amount, corrected int64
				kind                  int
				currency              money.Currency
			)
			_, err := pgx.ForEachRow(rows, []any{&at, &kind, &t.Debit, &t.Credit, &currency, &amount, &t.Service, &t.Quantity, &t.Corrects, &corrected}, func() error {
				t.At, t.Type, t.Amount = time.UnixMicro(at).UTC(), ledger.Type(kind), money.FromUnits(amount, currency)
				batch.AddCorrigible(ledger.Corrigible{Transfer: t, Corrected: money.FromUnits(corrected, currency)})
				return nil
			})
			return err
		})
	}
}

func eachPocket(rows pgx.Rows, each func(ledger.Pocket)) error {
	var (
		p                    ledger.Pocket
		currency             money.Currency
		balance, held, limit int64
		credited, creditedAt *int64
		floor                *int64
	)
	_, err := pgx.ForEachRow(rows, []any{&p.Portal, &p.Book, &currency, &p.Position, &balance, &held, &limit, &credited, &creditedAt, &floor}, func() error {
		p.Balance, p.Held, p.CreditLimit = money.FromUnits(balance, currency), money.FromUnits(held, currency), money.FromUnits(limit, currency)
		p.Credited, p.CreditedAt, p.Floor = money.Amount{}, time.Time{}, money.Amount{}
		if credited != nil && creditedAt != nil {
			p.Credited, p.CreditedAt = money.FromUnits(*credited, currency), time.UnixMicro(*creditedAt).UTC()
		}
		if floor != nil {
			p.Floor = money.FromUnits(*floor, currency)
		}
		each(p)
		return nil
	})
	return err
}

func eachDone(rows pgx.Rows, each func(ledger.Done)) error {
	var (
		d                     ledger.Done
		input                 []byte
		currency              money.Currency
		at, amount, available int64
		main, ai, hold, until *int64
	)
	_, err := pgx.ForEachRow(rows, []any{&d.Portal, &d.Key, &input, &at, &main, &ai, &hold, &currency, &amount, &available, &until}, func() error {
		copy(d.Input[:], input)
		d.Answer = ledger.Answer{
			At: time.UnixMicro(at).UTC(), Main: orNought(main), AI: orNought(ai), Hold: orNought(hold),
			Amount: money.FromUnits(amount, currency), Available: money.FromUnits(available, currency), ExpiresAt: orNever(until),
		}
		each(d)
		return nil
	})
	return err
}

func orNought(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func orNever(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return time.UnixMicro(*n).UTC()
}

const pressHoldColumns = `h.portal_id, h.number, h.state, h.currency, h.amount, h.posted, h.transfer, h.key, h.service, h.quantity, h.participant, h.metadata, h.opened_at, h.expires_at, h.closed_at`

func eachHold(rows pgx.Rows, each func(ledger.Hold)) error {
	var (
		h                               ledger.Hold
		currency                        money.Currency
		amount, posted, opened, expires int64
		transfer, closed                *int64
	)
	_, err := pgx.ForEachRow(rows, []any{&h.Portal, &h.Number, &h.State, &currency, &amount, &posted, &transfer, &h.Key, &h.Service,
		&h.Quantity, &h.Participant, &h.Metadata, &opened, &expires, &closed}, func() error {
		h.Amount, h.Posted, h.Transfer = money.FromUnits(amount, currency), money.FromUnits(posted, currency), orNought(transfer)
		h.OpenedAt, h.ExpiresAt, h.ClosedAt = time.UnixMicro(opened).UTC(), time.UnixMicro(expires).UTC(), orNever(closed)
		each(h)
		return nil
	})
	return err
}

// save writes what a batch came to, in one statement, if all that it changes is what
// it was, and commits it, which the statement does by itself unless a transaction was
// begun.
func (p *press) save(ctx context.Context, parts []part, begun bool) error {
	var args []any
	kind := ""
	for _, part := range parts {
		args = append(args, part.args...)
		kind += part.sql
	}
	for _, part := range parts {
		if part.rows != anyRows {
			args = append(args, part.rows)
		}
	}
	statement, ok := p.statements[kind]
	if !ok {
		statement = statementOf(parts)
		p.statements[kind] = statement
	}
	if !begun {
		_, err := p.conn.Exec(ctx, statement, args...)
		return err
	}
	q := &pgx.Batch{}
	q.Queue(statement, args...)
	q.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return fmt.Errorf("commit: the server answered %s", tag)
		}
		return nil
	})
	return p.conn.SendBatch(ctx, q).Close()
}
