package cli

import (
	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/money"
)

// diffDocument is what differs, as JSON.
type diffDocument struct {
	Differs bool                `json:"differs"`
	Portals []diffPortalElement `json:"portals"`
	// Total is left out where no prices were asked for.
	Total *changesTotal `json:"total,omitempty"`
}

type diffPortalElement struct {
	Portal   string             `json:"portal"`
	URL      string             `json:"url"`
	Error    string             `json:"error,omitempty"`
	Changes  []changeElement    `json:"changes"`
	Problems []manifest.Problem `json:"problems,omitempty"`
	Pending  []string           `json:"pending,omitempty"`
}

type changeElement struct {
	Kind   manifest.Kind `json:"kind"`
	Member string        `json:"member"`
	Is     string        `json:"is"`
	Should string        `json:"should"`
	// Cost is left out where no prices were asked for.
	Cost *costDocument `json:"cost,omitempty"`
	Note string        `json:"note,omitempty"`
	// Status and what follows are those of a change that was to be made.
	Status manifest.Status `json:"status,omitempty"`
	Text   string          `json:"text,omitempty"`
	Key    string          `json:"idempotencyKey,omitempty"`
}

type costDocument struct {
	Free bool `json:"free"`
	// Now and Period are null where there is nothing to pay.
	Now    *sumDocument `json:"now"`
	Period *sumDocument `json:"period"`
	Every  string       `json:"every,omitempty"`
	From   string       `json:"paidFrom,omitempty"`
}

// sumDocument is an amount, or why it is unknown.
type sumDocument struct {
	Amount   string         `json:"amount,omitempty"`
	Currency money.Currency `json:"currency,omitempty"`
	AtMost   bool           `json:"atMost,omitempty"`
	Unknown  string         `json:"unknown,omitempty"`
}

type changesTotal struct {
	Changes  int            `json:"changes"`
	Paid     int            `json:"paid"`
	Failed   int            `json:"failed"`
	Now      []money.Amount `json:"now"`
	AtMost   bool           `json:"atMost"`
	PerMonth []money.Amount `json:"perMonth"`
	PerYear  []money.Amount `json:"perYear"`
	Unknown  int            `json:"unknown"`
}

func sumOf(s manifest.Sum) *sumDocument {
	switch {
	case s.Unknown != "":
		return &sumDocument{Unknown: s.Unknown}
	case s.Amount == nil:
		return nil
	}
	return &sumDocument{Amount: s.Amount.Decimal(), Currency: s.Amount.Currency(), AtMost: s.AtMost}
}

func changeOf(c manifest.Change, prices bool) changeElement {
	e := changeElement{Kind: c.Kind, Member: c.Member, Is: c.Is, Should: c.Should, Note: c.Note}
	if prices {
		e.Cost = &costDocument{Free: c.Cost.Free(), Now: sumOf(c.Cost.Now), Period: sumOf(c.Cost.Period), Every: c.Cost.Every, From: c.Cost.From}
	}
	return e
}

func (r *diffReport) document() diffDocument { return r.documentWith(true) }

func (r *diffReport) drift() diffDocument { return r.documentWith(false) }

func (r *diffReport) documentWith(prices bool) diffDocument {
	d := diffDocument{Differs: r.changes > 0, Portals: []diffPortalElement{}}
	for _, diff := range r.diffs {
		e := diffPortalElement{Portal: diff.Portal, URL: diff.URL, Changes: []changeElement{}, Problems: diff.Problems, Pending: diff.Pending}
		if diff.Err != nil {
			e.Error = diff.Err.Error()
		}
		for _, c := range diff.Changes {
			e.Changes = append(e.Changes, changeOf(c, prices))
		}
		d.Portals = append(d.Portals, e)
	}
	if prices {
		d.Total = &changesTotal{
			Changes: r.changes, Paid: r.paid, Failed: r.failed, Now: amountList(r.total.Now), AtMost: r.total.AtMost,
			PerMonth: amountList(r.total.Period), PerYear: amountList(r.total.Yearly), Unknown: r.total.Unknown,
		}
	}
	return d
}

// amountList is never null.
func amountList(all []money.Amount) []money.Amount {
	if all == nil {
		return []money.Amount{}
	}
	return all
}
