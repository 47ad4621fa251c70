package webpage

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/foreign"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

const (
	// maxText is how many characters of a text are shown.
	maxText = 160
	noBreak = "\u00a0"
)

// shown returns a text that somebody typed in as it can stand on one line of a page.
func shown(s string) string { return foreign.Line(s, maxText) }

// amountText writes an amount with commas between thousands, and its currency.
func amountText(a money.Amount) string {
	if a.Currency() == "" {
		return a.Grouped()
	}
	return a.Grouped() + noBreak + shown(string(a.Currency()))
}

// tickText writes an amount on an axis: without places that say nothing.
func tickText(a money.Amount) string {
	text := a.Grouped()
	if whole, fraction, _ := strings.Cut(text, "."); strings.Trim(fraction, "0") == "" {
		return whole
	}
	return text
}

func currencyText(c money.Currency) string {
	if c == "" {
		return "no currency stated"
	}
	return shown(string(c)) // a portal may send anything
}

func dayText(t time.Time) string    { return t.UTC().Format("2 January 2006") }
func dateText(t time.Time) string   { return t.UTC().Format("2" + noBreak + "Jan" + noBreak + "2006") }
func tickDay(t time.Time) string    { return t.UTC().Format("2" + noBreak + "Jan") }
func minuteText(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// daysUntil counts calendar days of UTC.
func daysUntil(t, now time.Time) int {
	return int(t.UTC().Truncate(day).Sub(now.UTC().Truncate(day)) / day)
}

// inDays words a number of days from today.
func inDays(n int) string {
	switch {
	case n == 0:
		return "today"
	case n == 1:
		return "tomorrow"
	case n == -1:
		return "yesterday"
	case n < 0:
		return strconv.Itoa(-n) + " days ago"
	}
	return "in " + strconv.Itoa(n) + " days"
}

// lastsText words for how many days a wallet lasts.
func lastsText(days int) string {
	switch {
	case days >= wallet.Horizon:
		return "over a year"
	case days == 1:
		return "1" + noBreak + "day"
	}
	return strconv.Itoa(days) + noBreak + "days"
}

func planTitle(q *docspace.Quota) string {
	title := shown(q.Title)
	if title == "" {
		title = fmt.Sprintf("Plan %d", q.ID)
	}
	if q.NonProfit && !strings.EqualFold(title, "non-profit") {
		title += " (non-profit)"
	}
	return title
}

// priceText words what a plan costs; "" where the portal does not say.
func priceText(q *docspace.Quota) string {
	switch {
	case q.Price == nil:
		return ""
	case q.Free || q.Price.Amount.Sign() == 0:
		return "free"
	}
	text := amountText(q.Price.Amount)
	if q.Price.Amount.Currency() == "" {
		text = strings.TrimSpace(shown(q.Price.Symbol) + " " + text)
	}
	if year, _ := q.Feature("year"); year.Value == docspace.FlagValue(true) {
		return text + " a year"
	}
	return text + " a month"
}

// countText words a number of things: "1 portal", "2 portals".
func countText(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// failureText says that something could not be read, and why.
func failureText(err error) string { return "Could not be read: " + shown(err.Error()) + "." }
