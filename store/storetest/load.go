package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// model is what the books must come to, worked out from answers alone: a sum does
// not depend on the order.
type model struct {
	mu      sync.Mutex
	first   map[string]ledger.Answer // by portal and key
	asked   map[string]ledger.Request
	balance map[place]int64
	held    map[place]int64
	holds   map[string]int64 // what each hold reserves, by its name
	effects int
}

type place struct {
	portal   string
	book     ledger.Book
	currency money.Currency
}

func newModel() *model {
	return &model{first: map[string]ledger.Answer{}, asked: map[string]ledger.Request{}}
}

// take takes a result. Of those with one key, in whatever order they come, one is no
// replay, and all have the same answer.
func (m *model) take(r ledger.Request, result ledger.Result) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if result.Err != nil {
		return nil
	}
	key := r.Portal + " " + r.Key
	if known, ok := m.first[key]; ok && known != result.Answer {
		return fmt.Errorf("%s: answered %+v, and %+v", key, known, result.Answer)
	}
	m.first[key] = result.Answer
	if result.Replay {
		return nil
	}
	if _, ok := m.asked[key]; ok {
		return fmt.Errorf("%s has two effects", key)
	}
	m.asked[key] = r
	m.effects++
	return nil
}

// settle adds up the effects.
func (m *model) settle() {
	m.balance, m.held, m.holds = map[place]int64{}, map[place]int64{}, map[string]int64{}
	for key, r := range m.asked {
		if _, ok := r.Do.(ledger.Reserve); ok {
			a := m.first[key]
			m.holds[fmt.Sprint(r.Portal, " ", a.Hold)] = a.Amount.Units()
			m.held[place{r.Portal, ledger.Main, a.Amount.Currency()}] += a.Amount.Units()
		}
	}
	for key, r := range m.asked {
		a := m.first[key]
		main := place{r.Portal, ledger.Main, a.Amount.Currency()}
		switch do := r.Do.(type) {
		case ledger.Post:
			for _, p := range do {
				n := p.Amount.Units()
				if p.Debit == ledger.Wallet {
					n = -n
				}
				m.balance[place{r.Portal, p.Book, p.Amount.Currency()}] += n
			}
		case ledger.Complete:
			m.balance[main] -= a.Amount.Units()
			m.held[main] -= m.holds[fmt.Sprint(r.Portal, " ", a.Hold)]
		case ledger.Void:
			m.held[main] -= m.holds[fmt.Sprint(r.Portal, " ", a.Hold)]
		case ledger.Correct: // in these tests only of charges
			m.balance[main] += a.Amount.Units()
		}
	}
}

// compare holds the model against the books.
func (m *model) compare(t *testing.T, s *store.Store, portals []string) {
	t.Helper()
	m.settle()
	got, held := map[place]int64{}, map[place]int64{}
	read(t, s, func(tx *store.Tx) error {
		for _, id := range portals {
			for _, book := range ledger.Books() {
				pockets, err := tx.Pockets(id, book)
				if err != nil {
					return err
				}
				for _, p := range pockets {
					if p.Balance.Units() < p.Held.Units() {
						t.Errorf("%s %s: %s with %s held", id, book, p.Balance, p.Held)
					}
					at := place{id, book, p.Currency()}
					if p.Balance.Units() != 0 || m.balance[at] != 0 {
						got[at] = p.Balance.Units()
					}
					if p.Held.Units() != 0 || m.held[at] != 0 {
						held[at] = p.Held.Units()
					}
				}
			}
		}
		return nil
	})
	clean := func(sums map[place]int64) map[place]int64 {
		for at, n := range sums {
			if _, ok := got[at]; !ok && n == 0 {
				delete(sums, at)
			}
		}
		return sums
	}
	diff(t, "balances", got, clean(m.balance))
	for at, n := range m.held {
		if held[at] != n {
			t.Errorf("%+v: %d are held, want %d", at, held[at], n)
		}
	}
	if verified := verify(t, s); verified.Keys != int64(m.effects) {
		t.Errorf("%d keys, and %d effects", verified.Keys, m.effects)
	}
}

// caller asks for things at random, and now and then for the same again.
type caller struct {
	random  *rand.Rand
	name    int
	portals []string
	count   int
	before  []ledger.Request
}

func (c *caller) next() ledger.Request {
	if len(c.before) > 0 && c.random.IntN(5) == 0 {
		return c.before[c.random.IntN(len(c.before))]
	}
	c.count++
	n := 1 + c.random.Int64N(20)
	amount := usd(n)
	if c.random.IntN(4) == 0 {
		amount = eur(n)
	}
	var do ledger.Action
	switch c.random.IntN(12) {
	case 0, 1, 2:
		do = credit(amount)
	case 3, 4, 5:
		do = charge(amount)
	case 6, 7:
		do = ledger.Reserve{Amount: amount, Service: "backup", For: time.Hour}
	case 8:
		do = ledger.Complete{Hold: 1 + c.random.Int64N(30)}
	case 9:
		do = ledger.Void{Hold: 1 + c.random.Int64N(30)}
	case 10:
		do = ledger.Extend{Hold: 1 + c.random.Int64N(30), For: time.Hour}
	case 11:
		do = buyAI(amount)
	}
	// Two callers share each name, so that they meet under the same keys.
	key := fmt.Sprint(c.name/2, "-", c.count)
	r := askOf(c.portals[c.random.IntN(len(c.portals))], key, do)
	c.before = append(c.before, r)
	return r
}

// refusal reports whether an error is one of the ledger's, as it should be.
func refusal(err error) bool {
	for _, known := range []error{ledger.ErrInsufficient, ledger.ErrMismatch, ledger.ErrNoHold, ledger.ErrHoldClosed, ledger.ErrOverHold, ledger.ErrNoTransfer} {
		if errors.Is(err, known) {
			return true
		}
	}
	return err == nil
}

// randomCallers has many callers at once, on any of some stores on one database.
func randomCallers(t *testing.T, stores ...*store.Store) {
	random := seeded(t)
	portals := []string{"p", "q", "r"}
	addPortals(t, stores[0], portals...)
	m := newModel()
	var all []<-chan error
	for i := range 16 {
		c := &caller{random: rand.New(rand.NewPCG(random.Uint64(), 1)), name: i, portals: portals}
		all = append(all, running(func() error {
			for range 40 {
				requests := []ledger.Request{c.next()}
				for c.random.IntN(3) == 0 {
					requests = append(requests, c.next())
				}
				post := store.Post{Requests: requests, Now: epoch.Add(time.Duration(c.random.IntN(1000)) * time.Second)}
				if c.random.IntN(8) == 0 {
					post.Also = func(*store.Tx, []ledger.Result) error { return nil }
				}
				results, err := stores[c.random.IntN(len(stores))].Post(background, post)
				if err != nil {
					return err
				}
				for i, result := range results {
					if !refusal(result.Err) {
						return fmt.Errorf("%+v: %w", requests[i], result.Err)
					}
					if err := m.take(requests[i], result); err != nil {
						return err
					}
				}
			}
			return nil
		}))
	}
	for _, one := range all {
		if err := within(t, "a caller", one); err != nil {
			t.Error(err)
		}
	}
	for _, s := range stores {
		m.compare(t, s, portals)
	}
}
