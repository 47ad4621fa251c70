package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// Event is something that happened, for others to know.
type Event struct {
	PortalID string
	// Number counts the portal's events from 1.
	Number int64
	// Position is its place in the line of all portals' events, from 1; 0: it has
	// none yet.
	Position int64
	Type     string
	At       time.Time
	// Data is a JSON object.
	Data string
}

// AppendEvent adds an event to those of the transaction's portal, and returns its
// number. The transaction must be one that changes the portal, so that nobody else
// takes the same. Its moment is never before the portal's last event's.
func (tx *Tx) AppendEvent(e Event) (number int64, err error) {
	tx.caused = true
	err = tx.row(`
		INSERT INTO event (portal_id, number, type, at, data)
		SELECT $1, CAST(coalesce(max(last.number), 0) + 1 AS BIGINT), $2,
		       CASE WHEN max(last.at) > $3 THEN max(last.at) ELSE CAST($3 AS BIGINT) END, $4
		  FROM (SELECT number, at
		          FROM event
		         WHERE portal_id = $1
		         ORDER BY number DESC
		         LIMIT 1) last
		RETURNING number`, []any{tx.portal, e.Type, e.At.UnixMicro(), e.Data}, &number)
	return number, err
}

// placedAtOnce is how many events are given their place in one transaction.
const placedAtOnce = 1000

// PlaceEvents gives events that have none their place in the line, and returns how
// many. One at a time does so, in one transaction: whoever reads up to a place has
// seen all before it. Also is done in the same transaction when there were any.
func (s *Store) PlaceEvents(ctx context.Context, also func(*Tx) error) (placed int64, err error) {
	waiting := false
	if err := s.Read(ctx, func(tx *Tx) error {
		return tx.rows(`
			SELECT 1
			  FROM event
			 WHERE position IS NULL
			 LIMIT 1`, nil, func(func(...any) error) error { waiting = true; return nil })
	}); err != nil || !waiting {
		return 0, err
	}
	err = s.aside(ctx, "", func(tx *Tx) error {
		var last int64
		if err := tx.row(`
			UPDATE counter
			   SET value = value
			 WHERE name = 'event'
			RETURNING value`, nil, &last); err != nil {
			return err
		}
		if placed, err = tx.exec(`
			UPDATE event
			   SET position = $1 + line.place
			  FROM (SELECT portal_id, number, row_number() OVER (ORDER BY at, portal_id, number) AS place
			          FROM event
			         WHERE position IS NULL
			         ORDER BY at, portal_id, number
			         LIMIT $2) line
			 WHERE event.portal_id = line.portal_id
			   AND event.number = line.number`, last, placedAtOnce); err != nil {
			return err
		}
		if placed == 0 { // somebody else was first: nothing is to be committed
			return errNonePlaced
		}
		if err := tx.one(`
			UPDATE counter
			   SET value = value + $1
			 WHERE name = 'event'`, placed); err != nil {
			return err
		}
		return also(tx)
	})
	if errors.Is(err, errNonePlaced) {
		err = nil
	}
	return placed, err
}

var errNonePlaced = errors.New("no event is without a place")

// EventFilter says which events are read.
type EventFilter struct {
	// PortalID is the portal in which they happened; "" means any.
	PortalID string
	// Types are those that they may be of; nil means any. None has a space in it.
	Types []string
}

// lookedThrough bounds how many places of the line are looked through at once for
// events of some types.
const lookedThrough = 10_000

// LastPosition returns the place of the last event in the line; 0 when there is none.
func (tx *Tx) LastPosition() (last int64, err error) {
	err = tx.row(`
		SELECT value
		  FROM counter
		 WHERE name = 'event'`, nil, &last)
	return last, err
}

// EventsAfter returns up to limit events after a place in the line, and up to which
// place there are no others such: that of the last one, or a later one, as it looks
// through a part of the line only.
func (tx *Tx) EventsAfter(position int64, filter EventFilter, limit int) (all []Event, through int64, err error) {
	last, err := tx.LastPosition()
	if err != nil || last <= position {
		return nil, position, err
	}
	through = last
	if len(filter.Types) > 0 {
		through = min(last, position+lookedThrough)
	}
	types := strings.Join(filter.Types, " ")
	if types != "" {
		types = " " + types + " "
	}
	// Each has a text of its own, so that each has an index.
	const (
		columns = `
		SELECT portal_id, number, position, type, at, data
		  FROM event
		 WHERE position > $1
		   AND position <= $2
		   AND ($3 = '' OR $3 LIKE '% ' || type || ' %')
		   `
		order = `
		 ORDER BY position
		 LIMIT $4`
	)
	if filter.PortalID == "" {
		all, err = tx.events(columns+order, position, through, types, limit)
	} else {
		all, err = tx.events(columns+"AND portal_id = $5"+order, position, through, types, limit, filter.PortalID)
	}
	if err == nil && len(all) == limit {
		through = all[limit-1].Position
	}
	return all, through, err
}

// EventsOf returns up to limit events of a portal after a number, whether they have
// their place or not.
func (tx *Tx) EventsOf(portalID string, after int64, limit int) ([]Event, error) {
	return tx.events(`
		SELECT portal_id, number, position, type, at, data
		  FROM event
		 WHERE portal_id = $1
		   AND number > $2
		 ORDER BY number
		 LIMIT $3`, portalID, after, limit)
}

func (tx *Tx) events(query string, args ...any) (all []Event, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		var (
			e            Event
			position, at sql.NullInt64
		)
		err := scan(&e.PortalID, &e.Number, &position, &e.Type, &at, &e.Data)
		e.Position, e.At = position.Int64, fromMicros(at)
		all = append(all, e)
		return err
	})
	return all, err
}
