package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

func newTopUpRule(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topup-rule",
		Short: "See and set when a portal's wallet is refilled",
		Long: `The top-up rule of a DocSpace portal says when its wallet is refilled by itself: when
less than an amount is left, the stored payment method is charged with what is missing
up to another.`,
		Example: `bursar topup-rule show
bursar topup-rule test --min 20 --up-to 100 --currency USD
bursar topup-rule set --min 20 --up-to 100 --currency USD`,
		GroupID: GroupChange,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newTopUpRuleShow(env), newTopUpRuleSet(env), newTopUpRuleClear(env), newTopUpRuleTest(env))
	return cmd
}

func newTopUpRuleShow(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show a portal's top-up rule",
		Long:    "Show when, and how far, a DocSpace portal's wallet is refilled by itself.",
		Example: "bursar topup-rule show --portal https://portal.example.com --key-file key.txt",
		Args:    cobra.NoArgs,
	}
	r := addReader(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return read(r, cmd, (*docspace.Client).TopUpSettings, func(rule *docspace.TopUpSettings) error {
			if r.json() {
				return printJSON(env.Stdout, answerOf(rule, topUpOf))
			}
			return r.sections(topUpSection(rule))
		})
	}
	return cmd
}

func newTopUpRuleSet(env Env) *cobra.Command {
	var (
		floor, target, code string
		disable             bool
	)
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Set a portal's top-up rule",
		Long: `Set when, and how far, a DocSpace portal's wallet is refilled by itself. From then on
the stored payment method is charged whenever less than --min is left, unasked.
Nothing is charged by setting it.

Stock portals take whole major units: --min from 5 to 1000, --up-to from 6 to 5000.` + changeNotes,
		Example: `bursar topup-rule set --min 20 --up-to 100 --currency USD

# Keep the amounts, and charge nothing
bursar topup-rule set --min 20 --up-to 100 --currency USD --disable --yes`,
		Args: cobra.NoArgs,
	}
	c := addChanger(cmd, env, false)
	f := cmd.Flags()
	f.StringVar(&floor, "min", "", "refill when less than this is left (required)")
	f.StringVar(&target, "up-to", "", "refill up to this (required)")
	f.StringVar(&code, "currency", "", "the currency of both, such as USD (required)")
	f.BoolVar(&disable, "disable", false, "keep the amounts, but don't refill")
	for _, name := range []string{"min", "up-to", "currency"} {
		_ = cmd.MarkFlagRequired(name)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		rule, err := parseRule(floor, target, code, !disable)
		if err != nil {
			return err
		}
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			return proposeRule(ctx, client, rule)
		})
	}
	return cmd
}

// parseRule reads a top-up rule.
func parseRule(floor, target, code string, enabled bool) (*docspace.TopUpSettings, error) {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return nil, usage("--currency: %w", err)
	}
	rule := &docspace.TopUpSettings{Enabled: enabled}
	for _, row := range []struct {
		flag, text string
		to         *money.Amount
	}{{"--min", floor, &rule.MinBalance}, {"--up-to", target, &rule.UpToBalance}} {
		amount, err := money.Parse(row.text, currency)
		if err != nil {
			return nil, usage("%s: %w", row.flag, err)
		}
		if amount.Sign() <= 0 {
			return nil, usage("%s: %s is not more than nought", row.flag, row.text)
		}
		*row.to = amount
	}
	if rule.UpToBalance.Units() <= rule.MinBalance.Units() {
		return nil, usage("--up-to: %s is not more than --min", target)
	}
	return rule, nil
}

func proposeRule(ctx context.Context, client *docspace.Client, rule *docspace.TopUpSettings) (*proposal, error) {
	before, err := readParts(ctx, client, docspace.PartCustomer, docspace.PartTopUp)
	if err != nil {
		return nil, err
	}
	document := topUpOf(*rule)
	p := &proposal{
		doing: "Set", did: "Set", what: ruleText(rule),
		cost: []fact{{"Before", ruleText(before.TopUp)}, {"Paid from", methodText(before.Customer)}},
		line: changeLine{Change: "topup-rule set", TopUp: &document, PaidFrom: byCard, Currency: rule.Currency()},
	}
	p.send = func(ctx context.Context, _ string) (bool, error) {
		_, err := client.SetTopUpSettings(ctx, rule)
		return err == nil, err
	}
	return p, nil
}

// ruleText says a top-up rule in a few words.
func ruleText(rule *docspace.TopUpSettings) string {
	switch {
	case rule == nil:
		return "not known"
	case rule.UpToBalance.Sign() <= 0:
		return "no rule"
	}
	text := "below " + amountText(rule.MinBalance) + " up to " + amountText(rule.UpToBalance)
	if !rule.Enabled {
		text += ", off"
	}
	return text
}

func newTopUpRuleClear(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "clear",
		Short:   "Take a portal's top-up rule away",
		Long:    "Take a DocSpace portal's top-up rule away, with its amounts: its wallet is not refilled by\nitself any more." + changeNotes,
		Example: "bursar topup-rule clear --yes",
		Args:    cobra.NoArgs,
	}
	c := addChanger(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			before, err := client.TopUpSettings(ctx)
			if err != nil {
				return nil, err
			}
			return &proposal{
				doing: "Take away", did: "Taken away", what: "the top-up rule " + ruleText(before),
				line: changeLine{Change: "topup-rule clear"},
				send: func(ctx context.Context, _ string) (bool, error) {
					_, err := client.SetTopUpSettings(ctx, nil)
					return err == nil, err
				},
			}, nil
		})
	}
	return cmd
}
