package ledger

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/money"
)

func (postings Post) run(s *step) (Answer, error) {
	if len(postings) == 0 {
		return Answer{}, fmt.Errorf("%w: nothing to post", ErrRequest)
	}
	books := make([]Book, 0, 2)
	transit := money.FromUnits(0, postings[0].Amount.Currency())
	for i, p := range postings {
		if i > 1 || i == 1 && p.Book == postings[0].Book {
			return Answer{}, fmt.Errorf("%w: several transfers in one book", ErrRequest)
		}
		if err := p.Check(); err != nil {
			return Answer{}, err
		}
		var err error
		if p.Debit == Transit {
			transit, err = transit.Sub(p.Amount)
		} else if p.Credit == Transit {
			transit, err = transit.Add(p.Amount)
		}
		if err != nil {
			return Answer{}, fmt.Errorf("%w: %w", ErrRequest, err)
		}
		books = append(books, p.Book)
	}
	if transit.Sign() != 0 {
		return Answer{}, fmt.Errorf("%w: %s stays in transit", ErrRequest, transit)
	}
	if err := s.touch(books...); err != nil {
		return Answer{}, err
	}
	answer := Answer{Amount: postings[0].Amount}
	for _, p := range postings {
		transfer, err := s.post(p, 0, 0)
		if err != nil {
			return Answer{}, err
		}
		answer.note(transfer)
	}
	return answer, s.available(&answer, postings[0].Book)
}

// note puts the number of a transfer into the answer.
func (a *Answer) note(t *Transfer) {
	if t.Book == AI {
		a.AI = t.Number
	} else {
		a.Main = t.Number
	}
}

// available fills in what the pocket of the answer's amount has left.
func (s *step) available(answer *Answer, book Book) (err error) {
	answer.Available, err = s.pocket(book, answer.Amount.Currency()).Available()
	return err
}

func (r Reserve) run(s *step) (Answer, error) {
	if r.Amount.Sign() <= 0 || !r.Amount.Currency().WellFormed() || r.For < time.Microsecond || r.Quantity < 0 {
		return Answer{}, fmt.Errorf("%w: to reserve %s for %s", ErrRequest, r.Amount, r.For)
	}
	book, err := s.book(Main)
	if err != nil {
		return Answer{}, err
	}
	pocket := s.pocket(Main, r.Amount.Currency())
	if err := pocket.mayTake(r.Amount); err != nil {
		return Answer{}, err
	}
	if pocket.Held, err = pocket.Held.Add(r.Amount); err != nil {
		return Answer{}, err
	}
	book.LastHold++
	hold := &Hold{
		Portal: s.request.Portal, Number: book.LastHold, State: HoldOpen, Key: s.request.Key,
		Amount: r.Amount, Posted: money.FromUnits(0, r.Amount.Currency()),
		Service: r.Service, Quantity: r.Quantity, Participant: r.Participant, Metadata: r.Metadata,
		OpenedAt: s.at, ExpiresAt: s.at.Add(r.For).Truncate(time.Microsecond),
	}
	s.holds = append(s.holds, hold)
	answer := Answer{Hold: hold.Number, Amount: hold.Amount, ExpiresAt: hold.ExpiresAt}
	return answer, s.available(&answer, Main)
}

func (e Extend) run(s *step) (Answer, error) {
	hold, err := s.openHold(e.Hold)
	if err != nil {
		return Answer{}, err
	}
	if e.For < time.Microsecond {
		return Answer{}, fmt.Errorf("%w: to extend by %s", ErrRequest, e.For)
	}
	hold.ExpiresAt = hold.ExpiresAt.Add(e.For).Truncate(time.Microsecond)
	answer := Answer{Hold: hold.Number, Amount: hold.Amount, ExpiresAt: hold.ExpiresAt}
	return answer, s.available(&answer, Main)
}

func (c Complete) run(s *step) (Answer, error) {
	hold, err := s.openHold(c.Hold)
	if err != nil {
		return Answer{}, err
	}
	amount := partOf(hold.Amount, c.Amount)
	if amount.Sign() <= 0 {
		return Answer{}, fmt.Errorf("%w: to complete with %s", ErrRequest, amount)
	}
	order, err := amount.Compare(hold.Amount)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if order > 0 {
		return Answer{}, fmt.Errorf("%w: %s of %s", ErrOverHold, amount, hold.Amount)
	}
	if err := s.release(hold, HoldCompleted); err != nil {
		return Answer{}, err
	}
	posting := Posting{
		Book: Main, Debit: Wallet, Credit: Revenue, Amount: amount, Type: ServicePayment,
		Service: hold.Service, Quantity: hold.Quantity, Participant: hold.Participant, Metadata: hold.Metadata,
	}
	if c.Quantity != 0 {
		posting.Quantity = c.Quantity
	}
	if c.Participant != "" {
		posting.Participant = c.Participant
	}
	if c.Metadata != "" {
		posting.Metadata = c.Metadata
	}
	transfer, err := s.post(posting, 0, hold.Number)
	if err != nil {
		return Answer{}, err
	}
	hold.Posted, hold.Transfer = amount, transfer.Number
	answer := Answer{Main: transfer.Number, Hold: hold.Number, Amount: amount}
	return answer, s.available(&answer, Main)
}

// partOf returns how much of a whole is meant: all of it by the zero Amount, and
// in its own currency by one without.
func partOf(whole, part money.Amount) money.Amount {
	switch {
	case part == money.Amount{}:
		return whole
	case part.Currency() == "":
		return money.FromUnits(part.Units(), whole.Currency())
	}
	return part
}

func (v Void) run(s *step) (Answer, error) {
	hold, err := s.openHold(v.Hold)
	if err != nil {
		return Answer{}, err
	}
	if err := s.release(hold, HoldVoided); err != nil {
		return Answer{}, err
	}
	answer := Answer{Hold: hold.Number, Amount: hold.Amount}
	return answer, s.available(&answer, Main)
}

// run does what the first touch of the book does in any case.
func (e Expire) run(s *step) (Answer, error) {
	if _, err := s.book(Main); err != nil {
		return Answer{}, err
	}
	hold, err := s.hold(e.Hold)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Hold: hold.Number, Amount: hold.Amount}
	if hold.State == HoldOpen {
		answer.ExpiresAt = hold.ExpiresAt
	}
	return answer, s.available(&answer, Main)
}

// corrigible returns the transfer that is to be corrected, which may be one of the
// same batch.
func (s *step) corrigible(c Correct) (*Corrigible, bool) {
	id := TransferID{s.request.Portal, c.Book, c.Transfer}
	if known, ok := s.batch.fixable[id]; ok {
		return known, true
	}
	for _, t := range s.batch.transfers { // made in this batch
		if t.ID() == id {
			return &Corrigible{Transfer: t, Corrected: money.FromUnits(0, t.Amount.Currency())}, true
		}
	}
	return nil, false
}

func (c Correct) run(s *step) (Answer, error) {
	if _, err := s.book(c.Book); err != nil {
		return Answer{}, err
	}
	known, ok := s.corrigible(c)
	if !ok {
		return Answer{}, ErrNoTransfer
	}
	wrong := known.Transfer
	if wrong.Corrects != 0 {
		return Answer{}, ErrCorrection
	}
	if wrong.Debit == Transit || wrong.Credit == Transit {
		return Answer{}, ErrPaired
	}
	left, err := wrong.Amount.Sub(known.Corrected)
	if err != nil {
		return Answer{}, err
	}
	amount := partOf(left, c.Amount)
	order, err := amount.Compare(left)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if order > 0 || left.Sign() <= 0 {
		return Answer{}, fmt.Errorf("%w: %s of %s", ErrOverCorrection, amount, left)
	}
	transfer, err := s.post(Posting{
		Book: c.Book, Debit: wrong.Credit, Credit: wrong.Debit, Amount: amount, Type: wrong.Type,
		Service: wrong.Service, Quantity: wrong.Quantity, Participant: c.Participant, Metadata: c.Metadata,
	}, wrong.Number, 0)
	if err != nil {
		return Answer{}, err
	}
	corrected, err := known.Corrected.Add(amount)
	if err != nil {
		return Answer{}, err
	}
	s.corrected = &Corrigible{Transfer: wrong, Corrected: corrected}
	answer := Answer{Amount: amount}
	answer.note(transfer)
	return answer, s.available(&answer, c.Book)
}
