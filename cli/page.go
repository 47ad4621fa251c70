package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// page is a report as people read it, before it is laid out.
type page struct {
	facts    []fact
	sections []section
}

type section struct {
	title string
	facts []fact
	grid  grid
	texts []string
}

// fact is a label and what stands beside it.
type fact struct{ label, value string }

// grid is rows of cells under headings; a heading that starts with > has its
// column set to the right.
type grid struct {
	headings []string
	rows     [][]string
}

const notSaid = "The portal does not say."

// newPage words a report for people; now is what dates are counted from.
func newPage(r *docspace.Report, lasts *fleet.Runway, now time.Time) page {
	p := page{facts: []fact{{"Portal", r.Portal}, {"Read", minute(r.RetrievedAt) + " UTC"}}}
	sections := map[docspace.Part]func() section{
		docspace.PartCustomer:   func() section { return customerSection(r.Customer) },
		docspace.PartBalance:    func() section { return balanceSection(r.Balance) },
		docspace.PartQuota:      func() section { return quotaSection(r.Quota, now) },
		docspace.PartQuotas:     func() section { return quotasSection(r.Quotas) },
		docspace.PartTopUp:      func() section { return topUpSection(r.TopUp) },
		docspace.PartCurrencies: func() section { return currenciesSection(r.Currencies) },
		fleet.PartRunway:        func() section { return runwaySection(lasts) },
	}
	for _, part := range r.Asked {
		if r.Arrived(part) {
			p.sections = append(p.sections, sections[part]())
		}
	}
	return p
}

func customerSection(c *docspace.CustomerInfo) section {
	s := section{title: "Customer"}
	if c == nil {
		s.texts = []string{"This portal has no customer: nobody pays for it yet."}
		return s
	}
	payer := "nobody: no user of the portal has the customer's address"
	switch {
	case c.Payer != nil:
		payer = c.Payer.DisplayName
	case c.Email == "":
		payer = "not known"
	}
	method := "none stored"
	if c.PaymentMethodStatus != docspace.PaymentMethodNone {
		method = strings.TrimPrefix(c.PaymentMethodType+", "+c.PaymentMethodStatus.String(), ", ")
	}
	s.facts = []fact{{"Payer", payer}, {"E-mail", c.Email}, {"Payment method", method}, {"Billing id", c.PortalID}}
	return s
}

func balanceSection(b *docspace.Balance) section {
	s := section{title: "Balance"}
	if b == nil {
		s.texts = []string{"Not known: nothing was ever paid in, or the portal can't reach its accounting."}
		return s
	}
	s.grid.headings = []string{"Currency", ">Available"}
	for _, sub := range b.SubAccounts {
		s.grid.rows = append(s.grid.rows, []string{currencyText(sub.Amount.Currency()), numberText(sub.Amount)})
	}
	if b.LastCredit != nil {
		text := "Last payment in: " + amountText(b.LastCredit.Amount)
		if !b.LastCredit.Date.IsZero() {
			text += " on " + b.LastCredit.Date.UTC().Format(time.DateOnly)
		}
		s.texts = append(s.texts, text+".")
	}
	if b.AccountNumber != 0 {
		s.texts = append(s.texts, fmt.Sprintf("Account %d.", b.AccountNumber))
	}
	return s
}

func quotaSection(q *docspace.Quota, now time.Time) section {
	s := section{title: "Plan"}
	if q == nil {
		s.texts = []string{notSaid}
		return s
	}
	s.facts = []fact{
		{"Plan", quotaTitle(*q)},
		{"Price", priceText(*q)},
		{"Trial", yesNo(q.Trial)},
		{"Due", dueText(q.DueDate, now)},
	}
	s.grid.headings = []string{"Limit", ">Used", ">Allowed"}
	var has, lacks []string
	for _, f := range q.Features {
		if on, isFlag := f.Value.Flag(); isFlag {
			name := strings.ReplaceAll(featureName(f), " ", noBreak)
			if on {
				has = append(has, name)
			} else {
				lacks = append(lacks, name)
			}
		} else if limit, ok := f.Value.Number(); ok {
			s.grid.rows = append(s.grid.rows, []string{featureName(f), usedText(f), limitText(f.Type, limit)})
		}
	}
	if len(has) > 0 {
		s.texts = append(s.texts, "Included: "+strings.Join(has, ", ")+".")
	}
	if len(lacks) > 0 {
		s.texts = append(s.texts, "Not included: "+strings.Join(lacks, ", ")+".")
	}
	return s
}

func quotasSection(offers []docspace.Quota) section {
	s := section{title: "Plans on offer"}
	if len(offers) == 0 {
		s.texts = []string{noneOf(offers)}
		return s
	}
	s.grid.headings = []string{"Plan", ">Price", "For each unit"}
	for _, q := range offers {
		var unit []string
		for _, f := range q.Features {
			n, ok := f.Value.Number()
			if !ok || n == docspace.Unlimited || n == 0 || f.ID != "manager" && f.ID != "total_size" {
				continue
			}
			name := strings.ToLower(featureName(f))
			if f.Type == docspace.FeatureCount && n == 1 {
				name = strings.TrimSuffix(name, "s")
			}
			unit = append(unit, limitText(f.Type, n)+" "+name)
		}
		s.grid.rows = append(s.grid.rows, []string{quotaTitle(q), priceText(q), strings.Join(unit, ", ")})
	}
	return s
}

func topUpSection(t *docspace.TopUpSettings) section {
	s := section{title: "Automatic top-up"}
	switch {
	case t == nil:
		s.texts = []string{notSaid}
		return s
	case t.Enabled:
		s.texts = []string{fmt.Sprintf("On: when less than %s is left, the wallet is refilled up to %s.",
			amountText(t.MinBalance), amountText(t.UpToBalance))}
	case t.UpToBalance.Sign() > 0:
		s.texts = []string{fmt.Sprintf("Off. If switched on: when less than %s is left, the wallet is refilled up to %s.",
			amountText(t.MinBalance), amountText(t.UpToBalance))}
	default:
		s.texts = []string{"Off: the wallet is never refilled by itself."}
	}
	if !t.LastModified.IsZero() && t.Currency() != "" {
		s.texts = append(s.texts, "Last changed on "+t.LastModified.UTC().Format(time.DateOnly)+".")
	}
	return s
}

func currenciesSection(list []docspace.Currency) section {
	s := section{title: "Currencies"}
	if len(list) == 0 {
		s.texts = []string{noneOf(list)}
		return s
	}
	s.grid.headings = []string{"Code", "Sign", "Name", "Country"}
	for _, c := range list {
		s.grid.rows = append(s.grid.rows, []string{currencyText(c.Code()), c.Sign(), c.NativeName, c.CountryCode})
	}
	return s
}

// noneOf words an empty list; nil is one that the portal did not send.
func noneOf[T any](list []T) string {
	if list == nil {
		return notSaid
	}
	return "None."
}

func quotaTitle(q docspace.Quota) string {
	title := q.Title
	if title == "" {
		title = fmt.Sprintf("plan %d", q.ID)
	}
	if q.NonProfit && !strings.EqualFold(title, "non-profit") {
		title += " (non-profit)"
	}
	return title
}

// priceText words the price of a quota with the time that it buys; "" where the
// portal does not say.
func priceText(q docspace.Quota) string {
	if q.Price == nil {
		return ""
	}
	if q.Free || q.Price.Amount.Sign() == 0 {
		return "free"
	}
	text := amountText(q.Price.Amount)
	if q.Price.Amount.Currency() == "" {
		text = strings.TrimSpace(q.Price.Symbol + " " + text)
	}
	if year, _ := q.Feature("year"); year.Value == docspace.FlagValue(true) {
		return text + " a year"
	}
	return text + " a month"
}

func usedText(f docspace.Feature) string {
	if f.Used == nil || f.Used.Value == nil || f.ID == "file_size" {
		return ""
	}
	if f.Type == docspace.FeatureSize {
		return docspace.SizeText(*f.Used.Value)
	}
	return strconv.FormatInt(*f.Used.Value, 10)
}

func limitText(kind docspace.FeatureType, n int64) string {
	if n == docspace.Unlimited {
		return "no limit"
	}
	if kind == docspace.FeatureSize {
		return docspace.SizeText(n)
	}
	return strconv.FormatInt(n, 10)
}

// dueText words a due date by the days until it, counted as calendar days in UTC.
func dueText(due docspace.Time, now time.Time) string {
	if due.IsZero() {
		return "no due date"
	}
	days := dayNumber(due.Time) - dayNumber(now)
	text := due.UTC().Format(time.DateOnly)
	switch {
	case days == 0:
		return text + " (today)"
	case days == 1:
		return text + " (tomorrow)"
	case days > 1:
		return fmt.Sprintf("%s (in %d days)", text, days)
	case days == -1:
		return text + " (yesterday)"
	default:
		return fmt.Sprintf("%s (%d days ago)", text, -days)
	}
}

func dayNumber(t time.Time) int64 {
	const day = 24 * 60 * 60
	seconds := t.Unix()
	if seconds < 0 {
		seconds -= day - 1
	}
	return seconds / day
}

// noBreak stands between words that must stay on one line. Layouts turn it into
// a space.
const noBreak = "\u00a0"

func amountText(a money.Amount) string {
	text := numberText(a)
	if a.Currency() != "" {
		text += noBreak + string(a.Currency())
	}
	return text
}

// numberText writes an amount's number with commas between thousands.
func numberText(a money.Amount) string { return a.Grouped() }

func currencyText(c money.Currency) string {
	if c == "" {
		return "not stated"
	}
	return string(c)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
