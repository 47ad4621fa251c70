package store

import (
	"errors"
	"testing"

	"github.com/bursarhq/bursar/ledger"
)

// TestWhatIsRememberedIsHeldAgainstTheTables changes them behind the poster's back.
func TestWhatIsRememberedIsHeldAgainstTheTables(t *testing.T) {
	tests := []struct {
		name, change string
		want         error
		available    int64
	}{
		{"a smaller balance", `UPDATE pocket SET balance = 5`, ledger.ErrInsufficient, 0},
		{"a larger balance", `UPDATE pocket SET balance = 5000`, nil, 4990},
		{"something held", `UPDATE pocket SET held = 985`, ledger.ErrInsufficient, 0},
		{"another limit", `UPDATE pocket SET balance = 5, credit_limit = 5`, nil, -5},
		{"another floor", `UPDATE pocket SET floor = 985`, nil, 980},
		{"another transfer", `UPDATE book SET last = 77 WHERE book = 'main'`, nil, 980},
		{"a later moment", `UPDATE book SET last_at = last_at + 60000000 WHERE book = 'main'`, nil, 980},
		{"another hold", `UPDATE book SET last_hold = 7 WHERE book = 'main'`, nil, 980},
		{"no book", `DELETE FROM book`, ledger.ErrNoPortal, 0},
	}
	onEach(t, func(t *testing.T, s *Store) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				id := "p" + tt.name
				addPortal(t, s, id)
				request := func(r ledger.Request) ledger.Request { r.Portal = id; return r }
				for _, r := range post(t, s, request(credit("credit", 1000)), request(charge("first", 10))) {
					if r.Err != nil {
						t.Fatal(r.Err)
					}
				}
				var at int64
				where := " WHERE portal_id = $1"
				if tt.change[len(tt.change)-1] == '\'' {
					where = " AND portal_id = $1"
				}
				if _, err := s.db.Exec(tt.change+where, id); err != nil {
					t.Fatal(err)
				}
				_ = s.db.QueryRow(`SELECT last FROM book WHERE book = 'main' AND portal_id = $1`, id).Scan(&at)
				got := post(t, s, request(charge("second", 10)))[0]
				caused := 0
				if err := s.db.QueryRow(`SELECT count(*) FROM job WHERE portal_id = $1`, id).Scan(&caused); err != nil || caused != 0 != (tt.name == "another floor") {
					t.Errorf("%d jobs are caused, %v", caused, err)
				}
				if !errors.Is(got.Err, tt.want) || got.Err == nil && (got.Answer.Available.Units() != tt.available || got.Answer.Main != at+1) {
					t.Errorf("got %+v after transfer %d, want %v, %d", got, at, tt.want, tt.available)
				}
			})
		}
	})
}

// TestWhoIsNotAloneLocksFirst has two stores write to one book in turns: after the
// first that failed for it, the next batches do not rely on what they remember.
func TestWhoIsNotAloneLocksFirst(t *testing.T) {
	onShared(t, func(t *testing.T, here, there *Store) {
		addPortal(t, here, "p")
		post(t, here, credit("credit", 1000))
		for i := range 6 {
			s := []*Store{here, there}[i%2]
			got := post(t, s, charge(string(rune('a'+i)), 10))[0]
			if want := int64(990 - 10*i); got.Err != nil || got.Answer.Available.Units() != want {
				t.Fatalf("charge %d: %+v, want %d", i, got, want)
			}
		}
		mustVerify(t, here)
		if here.server == nil {
			return
		}
		for _, s := range []*Store{here, there} {
			l := s.poster.lanes[s.poster.laneOf("p")]
			if l.press.careful == 0 { // nobody works on it now
				t.Error("a press is not careful")
			}
		}
	})
}
