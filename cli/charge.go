package cli

import (
	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
)

// chargeFlags adds what says for what a wallet pays, and returns how to read it.
func chargeFlags(cmd *cobra.Command, amountHelp string) func() (billing.Charge, error) {
	var (
		in     billing.Charge
		amount string
	)
	f := cmd.Flags()
	f.StringVar(&in.Service, "service", "", "what is paid for, such as backup (required)")
	f.StringVar(&amount, "amount", "", amountHelp+", as "+amountForm+" (required)")
	f.Int64Var(&in.Quantity, "quantity", 1, "how much of it")
	f.StringVar(&in.Participant, "participant", "", "on whose account: the id of a user, or a name")
	metadata := metadataFlag(cmd)
	_, _ = cmd.MarkFlagRequired("service"), cmd.MarkFlagRequired("amount")
	return func() (_ billing.Charge, err error) {
		if in.Amount, err = parseAmount("--amount", amount); err == nil {
			in.Metadata, err = metadata()
		}
		return in, err
	}
}

func newCharge(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "charge",
		Short:   "Take money from a wallet for a service",
		Long:    "Take an amount from a portal's wallet for a service. It is refused when less than that is\navailable." + moneyNotes,
		GroupID: GroupMoney,
		Example: `# Ten cents for a backup
bursar charge --portal portal.example.com --service backup --amount USD=0.10

# What it would come to
bursar charge --portal portal.example.com --service backup --amount USD=0.10 --quantity 3 --dry-run

# With more that is kept with it, once for this key
bursar charge --service ai-chat --amount USD=0.00021 --participant olivia --metadata model=small --idempotency-key chat-81`,
		Args: cobra.NoArgs,
	}
	m := addMover(cmd, env)
	charge := chargeFlags(cmd, "what is taken")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		in, err := charge()
		if err != nil {
			return err
		}
		return m.order(cmd, "Charged", in)
	}
	return cmd
}

func newCredit(env Env) *cobra.Command {
	var (
		in     billing.Credit
		amount string
	)
	kind := choice{value: string(billing.Goodwill), allowed: []string{string(billing.Goodwill), string(billing.RefundCredit)}}
	cmd := &cobra.Command{
		Use:   "credit",
		Short: "Put money into a wallet that nobody paid in",
		Long: `Put an amount into a portal's wallet that nobody paid in, out of goodwill or as a
refund. The reason is shown with the operation.

To take back a charge that was wrong, correct it: bursar correct.` + moneyNotes,
		Example: `bursar credit --portal portal.example.com --amount USD=5 --reason 'The outage of Tuesday'
bursar credit --portal portal.example.com --amount USD=20 --reason 'Order 7001 returned' --kind refund`,
		GroupID: GroupMoney,
		Args:    cobra.NoArgs,
	}
	m := addMover(cmd, env)
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "what is put in, as "+amountForm+" (required)")
	f.StringVar(&in.Reason, "reason", "", "why, for people (required)")
	f.Var(&kind, "kind", "what it is in the books: goodwill or refund")
	f.StringVar(&in.Participant, "participant", "", "on whose account: the id of a user, or a name")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kind.allowed, cobra.ShellCompDirectiveNoFileComp))
	_, _ = cmd.MarkFlagRequired("amount"), cmd.MarkFlagRequired("reason")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		in.Kind = billing.CreditKind(kind.value)
		if in.Amount, err = parseAmount("--amount", amount); err != nil {
			return err
		}
		return m.order(cmd, "Credited", in)
	}
	return cmd
}

func newCorrect(env Env) *cobra.Command {
	var (
		in     billing.Correction
		amount string
	)
	cmd := &cobra.Command{
		Use:   "correct TRANSFER",
		Short: "Take a transfer back, or a part of it",
		Long: `Take a transfer back, or a part of it: another transfer goes the other way and names
the one it corrects. Nothing in a ledger is edited or deleted. All corrections of a
transfer come to no more than it was, and a correction is not corrected.

TRANSFER is its id, as bursar statement shows it; the portal is a part of it.` + moneyNotes,
		Example: `bursar correct t42.docspace.io123 --reason 'Charged for a backup that failed'
bursar correct t42.docspace.io123 --reason 'Half of it failed' --amount 0.05`,
		GroupID: GroupMoney,
		Args:    cobra.ExactArgs(1),
	}
	m := addMover(cmd, env)
	f := cmd.Flags()
	f.StringVar(&in.Reason, "reason", "", "why, for people (required)")
	f.StringVar(&amount, "amount", "", "how much of it, as 0.05 or USD=0.05 (default: all that is left)")
	f.StringVar(&in.Participant, "participant", "", "on whose account: the id of a user, or a name")
	_ = cmd.MarkFlagRequired("reason")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		in.Transfer = args[0]
		if in.Amount, err = parsePart("--amount", amount); err != nil {
			return err
		}
		return m.orderOn(cmd, "Corrected", args[0], in)
	}
	return cmd
}
