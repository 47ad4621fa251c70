package mcp

import (
	"context"
	"net/url"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/wallet"
)

// How many portals one answer is about, at most: as many as can be read in a while, and
// as an assistant reads.
const (
	maxListed   = 200
	maxReported = 10
	maxBalances = 50
	maxProven   = 5
)

// portalEntry is a portal that can be asked about.
type portalEntry struct {
	Name   string   `json:"name"`
	URL    string   `json:"url"`
	Groups []string `json:"groups"`
}

func (s *server) listPortals(_ context.Context, w struct {
	After string `json:"after,omitempty" jsonschema:"go on after the portal of this name: next of the answer before"`
}) (answers[portalEntry], error) {
	some, next, err := s.chosen(which{After: w.After}, maxListed)
	out := answers[portalEntry]{Portals: []portalEntry{}, Next: next}
	for _, p := range some {
		entry := portalEntry{Name: p.Name, URL: address(p.URL), Groups: []string{}}
		out.Portals = append(out.Portals, entry)
		out.Portals[len(out.Portals)-1].Groups = append(entry.Groups, p.Groups...)
	}
	return out, err
}

// address returns an address without what may be a secret in it.
func address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return text(u.String())
}

// balanceAnswer is what is in a wallet.
type balanceAnswer struct {
	Portal string `json:"portal"`
	// Known is false where the portal does not say what there is.
	Known      bool   `json:"known" jsonschema:"false: the portal does not say what is in the wallet, which is not that there is nothing"`
	Balances   []sum  `json:"balances"`
	LastCredit *sum   `json:"lastCredit,omitempty" jsonschema:"the latest payment into the wallet"`
	CreditedAt string `json:"creditedAt,omitempty"`
	Error      string `json:"error,omitempty" jsonschema:"why the portal could not be read"`
}

func (s *server) balance(ctx context.Context, w which) (answers[balanceAnswer], error) {
	one := func(ctx context.Context, p *fleet.Portal) (balanceAnswer, error) {
		out := balanceAnswer{Portal: p.Name}
		b, err := p.Balance(ctx)
		if err != nil {
			return out, err
		}
		out.fill(b)
		return out, nil
	}
	return ask(ctx, s, w, maxBalances, one, func(name string, err error) balanceAnswer {
		return balanceAnswer{Portal: name, Balances: []sum{}, Error: text(err.Error())}
	})
}

func (a *balanceAnswer) fill(b *docspace.Balance) {
	a.Known, a.Balances = b != nil, []sum{}
	if b == nil {
		return
	}
	for _, sub := range b.SubAccounts {
		a.Balances = append(a.Balances, sumOf(sub.Amount))
	}
	if last := b.LastCredit; last != nil {
		credit := sumOf(last.Amount)
		a.LastCredit, a.CreditedAt = &credit, moment(last.Date.Time)
	}
}

// runwayAnswer is for how long wallets last.
type runwayAnswer struct {
	Portal  string         `json:"portal"`
	Known   bool           `json:"known"`
	Pockets []pocketRunway `json:"pockets"`
	Error   string         `json:"error,omitempty" jsonschema:"why the portal could not be read"`
}

// pocketRunway is for how long what is in one currency lasts.
type pocketRunway struct {
	Available   sum   `json:"available"`
	HistoryDays int   `json:"historyDays" jsonschema:"of how many whole days it is known what was spent"`
	Known       bool  `json:"known" jsonschema:"false: too few days are known"`
	Weekly      *sum  `json:"weekly,omitempty" jsonschema:"what a usual week costs"`
	Days        *band `json:"days,omitempty" jsonschema:"how many days it lasts if nothing refills it; 365 is a year or longer"`
	Refilled    bool  `json:"refilled" jsonschema:"the top-up rule refills it"`
	WithRefills *band `json:"daysWithRefills,omitempty" jsonschema:"how many days it lasts with the refills, as long as the card pays"`
}

// band is a number of days, at worst and at best.
type band struct {
	Worst  int `json:"worst"`
	Likely int `json:"likely"`
	Best   int `json:"best"`
}

func bandOf(b wallet.Band) *band { return &band{b.Pessimistic, b.Likely, b.Optimistic} }

func (s *server) runway(ctx context.Context, w which) (answers[runwayAnswer], error) {
	one := func(ctx context.Context, p *fleet.Portal) (runwayAnswer, error) {
		out := runwayAnswer{Portal: p.Name, Pockets: []pocketRunway{}}
		shot := fleet.Read(ctx, p, s.Now(), fleet.PartRunway)
		if err := shot.Failed[fleet.PartRunway]; err != nil {
			return out, err
		}
		out.fill(shot.Runway)
		return out, nil
	}
	return ask(ctx, s, w, maxReported, one, func(name string, err error) runwayAnswer {
		return runwayAnswer{Portal: name, Pockets: []pocketRunway{}, Error: text(err.Error())}
	})
}

func (a *runwayAnswer) fill(r *fleet.Runway) {
	a.Known = r != nil
	if r == nil {
		return
	}
	for _, p := range r.Pockets {
		out := pocketRunway{Available: sumOf(p.Available), HistoryDays: p.Days, Known: p.Known, Refilled: p.Refilled}
		if p.Known {
			weekly := sumOf(p.Weekly.Likely)
			out.Weekly, out.Days = &weekly, bandOf(p.Alone)
		}
		if p.Refilled {
			out.WithRefills = bandOf(p.Refills)
		}
		a.Pockets = append(a.Pockets, out)
	}
}
