package main

import (
	"fmt"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
	"github.com/bursarhq/bursar/wallet"
)

// sandboxAnswer is what who pays at a page does.
var sandboxAnswer = sandbox.Answer{Method: "card"}

// wish is one of the things that people want now and then.
type wish struct {
	weight int
	make   func(p *portal, key string) *intent
}

func wishes() []wish {
	return []wish{
		{30, (*portal).wantCharge},
		{8, (*portal).wantHold},
		{8, (*portal).wantEndOfHold},
		{6, (*portal).wantDeposit},
		{2, (*portal).wantPayment},
		{3, (*portal).wantService},
		{3, (*portal).wantPlan},
		{4, (*portal).wantChange},
		{4, (*portal).wantSchedule},
		{4, (*portal).wantCard},
		{4, (*portal).wantRule},
		{1, (*portal).wantAI},
		{2, (*portal).wantRefund},
		{2, (*portal).wantCorrection},
		{1, (*portal).wantUsage},
		{1, (*portal).wantZone},
	}
}

// want draws something that somebody wants; nil is nothing.
func (p *portal) want() *intent {
	all, sum := wishes(), 0
	for _, w := range all {
		sum += w.weight
	}
	n := p.random.IntN(sum)
	for _, w := range all {
		if n -= w.weight; n < 0 {
			p.intended++
			i := w.make(p, fmt.Sprintf("want-%d", p.intended))
			if i != nil {
				i.at = p.world.clock.Now()
			}
			return i
		}
	}
	return nil
}

func (p *portal) wantCharge(key string) *intent {
	a := p.cents(60)
	return &intent{what: "a charge of " + a.String(), key: key, amount: a, ask: func(by *process) (string, error) {
		r, err := by.service.CarryOne(p.world.ctx, billing.Order{PortalID: p.id, Key: key, What: billing.Charge{Service: "backup", Quantity: 1, Amount: a}})
		if err == nil && !r.Replay {
			p.charges = append(p.charges, r.Transfer)
		}
		return "", err
	}}
}

func (p *portal) wantHold(key string) *intent {
	a, long := p.cents(50), time.Duration(1+p.random.IntN(740))*time.Hour
	return &intent{what: "a hold of " + a.String(), key: key, ask: func(by *process) (string, error) {
		r, err := by.service.CarryOne(p.world.ctx, billing.Order{
			PortalID: p.id, Key: key, What: billing.Reservation{Charge: billing.Charge{Service: "backup", Quantity: 1, Amount: a}, For: long},
		})
		if err == nil && !r.Replay {
			p.holds = append(p.holds, r.Hold)
		}
		return "", err
	}}
}

func (p *portal) wantEndOfHold(key string) *intent {
	if len(p.holds) == 0 {
		return nil
	}
	n := p.random.IntN(len(p.holds))
	hold := p.holds[n]
	var what billing.What
	switch p.random.IntN(4) {
	case 0:
		what = billing.Release{Hold: hold}
	case 1:
		what = billing.Extension{Hold: hold, For: time.Duration(1+p.random.IntN(300)) * time.Hour}
	default:
		what = billing.Completion{Hold: hold}
	}
	return &intent{what: fmt.Sprintf("%T of %s", what, hold), key: key, ask: func(by *process) (string, error) {
		_, err := by.service.CarryOne(p.world.ctx, billing.Order{PortalID: p.id, Key: key, What: what})
		return "", err
	}}
}

func (p *portal) wantDeposit(key string) *intent {
	a := p.major(1+p.random.Int64N(80), p.currency)
	return &intent{what: "a deposit of " + a.String(), key: key, ask: func(by *process) (string, error) {
		_, err := by.service.Deposit(p.world.ctx, p.id, key, billing.Deposit{Amount: a})
		return "", err
	}}
}

func (p *portal) wantPayment(key string) *intent {
	a := p.major(1+p.random.Int64N(80), p.currency)
	received := p.world.clock.Now()
	return &intent{what: "a bank transfer of " + a.String(), key: key, ask: func(by *process) (string, error) {
		_, err := by.service.RecordPayment(p.world.ctx, p.id, key, billing.Payment{Amount: a, Reference: key, ReceivedAt: received})
		if err == nil {
			return "recorded", nil
		}
		return "", err
	}}
}

// wantService buys storage, or more of it, from the wallet; or the plan.
func (p *portal) wantService(key string) *intent {
	product, n := "storage", int64(100+p.random.IntN(300))
	if p.random.IntN(3) == 0 {
		product, n = "adminwallet", int64(1+p.random.IntN(3))
	}
	return &intent{what: fmt.Sprintf("a purchase of %d %s", n, product), key: key, ask: func(by *process) (string, error) {
		c, err := p.caller(by)
		if err != nil {
			return "", err
		}
		_, err = by.service.Purchase(p.world.ctx, c, key, product, n)
		return "", err
	}}
}

// wantPlan opens a page for the plan that the card pays, and pays there or does not.
func (p *portal) wantPlan(key string) *intent {
	n, pays := int64(1+p.random.IntN(5)), p.random.IntN(4) > 0
	return &intent{what: fmt.Sprintf("a page for a plan of %d", n), key: key, ask: func(by *process) (string, error) {
		c, err := p.caller(by)
		if err != nil {
			return "", err
		}
		address, err := by.service.PlanPage(p.world.ctx, c, billing.PlanOrder{
			Product: "admin", Quantity: n, SuccessURL: "https://" + p.host + "/ok", CancelURL: "https://" + p.host + "/no",
		})
		if err == nil && address != "" && pays {
			p.payPage(address)
		}
		return "", err
	}}
}

// wantChange has another quantity of the plan that the card pays.
func (p *portal) wantChange(key string) *intent {
	n := int64(1 + p.random.IntN(6))
	return &intent{what: fmt.Sprintf("a plan of %d", n), key: key, ask: func(by *process) (string, error) {
		c, err := p.caller(by)
		if err != nil {
			return "", err
		}
		done, _, err := by.service.ChangePlan(p.world.ctx, c, key, "admin", n, catalog.Locale{})
		if err == nil && !done {
			return "declined", nil
		}
		return "", err
	}}
}

// wantSchedule has another quantity in the next period, none, or the same.
func (p *portal) wantSchedule(key string) *intent {
	product, least := "storage", int64(100)
	if p.random.IntN(2) == 0 {
		product, least = "adminwallet", 1
	}
	var next *int64
	switch p.random.IntN(4) {
	case 0: // ends
		next = new(int64)
	case 1: // as now
	default:
		n := least + int64(p.random.IntN(5))
		next = &n
	}
	return &intent{what: "a schedule of " + product, key: key, ask: func(by *process) (string, error) {
		c, err := p.caller(by)
		if err != nil {
			return "", err
		}
		_, err = by.service.Schedule(p.world.ctx, c, product, next)
		return "", err
	}}
}

// wantCard saves another card, or has the bank take it away.
func (p *portal) wantCard(key string) *intent {
	w := p.world
	return &intent{what: "another card", key: key, ask: func(*process) (string, error) {
		if p.card != nil && p.random.IntN(6) == 0 {
			at := w.clock.Now()
			e := payment.Event{ID: key, Kind: payment.MethodGone, Customer: p.id, Method: &payment.Method{Account: "sandbox_" + p.id, Token: p.card.token}, At: at}
			w.bank.send(at, p.id, "gone "+p.card.token, true, func() (payment.Event, error) { return e, nil })
			return "", nil
		}
		p.card = w.cards.draw(p.random, p.id, w.clock.Now())
		e := p.saved(p.card)
		w.bank.send(e.At, p.id, "saved "+p.card.token, true, func() (payment.Event, error) { return e, nil })
		return "", nil
	}}
}

func (p *portal) wantRule(key string) *intent {
	return &intent{what: "another rule", key: key, ask: func(by *process) (string, error) { return "", p.setRule(by) }}
}

// setRule sets the rule by which the wallet is topped up, or takes it away.
func (p *portal) setRule(by *process) error {
	if p.random.IntN(10) == 0 {
		return by.service.ClearTopUpRule(p.world.ctx, p.id)
	}
	floor := int64(5 + p.random.IntN(50))
	target := floor + 1 + int64(p.random.IntN(150))
	rule := billing.TopUp{Enabled: p.random.IntN(10) > 0, Floor: p.major(floor, p.currency), Target: p.major(target, p.currency)}
	if p.random.IntN(3) == 0 {
		rule.Caps = &wallet.Caps{Charge: p.major(target/2+1, p.currency), Day: p.major(target, p.currency), Month: p.major(2*target, p.currency), Count: 1 + p.random.IntN(3)}
	}
	return by.service.SetTopUp(p.world.ctx, p.id, rule)
}

func (p *portal) wantAI(key string) *intent {
	a := p.major(1+p.random.Int64N(20), "USD")
	return &intent{what: "credit of AI for " + a.String(), key: key, ask: func(by *process) (string, error) {
		c, err := p.caller(by)
		if err != nil {
			return "", err
		}
		_, err = by.service.CreditAI(p.world.ctx, c, key, a)
		return "", err
	}}
}

// wantRefund gives a part of the last collection back.
func (p *portal) wantRefund(key string) *intent {
	if p.settled == "" {
		return nil
	}
	id, a := p.settled, money.FromUnits(p.settledFor.Units()/2, p.settledFor.Currency())
	a, err := payment.Collectable(a)
	if err != nil {
		return nil
	}
	return &intent{what: fmt.Sprintf("a refund of %s of %s", a, id), key: key, ask: func(by *process) (string, error) {
		_, err := by.service.RefundCollection(p.world.ctx, id, key, a, "a mistake")
		return "", err
	}}
}

func (p *portal) wantCorrection(key string) *intent {
	if len(p.charges) == 0 {
		return nil
	}
	id := p.charges[p.random.IntN(len(p.charges))]
	return &intent{what: "a correction of " + id, key: key, ask: func(by *process) (string, error) {
		_, err := by.service.CarryOne(p.world.ctx, billing.Order{PortalID: p.id, Key: key, What: billing.Correction{Transfer: id, Reason: "a mistake"}})
		return "", err
	}}
}

// wantZone has the portal move to another zone: periods that begin then are by its clock.
func (p *portal) wantZone(key string) *intent {
	zone := zones[p.random.IntN(len(zones))]
	return &intent{what: "a move of zone to " + zone, key: key, ask: func(by *process) (string, error) {
		return "", by.service.SetTimeZone(p.world.ctx, p.id, zone)
	}}
}

func (p *portal) wantUsage(key string) *intent {
	used := map[string]int64{"manager": int64(1 + p.random.IntN(4))}
	return &intent{what: "to use more", key: key, ask: func(by *process) (string, error) {
		return "", by.service.SetUsage(p.world.ctx, p.id, used)
	}}
}
