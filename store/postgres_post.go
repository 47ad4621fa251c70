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

// press posts batches on PostgreSQL, on a connection of its own, in two round
// trips: one locks and reads all that the requests have to do with, one writes
// all that they came to and commits. It says in arrays what ledger.go says row by
// row. A lone request that only moves money takes one trip. It is used by one
// goroutine.
type press struct {
	server *server
	conn   *pgx.Conn // nil: it broke, and is made anew when it is needed
}

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
			p.conn = conn
		}
		results, begun, err := p.try(ctx, now, requests)
		if err == nil {
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
	if len(requests) == 1 {
		result, ok, err := p.single(ctx, now, requests[0])
		if ok {
			return []ledger.Result{result}, true, nil
		}
		if err != nil {
			return nil, true, err
		}
	}
	needs := ledger.NeedsOf(requests)
	attempts := []ledger.Needs{needs, needs} // a key may come in between, on the other book
	if len(requests) > 1 {
		attempts[0].Keys = nil
	}
	var results []ledger.Result
	for _, needs := range attempts {
		results, begun, err = p.batch(ctx, now, requests, needs)
		var told *pgconn.PgError
		known := errors.As(err, &told) && told.Code == "23505" && p.conn.PgConn().TxStatus() == 'I'
		if !known && !errors.Is(err, errNotAllNew) {
			break
		}
	}
	return results, begun, err
}

// batch carries requests out in one transaction. Without keys among the needs it
// fails with errNotAllNew, or on one of the keys, unless all are new and none is
// refused.
func (p *press) batch(ctx context.Context, now time.Time, requests []ledger.Request, needs ledger.Needs) (_ []ledger.Result, begun bool, err error) {
	batch := ledger.NewBatch(now)
	if err := p.load(ctx, batch, needs); err != nil {
		return nil, false, errors.Join(err, p.rollback(ctx))
	}
	results, err := runAll(batch, requests, needs)
	effects := batch.Effects()
	if err != nil || effects.Empty() {
		return results, true, errors.Join(err, p.rollback(ctx))
	}
	if err := p.save(ctx, effects); err != nil {
		return nil, true, errors.Join(err, p.rollback(ctx))
	}
	return results, true, nil
}

// rollback ends a transaction, if one was begun.
func (p *press) rollback(ctx context.Context) error {
	if p.conn.IsClosed() || p.conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := p.conn.Exec(ctx, "ROLLBACK")
	return err
}

// onlyMove is a whole request that makes one transfer: it locks the book, moves
// the pocket, numbers the transfer and keeps the key. It has no row when the key
// was used before, the money is not there, holds have to be let go first, or
// there is no such pocket: then the long way says why.
const onlyMove = `
	WITH locked AS MATERIALIZED (
	  SELECT portal_id
	    FROM book
	   WHERE portal_id = $1
	     AND book = $2
	     FOR NO KEY UPDATE
	), taken AS (
	  UPDATE pocket
	     SET balance = balance + $5::bigint,
	         credited = CASE WHEN $8::bigint = 4 AND $5::bigint > 0 THEN $5::bigint ELSE credited END,
	         credited_at = CASE WHEN $8::bigint = 4 AND $5::bigint > 0 THEN $7::bigint ELSE credited_at END
	   WHERE portal_id = $1
	     AND book = $2
	     AND currency = $4
	     AND EXISTS (SELECT FROM locked)
	     AND ($5::bigint > 0 OR balance - held + credit_limit + $5::bigint >= 0)
	     AND NOT EXISTS (SELECT FROM done WHERE portal_id = $1 AND key = $3)
	     AND ($2 <> 'main' OR NOT EXISTS (SELECT FROM hold WHERE portal_id = $1 AND state = 'open' AND expires_at <= $7))
	  RETURNING balance, balance - held AS available
	), moved AS (
	  UPDATE book
	     SET last = last + 1,
	         last_at = $7,
	         changes = changes + 1
	   WHERE portal_id = $1
	     AND book = $2
	     AND last_at <= $7
	     AND EXISTS (SELECT FROM taken)
	  RETURNING last
	), posted AS (
	  INSERT INTO transfer (portal_id, book, number, at, type, debit, credit, currency, amount, balance, key, service, quantity, participant, metadata)
	  SELECT $1, $2, moved.last, $7, $8::bigint, $9, $10, $4, abs($5::bigint), taken.balance, $3, $11, $12::bigint, $13, $14
	    FROM taken, moved
	), kept AS (
	  INSERT INTO done (portal_id, key, input, at, main_transfer, ai_transfer, currency, amount, available)
	  SELECT $1, $3, $6, $7, CASE WHEN $2 = 'main' THEN moved.last END, CASE WHEN $2 = 'ai' THEN moved.last END, $4, abs($5::bigint), taken.available
	    FROM taken, moved
	)
	SELECT moved.last, taken.available, (SELECT 1 / count(*) FROM moved)
	  FROM taken
	  LEFT JOIN moved ON true`

// single carries out a request that is only one transfer. It reports whether it
// did: when not, and without an error, nothing has happened.
func (p *press) single(ctx context.Context, now time.Time, r ledger.Request) (ledger.Result, bool, error) {
	do, ok := r.Do.(ledger.Post)
	if !ok || len(do) != 1 || do[0].Check() != nil || r.Key == "" || len(r.Key) > ledger.MaxKey || do[0].Debit == ledger.Transit || do[0].Credit == ledger.Transit {
		return ledger.Result{}, false, nil
	}
	t := &do[0]
	moved := t.Amount.Units()
	if t.Debit == ledger.Wallet {
		moved = -moved
	}
	var number, available, one int64
	now = now.UTC().Truncate(time.Microsecond)
	err := p.conn.QueryRow(ctx, onlyMove, r.Portal, string(t.Book), r.Key, string(t.Amount.Currency()), moved, r.Input[:],
		now.UnixMicro(), int64(t.Type), string(t.Debit), string(t.Credit), t.Service, t.Quantity, t.Participant, string(t.Metadata),
	).Scan(&number, &available, &one)
	var told *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ledger.Result{}, false, nil
	case errors.As(err, &told) && (told.Code == "23505" || told.Code == "22012" || told.Code == "22003"):
		// The key came in between, the clock is behind the book's, or the amount
		// is too large; all is undone.
		return ledger.Result{}, false, nil
	case err != nil:
		return ledger.Result{}, false, err
	}
	answer := ledger.Answer{At: now, Amount: t.Amount, Available: money.FromUnits(available, t.Amount.Currency())}
	if t.Book == ledger.AI {
		answer.AI = number
	} else {
		answer.Main = number
	}
	return ledger.Result{Answer: answer}, true, nil
}

// load locks the books and reads what the requests have to do with. The locks
// come first: what is read after them has waited for everybody else.
func (p *press) load(ctx context.Context, batch *ledger.Batch, needs ledger.Needs) error {
	var portals, books []string
	for _, b := range needs.Books {
		portals, books = append(portals, b.Portal), append(books, string(b.Book))
	}
	q := &pgx.Batch{}
	q.Queue(beginPost)
	q.Queue(`
		SELECT b.portal_id, b.book, b.last, b.last_hold, b.last_at
		  FROM unnest($1::text[], $2::text[]) AS n (portal_id, book)
		  JOIN book b ON b.portal_id = n.portal_id AND b.book = n.book
		 ORDER BY b.portal_id, b.book
		   FOR NO KEY UPDATE OF b`, portals, books).Query(func(rows pgx.Rows) error {
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
		SELECT p.portal_id, p.book, p.currency, p.position, p.balance, p.held, p.credit_limit, p.credited, p.credited_at
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
	)
	_, err := pgx.ForEachRow(rows, []any{&p.Portal, &p.Book, &currency, &p.Position, &balance, &held, &limit, &credited, &creditedAt}, func() error {
		p.Balance, p.Held, p.CreditLimit = money.FromUnits(balance, currency), money.FromUnits(held, currency), money.FromUnits(limit, currency)
		p.Credited, p.CreditedAt = money.Amount{}, time.Time{}
		if credited != nil && creditedAt != nil {
			p.Credited, p.CreditedAt = money.FromUnits(*credited, currency), time.UnixMicro(*creditedAt).UTC()
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

// save writes what a batch came to, and commits it.
func (p *press) save(ctx context.Context, e ledger.Effects) error {
	q := &pgx.Batch{}
	queueTransfers(q, e.Transfers)
	queueDone(q, e.Done)
	queueHolds(q, e.NewHolds, e.Holds)
	queuePockets(q, e.NewPockets, e.Pockets)
	var (
		portals, books   []string
		last, holds, ats []int64
	)
	for _, b := range e.Books {
		portals, books = append(portals, b.Portal), append(books, string(b.Book))
		last, holds, ats = append(last, b.Last), append(holds, b.LastHold), append(ats, b.LastAt.UnixMicro())
	}
	q.Queue(exactly(`
		UPDATE book b
		   SET last = n.last,
		       last_hold = n.last_hold,
		       last_at = n.last_at,
		       changes = b.changes + 1
		  FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS n (portal_id, book, last, last_hold, last_at)
		 WHERE b.portal_id = n.portal_id
		   AND b.book = n.book`, 6), portals, books, last, holds, ats, len(e.Books))
	q.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return fmt.Errorf("commit: the server answered %s", tag)
		}
		return nil
	})
	return p.conn.SendBatch(ctx, q).Close()
}

// exactly makes a statement fail unless it changes as many rows as the parameter of
// this number says, so that what comes after it is not committed.
func exactly(statement string, parameter int) string {
	return fmt.Sprintf(`
	WITH changed AS (%s
		RETURNING 1
	)
	SELECT 1 / CASE WHEN count(*) = $%d::bigint THEN 1 ELSE 0 END
	  FROM changed`, statement, parameter)
}
