package watch

import (
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Event is what is told of a portal to a program: how it stands when it is first looked
// at, and again with whatever changed. It only ever grows. Texts are on one line.
type Event struct {
	At time.Time `json:"at"`
	// Event is "reading" for the first look at a portal, whatever came of it, and
	// "change" from then on.
	Event  string `json:"event"`
	Portal string `json:"portal"`
	// Changes are what is otherwise than at the look before, and at the first look what
	// could not be read.
	Changes []EventChange `json:"changes"`
	// Error says why nothing could be read; Failed why parts could not, by their names.
	// What stands below is then what was last known of them.
	Error  string                   `json:"error,omitempty"`
	Failed map[docspace.Part]string `json:"failed,omitempty"`
	// Balances are null where they are not known, which is not that there is nothing.
	Balances []EventBalance `json:"balances"`
	// Plan, Due and TopUp ("on" or "off") are left out where they are not known, and
	// Due where nothing is.
	Plan  string     `json:"plan,omitempty"`
	Due   *time.Time `json:"due,omitempty"`
	TopUp string     `json:"topUp,omitempty"`
}

// EventChange is one thing that changed, in words for people.
type EventChange struct {
	Text string `json:"text"`
	// Failure says that something can't be read any more.
	Failure bool `json:"failure"`
}

// EventBalance is what a wallet has in a currency.
type EventBalance struct {
	Amount   string `json:"amount"` // exact, in decimal
	Currency string `json:"currency"`
	// LastsDays is for how many days it likely lasts if nothing refills it, 365 for as
	// long or longer; left out where that is not known.
	LastsDays *int `json:"lastsDays,omitempty"`
}

// TakeEvent notes an answer as Take does, and returns what is to be told of it; nil
// where nothing is: nothing changed, or the portal is not on the board.
func (b *Board) TakeEvent(a Answer) *Event {
	first := b.byName[a.Name] != nil && !b.byName[a.Name].baseline
	s, changes := b.Take(a)
	if s == nil || !first && len(changes) == 0 {
		return nil
	}
	e := &Event{At: a.At.UTC(), Event: "change", Portal: clean(s.Name), Changes: []EventChange{}, Plan: s.Plan, TopUp: s.TopUp}
	if first {
		e.Event = "reading"
	}
	for _, change := range changes {
		e.Changes = append(e.Changes, EventChange{change.Text, change.Bad})
	}
	if s.Err != nil {
		e.Error = clean(s.Err.Error())
	}
	for part, err := range s.Failed {
		if e.Failed == nil {
			e.Failed = map[docspace.Part]string{}
		}
		e.Failed[part] = clean(err.Error())
	}
	if s.Known {
		e.Balances = []EventBalance{}
	}
	for _, p := range s.Pockets {
		balance := EventBalance{Amount: p.Balance.Decimal(), Currency: clean(string(p.Balance.Currency()))}
		if p.Runway != nil {
			balance.LastsDays = &p.Runway.Alone.Likely
		}
		e.Balances = append(e.Balances, balance)
	}
	if !s.Due.IsZero() {
		due := s.Due.UTC()
		e.Due = &due
	}
	return e
}
