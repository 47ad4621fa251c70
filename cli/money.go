package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

// mover is what the commands have in common that move or reserve money.
type mover struct {
	env      Env
	data     *Database
	portal   *string
	output   *string
	payments *Payments // nil: there is nothing to collect
	key      string
	dryRun   bool
}

// moneyNotes is what the help of all of them says.
const moneyNotes = `

The command is carried out once for each idempotency key, however often it is
repeated: with the same key it only says again what happened, and with other
input it is refused. Without --idempotency-key a key is drawn, and printed. What
is printed has happened, and is on the disk.`

func addMover(cmd *cobra.Command, env Env) *mover {
	m := &mover{env: env, data: serviceFlags(cmd, env), portal: portalFlag(cmd), output: outputFlag(cmd)}
	cmd.Flags().StringVar(&m.key, "idempotency-key", "", "carry this out once for this key, for ever (default: drawn)")
	cmd.Flags().BoolVar(&m.dryRun, "dry-run", false, "do everything, say what it would come to, and undo it")
	return m
}

// act is something that is done for a key.
type act func(ctx context.Context, s *billing.Service, portalID, key string) (billing.Receipt, error)

// order carries one thing out whose portal is named by --portal.
func (m *mover) order(cmd *cobra.Command, did string, what billing.What) error {
	return m.run(cmd, did, func(s *billing.Service) (string, error) { return s.FindPortal(cmd.Context(), *m.portal) }, m.carry(what))
}

// orderOn carries one thing out on a hold or a transfer, whose id has the portal.
func (m *mover) orderOn(cmd *cobra.Command, did, id string, what billing.What) error {
	portalOf := func(s *billing.Service) (string, error) {
		if *m.portal == "" {
			return "", nil
		}
		return s.FindPortal(cmd.Context(), *m.portal)
	}
	carry := m.carry(what)
	return m.run(cmd, did, portalOf, func(ctx context.Context, s *billing.Service, portalID, key string) (billing.Receipt, error) {
		receipt, err := carry(ctx, s, portalID, key)
		if errors.Is(err, billing.ErrNotFound) {
			return receipt, &Error{
				Err:  fmt.Errorf("%s: %w", id, err),
				Hint: "bursar statement shows transfers with their ids; that of a hold is printed when it is opened",
			}
		}
		return receipt, err
	})
}

func (m *mover) carry(what billing.What) act {
	return func(ctx context.Context, s *billing.Service, portalID, key string) (billing.Receipt, error) {
		order := billing.Order{PortalID: portalID, Key: key, What: what}
		if m.dryRun {
			return s.Rehearse(ctx, order)
		}
		return s.CarryOne(ctx, order)
	}
}

// run does something once, and prints what it came to.
func (m *mover) run(cmd *cobra.Command, did string, portalOf func(*billing.Service) (string, error), do act) error {
	ctx, key := cmd.Context(), m.key
	if key == "" {
		key = uuid.NewString()
	}
	return withPayments(ctx, m.data, true, m.env, m.payments, func(s *billing.Service) error {
		portalID, err := portalOf(s)
		if err != nil {
			return err
		}
		receipt, err := do(ctx, s, portalID, key)
		if err != nil {
			return m.explain(err, key)
		}
		outcome := outcome{did: did, receipt: receipt, key: key, dryRun: m.dryRun}
		if m.dryRun {
			outcome.key = m.key // one that was drawn is nobody's
		} else if receipt.Replay {
			outcome.now = availableNow(ctx, s, receipt)
		}
		if err := outcome.print(m.env, *m.output); err != nil {
			return &Error{Err: err, Hint: "it was carried out: the same command with --idempotency-key " + key + " says again what it came to, and moves nothing"}
		}
		if !m.dryRun {
			seal(ctx, s, m.env)
		}
		return nil
	})
}

// refusals are errors after which it is certain that nothing was moved.
var refusals = []error{
	billing.ErrInvalid, billing.ErrNotFound, billing.ErrInsufficient, billing.ErrMismatch, billing.ErrHoldClosed, billing.ErrOverHold,
	billing.ErrOverCorrection, billing.ErrNoProvider, billing.ErrNoMethod, billing.ErrDeclined, billing.ErrBusyWallet,
}

// explain tells how to find out what happened, where that is not certain.
func (m *mover) explain(err error, key string) error {
	if m.dryRun {
		return err
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			return err
		}
	}
	return &Error{Err: err, Hint: "it may have happened or not: repeat with --idempotency-key " + key + ", which does nothing twice"}
}

// sealWithin is how long a command takes at most to seal what is not sealed yet.
const sealWithin = 10 * time.Second

// seal seals the ledger. What was moved has been moved: that it is not sealed yet
// is no failure, and whoever comes next does it.
func seal(ctx context.Context, s *billing.Service, env Env) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sealWithin)
	defer cancel()
	if err := s.Seal(ctx); err != nil {
		fmt.Fprintf(env.Stderr, "note: the ledger is not sealed up to here yet, which the next command or bursar serve does: %s\n", cleaned(err.Error()))
	}
}

// availableNow returns what the pocket of a receipt has available by now; the zero
// Amount when that can't be read.
func availableNow(ctx context.Context, s *billing.Service, r billing.Receipt) money.Amount {
	book := ledger.Main
	if id, err := ledger.ParseTransferID(r.Transfer); err == nil {
		book = id.Book
	}
	wallet, err := s.Wallet(ctx, r.PortalID)
	if err != nil {
		return money.Amount{}
	}
	for _, pocket := range wallet.Pockets {
		if pocket.Book == book && pocket.Available.Currency() == r.Available.Currency() {
			return pocket.Available
		}
	}
	return money.Amount{}
}

// outcome is what a command that moves money came to.
type outcome struct {
	did     string
	receipt billing.Receipt
	// now is what is available by now, where the receipt is of before.
	now    money.Amount
	key    string // "" when it is nobody's
	dryRun bool
}

type outcomeJSON struct {
	Portal         string         `json:"portal"`
	Transfer       string         `json:"transfer,omitempty"`
	Hold           string         `json:"hold,omitempty"`
	Amount         string         `json:"amount"`
	Currency       money.Currency `json:"currency"`
	Available      string         `json:"available"`
	AvailableNow   string         `json:"availableNow,omitempty"`
	At             time.Time      `json:"at"`
	ExpiresAt      time.Time      `json:"expiresAt,omitzero"`
	IdempotencyKey string         `json:"idempotencyKey,omitempty"`
	Replayed       bool           `json:"replayed"`
	DryRun         bool           `json:"dryRun"`
}

func (o outcome) print(env Env, format string) error {
	r := o.receipt
	if format == "json" {
		return printJSON(env.Stdout, o.line())
	}
	available := r.Available.String()
	if !o.now.IsZero() && o.now != r.Available {
		available += " then, " + o.now.String() + " now"
	}
	facts := []fact{{o.did, r.Amount.String()}, {"Available", available}, {"Portal", r.PortalID}}
	for _, f := range []fact{
		{"Transfer", r.Transfer}, {"Hold", r.Hold}, {"At", second(r.At)}, {"Expires", second(r.ExpiresAt)}, {"Idempotency key", o.key},
	} {
		if f.value != "" {
			facts = append(facts, f)
		}
	}
	if r.Replay {
		facts = append(facts, fact{"Replayed", "this key was used before; nothing was moved again"})
	}
	if o.dryRun {
		facts = append(facts, fact{"Dry run", "nothing was changed"})
	}
	return printFacts(env, facts)
}

func (o outcome) line() outcomeJSON {
	r := o.receipt
	line := outcomeJSON{
		Portal: r.PortalID, Transfer: r.Transfer, Hold: r.Hold, Amount: r.Amount.Decimal(), Currency: r.Amount.Currency(),
		Available: r.Available.Decimal(), At: r.At.UTC(), ExpiresAt: r.ExpiresAt, IdempotencyKey: o.key, Replayed: r.Replay, DryRun: o.dryRun,
	}
	if !o.now.IsZero() {
		line.AvailableNow = o.now.Decimal()
	}
	return line
}

// printFacts writes facts one a line, with colours only where a terminal shows
// them.
func printFacts(env Env, facts []fact) error {
	var b strings.Builder
	writeFacts(&b, "", facts)
	return printStyled(env, b.String())
}

func printStyled(env Env, text string) error { return writeStyled(env, env.Stdout, text) }

// second writes a moment for people, to the second; "" for the zero Time.
func second(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// metadataFlag adds --metadata to a command.
func metadataFlag(cmd *cobra.Command) func() (map[string]string, error) {
	var pairs []string
	cmd.Flags().StringArrayVar(&pairs, "metadata", nil, "what is kept with it, as name=text; may be given again")
	return func() (map[string]string, error) {
		if len(pairs) == 0 {
			return nil, nil
		}
		texts := make(map[string]string, len(pairs))
		for _, pair := range pairs {
			name, text, ok := strings.Cut(pair, "=")
			if _, twice := texts[name]; !ok || name == "" {
				return nil, usage("--metadata: %q is not like name=text", pair)
			} else if twice {
				return nil, usage("--metadata: %q is given twice", name)
			}
			texts[name] = text
		}
		return texts, nil
	}
}
