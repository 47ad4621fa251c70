package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/money"
)

func newPlan(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "See, buy and change a portal's plan",
		Long: `The plan of a DocSpace portal is bought once at the payment provider's page, to which
"buy" gives the link. From then on "set" changes how many it is for, paid by the stored
payment method. "move" has the wallet pay for it from then on.`,
		Example: `bursar plan show --portal https://portal.example.com --key-file key.txt
bursar plan set --quantity 12 --dry-run`,
		GroupID: GroupChange,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newPlanShow(env), newPlanUpcoming(env), newPlanBalance(env), newPlanBuy(env), newPlanSet(env), newPlanMove(env))
	return cmd
}

// planState is what a portal has bought, and could.
type planState struct {
	portal string
	tariff *docspace.Tariff
	quota  *docspace.Quota
	quotas []docspace.Quota
}

func newPlanShow(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what a portal has bought, and could buy",
		Long: `Show until when a DocSpace portal is paid for, the plan and what is added to it, the
limits with what is used of them, and the plans on offer. Dates are UTC.`,
		Example: `bursar plan show --portal https://portal.example.com --key-file key.txt
bursar plan show -o json | jq '.tariff.parts[] | {id, quantity, nextQuantity}'`,
		Args: cobra.NoArgs,
	}
	r := addReader(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return read(r, cmd, readPlan, func(p *planState) error {
			if r.json() {
				return printJSON(env.Stdout, planDocument{
					p.portal, answerOf(p.tariff, tariffOf), answerOf(p.quota, quotaOf), answerOf(listOf(p.quotas), each(quotaOf)),
				})
			}
			return r.sections(p.bought(env.Now()), quotaSection(p.quota, env.Now()), quotasSection(p.quotas))
		})
	}
	return cmd
}

func readPlan(client *docspace.Client, ctx context.Context) (*planState, error) {
	report, err := readParts(ctx, client, docspace.PartQuota, docspace.PartQuotas)
	if err != nil {
		return nil, err
	}
	tariff, err := client.Tariff(ctx)
	return &planState{client.URL(), tariff, report.Quota, report.Quotas}, err
}

// bought shows the tariff.
func (p *planState) bought(now time.Time) section {
	s := section{title: "Bought"}
	t := p.tariff
	if t == nil {
		s.texts = []string{notSaid}
		return s
	}
	s.facts = []fact{{"State", t.State.String()}}
	if t.Dates != nil {
		s.facts = append(s.facts, fact{"Due", dueText(t.Dates.Due, now)})
		if !t.Dates.DelayDue.IsZero() {
			s.facts = append(s.facts, fact{"Grace until", dueText(t.Dates.DelayDue, now)})
		}
	}
	if t.Details == nil {
		return s
	}
	s.facts = append(s.facts, fact{"Customer", t.Details.CustomerID})
	s.grid.headings = []string{"What", ">Quantity", "Paid from", ">Next", "Due"}
	for _, part := range t.Details.Quotas {
		due, next := dueOf(t, part), ""
		if part.NextQuantity != nil {
			next = strconv.FormatInt(*part.NextQuantity, 10)
		}
		s.grid.rows = append(s.grid.rows, []string{
			p.titleOf(part), strconv.FormatInt(part.Quantity, 10), paidFrom(part.Wallet), next, dueText(due, now),
		})
	}
	return s
}

// titleOf returns what to call a part of what a portal has.
func (p *planState) titleOf(part docspace.TariffQuota) string {
	if p.quota != nil && p.quota.ID == part.ID {
		return quotaTitle(*p.quota)
	}
	for _, q := range p.quotas {
		if q.ID == part.ID {
			return quotaTitle(q)
		}
	}
	return serviceOf(part.ID).name
}

// dueOf returns when a part of a tariff ends: with the tariff where it does not say.
func dueOf(t *docspace.Tariff, part docspace.TariffQuota) docspace.Time {
	if part.DueDate.IsZero() && t.Dates != nil {
		return t.Dates.Due
	}
	return part.DueDate
}

type planDocument struct {
	Portal string           `json:"portal"`
	Tariff *tariffDocument  `json:"tariff"`
	Quota  *quotaDocument   `json:"quota"`
	Quotas *[]quotaDocument `json:"quotas"`
}

type tariffDocument struct {
	State      string     `json:"state"`
	DueDate    *time.Time `json:"dueDate"`
	GraceUntil *time.Time `json:"graceUntil"`
	// Customer and Parts are left out where the key's user may not see them.
	Customer string         `json:"customer,omitempty"`
	Parts    []partDocument `json:"parts,omitempty"`
}

type partDocument struct {
	ID       int        `json:"id"`
	Quantity int64      `json:"quantity"`
	PaidFrom string     `json:"paidFrom"`
	DueDate  *time.Time `json:"dueDate"`
	// NextQuantity is null when nothing changes.
	NextQuantity *int64 `json:"nextQuantity"`
	Overdue      bool   `json:"overdue"`
}

func tariffOf(t docspace.Tariff) tariffDocument {
	d := tariffDocument{State: t.State.String()}
	if t.Dates != nil {
		d.DueDate, d.GraceUntil = momentOf(t.Dates.Due), momentOf(t.Dates.DelayDue)
	}
	if t.Details == nil {
		return d
	}
	d.Customer = t.Details.CustomerID
	for _, part := range t.Details.Quotas {
		d.Parts = append(d.Parts, partDocument{
			ID: part.ID, Quantity: part.Quantity, PaidFrom: paidFrom(part.Wallet), DueDate: momentOf(dueOf(&t, part)), NextQuantity: part.NextQuantity,
			Overdue: part.State != nil && *part.State == docspace.QuotaOverdue,
		})
	}
	return d
}

func newPlanUpcoming(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "upcoming",
		Short:   "Show what a portal will pay next",
		Long:    "Show what a DocSpace portal will pay when its periods end. Portals before 3.8 can't say.",
		Example: "bursar plan upcoming --portal https://portal.example.com --key-file key.txt",
		Args:    cobra.NoArgs,
	}
	r := addReader(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return read(r, cmd, (*docspace.Client).UpcomingPayments, func(all []docspace.UpcomingPayment) error {
			if r.json() {
				return printJSON(env.Stdout, answerOf(listOf(all), each(upcomingOf)))
			}
			return r.sections(upcomingSection(all, env.Now()))
		})
	}
	return cmd
}

func upcomingSection(all []docspace.UpcomingPayment, now time.Time) section {
	s := section{title: "Upcoming payments"}
	if len(all) == 0 {
		s.texts = []string{noneOf(all)}
		return s
	}
	s.grid.headings = []string{"Due", "What", ">Quantity", "Paid from", ">Amount"}
	for _, u := range all {
		title := u.Title
		if title == "" {
			title = u.Name
		}
		quantity := strconv.FormatInt(u.Quantity, 10)
		if u.UnitOfMeasure != "" {
			quantity += " " + u.UnitOfMeasure
		}
		s.grid.rows = append(s.grid.rows, []string{dueText(u.DueDate, now), title, quantity, paidFrom(u.Wallet), amountText(u.Amount)})
	}
	return s
}

type upcomingDocument struct {
	ID       int            `json:"id"`
	Name     string         `json:"name"`
	Title    string         `json:"title,omitempty"`
	Quantity int64          `json:"quantity"`
	Unit     string         `json:"unit,omitempty"`
	PaidFrom string         `json:"paidFrom"`
	DueDate  *time.Time     `json:"dueDate"`
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"` // "" when the portal leaves it out
}

func upcomingOf(u docspace.UpcomingPayment) upcomingDocument {
	return upcomingDocument{
		ID: u.ID, Name: u.Name, Title: u.Title, Quantity: u.Quantity, Unit: u.UnitOfMeasure, PaidFrom: paidFrom(u.Wallet),
		DueDate: momentOf(u.DueDate), Amount: u.Amount.Decimal(), Currency: u.Amount.Currency(),
	}
}

func newPlanBalance(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "balance",
		Short: "Show what is left of a plan that is paid by card",
		Long: `Show what the rest of the running period is worth of a plan that is paid by card: what
"move" puts into the wallet. Portals before 3.8 can't say. It takes the payer's key.`,
		Example: "bursar plan balance --portal https://portal.example.com --key-file key.txt",
		Args:    cobra.NoArgs,
	}
	r := addReader(cmd, env)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return explainRefusal(read(r, cmd, (*docspace.Client).SubscriptionBalance, func(b *docspace.SubscriptionBalance) error {
			if r.json() {
				return printJSON(env.Stdout, answerOf(b, leftOf))
			}
			return r.sections(leftSection(b, env.Now()))
		}))
	}
	return cmd
}

func leftSection(b *docspace.SubscriptionBalance, now time.Time) section {
	s := section{title: "Left of the plan"}
	if b == nil {
		s.texts = []string{notSaid}
		return s
	}
	s.facts = []fact{
		{"Paid", amountText(b.TotalCost)},
		{"Left", amountText(b.Remaining)},
		{"In the wallet", amountText(b.RemainingInWallet)},
		{"Since", day(b.PeriodStart.Time)},
		{"Until", dueText(b.PeriodEnd, now)},
		{"Days used", strconv.Itoa(b.DaysElapsed)},
	}
	return s
}

type leftDocument struct {
	TotalCost         money.Amount `json:"totalCost"`
	Remaining         money.Amount `json:"remaining"`
	RemainingInWallet money.Amount `json:"remainingInWallet"`
	PeriodStart       *time.Time   `json:"periodStart"`
	PeriodEnd         *time.Time   `json:"periodEnd"`
	UsedUntil         *time.Time   `json:"usedUntil"`
	DaysElapsed       int          `json:"daysElapsed"`
}

func leftOf(b docspace.SubscriptionBalance) leftDocument {
	return leftDocument{
		b.TotalCost, b.Remaining, b.RemainingInWallet, momentOf(b.PeriodStart), momentOf(b.PeriodEnd), momentOf(b.PeriodUsedUntil), b.DaysElapsed,
	}
}
