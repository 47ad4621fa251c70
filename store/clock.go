package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// VirtualTime returns the moment up to which a database has lived whose time does not
// go by itself; false for one that lives in real time.
func (tx *Tx) VirtualTime() (time.Time, bool, error) {
	var at sql.NullInt64
	err := tx.row(`
		SELECT value
		  FROM counter
		 WHERE name = 'virtual_clock'`, nil, &at)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return fromMicros(at), at.Valid, err
}

// KeepVirtualTime writes down that a database lives in virtual time, and up to which
// moment. It does not go back: one that has passed changes nothing.
func (s *Store) KeepVirtualTime(ctx context.Context, at time.Time) error {
	return s.aside(ctx, "", func(tx *Tx) error {
		_, err := tx.exec(`
			INSERT INTO counter (name, value)
			VALUES ('virtual_clock', $1)
			ON CONFLICT (name) DO UPDATE
			   SET value = excluded.value
			 WHERE counter.value < excluded.value`, at.UnixMicro())
		return err
	})
}
