package webpage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// chart is a balance over time, to be drawn. The zero chart is none; Note says why.
type chart struct {
	Title, Description string
	Span               string // of what days it is
	Last               string // the balance now
	Line, Area         string // paths
	End                int    // how low the line ends
	Grid               []int  // how low the lines across are, but for Zero
	Zero               int
	Amounts, Days      []string // along the axes
	Floor              *floor
	Weeks              []week
	Note               string
}

// floor is where a rule refills the wallet.
type floor struct {
	Y    int
	Text string
}

// week is a row of the table with the same numbers.
type week struct{ From, In, Out, Balance string }

// newChart draws how a wallet came to what is in one of its pockets.
func newChart(p *Portal, available money.Amount) chart {
	currency := available.Currency()
	if p.HistoryErr != nil {
		return chart{Note: "What happened in the wallet: " + lower(failureText(p.HistoryErr))}
	}
	if p.History == nil {
		return chart{Note: "The portal does not say what happened in the wallet."}
	}
	past, err := p.History.Wallet(available)
	if errors.Is(err, fleet.ErrNothingHappened) {
		return chart{Note: fmt.Sprintf("Nothing happened in %s in the last %d days.", currencyText(currency), chartDays)}
	}
	if err != nil {
		return chart{Note: "The operations can't be added up: " + shown(err.Error()) + "."}
	}
	if len(past.Movements) == 0 && !p.History.Cut {
		return chart{Note: fmt.Sprintf("It was %s all the time: nothing came in or went out in the last %d days.", amountText(available), chartDays)}
	}
	rule, ruled := p.ruleIn(currency)
	c, err := draw(past, rule, ruled)
	if err != nil {
		return chart{Note: "The operations can't be drawn: " + shown(err.Error()) + "."}
	}
	c.Last = amountText(available)
	c.Title = fmt.Sprintf("Balance in %s, %s", currencyText(currency), c.Span)
	if p.History.Cut {
		c.Note = fmt.Sprintf("These are the newest %d operations; what was before %s is not read.", len(p.History.Operations), dayText(past.From))
	}
	return c
}

// ruleIn returns the amount below which the wallet is refilled; false for never.
func (p *Portal) ruleIn(c money.Currency) (money.Amount, bool) {
	if !p.has(docspace.PartTopUp) || p.TopUp == nil || !p.TopUp.Enabled || p.TopUp.MinBalance.Currency() != c {
		return money.Amount{}, false
	}
	return p.TopUp.MinBalance, true
}

// draw makes lines of a wallet's past.
func draw(past wallet.History, rule money.Amount, ruled bool) (c chart, err error) {
	low, high, end := past.Available, past.Available, past.Available
	for _, m := range past.Movements {
		if end, err = end.Add(m.Amount); err != nil {
			return c, err
		}
		if end.Units() < low.Units() {
			low = end
		}
		if end.Units() > high.Units() {
			high = end
		}
	}
	top := high
	if ruled && rule.Units() > top.Units() {
		top = rule
	}
	scale, ok := newAxis(low, top)
	if !ok {
		return c, errors.New("the amounts are too large")
	}
	c.Span = dayText(past.From) + " to " + dayText(past.To)
	c.Description = fmt.Sprintf("It began with %s, was between %s and %s, and ended with %s.",
		amountText(past.Available), amountText(low), amountText(high), amountText(end))
	c.Line = line(past, scale)
	c.Zero, c.End = scale.y(0), scale.y(end.Units())
	c.Area = fmt.Sprintf("%sV%dH0Z", c.Line, c.Zero)
	for _, tick := range scale.ticks {
		c.Amounts = append(c.Amounts, tickText(tick))
		if tick.Sign() != 0 {
			c.Grid = append(c.Grid, scale.y(tick.Units()))
		}
	}
	const spaces = 3
	for i := range spaces + 1 {
		c.Days = append(c.Days, tickDay(past.From.Add(past.To.Sub(past.From)/spaces*time.Duration(i))))
	}
	if ruled && rule.Sign() > 0 {
		c.Floor = &floor{scale.y(rule.Units()), "Refilled below " + amountText(rule)}
	}
	c.Weeks, err = weeks(past)
	return c, err
}

// line draws the balance as steps. What happens within a thousandth of the time is one
// upright line from the lowest balance to the highest, so that a path is bounded
// however much happens.
func line(past wallet.History, scale axis) string {
	var b strings.Builder
	units := past.Available.Units()
	at, last := 0, scale.y(units)
	fmt.Fprintf(&b, "M0 %d", last)
	top, bottom := last, last
	rise := func() {
		for _, y := range []int{top, bottom} {
			if y != last {
				b.WriteString("V" + strconv.Itoa(y))
				last = y
			}
		}
		if now := scale.y(units); now != last {
			b.WriteString("V" + strconv.Itoa(now))
			last = now
		}
		top, bottom = last, last
	}
	for _, m := range past.Movements {
		if to := x(m.At, past.From, past.To); to != at {
			rise()
			b.WriteString("H" + strconv.Itoa(to))
			at = to
		}
		units += m.Amount.Units() // draw has added these up before
		y := scale.y(units)
		top, bottom = min(top, y), max(bottom, y)
	}
	rise()
	if at != size {
		b.WriteString("H" + strconv.Itoa(size))
	}
	return b.String()
}

// weeks adds up what came in and went out in each seven days up to the end, and in what
// is left at the beginning.
func weeks(past wallet.History) (all []week, err error) {
	const long = 7 * day
	rest := past.To.Sub(past.From) % long
	from, to := past.From, past.From.Add(rest)
	if rest == 0 {
		to = from.Add(long)
	}
	balance, movements := past.Available, past.Movements
	for from.Before(past.To) {
		in, out := money.FromUnits(0, balance.Currency()), money.FromUnits(0, balance.Currency())
		for ; len(movements) > 0 && movements[0].At.Before(to); movements = movements[1:] {
			amount := movements[0].Amount
			if amount.Sign() > 0 {
				in, err = in.Add(amount)
			} else {
				out, err = out.Sub(amount)
			}
			if err != nil {
				return nil, err
			}
			if balance, err = balance.Add(amount); err != nil {
				return nil, err
			}
		}
		all = append(all, week{dateText(from), in.Grouped(), out.Grouped(), balance.Grouped()})
		from, to = to, to.Add(long)
	}
	return all, nil
}

func lower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
