package notice_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/notice"
)

// at is a moment in the summer of 2026, so many hours later.
func at(hours int) event.Time {
	return event.At(time.Date(2026, 7, 8, 11, 39, 43, 0, time.UTC).Add(time.Duration(hours) * time.Hour))
}

func sum(t *testing.T, text string) event.Money {
	t.Helper()
	number, code, _ := strings.Cut(text, " ")
	a, err := money.Parse(number, money.Currency(code))
	if err != nil {
		t.Fatal(err)
	}
	return event.Sum(a)
}

func plan(t *testing.T, id int) *catalog.Plan {
	t.Helper()
	p, ok := catalog.Stock().Plan(id)
	if !ok {
		t.Fatalf("there is no plan %d", id)
	}
	return p
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// notices are what is told, as it may happen, by the names of their golden files.
func notices(t *testing.T) map[string]notice.Notice {
	business, storage := plan(t, -14), plan(t, -11)
	subscribed := event.Subscribed{Plan: -14, Name: "adminwallet", Quantity: 5, PaidFrom: "wallet"}
	room := event.Subscribed{Plan: -11, Name: "storage", Service: "disk-storage", Quantity: 100, PaidFrom: "wallet"}
	card := event.Subscribed{Plan: -9, Name: "admin", Quantity: 5, PaidFrom: "card"}
	const visa = "Visa •••• 4242"
	nine, usd := int64(9), func(text string) event.Money { return sum(t, text+" USD") }
	declined := event.TopUpDeclined{TopUp: "t7", Collection: "c12", Amount: usd("1250"), Reason: "insufficient_funds", Declines: 2, RetryAt: at(6), Method: visa}
	suspended := event.TopUpSuspended{TopUp: "t9", Reason: "expired_card", Declines: 4, Available: usd("3.20"), Method: visa}
	pastDue := event.SubscriptionPastDue{
		Subscribed: subscribed, NextQuantity: 5, Amount: usd("100"), DueAt: at(0), PastDueSince: at(0), GraceEnds: at(240),
		Attempt: 2, NextAttemptAt: at(72), Shortfall: usd("88.40"), Reason: "insufficient_funds",
	}
	last := pastDue
	last.Subscribed, last.Shortfall, last.Reason, last.NextAttemptAt, last.Attempt = card, event.Money{}, "card_declined", event.Time{}, 4
	unpaid := event.SubscriptionCancelled{Subscribed: room, QuantityBefore: 100, Reason: "unpaid", EndedAt: at(72), PastDueSince: at(0), Attempt: 3}
	unpaid.Quantity = 0
	closed := event.SubscriptionCancelled{Subscribed: subscribed, QuantityBefore: 5, Reason: "unpaid", EndedAt: at(240), PastDueSince: at(0), Attempt: 4}
	runway := event.RunwayLow{Balance: usd("42.17"), Days: 5, LowDays: 3, HighDays: &nine, WarnDays: 7, EmptyAt: at(5 * 24)}
	due := event.SubscriptionDue{Subscribed: subscribed, NextQuantity: 5, Amount: usd("100"), DueAt: at(7 * 24)}
	short, raised := due, due
	short.Shortfall = usd("57.83")
	raised.NextQuantity, raised.Needed, raised.Amount, raised.Shortfall = 7, 7, usd("140"), usd("97.83")
	ordered, overused := due, due
	ordered.NextQuantity, ordered.Amount = 3, usd("60")
	overused.Needed = 7
	byCard, elsewhere := due, due
	elsewhere.Subscribed = event.Subscribed{Plan: -9, Name: "admin", Quantity: 5}
	byCard.Subscribed = card

	all := map[string]notice.Notice{
		"topup-declined":           {Data: declined},
		"topup-declined-operator":  {Data: declined, To: notice.Operator, PayerEmail: "olivia@example.com"},
		"topup-suspended":          {Data: suspended},
		"topup-suspended-operator": {Data: suspended, To: notice.Operator},
		"topup-resumed":            {Data: event.TopUpResumed{Reason: "new_method", Method: "Mastercard •••• 4444"}, TopUps: true},
		"topup-skipped":            {Data: event.TopUpSkipped{Reason: "cap_day", Limit: usd("100"), Amount: usd("50"), Available: usd("3.20"), Floor: usd("10"), Target: usd("53.20"), RetryAt: at(11)}},
		"topup-skipped-count":      {Data: event.TopUpSkipped{Reason: "cap_count", Available: usd("3.20"), Floor: usd("10"), Target: usd("53.20"), RetryAt: at(11)}},
		"topup-skipped-no-method":  {Data: event.TopUpSkipped{Reason: "no_method", Amount: usd("50"), Available: usd("3.20"), Floor: usd("10")}},
		"due":                      {Data: due, Ahead: 24 * time.Hour, Plan: business},
		"due-short":                {Data: short, Ahead: 24 * time.Hour, Plan: business},
		"due-short-top-up":         {Data: short, Ahead: 24 * time.Hour, Plan: business, TopUps: true},
		"due-raised":               {Data: raised, Ahead: 24 * time.Hour, Plan: business, TopUps: true},
		"due-elsewhere":            {Data: elsewhere, Ahead: 24 * time.Hour, Plan: plan(t, -9)},
		"due-trial":                {Data: event.SubscriptionDue{Subscribed: event.Subscribed{Plan: -1, Name: "trial", Quantity: 1}, Amount: usd("0"), DueAt: at(7 * 24)}, Plan: plan(t, -1), Ending: catalog.EndClose},
		"due-ordered":              {Data: ordered, Ahead: 24 * time.Hour, Plan: business},
		"due-overused":             {Data: overused, Ahead: 24 * time.Hour, Plan: business},
		"due-card":                 {Data: byCard, Ahead: 24 * time.Hour, Plan: plan(t, -9), Method: visa},
		"past-due":                 {Data: pastDue, Plan: business},
		"past-due-last":            {Data: last, Plan: plan(t, -9), Method: visa},
		"past-due-operator":        {Data: pastDue, Plan: business, To: notice.Operator, PayerEmail: "olivia@example.com"},
		"ended-service":            {Data: unpaid, Plan: storage},
		"ended-plan":               {Data: closed, Plan: business, Ending: catalog.EndClose},
		"ended-plan-operator":      {Data: closed, Plan: business, Ending: catalog.EndFree, To: notice.Operator, PayerEmail: "olivia@example.com"},
		"ended-trial":              {Data: event.SubscriptionCancelled{Subscribed: event.Subscribed{Plan: -1, Name: "trial"}, QuantityBefore: 1, Reason: "trial_ended", EndedAt: at(0)}, Plan: plan(t, -1), Ending: catalog.EndFree},
		"runway-low":               {Data: runway},
		"runway-low-top-up":        {Data: event.RunwayLow{Balance: sum(t, "1200 JPY"), Days: 0, LowDays: 0, HighDays: new(int64), WarnDays: 7}, TopUps: true},
		"runway-low-operator":      {Data: runway, To: notice.Operator, PayerEmail: "olivia@example.com"},
		"webhook-gone":             {Data: notice.WebhookPaused{ID: "wh_1", URL: "https://hooks.example.com/", Gone: true, LastStatus: "410 Gone"}, To: notice.Operator},
		"webhook-paused":           {Data: notice.WebhookPaused{ID: "wh_1", Description: "accounting", URL: "https://hooks.example.com:8443/s3cret?token=s3cret", LastStatus: "503 Service Unavailable", Since: at(-120)}, To: notice.Operator},
	}
	for name, n := range all {
		if _, ours := n.Data.(notice.WebhookPaused); !ours {
			n.Portal = notice.Portal{ID: "acme", Name: "Acme & Sons", Address: "acme.example.com", Zone: berlin(t)}
		}
		all[name] = n
	}
	return all
}
