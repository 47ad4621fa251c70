package store

import (
	"testing"
)

// Events of some types are looked for in a part of the line at a time, which never
// ends a reader's way.
func TestEventsOfATypeAreLookedForInParts(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		addPortal(t, s, "p")
		const all = 3*lookedThrough + 5
		for _, statement := range []string{`
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30005)
			INSERT INTO event (portal_id, number, position, type, at, data)
			SELECT 'p', i, i, CASE WHEN i = 25000 THEN 'hold.expired' ELSE 'balance.low' END, 1, '{}'
			  FROM n`,
			`UPDATE counter SET value = 30005 WHERE name = 'event'`,
		} {
			if _, err := s.db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		var (
			found []int64
			asked int
		)
		for at := int64(0); at < all; asked++ {
			at = read(t, s, func(tx *Tx) (int64, error) {
				some, through, err := tx.EventsAfter(at, EventFilter{Types: []string{"hold.expired"}}, 10)
				for _, e := range some {
					found = append(found, e.Position)
				}
				return through, err
			})
		}
		diff(t, "what is found", found, []int64{25000})
		if asked != 4 {
			t.Errorf("it was asked %d times", asked)
		}
	})
}
