package webpage

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// section is all that a page says of one portal, in words.
type section struct {
	Many    bool // there are others
	Failure string
	Wallets []card // what there is, and how long it lasts
	Facts   []card
	Pockets []pocket
	Coming  *coming
	Use     *use
}

// card is a small thing to know, with what explains it.
type card struct {
	Label, Value string
	Lines        []string
	Failure      string
	Band         *band
}

// band is for how many days something lasts, drawn from today to the best case. AtWorst
// and AtBest are "" where they are alike; nothing is drawn then.
type band struct {
	Worst, Likely         int // of size
	Text, AtWorst, AtBest string
}

// pocket is what happened in one currency.
type pocket struct {
	Currency string
	Chart    chart
	Spending spending
}

// coming is what is going to be paid.
type coming struct {
	Rows []due
	Note string
}

// due is one payment to come.
type due struct{ Date, In, What, From, Amount string }

// use is what a plan allows, and what is used of it.
type use struct {
	Rows []limit
	Note string
}

// limit is one thing that is counted.
type limit struct {
	Name, Used, Allowed string
	Bar                 int // how much is used, of size; -1 where there is no limit
	Full                bool
}

func (p *Page) section(portal *Portal) section {
	s := section{Many: p.Many}
	if err := portal.unread(); err != nil {
		s.Failure = failureText(err)
		return s
	}
	s.Wallets, s.Facts = p.wallets(portal), slices.Concat(p.plan(portal), rule(portal), payer(portal))
	if portal.has(docspace.PartBalance) && portal.Balance != nil {
		for _, sub := range portal.Balance.SubAccounts {
			currency := sub.Amount.Currency()
			s.Pockets = append(s.Pockets, pocket{currencyText(currency), newChart(portal, sub.Amount), newSpending(portal.History, currency)})
		}
	}
	if portal.has(docspace.PartQuota) {
		s.Coming, s.Use = p.coming(portal), p.use(portal.Quota)
	}
	return s
}

// wallets are the cards of what there is, and how long it lasts.
func (p *Page) wallets(portal *Portal) []card {
	switch {
	case portal.failed(docspace.PartBalance) != nil:
		return []card{{Label: "Balance", Failure: failureText(portal.failed(docspace.PartBalance))}}
	case !portal.has(docspace.PartBalance):
		return p.runways(portal)
	case portal.Balance == nil:
		return []card{{Label: "Balance", Value: "Not known", Lines: []string{"Nothing was ever paid in, or the portal can’t reach its accounting."}}}
	case len(portal.Balance.SubAccounts) == 0:
		return []card{{Label: "Balance", Value: "Nothing", Lines: []string{"There is nothing in the wallet."}}}
	}
	var all []card
	for _, sub := range portal.Balance.SubAccounts {
		c := card{Label: "Balance", Value: amountText(sub.Amount)}
		p.lasts(&c, portal, sub.Amount.Currency())
		all = append(all, c)
	}
	if last := portal.Balance.LastCredit; last != nil && !last.Date.IsZero() {
		all[0].Lines = append(all[0].Lines, "Last payment in: "+amountText(last.Amount)+" on "+dateText(last.Date.Time))
	}
	return all
}

// runways are cards where the balance was not asked for.
func (p *Page) runways(portal *Portal) (all []card) {
	if portal.Runway == nil {
		return nil
	}
	for _, pocket := range portal.Runway.Pockets {
		c := card{Label: "Wallet", Value: amountText(pocket.Available)}
		p.lasts(&c, portal, pocket.Available.Currency())
		all = append(all, c)
	}
	return all
}

// lasts adds to a card for how long a pocket lasts.
func (p *Page) lasts(c *card, portal *Portal, currency money.Currency) {
	if err := portal.failed(fleet.PartRunway); err != nil {
		c.Lines = append(c.Lines, "How long it lasts could not be read: "+shown(err.Error())+".")
		return
	}
	runway, there := portal.lasting(currency)
	switch {
	case !there:
		return
	case !runway.Known:
		c.Lines = append(c.Lines, fmt.Sprintf("How long it lasts is known after %d whole days; there are %d.", wallet.RunwayHistory, runway.Days))
		return
	}
	days := runway.Alone
	c.Band = &band{
		Worst:  part(size, uint64(days.Pessimistic), uint64(max(days.Optimistic, 1))),
		Likely: part(size, uint64(days.Likely), uint64(max(days.Optimistic, 1))),
		Text:   "Lasts " + lastsText(days.Likely), AtWorst: lastsText(days.Pessimistic) + " at worst", AtBest: lastsText(days.Optimistic) + " at best",
	}
	if days.Likely < wallet.Horizon {
		c.Band.Text += ", until about " + dateText(p.Now.AddDate(0, 0, days.Likely))
	}
	if runway.Weekly.Likely.Sign() > 0 {
		c.Lines = append(c.Lines, "About "+amountText(runway.Weekly.Likely)+" spent a week")
	}
	switch {
	case !runway.Refilled:
	case runway.Refills.Likely >= wallet.Horizon:
		c.Lines = append(c.Lines, "Before that, its top-up rule refills it")
	default:
		c.Lines = append(c.Lines, "Refilled by its top-up rule, it lasts "+lastsText(runway.Refills.Likely))
	}
}

// lasting returns for how long a pocket lasts; false where nobody asked, or the portal
// does not say.
func (p *Portal) lasting(c money.Currency) (fleet.PocketRunway, bool) {
	if p.Report == nil || p.Runway == nil {
		return fleet.PocketRunway{}, false
	}
	for _, pocket := range p.Runway.Pockets {
		if pocket.Available.Currency() == c {
			return pocket, true
		}
	}
	return fleet.PocketRunway{}, false
}

func (p *Page) plan(portal *Portal) []card {
	switch {
	case portal.failed(docspace.PartQuota) != nil:
		return []card{{Label: "Plan", Failure: failureText(portal.failed(docspace.PartQuota))}}
	case !portal.has(docspace.PartQuota):
		return nil
	case portal.Quota == nil:
		return []card{{Label: "Plan", Value: "Not known", Lines: []string{"The portal does not say."}}}
	}
	c := card{Label: "Plan", Value: planTitle(portal.Quota)}
	if price := priceText(portal.Quota); price != "" {
		c.Lines = append(c.Lines, price)
	}
	if portal.Quota.Trial {
		c.Lines = append(c.Lines, "A trial")
	}
	if due := portal.Quota.DueDate; !due.IsZero() {
		c.Lines = append(c.Lines, "Due "+dateText(due.Time)+", "+inDays(daysUntil(due.Time, p.Now)))
	} else {
		c.Lines = append(c.Lines, "No due date")
	}
	return []card{c}
}

func rule(portal *Portal) []card {
	c := card{Label: "Automatic top-up"}
	t := portal.topUp()
	switch {
	case portal.failed(docspace.PartTopUp) != nil:
		c.Failure = failureText(portal.failed(docspace.PartTopUp))
	case !portal.has(docspace.PartTopUp):
		return nil
	case t == nil:
		c.Value, c.Lines = "Not known", []string{"The portal does not say."}
	case t.Enabled:
		c.Value, c.Lines = "On", []string{fmt.Sprintf("When less than %s is left, the wallet is refilled up to %s.", amountText(t.MinBalance), amountText(t.UpToBalance))}
	case t.UpToBalance.Sign() > 0:
		c.Value, c.Lines = "Off", []string{fmt.Sprintf("If switched on: from below %s up to %s.", amountText(t.MinBalance), amountText(t.UpToBalance))}
	default:
		c.Value, c.Lines = "Off", []string{"The wallet is never refilled by itself."}
	}
	return []card{c}
}

func (p *Portal) topUp() *docspace.TopUpSettings {
	if p.Report == nil {
		return nil
	}
	return p.TopUp
}

func payer(portal *Portal) []card {
	c := card{Label: "Who pays"}
	switch {
	case portal.failed(docspace.PartCustomer) != nil:
		c.Failure = failureText(portal.failed(docspace.PartCustomer))
		return []card{c}
	case !portal.has(docspace.PartCustomer):
		return nil
	case portal.Customer == nil:
		c.Value, c.Lines = "Nobody yet", []string{"This portal has no customer."}
		return []card{c}
	}
	customer := portal.Customer
	switch {
	case customer.Payer != nil:
		c.Value = cmp.Or(shown(customer.Payer.DisplayName), "Somebody without a name")
	case customer.Email == "":
		c.Value = "Not known"
	default:
		c.Value, c.Lines = "Nobody", []string{"No user of the portal has the customer’s address."}
	}
	if email := shown(customer.Email); email != "" {
		c.Lines = append(c.Lines, email)
	}
	method := cmp.Or(shown(customer.PaymentMethodType), "a stored method")
	switch customer.PaymentMethodStatus {
	case docspace.PaymentMethodNone:
		method = "No payment method is stored"
	case docspace.PaymentMethodSet:
		method = "Pays by " + method
	default:
		method = "Pays by " + method + ", which is " + customer.PaymentMethodStatus.String()
	}
	c.Lines = append(c.Lines, method)
	return []card{c}
}

// coming says what is going to be paid; without a list, when the plan is due.
func (p *Page) coming(portal *Portal) *coming {
	c := &coming{}
	payments := slices.SortedStableFunc(slices.Values(portal.Upcoming), func(a, b docspace.UpcomingPayment) int {
		return a.DueDate.Compare(b.DueDate.Time)
	})
	for _, u := range payments {
		row := due{What: cmp.Or(shown(u.Title), shown(u.Name), "plan "+strconv.Itoa(u.ID)), From: "stored method", Amount: amountText(u.Amount)}
		if u.Wallet {
			row.From = "wallet"
		}
		if u.Quantity > 1 {
			row.What += " × " + strconv.FormatInt(u.Quantity, 10)
			if unit := shown(u.UnitOfMeasure); unit != "" {
				row.What += noBreak + unit
			}
		}
		row.Date, row.In = "no date", ""
		if !u.DueDate.IsZero() {
			row.Date, row.In = p.when(u.DueDate.Time)
		}
		c.Rows = append(c.Rows, row)
	}
	if q := portal.Quota; len(c.Rows) == 0 && q != nil && !q.DueDate.IsZero() {
		row := due{What: planTitle(q), Amount: cmp.Or(priceText(q), "not stated")}
		row.Date, row.In = p.when(q.DueDate.Time)
		c.Rows = []due{row}
		if portal.Upcoming == nil {
			c.Note = "The portal does not list what is going to be paid; this is its plan’s date."
		}
	}
	if len(c.Rows) == 0 {
		c.Note = "Nothing is due."
	}
	return c
}

func (p *Page) when(t time.Time) (date, in string) {
	return dateText(t), inDays(daysUntil(t, p.Now))
}

// use says what is used of a plan.
func (p *Page) use(q *docspace.Quota) *use {
	if q == nil {
		return nil
	}
	u := &use{}
	for _, f := range q.Features {
		allowed, counted := f.Value.Number()
		if !counted || f.Used == nil || f.Used.Value == nil || f.ID == "file_size" {
			continue // of the largest file nothing is used up
		}
		used := *f.Used.Value
		row := limit{Name: p.feature(f), Used: numberText(f.Type, used), Allowed: "no limit", Bar: -1}
		if allowed >= 0 {
			row.Allowed = "of " + numberText(f.Type, allowed)
			row.Bar, row.Full = size, used > 0
			if used < allowed {
				row.Bar, row.Full = part(size, uint64(max(used, 0)), uint64(allowed)), false
			}
			row.Full = row.Full && used >= allowed
		}
		u.Rows = append(u.Rows, row)
	}
	if len(u.Rows) == 0 {
		u.Note = "The portal does not say what is used."
	}
	return u
}

// feature returns what to call a feature.
func (p *Page) feature(f docspace.Feature) string {
	name := f.Title
	if p.FeatureName != nil {
		name = p.FeatureName(f)
	}
	return cmp.Or(shown(name), shown(f.ID), "something without a name")
}

func numberText(kind docspace.FeatureType, n int64) string {
	if kind == docspace.FeatureSize {
		return docspace.SizeText(n)
	}
	return strconv.FormatInt(n, 10)
}
