package notice

import (
	"fmt"
	"strings"

	"github.com/bursarhq/bursar/event"
)

func (w *writer) topUpDeclined(d event.TopUpDeclined) letter {
	l := letter{
		Subject: w.subject("the automatic top-up was declined"), Tone: "warn",
		Title: "The automatic top-up was declined",
		Lead:  fmt.Sprintf("The wallet should have been topped up by %s, and the payment was declined. Nothing was charged.", w.money(d.Amount)),
	}
	l.add("Amount", w.money(d.Amount))
	l.add("Payment method", line(d.Method))
	l.add("Reason", why(d.Reason))
	l.add("Declined", inARow(d.Declines))
	l.add("Tried again", w.moment(d.RetryAt))
	if w.toOperator() {
		l.next(w.informed())
		return l
	}
	l.next(whatToDo(d.Reason) + " A new payment method is tried at once.")
	l.next("If it keeps being declined, automatic top-ups are suspended, and what is paid from the wallet may end.")
	return l
}

func (w *writer) topUpSuspended(d event.TopUpSuspended) letter {
	l := letter{
		Subject: w.subject("automatic top-ups are suspended"), Tone: "bad",
		Title: "Automatic top-ups are suspended",
		Lead:  fmt.Sprintf("The payment was declined %s. Nothing is charged automatically any more until something changes.", inARow(d.Declines)),
	}
	l.add("Payment method", line(d.Method))
	l.add("Reason", why(d.Reason))
	l.add("In the wallet", w.money(d.Available))
	if w.toOperator() {
		l.next(w.informed() + " Top-ups go on with another payment method, or when somebody resumes them.")
		return l
	}
	l.next(whatToDo(d.Reason))
	l.next("Automatic top-ups go on by themselves with a new payment method. Your settings for them have not been changed.")
	return l
}

func (w *writer) topUpResumed(d event.TopUpResumed) letter {
	l := letter{
		Subject: w.subject("automatic top-ups go on"), Tone: "good",
		Title: "Automatic top-ups go on",
		Lead:  "The wallet is topped up automatically again, as your settings say.",
	}
	l.add("Payment method", orElse(line(d.Method), line(w.notice.Method)))
	switch d.Reason {
	case "new_method":
		l.add("Because", "there is a new payment method")
	case "collected":
		l.add("Because", "the payment method paid again")
	case "asked":
		l.add("Because", "somebody asked for it")
	}
	return l
}

func (w *writer) topUpSkipped(d event.TopUpSkipped) letter {
	l := letter{
		Subject: w.subject("the wallet was not topped up"), Tone: "warn",
		Title: "The wallet was not topped up",
	}
	if !isLimit(d) {
		l.Lead = "The wallet should have been topped up automatically, and there is no payment method to charge."
	} else {
		l.Lead = "The wallet should have been topped up automatically, and a limit of your settings for it is reached. Nothing was charged."
	}
	l.add("In the wallet", w.money(d.Available))
	l.add("Should be at least", w.money(d.Floor))
	l.add("Would have been charged", w.money(d.Amount))
	l.add("Limit", w.limit(d))
	l.add("Looked at again", w.moment(d.RetryAt))
	if !isLimit(d) {
		l.next("Please add a payment method in the payment settings of the portal, or put money in yourself.")
	} else {
		l.next("If you spend more than you thought you would, raise the limit, or put money in yourself.")
	}
	return l
}

// limits says what each limit of a top-up rule is of, by the name that an event or the
// rule itself has for it; "" for what is none.
func limits(name string) string {
	switch name {
	case "cap_charge":
		return "in one charge"
	case "cap_day":
		return "in 24 hours"
	case "cap_month":
		return "in 30 days"
	case "cap_count":
		return "the number of charges in 24 hours"
	}
	return ""
}

// isLimit reports whether nothing was collected because of a limit.
func isLimit(d event.TopUpSkipped) bool {
	return limits(d.Reason) != ""
}

// limit says which limit was reached: "100.00 USD in 24 hours".
func (w *writer) limit(d event.TopUpSkipped) string {
	return strings.TrimSpace(w.money(d.Limit) + " " + limits(d.Reason))
}

func times(n int64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// inARow says how often something happened and nothing else between.
func inARow(n int64) string {
	if n == 1 {
		return times(n)
	}
	return times(n) + " in a row"
}

func (w *writer) runwayLow(d event.RunwayLow) letter {
	l := letter{
		Subject: w.subject("the wallet is running low"), Tone: "warn",
		Title: "The wallet is running low",
		Lead:  fmt.Sprintf("At the rate of the last weeks, the money in the wallet lasts %s.", days(d.Days)),
	}
	l.add("In the wallet", w.money(d.Balance))
	l.add("Lasts", w.band(d))
	l.add("Empty about", w.moment(d.EmptyAt))
	switch {
	case w.toOperator():
		l.next(w.informed())
	case w.notice.TopUps:
		l.next("An automatic top-up is on. Please see whether its limits and the payment method are still right, or put money in yourself.")
	default:
		l.next("Please put money in, or turn automatic top-ups on, in the payment settings of the portal. Without money, what is paid from the wallet ends.")
	}
	return l
}

// band says how long it lasts at least and at most: "3 to 9 days".
func (w *writer) band(d event.RunwayLow) string {
	switch {
	case d.HighDays == nil:
		return "at least " + days(d.LowDays)
	case *d.HighDays == d.LowDays:
		return days(d.LowDays)
	case d.LowDays < 1:
		return "at most " + days(*d.HighDays)
	}
	return fmt.Sprintf("%d to %s", d.LowDays, days(*d.HighDays))
}
