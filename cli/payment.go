package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
)

func newPayment(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "payment",
		Short:   "Collect what a customer pays, or record what came by bank",
		Long:    "Payments are collected by a payment provider, or come to the operator's own bank account and are\nrecorded from its statements.",
		Example: "bursar payment collect --portal portal.example.com --amount USD=100 --payments sandbox\nbursar payment record --portal portal.example.com --amount EUR=500 --reference 'RE 2026-0042'",
		GroupID: GroupMoney,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newPaymentCollect(env), newPaymentRecord(env))
	return cmd
}

func newPaymentCollect(env Env) *cobra.Command {
	var (
		amount string
		in     billing.Deposit
	)
	cmd := &cobra.Command{
		Use:   "collect",
		Short: "Collect money from a customer into the wallet",
		Long: `Have the payment provider collect an amount by the customer's payment method, and
put it into the wallet. The amount is in whole minor units, such as cents.

There is no provider unless --payments names one. The sandbox is for trying things
out: it says that it collected, and takes money from nobody.` + moneyNotes,
		Example: `# A hundred dollars that nobody pays
bursar payment collect --portal portal.example.com --amount USD=100 --payments sandbox

# Try again what may have happened, without collecting twice
bursar payment collect --portal portal.example.com --amount USD=100 --payments sandbox --idempotency-key order-7001`,
		Args: cobra.NoArgs,
	}
	m := addMover(cmd, env)
	m.payments = PaymentsFlags(cmd, env, PaymentsNone)
	cmd.Flags().StringVar(&amount, "amount", "", "what is collected, as "+amountForm+" (required)")
	cmd.Flags().StringVar(&in.Participant, "participant", "", "who asked for it: the id of a user, or a name")
	_ = cmd.MarkFlagRequired("amount")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if in.Amount, err = parseAmount("--amount", amount); err != nil {
			return err
		}
		return m.run(cmd, "Deposited", func(s *billing.Service) (string, error) { return s.FindPortal(cmd.Context(), *m.portal) },
			func(ctx context.Context, s *billing.Service, portalID, key string) (billing.Receipt, error) {
				if m.dryRun {
					return s.RehearseDeposit(ctx, portalID, key, in)
				}
				return s.Deposit(ctx, portalID, key, in)
			})
	}
	return cmd
}

func newPaymentRecord(env Env) *cobra.Command {
	var (
		in               billing.Payment
		amount, received string
	)
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Put a payment that came in into the wallet",
		Long: `Put into a portal's wallet what its customer paid by bank transfer. The money has come
already: nothing is collected. One reference stands for one payment of the portal, for
ever, so that the same line of a bank statement is not recorded twice.` + moneyNotes,
		Example: `bursar payment record --portal portal.example.com --amount EUR=500 --reference 'RE 2026-0042'
bursar payment record --amount EUR=500 --reference 'RE 2026-0042' --received 2026-11-20 --dry-run`,
		Args: cobra.NoArgs,
	}
	m := addMover(cmd, env)
	f := cmd.Flags()
	f.StringVar(&amount, "amount", "", "what was paid, as "+amountForm+" (required)")
	f.StringVar(&in.Reference, "reference", "", "what the bank calls it (required)")
	f.StringVar(&received, "received", "", "when it came, as 2026-07-01 or 2026-07-01T12:00:00Z (default: now)")
	f.StringVar(&in.Method, "method", billing.BankTransfer, "how it came, in small letters, digits and _")
	f.StringVar(&in.Participant, "participant", "", "on whose account: the id of a user, or a name")
	_, _ = cmd.MarkFlagRequired("amount"), cmd.MarkFlagRequired("reference")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if in.Amount, err = parseAmount("--amount", amount); err != nil {
			return err
		}
		if in.ReceivedAt, err = parseFirst("--received", received); err != nil {
			return err
		}
		return m.run(cmd, "Recorded", func(s *billing.Service) (string, error) { return s.FindPortal(cmd.Context(), *m.portal) },
			func(ctx context.Context, s *billing.Service, portalID, key string) (billing.Receipt, error) {
				if m.dryRun {
					return s.RehearsePayment(ctx, portalID, key, in)
				}
				return s.RecordPayment(ctx, portalID, key, in)
			})
	}
	return cmd
}
