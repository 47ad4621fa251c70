package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
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
	cmd.AddCommand(newHoldOpen(env), newHoldExtend(env), newHoldComplete(env), newHoldVoid(env))
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
