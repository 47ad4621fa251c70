package sandbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// Record is a charge in the sandbox's books. It is written once and never
// changes.
type Record struct {
	Customer, ID string
	Amount       money.Amount
	// State is how the charge ends: Settled, Declined or Unconfirmed, never Pending.
	State payment.State
	// Reason is why nothing is collected; "" for Settled.
	Reason string
	// Reference is the sandbox's own id of the charge.
	Reference string
	// At is when it was asked for, in UTC and whole microseconds.
	At time.Time
	// Due is when State comes true, in the same form; until then the charge is
	// Pending. The zero Due means at once.
	Due time.Time
}

// Journal keeps what the sandbox was asked to collect, as a real provider's own
// books would. It is safe for concurrent use, also by several processes if they
// share it.
type Journal interface {
	// Record keeps r unless there is a record of the same id already, whoever's it
	// is. Either way it returns the record that is kept, and whether it was there
	// before. With an error r may have been kept or not, but it is decided: what
	// is not there when Record returns does not come later.
	Record(ctx context.Context, r Record) (first Record, existed bool, err error)
	// Lookup returns the record of an id, or payment.ErrNotFound if there is none
	// or it is another customer's.
	Lookup(ctx context.Context, customer, id string) (Record, error)
}

// MemoryJournal is a journal that is forgotten with the process.
type MemoryJournal struct {
	mu      sync.Mutex
	records []Record
	byID    map[string]int
}

// Memory returns an empty journal in memory.
func Memory() *MemoryJournal {
	return &MemoryJournal{byID: map[string]int{}}
}

// Record keeps the first record of an id. It fails only if ctx has ended, and
// then keeps nothing.
func (j *MemoryJournal) Record(ctx context.Context, r Record) (first Record, existed bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Record{}, false, err
	}
	if i, ok := j.byID[r.ID]; ok {
		return j.records[i], true, nil
	}
	j.byID[r.ID] = len(j.records)
	j.records = append(j.records, r)
	return r, false, nil
}

// Lookup returns the record of an id, or payment.ErrNotFound, or the error of a
// ctx that has ended.
func (j *MemoryJournal) Lookup(ctx context.Context, customer, id string) (Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	i, ok := j.byID[id]
	if !ok || j.records[i].Customer != customer {
		return Record{}, fmt.Errorf("%w: %s of %s", payment.ErrNotFound, id, customer)
	}
	return j.records[i], nil
}

// All returns what is kept, the oldest first; nil if there is nothing.
func (j *MemoryJournal) All() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records)
}
