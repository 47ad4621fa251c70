package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestFullDiskIsErrFull lets the database grow no more, which the engine answers
// as it answers a full disk.
func TestFullDiskIsErrFull(t *testing.T) {
	onSQLite(t, func(t *testing.T, config Config) {
		s := openWith(t, config)
		furnish(t, s)
		limit := func(pages int64) {
			writer := <-s.writer
			defer func() { s.writer <- writer }()
			if pages == 0 {
				if err := writer.conn.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := writer.conn.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
				t.Fatal(err)
			}
		}
		large := func(tx *Tx) error {
			for i := range 100 {
				id := fmt.Sprint("large-", i)
				u := User{ID: id, Email: id, Name: strings.Repeat("x", 10_000), Role: "guest", CreatedAt: epoch}
				if err := tx.InsertUser(u); err != nil {
					return err
				}
			}
			return nil
		}
		limit(0)
		before := dump(t, s)
		for range 2 {
			if err := s.Change(t.Context(), "p", large); !errors.Is(err, ErrFull) {
				t.Errorf("got %v, want ErrFull", err)
			}
		}
		diff(t, "the database", dump(t, s), before)
		mustWork(t, s, "p") // what needs no room still works

		limit(1 << 20)
		change(t, s, "p", large)
		mustWork(t, s, "p")
	})
}
