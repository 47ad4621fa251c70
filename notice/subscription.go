package notice

import (
	"fmt"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/event"
)

func (w *writer) due(d event.SubscriptionDue) letter {
	if d.NextQuantity == 0 {
		return w.trialEnds(d)
	}
	what := w.product(d.Subscribed)
	l := letter{
		Subject: w.subject(what + " is renewed soon"), Tone: "good",
		Title: what + " is renewed soon",
		Lead:  fmt.Sprintf("The next period of the %s costs %s, and begins on %s.", kind(d.Subscribed), w.money(d.Amount), w.moment(d.DueAt)),
	}
	l.add("What", what)
	l.add("How many", w.counted(d.NextQuantity))
	if d.NextQuantity != d.Quantity {
		l.add("Until now", w.counted(d.Quantity))
	}
	l.add("Costs", w.money(d.Amount))
	l.add("Due", w.moment(d.DueAt))
	l.add("Paid on", w.paidOn(d))
	l.add("Paid from", w.source(d.Subscribed))
	short := w.money(d.Shortfall)
	l.add("Missing", short)
	if d.Needed > d.NextQuantity {
		l.Tone = "warn"
	}
	l.next(w.inUse(d))
	switch {
	case d.PaidFrom == "card":
		l.next("You need not do anything: it is charged by itself.")
	case short == "" && d.PaidFrom == "wallet":
		l.next("The balance of the wallet covers it. You need not do anything: it is paid by itself.")
	case short == "":
	case w.notice.TopUps:
		l.next(fmt.Sprintf("The balance of the wallet does not cover it: %s is missing. The automatic top-up will charge that first.", short))
	default:
		l.Tone = "warn"
		l.next(fmt.Sprintf("The balance of the wallet does not cover it: %s is missing. Please put that in before it is to be paid, in the payment settings of the portal.", short))
	}
	if d.PaidFrom != "" {
		l.next("If you don't want it any more, cancel it before it is paid.")
	}
	return l
}

// paidOn says when the next period is paid for; "" where that is agreed elsewhere. Less
// than now is paid for when it begins.
func (w *writer) paidOn(d event.SubscriptionDue) string {
	switch {
	case d.PaidFrom == "":
		return ""
	case d.NextQuantity < d.Quantity:
		return w.moment(d.DueAt)
	}
	return w.moment(event.At(d.DueAt.Add(-w.notice.Ahead)))
}

// trialEnds says that something ends after which there is no next period.
func (w *writer) trialEnds(d event.SubscriptionDue) letter {
	l := letter{
		Subject: w.subject("the trial ends soon"), Tone: "warn",
		Title: "The trial ends soon",
		Lead:  "The time for trying the portal out is over soon, and no plan was bought.",
	}
	l.add("Ends", w.moment(d.DueAt))
	l.add("Then", w.after())
	l.next("To go on, choose a plan in the payment settings of the portal. Nothing is charged otherwise.")
	return l
}

// inUse says how what the next period is for stands to what is in use; "" where that
// does not matter.
func (w *writer) inUse(d event.SubscriptionDue) string {
	switch {
	case d.Needed > d.NextQuantity:
		return fmt.Sprintf("The next period is for %s, and what is in use needs %s. Please order more, or use less before it begins.",
			w.counted(d.NextQuantity), w.counted(d.Needed))
	case d.NextQuantity > d.Quantity && d.Needed == d.NextQuantity:
		return fmt.Sprintf("The next period is for %s in place of %s, because so much is in use. To pay for less, use less before it is paid.",
			w.counted(d.NextQuantity), w.counted(d.Quantity))
	case d.NextQuantity != d.Quantity:
		return fmt.Sprintf("The next period is for %s in place of %s, as was ordered.", w.counted(d.NextQuantity), w.counted(d.Quantity))
	}
	return ""
}

// source says what something is paid from; "" where that is not known.
func (w *writer) source(s event.Subscribed) string {
	switch s.PaidFrom {
	case "wallet":
		return "the wallet"
	case "card":
		return orElse(line(w.notice.Method), "the card")
	}
	return ""
}

func (w *writer) pastDue(d event.SubscriptionPastDue) letter {
	what := w.product(d.Subscribed)
	l := letter{
		Subject: w.subject(what + " could not be renewed"), Tone: "warn",
		Title: what + " could not be renewed",
		Lead:  fmt.Sprintf("The next period of the %s costs %s, and could not be paid.", kind(d.Subscribed), w.money(d.Amount)),
	}
	l.add("What", what)
	l.add("How many", w.counted(d.NextQuantity))
	l.add("Costs", w.money(d.Amount))
	l.add("Due", w.moment(d.DueAt))
	l.add("Paid from", w.source(d.Subscribed))
	l.add("Reason", why(d.Reason))
	l.add("Missing", w.money(d.Shortfall))
	l.add("Tried", times(d.Attempt))
	l.add("Tried again", orElse(w.moment(d.NextAttemptAt), "not by itself"))
	l.add("Ends", w.moment(d.GraceEnds))
	if w.toOperator() {
		l.next(w.informed())
		return l
	}
	if d.NextAttemptAt.IsZero() {
		l.Tone = "bad"
	}
	pay := "Please " + w.howToPay(d.Subscribed)
	if grace := w.moment(d.GraceEnds); grace != "" {
		pay += ". Until " + grace + " nothing is taken away"
	}
	l.next(pay + ".")
	return l
}

func (w *writer) ended(d event.SubscriptionCancelled) letter {
	what := w.product(d.Subscribed)
	trial := d.Reason == "trial_ended"
	l := letter{
		Subject: w.subject(what + " has ended"), Tone: "bad",
		Title: what + " has ended",
		Lead:  fmt.Sprintf("The %s was not paid for in time, and has ended.", kind(d.Subscribed)),
	}
	if trial {
		l.Subject, l.Title, l.Tone = w.subject("the trial is over"), "The trial is over", "warn"
		l.Lead = "The time for trying the portal out is over, and no plan was bought."
	} else {
		l.add("What", what)
		l.add("How many", w.counted(d.QuantityBefore))
	}
	l.add("Ended", w.moment(d.EndedAt))
	l.add("Unpaid since", w.moment(d.PastDueSince))
	if d.Attempt > 0 {
		l.add("Tried", times(d.Attempt))
	}
	if d.Service == "" {
		l.add("Now", w.after())
	}
	if w.toOperator() {
		l.next(w.informed())
		return l
	}
	switch {
	case trial:
		l.next("To go on, choose a plan in the payment settings of the portal. Nothing was charged.")
	case d.Service == "" && w.notice.Ending == catalog.EndClose:
		l.next("It begins anew as soon as it can be paid for: " + w.howToPay(d.Subscribed) + ". Nothing was charged for the time that was not paid for.")
	default:
		l.next("To have it again, choose it again in the payment settings of the portal. Nothing was charged for the time that was not paid for.")
	}
	return l
}

// howToPay says what a payer can do for something that could not be paid.
func (w *writer) howToPay(s event.Subscribed) string {
	if s.PaidFrom == "card" {
		return "use another payment method, in the payment settings of the portal"
	}
	return "put the missing money into the wallet, in the payment settings of the portal"
}

// after says what a portal has whose plan has ended; "" where that is not known.
func (w *writer) after() string {
	switch w.notice.Ending {
	case catalog.EndClose:
		return "The portal is closed until somebody pays."
	case catalog.EndFree:
		return "The portal has the free plan."
	}
	return ""
}
