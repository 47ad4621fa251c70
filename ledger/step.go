package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

// step is one request being worked out: copies of what it changes, which the
// batch takes when nothing was refused.
type step struct {
	batch   *Batch
	request Request
	at      time.Time // not before anything else in the books that it touches

	books     []*BookState
	pockets   []*Pocket
	holds     []*Hold
	transfers []Transfer
	corrected *Corrigible // with the step's own correction; nil: none
	done      Done
}

// book returns a book to change.
func (s *step) book(name Book) (*BookState, error) {
	if err := s.touch(name); err != nil {
		return nil, err
	}
	for _, book := range s.books {
		if book.Book == name {
			return book, nil
		}
	}
	return nil, ErrNoPortal
}

// touch takes books to change, which settles the moment of the step, and lets go
// of the holds whose time is over by then.
func (s *step) touch(names ...Book) error {
	moved := false
	for _, name := range names {
		if slices.ContainsFunc(s.books, func(b *BookState) bool { return b.Book == name }) {
			continue
		}
		known, ok := s.batch.books[bookKey{s.request.Portal, name}]
		if !ok {
			return ErrNoPortal
		}
		book := known.value
		if s.at = later(s.at, s.batch.now); book.LastAt.After(s.at) {
			s.at = book.LastAt
		}
		s.books = append(s.books, &book)
		moved = true
	}
	if moved && slices.ContainsFunc(s.books, func(b *BookState) bool { return b.Book == Main }) {
		return s.sweep()
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sweep lets go of the portal's open holds whose time is over.
func (s *step) sweep() error {
	for _, number := range s.batch.open[s.request.Portal] {
		known := s.batch.holds[holdKey{s.request.Portal, number}]
		if known.value.State != HoldOpen || known.value.ExpiresAt.After(s.at) {
			continue
		}
		hold, err := s.hold(number)
		if err != nil {
			return err
		}
		if err := s.release(hold, HoldExpired); err != nil {
			return err
		}
	}
	return nil
}

// pocket returns a pocket to change, which is made when there is none.
func (s *step) pocket(book Book, currency money.Currency) *Pocket {
	for _, pocket := range s.pockets {
		if pocket.Book == book && pocket.Currency() == currency {
			return pocket
		}
	}
	var pocket Pocket
	key := bookKey{s.request.Portal, book}
	if known := s.batch.pocket(key, currency); known != nil {
		pocket = known.value
	} else {
		nought := money.FromUnits(0, currency)
		pocket = Pocket{Portal: s.request.Portal, Book: book, Position: int64(len(s.batch.pockets[key])), Balance: nought, Held: nought, CreditLimit: nought}
	}
	s.pockets = append(s.pockets, &pocket)
	return &pocket
}

// hold returns a hold to change.
func (s *step) hold(number int64) (*Hold, error) {
	for _, hold := range s.holds {
		if hold.Number == number {
			return hold, nil
		}
	}
	known, ok := s.batch.holds[holdKey{s.request.Portal, number}]
	if !ok {
		return nil, ErrNoHold
	}
	hold := known.value
	s.holds = append(s.holds, &hold)
	return &hold, nil
}

// openHold returns a hold that still reserves something.
func (s *step) openHold(number int64) (*Hold, error) {
	if _, err := s.book(Main); err != nil {
		return nil, err
	}
	hold, err := s.hold(number)
	if err != nil {
		return nil, err
	}
	if hold.State != HoldOpen {
		return nil, &HoldClosedError{hold.ID(), hold.State}
	}
	return hold, nil
}

// release ends a hold and makes available what it reserved.
func (s *step) release(hold *Hold, state HoldState) (err error) {
	pocket := s.pocket(Main, hold.Amount.Currency())
	if pocket.Held, err = pocket.Held.Sub(hold.Amount); err != nil {
		return err
	}
	hold.State, hold.ClosedAt = state, s.at
	return nil
}

// post makes a transfer and moves its pocket, which must have the money unless
// it comes in or was held.
func (s *step) post(p Posting, corrects, hold int64) (*Transfer, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	book, err := s.book(p.Book)
	if err != nil {
		return nil, err
	}
	pocket := s.pocket(p.Book, p.Amount.Currency())
	if p.Credit == Wallet {
		pocket.Balance, err = pocket.Balance.Add(p.Amount)
	} else {
		if hold == 0 { // what is reserved is there, whatever the limit is by now
			err = pocket.mayTake(p.Amount)
		}
		if err == nil {
			pocket.Balance, err = pocket.Balance.Sub(p.Amount)
		}
	}
	if err != nil {
		return nil, err
	}
	if p.Type == Deposit && p.Credit == Wallet && corrects == 0 {
		pocket.Credited, pocket.CreditedAt = p.Amount, s.at
	}
	book.Last++
	s.transfers = append(s.transfers, Transfer{
		Portal: s.request.Portal, Book: p.Book, Number: book.Last, At: s.at, Type: p.Type,
		Debit: p.Debit, Credit: p.Credit, Amount: p.Amount, Balance: pocket.Balance, Key: s.request.Key,
		Service: p.Service, Quantity: p.Quantity, Participant: p.Participant, Metadata: p.Metadata,
		Corrects: corrects, Hold: hold,
	})
	return &s.transfers[len(s.transfers)-1], nil
}

// Check returns ErrRequest for what could never be posted.
func (p *Posting) Check() error {
	switch {
	case p.Amount.Sign() <= 0 || !p.Amount.Currency().WellFormed():
		return fmt.Errorf("%w: to transfer %s", ErrRequest, p.Amount)
	case (p.Debit == Wallet) == (p.Credit == Wallet) || !p.Debit.Known() || !p.Credit.Known():
		return fmt.Errorf("%w: from account %q to account %q", ErrRequest, p.Debit, p.Credit)
	case !p.Type.Known():
		return fmt.Errorf("%w: of %v", ErrRequest, p.Type)
	case (p.Book != Main) && (p.Book != AI):
		return fmt.Errorf("%w: in book %q", ErrRequest, p.Book)
	case p.Quantity < 0:
		return fmt.Errorf("%w: a quantity of %d", ErrRequest, p.Quantity)
	}
	return nil
}

// finish brings the books to the moment of the step.
func (s *step) finish() {
	for _, book := range s.books {
		book.LastAt = s.at
	}
}
