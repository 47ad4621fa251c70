package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
)

// errNoPrice says that something is not bought whose price nobody knows.
func errNoPrice() error {
	return &Error{Err: errors.New("the portal does not say what it costs; nothing was bought"), Code: ExitFailed,
		Hint: "it can't reach its billing, as it seems: try again in a while"}
}

func newServicePrice(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "price NAME",
		Short: "Ask what more of a service would cost",
		Long: `Ask a DocSpace portal what so many more of a service would cost until the end of its
running period, or for a whole one where none is running: what "buy" then takes from
the wallet. It takes the payer's key, and buys nothing.`,
		Example:           "bursar service price storage --quantity 100",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeService,
	}
	r := addReader(cmd, env)
	quantity := quantityFlag(cmd, "how many more (required)")
	_ = cmd.MarkFlagRequired("quantity")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := quantity()
		if err != nil {
			return err
		}
		product := findService(args[0]).name
		ask := func(client *docspace.Client, ctx context.Context) (*docspace.Payment, error) {
			return client.CalculateWallet(ctx, product, n)
		}
		return explainRefusal(read(r, cmd, ask, func(price *docspace.Payment) error {
			if price == nil {
				return errNoPrice()
			}
			if r.json() {
				return printJSON(env.Stdout, priceLine{product, n, price.Amount.Decimal(), string(price.Amount.Currency())})
			}
			_, err := fmt.Fprintln(env.Stdout, printable(amountText(price.Amount)))
			return err
		}))
	}
	return cmd
}

type priceLine struct {
	Product  string `json:"product"`
	Quantity int64  `json:"quantity"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

func newServiceSwitch(env Env, on bool) *cobra.Command {
	name, long, doing, did := "off", "Switch a service of a DocSpace portal off.", "Switch off", "Switched off"
	if on {
		name, doing, did = "on", "Switch on", "Switched on"
		long = "Switch a service of a DocSpace portal on. What is used of it from then on is paid from\nthe wallet, unasked."
	}
	cmd := &cobra.Command{
		Use:               name + " NAME",
		Short:             "Switch a service " + name,
		Long:              long + changeNotes,
		Example:           "bursar service " + name + " backup --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeService,
	}
	c := addChanger(cmd, env, false)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		service := findService(args[0])
		if service.id == 0 {
			return usage("NAME: there is no service %q; there are storage, backup, aitools, adminwallet and aisearch", args[0])
		}
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			before, err := readServices(client, ctx)
			if err != nil {
				return nil, err
			}
			return switchProposal(client, before, service, on, doing, did), nil
		})
	}
	return cmd
}

func switchProposal(client *docspace.Client, before *serviceState, service namedService, on bool, doing, did string) *proposal {
	p := &proposal{
		doing: doing, did: did, what: service.name,
		cost: []fact{{"Before", enabledText(before.enabled)}},
		line: changeLine{Change: "service off", Product: service.name},
	}
	if on {
		p.line.Change = "service on"
		if offer := before.offer(service.id); offer != nil && offer.Price != nil {
			p.line.costs(offer.Price.Amount, byWallet)
			p.cost = append(p.cost, fact{"Costs", costText(*offer)})
		}
	}
	p.send = func(ctx context.Context, _ string) (bool, error) {
		after, err := client.SetServiceState(ctx, service.id, on)
		if err == nil && after != nil {
			names := enabledNames(after)
			p.line.Enabled = &names
			p.cost = []fact{{"On now", enabledText(after)}}
		}
		return err == nil, err
	}
	return p
}

// costText says what a service costs that is switched on.
func costText(offer docspace.WalletService) string {
	text := amountText(offer.Price.Amount)
	if unit := unitText(offer); unit != "" {
		text += " for each " + unit
	}
	return text + ", from the wallet, as it is used"
}

// enabledNames returns the names of what is switched on.
func enabledNames(s *docspace.ServicesSettings) []string {
	names := []string{}
	for _, id := range s.EnabledServices {
		names = append(names, serviceOf(int(id)).name)
	}
	return names
}

func enabledText(s *docspace.ServicesSettings) string {
	if s == nil {
		return "not known"
	}
	text := ""
	for _, name := range enabledNames(s) {
		if text != "" {
			text += ", "
		}
		text += name
	}
	if text == "" {
		return "none is on"
	}
	return text
}

func newServiceBuy(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "buy NAME",
		Short: "Buy more of a service from the wallet",
		Long: `Buy so many more of a service for a DocSpace portal, at once and until the end of its
running period, or for a whole one where none is running. The wallet pays what "price"
says. Of storage, the first purchase is of 100 at least.` + paidNotes,
		Example: `bursar service buy storage --quantity 100 --dry-run
bursar service buy storage --quantity 100 --yes --idempotency-key order-7001`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeService,
	}
	c := addChanger(cmd, env, true)
	quantity := quantityFlag(cmd, "how many more (required)")
	_ = cmd.MarkFlagRequired("quantity")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := quantity()
		if err != nil {
			return err
		}
		product := findService(args[0]).name
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			price, err := client.CalculateWallet(ctx, product, n)
			if err != nil {
				return nil, err
			}
			if price == nil {
				return nil, errNoPrice()
			}
			balance, err := client.Balance(ctx)
			if err != nil {
				return nil, err
			}
			p := &proposal{
				doing: "Buy", did: "Bought", what: fmt.Sprintf("%d more of %s", n, product),
				cost: []fact{{"Costs", amountText(price.Amount)}, {"Paid from", walletText(balance)}},
				line: changeLine{Change: "service buy", Product: product, Quantity: &n, Available: pocketsOf(balance)},
				send: func(ctx context.Context, key string) (bool, error) {
					return client.BuyFromWallet(ctx, product, n, key)
				},
				seen: availableAfter(client),
			}
			p.line.costs(price.Amount, byWallet)
			return p, nil
		})
	}
	return cmd
}

func newServiceSchedule(env Env) *cobra.Command {
	var cancel, keep bool
	cmd := &cobra.Command{
		Use:   "schedule NAME",
		Short: "Say how much of a service there is from the next period on",
		Long: `Say how much of a service a DocSpace portal has from its next period on. Nothing is paid
now: the wallet pays for it when that period begins. --cancel ends the service then,
--keep takes back what was scheduled.` + changeNotes,
		Example: `bursar service schedule storage --quantity 200
bursar service schedule storage --cancel --yes
bursar service schedule storage --keep --yes`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeService,
	}
	c := addChanger(cmd, env, false)
	quantity := quantityFlag(cmd, "how many there are then")
	f := cmd.Flags()
	f.BoolVar(&cancel, "cancel", false, "none then: don't renew it")
	f.BoolVar(&keep, "keep", false, "as many as now: take back what was scheduled")
	cmd.MarkFlagsOneRequired("quantity", "cancel", "keep")
	cmd.MarkFlagsMutuallyExclusive("quantity", "cancel", "keep")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var next *int64
		switch {
		case cancel:
			next = new(int64)
		case !keep:
			n, err := quantity()
			if err != nil {
				return err
			}
			next = &n
		}
		service := findService(args[0])
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			before, err := readServices(client, ctx)
			if err != nil {
				return nil, err
			}
			return scheduleProposal(client, before, service, next, c.env), nil
		})
	}
	return cmd
}

func scheduleProposal(client *docspace.Client, before *serviceState, service namedService, next *int64, env Env) *proposal {
	p := &proposal{
		doing: "Schedule", did: "Scheduled", what: service.name,
		line: changeLine{Change: "service schedule", Product: service.name, Quantity: next},
		send: func(ctx context.Context, _ string) (bool, error) { // the same again is the same
			return client.ScheduleWallet(ctx, service.name, next, "")
		},
	}
	part := before.has(int(service.id))
	if part == nil {
		p.cost = []fact{{"Now", "none that is paid by the period, as the portal says"}}
	} else {
		p.cost = []fact{{"Now", strconv.FormatInt(part.Quantity, 10)}, {"Until", dueText(dueOf(before.tariff, *part), env.Now())}}
	}
	after := part
	switch {
	case next == nil:
		p.cost = append(p.cost, fact{"Then", "as many as now"})
	case *next == 0:
		p.cost = append(p.cost, fact{"Then", "none: it ends"})
		return p
	default:
		p.cost = append(p.cost, fact{"Then", strconv.FormatInt(*next, 10)})
		after = &docspace.TariffQuota{Quantity: *next}
	}
	if offer := before.offer(service.id); offer != nil && offer.Price != nil && after != nil {
		if price, err := offer.Price.Amount.Mul(after.Quantity); err == nil {
			p.line.PeriodPrice, p.line.Currency, p.line.PaidFrom = price.Decimal(), price.Currency(), byWallet
			p.cost = append(p.cost, fact{"Costs", amountText(price) + " a period then, from the wallet"})
		}
	}
	return p
}

func newServiceCredit(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "credit-ai AMOUNT",
		Short: "Buy AI credit from the wallet",
		Long: `Move an amount from the wallet of a DocSpace portal to its AI credit, which AI tools are
paid from. It can't be moved back. AMOUNT is like USD=25.50, or like 25.50 in the
currency of the portal's choice.` + paidNotes,
		Example: `bursar service credit-ai USD=25.50 --dry-run
bursar service credit-ai USD=25.50 --yes --idempotency-key credit-june`,
		Args: cobra.ExactArgs(1),
	}
	c := addChanger(cmd, env, true)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		amount, err := parsePart("AMOUNT", args[0])
		if err != nil {
			return err
		}
		if amount.Sign() <= 0 {
			return usage("AMOUNT: %q is not more than nought", args[0])
		}
		return c.run(cmd, func(ctx context.Context, client *docspace.Client) (*proposal, error) {
			before, err := client.Balance(ctx)
			if err != nil {
				return nil, err
			}
			p := &proposal{
				doing: "Buy", did: "Bought", what: amountText(amount) + " of AI credit",
				cost: []fact{{"Costs", amountText(amount)}, {"Paid from", walletText(before)}},
				line: changeLine{Change: "service credit-ai", Available: pocketsOf(before)},
				seen: availableAfter(client),
			}
			p.line.costs(amount, byWallet)
			p.send = func(ctx context.Context, key string) (bool, error) {
				paid, err := client.CreditAIBalance(ctx, amount, key)
				if err != nil {
					return false, err
				}
				p.line.costs(paid.Amount, byWallet)
				p.line.Operation = paid.OperationID
				p.cost = []fact{{"Paid", amountText(paid.Amount)}}
				return true, nil
			}
			return p, nil
		})
	}
	return cmd
}
