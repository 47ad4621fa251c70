package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
)

func newHold(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hold",
		Short: "Reserve money, and charge it when the cost is known",
		Long: `A hold sets aside what something may cost, until it is known what it does. It moves
nothing: it makes less available. It ends once: completed (all or a part is charged,
the rest let go), voided, or by itself when its time is over.`,
		Example: `bursar hold open --portal portal.example.com --service backup --amount USD=10
bursar hold complete h1.docspace.io123 --amount 7.50`,
		GroupID: GroupMoney,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newHoldOpen(env), newHoldExtend(env), newHoldComplete(env), newHoldVoid(env), newHoldList(env))
	return cmd
}

// maxPeriod is how long a hold may be opened, or extended, for.
const maxPeriod = 31 * 24 * time.Hour

// forFlag adds --for to a command.
func forFlag(cmd *cobra.Command, help string) *time.Duration {
	return cmd.Flags().Duration("for", 24*time.Hour, help+", up to 744h (31 days)")
}

// checkPeriod refuses what is no time for a hold, of which nought would mean the
// usual one.
func checkPeriod(d time.Duration) error {
	if d < time.Second || d > maxPeriod {
		return usage("--for: %s is not between 1s and 744h", d)
	}
	return nil
}

func newHoldOpen(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Reserve an amount of a wallet",
		Long:  "Reserve an amount of a portal's wallet for a service. It is refused when less than that is\navailable." + moneyNotes,
		Example: `# What a backup may cost, for at most two hours
bursar hold open --portal portal.example.com --service backup --amount USD=10 --for 2h`,
		Args: cobra.NoArgs,
	}
	m := addMover(cmd, env)
	charge := chargeFlags(cmd, "what is reserved")
	period := forFlag(cmd, "how long it is reserved")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := charge()
		if err != nil {
			return err
		}
		if err := checkPeriod(*period); err != nil {
			return err
		}
		return m.order(cmd, "Reserved", billing.Reservation{Charge: in, For: *period})
	}
	return cmd
}

func newHoldExtend(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "extend HOLD",
		Short:   "Let an open hold last longer",
		Long:    "Let an open hold last longer than it would. HOLD is its id; the portal is a part of it." + moneyNotes,
		Example: "bursar hold extend h1.docspace.io123 --for 2h",
		Args:    cobra.ExactArgs(1),
	}
	m := addMover(cmd, env)
	period := forFlag(cmd, "by how much")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkPeriod(*period); err != nil {
			return err
		}
		return m.orderOn(cmd, "Extended", args[0], billing.Extension{Hold: args[0], For: *period})
	}
	return cmd
}

func newHoldComplete(env Env) *cobra.Command {
	var (
		in     billing.Completion
		amount string
	)
	cmd := &cobra.Command{
		Use:   "complete HOLD",
		Short: "Charge what a hold reserves, or a part of it",
		Long: `Charge what an open hold reserves, or a part of it, and let go of the rest. HOLD is
its id; the portal is a part of it.` + moneyNotes,
		Example: `# All that it reserves
bursar hold complete h1.docspace.io123

# A part of it
bursar hold complete h1.docspace.io123 --amount 7.50`,
		Args: cobra.ExactArgs(1),
	}
	m := addMover(cmd, env)
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "what it cost, as 7.50 or USD=7.50 (default: all that is reserved)")
	f.Int64Var(&in.Quantity, "quantity", 0, "how much of the service (default: as the hold says)")
	f.StringVar(&in.Participant, "participant", "", "on whose account (default: as the hold says)")
	metadata := metadataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		in.Hold = args[0]
		if in.Quantity == 0 && cmd.Flags().Changed("quantity") { // which would mean the hold's
			return usage("--quantity: 0 is not more than nought")
		}
		if in.Amount, err = parsePart("--amount", amount); err != nil {
			return err
		}
		if in.Metadata, err = metadata(); err != nil {
			return err
		}
		return m.orderOn(cmd, "Charged", args[0], in)
	}
	return cmd
}

func newHoldVoid(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "void HOLD",
		Short:   "Let go of what a hold reserves",
		Long:    "Let go of what an open hold reserves: nothing is charged. HOLD is its id; the portal is a\npart of it." + moneyNotes,
		Example: "bursar hold void h1.docspace.io123",
		Args:    cobra.ExactArgs(1),
	}
	m := addMover(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return m.orderOn(cmd, "Let go", args[0], billing.Release{Hold: args[0]})
	}
	return cmd
}

func newHoldList(env Env) *cobra.Command {
	state := choice{allowed: []string{
		string(ledger.HoldOpen), string(ledger.HoldCompleted), string(ledger.HoldVoided), string(ledger.HoldExpired),
	}}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List a portal's holds",
		Long:    "List a portal's holds, the latest first. One whose time is over is expired. All times are\nUTC. JSON output is one object a line.",
		Example: "bursar hold list --portal portal.example.com --state open\nbursar hold list -o json | jq -r .id",
		Args:    cobra.NoArgs,
	}
	data, portal, output := DatabaseFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	cmd.Flags().Var(&state, "state", "which: open, completed, voided or expired (default: all)")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(state.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			which := ledger.HoldState(state.value)
			if *output == "json" {
				return eachHold(cmd.Context(), s, portalID, which, func(h *ledger.Hold) error {
					return printLine(env.Stdout, holdLine(h))
				})
			}
			return columns(env.Stdout, "HOLD\tSTATE\tSERVICE\tAMOUNT\tCHARGED\tOPENED\tEXPIRES", func(line func(...string)) error {
				return eachHold(cmd.Context(), s, portalID, which, func(h *ledger.Hold) error {
					posted := ""
					if h.Transfer > 0 {
						posted = h.Posted.String()
					}
					line(h.ID().String(), string(h.State), h.Service, h.Amount.String(), posted, minute(h.OpenedAt), minute(h.ExpiresAt))
					return nil
				})
			})
		})
	}
	return cmd
}

// eachHold calls each for every hold of a portal, the latest first, page by page.
func eachHold(ctx context.Context, s *billing.Service, portalID string, state ledger.HoldState, each func(*ledger.Hold) error) error {
	for before, more := int64(0), true; more; {
		var (
			holds []ledger.Hold
			err   error
		)
		if holds, more, err = s.HoldsBefore(ctx, portalID, state, before, billing.MaxPage); err != nil {
			return err
		}
		for i := range holds {
			if err := each(&holds[i]); err != nil {
				return err
			}
			before = holds[i].Number
		}
	}
	return nil
}

type holdJSON struct {
	ID          string            `json:"id"`
	State       ledger.HoldState  `json:"state"`
	Amount      string            `json:"amount"`
	Currency    money.Currency    `json:"currency"`
	Posted      string            `json:"posted,omitempty"`
	Transfer    string            `json:"transfer,omitempty"`
	Key         string            `json:"idempotencyKey"`
	Service     string            `json:"service"`
	Quantity    int64             `json:"quantity"`
	Participant string            `json:"participant,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	OpenedAt    time.Time         `json:"openedAt"`
	ExpiresAt   time.Time         `json:"expiresAt"`
	ClosedAt    time.Time         `json:"closedAt,omitzero"`
}

func holdLine(h *ledger.Hold) holdJSON {
	line := holdJSON{
		ID: h.ID().String(), State: h.State, Amount: h.Amount.Decimal(), Currency: h.Amount.Currency(), Key: h.Key, Service: h.Service,
		Quantity: h.Quantity, Participant: h.Participant, Metadata: h.Metadata.Texts(),
		OpenedAt: h.OpenedAt, ExpiresAt: h.ExpiresAt, ClosedAt: h.ClosedAt,
	}
	if h.Transfer > 0 {
		line.Posted = h.Posted.Decimal()
		line.Transfer = ledger.TransferID{Portal: h.Portal, Book: ledger.Main, Number: h.Transfer}.String()
	}
	return line
}
