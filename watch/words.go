package watch

import (
	"cmp"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/foreign"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// maxText is how many characters of a text are shown.
const maxText = 200

// clean returns a text that somebody typed in as it can stand on one line of a
// terminal.
func clean(s string) string { return foreign.Line(s, maxText) }

func amountText(a money.Amount) string {
	return strings.TrimSpace(a.Grouped() + " " + clean(string(a.Currency())))
}

// signed writes an amount as a change.
func signed(a money.Amount) string {
	if a.Sign() > 0 {
		return "+" + a.Grouped()
	}
	return "−" + strings.TrimPrefix(a.Grouped(), "-")
}

func dateText(t time.Time) string {
	if t.IsZero() {
		return "no date"
	}
	return t.UTC().Format(time.DateOnly)
}

// lastsText words for how many days something lasts.
func lastsText(days int) string {
	switch {
	case days >= wallet.Horizon:
		return "over 1 year"
	case days == 1:
		return "1 day"
	}
	return strconv.Itoa(days) + " days"
}

// ageText words how long ago something was.
func ageText(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "just now"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s ago"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min ago"
	case d < 2*day:
		return strconv.Itoa(int(d/time.Hour)) + " h ago"
	}
	return strconv.Itoa(int(d/day)) + " days ago"
}

func planText(q *docspace.Quota) string {
	return cmp.Or(clean(q.Title), "plan "+strconv.Itoa(q.ID))
}

// ruleText words a top-up rule, in a word and in full; "" for one that is not known.
func ruleText(t *docspace.TopUpSettings) (word, text string) {
	switch {
	case t == nil:
		return "", ""
	case !t.Enabled:
		return "off", "off"
	}
	return "on", fmt.Sprintf("on, from %s up to %s", t.MinBalance.Grouped(), amountText(t.UpToBalance))
}

func payerText(c *docspace.CustomerInfo) string {
	switch {
	case c == nil:
		return "nobody yet"
	case c.Payer != nil:
		return cmp.Or(clean(c.Payer.DisplayName), clean(c.Email), "somebody")
	case c.Email == "":
		return ""
	}
	return "nobody"
}

// bars are how high a balance stands, in eighths.
const bars = "▁▂▃▄▅▆▇█"

// sparkline draws the last balances, as many as fit, from nought up to the highest.
func sparkline(past []money.Amount, width int) string {
	past = past[max(0, len(past)-width):]
	var most int64
	for _, a := range past {
		most = max(most, a.Units())
	}
	levels := []rune(bars)
	var b strings.Builder
	for _, a := range past {
		level := 0
		if n := a.Units(); n > 0 {
			high, low := bits.Mul64(uint64(n), uint64(len(levels)-1))
			quotient, _ := bits.Div64(high, low, uint64(most))
			level = int(quotient)
		}
		b.WriteRune(levels[level])
	}
	return b.String()
}
