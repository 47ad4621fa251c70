package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

func newVerify(env Env) *cobra.Command {
	var (
		since  string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the whole ledger, and say nothing when all is well",
		Long: `Re-add the ledger of all portals from its transfers, and check every law of it and
the chain of seals. It may run while the database is served.

It is silent when all is well. At the first thing that is wrong it says in which
portal, where and what, and ends with status 1.`,
		Example: `# All of it
bursar verify

# What happened in the last day, for a monitor
bursar verify --since 24h --json`,
		GroupID: GroupKeep,
		Args:    cobra.NoArgs,
	}
	data := serviceFlags(cmd, env)
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "leave out what happened before: 2026-07-01, 2026-07-01T12:00:00Z, or 24h ago")
	f.BoolVar(&asJSON, "json", false, "say what was found as one JSON object, also when all is well")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in := store.Verification{}
		var err error
		if in.Since, err = parseSince("--since", since, env.Now()); err != nil {
			return err
		}
		return withService(cmd.Context(), data, true, env, func(s *billing.Service) error {
			seen := newTally(env)
			in.Progress = seen.tell
			verified, sums, err := s.Verify(cmd.Context(), in)
			seen.clear()
			if asJSON {
				if err := printJSON(env.Stdout, newVerdict(in.Since, verified, sums, err)); err != nil {
					return err
				}
			}
			return explainVerify(err)
		})
	}
	return cmd
}

// parseSince reads a day (its beginning, in UTC), a moment, or how long ago it is.
func parseSince(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		if ago <= 0 {
			return time.Time{}, usage("%s: %s is not more than nought", flag, text)
		}
		return now.Add(-ago), nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usage("%s: %q is neither a day like 2026-07-01, nor a moment like 2026-07-01T12:00:00Z, nor a time like 24h", flag, text)
	}
	return at, nil
}

// explainVerify gives what Verify found the advice that fits it.
func explainVerify(err error) error {
	var broken *ledger.Break
	if !errors.As(err, &broken) {
		return err
	}
	return &Error{
		Err: err,
		Hint: "somebody or something changed the database past Bursar: keep it as it is, and put the last good backup in its place " +
			"(bursar restore tells whether one is good)",
	}
}

// verdict is what verify says as JSON.
type verdict struct {
	OK    bool          `json:"ok"`
	Break *verdictBreak `json:"break,omitempty"`
	// Error is what kept it from being verified.
	Error string    `json:"error,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Counts are of what was looked at.
	Counts verdictCounts `json:"counts"`
	// Sums are what each account was credited less what it was debited; with
	// Since, of what was looked at only.
	Sums []verdictSum `json:"sums"`
}

type verdictBreak struct {
	Portal string `json:"portal"`
	Where  string `json:"where"`
	What   string `json:"what"`
}

type verdictCounts struct {
	Portals     int64 `json:"portals"`
	Transfers   int64 `json:"transfers"`
	Holds       int64 `json:"holds"`
	Keys        int64 `json:"keys"`
	Seals       int64 `json:"seals"`
	Collections int64 `json:"collections"`
}

type verdictSum struct {
	Book     ledger.Book    `json:"book"`
	Account  ledger.Account `json:"account"`
	Currency money.Currency `json:"currency"`
	Amount   string         `json:"amount"`
}

func newVerdict(since time.Time, v store.Verified, sums []ledger.Sum, err error) verdict {
	out := verdict{
		OK: err == nil, Since: since, Sums: []verdictSum{},
		Counts: verdictCounts{v.Portals, v.Transfers, v.Holds, v.Keys, v.Seals, v.Collections},
	}
	for _, sum := range sums {
		out.Sums = append(out.Sums, verdictSum{sum.Book, sum.Account, sum.Amount.Currency(), sum.Amount.Decimal()})
	}
	var broken *ledger.Break
	if errors.As(err, &broken) {
		out.Break = &verdictBreak{broken.Portal, broken.Where, broken.What}
	} else if err != nil {
		out.Error = err.Error()
	}
	return out
}

// tally shows on a terminal what was verified so far, of nobody knows how much.
type tally struct {
	env   Env
	shown time.Time // zero: nothing was
	show  bool
}

func newTally(env Env) *tally { return &tally{env: env, show: isTerminal(env.Stderr)} }

// tell is called often, and writes now and then.
func (p *tally) tell(v store.Verified) {
	if now := time.Now(); p.show && now.Sub(p.shown) > time.Second/4 {
		p.shown = now
		fmt.Fprintf(p.env.Stderr, "\r\x1b[K%d portals, %d transfers, %d holds", v.Portals, v.Transfers, v.Holds)
	}
}

func (p *tally) clear() {
	if !p.shown.IsZero() {
		fmt.Fprint(p.env.Stderr, "\r\x1b[K")
	}
}
