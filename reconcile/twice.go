package reconcile

import (
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// payment is what two operations have in common that look like one paid twice.
type payment struct {
	kind                        docspace.OperationType
	service, participant, agent string
	quantity                    int64
	credit, debit               money.Amount
}

// row is all that an operation says; portals number none of them.
type row struct {
	payment
	at                         int64 // microseconds
	description, details, unit string
	display, title             string
}

func paymentOf(o *docspace.Operation) payment {
	return payment{o.Type, o.Service, o.ParticipantName, o.AgentID, o.Quantity, o.Credit, o.Debit}
}

func rowOf(o *docspace.Operation) row {
	return row{paymentOf(o), o.Date.UnixMicro(), o.Description, o.Details, o.ServiceUnit, o.ParticipantDisplayName, o.AgentTitle}
}

// group are payments that follow one another within moments.
type group struct {
	all  []docspace.Operation
	last time.Time
	more int
}

// twice looks for operations that are there more than once. It keeps those of the last
// moments, and those that are.
type twice struct {
	within time.Duration
	// same are the operations of one moment, and like the payments of the last ones.
	at   time.Time
	same map[row][]docspace.Operation
	like map[payment]*group

	rows []([]docspace.Operation) // that are alike to the moment
	paid []*group
}

// maxLike is how many payments are kept in mind before those are let go that are over.
const maxLike = 4096

func (t *twice) add(o *docspace.Operation) {
	if !o.Date.Equal(t.at) {
		t.endMoment()
		t.at = o.Date.Time
	}
	key := rowOf(o)
	t.same[key] = append(t.same[key], *o)
	if len(t.same[key]) > 1 || !payable(o) {
		return
	}
	like := paymentOf(o)
	g := t.like[like]
	if g == nil || o.Date.Sub(g.last) > t.within {
		t.end(g)
		if len(t.like) >= maxLike {
			t.forget(o.Date.Time)
		}
		t.like[like] = &group{all: []docspace.Operation{*o}, last: o.Date.Time}
		return
	}
	g.last = o.Date.Time
	if len(g.all) < maxConcerned {
		g.all = append(g.all, *o)
	} else {
		g.more++
	}
}

// payable reports whether an operation is something that can be paid twice by mistake.
// What the top-up rule deposits is looked at by the rule.
func payable(o *docspace.Operation) bool {
	return o.Debit.Sign() > 0 && o.Service != "" || o.Credit.Sign() > 0 && o.Type == docspace.DepositPayment && !o.Automatic()
}

func (t *twice) end(g *group) {
	if g != nil && len(g.all) > 1 && len(t.paid) <= maxFindings {
		t.paid = append(t.paid, g)
	}
}

func (t *twice) endMoment() {
	for key, all := range t.same {
		if len(all) > 1 && len(t.rows) <= maxFindings {
			t.rows = append(t.rows, all)
		}
		delete(t.same, key)
	}
}

// forget ends the groups that nothing can be added to any more.
func (t *twice) forget(now time.Time) {
	for key, g := range t.like {
		if now.Sub(g.last) > t.within {
			t.end(g)
			delete(t.like, key)
		}
	}
}

func (t *twice) close() {
	t.endMoment()
	for _, g := range t.like {
		t.end(g)
	}
	t.like = nil
}

// judge says of what is there twice in a currency whether it is only listed so. It
// reports whether that explains the whole of a gap.
func (t *twice) judge(b *Book, c money.Currency, gap money.Amount, counted bool) (explained bool, err error) {
	var rows [][]docspace.Operation
	var extras []money.Amount // what the copies come to
	for _, all := range t.rows {
		change := fleet.Change(&all[0])
		if change.Currency() != c {
			continue
		}
		extra, err := change.Mul(int64(len(all) - 1))
		if err != nil {
			return false, err
		}
		rows, extras = append(rows, all), append(extras, extra)
	}
	listed := make([]bool, len(rows))
	if counted && gap.Sign() != 0 {
		explained = explain(gap.Neg().Units(), extras, listed)
	}
	for i, all := range rows {
		f := Finding{Code: ChargedTwice, Severity: Suspicious, Amount: fleet.Change(&all[0]), At: all[0].Date.Time, Operations: all,
			Text: "the same is there more than once, to the moment"}
		switch {
		case listed[i]:
			f.Code, f.Severity, f.Text = ListedTwice, Wrong, "it is in the list more than once, and the wallet has it once"
		case !counted:
			f.Text += "; whether the wallet has it so often is not known"
		}
		b.find(f)
	}
	if b.disordered {
		return explained, nil
	}
	for _, g := range t.paid {
		if change := fleet.Change(&g.all[0]); change.Currency() == c {
			b.find(Finding{Code: ChargedTwice, Severity: Suspicious, Amount: change, At: g.all[0].Date.Time, Operations: g.all, More: g.more,
				Text: "the same was paid again within moments"})
		}
	}
	return explained, nil
}

// maxSubset is among how many a sum is looked for: it takes twice as long for each.
const maxSubset = 16

// explain marks extras that come to a sum: all of them if they do, else the fewest. It
// reports whether there are any.
func explain(sum int64, extras []money.Amount, marked []bool) bool {
	total := int64(0)
	for _, e := range extras {
		total += e.Units() // they were added up before, without overflow
	}
	if len(extras) > 0 && total == sum {
		for i := range marked {
			marked[i] = true
		}
		return true
	}
	if len(extras) > maxSubset {
		return false
	}
	best, fewest := 0, len(extras)+1
	for set := 1; set < 1<<len(extras); set++ {
		total, size := int64(0), 0
		for i := range extras {
			if set>>i&1 == 1 {
				total += extras[i].Units()
				size++
			}
		}
		if total == sum && size < fewest {
			best, fewest = set, size
		}
	}
	for i := range marked {
		marked[i] = best>>i&1 == 1
	}
	return best != 0
}
