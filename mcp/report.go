package mcp

import (
	"context"
	"slices"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// reportAnswer is how a portal stands.
type reportAnswer struct {
	Portal   string         `json:"portal"`
	Customer *customer      `json:"customer,omitempty" jsonschema:"who pays; missing when nobody does, or that is not known"`
	Balance  *balanceAnswer `json:"balance,omitempty"`
	Plan     *plan          `json:"plan,omitempty"`
	TopUp    *topUpRule     `json:"topUpRule,omitempty"`
	Runway   *runwayAnswer  `json:"runway,omitempty"`
	// Failed are the parts that did not arrive.
	Failed []failedPart `json:"failed" jsonschema:"the parts of the report that could not be read; nothing is known of them"`
	Error  string       `json:"error,omitempty" jsonschema:"why the portal could not be read at all"`
}

type failedPart struct {
	Part string `json:"part"`
	Why  string `json:"why"`
}

type customer struct {
	Email         string `json:"email,omitempty"`
	Payer         string `json:"payer,omitempty" jsonschema:"the user who may change what is paid; missing: nobody may"`
	PaymentMethod string `json:"paymentMethod" jsonschema:"none, set or expired"`
}

type plan struct {
	Title string `json:"title,omitempty"`
	Price *sum   `json:"price,omitempty" jsonschema:"missing where the portal does not say"`
	Due   string `json:"due,omitempty" jsonschema:"when it is due next"`
	Free  bool   `json:"free"`
	Trial bool   `json:"trial"`
	Used  []used `json:"used" jsonschema:"what is limited, and how much of it is used"`
}

type used struct {
	Feature string `json:"feature"`
	Title   string `json:"title,omitempty"`
	Used    int64  `json:"used"`
	Limit   int64  `json:"limit" jsonschema:"-1: there is none"`
	Unit    string `json:"unit" jsonschema:"bytes or pieces"`
}

type topUpRule struct {
	Enabled     bool `json:"enabled"`
	MinBalance  *sum `json:"minBalance,omitempty" jsonschema:"the wallet is refilled when less than this is left"`
	UpToBalance *sum `json:"upToBalance,omitempty"`
}

// maxFeatures is how many features of a plan are shown.
const maxFeatures = 50

func (s *server) report(ctx context.Context, w which) (answers[reportAnswer], error) {
	one := func(ctx context.Context, p *fleet.Portal) (reportAnswer, error) {
		shot := fleet.Read(ctx, p, s.Now(), docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway)
		if len(shot.Failed) == len(shot.Asked) {
			return reportAnswer{}, shot.Err()
		}
		return reported(p.Name, shot), nil
	}
	return ask(ctx, s, w, maxReported, one, func(name string, err error) reportAnswer {
		return reportAnswer{Portal: name, Failed: []failedPart{}, Error: text(err.Error())}
	})
}

func reported(name string, shot fleet.Snapshot) reportAnswer {
	out := reportAnswer{Portal: name, Failed: []failedPart{}}
	for _, part := range shot.Asked {
		if err := shot.Failed[part]; err != nil {
			out.Failed = append(out.Failed, failedPart{string(part), text(err.Error())})
		}
	}
	if c := shot.Customer; c != nil {
		out.Customer = &customer{Email: text(c.Email), PaymentMethod: c.PaymentMethodStatus.String()}
		if c.Payer != nil {
			out.Customer.Payer = text(c.Payer.DisplayName)
		}
	}
	if shot.Failed[docspace.PartBalance] == nil {
		out.Balance = &balanceAnswer{Portal: name}
		out.Balance.fill(shot.Balance)
	}
	if shot.Quota != nil {
		out.Plan = planOf(shot.Quota)
	}
	if rule := shot.TopUp; rule != nil {
		out.TopUp = &topUpRule{Enabled: rule.Enabled}
		if rule.Currency() != "" {
			low, high := sumOf(rule.MinBalance), sumOf(rule.UpToBalance)
			out.TopUp.MinBalance, out.TopUp.UpToBalance = &low, &high
		}
	}
	if slices.Contains(shot.Asked, fleet.PartRunway) && shot.Failed[fleet.PartRunway] == nil {
		out.Runway = &runwayAnswer{Portal: name, Pockets: []pocketRunway{}}
		out.Runway.fill(shot.Runway)
	}
	return out
}

func planOf(q *docspace.Quota) *plan {
	out := &plan{Title: text(q.Title), Due: moment(q.DueDate.Time), Free: q.Free, Trial: q.Trial, Used: []used{}}
	if q.Price != nil {
		price := sumOf(q.Price.Amount)
		out.Price = &price
	}
	for _, f := range q.Features {
		limit, counted := f.Value.Number()
		if !counted || f.Used == nil || f.Used.Value == nil || len(out.Used) == maxFeatures {
			continue
		}
		unit := "pieces"
		if f.Type == docspace.FeatureSize {
			unit = "bytes"
		}
		out.Used = append(out.Used, used{Feature: text(f.ID), Title: text(f.Title), Used: *f.Used.Value, Limit: limit, Unit: unit})
	}
	return out
}
