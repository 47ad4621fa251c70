package linear

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// input is what a client asked of one wallet.
type input struct {
	portal string
	kind   string // credit, charge, hold, complete, void, wallet
	amount int64
	// hold is the number of the hold that it is about.
	hold int64
}

// outcome is what it was told.
type outcome struct {
	// word is "ok", why it was refused, or "unknown".
	word string
	// number is that of the transfer that was made, hold that of the hold.
	number, hold int64
	available    int64
	// Of a reading:
	balance, held, transfers int64
}

const unknown = "unknown"

// state is a wallet. It is never changed.
type state struct {
	balance, held, transfers, lastHold int64
	open                               []openHold // by number
}

type openHold struct{ number, amount int64 }

// next returns the wallet after an input, and what its client is told.
func (s state) next(in input) (state, outcome) {
	available := s.balance - s.held
	at := slices.IndexFunc(s.open, func(h openHold) bool { return h.number == in.hold })
	switch in.kind {
	case "credit":
		s.balance += in.amount
		s.transfers++
	case "charge", "hold":
		if available < in.amount {
			return s, outcome{word: "insufficient_funds"}
		}
		if in.kind == "hold" {
			s.held += in.amount
			s.lastHold++
			s.open = append(slices.Clone(s.open), openHold{s.lastHold, in.amount})
			return s, outcome{word: "ok", hold: s.lastHold, available: s.balance - s.held}
		}
		s.balance -= in.amount
		s.transfers++
	case "complete", "void":
		if at < 0 {
			return s, outcome{word: "hold_closed"}
		}
		amount := s.open[at].amount
		if in.kind == "complete" && in.amount > amount {
			return s, outcome{word: "over_hold"}
		}
		s.held -= amount
		s.open = slices.Delete(slices.Clone(s.open), at, at+1)
		if in.kind == "void" {
			return s, outcome{word: "ok", hold: in.hold, available: s.balance - s.held}
		}
		s.balance -= in.amount
		s.transfers++
		return s, outcome{word: "ok", number: s.transfers, hold: in.hold, available: s.balance - s.held}
	case "wallet":
		return s, outcome{word: "ok", balance: s.balance, held: s.held, transfers: s.transfers, available: available}
	}
	return s, outcome{word: "ok", number: s.transfers, available: s.balance - s.held}
}

// model is one wallet at a time. What is not known may have happened or not.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byPortal := map[string][]porcupine.Operation{}
			for _, op := range history {
				portal := op.Input.(input).portal
				byPortal[portal] = append(byPortal[portal], op)
			}
			var all [][]porcupine.Operation
			for _, ops := range byPortal {
				all = append(all, ops)
			}
			return all
		},
		Init: func() []any { return []any{state{}} },
		Step: func(before, in, out any) []any {
			after, told := before.(state).next(in.(input))
			if out.(outcome).word == unknown {
				return []any{before, after}
			}
			if told != out.(outcome) {
				return nil
			}
			return []any{after}
		},
		Equal: func(a, b any) bool {
			x, y := a.(state), b.(state)
			return cmp.Or(cmp.Compare(x.balance, y.balance), cmp.Compare(x.held, y.held), cmp.Compare(x.transfers, y.transfers),
				cmp.Compare(x.lastHold, y.lastHold)) == 0 && slices.Equal(x.open, y.open)
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
		DescribeState:     func(s any) string { return fmt.Sprintf("%+v", s) },
	}
	return m.ToModel()
}
