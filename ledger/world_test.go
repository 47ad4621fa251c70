package ledger

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

// world is a database in memory: what a store would keep.
type world struct {
	books     map[bookKey]BookState
	pockets   map[bookKey][]Pocket // by position
	holds     map[string][]Hold    // by number
	transfers map[bookKey][]Transfer
	done      map[doneKey]Done
}

// newWorld returns one with both books of these portals.
func newWorld(portals ...string) *world {
	w := &world{
		books: map[bookKey]BookState{}, pockets: map[bookKey][]Pocket{}, holds: map[string][]Hold{},
		transfers: map[bookKey][]Transfer{}, done: map[doneKey]Done{},
	}
	for _, portal := range portals {
		for _, book := range Books() {
			w.books[bookKey{portal, book}] = BookState{Portal: portal, Book: book}
		}
	}
	return w
}

// clone returns a deep copy.
func (w *world) clone() *world {
	return &world{
		books: maps.Clone(w.books), pockets: cloneLists(w.pockets), holds: cloneLists(w.holds),
		transfers: cloneLists(w.transfers), done: maps.Clone(w.done),
	}
}

func cloneLists[K comparable, T any](lists map[K][]T) map[K][]T {
	all := make(map[K][]T, len(lists))
	for key, list := range lists {
		all[key] = slices.Clone(list)
	}
	return all
}

// load makes a batch of what the requests need, as a store would.
func (w *world) load(now time.Time, requests []Request) *Batch {
	b, needs := NewBatch(now), NeedsOf(requests)
	latest := map[string]time.Time{} // how far time can get in a portal
	for _, need := range needs.Books {
		if book, ok := w.books[bookKey{need.Portal, need.Book}]; ok {
			latest[need.Portal] = later(later(latest[need.Portal], now), book.LastAt)
		}
	}
	for _, need := range needs.Books {
		key := bookKey{need.Portal, need.Book}
		book, ok := w.books[key]
		if !ok {
			continue
		}
		b.AddBook(book)
		for _, pocket := range w.pockets[key] {
			b.AddPocket(pocket)
		}
		if need.Book != Main {
			continue
		}
		for _, hold := range w.holds[need.Portal] {
			if hold.State == HoldOpen && !hold.ExpiresAt.After(latest[need.Portal]) {
				b.AddHold(hold)
			}
		}
	}
	for _, id := range needs.Holds {
		if holds := w.holds[id.Portal]; id.Number >= 1 && id.Number <= int64(len(holds)) {
			b.AddHold(holds[id.Number-1])
		}
	}
	for _, id := range needs.Transfers {
		transfers := w.transfers[bookKey{id.Portal, id.Book}]
		if id.Number >= 1 && id.Number <= int64(len(transfers)) {
			t := transfers[id.Number-1]
			b.AddCorrigible(Corrigible{Transfer: t, Corrected: w.corrected(&t)})
		}
	}
	for _, need := range needs.Keys {
		if done, ok := w.done[doneKey{need.Portal, need.Key}]; ok {
			b.AddDone(done)
		}
	}
	return b
}

// corrected is what all corrections of a transfer come to.
func (w *world) corrected(wrong *Transfer) money.Amount {
	var units int64
	for _, t := range w.transfers[bookKey{wrong.Portal, wrong.Book}] {
		if t.Corrects == wrong.Number {
			units += t.Amount.Units()
		}
	}
	return money.FromUnits(units, wrong.Amount.Currency())
}

// write applies effects the way a strict database would: what is new must not be
// there, what is changed must be what it was, and numbers have no gaps.
func (w *world) write(e Effects) error {
	if len(e.Books) != len(e.Was.Books) || len(e.Pockets) != len(e.Was.Pockets) || len(e.Holds) != len(e.Was.Holds) {
		return fmt.Errorf("changes are not what was: %v", e)
	}
	for i, book := range e.Books {
		if was, ok := w.books[bookKey{book.Portal, book.Book}]; !ok || was != e.Was.Books[i] {
			return fmt.Errorf("update of book %v, which was %v, not %v", book, was, e.Was.Books[i])
		}
		w.books[bookKey{book.Portal, book.Book}] = book
	}
	for _, p := range e.NewPockets {
		key := bookKey{p.Portal, p.Book}
		if w.pocket(key, p.Currency()) != nil || p.Position != int64(len(w.pockets[key])) {
			return fmt.Errorf("new pocket %v is not new, or not next", p)
		}
		w.pockets[key] = append(w.pockets[key], p)
	}
	for i, p := range e.Pockets {
		old := w.pocket(bookKey{p.Portal, p.Book}, p.Currency())
		if old == nil || *old != e.Was.Pockets[i] {
			return fmt.Errorf("update of pocket %v, which was %v, not %v", p, old, e.Was.Pockets[i])
		}
		*old = p
	}
	for _, h := range e.NewHolds {
		if h.Number != int64(len(w.holds[h.Portal]))+1 {
			return fmt.Errorf("new hold %v is not next", h)
		}
		w.holds[h.Portal] = append(w.holds[h.Portal], h)
	}
	for i, h := range e.Holds {
		if h.Number < 1 || h.Number > int64(len(w.holds[h.Portal])) || w.holds[h.Portal][h.Number-1] != e.Was.Holds[i] {
			return fmt.Errorf("update of hold %v, which was not %v", h, e.Was.Holds[i])
		}
		w.holds[h.Portal][h.Number-1] = h
	}
	for _, t := range e.Transfers {
		key := bookKey{t.Portal, t.Book}
		if t.Number != int64(len(w.transfers[key]))+1 {
			return fmt.Errorf("new transfer %v is not next", t)
		}
		w.transfers[key] = append(w.transfers[key], t)
	}
	for _, d := range e.Done {
		if _, ok := w.done[doneKey{d.Portal, d.Key}]; ok {
			return fmt.Errorf("key %q is taken", d.Key)
		}
		w.done[doneKey{d.Portal, d.Key}] = d
	}
	return nil
}

func (w *world) pocket(key bookKey, currency money.Currency) *Pocket {
	for i := range w.pockets[key] {
		if w.pockets[key][i].Currency() == currency {
			return &w.pockets[key][i]
		}
	}
	return nil
}

// errAny stands for a refusal whose error is nobody's business.
var errAny = errors.New("any")

// spec is README.md once more, as one would write it who needs no speed: it
// carries a request out on the whole world, or returns every error that would be
// a right refusal. It shares no code with what it is held against.
func (w *world) spec(now time.Time, r Request) (_ *world, answer Answer, replay bool, faults []error) {
	if len(r.Key) == 0 || len(r.Key) > 255 {
		return w, Answer{}, false, []error{ErrRequest}
	}
	if done, ok := w.done[doneKey{r.Portal, r.Key}]; ok {
		if done.Input != r.Input {
			return w, Answer{}, false, []error{ErrMismatch}
		}
		return w, done.Answer, true, nil
	}
	s := &specStep{w: w.clone(), portal: r.Portal, key: r.Key, at: now.UTC().Truncate(time.Microsecond)}
	switch do := r.Do.(type) {
	case Post:
		s.posts(do)
	case Reserve:
		s.reserve(do)
	case Extend:
		if h := s.open(do.Hold); h != nil {
			s.need(do.For > 0, ErrRequest)
			h.ExpiresAt = h.ExpiresAt.Add(do.For).Truncate(time.Microsecond)
			s.about(h)
		}
	case Complete:
		s.complete(do)
	case Void:
		if h := s.open(do.Hold); h != nil {
			h.State, h.ClosedAt = HoldVoided, s.at
			s.about(h)
		}
	case Expire:
		if s.touch(Main) {
			if h := s.hold(do.Hold); h != nil {
				s.about(h)
			}
		}
	case Correct:
		s.correct(do)
	}
	if len(s.faults) > 0 {
		return w, Answer{}, false, s.faults
	}
	// Held is the open holds, wherever they were opened or closed.
	for _, book := range Books() {
		for i := range s.w.pockets[bookKey{r.Portal, book}] {
			p := &s.w.pockets[bookKey{r.Portal, book}][i]
			p.Held = money.FromUnits(s.held(book, p.Currency()).Int64(), p.Currency())
			if book == s.book && p.Currency() == s.answer.Amount.Currency() {
				s.answer.Available = money.FromUnits(p.Balance.Units()-p.Held.Units(), p.Currency())
			}
		}
	}
	s.answer.At = s.at
	s.w.done[doneKey{r.Portal, r.Key}] = Done{Portal: r.Portal, Key: r.Key, Input: r.Input, Answer: s.answer}
	return s.w, s.answer, false, nil
}

type specStep struct {
	w           *world
	portal, key string
	at          time.Time
	book        Book // whose pocket the answer is about
	answer      Answer
	faults      []error
}

func (s *specStep) need(ok bool, fault error) bool {
	if !ok {
		s.faults = append(s.faults, fault)
	}
	return ok
}

// touch settles the moment of the step, and ends the holds that are over by it.
func (s *specStep) touch(books ...Book) bool {
	for _, book := range books {
		state, ok := s.w.books[bookKey{s.portal, book}]
		if !s.need(ok, ErrNoPortal) {
			return false
		}
		if state.LastAt.After(s.at) {
			s.at = state.LastAt
		}
	}
	s.book = books[0]
	for _, book := range books {
		key := bookKey{s.portal, book}
		state := s.w.books[key]
		state.LastAt = s.at
		s.w.books[key] = state
		if book != Main {
			continue
		}
		for i := range s.w.holds[s.portal] {
			h := &s.w.holds[s.portal][i]
			if h.State == HoldOpen && !s.at.Before(h.ExpiresAt) {
				h.State, h.ClosedAt = HoldExpired, s.at
			}
		}
	}
	return true
}

func (s *specStep) held(book Book, currency money.Currency) *big.Int {
	sum := new(big.Int)
	for _, h := range s.w.holds[s.portal] {
		if book == Main && h.State == HoldOpen && h.Amount.Currency() == currency {
			sum.Add(sum, big.NewInt(h.Amount.Units()))
		}
	}
	return sum
}

func fits(n *big.Int) bool { return n.CmpAbs(big.NewInt(math.MaxInt64)) <= 0 }

// mine returns the pocket, made when there is none.
func (s *specStep) mine(book Book, currency money.Currency) *Pocket {
	key := bookKey{s.portal, book}
	if p := s.w.pocket(key, currency); p != nil {
		return p
	}
	nought := money.FromUnits(0, currency)
	s.w.pockets[key] = append(s.w.pockets[key], Pocket{
		Portal: s.portal, Book: book, Position: int64(len(s.w.pockets[key])), Balance: nought, Held: nought, CreditLimit: nought,
	})
	return s.w.pocket(key, currency)
}

// covered says that an amount is available, by the credit limit too.
func (s *specStep) covered(p *Pocket, amount money.Amount) bool {
	sum := big.NewInt(p.Balance.Units())
	sum.Sub(sum, s.held(p.Book, p.Currency()))
	sum.Add(sum, big.NewInt(p.CreditLimit.Units()))
	return s.need(sum.Cmp(big.NewInt(amount.Units())) >= 0, ErrInsufficient)
}

func wellFormed(a money.Amount) bool {
	c := a.Currency()
	return a.Units() > 0 && len(c) == 3 && min(c[0], c[1], c[2]) >= 'A' && max(c[0], c[1], c[2]) <= 'Z'
}

func accountOK(a Account) bool {
	known := []Account{"wallet", "revenue", "goodwill", "refund", "opening", "transit"}
	return slices.Contains(known, a) || len(a) > len("provider.") && a[:len("provider.")] == "provider."
}

func (s *specStep) posts(all Post) {
	var books []Book
	transit := map[money.Currency]*big.Int{}
	for _, p := range all {
		s.need(!slices.Contains(books, p.Book) && (p.Book == "main" || p.Book == "ai"), ErrRequest)
		books = append(books, p.Book)
		s.need(wellFormed(p.Amount) && (p.Debit == "wallet") != (p.Credit == "wallet") &&
			accountOK(p.Debit) && accountOK(p.Credit) && p.Type >= 0 && p.Type <= 19 && p.Quantity >= 0, ErrRequest)
		sum := transit[p.Amount.Currency()]
		if sum == nil {
			sum = new(big.Int)
			transit[p.Amount.Currency()] = sum
		}
		if p.Debit == "transit" {
			sum.Sub(sum, big.NewInt(p.Amount.Units()))
		} else if p.Credit == "transit" {
			sum.Add(sum, big.NewInt(p.Amount.Units()))
		}
	}
	for _, sum := range transit {
		s.need(sum.Sign() == 0, errAny)
	}
	if !s.need(len(all) > 0, ErrRequest) || !s.touch(books...) || len(s.faults) > 0 {
		return
	}
	s.answer.Amount = all[0].Amount
	for _, p := range all {
		number := s.post(p, 0, 0)
		if p.Book == "ai" {
			s.answer.AI = number
		} else {
			s.answer.Main = number
		}
	}
}

func (s *specStep) post(posting Posting, corrects, hold int64) int64 {
	p := s.mine(posting.Book, posting.Amount.Currency())
	balance := big.NewInt(p.Balance.Units())
	if posting.Credit == "wallet" {
		balance.Add(balance, big.NewInt(posting.Amount.Units()))
	} else {
		if hold == 0 {
			s.covered(p, posting.Amount)
		}
		balance.Sub(balance, big.NewInt(posting.Amount.Units()))
	}
	s.need(fits(balance), money.ErrRange)
	p.Balance = money.FromUnits(balance.Int64(), p.Currency())
	if posting.Type == Deposit && posting.Credit == "wallet" && corrects == 0 {
		p.Credited, p.CreditedAt = posting.Amount, s.at
	}
	key := bookKey{s.portal, posting.Book}
	book := s.w.books[key]
	book.Last++
	s.w.books[key] = book
	s.w.transfers[key] = append(s.w.transfers[key], Transfer{
		Portal: s.portal, Book: posting.Book, Number: book.Last, At: s.at, Type: posting.Type, Debit: posting.Debit,
		Credit: posting.Credit, Amount: posting.Amount, Balance: p.Balance, Key: s.key, Service: posting.Service,
		Quantity: posting.Quantity, Participant: posting.Participant, Metadata: posting.Metadata, Corrects: corrects, Hold: hold,
	})
	return book.Last
}

func (s *specStep) reserve(r Reserve) {
	if !s.need(wellFormed(r.Amount) && r.For > 0 && r.Quantity >= 0, ErrRequest) || !s.touch(Main) {
		return
	}
	p := s.mine(Main, r.Amount.Currency())
	s.covered(p, r.Amount)
	held := s.held(Main, r.Amount.Currency())
	s.need(fits(held.Add(held, big.NewInt(r.Amount.Units()))), money.ErrRange)
	book := s.w.books[bookKey{s.portal, Main}]
	book.LastHold++
	s.w.books[bookKey{s.portal, Main}] = book
	s.w.holds[s.portal] = append(s.w.holds[s.portal], Hold{
		Portal: s.portal, Number: book.LastHold, State: "open", Amount: r.Amount, Posted: money.FromUnits(0, r.Amount.Currency()),
		Key: s.key, Service: r.Service, Quantity: r.Quantity, Participant: r.Participant, Metadata: r.Metadata,
		OpenedAt: s.at, ExpiresAt: s.at.Add(r.For),
	})
	s.about(s.hold(book.LastHold))
}

func (s *specStep) hold(number int64) *Hold {
	if !s.need(number >= 1 && number <= int64(len(s.w.holds[s.portal])), ErrNoHold) {
		return nil
	}
	return &s.w.holds[s.portal][number-1]
}

func (s *specStep) open(number int64) *Hold {
	if !s.touch(Main) {
		return nil
	}
	h := s.hold(number)
	if h == nil || !s.need(h.State == "open", ErrHoldClosed) {
		return nil
	}
	return h
}

func (s *specStep) about(h *Hold) {
	s.answer.Hold, s.answer.Amount = h.Number, h.Amount
	if h.State == "open" {
		s.answer.ExpiresAt = h.ExpiresAt
	}
}

func (s *specStep) complete(c Complete) {
	h := s.open(c.Hold)
	if h == nil {
		return
	}
	amount := c.Amount
	if amount == (money.Amount{}) {
		amount = h.Amount
	} else if amount.Currency() == "" {
		amount = money.FromUnits(amount.Units(), h.Amount.Currency())
	}
	s.need(amount.Units() > 0 && amount.Currency() == h.Amount.Currency() && c.Quantity >= 0, ErrRequest)
	s.need(amount.Units() <= h.Amount.Units(), ErrOverHold)
	if len(s.faults) > 0 {
		return
	}
	p := Posting{Main, "wallet", "revenue", amount, 1, h.Service, h.Quantity, h.Participant, h.Metadata}
	if c.Quantity > 0 {
		p.Quantity = c.Quantity
	}
	if c.Participant != "" {
		p.Participant = c.Participant
	}
	if c.Metadata != "" {
		p.Metadata = c.Metadata
	}
	h.State, h.ClosedAt, h.Posted = "completed", s.at, amount
	h.Transfer = s.post(p, 0, h.Number)
	s.about(h)
	s.answer.Amount, s.answer.Main = amount, h.Transfer
}

func (s *specStep) correct(c Correct) {
	if !s.touch(c.Book) {
		return
	}
	transfers := s.w.transfers[bookKey{s.portal, c.Book}]
	if !s.need(c.Transfer >= 1 && c.Transfer <= int64(len(transfers)), ErrNoTransfer) {
		return
	}
	wrong := transfers[c.Transfer-1]
	left := wrong.Amount.Units() - s.w.corrected(&wrong).Units()
	amount := c.Amount
	if amount == (money.Amount{}) {
		amount = money.FromUnits(left, wrong.Amount.Currency())
	} else {
		if amount.Currency() == "" {
			amount = money.FromUnits(amount.Units(), wrong.Amount.Currency())
		}
		s.need(amount.Units() > 0 && amount.Currency() == wrong.Amount.Currency(), ErrRequest)
	}
	s.need(wrong.Corrects == 0, ErrCorrection)
	// One book alone can't take back what is on the way between both.
	s.need(wrong.Debit != "transit" && wrong.Credit != "transit", errAny)
	s.need(left > 0 && amount.Units() <= left, ErrOverCorrection)
	if len(s.faults) > 0 {
		return
	}
	number := s.post(Posting{
		c.Book, wrong.Credit, wrong.Debit, amount, wrong.Type, wrong.Service, wrong.Quantity, c.Participant, c.Metadata,
	}, wrong.Number, 0)
	s.answer.Amount = amount
	if c.Book == "ai" {
		s.answer.AI = number
	} else {
		s.answer.Main = number
	}
}

// laws returns the first of README.md's laws that the world breaks, or that the
// step from before to it has broken. It re-adds everything from the transfers
// and holds, in big.Int.
func (w *world) laws(before *world) error {
	transit := map[doneKey]*big.Int{} // by portal and currency
	for key, transfers := range w.transfers {
		if err := w.lawsOfTransfers(key, transfers, transit); err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
		if old := before.transfers[key]; len(transfers) < len(old) || !slices.Equal(old, transfers[:len(old)]) {
			return fmt.Errorf("law 5: a transfer of %v was edited", key)
		}
	}
	for key, sum := range transit {
		if sum.Sign() != 0 {
			return fmt.Errorf("law 1: %v is on the way between the books of %v", sum, key)
		}
	}
	if err := w.lawsOfPockets(before); err != nil {
		return err
	}
	if err := w.lawsOfHolds(before); err != nil {
		return err
	}
	for key, done := range before.done {
		if w.done[key] != done {
			return fmt.Errorf("law 6: what was done under %v has changed", key)
		}
	}
	for key, transfers := range w.transfers {
		causes := map[string]bool{}
		for _, t := range transfers {
			done, ok := w.done[doneKey{key.portal, t.Key}]
			if !ok || causes[t.Key] || !done.Answer.At.Equal(t.At) || (key.book == Main && done.Answer.Main != t.Number) ||
				(key.book == AI && done.Answer.AI != t.Number) {
				return fmt.Errorf("law 6: transfer %v and the answer of its key %v disagree", t, done)
			}
			causes[t.Key] = true
		}
	}
	return nil
}

func (w *world) lawsOfTransfers(key bookKey, transfers []Transfer, transit map[doneKey]*big.Int) error {
	balances := map[money.Currency]*big.Int{}
	corrected := map[int64]*big.Int{}
	var at time.Time
	for i, t := range transfers {
		currency := t.Amount.Currency()
		amount := big.NewInt(t.Amount.Units())
		if balances[currency] == nil {
			balances[currency] = new(big.Int)
		}
		switch {
		case t.Amount.Units() <= 0 || (t.Debit == Wallet) == (t.Credit == Wallet):
			return fmt.Errorf("law 1: %v", t)
		case t.Number != int64(i)+1 || t.At.Before(at) || t.Portal != key.portal || t.Book != key.book:
			return fmt.Errorf("law 5: %v comes after %d, %s", t, i, at)
		case t.At != t.At.Truncate(time.Microsecond):
			return fmt.Errorf("law 9: %v is at no whole microsecond", t)
		}
		at = t.At
		if way := (doneKey{key.portal, string(currency)}); t.Debit == Transit || t.Credit == Transit {
			if transit[way] == nil {
				transit[way] = new(big.Int)
			}
			if t.Debit == Transit {
				transit[way].Sub(transit[way], amount)
			} else {
				transit[way].Add(transit[way], amount)
			}
		}
		if t.Credit == Wallet {
			balances[currency].Add(balances[currency], amount)
		} else {
			balances[currency].Sub(balances[currency], amount)
		}
		if !fits(balances[currency]) || t.Balance != money.FromUnits(balances[currency].Int64(), currency) {
			return fmt.Errorf("law 2: %v, and the wallet has %v", t, balances[currency])
		}
		if t.Corrects == 0 {
			continue
		}
		if t.Corrects < 1 || t.Corrects >= t.Number {
			return fmt.Errorf("law 5: %v corrects the future", t)
		}
		wrong := transfers[t.Corrects-1]
		if corrected[wrong.Number] == nil {
			corrected[wrong.Number] = new(big.Int)
		}
		sum := corrected[wrong.Number]
		sum.Add(sum, amount)
		if wrong.Corrects != 0 || wrong.Debit != t.Credit || wrong.Credit != t.Debit || wrong.Type != t.Type ||
			wrong.Amount.Currency() != currency || sum.Cmp(big.NewInt(wrong.Amount.Units())) > 0 {
			return fmt.Errorf("law 5: %v is no correction of %v", t, wrong)
		}
	}
	state := w.books[key]
	if state.Last != int64(len(transfers)) || at.After(state.LastAt) {
		return fmt.Errorf("law 5: the book says %v", state)
	}
	for _, p := range w.pockets[key] {
		balance := balances[p.Currency()]
		if balance == nil {
			balance = new(big.Int)
		}
		if balance.Cmp(big.NewInt(p.Balance.Units())) != 0 {
			return fmt.Errorf("law 2: its transfers come to %v, pocket %v", balance, p)
		}
		delete(balances, p.Currency())
	}
	if len(balances) > 0 {
		return fmt.Errorf("law 2: no pockets for %v", balances)
	}
	return nil
}

func (w *world) lawsOfPockets(before *world) error {
	for key, pockets := range w.pockets {
		for _, p := range pockets {
			held := (&specStep{w: w, portal: key.portal}).held(key.book, p.Currency())
			if held.Cmp(big.NewInt(p.Held.Units())) != 0 || held.Sign() < 0 {
				return fmt.Errorf("law 3: %v is held, pocket %v", held, p)
			}
			available := new(big.Int).Sub(big.NewInt(p.Balance.Units()), held)
			if !fits(available) {
				return fmt.Errorf("law 9: available is %v, pocket %v", available, p)
			}
			had := new(big.Int)
			if old := before.pocket(key, p.Currency()); old != nil {
				had.Sub(big.NewInt(old.Balance.Units()), big.NewInt(old.Held.Units()))
			}
			if available.Cmp(had) < 0 && available.Cmp(big.NewInt(-p.CreditLimit.Units())) < 0 {
				return fmt.Errorf("law 4: available went from %v to %v, pocket %v", had, available, p)
			}
		}
	}
	return nil
}

func (w *world) lawsOfHolds(before *world) error {
	for portal, holds := range w.holds {
		completes := map[int64]Transfer{}
		for _, t := range w.transfers[bookKey{portal, Main}] {
			if t.Hold == 0 {
				continue
			}
			if _, twice := completes[t.Hold]; twice || t.Hold < 1 || t.Hold > int64(len(holds)) {
				return fmt.Errorf("law 7: %v completes a hold again, or none", t)
			}
			completes[t.Hold] = t
		}
		if w.books[bookKey{portal, Main}].LastHold != int64(len(holds)) {
			return fmt.Errorf("law 5: there are %d holds, and the book says %v", len(holds), w.books[bookKey{portal, Main}])
		}
		for i, h := range holds {
			if i < len(before.holds[portal]) {
				if old := before.holds[portal][i]; old.State != HoldOpen && old != h {
					return fmt.Errorf("law 7: %v ended again: %v", old, h)
				}
			}
			t, posted := completes[h.Number]
			ok := h.Number == int64(i)+1 && h.Portal == portal && h.Amount.Sign() > 0 && h.Amount.Currency() == h.Posted.Currency() &&
				posted == (h.State == HoldCompleted) && h.Transfer == t.Number && (h.State == HoldOpen) == h.ClosedAt.IsZero()
			if posted {
				ok = ok && t.Amount == h.Posted && h.Posted.Units() <= h.Amount.Units() && h.ClosedAt.Before(h.ExpiresAt) && t.At.Equal(h.ClosedAt)
			} else {
				ok = ok && h.Posted.Units() == 0
			}
			if h.State == HoldExpired {
				ok = ok && !h.ClosedAt.Before(h.ExpiresAt)
			}
			if !ok {
				return fmt.Errorf("law 7: %+v, completed by %+v", h, t)
			}
		}
	}
	return nil
}

// audit feeds everything there is of a portal to an Audit.
func (w *world) audit(portal string, seals ...Seal) error {
	var books []BookState
	var pockets []Pocket
	for _, book := range Books() {
		if state, ok := w.books[bookKey{portal, book}]; ok {
			books = append(books, state)
		}
		pockets = append(pockets, w.pockets[bookKey{portal, book}]...)
	}
	a := NewAudit(portal, books, pockets)
	for _, seal := range seals {
		a.Expect(seal)
	}
	for _, book := range Books() {
		for _, t := range w.transfers[bookKey{portal, book}] {
			if err := a.Transfer(&t); err != nil {
				return err
			}
		}
	}
	for _, h := range w.holds[portal] {
		if err := a.Hold(&h); err != nil {
			return err
		}
	}
	return a.End()
}

// seal seals a portal's books, so many transfers at a time; the rest stays open.
func (w *world) seal(portal string, size int) ([]Seal, error) {
	var seals []Seal
	for _, book := range Books() {
		var s Sealer
		for _, t := range w.transfers[bookKey{portal, book}] {
			s.Add(&t)
			if s.Len() < size {
				continue
			}
			seal, err := s.Seal(portal, book, t.At)
			if err != nil {
				return nil, err
			}
			seals = append(seals, seal)
		}
	}
	return seals, nil
}
