package billing

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// tally is what was spent in each block of a book's numbers, as far as somebody
// asked. A ledger is only ever added to, so what was summed up once stays true for
// ever; months and days, whose borders depend on a zone, are made of blocks and of
// parts of them at both ends.
type tally struct {
	turn   chan struct{}          // holds a token while somebody reads or sums up
	blocks map[int64][]serviceSum // of blocks that were read as a whole, by their place
	kept   int                    // how many sums those are
	// parts are those of blocks that were asked for of late: months and days begin
	// and end within blocks, and are asked for again.
	parts *simplelru.LRU[numbers, []serviceSum]
}

const (
	// tallyBlock is how many numbers a block has.
	tallyBlock = 1024
	// maxTallies bounds how many tallies are kept, maxSums how large one gets:
	// blocks that do not fit are read again each time.
	maxTallies = 64
	maxSums    = 32_768
	// maxParts bounds how many parts of blocks a tally keeps, maxPartSums how many
	// sums one of them may have.
	maxParts    = 512
	maxPartSums = 64
)

// sums are what was spent, by service and currency.
type sums map[sumKey]sum

type sumKey struct {
	service  string
	currency money.Currency
}

type sum struct {
	amount               money.Amount
	quantity, operations int64
}

// serviceSum is one of sums, as they are kept: a map is several times as large.
type serviceSum struct {
	sumKey
	sum
}

func (all sums) list() []serviceSum {
	list := make([]serviceSum, 0, len(all))
	for key, of := range all {
		list = append(list, serviceSum{key, of})
	}
	return list
}

// errTooMuch: what was spent is more than can be counted.
var errTooMuch = errors.New("what was spent is more than can be counted")

func (all sums) add(key sumKey, more sum) (err error) {
	now, ok := all[key]
	if !ok {
		now.amount = money.FromUnits(0, key.currency)
	}
	if now.amount, err = now.amount.Add(more.amount); err != nil {
		return fmt.Errorf("%w: %s: %w", errTooMuch, key.service, err)
	}
	if more.quantity > 0 && now.quantity > math.MaxInt64-more.quantity || more.quantity < 0 && now.quantity < math.MinInt64-more.quantity {
		return fmt.Errorf("%w: %s", errTooMuch, key.service)
	}
	now.quantity += more.quantity
	now.operations += more.operations
	all[key] = now
	return nil
}

func (all sums) addAll(others []serviceSum) error {
	for _, other := range others {
		if err := all.add(other.sumKey, other.sum); err != nil {
			return err
		}
	}
	return nil
}

// numbers is a part of a book: from low to the one before high.
type numbers struct {
	book      ledger.Book
	low, high int64
}

func (n numbers) len() int64 { return n.high - n.low }

// spent sums up what was spent in a part of a book, as far as a filter's
// participant and metadata allow; told is called now and then with how many numbers
// more were gone through, and may be nil. No transaction is open for longer than a
// block.
func (s *Service) spent(ctx context.Context, portalID string, f SpendingFilter, in numbers, told func(int64) error) (sums, error) {
	c := s.tallyOf(portalID, in.book, f)
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrTryAgain, ctx.Err())
	}
	defer func() { <-c.turn }()
	all := sums{}
	for low := in.low; low < in.high; {
		next := min(((low-1)/tallyBlock+1)*tallyBlock+1, in.high)
		part := numbers{in.book, low, next}
		some, known := c.find(part)
		if !known {
			err := s.store.Read(ctx, func(tx *store.Tx) error {
				read, err := sumUp(tx, portalID, f, part)
				some = read.list()
				return err
			})
			if err != nil {
				return nil, fromStore("sum up what was spent", err)
			}
			c.keep(part, some)
		}
		if err := all.addAll(some); err != nil {
			return nil, err
		}
		low = next
		if told != nil {
			if err := told(part.len()); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// find returns the sums of a block or of a part of one, if they are kept.
func (c *tally) find(in numbers) (some []serviceSum, known bool) {
	if in.len() == tallyBlock {
		some, known = c.blocks[in.low/tallyBlock]
		return some, known
	}
	return c.parts.Get(in)
}

// keep remembers the sums of a block or of a part of one, if there is room.
func (c *tally) keep(in numbers, some []serviceSum) {
	switch {
	case in.len() < tallyBlock:
		if len(some) <= maxPartSums {
			c.parts.Add(in, some)
		}
	case c.kept+len(some) <= maxSums && len(c.blocks) < maxSums:
		c.blocks[in.low/tallyBlock] = some
		c.kept += len(some)
	}
}

// tallyOf returns the tally of a book under a filter, empty for a new one.
func (s *Service) tallyOf(portalID string, book ledger.Book, f SpendingFilter) *tally {
	name := fmt.Sprintf("%q %q %q %q %t", portalID, book, f.Participant, ledger.NewMetadata(f.Metadata), f.aiCredit)
	if c, ok := s.tallies.Get(name); ok {
		return c
	}
	fresh := newTally()
	if c, ok, _ := s.tallies.PeekOrAdd(name, fresh); ok {
		return c
	}
	return fresh
}

func newTally() *tally {
	parts, err := simplelru.NewLRU[numbers, []serviceSum](maxParts, nil)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &tally{turn: make(chan struct{}, 1), blocks: map[int64][]serviceSum{}, parts: parts}
}

// sumUp reads a part of a book, at most a block.
func sumUp(tx *store.Tx, portalID string, f SpendingFilter, in numbers) (sums, error) {
	all := sums{}
	var corrections []ledger.Transfer
	read := int64(0)
	err := tx.TransfersFrom(portalID, in.book, in.low, int(in.len()), func(t *ledger.Transfer) error {
		read++
		switch {
		case !spends(t.Type) && (t.Type != ledger.AIDebit || !f.aiCredit):
		case t.Corrects != 0:
			corrections = append(corrections, *t)
		case !t.In() && f.isAbout(t):
			return all.add(keyOf(t), sum{t.Amount, t.Quantity, 1})
		}
		return nil
	})
	if err == nil && read != in.len() {
		err = fmt.Errorf("book %s of %s has a gap between %d and %d", in.book, portalID, in.low, in.high)
	}
	if err != nil {
		return nil, err
	}
	for i := range corrections {
		if err := takeBack(tx, all, f, &corrections[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// takeBack takes a correction off what was spent; the quantity only when all of a
// payment is taken back at once.
func takeBack(tx *store.Tx, all sums, f SpendingFilter, t *ledger.Transfer) error {
	wrong, err := tx.Transfer(ledger.TransferID{Portal: t.Portal, Book: t.Book, Number: t.Corrects})
	if err != nil {
		return fmt.Errorf("transfer %d, which %d corrects: %w", t.Corrects, t.Number, err)
	}
	if wrong.In() || !f.isAbout(&wrong) {
		return nil
	}
	back := sum{amount: t.Amount.Neg()}
	if t.Amount == wrong.Amount {
		back.quantity = -wrong.Quantity
	}
	return all.add(keyOf(&wrong), back)
}

// spends reports whether a type is a payment for something. What is moved to the AI
// book is not: it is spent there.
func spends(t ledger.Type) bool {
	return t == ledger.ServicePayment || t == ledger.PackagePayment || t == ledger.AIServicePayment
}

// isAbout reports whether a payment is one that is asked for, as far as neither its
// time nor its service decides.
func (f *SpendingFilter) isAbout(t *ledger.Transfer) bool {
	if f.Participant != "" && f.Participant != t.Participant {
		return false
	}
	if len(f.Metadata) == 0 {
		return true
	}
	texts := t.Metadata.Texts()
	for name, want := range f.Metadata {
		if got, ok := texts[name]; !ok || got != want {
			return false
		}
	}
	return true
}

// keyOf returns what a payment is summed up under. Storage is one service, by
// whatever period it is paid, and use of AI has none of its own.
func keyOf(t *ledger.Transfer) sumKey {
	service := t.Service
	switch {
	case strings.HasPrefix(service, diskStorage):
		service = diskStorage
	case service == "" && t.Type == ledger.AIServicePayment:
		service = aiTools
	}
	return sumKey{service, t.Amount.Currency()}
}

// of reports whether a service is asked for, as OperationFilter has it.
func (f *SpendingFilter) of(service string) bool {
	prefix, open := strings.CutSuffix(f.Service, "*")
	return f.Service == "" || service == f.Service || open && strings.HasPrefix(service, prefix)
}

// books returns the books that are asked about.
func (f *SpendingFilter) books() []ledger.Book {
	if f.Book == "" {
		return ledger.Books()
	}
	return []ledger.Book{f.Book}
}

// nothing reports whether there can't be anything that is asked for.
func (f *SpendingFilter) nothing() bool {
	return len(f.Statuses) > 0 && !slices.Contains(f.Statuses, ledger.Completed)
}
