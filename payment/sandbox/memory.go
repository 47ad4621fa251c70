package sandbox

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

// MemoryJournal is a journal that is forgotten with the process. Its methods fail,
// and do nothing, when the context has ended.
type MemoryJournal struct {
	mu      sync.Mutex
	records []Record
	byID    map[string]int
	pages   map[owned]PageRecord
	refunds map[owned]RefundRecord
}

// owned is an id among those of a customer.
type owned struct{ customer, id string }

// Memory returns an empty journal in memory.
func Memory() *MemoryJournal {
	return &MemoryJournal{byID: map[string]int{}, pages: map[owned]PageRecord{}, refunds: map[owned]RefundRecord{}}
}

// Record keeps the first record of an id.
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

// Lookup returns the record of an id, or payment.ErrNotFound.
func (j *MemoryJournal) Lookup(ctx context.Context, customer, id string) (Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lookup(ctx, customer, id)
}

func (j *MemoryJournal) lookup(ctx context.Context, customer, id string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	i, ok := j.byID[id]
	if !ok || j.records[i].Customer != customer {
		return Record{}, fmt.Errorf("%w: %s of %s", payment.ErrNotFound, id, customer)
	}
	return j.records[i], nil
}

// LastSaved returns the last record of a customer that is about a method, or
// payment.ErrNotFound.
func (j *MemoryJournal) LastSaved(ctx context.Context, customer string) (Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	for _, r := range slices.Backward(j.records) {
		if r.Customer == customer && (r.Saved != "" || r.Gone != "") {
			return r, nil
		}
	}
	return Record{}, fmt.Errorf("%w: a method of %s", payment.ErrNotFound, customer)
}

// OpenPage keeps the first page of an id.
func (j *MemoryJournal) OpenPage(ctx context.Context, p PageRecord) (first PageRecord, existed bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return PageRecord{}, false, err
	}
	key := owned{p.Customer, p.ID}
	if first, existed = j.pages[key]; existed {
		return first, true, nil
	}
	j.pages[key] = p
	return p, false, nil
}

// LookupPage returns a page, or payment.ErrNotFound.
func (j *MemoryJournal) LookupPage(ctx context.Context, customer, id string) (PageRecord, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return PageRecord{}, err
	}
	p, ok := j.pages[owned{customer, id}]
	if !ok {
		return PageRecord{}, fmt.Errorf("%w: the page %s of %s", payment.ErrNotFound, id, customer)
	}
	return p, nil
}

// Refund keeps the first refund of an id.
func (j *MemoryJournal) Refund(ctx context.Context, r RefundRecord) (first RefundRecord, existed bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c, err := j.lookup(ctx, r.Customer, r.ChargeID)
	if err != nil {
		return RefundRecord{}, false, err
	}
	key := owned{r.Customer, r.ID}
	if first, existed = j.refunds[key]; existed {
		return first, true, nil
	}
	if c.Amount.Currency() != r.Amount.Currency() || c.Amount.Units()-j.refunded(c).Units() < r.Amount.Units() {
		return RefundRecord{}, false, fmt.Errorf("%w: %s of the charge %s", payment.ErrNotFound, r.Amount, r.ChargeID)
	}
	j.refunds[key] = r
	return r, false, nil
}

// Refunded returns how much of a charge was given back.
func (j *MemoryJournal) Refunded(ctx context.Context, customer, chargeID string) (money.Amount, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c, err := j.lookup(ctx, customer, chargeID)
	if err != nil {
		return money.Amount{}, err
	}
	return j.refunded(c), nil
}

func (j *MemoryJournal) refunded(c Record) money.Amount {
	units := int64(0)
	for key, r := range j.refunds {
		if key.customer == c.Customer && r.ChargeID == c.ID {
			units += r.Amount.Units() // never more than the charge
		}
	}
	return money.FromUnits(units, c.Amount.Currency())
}

// All returns what is kept, the oldest first; nil if there is nothing.
func (j *MemoryJournal) All() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records)
}
