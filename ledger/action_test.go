package ledger

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/bursarhq/bursar/money"
)

func usd(text string) money.Amount { return amountOf(text, "USD") }

func amountOf(text string, currency money.Currency) money.Amount {
	amount, err := money.Parse(text, currency)
	if err != nil {
		panic(err)
	}
	return amount
}

// base is a portal "p" that has 94.00 USD in its wallet, of which holds 1 (20.00,
// for an hour) and 4 (3.00, for a minute) are open, and nothing in its AI book.
func base() *world {
	w := newWorld("p")
	main := bookKey{"p", Main}
	w.books[main] = BookState{Portal: "p", Book: Main, Last: 3, LastHold: 4, LastAt: start}
	deposit := Transfer{Portal: "p", Book: Main, Number: 1, At: start, Type: Deposit, Debit: Provider("sandbox"), Credit: Wallet,
		Amount: usd("100"), Balance: usd("100"), Key: "d1", Participant: "u1"}
	w.transfers[main] = []Transfer{
		deposit,
		{Portal: "p", Book: Main, Number: 2, At: start, Type: ServicePayment, Debit: Wallet, Credit: Revenue,
			Amount: usd("10"), Balance: usd("90"), Key: "c1", Service: "backup", Quantity: 2, Participant: "u1", Metadata: `{"details":"x"}`},
		{Portal: "p", Book: Main, Number: 3, At: start, Type: ServicePayment, Debit: Revenue, Credit: Wallet,
			Amount: usd("4"), Balance: usd("94"), Key: "x1", Service: "backup", Quantity: 2, Corrects: 2},
	}
	w.pockets[main] = []Pocket{{Portal: "p", Book: Main, Balance: usd("94"), Held: usd("23"), CreditLimit: usd("0"), Credited: usd("100"), CreditedAt: start}}
	hold := Hold{Portal: "p", Number: 1, State: HoldOpen, Amount: usd("20"), Posted: usd("0"), Key: "h1", Service: "backup", Quantity: 1,
		Participant: "u1", Metadata: `{"a":"b"}`, OpenedAt: start, ExpiresAt: start.Add(time.Hour)}
	w.holds["p"] = []Hold{
		hold,
		{Portal: "p", Number: 2, State: HoldVoided, Amount: usd("5"), Posted: usd("0"), Key: "h2", OpenedAt: start, ExpiresAt: start.Add(time.Hour), ClosedAt: start},
		{Portal: "p", Number: 3, State: HoldExpired, Amount: usd("5"), Posted: usd("0"), Key: "h3", OpenedAt: start.Add(-time.Hour), ExpiresAt: start, ClosedAt: start},
		{Portal: "p", Number: 4, State: HoldOpen, Amount: usd("3"), Posted: usd("0"), Key: "h4", OpenedAt: start, ExpiresAt: start.Add(time.Minute)},
	}
	w.done[doneKey{"p", "d1"}] = Done{Portal: "p", Key: "d1", Input: InputOf("d1"), Answer: Answer{At: start, Main: 1, Amount: usd("100"), Available: usd("100")}}
	return w
}

// The base is what books, pockets, holds and transfers say of each other.
func TestBaseIsGood(t *testing.T) {
	if err := base().audit("p"); err != nil {
		t.Error(err)
	}
}

const key = "new"

// soon is when most of the table happens: hold 4 is still open.
var soon = start.Add(time.Second)

var (
	charge  = Posting{Book: Main, Debit: Wallet, Credit: Revenue, Amount: usd("1.50"), Type: ServicePayment, Service: "backup", Quantity: 1, Participant: "u2", Metadata: `{"c":"d"}`}
	credit  = Posting{Book: Main, Debit: Provider("stripe"), Credit: Wallet, Amount: usd("7"), Type: Deposit}
	away    = Posting{Book: Main, Debit: Wallet, Credit: Transit, Amount: usd("5"), Type: AIDebit}
	arrived = Posting{Book: AI, Debit: Transit, Credit: Wallet, Amount: usd("5"), Type: AICredit}
)

func with(p Posting, change func(*Posting)) Post {
	change(&p)
	return Post{p}
}

// transferOf is what a posting becomes.
func transferOf(p Posting, number int64, balance string) Transfer {
	return Transfer{Portal: "p", Book: p.Book, Number: number, At: soon, Type: p.Type, Debit: p.Debit, Credit: p.Credit, Amount: p.Amount,
		Balance: amountOf(balance, p.Amount.Currency()), Key: key, Service: p.Service, Quantity: p.Quantity, Participant: p.Participant, Metadata: p.Metadata}
}

func mainBook(last, lastHold int64) BookState {
	return BookState{Portal: "p", Book: Main, Last: last, LastHold: lastHold, LastAt: soon}
}

func mainPocket(balance, held string) Pocket {
	p := base().pockets[bookKey{"p", Main}][0]
	p.Balance, p.Held = usd(balance), usd(held)
	return p
}

func TestCarriedOut(t *testing.T) {
	hold := func(number int64, change func(*Hold)) Hold {
		h := base().holds["p"][number-1]
		change(&h)
		return h
	}
	completed := Posting{Book: Main, Debit: Wallet, Credit: Revenue, Type: ServicePayment, Service: "backup", Quantity: 1, Participant: "u1", Metadata: `{"a":"b"}`}
	complete := func(amount, balance string, change func(*Transfer)) Transfer {
		p := completed
		p.Amount = usd(amount)
		made := transferOf(p, 4, balance)
		made.Hold = 1
		change(&made)
		return made
	}
	correction := func(book Posting, number, corrects int64, balance string) Transfer {
		made := transferOf(book, number, balance)
		made.Corrects = corrects
		return made
	}
	same := func(*Transfer) {}
	tests := map[string]struct {
		before func(*world)
		do     Action
		answer Answer
		want   Effects
	}{
		"a charge": {
			do:     Post{charge},
			answer: Answer{Main: 4, Amount: usd("1.50"), Available: usd("69.50")},
			want:   Effects{Transfers: []Transfer{transferOf(charge, 4, "92.50")}, Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("92.50", "23")}},
		},
		"a charge of all that is available": {
			do:     with(charge, func(p *Posting) { p.Amount = usd("71") }),
			answer: Answer{Main: 4, Amount: usd("71"), Available: usd("0")},
			want: Effects{Transfers: []Transfer{transferOf(with(charge, func(p *Posting) { p.Amount = usd("71") })[0], 4, "23")},
				Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("23", "23")}},
		},
		"a deposit": {
			do:     Post{credit},
			answer: Answer{Main: 4, Amount: usd("7"), Available: usd("78")},
			want: Effects{Transfers: []Transfer{transferOf(credit, 4, "101")}, Books: []BookState{mainBook(4, 4)},
				Pockets: []Pocket{{Portal: "p", Book: Main, Balance: usd("101"), Held: usd("23"), CreditLimit: usd("0"), Credited: usd("7"), CreditedAt: soon}}},
		},
		"a gift is no deposit": {
			do:     with(credit, func(p *Posting) { p.Debit, p.Type = Goodwill, GoodwillCredit }),
			answer: Answer{Main: 4, Amount: usd("7"), Available: usd("78")},
			want: Effects{Transfers: []Transfer{transferOf(with(credit, func(p *Posting) { p.Debit, p.Type = Goodwill, GoodwillCredit })[0], 4, "101")},
				Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("101", "23")}},
		},
		"a deposit in a currency that is new": {
			do:     with(credit, func(p *Posting) { p.Amount = amountOf("7", "JPY") }),
			answer: Answer{Main: 4, Amount: amountOf("7", "JPY"), Available: amountOf("7", "JPY")},
			want: Effects{Transfers: []Transfer{transferOf(with(credit, func(p *Posting) { p.Amount = amountOf("7", "JPY") })[0], 4, "7")}, Books: []BookState{mainBook(4, 4)},
				NewPockets: []Pocket{{Portal: "p", Book: Main, Position: 1, Balance: amountOf("7", "JPY"), Held: amountOf("0", "JPY"),
					CreditLimit: amountOf("0", "JPY"), Credited: amountOf("7", "JPY"), CreditedAt: soon}}},
		},
		"into the limit of credit": {
			before: func(w *world) { w.pocket(bookKey{"p", Main}, "USD").CreditLimit = usd("10") },
			do:     with(charge, func(p *Posting) { p.Amount = usd("81") }),
			answer: Answer{Main: 4, Amount: usd("81"), Available: usd("-10")},
			want: Effects{Transfers: []Transfer{transferOf(with(charge, func(p *Posting) { p.Amount = usd("81") })[0], 4, "13")}, Books: []BookState{mainBook(4, 4)},
				Pockets: []Pocket{{Portal: "p", Book: Main, Balance: usd("13"), Held: usd("23"), CreditLimit: usd("10"), Credited: usd("100"), CreditedAt: start}}},
		},
		"to the other book": {
			do:     Post{away, arrived},
			answer: Answer{Main: 4, AI: 1, Amount: usd("5"), Available: usd("66")},
			want: Effects{Transfers: []Transfer{transferOf(away, 4, "89"), transferOf(arrived, 1, "5")},
				Books:   []BookState{mainBook(4, 4), {Portal: "p", Book: AI, Last: 1, LastAt: soon}},
				Pockets: []Pocket{mainPocket("89", "23")}, NewPockets: []Pocket{{Portal: "p", Book: AI, Balance: usd("5"), Held: usd("0"), CreditLimit: usd("0")}}},
		},
		"a hold": {
			do:     Reserve{Amount: usd("71"), Service: "backup", Quantity: 3, Participant: "u9", Metadata: `{"e":"f"}`, For: time.Hour},
			answer: Answer{Hold: 5, Amount: usd("71"), Available: usd("0"), ExpiresAt: soon.Add(time.Hour)},
			want: Effects{Books: []BookState{mainBook(3, 5)}, Pockets: []Pocket{mainPocket("94", "94")}, NewHolds: []Hold{{Portal: "p", Number: 5, State: HoldOpen,
				Amount: usd("71"), Posted: usd("0"), Key: key, Service: "backup", Quantity: 3, Participant: "u9", Metadata: `{"e":"f"}`, OpenedAt: soon, ExpiresAt: soon.Add(time.Hour)}}},
		},
		"a longer hold": {
			do:     Extend{Hold: 1, For: time.Minute},
			answer: Answer{Hold: 1, Amount: usd("20"), Available: usd("71"), ExpiresAt: start.Add(time.Hour + time.Minute)},
			want: Effects{Books: []BookState{mainBook(3, 4)},
				Holds: []Hold{hold(1, func(h *Hold) { h.ExpiresAt = start.Add(time.Hour + time.Minute) })}},
		},
		"a hold in part": {
			do:     Complete{Hold: 1, Amount: usd("7.50"), Quantity: 9, Participant: "u9", Metadata: `{"e":"f"}`},
			answer: Answer{Main: 4, Hold: 1, Amount: usd("7.50"), Available: usd("83.50")},
			want: Effects{Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("86.50", "3")},
				Transfers: []Transfer{complete("7.50", "86.50", func(t *Transfer) { t.Quantity, t.Participant, t.Metadata = 9, "u9", `{"e":"f"}` })},
				Holds: []Hold{hold(1, func(h *Hold) {
					h.State, h.Posted, h.Transfer, h.ClosedAt = HoldCompleted, usd("7.50"), 4, soon
				})}},
		},
		"a hold as a whole": {
			do:     Complete{Hold: 1},
			answer: Answer{Main: 4, Hold: 1, Amount: usd("20"), Available: usd("71")},
			want: Effects{Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("74", "3")}, Transfers: []Transfer{complete("20", "74", same)},
				Holds: []Hold{hold(1, func(h *Hold) { h.State, h.Posted, h.Transfer, h.ClosedAt = HoldCompleted, usd("20"), 4, soon })}},
		},
		"a hold whose limit of credit was lowered since": {
			before: func(w *world) {
				w.pocket(bookKey{"p", Main}, "USD").Balance = usd("0") // and 23 are held
			},
			do:     Complete{Hold: 1, Amount: usd("19")},
			answer: Answer{Main: 4, Hold: 1, Amount: usd("19"), Available: usd("-22")},
			want: Effects{Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("-19", "3")}, Transfers: []Transfer{complete("19", "-19", same)},
				Holds: []Hold{hold(1, func(h *Hold) { h.State, h.Posted, h.Transfer, h.ClosedAt = HoldCompleted, usd("19"), 4, soon })}},
		},
		"a void hold": {
			do:     Void{1},
			answer: Answer{Hold: 1, Amount: usd("20"), Available: usd("91")},
			want: Effects{Books: []BookState{mainBook(3, 4)}, Pockets: []Pocket{mainPocket("94", "3")},
				Holds: []Hold{hold(1, func(h *Hold) { h.State, h.ClosedAt = HoldVoided, soon })}},
		},
		"the end of a hold whose time is not over": {
			do:     Expire{1},
			answer: Answer{Hold: 1, Amount: usd("20"), Available: usd("71"), ExpiresAt: start.Add(time.Hour)},
			want:   Effects{Books: []BookState{mainBook(3, 4)}},
		},
		"the end of a hold that was voided": {
			do:     Expire{2},
			answer: Answer{Hold: 2, Amount: usd("5"), Available: usd("71")},
			want:   Effects{Books: []BookState{mainBook(3, 4)}},
		},
		"the end of a hold whose time is over": {
			before: func(w *world) { w.holds["p"][3].ExpiresAt = soon },
			do:     Expire{4},
			answer: Answer{Hold: 4, Amount: usd("3"), Available: usd("74")},
			want: Effects{Books: []BookState{mainBook(3, 4)}, Pockets: []Pocket{mainPocket("94", "20")},
				Holds: []Hold{hold(4, func(h *Hold) { h.State, h.ExpiresAt, h.ClosedAt = HoldExpired, soon, soon })}},
		},
		"a hold that is over pays for a charge": {
			before: func(w *world) { w.holds["p"][3].ExpiresAt = soon },
			do:     with(charge, func(p *Posting) { p.Amount = usd("74") }),
			answer: Answer{Main: 4, Amount: usd("74"), Available: usd("0")},
			want: Effects{Transfers: []Transfer{transferOf(with(charge, func(p *Posting) { p.Amount = usd("74") })[0], 4, "20")},
				Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("20", "20")},
				Holds: []Hold{hold(4, func(h *Hold) { h.State, h.ExpiresAt, h.ClosedAt = HoldExpired, soon, soon })}},
		},
		"what is left of a correction": {
			do:     Correct{Book: Main, Transfer: 2, Participant: "u9", Metadata: `{"why":"w"}`},
			answer: Answer{Main: 4, Amount: usd("6"), Available: usd("77")},
			want: Effects{Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("100", "23")}, Transfers: []Transfer{correction(Posting{Book: Main,
				Debit: Revenue, Credit: Wallet, Amount: usd("6"), Type: ServicePayment, Service: "backup", Quantity: 2, Participant: "u9", Metadata: `{"why":"w"}`}, 4, 2, "100")}},
		},
		"part of a deposit taken back": {
			do:     Correct{Book: Main, Transfer: 1, Amount: usd("71")},
			answer: Answer{Main: 4, Amount: usd("71"), Available: usd("0")},
			want: Effects{Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("23", "23")}, Transfers: []Transfer{correction(Posting{Book: Main,
				Debit: Wallet, Credit: Provider("sandbox"), Amount: usd("71"), Type: Deposit}, 4, 1, "23")}},
		},
		"an amount without currency": {
			do:     Correct{Book: Main, Transfer: 2, Amount: amountOf("1", "")},
			answer: Answer{Main: 4, Amount: usd("1"), Available: usd("72")},
			want: Effects{Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("95", "23")}, Transfers: []Transfer{correction(Posting{Book: Main,
				Debit: Revenue, Credit: Wallet, Amount: usd("1"), Type: ServicePayment, Service: "backup", Quantity: 2}, 4, 2, "95")}},
		},
		"a clock that runs backwards": {
			before: func(w *world) {
				main := w.books[bookKey{"p", Main}]
				main.LastAt = soon
				w.books[bookKey{"p", Main}] = main
			},
			do:     Post{charge},
			answer: Answer{Main: 4, Amount: usd("1.50"), Available: usd("69.50")},
			want:   Effects{Transfers: []Transfer{transferOf(charge, 4, "92.50")}, Books: []BookState{mainBook(4, 4)}, Pockets: []Pocket{mainPocket("92.50", "23")}},
		},
		"the later clock of the other book": {
			before: func(w *world) { w.books[bookKey{"p", AI}] = BookState{Portal: "p", Book: AI, LastAt: soon} },
			do:     Post{away, arrived},
			answer: Answer{Main: 4, AI: 1, Amount: usd("5"), Available: usd("66")},
			want: Effects{Transfers: []Transfer{transferOf(away, 4, "89"), transferOf(arrived, 1, "5")},
				Books:   []BookState{mainBook(4, 4), {Portal: "p", Book: AI, Last: 1, LastAt: soon}},
				Pockets: []Pocket{mainPocket("89", "23")}, NewPockets: []Pocket{{Portal: "p", Book: AI, Balance: usd("5"), Held: usd("0"), CreditLimit: usd("0")}}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, now := base(), soon.Add(999*time.Nanosecond)
			if tt.before != nil {
				tt.before(w)
			}
			if name == "a clock that runs backwards" || name == "the later clock of the other book" {
				now = start.Add(-time.Hour)
			}
			r := Request{Portal: "p", Key: key, Input: InputOf("new", 1), Do: tt.do}
			b := w.load(now, []Request{r})
			tt.answer.At = soon
			got := b.Run(r)
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			if d := diff(Result{Answer: tt.answer}, got); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
			tt.want.Done = []Done{{Portal: "p", Key: key, Input: r.Input, Answer: tt.answer}}
			effects := b.Effects()
			effects.Was = Was{} // which write holds against the world
			if d := diff(tt.want, effects); d != "" {
				t.Errorf("effects (-want +got):\n%s", d)
			}
			// The same again, at once and from what was written down.
			if err := w.write(b.Effects()); err != nil {
				t.Fatal(err)
			}
			for _, b := range []*Batch{b, w.load(soon.Add(time.Hour), []Request{r})} {
				kept := deepCopy(b.Effects())
				if d := diff(Result{Answer: tt.answer, Replay: true}, b.Run(r)); d != "" {
					t.Errorf("replay (-want +got):\n%s", d)
				}
				other := r
				other.Input = InputOf("new", 2)
				if err := b.Run(other).Err; !errors.Is(err, ErrMismatch) {
					t.Errorf("other input: %v", err)
				}
				if d := diff(kept, b.Effects()); d != "" {
					t.Errorf("the replay changed something:\n%s", d)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	highest := money.FromUnits(math.MaxInt64, "USD")
	impossible := func(change func(*Posting)) Action { return with(charge, change) }
	tests := map[string]struct {
		before func(*world)
		portal string // "": p
		key    string // "": new
		do     Action
		want   error
	}{
		"no such portal":                   {portal: "q", do: Post{charge}, want: ErrNoPortal},
		"no such portal to reserve in":     {portal: "q", do: Reserve{Amount: usd("1"), For: time.Hour}, want: ErrNoPortal},
		"no such portal to extend in":      {portal: "q", do: Extend{Hold: 1, For: time.Hour}, want: ErrNoPortal},
		"no such portal to complete in":    {portal: "q", do: Complete{Hold: 1}, want: ErrNoPortal},
		"no such portal to void in":        {portal: "q", do: Void{1}, want: ErrNoPortal},
		"no such portal to expire in":      {portal: "q", do: Expire{1}, want: ErrNoPortal},
		"no such portal to correct in":     {portal: "q", do: Correct{Book: Main, Transfer: 1}, want: ErrNoPortal},
		"no such second book":              {before: func(w *world) { delete(w.books, bookKey{"p", AI}) }, do: Post{away, arrived}, want: ErrNoPortal},
		"too little":                       {do: impossible(func(p *Posting) { p.Amount = usd("71.00000001") }), want: ErrInsufficient},
		"too little for a hold":            {do: Reserve{Amount: usd("71.00000001"), For: time.Hour}, want: ErrInsufficient},
		"too little to take a deposit off": {do: Correct{Book: Main, Transfer: 1, Amount: usd("71.00000001")}, want: ErrInsufficient},
		"too little in a currency":         {do: impossible(func(p *Posting) { p.Amount = amountOf("1", "EUR") }), want: ErrInsufficient},
		"too little in a book":             {do: impossible(func(p *Posting) { p.Book = AI }), want: ErrInsufficient},
		"too little for the second":        {do: Post{with(arrived, func(p *Posting) { p.Debit, p.Credit, p.Type = Wallet, Transit, AIDebit })[0], with(away, func(p *Posting) { p.Debit, p.Credit = Transit, Wallet })[0]}, want: ErrInsufficient},
		"too little for the second only":   {do: Post{credit, with(charge, func(p *Posting) { p.Book = AI })[0]}, want: ErrInsufficient},
		"too little by the limit of credit": {before: func(w *world) { w.pocket(bookKey{"p", Main}, "USD").CreditLimit = usd("1") },
			do: impossible(func(p *Posting) { p.Amount = usd("72.00000001") }), want: ErrInsufficient},
		"other input":                    {key: "d1", do: Post{charge}, want: ErrMismatch},
		"no key":                         {key: "none", do: Post{charge}, want: ErrRequest},
		"a long key":                     {key: string(make([]byte, 256)), do: Post{charge}, want: ErrRequest},
		"no hold to extend":              {do: Extend{Hold: 5, For: time.Hour}, want: ErrNoHold},
		"no hold to complete":            {do: Complete{Hold: 5}, want: ErrNoHold},
		"no hold to void":                {do: Void{0}, want: ErrNoHold},
		"no hold to expire":              {do: Expire{-1}, want: ErrNoHold},
		"a void hold extended":           {do: Extend{Hold: 2, For: time.Hour}, want: ErrHoldClosed},
		"a void hold completed":          {do: Complete{Hold: 2}, want: ErrHoldClosed},
		"a void hold voided":             {do: Void{2}, want: ErrHoldClosed},
		"an expired hold completed":      {do: Complete{Hold: 3}, want: ErrHoldClosed},
		"a hold that is over extended":   {before: func(w *world) { w.holds["p"][3].ExpiresAt = soon }, do: Extend{Hold: 4, For: time.Hour}, want: ErrHoldClosed},
		"a hold that is over completed":  {before: func(w *world) { w.holds["p"][3].ExpiresAt = soon }, do: Complete{Hold: 4}, want: ErrHoldClosed},
		"a hold that is over voided":     {before: func(w *world) { w.holds["p"][3].ExpiresAt = soon }, do: Void{4}, want: ErrHoldClosed},
		"more than a hold":               {do: Complete{Hold: 1, Amount: usd("20.00000001")}, want: ErrOverHold},
		"no transfer to correct":         {do: Correct{Book: Main, Transfer: 4}, want: ErrNoTransfer},
		"no such transfer in the book":   {do: Correct{Book: AI, Transfer: 1}, want: ErrNoTransfer},
		"a correction corrected":         {do: Correct{Book: Main, Transfer: 3}, want: ErrCorrection},
		"more than is left to correct":   {do: Correct{Book: Main, Transfer: 2, Amount: usd("6.00000001")}, want: ErrOverCorrection},
		"nothing left to correct":        {before: func(w *world) { w.transfers[bookKey{"p", Main}][2].Amount = usd("10") }, do: Correct{Book: Main, Transfer: 2}, want: ErrOverCorrection},
		"a correction in other currency": {do: Correct{Book: Main, Transfer: 2, Amount: amountOf("1", "EUR")}, want: ErrRequest},
		"a correction of nought":         {do: Correct{Book: Main, Transfer: 2, Amount: usd("0")}, want: ErrRequest},
		"a correction of less":           {do: Correct{Book: Main, Transfer: 2, Amount: usd("-1")}, want: ErrRequest},
		"a completion in other currency": {do: Complete{Hold: 1, Amount: amountOf("1", "EUR")}, want: ErrRequest},
		"a completion with nought":       {do: Complete{Hold: 1, Amount: usd("0")}, want: ErrRequest},
		"a completion with less":         {do: Complete{Hold: 1, Amount: usd("-1")}, want: ErrRequest},
		"a completion of quantity -1":    {do: Complete{Hold: 1, Quantity: -1}, want: ErrRequest},
		"an extension by nothing":        {do: Extend{Hold: 1}, want: ErrRequest},
		"an extension backwards":         {do: Extend{Hold: 1, For: -time.Second}, want: ErrRequest},
		"a hold of nought":               {do: Reserve{Amount: usd("0"), For: time.Hour}, want: ErrRequest},
		"a hold of less":                 {do: Reserve{Amount: usd("-1"), For: time.Hour}, want: ErrRequest},
		"a hold of the least":            {do: Reserve{Amount: money.FromUnits(math.MinInt64, "USD"), For: time.Hour}, want: ErrRequest},
		"a hold in no currency":          {do: Reserve{Amount: amountOf("1", "usd"), For: time.Hour}, want: ErrRequest},
		"a hold for no time":             {do: Reserve{Amount: usd("1")}, want: ErrRequest},
		"a hold of quantity -1":          {do: Reserve{Amount: usd("1"), For: time.Hour, Quantity: -1}, want: ErrRequest},
		"nothing to post":                {do: Post{}, want: ErrRequest},
		"twice in one book":              {do: Post{charge, charge}, want: ErrRequest},
		"three transfers":                {do: Post{away, arrived, arrived}, want: ErrRequest},
		"a transfer of nought":           {do: impossible(func(p *Posting) { p.Amount = usd("0") }), want: ErrRequest},
		"a transfer of the zero Amount":  {do: impossible(func(p *Posting) { p.Amount = money.Amount{} }), want: ErrRequest},
		"a transfer of less":             {do: impossible(func(p *Posting) { p.Amount = usd("-1") }), want: ErrRequest},
		"a transfer in no currency":      {do: impossible(func(p *Posting) { p.Amount = amountOf("1", "US") }), want: ErrRequest},
		"from wallet to wallet":          {do: impossible(func(p *Posting) { p.Credit = Wallet }), want: ErrRequest},
		"without the wallet":             {do: impossible(func(p *Posting) { p.Debit = Goodwill }), want: ErrRequest},
		"to nobody":                      {do: impossible(func(p *Posting) { p.Credit = "nobody" }), want: ErrRequest},
		"to a provider without name":     {do: impossible(func(p *Posting) { p.Credit = Provider("") }), want: ErrRequest},
		"of no type":                     {do: impossible(func(p *Posting) { p.Type = 20 }), want: ErrRequest},
		"of a type before the first":     {do: impossible(func(p *Posting) { p.Type = -1 }), want: ErrRequest},
		"of quantity -1":                 {do: impossible(func(p *Posting) { p.Quantity = -1 }), want: ErrRequest},
		"beyond the range":               {do: with(credit, func(p *Posting) { p.Amount = highest }), want: money.ErrRange},
		"held beyond the range":          {before: func(w *world) { w.pocket(bookKey{"p", Main}, "USD").CreditLimit = highest }, do: Reserve{Amount: highest, For: time.Hour}, want: money.ErrRange},
		"held beyond the range by one unit": {before: func(w *world) { w.pocket(bookKey{"p", Main}, "USD").CreditLimit = highest },
			do: Reserve{Amount: money.FromUnits(math.MaxInt64-usd("23").Units()+1, "USD"), For: time.Hour}, want: money.ErrRange},
		"a fault of ours": {do: panicking{Post{charge}}, want: ErrPanic},
		"nothing to do":   {do: nil, want: ErrPanic},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := base()
			if tt.before != nil {
				tt.before(w)
			}
			r := Request{Portal: "p", Key: key, Input: InputOf("new"), Do: tt.do}
			if tt.portal != "" {
				r.Portal = tt.portal
			}
			if tt.key != "" {
				r.Key = tt.key
			}
			if tt.key == "none" {
				r.Key = ""
			}
			// A neighbour before and one after; what they come to is what they come
			// to without it.
			first := Request{Portal: "p", Key: "first", Do: with(charge, func(p *Posting) { p.Amount = usd("0.00000001"); p.Book = Main })}
			last := Request{Portal: "p", Key: "last", Do: Post{credit}}
			if errors.Is(tt.want, ErrInsufficient) || errors.Is(tt.want, ErrNoTransfer) {
				first.Do = Expire{1} // which takes nothing, and makes no transfer
			}
			b, alone := w.load(soon, []Request{first, r, last}), w.load(soon, []Request{first, r, last})
			b.Run(first)
			alone.Run(first)
			kept := deepCopy(b.Effects())
			for range 2 {
				if got := b.Run(r); !errors.Is(got.Err, tt.want) || got.Answer != (Answer{}) || got.Replay {
					t.Errorf("got %+v, want %v", got, tt.want)
				}
			}
			if d := diff(kept, b.Effects()); d != "" {
				t.Errorf("it changed something (-want +got):\n%s", d)
			}
			if d := diff(alone.Run(last), b.Run(last)); d != "" {
				t.Errorf("its neighbour noticed (-alone +beside):\n%s", d)
			}
			if d := diff(alone.Effects(), b.Effects()); d != "" {
				t.Errorf("it left something behind (-without +with):\n%s", d)
			}
		})
	}
}

// panicking works something out, and then fails.
type panicking struct{ do Action }

func (p panicking) run(s *step) (Answer, error) {
	if _, err := p.do.run(s); err != nil {
		return Answer{}, err
	}
	panic("a fault")
}

func TestErrorsSayWhy(t *testing.T) {
	w := base()
	r := Request{Portal: "p", Key: key, Do: with(charge, func(p *Posting) { p.Amount = usd("72") })}
	err := w.load(soon, []Request{r}).Run(r).Err
	var missing *InsufficientError
	if !errors.As(err, &missing) || *missing != (InsufficientError{Available: usd("71"), Needed: usd("72")}) {
		t.Errorf("got %#v", err)
	}
	if got, want := err.Error(), "insufficient funds: 72.00 USD is needed, 71.00 USD is available"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for number, want := range map[int64]string{2: "hold h2.p was voided", 3: "hold h3.p has expired"} {
		r.Do = Void{number}
		err := w.load(soon, []Request{r}).Run(r).Err
		var closed *HoldClosedError
		if !errors.As(err, &closed) || closed.Hold != (HoldID{"p", number}) || err.Error() != want {
			t.Errorf("got %#v, want %q", err, want)
		}
	}
}

// The worked examples of README.md, transfer by transfer.
func TestWorkedExamples(t *testing.T) {
	backup := Posting{Book: Main, Debit: Wallet, Credit: Revenue, Amount: usd("0.10"), Type: ServicePayment, Service: "backup", Quantity: 1}
	steps := []struct {
		do                       Action
		balance, held, available string
	}{
		{Post{{Book: Main, Debit: Provider("sandbox"), Credit: Wallet, Amount: usd("100"), Type: Deposit}}, "100.00", "0.00", "100.00"},
		{Post{backup}, "99.90", "0.00", "99.90"},
		{Reserve{Amount: usd("10"), For: time.Hour}, "99.90", "10.00", "89.90"},
		{Complete{Hold: 1, Amount: usd("7.50")}, "92.40", "0.00", "92.40"},
		{Correct{Book: Main, Transfer: 2}, "92.50", "0.00", "92.50"},
		{Post{away, arrived}, "87.50", "0.00", "87.50"},
	}
	w := newWorld("p")
	for i, step := range steps {
		r := Request{Portal: "p", Key: string(rune('a' + i)), Do: step.do}
		b := w.load(start, []Request{r})
		got := b.Run(r)
		if got.Err != nil {
			t.Fatalf("%+v: %v", step.do, got.Err)
		}
		if err := w.write(b.Effects()); err != nil {
			t.Fatal(err)
		}
		p := w.pocket(bookKey{"p", Main}, "USD")
		if p.Balance != usd(step.balance) || p.Held != usd(step.held) || got.Answer.Available != usd(step.available) {
			t.Errorf("%+v: balance %s, held %s, available %s", step.do, p.Balance, p.Held, got.Answer.Available)
		}
	}
	type row struct {
		Number          int64
		Type            string
		Debit, Credit   Account
		Amount, Balance string
		Corrects        int64
	}
	want := []row{
		{1, "Deposit", "provider.sandbox", "wallet", "100.00", "100.00", 0},
		{2, "ServicePayment", "wallet", "revenue", "0.10", "99.90", 0},
		{3, "ServicePayment", "wallet", "revenue", "7.50", "92.40", 0},
		{4, "ServicePayment", "revenue", "wallet", "0.10", "92.50", 2},
		{5, "AiDebit", "wallet", "transit", "5.00", "87.50", 0},
		{1, "AiCredit", "transit", "wallet", "5.00", "5.00", 0},
	}
	var got []row
	for _, book := range Books() {
		for _, t := range w.transfers[bookKey{"p", book}] {
			got = append(got, row{t.Number, t.Type.String(), t.Debit, t.Credit, t.Amount.Decimal(), t.Balance.Decimal(), t.Corrects})
		}
	}
	if d := diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := w.audit("p"); err != nil {
		t.Error(err)
	}
}

func TestNeedsOf(t *testing.T) {
	got := NeedsOf([]Request{
		{Portal: "q", Key: "2", Do: Post{away, arrived}},
		{Portal: "q", Key: "2", Do: Post{arrived}},
		{Portal: "p", Key: "1", Do: Complete{Hold: 3}},
		{Portal: "p", Key: "3", Do: Void{2}},
		{Portal: "p", Key: "4", Do: Extend{Hold: 3, For: 1}},
		{Portal: "p", Key: "5", Do: Expire{4}},
		{Portal: "r", Key: "6", Do: Correct{Book: AI, Transfer: 8}},
		{Portal: "r", Key: "7", Do: Correct{Book: AI, Transfer: 7}},
		{Portal: "s", Key: "8", Do: Reserve{}},
	})
	want := Needs{
		Books: []BookState{{Portal: "p", Book: Main}, {Portal: "q", Book: AI}, {Portal: "q", Book: Main}, {Portal: "r", Book: AI}, {Portal: "s", Book: Main}},
		Keys: []Done{{Portal: "p", Key: "1"}, {Portal: "p", Key: "3"}, {Portal: "p", Key: "4"}, {Portal: "p", Key: "5"}, {Portal: "q", Key: "2"},
			{Portal: "r", Key: "6"}, {Portal: "r", Key: "7"}, {Portal: "s", Key: "8"}},
		Holds:     []HoldID{{"p", 2}, {"p", 3}, {"p", 4}},
		Transfers: []TransferID{{"r", AI, 7}, {"r", AI, 8}},
	}
	if d := diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestEmpty(t *testing.T) {
	b := base().load(soon, nil)
	if e := b.Effects(); !e.Empty() {
		t.Errorf("a new batch has %+v", e)
	}
}
