package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

func newDeposit(env Env) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:     "deposit",
		Aliases: []string{"topup"}, // what it was called first
		Short:   "Charge a portal's customer, and fill the wallet",
		Long: `Have a DocSpace portal charge the customer's stored payment method with an amount, and
put it into the wallet. Portals take whole major units: dollars, and no cents.

It is done over the portal's API, by the payer's key. Whoever runs Bursar collects
money in its own database with bursar payment collect, and records bank transfers with
bursar payment record.` + paidNotes,
		Example: `# What would be charged, and to whom
bursar deposit --amount USD=100 --dry-run

# Unasked, once for this key
bursar deposit --amount USD=100 --yes --idempotency-key june`,
		GroupID: GroupChange,
		Args:    cobra.NoArgs,
	}
	c := addChanger(cmd, env, true)
	cmd.Flags().StringVar(&text, "amount", "", "what is charged, as USD=100 (required)")
	_ = cmd.MarkFlagRequired("amount")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		amount, err := parseAmount("--amount", text)
		if err != nil {
			return err
		}
		whole := amount.Units() / money.Scale
		if whole < 1 || amount.Units()%money.Scale != 0 {
			return usage("--amount: %s is not in whole units, at least one", amount)
		}
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			before, err := readParts(ctx, client, docspace.PartCustomer, docspace.PartBalance)
			if err != nil {
				return nil, err
			}
			p := &proposal{
				doing: "Charge", did: "Charged", what: amountText(amount),
				cost: []fact{{"Paid from", methodText(before.Customer)}, {"Put into", walletText(before.Balance)}},
				line: changeLine{Change: "deposit", Available: pocketsOf(before.Balance)},
				send: func(ctx context.Context, key string) (bool, error) {
					return client.Deposit(ctx, whole, amount.Currency(), key)
				},
				seen: availableAfter(client),
			}
			p.line.costs(amount, byCard)
			return p, nil
		})
	}
	return cmd
}
