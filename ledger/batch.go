package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Batch is what is known of some books while requests run on them. Its maker
// adds what Needs names, locked against everybody else, before the first run.
type Batch struct {
	now     time.Time
	books   map[bookKey]*entry[BookState]
	pockets map[bookKey][]*entry[Pocket]
	holds   map[holdKey]*entry[Hold]
	open    map[string][]int64 // holds that are or were open, by portal, sorted
	done    map[doneKey]*Done
	fixable map[TransferID]*Corrigible

	transfers []Transfer
	doings    []Done
	// What changed, in the order that it did so first.
	changedBooks   []*entry[BookState]
	changedPockets []*entry[Pocket]
	changedHolds   []*entry[Hold]
}

// entry is a value of a batch.
type entry[T any] struct {
	value, was T
	// fresh says that it was not there before, changed that it is not what it
	// was.
	fresh, changed bool
}

type (
	bookKey struct {
		portal string
		book   Book
	}
	holdKey struct {
		portal string
		number int64
	}
	doneKey struct{ portal, key string }
)

// Corrigible is a transfer with the sum of its corrections so far.
type Corrigible struct {
	Transfer  Transfer
	Corrected money.Amount
}

// Effects are what must be written down, all or nothing, for the answers of a
// batch to be true. They are true of what the batch was given, which Was repeats: a
// writer that has not locked it compares.
type Effects struct {
	Transfers  []Transfer // in the order of their numbers in each book
	Done       []Done
	Books      []BookState // changed ones
	Pockets    []Pocket    // changed ones that were there before
	NewPockets []Pocket
	Holds      []Hold // changed ones that were there before
	NewHolds   []Hold
	// Low are the changed pockets that fell below their floors: no less than that
	// was available before, and less is now. A hold whose time was over before
	// reserved nothing any more. What came in between is nobody's to know: a batch
	// is there as a whole, or not at all, so that a pocket that fell and rose again
	// is not low, and one that rose and fell is as low as it was.
	Low []Pocket
	Was Was
}

// Was is what Books, Pockets and Holds were before, in the same order.
type Was struct {
	Books   []BookState
	Pockets []Pocket
	Holds   []Hold
}

// Empty reports whether there is nothing to write.
func (e *Effects) Empty() bool { return len(e.Done) == 0 }

// NewBatch returns an empty batch. Nothing in it happens before now, to the
// microsecond.
func NewBatch(now time.Time) *Batch {
	return &Batch{
		now:     now.UTC().Truncate(time.Microsecond),
		books:   map[bookKey]*entry[BookState]{},
		pockets: map[bookKey][]*entry[Pocket]{},
		holds:   map[holdKey]*entry[Hold]{},
		open:    map[string][]int64{},
		done:    map[doneKey]*Done{},
		fixable: map[TransferID]*Corrigible{},
	}
}

// AddBook adds a book; AddPocket all of its pockets, AddHold the holds that
// requests name and the open ones whose time is over by the latest of now and the
// moments of the portal's books, AddDone what was done under the keys of requests,
// AddCorrigible the transfers to correct.
func (b *Batch) AddBook(s BookState) {
	b.books[bookKey{s.Portal, s.Book}] = &entry[BookState]{value: s, was: s}
}

// AddPocket adds a pocket; see AddBook.
func (b *Batch) AddPocket(p Pocket) {
	key := bookKey{p.Portal, p.Book}
	b.pockets[key] = append(b.pockets[key], &entry[Pocket]{value: p, was: p})
}

// pocket returns a pocket of a book, or nil.
func (b *Batch) pocket(key bookKey, currency money.Currency) *entry[Pocket] {
	for _, e := range b.pockets[key] {
		if e.value.Currency() == currency {
			return e
		}
	}
	return nil
}

// Book returns a book and its pockets as they are after the requests that ran so
// far. It reports whether the batch was given it.
func (b *Batch) Book(portal string, name Book) (BookState, []Pocket, bool) {
	key := bookKey{portal, name}
	e, ok := b.books[key]
	if !ok {
		return BookState{}, nil, false
	}
	pockets := make([]Pocket, len(b.pockets[key]))
	for i, p := range b.pockets[key] {
		pockets[i] = p.value
	}
	return e.value, pockets, true
}

// AddHold adds a hold; see AddBook. The same one may be added again.
func (b *Batch) AddHold(h Hold) {
	key := holdKey{h.Portal, h.Number}
	if _, ok := b.holds[key]; ok {
		return
	}
	b.holds[key] = &entry[Hold]{value: h, was: h}
	if h.State == HoldOpen {
		b.addOpen(h.Portal, h.Number)
	}
}

// addOpen lists a hold among those that may have to be let go, in order.
func (b *Batch) addOpen(portal string, number int64) {
	open := b.open[portal]
	i, _ := slices.BinarySearch(open, number)
	b.open[portal] = slices.Insert(open, i, number)
}

// AddDone adds a request that was carried out before; see AddBook.
func (b *Batch) AddDone(d Done) { b.done[doneKey{d.Portal, d.Key}] = &d }

// AddCorrigible adds a transfer to correct; see AddBook.
func (b *Batch) AddCorrigible(c Corrigible) { b.fixable[c.Transfer.ID()] = &c }

// Needs are what requests have to do with, sorted and each once.
type Needs struct {
	// Books are to be locked in this order.
	Books     []BookState // only Portal and Book are set
	Keys      []Done      // only Portal and Key are set
	Holds     []HoldID
	Transfers []TransferID
}

// Empty reports whether nothing but keys is needed.
func (n *Needs) Empty() bool { return len(n.Books)+len(n.Holds)+len(n.Transfers) == 0 }

// NeedsOf returns what a batch must be given before these requests run on it.
// The books' pockets, and their open holds whose time is over, come with the
// books.
func NeedsOf(requests []Request) Needs {
	var n Needs
	for _, r := range requests {
		n.Keys = append(n.Keys, Done{Portal: r.Portal, Key: r.Key})
		books := []Book{Main}
		switch do := r.Do.(type) {
		case Post:
			books = books[:0]
			for _, p := range do {
				books = append(books, p.Book)
			}
		case Correct:
			books[0] = do.Book
			n.Transfers = append(n.Transfers, TransferID{r.Portal, do.Book, do.Transfer})
		case Extend:
			n.Holds = append(n.Holds, HoldID{r.Portal, do.Hold})
		case Complete:
			n.Holds = append(n.Holds, HoldID{r.Portal, do.Hold})
		case Void:
			n.Holds = append(n.Holds, HoldID{r.Portal, do.Hold})
		case Expire:
			n.Holds = append(n.Holds, HoldID{r.Portal, do.Hold})
		}
		for _, book := range books {
			n.Books = append(n.Books, BookState{Portal: r.Portal, Book: book})
		}
	}
	n.Books = sorted(n.Books, func(a, b BookState) int {
		return cmp.Or(cmp.Compare(a.Portal, b.Portal), cmp.Compare(a.Book, b.Book))
	})
	n.Keys = sorted(n.Keys, func(a, b Done) int {
		return cmp.Or(cmp.Compare(a.Portal, b.Portal), cmp.Compare(a.Key, b.Key))
	})
	n.Holds = sorted(n.Holds, func(a, b HoldID) int {
		return cmp.Or(cmp.Compare(a.Portal, b.Portal), cmp.Compare(a.Number, b.Number))
	})
	n.Transfers = sorted(n.Transfers, func(a, b TransferID) int {
		return cmp.Or(cmp.Compare(a.Portal, b.Portal), cmp.Compare(a.Book, b.Book), cmp.Compare(a.Number, b.Number))
	})
	return n
}

// sorted sorts and leaves one of each.
func sorted[T any](all []T, compare func(a, b T) int) []T {
	slices.SortFunc(all, compare)
	return slices.CompactFunc(all, func(a, b T) bool { return compare(a, b) == 0 })
}

// Run carries a request out, or refuses it and changes nothing. A panic is a
// refusal too.
func (b *Batch) Run(r Request) (result Result) {
	defer func() {
		if cause := recover(); cause != nil {
			result = Result{Err: fmt.Errorf("%w: %v", ErrPanic, cause)}
		}
	}()
	if r.Key == "" || len(r.Key) > MaxKey {
		return Result{Err: fmt.Errorf("%w: a key of %d bytes", ErrRequest, len(r.Key))}
	}
	if len(r.Origin) > MaxOrigin {
		return Result{Err: fmt.Errorf("%w: an origin of %d bytes", ErrRequest, len(r.Origin))}
	}
	if before, ok := b.done[doneKey{r.Portal, r.Key}]; ok {
		if before.Input != r.Input {
			return Result{Err: ErrMismatch}
		}
		return Result{Answer: before.Answer, Replay: true}
	}
	s := &step{batch: b, request: r}
	answer, err := r.Do.run(s)
	if err != nil {
		return Result{Err: err}
	}
	s.finish()
	answer.At = s.at
	s.done = Done{Portal: r.Portal, Key: r.Key, Input: r.Input, Answer: answer, Origin: r.Origin}
	b.take(s)
	return Result{Answer: answer}
}

// take makes what a step worked out true of the batch. Nothing in it can fail.
func (b *Batch) take(s *step) {
	for _, fresh := range s.books {
		e := b.books[bookKey{fresh.Portal, fresh.Book}]
		// Even if it is the same: whoever reads its pockets goes by its changes.
		e.set(*fresh, &b.changedBooks, true)
	}
	for _, fresh := range s.pockets {
		key := bookKey{fresh.Portal, fresh.Book}
		e := b.pocket(key, fresh.Currency())
		if e == nil {
			e = &entry[Pocket]{fresh: true}
			b.pockets[key] = append(b.pockets[key], e)
		}
		e.set(*fresh, &b.changedPockets, e.value != *fresh)
	}
	for _, fresh := range s.holds {
		key := holdKey{fresh.Portal, fresh.Number}
		e, ok := b.holds[key]
		if !ok {
			e = &entry[Hold]{fresh: true}
			b.holds[key] = e
			b.addOpen(fresh.Portal, fresh.Number)
		}
		e.set(*fresh, &b.changedHolds, e.value != *fresh)
	}
	if s.corrected != nil {
		b.fixable[s.corrected.Transfer.ID()] = s.corrected
	}
	b.transfers = append(b.transfers, s.transfers...)
	b.done[doneKey{s.done.Portal, s.done.Key}] = &s.done
	b.doings = append(b.doings, s.done)
}

// set sets a value, and lists it when that changes it for the first time.
func (e *entry[T]) set(value T, list *[]*entry[T], changes bool) {
	if changes && !e.changed {
		e.changed = true
		*list = append(*list, e)
	}
	e.value = value
}

// Effects returns what the requests that ran so far came to together.
func (b *Batch) Effects() Effects {
	e := Effects{Transfers: slices.Clip(b.transfers), Done: slices.Clip(b.doings)}
	_, e.Books, e.Was.Books = apart(b.changedBooks)
	e.NewPockets, e.Pockets, e.Was.Pockets = apart(b.changedPockets)
	e.NewHolds, e.Holds, e.Was.Holds = apart(b.changedHolds)
	for _, pocket := range b.changedPockets {
		if !pocket.value.Below() {
			continue
		}
		if began := b.began(pocket); !began.Below() {
			e.Low = append(e.Low, pocket.value)
		}
	}
	return e
}

// began returns a pocket as it was before, less what was still held for holds whose
// time was over.
func (b *Batch) began(pocket *entry[Pocket]) Pocket {
	p := pocket.was
	for _, hold := range b.changedHolds {
		over := hold.was.State == HoldOpen && hold.value.State == HoldExpired
		if over && p.Book == Main && hold.was.Portal == p.Portal {
			if held, err := p.Held.Sub(hold.was.Amount); err == nil { // of its currency
				p.Held = held
			}
		}
	}
	return p
}

// apart returns the values of entries that are new, and of the others, with what
// those were.
func apart[T any](all []*entry[T]) (fresh, others, were []T) {
	for _, e := range all {
		if e.fresh {
			fresh = append(fresh, e.value)
		} else {
			others, were = append(others, e.value), append(were, e.was)
		}
	}
	return fresh, others, were
}

// Now returns the moment that the batch was made for.
func (b *Batch) Now() time.Time { return b.now }
