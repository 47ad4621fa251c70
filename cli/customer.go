package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
)

func newCustomer(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "customer",
		Short:   "Set who pays for a portal",
		Long:    "The customer is who pays for a portal: an e-mail address, a payment method, and a wallet.",
		Example: "bursar customer set --portal portal.example.com --email owner@example.com --method card",
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newCustomerSet(env), newCustomerLimit(env), newCustomerResume(env))
	return cmd
}

func newCustomerSet(env Env) *cobra.Command {
	var (
		change   billing.CustomerChange
		balances []string
		topUp    string
		noTopUp  bool
		caps     topUpCaps
	)
	status := choice{allowed: []string{"none", "set", "expired"}}
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Make or change a portal's customer",
		Long: `Make a portal's customer, or change the one it has. What is not given stays as it is.

The payer is the user with the customer's e-mail address. Balances are the opening
balances of the wallet; the first currency is the wallet's own.

A rule that refills the wallet has limits to what it may collect. Without any of
--max-charge, --max-day, --max-month and --max-count they stay as they are; with one of
them, those that are not given are the default.`,
		Example: `# A customer with a card and some money
bursar customer set --portal portal.example.com --email owner@example.com --method card --balance USD=148.50

# Refill the wallet up to 100 dollars when less than 20 are left
bursar customer set --portal portal.example.com --top-up USD=20..100

# The same, and collect no more than 500 dollars in 30 days, and three times a day
bursar customer set --portal portal.example.com --top-up USD=20..100 --max-month 500 --max-count 3`,
		Args: cobra.NoArgs,
	}
	data, portal := serviceFlags(cmd, env), portalFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&change.Email, "email", "", "the customer's e-mail address (required for a new one)")
	f.StringVar(&change.MethodType, "method", "", "the kind of payment method, such as card; implies --method-status set")
	f.Var(&status, "method-status", "whether a payment method is stored")
	f.StringArrayVar(&balances, "balance", nil, "what the wallet holds in a currency, as USD=148.50; may be given again")
	f.StringVar(&topUp, "top-up", "", "refill the wallet, as USD=20..100: below 20, up to 100")
	f.BoolVar(&noTopUp, "no-top-up", false, "take the top-up rule away")
	caps.flags(f)
	cmd.MarkFlagsMutuallyExclusive("top-up", "no-top-up")
	cmd.MarkFlagsOneRequired("email", "method", "method-status", "balance", "top-up", "no-top-up")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		change.MethodStatus = status.value
		if change.MethodType != "" && change.MethodStatus == "" {
			change.MethodStatus = "set"
		}
		for _, text := range balances {
			amount, err := parseAmount("--balance", text)
			if err != nil {
				return err
			}
			change.Balances = append(change.Balances, amount)
		}
		if topUp != "" {
			floor, target, err := parseTopUp(topUp)
			if err != nil {
				return err
			}
			change.TopUp = &billing.TopUp{Enabled: true, Floor: floor, Target: target}
			if change.TopUp.Caps, err = caps.parse(f, floor.Currency()); err != nil {
				return err
			}
		} else if caps.given(f) {
			return usage("--max-charge, --max-day, --max-month and --max-count are for --top-up")
		}
		if noTopUp {
			change.TopUp = &billing.TopUp{}
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			if err := s.SetCustomer(cmd.Context(), portalID, change); err != nil {
				return err
			}
			if len(balances) > 0 {
				seal(cmd.Context(), s, env)
			}
			_, err := fmt.Fprintf(env.Stdout, "The customer of %s is set.\n", portalID)
			return err
		})
	}
	return cmd
}

func newCustomerLimit(env Env) *cobra.Command {
	var amount string
	book := choice{value: string(ledger.Main), allowed: []string{string(ledger.Main), string(ledger.AI)}}
	cmd := &cobra.Command{
		Use:   "limit",
		Short: "Say how far a wallet may be overdrawn",
		Long: `Set how far below nought the available amount of a wallet may go in a currency; nought is
not at all, which holds unless it was set. Nothing is moved.

What is owed already stays owed: a limit below that lets nothing more be taken.`,
		Example: `bursar customer limit --portal portal.example.com --amount USD=50
bursar customer limit --portal portal.example.com --amount USD=0`,
		Args: cobra.NoArgs,
	}
	data, portal := DatabaseFlags(cmd, env), portalFlag(cmd)
	cmd.Flags().StringVar(&amount, "amount", "", "how far, as "+amountForm+" (required)")
	cmd.Flags().Var(&book, "book", "main, the wallet, or ai, its AI credit")
	_ = cmd.MarkFlagRequired("amount")
	_ = cmd.RegisterFlagCompletionFunc("book", cobra.FixedCompletions(book.allowed, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		limit, err := parseAmount("--amount", amount)
		if err != nil {
			return err
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			if err := s.SetCreditLimit(cmd.Context(), portalID, ledger.Book(book.value), limit); err != nil {
				return err
			}
			_, err := fmt.Fprintf(env.Stdout, "The wallet of %s may be overdrawn by %s.\n", portalID, limit)
			return err
		})
	}
	return cmd
}

func newCustomerResume(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resume",
		Short: "Top a wallet up again after declines",
		Long: `Forget what the customer's payment method declined, so that the wallet is topped up again
by its rule, with the method that there is: its bank may have been talked to. A new method
does that by itself, and so does one that paid for something else.`,
		Example: "bursar customer resume --portal portal.example.com",
		Args:    cobra.NoArgs,
	}
	data, portal := DatabaseFlags(cmd, env), portalFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			resumed, err := s.ResumeTopUps(cmd.Context(), portalID)
			if err != nil {
				return err
			}
			text := "The wallet of %s is topped up again.\n"
			if !resumed {
				text = "Nothing had stopped the top-ups of %s.\n"
			}
			_, err = fmt.Fprintf(env.Stdout, text, portalID)
			return err
		})
	}
	return cmd
}
