package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

func newPlanBuy(env Env) *cobra.Command {
	var back, success string
	cmd := &cobra.Command{
		Use:   "buy PRODUCT",
		Short: "Print the link at which a portal's first plan is paid for",
		Long: `Print the address of the payment provider's page at which somebody buys a DocSpace
portal's first plan, with a browser: PRODUCT is admin. Nothing is bought by asking.
Whoever has paid is sent to --success-url, and who turns back to --back-url; both must
be the portal's own, or of a host that its operator allows.`,
		Example: `bursar plan buy admin --quantity 10
bursar plan buy admin --quantity 10 -o json | jq -r .url`,
		Args: cobra.ExactArgs(1),
	}
	r := addReader(cmd, env)
	quantity := quantityFlag(cmd, "for how many (required)")
	f := cmd.Flags()
	f.StringVar(&back, "back-url", "", "where the page goes back to (default: the portal)")
	f.StringVar(&success, "success-url", "", "where the page goes on to (default: the portal)")
	_ = cmd.MarkFlagRequired("quantity")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := quantity()
		if err != nil {
			return err
		}
		buy := func(client *docspace.Client, ctx context.Context) (checkout, error) {
			home := client.URL() + "/"
			link, err := client.CheckoutURL(ctx, args[0], n, orHome(back, home), orHome(success, home))
			return checkout{client.URL(), args[0], n, link}, err
		}
		return read(r, cmd, buy, func(c checkout) error {
			if c.URL == "" {
				return &Error{Err: errors.New("there is no page to buy at: the portal has a plan, or can't reach its billing"), Code: ExitFailed,
					Hint: "bursar plan show tells which; bursar plan set changes a plan"}
			}
			if r.json() {
				return printJSON(env.Stdout, c)
			}
			_, err := fmt.Fprintln(env.Stdout, cleaned(c.URL))
			return err
		})
	}
	return cmd
}

// checkout is a page at which a plan is bought.
type checkout struct {
	Portal   string `json:"portal"`
	Product  string `json:"product"`
	Quantity int64  `json:"quantity"`
	URL      string `json:"url"`
}

func orHome(address, home string) string {
	if address == "" {
		return home
	}
	return address
}

func newPlanSet(env Env) *cobra.Command {
	var product string
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change how many a portal's plan is for",
		Long: `Change how many a DocSpace portal's plan is for, from now on. It is paid by the stored
payment method: more is charged for the rest of the running period. Portals don't tell
beforehand how much that is; it is no more than what a whole period then costs more,
or all of one where none is running. Fewer than what is used is refused.` + paidNotes,
		Example: `bursar plan set --quantity 12 --dry-run
bursar plan set --quantity 12 --yes --idempotency-key order-7001`,
		Args: cobra.NoArgs,
	}
	c := addChanger(cmd, env, true)
	quantity := quantityFlag(cmd, "for how many from now on (required)")
	cmd.Flags().StringVar(&product, "product", "", "the plan's name (default: admin, or adminyear for one by the year)")
	_ = cmd.MarkFlagRequired("quantity")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		n, err := quantity()
		if err != nil {
			return err
		}
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			return proposePlan(ctx, client, product, n)
		})
	}
	return cmd
}

func proposePlan(ctx context.Context, client *docspace.Client, product string, n int64) (*proposal, error) {
	before, err := readParts(ctx, client, docspace.PartCustomer, docspace.PartQuota, docspace.PartQuotas)
	if err != nil {
		return nil, err
	}
	tariff, err := client.Tariff(ctx)
	if err != nil {
		return nil, err
	}
	if product == "" {
		product = productOf(before.Quota)
	}
	p := &proposal{
		doing: "Set", did: "Set", what: fmt.Sprintf("plan %s to %d", product, n),
		line: changeLine{Change: "plan set", Product: product, Quantity: &n, PaidFrom: byCard},
		send: func(ctx context.Context, key string) (bool, error) { return client.UpdatePlan(ctx, product, n, key) },
		seen: availableAfter(client),
	}
	p.cost = []fact{{"Before", planText(before.Quota, tariff)}, {"Then", "the portal does not say what it costs"}}
	if then := planFor(before.Quotas, before.Quota, n); then != nil {
		price := then.Price.Amount
		p.line.PeriodPrice, p.line.Currency = price.Decimal(), price.Currency()
		p.cost[1].value = priceText(*then)
		p.cost = append(p.cost, fact{"Now", differenceText(before.Quota, price)})
	}
	p.cost = append(p.cost, fact{"Paid from", methodText(before.Customer)})
	return p, nil
}

// differenceText says what a plan costs more, or less, than before.
func differenceText(has *docspace.Quota, then money.Amount) string {
	if has == nil || has.Price == nil {
		return "the part of that for the days that are left"
	}
	more, err := then.Sub(has.Price.Amount)
	switch {
	case err != nil: // another currency
		return "the part of that for the days that are left"
	case more.Sign() < 0:
		return amountText(more.Neg()) + " less for a whole period: what is not used of it may come back into the wallet"
	}
	return amountText(more) + " more for a whole period: the part of it for the days that are left"
}

// productOf returns the name of the plan that a portal has, or would have first.
func productOf(q *docspace.Quota) string {
	if q != nil {
		if year, _ := q.Feature("year"); year.Value == docspace.FlagValue(true) {
			return "adminyear"
		}
	}
	return "admin"
}

// planText says what a portal's plan is, and costs, now.
func planText(q *docspace.Quota, t *docspace.Tariff) string {
	if q == nil {
		return "not known"
	}
	text := quotaTitle(*q)
	if t != nil && t.Details != nil {
		for _, part := range t.Details.Quotas {
			if part.ID == q.ID {
				text += fmt.Sprintf(" × %d", part.Quantity)
			}
		}
	}
	if price := priceText(*q); price != "" {
		text += ", " + price
	}
	return text
}

// planFor returns so many of a portal's plan with their price for a period; nil where
// the portal does not say.
func planFor(offers []docspace.Quota, has *docspace.Quota, n int64) *docspace.Quota {
	for _, offer := range offers {
		if has == nil || offer.ID != has.ID || offer.Price == nil {
			continue
		}
		if whole, err := offer.Price.Amount.Mul(n); err == nil {
			offer.Price = &docspace.Price{Amount: whole, Symbol: offer.Price.Symbol}
			return &offer
		}
	}
	return nil
}

func newPlanMove(env Env) *cobra.Command {
	var product string
	cmd := &cobra.Command{
		Use:   "move",
		Short: "Have the wallet pay for a portal's plan",
		Long: `End the plan of a DocSpace portal that is paid by card, put what is left of it into the
wallet, charge the card with what the wallet then lacks, and buy the plan from the
wallet instead. Portals before 3.8 don't do it.` + paidNotes,
		Example: `bursar plan move --quantity 10 --dry-run
bursar plan move --quantity 10 --yes --idempotency-key move-2026`,
		Args: cobra.NoArgs,
	}
	c := addChanger(cmd, env, true)
	quantity := quantityFlag(cmd, "for how many (required)")
	cmd.Flags().StringVar(&product, "product", "adminwallet", "the name of the plan that the wallet pays for")
	_ = cmd.MarkFlagRequired("quantity")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		n, err := quantity()
		if err != nil {
			return err
		}
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			return proposeMove(ctx, client, product, n)
		})
	}
	return cmd
}

func proposeMove(ctx context.Context, client *docspace.Client, product string, n int64) (*proposal, error) {
	before, err := readParts(ctx, client, docspace.PartCustomer, docspace.PartBalance)
	if err != nil {
		return nil, err
	}
	left, err := client.SubscriptionBalance(ctx)
	refund := "not known"
	switch {
	case errors.Is(err, docspace.ErrPaymentRequired) || errors.Is(err, docspace.ErrRefused):
		// So it is, too, when this is the second time.
		refund = "nothing: " + messageOf(err)
	case err != nil:
		return nil, err
	case left != nil:
		refund = amountText(left.RemainingInWallet) + ", what is left of the plan"
	}
	price, err := movePrice(ctx, client, product, n)
	if err != nil {
		return nil, err
	}
	p := &proposal{
		doing: "Move", did: "Moved", what: fmt.Sprintf("the plan to the wallet, as %d of %s", n, product),
		line: changeLine{Change: "plan move", Product: product, Quantity: &n, Available: pocketsOf(before.Balance), PaidFrom: byWallet},
		send: func(ctx context.Context, key string) (bool, error) { return client.MoveToWallet(ctx, product, n, key) },
		seen: availableAfter(client),
	}
	costs := "the portal does not say"
	if price != nil {
		p.line.costs(price.Amount, byWallet)
		costs = amountText(price.Amount)
	}
	p.cost = []fact{
		{"Given back", refund}, {"Costs", costs}, {"Paid from", walletText(before.Balance)},
		{"What lacks", "is charged to " + methodText(before.Customer)},
	}
	return p, nil
}

// movePrice returns what a plan that the wallet pays for costs for its first period;
// nil when the portal does not say. A portal whose wallet was never used calculates
// nothing, but has the price of one.
func movePrice(ctx context.Context, client *docspace.Client, product string, n int64) (*docspace.Payment, error) {
	price, err := client.CalculateWallet(ctx, product, n)
	service := findService(product)
	if !errors.Is(err, docspace.ErrNotFound) || service.id == 0 {
		return price, err
	}
	offer, offerErr := client.WalletService(ctx, service.id)
	if offerErr != nil || offer == nil || offer.Price == nil {
		return nil, err
	}
	whole, err := offer.Price.Amount.Mul(n)
	return &docspace.Payment{Amount: whole, Quantity: n}, err
}
