package mcp

import (
	"context"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/check"
	"github.com/bursarhq/bursar/fleet"
)

// checkQuestion says what is wrong with a portal.
type checkQuestion struct {
	which
	MinBalance    []string `json:"minBalance,omitempty" jsonschema:"what is in each wallet at least, as USD=20, or 20 for every currency"`
	MinRunwayDays int      `json:"minRunwayDays,omitempty" jsonschema:"for how many days it lasts at least; 0 asks for none"`
	DueWithinDays int      `json:"dueWithinDays,omitempty" jsonschema:"how many days ahead payments must be covered; 0 looks at none"`
	TopUp         bool     `json:"topUp,omitempty" jsonschema:"a top-up rule has to be on"`
}

// checkAnswer is what is wrong with a portal.
type checkAnswer struct {
	Portal   string          `json:"portal"`
	Worst    string          `json:"worst" jsonschema:"ok, warning, unknown or critical"`
	Problems []problemAnswer `json:"problems"`
	More     int             `json:"moreProblems,omitempty"`
}

type problemAnswer struct {
	Code     string `json:"code"`
	Severity string `json:"severity" jsonschema:"warning, unknown or critical"`
	Subject  string `json:"subject,omitempty" jsonschema:"what of the portal is meant: a currency, a feature, a service"`
	Text     string `json:"text"`
	Value    string `json:"value,omitempty" jsonschema:"what was found"`
	Limit    string `json:"limit,omitempty" jsonschema:"what it should be"`
	Unit     string `json:"unit,omitempty" jsonschema:"what both count"`
}

// maxProblems is how many problems of a portal are passed on.
const maxProblems = 40

func (q *checkQuestion) policy() (p check.Policy, err error) {
	if p.MinBalance, err = check.ParseFloors(q.MinBalance); err != nil {
		return p, fmt.Errorf("minBalance: %w", err)
	}
	for _, days := range []struct {
		name string
		n    int
		to   *time.Duration
	}{{"minRunwayDays", q.MinRunwayDays, &p.MinRunway}, {"dueWithinDays", q.DueWithinDays, &p.DueWithin}} {
		if days.n < 0 || days.n > 365 {
			return p, fmt.Errorf("%s: %d is not between 0 and 365", days.name, days.n)
		}
		*days.to = time.Duration(days.n) * 24 * time.Hour
	}
	p.TopUp = q.TopUp
	return p, p.Check()
}

func (s *server) check(ctx context.Context, q checkQuestion) (out answers[checkAnswer], err error) {
	policy, err := q.policy()
	if err != nil {
		return out, err
	}
	now := s.Now()
	answer := func(f check.Facts) checkAnswer {
		problems := policy.Problems(f, now)
		out := checkAnswer{Portal: f.Portal, Worst: check.Worst(problems).String(), Problems: []problemAnswer{}}
		check.Sort(problems)
		for _, p := range problems[:min(maxProblems, len(problems))] {
			out.Problems = append(out.Problems, problemAnswer{
				Code: string(p.Code), Severity: p.Severity.String(), Subject: text(p.Subject), Text: text(p.Text),
				Value: text(p.Value), Limit: text(p.Limit), Unit: text(p.Unit),
			})
		}
		out.More = len(problems) - len(out.Problems)
		return out
	}
	one := func(ctx context.Context, p *fleet.Portal) (checkAnswer, error) {
		return answer(check.Read(ctx, p, policy, now)), nil
	}
	return ask(ctx, s, q.which, maxReported, one, func(name string, err error) checkAnswer {
		return answer(check.Facts{Portal: name, Err: err})
	})
}
