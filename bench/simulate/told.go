package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

// finalTold looks whether what others were told is what happened: for each fact its
// event, once, and for each event its fact.
func (p *portal) finalTold(f *facts) {
	want, got := map[string]int{}, map[string]int{}
	for _, c := range f.collections {
		id := billing.CollectionID(c)
		if c.Purpose != store.ForDeposit {
			continue
		}
		settled := c.State == store.CollectionSettled
		if settled {
			want[fmt.Sprintf("deposit.settled of %s, %s", id, event.Sum(c.Amount).Amount)]++
		}
		switch {
		case !c.Automatic:
		case settled:
			want["topup.succeeded of "+id]++
		default:
			want["topup.declined of "+id]++
		}
	}
	transfers := map[string]*ledger.Transfer{}
	for i := range f.transfers[ledger.Main] {
		t := &f.transfers[ledger.Main][i]
		transfers[t.ID().String()] = t
	}
	planned := 0
	for _, e := range p.events {
		what, err := event.Read(event.Type(e.Type), []byte(e.Data))
		if err != nil {
			p.world.fail(p.id, "event %d: %v", e.Number, err)
			continue
		}
		transfer, amount := "", event.Money{}
		switch d := what.(type) {
		case event.DepositSettled:
			if d.Collection != "" {
				got[fmt.Sprintf("deposit.settled of %s, %s", d.Collection, d.Amount.Amount)]++
			}
			transfer, amount = d.Transfer, d.Amount
		case event.TopUpSucceeded:
			got["topup.succeeded of "+d.Collection]++
			transfer, amount = d.Transfer, d.Amount
		case event.TopUpDeclined:
			got["topup.declined of "+d.Collection]++
		case event.SubscriptionRenewed:
			transfer, amount = d.Transfer, d.Amount
		case event.TopUpPlanned:
			planned++
		}
		if transfer != "" {
			if t := transfers[transfer]; t == nil || event.Sum(t.Amount) != amount {
				p.world.fail(p.id, "event %d tells of the transfer %s of %v, which is %+v", e.Number, transfer, amount, t)
			}
		}
		p.world.tally.told[e.Type]++
	}
	automatic := 0
	for _, c := range f.collections {
		if c.Automatic && c.Purpose == store.ForDeposit {
			automatic++
		}
	}
	if planned != automatic {
		p.world.fail(p.id, "%d top-ups were planned, and %d begun", planned, automatic)
	}
	if !maps.Equal(want, got) {
		p.world.fail(p.id, "what was told is not what happened: %s", differences(want, got))
	}
}

// differences says what is in one and not in the other, or not as often.
func differences(want, got map[string]int) string {
	all := map[string]int{}
	for k, n := range want {
		all[k] -= n
	}
	for k, n := range got {
		all[k] += n
	}
	maps.DeleteFunc(all, func(_ string, n int) bool { return n == 0 })
	text, err := json.Marshal(slices.Sorted(maps.Keys(all)))
	if err != nil { // it is of strings
		panic(err)
	}
	return string(text)
}
