package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// locator asks PostgreSQL for the addresses of portals. All who come while a
// question is out share the next one, which is one round trip; nobody is given
// the answer to a question that was put before they came.
//
// Each answer bears the server's snapshot: which transactions are over. While that
// is the same, so is everything that can be read, and a question that all put with
// one snapshot in mind is answered by that alone. Only as long as the connection is
// the same, though: a server that crashed, or another in its place, may use numbers
// of transactions again that were never committed.
type locator struct {
	server *server
	conn   *pgx.Conn // nil: it broke; the asking goroutine's own
	era    int       // counts the connections
	ended  chan struct{}

	mu      sync.Mutex
	wake    chan struct{} // holds one for a forming question
	forming *question     // the one that will be put next, open to whoever comes
	closed  bool
}

// question is one question and, once done is closed, its answer.
type question struct {
	hosts, ids []string
	only       bool // for the portal that is alone
	operators  bool
	// since is the snapshot that everybody's knowledge is of, after the era of its
	// connection; "" when they differ.
	since     string
	done      chan struct{}
	snapshot  string            // as of the answer
	addresses map[Where]Address // unless the snapshot is still the one of since
	err       error
}

func newLocator(ctx context.Context, server *server) (*locator, error) {
	l := &locator{server: server, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := l.connect(ctx); err != nil {
		return nil, engineError(err)
	}
	go l.run()
	return l, nil
}

// close waits for what was asked.
func (l *locator) close() error {
	l.mu.Lock()
	l.closed = true
	close(l.wake)
	l.mu.Unlock()
	<-l.ended
	l.drop()
	return nil
}

// ask returns the answer to a question that is put after ask was called. A
// context that ends only ends the wait.
func (l *locator) ask(ctx context.Context, where Where, known Known) (Known, error) {
	if !keepableText(where.Host) || !keepableText(where.PortalID) {
		return Known{}, ErrNotFound
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return Known{}, fmt.Errorf("%w: it is closing", ErrBusy)
	}
	q := l.forming
	if q == nil {
		q = &question{since: known.snapshot, done: make(chan struct{})}
		l.forming = q
		l.wake <- struct{}{}
	} else if known.snapshot != q.since {
		q.since = ""
	}
	q.add(where)
	l.mu.Unlock()

	select {
	case <-q.done:
	case <-ctx.Done():
		return Known{}, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	if q.err != nil {
		return Known{}, q.err
	}
	if q.snapshot != q.since {
		known = Known{Address: q.addresses[where.named()], snapshot: q.snapshot}
	}
	if known.Address == (Address{}) {
		return known, ErrNotFound
	}
	return known, nil
}

// named returns a Where without what it does not go by.
func (w Where) named() Where {
	if w.Operators {
		return Where{Operators: true}
	}
	if w.Host != "" {
		w.PortalID = ""
	}
	return w
}

func (q *question) add(where Where) {
	switch {
	case where.Operators:
		q.operators = true
	case where.Host != "":
		q.hosts = append(q.hosts, where.Host)
	case where.PortalID != "":
		q.ids = append(q.ids, where.PortalID)
	default:
		q.only = true
	}
}

// run puts one question after the other, until there is nobody left to ask.
func (l *locator) run() {
	defer close(l.ended)
	for range l.wake {
		l.mu.Lock()
		q := l.forming
		l.forming = nil
		l.mu.Unlock()
		q.err = l.put(q)
		close(q.done)
	}
}

// put asks the server, and once more if the connection turns out to be broken.
func (l *locator) put(q *question) error {
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	for {
		fresh := l.conn == nil
		if fresh {
			if err := l.connect(ctx); err != nil {
				return engineError(err)
			}
		}
		err := q.put(ctx, l.conn, strconv.Itoa(l.era)+" ")
		if err == nil {
			return nil
		}
		var told *pgconn.PgError
		named, broken := connError(l.conn, err), l.conn.IsClosed() || errors.As(err, &told) && stale(told)
		if broken {
			l.drop()
		}
		if fresh || !broken || ctx.Err() != nil {
			return named
		}
	}
}

// The first row is the snapshot, the others are there if it is not what they ask to
// be told. What is asked for first is what was asked by: 1 a host, 2 an id, 3
// neither; 4 is for the operators. The short queries are what nearly every question
// is.
const (
	snapshot = `
		SELECT 0, pg_current_snapshot()::text, '', 0::bigint, 0::bigint
		 UNION ALL`
	sinceThen = `pg_current_snapshot()::text <> $1`
	byHost    = snapshot + `
		SELECT 1, host.host, portal.portal_id, portal.version, ` + moneyOf + `
		  FROM host
		  JOIN portal ON portal.portal_id = host.portal_id
		 WHERE ` + sinceThen + `
		   AND host.host = ANY($2)`
	byAny = byHost + `
		 UNION ALL
		SELECT 2, portal_id, portal_id, version, ` + moneyOf + `
		  FROM portal
		 WHERE ` + sinceThen + `
		   AND portal_id = ANY($3)
		 UNION ALL
		(SELECT 3, '', portal_id, version, ` + moneyOf + `
		  FROM portal
		 WHERE ` + sinceThen + `
		   AND $4
		 LIMIT 2)
		 UNION ALL
		SELECT 4, '', '', value, 0::bigint
		  FROM counter
		 WHERE ` + sinceThen + `
		   AND name = 'operator_keys'
		   AND $5`
	ofOperators = snapshot + `
		SELECT 4, '', '', value, 0::bigint
		  FROM counter
		 WHERE ` + sinceThen + `
		   AND name = 'operator_keys'`
)

func (l *locator) connect(ctx context.Context) error {
	conn, err := l.server.connect(ctx)
	if err != nil {
		return err
	}
	for _, query := range []string{byHost, byAny, ofOperators} {
		if _, err := conn.Prepare(ctx, query, query); err != nil {
			err = connError(conn, err)
			_ = conn.Close(ctx)
			return err
		}
	}
	l.conn = conn
	l.era++
	return nil
}

func (l *locator) drop() {
	if l.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	_ = l.conn.Close(ctx)
	l.conn = nil
}

func (q *question) put(ctx context.Context, conn *pgx.Conn, era string) error {
	since, ok := strings.CutPrefix(q.since, era)
	if !ok {
		since = ""
	}
	query, args := byHost, []any{since, q.hosts}
	switch {
	case q.operators && !q.only && len(q.ids) == 0 && len(q.hosts) == 0:
		query, args = ofOperators, []any{since}
	case q.operators || q.only || len(q.ids) > 0:
		query, args = byAny, append(args, q.ids, q.only, q.operators)
	}
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	found, portals := map[Where]Address{}, 0
	for rows.Next() {
		var (
			by   int
			name string
			a    Address
		)
		if err := rows.Scan(&by, &name, &a.PortalID, &a.Version, &a.Money); err != nil {
			return err
		}
		switch by {
		case 0:
			q.snapshot = era + name
		case 1:
			found[Where{Host: name}] = a
		case 2:
			found[Where{PortalID: name}] = a
		case 3:
			found[Where{}] = a
			portals++
		case 4:
			found[Where{Operators: true}] = a
		}
	}
	if portals > 1 {
		delete(found, Where{})
	}
	q.addresses = found
	return rows.Err()
}
