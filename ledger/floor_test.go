package ledger

import (
	"cmp"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/bursarhq/bursar/money"
)

// watch gives pockets floors, others every time.
func (w *world) watch(turn int) {
	for key, pockets := range w.pockets {
		for i := range pockets {
			currency := pockets[i].Currency()
			pockets[i].Floor = []money.Amount{
				{}, money.FromUnits(5*money.Scale, currency), money.FromUnits(0, currency), money.FromUnits(12*money.Scale, currency),
			}[(turn+i+len(key.portal))%4]
		}
	}
}

// low is what fell below its floor from here to after, from the holds themselves, in
// big.Int, in the order of portals, books and positions.
func (w *world) low(after *world) (all []Pocket) {
	for key, pockets := range after.pockets {
		for _, p := range pockets {
			if p.Floor == (money.Amount{}) {
				continue
			}
			available := func(in *world, reserves func(i int, h Hold) bool) *big.Int {
				sum := new(big.Int)
				if there := in.pocket(key, p.Currency()); there != nil {
					sum.SetInt64(there.Balance.Units())
				}
				for i, h := range in.holds[key.portal] {
					if key.book == Main && h.State == HoldOpen && h.Amount.Currency() == p.Currency() && reserves(i, h) {
						sum.Sub(sum, big.NewInt(h.Amount.Units()))
					}
				}
				return sum
			}
			was := available(w, func(i int, h Hold) bool { return after.holds[key.portal][i].State != HoldExpired })
			is := available(after, func(int, Hold) bool { return true })
			floor := big.NewInt(p.Floor.Units())
			if was.Cmp(floor) >= 0 && is.Cmp(floor) < 0 {
				all = append(all, p)
			}
		}
	}
	return inOrder(all)
}

func inOrder(all []Pocket) []Pocket {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Pocket) int {
		return cmp.Or(cmp.Compare(a.Portal, b.Portal), cmp.Compare(a.Book, b.Book), cmp.Compare(a.Position, b.Position))
	})
	return all
}

func TestBelow(t *testing.T) {
	for _, tt := range []struct {
		balance, held string
		floor         money.Amount
		want          bool
	}{
		{"4.99999999", "0", usd("5"), true},
		{"5", "0", usd("5"), false},
		{"6", "1", usd("5"), false},
		{"6", "1.00000001", usd("5"), true},
		{"0", "0", usd("0"), false},
		{"-0.00000001", "0", usd("0"), true},
		{"-5", "0", money.Amount{}, false},
	} {
		p := Pocket{Balance: usd(tt.balance), Held: usd(tt.held), CreditLimit: usd("100"), Floor: tt.floor}
		if got := p.Below(); got != tt.want {
			t.Errorf("%s less %s held, floor %s: %t", tt.balance, tt.held, tt.floor, got)
		}
	}
}

// 94.00 are there, of which 20.00 are held for an hour and 3.00 for a minute.
func TestFallingBelowTheFloor(t *testing.T) {
	take := func(amount string) Action { return with(charge, func(p *Posting) { p.Amount = usd(amount) }) }
	give := func(amount string) Action { return with(credit, func(p *Posting) { p.Amount = usd(amount) }) }
	for name, tt := range map[string]struct {
		floor money.Amount
		at    time.Time // soon, unless it is set
		do    []Action
		want  bool
	}{
		"to the floor":                               {floor: usd("70"), do: []Action{take("1")}},
		"by the least below it":                      {floor: usd("70"), do: []Action{take("1.00000001")}, want: true},
		"nobody wants to know":                       {do: []Action{take("71")}},
		"below nought":                               {floor: usd("0"), do: []Action{take("71.5")}, want: true},
		"to nought":                                  {floor: usd("0"), do: []Action{take("71")}},
		"by a hold":                                  {floor: usd("70"), do: []Action{Reserve{Amount: usd("2"), For: time.Hour}}, want: true},
		"by a correction":                            {floor: usd("70"), do: []Action{Correct{Book: Main, Transfer: 1, Amount: usd("2")}}, want: true},
		"a hold is completed":                        {floor: usd("71"), do: []Action{Complete{Hold: 1}}},
		"it was below":                               {floor: usd("71.00000001"), do: []Action{take("1")}},
		"twice in one batch":                         {floor: usd("70"), do: []Action{take("2"), take("2")}, want: true},
		"little by little":                           {floor: usd("70"), do: []Action{take("1"), take("1")}, want: true},
		"it fell and rose":                           {floor: usd("70"), do: []Action{take("2"), give("1")}},
		"it fell and did not rise enough":            {floor: usd("70"), do: []Action{take("2"), give("0.99999999")}, want: true},
		"it rose and fell":                           {floor: usd("72"), do: []Action{give("5"), take("5")}},
		"it fell, rose, and fell":                    {floor: usd("70"), do: []Action{take("2"), give("3"), take("4")}, want: true},
		"refused":                                    {floor: usd("70"), do: []Action{take("72")}},
		"what expired was there again":               {floor: usd("72"), at: start.Add(time.Minute), do: []Action{take("3")}, want: true},
		"what expired was not enough":                {floor: usd("75"), at: start.Add(time.Minute), do: []Action{take("3")}},
		"what expired makes up for it":               {floor: usd("71"), at: start.Add(time.Minute), do: []Action{take("3")}},
		"it expired, and rose":                       {floor: usd("72"), at: start.Add(time.Minute), do: []Action{Expire{4}}},
		"a hold that is voided was held until then":  {floor: usd("75"), do: []Action{Void{1}, take("17")}},
		"a hold that was voided, and a hold instead": {floor: usd("70"), do: []Action{Void{1}, Reserve{Amount: usd("22"), For: time.Hour}}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := base()
			pocket := &w.pockets[bookKey{"p", Main}][0]
			pocket.Floor, pocket.CreditLimit = tt.floor, usd("1")
			if name == "refused" {
				pocket.CreditLimit = usd("0")
			}
			if tt.at.IsZero() {
				tt.at = soon
			}
			b, _ := run(w, tt.at, tt.do...)
			effects := b.Effects()
			var want []Pocket
			if tt.want {
				want = effects.Pockets
			}
			if d := diff(want, effects.Low); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// What is over by now, the dollars of one portal and the euros of the other, was
// never reserved of anything else.
func TestHoldsOfOthersReserveNothingHere(t *testing.T) {
	w := newWorld("p", "q")
	for n, portal := range []string{"p", "q"} {
		key := bookKey{portal, Main}
		for i, currency := range []money.Currency{"USD", "EUR"} {
			in := func(text string) money.Amount { return amountOf(text, currency) }
			w.pockets[key] = append(w.pockets[key], Pocket{Portal: portal, Book: Main, Position: int64(i), Balance: in("10"), Held: in("3"), CreditLimit: in("0"), Floor: in("8")})
			w.holds[portal] = append(w.holds[portal], Hold{Portal: portal, Number: int64(i + 1), State: HoldOpen, Amount: in("3"), Posted: in("0"),
				OpenedAt: start, ExpiresAt: start.Add(time.Duration(1+(i+n)%2) * time.Minute)})
		}
		w.books[key] = BookState{Portal: portal, Book: Main, LastHold: 2, LastAt: start}
	}
	euro := with(charge, func(p *Posting) { p.Amount = amountOf("1", "EUR") })
	requests := []Request{
		{Portal: "p", Key: "1", Do: with(charge, func(p *Posting) { p.Amount = usd("3") })},
		{Portal: "p", Key: "2", Do: euro},
		{Portal: "q", Key: "3", Do: euro},
	}
	b := w.load(start.Add(time.Minute), requests)
	for _, r := range requests {
		if got := b.Run(r); got.Err != nil {
			t.Fatal(got.Err)
		}
	}
	low := b.Effects().Low
	if len(low) != 1 || low[0].Portal != "p" || low[0].Balance != usd("7") || low[0].Held != usd("0") {
		t.Errorf("got %+v", low)
	}
}
