package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Break is the first thing that is wrong with a ledger.
type Break struct {
	Portal string
	// Where names what it was found at: "transfer t42.docspace.io123",
	// "pocket main USD", "hold h7.docspace.io123", "key deposit-1".
	Where string
	// What says what is wrong.
	What string
}

// Error says where and what.
func (b *Break) Error() string {
	return fmt.Sprintf("portal %s: %s: %s", b.Portal, b.Where, b.What)
}

// Sum is what the transfers of one account in one currency add up to: what it
// was credited less what it was debited.
type Sum struct {
	Book    Book
	Account Account
	Amount  money.Amount
}

// Audit re-adds the ledger of one portal. It is given everything there is, book
// by book: the transfers in order, then the holds, then End. What it keeps does
// not grow with the ledger. Every method returns a Break at the first thing that
// is wrong; nothing after that means anything.
type Audit struct {
	portal  string
	books   map[Book]BookState
	pockets map[bookCurrency]*audited
	sums    map[sumKey]*big.Int
	open    map[money.Currency]money.Amount
	holds   int64
	from    int64 // the main book's transfers up to it are taken for granted
	// paired is the sum of a hash for each transfer that completes a hold, less
	// one for each hold that a transfer completes: nought when they agree, however
	// many there are.
	paired big.Int

	last   map[Book]*Transfer
	begun  map[Book]bool // at a later transfer than the first
	sealer map[Book]*Sealer
	seals  map[Book][]Seal // not yet reached, oldest first
}

type bookCurrency struct {
	book     Book
	currency money.Currency
}

type sumKey struct {
	book     Book
	account  Account
	currency money.Currency
}

// audited is a pocket and what its transfers came to so far.
type audited struct {
	pocket  Pocket
	balance money.Amount
}

// NewAudit returns an audit of a portal with these books and pockets.
func NewAudit(portal string, books []BookState, pockets []Pocket) *Audit {
	a := &Audit{
		portal: portal, books: map[Book]BookState{}, pockets: map[bookCurrency]*audited{},
		sums: map[sumKey]*big.Int{}, open: map[money.Currency]money.Amount{},
		last: map[Book]*Transfer{}, begun: map[Book]bool{}, sealer: map[Book]*Sealer{}, seals: map[Book][]Seal{},
	}
	for _, book := range books {
		a.books[book.Book] = book
		a.sealer[book.Book] = &Sealer{}
	}
	for _, pocket := range pockets {
		a.pockets[bookCurrency{pocket.Book, pocket.Currency()}] = &audited{pocket: pocket, balance: money.FromUnits(0, pocket.Currency())}
	}
	return a
}

// Begin makes the audit of a book start after a transfer that is taken for
// granted, with what the book's pockets held then and the seals up to it.
func (a *Audit) Begin(book Book, last Transfer, balances []money.Amount, before [32]byte) {
	a.last[book], a.begun[book] = &last, true
	a.sealer[book] = &Sealer{Before: before}
	if book == Main {
		a.from = last.Number
	}
	for _, balance := range balances {
		if p, ok := a.pockets[bookCurrency{book, balance.Currency()}]; ok {
			p.balance = balance
		} else {
			a.pockets[bookCurrency{book, balance.Currency()}] = &audited{pocket: Pocket{Balance: money.FromUnits(0, balance.Currency())}, balance: balance}
		}
	}
}

// Expect adds a seal that the transfers to come must agree with. Seals are added
// in order, each before the first transfer that it covers.
func (a *Audit) Expect(seal Seal) { a.seals[seal.Book] = append(a.seals[seal.Book], seal) }

func (a *Audit) broken(where, what string, args ...any) error {
	return &Break{Portal: a.portal, Where: where, What: fmt.Sprintf(what, args...)}
}

// Transfer takes the next transfer of its book.
func (a *Audit) Transfer(t *Transfer) error {
	where := "transfer " + t.ID().String()
	last := a.last[t.Book]
	expected := int64(1)
	if last != nil {
		expected = last.Number + 1
	}
	posting := Posting{Book: t.Book, Debit: t.Debit, Credit: t.Credit, Amount: t.Amount, Type: t.Type, Quantity: t.Quantity}
	p := a.pockets[bookCurrency{t.Book, t.Amount.Currency()}]
	switch {
	case t.Portal != a.portal:
		return a.broken(where, "it is in the ledger of another portal")
	case t.Number != expected:
		return a.broken(where, "the book has no transfer number %d", expected)
	case posting.Check() != nil:
		return a.broken(where, "%v", posting.Check())
	case last != nil && t.At.Before(last.At):
		return a.broken(where, "it is from %s, before the transfer in front of it", t.At.Format(time.RFC3339Nano))
	case p == nil:
		return a.broken(where, "there is no pocket in %s", t.Amount.Currency())
	case t.Corrects < 0 || t.Hold < 0 || t.Hold != 0 && t.Book != Main || t.Key == "":
		return a.broken(where, "it corrects number %d, completes hold %d, by key %q", t.Corrects, t.Hold, t.Key)
	case t.Corrects != 0 && t.Corrects >= t.Number:
		return a.broken(where, "it corrects number %d, which comes later", t.Corrects)
	}
	moved := t.Amount
	if !t.In() {
		moved = moved.Neg()
	}
	balance, err := p.balance.Add(moved)
	if err != nil || balance != t.Balance {
		return a.broken(where, "it moves %s %s from %s, which makes no %s", t.Amount, direction(t), p.balance, t.Balance)
	}
	p.balance = balance
	a.add(t.Book, t.Debit, t.Amount.Neg())
	a.add(t.Book, t.Credit, t.Amount)
	if t.Hold != 0 {
		a.pair(1, t.Hold, t.Number, t.Amount)
	}
	kept := *t
	a.last[t.Book] = &kept
	return a.seal(t)
}

func direction(t *Transfer) string {
	if t.In() {
		return "into the wallet"
	}
	return "out of the wallet"
}

func (a *Audit) add(book Book, account Account, amount money.Amount) {
	key := sumKey{book, account, amount.Currency()}
	if a.sums[key] == nil {
		a.sums[key] = new(big.Int)
	}
	a.sums[key].Add(a.sums[key], big.NewInt(amount.Units()))
}

// pair takes note of one side of a completed hold; see paired.
func (a *Audit) pair(sign int, hold, transfer int64, amount money.Amount) {
	hash := sha256.Sum256(fmt.Append(nil, hold, transfer, amount))
	n := new(big.Int).SetBytes(hash[:])
	if sign < 0 {
		n.Neg(n)
	}
	a.paired.Add(&a.paired, n)
}

// seal holds the transfer against the seal that covers it.
func (a *Audit) seal(t *Transfer) error {
	if len(a.seals[t.Book]) == 0 {
		return nil // not sealed yet
	}
	seal, sealer := &a.seals[t.Book][0], a.sealer[t.Book]
	where := fmt.Sprintf("seal of %s %d to %d", t.Book, seal.First, seal.Last)
	if sealer.Len() == 0 && t.Number != seal.First {
		return a.broken(where, "it does not begin at number %d", t.Number)
	}
	sealer.Add(t)
	at := (sealer.Len() - 1) * markSize
	if len(seal.Marks) < at+markSize || !bytes.Equal(seal.Marks[at:at+markSize], sealer.marks[at:]) {
		return a.broken("transfer "+t.ID().String(), "it is not what was sealed")
	}
	if t.Number < seal.Last {
		return nil
	}
	made, err := sealer.Seal(t.Portal, t.Book, seal.At)
	if err != nil {
		return err
	}
	if made.Hash != seal.Hash || made.Last != seal.Last || len(made.Marks) != len(seal.Marks) || made.Portal != seal.Portal {
		return a.broken(where, "its hash is not that of its transfers and the seal before")
	}
	a.seals[t.Book] = a.seals[t.Book][1:]
	return nil
}

// Hold takes the next hold, in the order of their numbers.
func (a *Audit) Hold(h *Hold) error {
	where := "hold " + h.ID().String()
	a.holds++
	if h.Number != a.holds {
		return a.broken(where, "there is no hold number %d", a.holds)
	}
	order, err := h.Posted.Compare(h.Amount)
	switch {
	case h.Portal != a.portal:
		return a.broken(where, "it is in the ledger of another portal")
	case h.State != HoldOpen && h.State != HoldCompleted && h.State != HoldVoided && h.State != HoldExpired:
		return a.broken(where, "it is %q", h.State)
	case err != nil || order > 0 || h.Posted.Sign() < 0 || h.Amount.Sign() <= 0:
		return a.broken(where, "%s was posted of %s", h.Posted, h.Amount)
	case (h.State == HoldCompleted) != (h.Transfer != 0) || (h.State == HoldCompleted) != (h.Posted.Sign() > 0):
		return a.broken(where, "it is %s, with transfer %d of %s", h.State, h.Transfer, h.Posted)
	case (h.State == HoldOpen) != h.ClosedAt.IsZero():
		return a.broken(where, "it is %s, and closed at %s", h.State, h.ClosedAt)
	}
	if h.State == HoldCompleted && !h.ClosedAt.Before(h.ExpiresAt) || h.State == HoldExpired && h.ClosedAt.Before(h.ExpiresAt) ||
		!h.ClosedAt.IsZero() && h.ClosedAt.Before(h.OpenedAt) || later(h.OpenedAt, h.ClosedAt).After(a.books[Main].LastAt) {
		return a.broken(where, "opened at %s, to %s, it is %s since %s", h.OpenedAt, h.ExpiresAt, h.State, h.ClosedAt)
	}
	if h.State == HoldCompleted && h.Transfer > a.from {
		a.pair(-1, h.Number, h.Transfer, h.Posted)
	}
	if h.State != HoldOpen {
		return nil
	}
	if err := addTo(a.open, h.Amount); err != nil {
		return a.broken(where, "%v", err)
	}
	return nil
}

// End holds what everything came to against what is stored.
func (a *Audit) End() error {
	for _, book := range Books() {
		last := int64(0)
		if t := a.last[book]; t != nil {
			last = t.Number
		}
		if state := a.books[book]; state.Last != last {
			return a.broken("book "+string(book), "its last transfer is number %d, and not %d as it says", last, state.Last)
		}
		if t := a.last[book]; t != nil && t.At.After(a.books[book].LastAt) {
			return a.broken("book "+string(book), "it got to %s, and says %s", t.At, a.books[book].LastAt)
		}
		if len(a.seals[book]) > 0 {
			seal := a.seals[book][0]
			return a.broken(fmt.Sprintf("seal of %s %d to %d", book, seal.First, seal.Last), "its transfers are not all there")
		}
	}
	if state := a.books[Main]; state.LastHold != a.holds {
		return a.broken("book main", "its last hold is number %d, and not %d as it says", a.holds, state.LastHold)
	}
	for book, seals := range a.seals {
		if len(seals) > 0 && book != Main && book != AI {
			return a.broken(fmt.Sprintf("seal of %s %d to %d", book, seals[0].First, seals[0].Last), "there is no such book")
		}
	}
	if a.paired.Sign() != 0 {
		return a.broken("book main", "its completed holds and the transfers that complete them do not agree")
	}
	return a.endPockets()
}

func (a *Audit) endPockets() error {
	for key, p := range a.pockets {
		where := fmt.Sprintf("pocket %s %s", key.book, key.currency)
		if p.balance != p.pocket.Balance {
			return a.broken(where, "its transfers come to %s, and it says %s", p.balance, p.pocket.Balance)
		}
		held := money.FromUnits(0, key.currency)
		if sum, ok := a.open[key.currency]; ok && key.book == Main {
			held = sum
		}
		if held != p.pocket.Held {
			return a.broken(where, "its open holds come to %s, and it says %s", held, p.pocket.Held)
		}
	}
	for currency := range a.open {
		if _, ok := a.pockets[bookCurrency{Main, currency}]; ok {
			continue
		}
		return a.broken("pocket main "+string(currency), "there are open holds in it, and no such pocket")
	}
	if a.begun[Main] || a.begun[AI] {
		return nil // the sums are of a part only
	}
	return a.endSums()
}

// endSums checks what holds of the sums over all accounts.
func (a *Audit) endSums() error {
	total, transit := map[money.Currency]*big.Int{}, map[money.Currency]*big.Int{}
	for key, sum := range a.sums {
		if total[key.currency] == nil {
			total[key.currency], transit[key.currency] = new(big.Int), new(big.Int)
		}
		total[key.currency].Add(total[key.currency], sum)
		if key.account == Transit {
			transit[key.currency].Add(transit[key.currency], sum)
		}
	}
	for currency, sum := range total {
		if sum.Sign() != 0 {
			return a.broken("sum of "+string(currency), "all accounts come to %s", sum)
		}
	}
	for currency, sum := range transit {
		if sum.Sign() != 0 {
			return a.broken("account transit", "%s of %s are between the books", sum, currency)
		}
	}
	return nil
}

// addTo adds an amount to the sum of its currency.
func addTo(sums map[money.Currency]money.Amount, amount money.Amount) (err error) {
	sum, ok := sums[amount.Currency()]
	if !ok {
		sum = money.FromUnits(0, amount.Currency())
	}
	sums[amount.Currency()], err = sum.Add(amount)
	return err
}

// Sums returns what each account came to, in a fixed order. One that comes to
// more than an amount can be is left out.
func (a *Audit) Sums() []Sum {
	all := make([]Sum, 0, len(a.sums))
	for key, units := range a.sums {
		if units.IsInt64() {
			all = append(all, Sum{key.book, key.account, money.FromUnits(units.Int64(), key.currency)})
		}
	}
	return SortSums(all)
}

// SortSums sorts by book, account and currency, in place.
func SortSums(all []Sum) []Sum {
	slices.SortFunc(all, func(x, y Sum) int {
		return cmp.Or(cmp.Compare(x.Book, y.Book), cmp.Compare(x.Account, y.Account),
			cmp.Compare(x.Amount.Currency(), y.Amount.Currency()))
	})
	return all
}
