package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// Config says what a Book is to look at.
type Config struct {
	// From is from when on operations are added; the zero Time means all there are.
	From time.Time
	// Opening is what was in the wallet before From, by currency; it is nought where
	// all operations are added.
	Opening []money.Amount
	// Within is how close two payments are that look like one paid twice; 0 means 10
	// seconds.
	Within time.Duration
	// Earlier is what an earlier run remembers of the wallet; nil when there was none.
	Earlier *Memory
}

// Facts are what the portal says of the wallet beside its operations.
type Facts struct {
	Now time.Time
	// Balance is nil when it is not known.
	Balance *docspace.Balance
	// Quiet says that the balance stood still while the operations were read, and that
	// these are all there are.
	Quiet bool
	// Rule is the top-up rule; nil when it is not known, or there is none.
	Rule *docspace.TopUpSettings
	// Subscriptions are what is paid from the wallet every month or year.
	Subscriptions []Subscription
}

const (
	defaultWithin = 10 * time.Second
	maxFindings   = 200 // of one code: who has so many reads no more
	maxConcerned  = 20  // operations of a finding
)

// Book rebuilds a wallet, operation by operation. It keeps what it needs of them: the
// automatic deposits, the payments for periods, and eight bytes of each operation for
// the next run.
type Book struct {
	config  Config
	pockets map[money.Currency]*pocket
	started bool
	first   time.Time
	last    time.Time
	count   int
	// disordered says that operations came in another order than that of their dates.
	disordered bool
	findings   []Finding
	found      map[Code]int
	twice      twice
	periods    periods
	memory     *remembering
}

// New returns an empty book.
func New(c Config) *Book {
	if c.Within <= 0 {
		c.Within = defaultWithin
	}
	b := &Book{config: c, pockets: map[money.Currency]*pocket{}, found: map[Code]int{}}
	b.twice = twice{within: c.Within, same: map[row][]docspace.Operation{}, like: map[payment]*group{}}
	b.periods = periods{of: map[string]*series{}}
	b.memory = newRemembering(c.From, c.Earlier)
	return b
}

// find notes a finding, unless there are too many of its kind.
func (b *Book) find(f Finding) {
	if b.found[f.Code]++; b.found[f.Code] > maxFindings {
		return
	}
	if more := len(f.Operations) - maxConcerned; more > 0 {
		f.Operations, f.More = f.Operations[:maxConcerned], f.More+more
	}
	b.findings = append(b.findings, f)
}

// Add takes the next operation, the oldest first. It fails where sums are more than an
// amount can be.
func (b *Book) Add(o *docspace.Operation) error {
	b.count++
	if !b.sound(o) {
		return nil
	}
	if b.started && o.Date.Before(b.last) {
		b.disordered = true
	}
	if !b.started || o.Date.Before(b.first) {
		b.first = o.Date.Time
	}
	if !b.started || o.Date.After(b.last) {
		b.last = o.Date.Time
	}
	b.started = true
	change := fleet.Change(o)
	p := b.pocket(change.Currency())
	if err := p.add(o, change); err != nil {
		return fmt.Errorf("add up operations in %s: %w", change.Currency(), err)
	}
	b.twice.add(o)
	b.periods.add(o)
	switch b.memory.see(o) {
	case appeared:
		b.find(Finding{Code: Late, Severity: Suspicious, Amount: change, At: o.Date.Time, Operations: []docspace.Operation{*o},
			Text: "it was not there when an earlier run had read past its date"})
		return p.newer(o, change)
	case following:
		return p.newer(o, change)
	}
	return nil
}

// sound reports whether an operation can be counted, and notes if it can't.
func (b *Book) sound(o *docspace.Operation) bool {
	currency := fleet.Change(o).Currency()
	wrong := Finding{Severity: Wrong, Amount: fleet.Change(o), At: o.Date.Time, Operations: []docspace.Operation{*o}}
	switch in, out := o.Credit.Sign(), o.Debit.Sign(); {
	case o.Date.IsZero():
		wrong.Code, wrong.Text = Malformed, "an operation has no date"
	case in != 0 && out != 0:
		wrong.Code, wrong.Text = Malformed, "an operation comes in and goes out"
	case in < 0 || out < 0:
		wrong.Code, wrong.Text = Malformed, "an operation is about less than nothing"
	case !currency.WellFormed() && (in != 0 || out != 0):
		wrong.Code, wrong.Text = UnknownCurrency, fmt.Sprintf("an operation is in the currency %q", currency)
		wrong.Amount = money.Amount{}
	default:
		return currency.WellFormed() // what moves nothing is not looked at
	}
	b.find(wrong)
	return false
}

func (b *Book) pocket(c money.Currency) *pocket {
	p := b.pockets[c]
	if p == nil {
		p = newPocket(c)
		b.pockets[c] = p
	}
	return p
}

// opening returns what was in a pocket before the operations; false when nobody knows.
func (b *Book) opening(c money.Currency) (money.Amount, bool) {
	for _, a := range b.config.Opening {
		if a.Currency() == c {
			return a, true
		}
	}
	return money.FromUnits(0, c), b.config.From.IsZero()
}

// Close compares what the operations come to with what the portal says. Nothing can be
// added afterwards.
func (b *Book) Close(f Facts) (*Result, error) {
	r := &Result{From: b.config.From, Operations: b.count, First: b.first, Last: b.last}
	b.twice.close()
	if b.disordered {
		r.Unproven = append(r.Unproven, "the portal does not list its operations in the order of their dates: whether the wallet was ever empty, "+
			"what was charged twice, and renewals and top-ups were not looked at")
	}
	if f.Balance == nil {
		r.Unproven = append(r.Unproven, "the portal does not say what the wallet has")
	}
	if !f.Quiet {
		r.Unproven = append(r.Unproven, "the wallet did not stand still while it was read")
	}
	for _, c := range b.currencies(f.Balance) {
		p := b.pocket(c)
		out, err := p.compare(b, f)
		if err != nil {
			return nil, fmt.Errorf("compare what is in %s: %w", c, err)
		}
		r.Pockets = append(r.Pockets, out)
		if !out.Known {
			r.Unproven = append(r.Unproven, fmt.Sprintf("what was there in %s before %s is not known; for the books to agree it was %s",
				c, b.config.From.UTC().Format(time.RFC3339), p.wouldBe(out)))
		}
		if err := p.judge(b, f, out); err != nil {
			return nil, fmt.Errorf("look at what is in %s: %w", c, err)
		}
	}
	if !b.disordered {
		b.periods.judge(b, f)
		b.memory.judge(b)
	}
	r.Notes = b.notes(f)
	r.Findings = b.findings
	slices.SortStableFunc(r.Findings, func(x, y Finding) int {
		return cmp.Or(slices.Index(Codes(), x.Code)-slices.Index(Codes(), y.Code), x.At.Compare(y.At))
	})
	return r, nil
}

// notes says what was not looked at, though nobody promised it.
func (b *Book) notes(f Facts) (all []string) {
	if b.config.Earlier == nil {
		all = append(all, "no earlier run is remembered: what came late, vanished or drifted can't be told")
	}
	if f.Rule == nil || f.Rule.Currency() == "" {
		all = append(all, "no top-up rule is known: only deposits that follow one another at once are looked at")
	}
	for _, code := range Codes() {
		if more := b.found[code] - maxFindings; more > 0 {
			all = append(all, fmt.Sprintf("there are %d more findings of %s", more, code))
		}
	}
	return all
}

// currencies returns those of the balance, then the others.
func (b *Book) currencies(balance *docspace.Balance) (all []money.Currency) {
	if balance != nil {
		for _, sub := range balance.SubAccounts {
			if c := sub.Amount.Currency(); c.WellFormed() && !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	var others []money.Currency
	for c := range b.pockets {
		if !slices.Contains(all, c) {
			others = append(others, c)
		}
	}
	slices.Sort(others)
	return append(all, others...)
}
