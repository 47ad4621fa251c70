package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// Status is what came of a change.
type Status string

const (
	Done Status = "done"
	// Failed: it was refused, or did not work, and changed nothing.
	Failed Status = "failed"
	// Unknown: nobody knows whether it happened.
	Unknown Status = "unknown"
	// NotSent: it was not tried.
	NotSent Status = "not sent"
)

// Outcome is what came of a portal's changes.
type Outcome struct {
	Portal string
	URL    string
	// Results has one for each change, in their order.
	Results []Result
	// Err is why nothing was sent; nil where something was. ErrChanged is one reason.
	Err error
}

// Result is what came of one change.
type Result struct {
	Change Change
	Status Status
	// Text says more: the portal's refusal, or how it is known; "" for nothing.
	Text string
	// Key is the idempotency key that it was sent under; "" where there was none.
	Key string
	// Err is why it failed, or is unknown; nil when it is done.
	Err error
}

// All reports whether all changes are done.
func (o *Outcome) All() bool {
	return o.Err == nil && !slices.ContainsFunc(o.Results, func(r Result) bool { return r.Status != Done })
}

// Some reports whether anything is done, or may be.
func (o *Outcome) Some() bool {
	return slices.ContainsFunc(o.Results, func(r Result) bool { return r.Status == Done || r.Status == Unknown })
}

// Apply makes the changes of what was agreed to, portal by portal, so many at once as
// the reader says, and has what came of each as it arrives: done is called for one at a
// time, in no order.
//
// Each portal is read anew first: one that is not as it was, or asks for more, is left
// as it is (ErrChanged). Each change is sent once. What follows one that was not done
// is not sent. When an answer is lost, the portal is asked whether it happened. At the
// end each is read again, and what is not so, though the portal said it was, is
// unknown.
//
// What is bought bears a key made of the portal, of what there is and of what is
// wanted, by which a portal of Bursar's does nothing twice: applying again goes on.
//
// When the context ends, no further change is begun, and what is under way is waited
// for; all portals are in done then, too.
func (e *Engine) Apply(ctx context.Context, agreed []Diff, profiles []fleet.Profile, done func(Outcome)) {
	byName := make(map[string]Diff, len(agreed))
	for _, d := range agreed {
		byName[d.Portal] = d
	}
	var (
		mu   sync.Mutex // guards told
		told = map[string]bool{}
	)
	tell := func(o Outcome) {
		mu.Lock()
		defer mu.Unlock()
		told[o.Portal] = true
		done(o)
	}
	ask := func(inner context.Context, portal *fleet.Portal) (struct{}, error) {
		d := byName[portal.Name]
		a := application{ctx: ctx, inner: context.WithoutCancel(inner), agreed: d}
		o, err := e.apply(&a, portal)
		if err != nil {
			o = notSent(d, err)
		}
		o.Portal, o.URL = d.Portal, d.URL
		tell(o)
		return struct{}{}, nil
	}
	err := fleet.Each(ctx, e.Reader, profiles, ask, func(p fleet.Profile, _ struct{}, err error) error {
		mu.Lock()
		is := told[p.Name]
		mu.Unlock()
		if !is { // could not be opened
			tell(notSent(byName[p.Name], err))
		}
		return nil
	})
	for _, p := range profiles {
		if !told[p.Name] {
			tell(notSent(byName[p.Name], err))
		}
	}
}

// notSent is the outcome of a portal that nothing was sent to.
func notSent(d Diff, err error) Outcome {
	o := Outcome{Portal: d.Portal, URL: d.URL, Err: err}
	for _, c := range d.Changes {
		o.Results = append(o.Results, Result{Change: c, Status: NotSent})
	}
	return o
}

// application is the changing of one portal.
type application struct {
	ctx    context.Context // of all of it: when it ends, nothing more is begun
	inner  context.Context // of what is under way
	agreed Diff
	site   *site
}

func (e *Engine) apply(a *application, portal *fleet.Portal) (Outcome, error) {
	s, closed, err := e.site(a.inner, portal, a.agreed.Wanted)
	if err != nil {
		return Outcome{}, err
	}
	defer closed()
	a.site = s
	st, changes, err := a.stillSo()
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{}
	stopped := ""
	for i, c := range changes {
		r := Result{Change: c, Status: NotSent, Text: stopped}
		if stopped == "" && a.ctx.Err() != nil {
			stopped = "interrupted before it"
			r.Text, r.Err = stopped, a.ctx.Err()
		}
		if stopped == "" {
			if (c.Kind == Buy || c.Kind == ChangePlan) && i > 0 { // what went before may have changed the tariff
				st, err = a.stillWanted(c)
			}
			if r = a.make(c, st, err); r.Status != Done {
				stopped = "not tried after what went before it"
			}
		}
		o.Results = append(o.Results, r)
	}
	a.verify(&o)
	return o, nil
}

// stillSo reads the portal again, and returns how it is and the changes, if both are
// as they were agreed to.
func (a *application) stillSo() (*state, []Change, error) {
	st, err := a.site.read(a.inner, true)
	if err != nil {
		return nil, nil, err
	}
	p := compare(st, a.agreed.Wanted)
	if err := a.site.price(a.inner, st, p); err != nil {
		return nil, nil, err
	}
	if len(p.problems) > 0 {
		return nil, nil, fmt.Errorf("%w: %s: %s", ErrChanged, p.problems[0].Member, p.problems[0].Text)
	}
	if a.agreed.FreeOnly {
		p.changes = slices.DeleteFunc(p.changes, costs)
	}
	if st.fingerprint(a.agreed.Wanted) != a.agreed.Before || len(p.changes) != len(a.agreed.Changes) {
		return nil, nil, fmt.Errorf("%w when its changes were agreed to: somebody changed it since", ErrChanged)
	}
	for i, c := range p.changes {
		was := a.agreed.Changes[i]
		if c.Kind != was.Kind || c.Member != was.Member || c.Is != was.Is || c.Should != was.Should {
			return nil, nil, fmt.Errorf("%w when its changes were agreed to: %s is %s now", ErrChanged, c.Member, c.Is)
		}
		if was.Cost.Now.exceeded(c.Cost.Now) || was.Cost.Period.exceeded(c.Cost.Period) {
			return nil, nil, fmt.Errorf("%w when its changes were agreed to: %s costs more now", ErrChanged, c.Member)
		}
	}
	return st, p.changes, nil
}

// stillWanted reads the portal again before something is paid for, and returns how it
// is. Somebody may have paid for it while what went before it was done: more is bought
// by how many, so that the same would be bought again.
func (a *application) stillWanted(c Change) (*state, error) {
	st, err := a.site.read(a.inner, false)
	if err != nil {
		return nil, err
	}
	same := func(o Change) bool {
		return o.Kind == c.Kind && o.Member == c.Member && o.Is == c.Is && o.Should == c.Should
	}
	if !slices.ContainsFunc(compare(st, a.agreed.Wanted).changes, same) {
		return nil, fmt.Errorf("%w: somebody changed %s after the first change was sent", ErrChanged, c.Member)
	}
	return st, nil
}

// exceeded reports whether another sum is more than this one, or may be.
func (s Sum) exceeded(by Sum) bool {
	switch {
	case by.Unknown != "":
		return s.Unknown == ""
	case s.Unknown != "" || by.Amount == nil:
		return false
	case s.Amount == nil:
		return by.Amount.Sign() > 0
	}
	order, err := by.Amount.Compare(*s.Amount)
	return err != nil || order > 0
}

// make sends a change, and says what came of it.
func (a *application) make(c Change, st *state, failed error) Result {
	if failed != nil {
		return Result{Change: c, Status: NotSent, Text: messageOf(failed), Err: failed}
	}
	r := Result{Change: c, Status: Done}
	if c.Kind == Buy || c.Kind == ChangePlan {
		r.Key = keyOf(st, c)
	}
	ok, err := a.send(c, r.Key)
	var failure *docspace.Error
	switch {
	case err == nil && ok:
		return r
	case err == nil:
		r.Err = errors.New("the portal did not do it, and does not say why: the bank or its billing refused, or did not answer it")
	case errors.As(err, &failure) && !failure.MayHaveHappened():
		r.Status, r.Text, r.Err = Failed, messageOf(err), err
		return r
	default:
		r.Err = err
	}
	// Did it happen all the same?
	after, readErr := a.site.read(a.inner, false)
	switch {
	case readErr == nil && !stands(compare(after, a.agreed.Wanted), c):
		r.Text, r.Err = "the answer was lost; the portal has it", nil
	default:
		r.Status, r.Text = Unknown, messageOf(r.Err)
	}
	return r
}

// stands reports whether a change is still to be made.
func stands(p *plan, c Change) bool {
	return slices.ContainsFunc(p.changes, func(o Change) bool { return o.Member == c.Member && o.Kind == c.Kind })
}

// keyOf names a purchase: by the portal, by what is wanted, and by what there is, which
// the tariff counts the changes of.
func keyOf(st *state, c Change) string {
	var has part
	if c.Kind == ChangePlan {
		has = st.plan()
	} else {
		has = st.part(int(findProduct(c.product).id))
	}
	return "manifest-" + digest([]any{1, st.url, c.Kind, c.product, *c.n, st.tariff.ID, has})
}

// send makes a change; false says that the portal did not.
func (a *application) send(c Change, key string) (bool, error) {
	s, ctx := a.site, a.inner
	switch c.Kind {
	case SetRule:
		rule := a.agreed.Wanted.Rule
		if rule.Caps != nil {
			return true, s.operator.set(ctx, rule)
		}
		_, err := s.SetTopUpSettings(ctx, &docspace.TopUpSettings{Enabled: rule.Enabled, MinBalance: rule.Min, UpToBalance: rule.UpTo})
		return err == nil, err
	case ClearRule:
		_, err := s.SetTopUpSettings(ctx, nil)
		return err == nil, err
	case SwitchOn, SwitchOff:
		_, err := s.SetServiceState(ctx, findProduct(c.product).id, c.Kind == SwitchOn)
		return err == nil, err
	case Schedule:
		return s.ScheduleWallet(ctx, c.product, c.n, "")
	case Buy:
		return s.BuyFromWallet(ctx, c.product, *c.n, key)
	case ChangePlan:
		return s.UpdatePlan(ctx, c.product, *c.n, key)
	}
	return false, fmt.Errorf("there is no change %q", c.Kind)
}

// verify reads the portal again, and notes what is not so though it said that it was.
func (a *application) verify(o *Outcome) {
	if !slices.ContainsFunc(o.Results, func(r Result) bool { return r.Status == Done }) {
		return
	}
	st, err := a.site.read(a.inner, false)
	var left *plan
	if err == nil {
		left = compare(st, a.agreed.Wanted)
	}
	for i := range o.Results {
		r := &o.Results[i]
		switch {
		case r.Status != Done:
		case err != nil:
			r.Text = "the portal said so; it could not be read again: " + messageOf(err)
		case stands(left, r.Change):
			r.Status, r.Err = Unknown, errors.New("the portal said that it did it, and is as it was")
			r.Text = r.Err.Error()
		}
	}
}
