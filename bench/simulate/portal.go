package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/store"
)

// portal is one of a world's, with the people in it: they do what chance tells them,
// and ask again, under the same key, when they did not get to know what came of it.
type portal struct {
	world    *world
	random   *rand.Rand
	id, host string
	secret   string
	currency money.Currency
	card     *card

	intents  []*intent // that are not over
	over     []*intent
	acts     time.Time // when people do something new
	pause    time.Duration
	holds    []string
	charges  []string // transfers that can be corrected
	intended int

	witnessed
}

// intent is something that somebody wants, once, however often it takes to ask.
type intent struct {
	what, key string
	amount    money.Amount // what is taken from the wallet; the zero Amount: not known
	ask       func(p *process) (done string, err error)
	at        time.Time // when it is asked, or asked again
	tries     int
	asking    bool
	end       string // "": nobody knows
}

var zones = []string{
	"", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca", "Asia/Tokyo",
}

// settle makes the nth portal of the world, and what it has to begin with.
func (w *world) settle(n int) (*portal, error) {
	random := rand.New(rand.NewPCG(w.seed, 100+uint64(n)))
	p := &portal{world: w, random: random, id: fmt.Sprintf("p%d.s%d", n+1, w.seed), currency: "USD"}
	p.host, p.secret = p.id+".example", fmt.Sprintf("sk-%d-%d", w.seed, n)
	if random.IntN(5) == 0 {
		p.currency = []money.Currency{"EUR", "JPY", "KWD"}[random.IntN(3)]
	}
	p.pause = time.Duration(2+random.IntN(14)) * day
	p.acts = w.clock.Now().Add(p.gap())
	s := w.processes[0].service
	in := billing.NewPortal{ID: p.id, Hosts: []string{p.host}, TimeZone: zones[random.IntN(len(zones))], Owner: billing.NewUser{Email: "owner@" + p.host}}
	if random.IntN(4) == 0 {
		in.Bought = []billing.Purchase{{Plan: -1, Quantity: 1, DueAt: w.clock.Now().AddDate(0, 0, 30)}} // a trial
	}
	if _, err := s.CreatePortal(w.ctx, in); err != nil {
		return nil, err
	}
	if _, _, err := s.CreateKey(w.ctx, p.id, billing.NewKey{Name: "owner", Secret: p.secret}); err != nil {
		return nil, err
	}
	if err := s.SetCustomer(w.ctx, p.id, billing.CustomerChange{Email: "owner@" + p.host}); err != nil {
		return nil, err
	}
	for _, currency := range slices.Compact([]money.Currency{"USD", p.currency}) {
		first := billing.Payment{Amount: p.major(int64(20+random.IntN(200)), currency), Reference: "first " + string(currency)}
		if _, err := s.RecordPayment(w.ctx, p.id, first.Reference, first); err != nil {
			return nil, err
		}
		p.recorded++
	}
	if random.IntN(10) > 0 {
		p.card = w.cards.draw(random, p.id, w.clock.Now())
		if err := s.Receive(w.ctx, p.saved(p.card)); err != nil {
			return nil, err
		}
	}
	if random.IntN(10) > 1 {
		if err := p.setRule(w.processes[0]); err != nil {
			return nil, err
		}
	}
	return p, p.forgetRunway()
}

// forgetRunway has nobody look every day for how long the money lasts, where nobody is
// told anyway.
func (p *portal) forgetRunway() error {
	w := p.world
	if w.catalog.Policy().RunwayDays > 0 {
		return nil
	}
	err := w.processes[0].service.CancelJob(w.ctx, store.JobKey{PortalID: p.id, Kind: "runway"})
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	return err
}

func (p *portal) major(n int64, currency money.Currency) money.Amount {
	a, err := money.FromMajor(n, currency)
	if err != nil { // it is small
		panic(err)
	}
	return a
}

// cents draws an amount up to so many major units, in whole minor units.
func (p *portal) cents(most int64) money.Amount {
	unit := int64(money.Scale)
	for range p.currency.Digits() {
		unit /= 10
	}
	return money.FromUnits((1+p.random.Int64N(most*money.Scale/unit))*unit, p.currency)
}

// gap draws how long people do nothing.
func (p *portal) gap() time.Duration {
	return time.Duration(1 + p.random.Int64N(int64(2*p.pause))).Truncate(time.Second)
}

// next returns when somebody does something.
func (p *portal) next() (at time.Time, ok bool) {
	if !p.world.fate.calm {
		at, ok = p.acts, true
	}
	for _, i := range p.intents {
		if !i.asking && (!ok || i.at.Before(at)) {
			at, ok = i.at, true
		}
	}
	return at, ok
}

// act does what is due, or something new.
func (p *portal) act(by *process) {
	now := p.world.clock.Now()
	for _, i := range p.intents {
		if !i.asking && !i.at.After(now) {
			p.pursue(by, i)
			return
		}
	}
	if p.world.fate.calm {
		return
	}
	p.acts = now.Add(p.gap())
	if i := p.want(); i != nil {
		p.intents = append(p.intents, i)
		p.pursue(by, i)
	}
}

// patience is how often somebody asks again.
const patience = 6

// again is how long nobody asks again at least: by then nobody else waits for the
// provider's answer to it.
const again = 61 * time.Second

// pursue asks for something. What is not known to be done or refused is asked for
// again later.
func (p *portal) pursue(by *process, i *intent) {
	w := p.world
	i.asking = true
	i.tries++
	done, err := i.ask(by)
	i.asking = false
	w.say(p.id, "%s asked %s (%s), try %d: %s %v", by, i.what, i.key, i.tries, done, err)
	w.soon()
	switch {
	case err == nil:
		i.end = "done"
		if done != "" {
			i.end = done
		}
	case errors.Is(err, billing.ErrBusyWallet), lost(err):
		if i.tries >= patience {
			i.end = "given up"
			break
		}
		i.at = w.clock.Now().Add(again + time.Duration(p.random.IntN(20_000))*time.Second)
		return
	case known(err):
		i.end = "refused"
	default:
		w.fail(p.id, "%s asked %s: an error of no kind: %v", by, i.what, err)
	}
	p.intents = slices.DeleteFunc(p.intents, func(other *intent) bool { return other == i })
	p.over = append(p.over, i)
}

// known reports whether an error is one of those that callers are told of.
func known(err error) bool {
	return slices.ContainsFunc([]error{
		billing.ErrInvalid, billing.ErrInsufficient, billing.ErrHoldClosed, billing.ErrOverHold, billing.ErrOverCorrection, billing.ErrNoMethod,
		billing.ErrDeclined, billing.ErrNotPaid, billing.ErrLimit, billing.ErrNotFound, billing.ErrMismatch, billing.ErrAccessDenied, payment.ErrRefused,
	}, func(kind error) bool { return errors.Is(err, kind) })
}

// caller returns the portal's owner as of now.
func (p *portal) caller(by *process) (*billing.Caller, error) {
	v, err := by.service.View(p.world.ctx, p.host)
	if err != nil {
		return nil, err
	}
	return by.service.Authenticate(p.world.ctx, v, p.secret, billing.Writing)
}

// saved is the message that a card is there.
func (p *portal) saved(c *card) payment.Event {
	at := p.world.clock.Now()
	return payment.Event{ID: "saved " + c.token, Kind: payment.MethodSaved, Customer: p.id, Method: c.method(p.id), At: at, Outcome: payment.Outcome{State: payment.Settled, At: at}}
}

// payPage has somebody pay at a page that was opened.
func (p *portal) payPage(address string) {
	w := p.world
	u, err := url.Parse(address)
	if err != nil {
		w.fail(p.id, "the address of a page: %v", err)
		return
	}
	parts := strings.Split(strings.TrimPrefix(u.Path, "/sandbox/"), "/")
	reply, err := w.bank.sandbox.Answer(w.ctx, parts[0], parts[1], u.Query().Get("token"), sandboxAnswer)
	w.say(p.id, "somebody pays at the page %s: %s %v", parts[1], reply.Step, err)
	w.soon()
}
