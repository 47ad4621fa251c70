package ledger

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bursarhq/bursar/money"
)

// randomLedger returns a good ledger of the portal "p1", with something of
// everything in it, and the seals of the larger part of its transfers.
func randomLedger(t *testing.T, seed uint64) (*world, []Seal) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHistory(random.IntN)
	for range 120 {
		h.batch(t)
	}
	seals, err := h.world.seal("p1", 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.world.audit("p1", seals...); err != nil {
		t.Fatalf("seed %d: a good ledger is refused: %v", seed, err)
	}
	return h.world, seals
}

// tampering changes something of a copy of a good ledger, and says at what that
// may be found; ok is whether there was something to change.
type tampering struct {
	name   string
	change func(w *world, seals *[]Seal, i int) (wheres []string, ok bool)
}

// anywhere is found, no matter at what.
var anywhere = []string{""}

func TestAuditFindsTampering(t *testing.T) {
	var all []tampering
	all = append(all, transferTamperings()...)
	all = append(all, holdTamperings()...)
	all = append(all, restTamperings()...)
	applied := map[string]int{}
	for seed := range uint64(3) {
		good, seals := randomLedger(t, seed)
		for _, tt := range all {
			for i := range 1000 {
				w, kept := good.clone(), slices.Clone(seals)
				wheres, ok := tt.change(w, &kept, i)
				if wheres == nil {
					break // there is no such one
				}
				if !ok {
					continue
				}
				applied[tt.name]++
				var found *Break
				if err := w.audit("p1", kept...); !errors.As(err, &found) {
					t.Errorf("seed %d: %s %d: got %v", seed, tt.name, i, err)
				} else if !slices.Equal(wheres, anywhere) && !slices.Contains(wheres, found.Where) || found.Portal != "p1" || found.What == "" {
					t.Errorf("seed %d: %s %d: found %q, want it at one of %q", seed, tt.name, i, found, wheres)
				}
			}
		}
	}
	for _, tt := range all {
		if applied[tt.name] == 0 {
			t.Errorf("%s was never tried", tt.name)
		}
	}
}

// each applies a change to every transfer, or every one that was sealed.
func each(name string, sealed bool, change func(*Transfer) bool) tampering {
	return tampering{name, func(w *world, seals *[]Seal, i int) ([]string, bool) {
		t := pick(w, i)
		if t == nil {
			return nil, false
		}
		before := *t
		covered := slices.ContainsFunc(*seals, func(s Seal) bool { return s.Book == t.Book && s.First <= t.Number && t.Number <= s.Last })
		if sealed && !covered || !change(t) {
			return anywhere, false
		}
		if t.Book != before.Book {
			return anywhere, true
		}
		return []string{"transfer " + before.ID().String(), "transfer " + t.ID().String()}, true
	}}
}

// pick returns the transfer of this number over both books.
func pick(w *world, i int) *Transfer {
	for _, book := range Books() {
		transfers := w.transfers[bookKey{"p1", book}]
		if i < len(transfers) {
			return &transfers[i]
		}
		i -= len(transfers)
	}
	return nil
}

func transferTamperings() []tampering {
	set := func(change func(*Transfer)) func(*Transfer) bool {
		return func(t *Transfer) bool {
			before := *t
			change(t)
			return *t != before
		}
	}
	all := []tampering{
		each("portal", false, set(func(t *Transfer) { t.Portal = "p2.example.com" })),
		each("book", false, set(func(t *Transfer) {
			if t.Book == AI {
				t.Book = Main
			} else {
				t.Book = AI
			}
		})),
		each("no book", false, set(func(t *Transfer) { t.Book = "gold" })),
		each("number up", false, set(func(t *Transfer) { t.Number++ })),
		each("number down", false, set(func(t *Transfer) { t.Number-- })),
		each("time long ago", false, func(t *Transfer) bool { t.At = time.Unix(0, 0).UTC(); return t.Number > 1 }),
		each("time", true, set(func(t *Transfer) { t.At = t.At.Add(time.Microsecond) })),
		each("no type", false, set(func(t *Transfer) { t.Type = 20 })),
		each("type", true, set(func(t *Transfer) { t.Type = (t.Type + 1) % 20 })),
		each("sides swapped", false, set(func(t *Transfer) { t.Debit, t.Credit = t.Credit, t.Debit })),
		each("debit unknown", false, set(func(t *Transfer) { t.Debit = "nobody" })),
		each("credit unknown", false, set(func(t *Transfer) { t.Credit = "nobody" })),
		each("both wallet", false, set(func(t *Transfer) { t.Debit, t.Credit = Wallet, Wallet })),
		each("no wallet", false, set(func(t *Transfer) { t.Debit, t.Credit = Revenue, Goodwill })),
		each("house account", true, func(t *Transfer) bool {
			side := &t.Debit
			if t.Debit == Wallet {
				side = &t.Credit
			}
			*side = Provider("other")
			return true
		}),
		each("amount up", false, func(t *Transfer) bool {
			up, err := t.Amount.Add(money.FromUnits(1, t.Amount.Currency()))
			t.Amount = up
			return err == nil
		}),
		each("amount down", false, set(func(t *Transfer) { t.Amount = money.FromUnits(t.Amount.Units()-1, t.Amount.Currency()) })),
		each("amount nought", false, set(func(t *Transfer) { t.Amount = money.FromUnits(0, t.Amount.Currency()) })),
		each("amount turned", false, set(func(t *Transfer) { t.Amount = t.Amount.Neg() })),
		each("currency of all", false, set(func(t *Transfer) {
			t.Amount, t.Balance = money.FromUnits(t.Amount.Units(), "XAU"), money.FromUnits(t.Balance.Units(), "XAU")
		})),
		each("currency of the amount", false, set(func(t *Transfer) { t.Amount = money.FromUnits(t.Amount.Units(), "usd") })),
		each("balance up", false, set(func(t *Transfer) { t.Balance = money.FromUnits(t.Balance.Units()+1, t.Balance.Currency()) })),
		each("balance down", false, set(func(t *Transfer) { t.Balance = money.FromUnits(t.Balance.Units()-1, t.Balance.Currency()) })),
		each("currency of the balance", false, set(func(t *Transfer) { t.Balance = money.FromUnits(t.Balance.Units(), "XAU") })),
		each("key", true, set(func(t *Transfer) { t.Key += "x" })),
		each("service", true, set(func(t *Transfer) { t.Service += "x" })),
		each("quantity", true, set(func(t *Transfer) { t.Quantity++ })),
		each("quantity below nought", false, set(func(t *Transfer) { t.Quantity = -1 })),
		each("participant", true, set(func(t *Transfer) { t.Participant += "x" })),
		each("participant moved into service", true, func(t *Transfer) bool {
			t.Service, t.Participant = t.Service+t.Participant, ""
			return t.Service != "" && pickDiffers(t)
		}),
		each("metadata", true, set(func(t *Transfer) { t.Metadata += " " })),
		each("corrects another", true, func(t *Transfer) bool { t.Corrects--; return t.Corrects > 0 }),
		each("corrects nothing", true, set(func(t *Transfer) { t.Corrects = 0 })),
		each("corrects itself", false, set(func(t *Transfer) { t.Corrects = t.Number })),
		each("corrects what comes later", false, set(func(t *Transfer) { t.Corrects = t.Number + 1 })),
		each("corrects number -1", false, set(func(t *Transfer) { t.Corrects = -1 })),
		each("completes another hold", true, set(func(t *Transfer) { t.Hold++ })),
		each("completes hold -1", false, set(func(t *Transfer) { t.Hold = -1 })),
	}
	at := func(w *world, i int) (*Transfer, bookKey, int) {
		t := pick(w, i)
		if t == nil {
			return nil, bookKey{}, 0
		}
		return t, bookKey{"p1", t.Book}, int(t.Number) - 1
	}
	return append(all,
		tampering{"removed", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			t, key, n := at(w, i)
			if t == nil {
				return nil, false
			}
			where := "book " + string(t.Book)
			if n+1 < len(w.transfers[key]) {
				where = "transfer " + w.transfers[key][n+1].ID().String()
			}
			w.transfers[key] = slices.Delete(w.transfers[key], n, n+1)
			return []string{where}, true
		}},
		tampering{"repeated", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			t, key, n := at(w, i)
			if t == nil {
				return nil, false
			}
			where := "transfer " + t.ID().String()
			w.transfers[key] = slices.Insert(w.transfers[key], n, *t)
			return []string{where}, true
		}},
		tampering{"reordered", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			t, key, n := at(w, i)
			if t == nil {
				return nil, false
			}
			if n == 0 {
				return anywhere, false
			}
			all := w.transfers[key]
			all[n-1], all[n] = all[n], all[n-1]
			return []string{"transfer " + all[n-1].ID().String()}, true
		}},
		tampering{"swapped with their numbers", func(w *world, seals *[]Seal, i int) ([]string, bool) {
			t, key, n := at(w, i)
			if t == nil {
				return nil, false
			}
			all := w.transfers[key]
			if n == 0 || all[n-1].Balance == all[n].Balance {
				return anywhere, false
			}
			all[n-1], all[n] = all[n], all[n-1]
			all[n-1].Number, all[n].Number = all[n].Number, all[n-1].Number
			sealed := slices.ContainsFunc(*seals, func(s Seal) bool { return s.Book == t.Book && int64(n) <= s.Last })
			sameWallet := all[n-1].Amount.Currency() != all[n].Amount.Currency()
			return []string{"transfer " + all[n-1].ID().String(), "transfer " + all[n].ID().String()}, sealed || !sameWallet
		}},
		tampering{"cut off, and the book says so", func(w *world, seals *[]Seal, i int) ([]string, bool) {
			if i >= len(*seals) {
				return nil, false
			}
			seal := (*seals)[i]
			key := bookKey{"p1", seal.Book}
			w.transfers[key] = w.transfers[key][:seal.Last-1]
			state := w.books[key]
			state.Last = seal.Last - 1
			w.books[key] = state
			return []string{fmt.Sprintf("seal of %s %d to %d", seal.Book, seal.First, seal.Last)}, true
		}},
		tampering{"added at the end", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			if i > 0 {
				return nil, false
			}
			key := bookKey{"p1", Main}
			last := w.transfers[key][len(w.transfers[key])-1]
			last.Number++
			last.Debit, last.Credit, last.Amount, last.Corrects, last.Hold = Wallet, Revenue, money.FromUnits(1, last.Amount.Currency()), 0, 0
			last.Balance = money.FromUnits(last.Balance.Units()-1, last.Balance.Currency())
			w.transfers[key] = append(w.transfers[key], last)
			return []string{"book main"}, true
		}})
}

// pickDiffers says that moving the participant has changed something.
func pickDiffers(t *Transfer) bool { return len(t.Service) > len("backup") || t.Service[0] == 'u' }

func eachHold(name string, change func(*Hold) bool, more ...string) tampering {
	return tampering{name, func(w *world, _ *[]Seal, i int) ([]string, bool) {
		if i >= len(w.holds["p1"]) {
			return nil, false
		}
		h := &w.holds["p1"][i]
		before := *h
		ok := change(h) && *h != before
		return append([]string{"hold " + before.ID().String(), "hold " + h.ID().String()}, more...), ok
	}}
}

func holdTamperings() []tampering {
	in := func(states ...HoldState) func(*Hold) bool {
		return func(h *Hold) bool { return slices.Contains(states, h.State) }
	}
	set := func(when func(*Hold) bool, change func(*Hold)) func(*Hold) bool {
		return func(h *Hold) bool { ok := when(h); change(h); return ok }
	}
	every := func(*Hold) bool { return true }
	usdPocket, eurPocket := "pocket main USD", "pocket main EUR"
	pairs := []string{"book main"}
	return []tampering{
		eachHold("hold of another portal", set(every, func(h *Hold) { h.Portal = "p2.example.com" })),
		eachHold("hold number", set(every, func(h *Hold) { h.Number++ })),
		eachHold("hold opened again", set(in(HoldCompleted, HoldVoided, HoldExpired), func(h *Hold) { h.State = HoldOpen })),
		eachHold("hold opened again without an end", set(in(HoldVoided, HoldExpired), func(h *Hold) { h.State, h.ClosedAt = HoldOpen, time.Time{} }), usdPocket, eurPocket),
		eachHold("hold voided", set(in(HoldOpen, HoldCompleted), func(h *Hold) { h.State = HoldVoided })),
		eachHold("hold let go", set(in(HoldOpen), func(h *Hold) { h.State, h.ClosedAt = HoldVoided, h.OpenedAt }), usdPocket, eurPocket),
		eachHold("hold completed", set(in(HoldOpen, HoldVoided, HoldExpired), func(h *Hold) { h.State = HoldCompleted })),
		eachHold("hold completed by number 1", set(in(HoldVoided), func(h *Hold) { h.State, h.Transfer, h.Posted = HoldCompleted, 1, h.Amount }), pairs...),
		eachHold("hold in no state", set(every, func(h *Hold) { h.State = "forgotten" })),
		eachHold("voided hold in no state", set(in(HoldVoided, HoldExpired), func(h *Hold) { h.State = "" })),
		eachHold("voided hold expired", set(in(HoldVoided), func(h *Hold) { h.State = HoldExpired })),
		eachHold("open hold larger", set(in(HoldOpen), func(h *Hold) { h.Amount = money.FromUnits(h.Amount.Units()-1, h.Amount.Currency()) }), usdPocket, eurPocket),
		eachHold("hold of nought", set(every, func(h *Hold) { h.Amount = money.FromUnits(0, h.Amount.Currency()) })),
		eachHold("hold of less than nought", set(every, func(h *Hold) { h.Amount = h.Amount.Neg() })),
		eachHold("hold in another currency", set(every, func(h *Hold) { h.Amount = money.FromUnits(h.Amount.Units(), "XAU") })),
		eachHold("open hold in a currency of no pocket", set(in(HoldOpen), func(h *Hold) {
			h.Amount, h.Posted = money.FromUnits(h.Amount.Units(), "XAU"), money.FromUnits(0, "XAU")
		}), "pocket main XAU", usdPocket, eurPocket),
		eachHold("more posted than held", set(every, func(h *Hold) {
			h.Posted = money.FromUnits(min(h.Amount.Units(), math.MaxInt64-1)+1, h.Amount.Currency())
		}), pairs...),
		eachHold("less held than posted", set(in(HoldCompleted), func(h *Hold) { h.Amount = money.FromUnits(h.Posted.Units()-1, h.Amount.Currency()) })),
		eachHold("other posted than transferred", set(in(HoldCompleted), func(h *Hold) { h.Posted = money.FromUnits(h.Posted.Units()-1, h.Amount.Currency()) }), pairs...),
		eachHold("nothing posted", set(in(HoldCompleted), func(h *Hold) { h.Posted = money.FromUnits(0, h.Amount.Currency()) })),
		eachHold("less than nothing posted", set(every, func(h *Hold) { h.Posted = money.FromUnits(-1, h.Amount.Currency()) })),
		eachHold("completed by no transfer", set(in(HoldCompleted), func(h *Hold) { h.Transfer = 0 })),
		eachHold("completed by another transfer", set(in(HoldCompleted), func(h *Hold) { h.Transfer++ }), pairs...),
		eachHold("a transfer of a hold not completed", set(in(HoldOpen, HoldVoided, HoldExpired), func(h *Hold) { h.Transfer = 1 })),
		eachHold("hold without an end", set(in(HoldCompleted, HoldVoided, HoldExpired), func(h *Hold) { h.ClosedAt = time.Time{} })),
		eachHold("open hold with an end", set(in(HoldOpen), func(h *Hold) { h.ClosedAt = h.OpenedAt })),
		eachHold("completed after it expired", set(in(HoldCompleted), func(h *Hold) { h.ExpiresAt = h.ClosedAt })),
		eachHold("expired before its time", set(in(HoldExpired), func(h *Hold) { h.ExpiresAt = h.ClosedAt.Add(time.Microsecond) })),
		eachHold("ended before it began", set(in(HoldCompleted, HoldVoided, HoldExpired), func(h *Hold) { h.OpenedAt = h.ClosedAt.Add(time.Microsecond) })),
		{"hold removed", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			if i >= len(w.holds["p1"]) {
				return nil, false
			}
			w.holds["p1"] = slices.Delete(w.holds["p1"], i, i+1)
			if i < len(w.holds["p1"]) {
				return []string{"hold " + w.holds["p1"][i].ID().String()}, true
			}
			return []string{"book main"}, true
		}},
		{"hold repeated", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			if i >= len(w.holds["p1"]) {
				return nil, false
			}
			w.holds["p1"] = slices.Insert(w.holds["p1"], i, w.holds["p1"][i])
			return []string{"hold " + w.holds["p1"][i].ID().String()}, true
		}},
	}
}

func restTamperings() []tampering {
	eachPocket := func(name string, change func(*Pocket)) tampering {
		return tampering{name, func(w *world, _ *[]Seal, i int) ([]string, bool) {
			for _, book := range Books() {
				pockets := w.pockets[bookKey{"p1", book}]
				if i < len(pockets) {
					where := fmt.Sprintf("pocket %s %s", book, pockets[i].Currency())
					change(&pockets[i])
					return []string{where}, true
				}
				i -= len(pockets)
			}
			return nil, false
		}}
	}
	eachBook := func(name string, change func(*BookState) bool) tampering {
		return tampering{name, func(w *world, _ *[]Seal, i int) ([]string, bool) {
			if i > 1 {
				return nil, false
			}
			key := bookKey{"p1", Books()[i]}
			state := w.books[key]
			ok := change(&state)
			w.books[key] = state
			if name == "book's time" {
				return anywhere, ok // its transfers and its holds both say later
			}
			return []string{"book " + string(key.book)}, ok
		}}
	}
	eachSeal := func(name string, change func(*Seal) bool, wheres func(Seal) []string) tampering {
		return tampering{name, func(_ *world, seals *[]Seal, i int) ([]string, bool) {
			if i >= len(*seals) {
				return nil, false
			}
			before := (*seals)[i]
			(*seals)[i].Marks = slices.Clone(before.Marks)
			ok := change(&(*seals)[i])
			return append(wheres(before), wheres((*seals)[i])...), ok
		}}
	}
	whole := func(s Seal) []string { return []string{fmt.Sprintf("seal of %s %d to %d", s.Book, s.First, s.Last)} }
	first := func(s Seal) []string { return []string{"transfer " + TransferID{"p1", s.Book, s.First}.String()} }
	last := func(s Seal) []string {
		return append(whole(s), "transfer "+TransferID{"p1", s.Book, s.Last}.String(), "transfer "+TransferID{"p1", s.Book, s.Last + 1}.String())
	}
	always := func(change func(*Seal)) func(*Seal) bool {
		return func(s *Seal) bool { change(s); return true }
	}
	return []tampering{
		eachPocket("pocket's balance", func(p *Pocket) { p.Balance = money.FromUnits(p.Balance.Units()-1, p.Currency()) }),
		eachPocket("pocket's held", func(p *Pocket) { p.Held = money.FromUnits(p.Held.Units()+1, p.Currency()) }),
		eachPocket("pocket's held in another currency", func(p *Pocket) { p.Held = money.FromUnits(p.Held.Units(), "XAU") }),
		{"pocket removed", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			key := bookKey{"p1", Main}
			if i >= len(w.pockets[key]) {
				return nil, false
			}
			gone := w.pockets[key][i].Currency()
			w.pockets[key] = slices.Delete(w.pockets[key], i, i+1)
			for _, t := range w.transfers[key] {
				if t.Amount.Currency() == gone {
					return []string{"transfer " + t.ID().String()}, true
				}
			}
			return anywhere, false
		}},
		{"pocket of nobody's money", func(w *world, _ *[]Seal, i int) ([]string, bool) {
			if i > 0 {
				return nil, false
			}
			key := bookKey{"p1", AI}
			w.pockets[key] = append(w.pockets[key], Pocket{Portal: "p1", Book: AI, Balance: amountOf("1", "XAU"), Held: amountOf("0", "XAU"), CreditLimit: amountOf("0", "XAU")})
			return []string{"pocket ai XAU"}, true
		}},
		eachBook("book's last up", func(b *BookState) bool { b.Last++; return true }),
		eachBook("book's last down", func(b *BookState) bool { b.Last--; return true }),
		eachBook("book's last hold", func(b *BookState) bool { b.LastHold++; return b.Book == Main }),
		eachBook("book's time", func(b *BookState) bool { b.LastAt = start.Add(-10 * 24 * time.Hour); return true }),
		eachSeal("seal's hash", always(func(s *Seal) { s.Hash[31] ^= 1 }), whole),
		eachSeal("seal's first mark", always(func(s *Seal) { s.Marks[0] ^= 1 }), first),
		eachSeal("seal's last mark", always(func(s *Seal) { s.Marks[len(s.Marks)-1] ^= 0x80 }), last),
		eachSeal("seal's marks cut", always(func(s *Seal) { s.Marks = s.Marks[:len(s.Marks)-1] }), last),
		eachSeal("seal without marks", always(func(s *Seal) { s.Marks = nil }), first),
		eachSeal("seal's marks longer", always(func(s *Seal) { s.Marks = append(s.Marks, make([]byte, markSize)...) }), whole),
		eachSeal("seal's marks longer by a byte", always(func(s *Seal) { s.Marks = append(s.Marks, 0) }), whole),
		eachSeal("seal begins later", always(func(s *Seal) { s.First++ }), whole),
		eachSeal("seal begins earlier", always(func(s *Seal) { s.First-- }), whole),
		eachSeal("seal ends later", always(func(s *Seal) { s.Last++ }), last),
		eachSeal("seal ends earlier", always(func(s *Seal) { s.Last-- }), last),
		eachSeal("seal that never ends", always(func(s *Seal) { s.Last, s.Marks = math.MaxInt64, append(s.Marks, s.Marks...) }), last),
		eachSeal("seal of another portal", always(func(s *Seal) { s.Portal = "p2.example.com" }), whole),
		{"seal missing", func(_ *world, seals *[]Seal, i int) ([]string, bool) {
			if i >= len(*seals) {
				return nil, false
			}
			// That the last one of a book is missing can't be seen: it may not have
			// been made yet.
			if i+1 == len(*seals) || (*seals)[i+1].Book != (*seals)[i].Book {
				return anywhere, false
			}
			next := (*seals)[i+1]
			*seals = slices.Delete(*seals, i, i+1)
			return whole(next), true
		}},
		{"seals reordered", func(_ *world, seals *[]Seal, i int) ([]string, bool) {
			if i+1 >= len(*seals) {
				return nil, false
			}
			a, b := &(*seals)[i], &(*seals)[i+1]
			if a.Book != b.Book {
				return anywhere, false
			}
			*a, *b = *b, *a
			return whole(*a), true
		}},
		{"seal of no book", func(_ *world, seals *[]Seal, i int) ([]string, bool) {
			if i >= len(*seals) {
				return nil, false
			}
			(*seals)[i].Book = "gold"
			return anywhere, true
		}},
		{"seal made anew over other transfers", func(w *world, seals *[]Seal, i int) ([]string, bool) {
			if i >= len(*seals) {
				return nil, false
			}
			old := &(*seals)[i]
			var s Sealer
			if i > 0 && (*seals)[i-1].Book == old.Book {
				s.Before = (*seals)[i-1].Hash
			}
			transfers := w.transfers[bookKey{"p1", old.Book}]
			transfers[old.First-1].Participant += "x"
			for n := old.First; n <= old.Last; n++ {
				s.Add(&transfers[n-1])
			}
			made, err := s.Seal("p1", old.Book, old.At)
			if err != nil {
				return nil, false
			}
			*old = made
			// The next seal knows the old one.
			if i+1 == len(*seals) || (*seals)[i+1].Book != made.Book {
				return anywhere, false
			}
			return whole((*seals)[i+1]), true
		}},
	}
}

// An audit may begin anywhere, with what was there then.
func TestAuditOfATail(t *testing.T) {
	good, seals := randomLedger(t, 1)
	audit := func(w *world, begin map[Book]int, spoil func(book Book, last *Transfer, balances *[]money.Amount, before *[32]byte)) error {
		var books []BookState
		var pockets []Pocket
		for _, book := range Books() {
			books = append(books, w.books[bookKey{"p1", book}])
			pockets = append(pockets, w.pockets[bookKey{"p1", book}]...)
		}
		a := NewAudit("p1", books, pockets)
		for _, book := range Books() {
			from, transfers := begin[book], w.transfers[bookKey{"p1", book}]
			if from > 0 {
				last, before := transfers[from-1], [32]byte{}
				latest := map[money.Currency]money.Amount{}
				for _, t := range transfers[:from] {
					latest[t.Amount.Currency()] = t.Balance
				}
				var balances []money.Amount
				for _, currency := range []money.Currency{"USD", "EUR"} {
					if balance, ok := latest[currency]; ok {
						balances = append(balances, balance)
					}
				}
				for _, seal := range seals {
					if seal.Book == book && seal.Last <= int64(from) {
						before = seal.Hash
					}
				}
				if spoil != nil {
					spoil(book, &last, &balances, &before)
				}
				a.Begin(book, last, balances, before)
			}
			for _, seal := range seals {
				if seal.Book == book && seal.First > int64(from) {
					a.Expect(seal)
				}
			}
			for _, t := range transfers[from:] {
				if err := a.Transfer(&t); err != nil {
					return err
				}
			}
		}
		for _, h := range w.holds["p1"] {
			if err := a.Hold(&h); err != nil {
				return err
			}
		}
		return a.End()
	}
	main, ai := len(good.transfers[bookKey{"p1", Main}]), len(good.transfers[bookKey{"p1", AI}])
	for from := 3; from <= main; from += 3 {
		for _, fromAI := range []int{0, 3, ai - ai%3, ai} {
			begin := map[Book]int{Main: from, AI: fromAI}
			if err := audit(good, begin, nil); err != nil {
				t.Errorf("from %v: %v", begin, err)
			}
		}
	}
	begin := map[Book]int{Main: main - main%3 - 3}
	spoils := map[string]func(Book, *Transfer, *[]money.Amount, *[32]byte){
		"another number":     func(_ Book, last *Transfer, _ *[]money.Amount, _ *[32]byte) { last.Number++ },
		"a later time":       func(_ Book, last *Transfer, _ *[]money.Amount, _ *[32]byte) { last.At = last.At.Add(1000 * time.Hour) },
		"other seals before": func(_ Book, _ *Transfer, _ *[]money.Amount, before *[32]byte) { before[0] ^= 1 },
		"other balances": func(_ Book, _ *Transfer, balances *[]money.Amount, _ *[32]byte) {
			for i, b := range *balances {
				(*balances)[i] = money.FromUnits(b.Units()-1, b.Currency())
			}
		},
		"a balance of no pocket": func(_ Book, _ *Transfer, balances *[]money.Amount, _ *[32]byte) {
			*balances = append(*balances, amountOf("1", "XAU"))
		},
	}
	for name, spoil := range spoils {
		var found *Break
		if err := audit(good, begin, spoil); !errors.As(err, &found) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := begin[Main]; i < main; i++ {
		w := good.clone()
		spoilt := &w.transfers[bookKey{"p1", Main}][i]
		spoilt.Balance = money.FromUnits(spoilt.Balance.Units()-1, spoilt.Balance.Currency())
		var found *Break
		if err := audit(w, begin, nil); !errors.As(err, &found) || found.Where != "transfer "+spoilt.ID().String() {
			t.Errorf("%s: %v", spoilt.ID(), err)
		}
	}
	// What was before the tail is taken for granted.
	w := good.clone()
	w.transfers[bookKey{"p1", Main}][0].Amount = usd("0")
	if err := audit(w, begin, nil); err != nil {
		t.Error(err)
	}
}

func TestAuditOfNothing(t *testing.T) {
	if err := newWorld("p").audit("p"); err != nil {
		t.Error(err)
	}
	a := NewAudit("p", nil, nil)
	if err := a.End(); err != nil || len(a.Sums()) > 0 {
		t.Error(err, a.Sums())
	}
}

// What is in transit must come out on the other side.
func TestAuditOfTransit(t *testing.T) {
	w := base()
	if err := w.audit("p"); err != nil {
		t.Fatal(err)
	}
	key := bookKey{"p", Main}
	w.transfers[key] = append(w.transfers[key], Transfer{Portal: "p", Book: Main, Number: 4, At: start, Type: AIDebit, Debit: Wallet, Credit: Transit,
		Amount: usd("5"), Balance: usd("89"), Key: "t1"})
	w.pockets[key][0].Balance = usd("89")
	w.books[key] = BookState{Portal: "p", Book: Main, Last: 4, LastHold: 4, LastAt: start}
	var found *Break
	if err := w.audit("p"); !errors.As(err, &found) || found.Where != "account transit" {
		t.Errorf("got %v", err)
	}
	if got, want := found.Error(), "portal p: account transit: "; len(got) <= len(want) || got[:len(want)] != want {
		t.Errorf("got %q", got)
	}
}

func TestSums(t *testing.T) {
	w := base()
	a := NewAudit("p", []BookState{w.books[bookKey{"p", Main}]}, w.pockets[bookKey{"p", Main}])
	for _, made := range w.transfers[bookKey{"p", Main}] {
		if err := a.Transfer(&made); err != nil {
			t.Fatal(err)
		}
	}
	want := []Sum{{Main, "provider.sandbox", usd("-100")}, {Main, Revenue, usd("6")}, {Main, Wallet, usd("94")}}
	if got := a.Sums(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSealer(t *testing.T) {
	var s Sealer
	if _, err := s.Seal("p", Main, start); err == nil {
		t.Error("nothing was sealed")
	}
	transfers := base().transfers[bookKey{"p", Main}]
	seal := func(before [32]byte, transfers ...Transfer) Seal {
		s := Sealer{Before: before}
		for i := range transfers {
			s.Add(&transfers[i])
		}
		if s.Len() != len(transfers) {
			t.Errorf("it took %d of %d", s.Len(), len(transfers))
		}
		made, err := s.Seal("p", Main, start)
		if err != nil {
			t.Fatal(err)
		}
		if s.Len() != 0 || s.Before != made.Hash {
			t.Errorf("the next one begins with %d, %x", s.Len(), s.Before)
		}
		return made
	}
	first := seal([32]byte{}, transfers...)
	if first.First != 1 || first.Last != 3 || len(first.Marks) != 3*markSize || first.Portal != "p" || first.Book != Main || !first.At.Equal(start) {
		t.Errorf("got %+v", first)
	}
	hashes := map[[32]byte]bool{first.Hash: true}
	for _, other := range []Seal{
		seal([32]byte{1}, transfers...), seal([32]byte{}, transfers[:2]...), seal([32]byte{}, transfers[1:]...), seal(first.Hash, transfers...),
		seal([32]byte{}, transfers[1], transfers[0], transfers[2]),
	} {
		if hashes[other.Hash] {
			t.Errorf("two seals are the same: %+v", other)
		}
		hashes[other.Hash] = true
	}
	if again := seal([32]byte{}, transfers...); !reflect.DeepEqual(again, first) {
		t.Errorf("got %+v, then %+v", first, again)
	}
}

// Two transfers that differ in one field, whatever it is, differ in their hash.
func TestDigestCoversEveryField(t *testing.T) {
	base := base().transfers[bookKey{"p", Main}][1]
	for i := range reflect.TypeFor[Transfer]().NumField() {
		other := base
		field := reflect.ValueOf(&other).Elem().Field(i)
		name := reflect.TypeFor[Transfer]().Field(i).Name
		switch value := field.Addr().Interface().(type) {
		case *time.Time:
			*value = value.Add(time.Microsecond)
		case *money.Amount:
			*value = money.FromUnits(value.Units()+1, value.Currency())
		default:
			if field.Kind() == reflect.String {
				field.SetString(field.String() + "x")
			} else {
				field.SetInt(field.Int() + 1)
			}
		}
		if other.digest() == base.digest() {
			t.Errorf("%s is not in it", name)
		}
	}
	other := base
	other.Service, other.Participant = base.Service+base.Participant, ""
	if other.digest() == base.digest() {
		t.Error("its texts run together")
	}
	other = base
	other.Key, other.Service = base.Key+base.Service[:1], base.Service[1:]
	if other.digest() == base.digest() {
		t.Error("its key runs into its service")
	}
	other = base
	other.Amount = money.FromUnits(base.Amount.Units(), "EUR")
	if other.digest() == base.digest() {
		t.Error("the currency is not in it")
	}
}
