package docspace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Depositor deposits exactly once by an API that is not idempotent: stock portals
// take no key, and charge once for each request. It writes down what it is about to do
// and what the wallet shows, sends the request once, and, where the answer is lost,
// looks for it among the operations. It sends again only what is proven not to have
// happened, or what a portal that keeps keys does once whatever is sent.
//
// What it takes for proof, and what that assumes, is in docs/deposit.md.
type Depositor struct {
	Client *Client
	Store  IntentStore
	// Alone says that nobody else deposits on this portal by hand, or never the same
	// amounts: then one new operation like it is proof that it happened. Without it, a
	// person must say, as the list does not tell who asked for what. (Automatic top-ups
	// are told apart, and what other keys of the store did.)
	Alone bool
	// Settle is how long after a lost answer a portal may still charge, and show it; 0
	// means 15 minutes. A stock portal works on a request for 75 seconds at most, and
	// remembers balances for 10 minutes.
	Settle time.Duration
	// Apart is how long there is between the two looks that prove absence; 0 means a
	// minute.
	Apart time.Duration
	// Wait has Deposit and Resume look again until it is known what happened, only a
	// person can tell, or more than twice Settle has passed. Without it they look once.
	Wait bool
	// Now tells the time; nil means time.Now.
	Now func() time.Time
	// Sleep waits, or returns the context's error; nil means by a timer.
	Sleep func(ctx context.Context, d time.Duration) error
}

const (
	defaultSettle, defaultApart = 15 * time.Minute, time.Minute
	// maxSends is how often one call sends what was proven not to have happened.
	maxSends = 3
	// maxDepositKey leaves room for the number of an attempt.
	maxDepositKey = 240
	// longMethod is for how long payments that settle late are waited for.
	longMethod = 30 * 24 * time.Hour
)

func (d *Depositor) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// Portal is what the store calls the client's portal: its host, with a port and a path
// where its address has some.
func (d *Depositor) Portal() string {
	base := d.Client.base
	name := strings.ToLower(base.Hostname())
	if port := base.Port(); port != "" && port != "443" && port != "80" {
		name = net.JoinHostPort(name, port)
	}
	return name + base.Path
}

// numbered is how keys of further attempts end; a caller's own must not.
var numbered = regexp.MustCompile(`#[0-9]+$`)

// wireKey is the key that an attempt is sent under.
func (i *DepositIntent) wireKey() string {
	if i.Attempt == 1 {
		return i.Key
	}
	return fmt.Sprintf("%s#%d", i.Key, i.Attempt)
}

// checkDeposit returns how many major units an amount is.
func checkDeposit(key string, amount money.Amount) (int64, error) {
	plain := !strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' })
	switch whole := amount.Units() / money.Scale; {
	case key == "" || len(key) > maxDepositKey || !plain:
		return 0, unsent(opDeposit, "the key is not 1 to %d printable ASCII", maxDepositKey)
	case numbered.MatchString(key):
		return 0, unsent(opDeposit, "the key ends in # and a number, as those of further attempts do")
	case whole < 1 || amount.Units()%money.Scale != 0:
		return 0, unsent(opDeposit, "%s is not in whole units, at least one", amount)
	default:
		return whole, nil
	}
}

// Deposit sees to it that an amount of whole major units is deposited once for a key,
// and goes on from wherever an earlier call with the key came to. It returns what is
// known, with a nil error if and only if the deposit is done.
//
// After a refusal, which is the portal's *Error, and wherever else it is proven that
// nothing was charged, the same call tries anew. ErrDepositUnknown says that nobody
// knows yet, and the intent's Doubt why: the same call, or Resume, looks again. The
// same key with another amount is ErrOtherDeposit. A second deposit of the same amount
// while the first is not decided is ErrDepositOpen. The intent is nil when nothing is
// known of it.
//
// An error that is none of these, with an intent that is done, says that only noting
// it failed.
func (d *Depositor) Deposit(ctx context.Context, key string, amount money.Amount) (*DepositIntent, error) {
	if _, err := checkDeposit(key, amount); err != nil {
		return nil, err
	}
	return d.run(ctx, key, &amount)
}

// Resume finds out what came of a deposit that was sent, and sends it again only to a
// portal that keeps its key. What was not sent, or is decided, is returned as it is,
// with the errors of Deposit. ErrNoDeposit says that there is none.
func (d *Depositor) Resume(ctx context.Context, key string) (*DepositIntent, error) {
	return d.run(ctx, key, nil)
}

// run takes step after step until it is known what happened; amount is nil for what
// is only to be found out.
func (d *Depositor) run(ctx context.Context, key string, amount *money.Amount) (*DepositIntent, error) {
	for looks, sends := 0, 0; ; looks++ {
		intent, err := d.step(ctx, key, amount, &sends)
		again := errors.Is(err, ErrDepositUnknown) && d.Wait && !intent.Doubt.NeedsPerson() && !d.tired(intent)
		if !again {
			return intent, err
		}
		if slept := d.sleep(ctx, d.pause(intent, looks)); slept != nil {
			return intent, fmt.Errorf("%w; %w", err, slept)
		}
	}
}

// step does what is to be done next, while nobody else does anything on the portal.
func (d *Depositor) step(ctx context.Context, key string, amount *money.Amount, sends *int) (*DepositIntent, error) {
	unlock, err := d.Store.Lock(ctx, d.Portal())
	if err != nil {
		return nil, err
	}
	defer unlock()
	intent, err := d.Store.Load(ctx, d.Portal(), key)
	switch {
	case err != nil:
		return nil, err
	case intent == nil && amount == nil:
		return nil, fmt.Errorf("%w: %q on %s", ErrNoDeposit, key, d.Portal())
	case intent != nil && amount != nil && intent.Amount != *amount:
		return intent, fmt.Errorf("%w: %s", ErrOtherDeposit, intent.Amount)
	case intent != nil && intent.State.open():
		if err := d.find(ctx, intent); intent.State != DepositNotDone || amount == nil {
			return intent, err
		}
	case intent != nil && (amount == nil || intent.State == DepositDone):
		return intent, intent.err(nil)
	}
	if *sends++; *sends > maxSends {
		return intent, intent.err(nil)
	}
	return d.attempt(ctx, intent, key, *amount)
}

// err is what a call returns for a deposit as it stands; cause is what happened last.
func (i *DepositIntent) err(cause error) error {
	switch i.State {
	case DepositDone:
		return nil
	case DepositUnknown, DepositSent:
		if cause != nil {
			return fmt.Errorf("%w: %s: %w", ErrDepositUnknown, i.Doubt, cause)
		}
		return fmt.Errorf("%w: %s", ErrDepositUnknown, i.Doubt)
	}
	if cause != nil {
		return cause
	}
	message := i.Message
	if message == "" {
		message = "it did not happen"
	}
	return &Error{Operation: opDeposit.name, Message: message, Err: ErrRefused}
}

// attempt writes down what is to happen and what the wallet shows, and sends it.
func (d *Depositor) attempt(ctx context.Context, intent *DepositIntent, key string, amount money.Amount) (*DepositIntent, error) {
	others, err := d.others(ctx, key, amount)
	if err != nil {
		return intent, err
	}
	picture, rows, err := d.purse().picture(ctx, amount.Currency())
	if err != nil {
		return intent, err
	}
	if err := d.place(ctx, others, &picture, rows); err != nil {
		return intent, err
	}
	next := &DepositIntent{Portal: d.Portal(), Key: key, Amount: amount, Created: d.now(), Before: picture, Attempt: 1}
	if intent != nil {
		next.Created, next.Attempt = intent.Created, intent.Attempt
		if intent.State != DepositPlanned {
			next.Attempt++
		}
	}
	for _, state := range []DepositState{DepositPlanned, DepositSent} {
		next.State = state
		if err := d.save(ctx, next); err != nil {
			return intent, err
		}
	}
	return next, d.send(ctx, next, false)
}

// others returns the portal's other deposits of an amount, or ErrDepositOpen when one
// of them is not decided.
func (d *Depositor) others(ctx context.Context, key string, amount money.Amount) (some []DepositIntent, err error) {
	all, err := d.Store.List(ctx, d.Portal())
	if err != nil {
		return nil, err
	}
	for _, other := range all {
		if other.Key == key || other.Amount != amount {
			continue
		}
		if other.State.open() {
			return nil, fmt.Errorf("%w: %q of %s", ErrDepositOpen, other.Key, other.Amount)
		}
		some = append(some, other)
	}
	return some, nil
}

// place finds the operations of earlier deposits of the same amount, so that they are
// not taken for this one's, and notes whose are still to come.
func (d *Depositor) place(ctx context.Context, others []DepositIntent, picture *WalletPicture, rows []row) error {
	claimed := map[string]int{}
	for _, other := range others {
		if other.State == DepositDone && other.Operation != "" {
			claimed[other.Operation]++
		}
	}
	horizon := lookBack
	if picture.Late {
		horizon = longMethod
	}
	for _, other := range others {
		age := d.now().Sub(other.Changed)
		if other.State != DepositDone || other.Operation != "" || age > horizon {
			continue
		}
		if some := like(other.Amount, other.Before.since(rows, claimed)); len(some) > 0 {
			first := earliest(some)[0]
			claimed[first.id]++
			other.Operation = first.id
			if err := d.Store.Save(ctx, &other); err != nil {
				return err
			}
			continue
		}
		picture.Owed = append(picture.Owed, other.Key)
		if other.Evidence == ByPerson || age > d.settle() || picture.Late {
			picture.Unsure = true
		}
	}
	return nil
}

// save writes an intent down, even when the caller has gone away: what happened is
// known now.
func (d *Depositor) save(ctx context.Context, intent *DepositIntent) error {
	intent.Changed = d.now()
	return d.Store.Save(context.WithoutCancel(ctx), intent)
}

// send sends the deposit, and notes what came of it. Again says that it went under its
// key before, so that a refusal now says nothing of what happened then.
func (d *Depositor) send(ctx context.Context, intent *DepositIntent, again bool) error {
	whole, err := checkDeposit(intent.Key, intent.Amount)
	if err != nil {
		return err
	}
	done, err := d.Client.Deposit(ctx, whole, intent.Amount.Currency(), intent.wireKey())
	intent.Message, intent.Doubt = "", ""
	var failure *Error
	if errors.As(err, &failure) {
		intent.Message = failure.Message
	}
	switch {
	case done:
		intent.State, intent.Evidence = DepositDone, ByReply
		if again {
			intent.Evidence = ByKey
		}
		return d.noteDone(ctx, intent)
	case err == nil && intent.Before.Keyed:
		intent.State, intent.Evidence, intent.Message = DepositRefused, ByReply, "the bank or the portal's billing declined it"
	case !again && neverSent(err):
		intent.State, intent.Evidence = DepositNotDone, ByUnsent
	case !again && refused(failure):
		intent.State, intent.Evidence = DepositRefused, ByReply
	default:
		// A stock portal says false of a bank that did not answer, too.
		if err == nil {
			intent.Message = "the portal said false: its billing refused, or did not answer it"
		}
		return d.lost(ctx, intent, again, err)
	}
	if saved := d.save(ctx, intent); saved != nil {
		return errors.Join(intent.err(err), saved)
	}
	return intent.err(err)
}

// neverSent reports whether there was no connection to send it over.
func neverSent(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}

// refused reports whether a portal says that it charged nothing. Two refusals come
// from proxies, which may have passed the request on.
func refused(failure *Error) bool {
	return failure != nil && !failure.MayHaveHappened() &&
		failure.Status != http.StatusRequestTimeout && failure.Status != 499
}

// lost notes that the answer is lost, and looks for what happened unless that is what
// it was sent for. The time allowed begins with the next look.
func (d *Depositor) lost(ctx context.Context, intent *DepositIntent, again bool, cause error) error {
	intent.State, intent.Doubt, intent.Clear = DepositUnknown, DoubtSilent, Clocks{}
	if failure := (*Error)(nil); !again || !errors.As(cause, &failure) || !refused(failure) {
		intent.Since = Clocks{}
	}
	if err := d.save(ctx, intent); err != nil {
		return errors.Join(intent.err(cause), err)
	}
	if again || ctx.Err() != nil {
		return intent.err(cause)
	}
	return d.find(ctx, intent)
}

// noteDone notes that it is done, and by which operation, if that is to be seen yet.
func (d *Depositor) noteDone(ctx context.Context, intent *DepositIntent) error {
	intent.Doubt, intent.Found = "", nil
	if err := d.save(ctx, intent); err != nil {
		return fmt.Errorf("it is done, and could not be noted: %w", err)
	}
	w, _, err := d.purse().look(ctx, intent.Amount.Currency(), intent.Before.From)
	if err != nil {
		return nil // a hint for later
	}
	some := like(intent.Amount, intent.Before.since(w.rows, nil))
	if len(some) == 1 && len(intent.Before.Owed) == 0 {
		intent.Operation = some[0].id
		_ = d.save(ctx, intent)
	}
	return nil
}

// Resolve notes what a person says came of a deposit that is not decided. ErrNoDeposit
// says that there is none; what is decided otherwise is ErrOtherDeposit.
func (d *Depositor) Resolve(ctx context.Context, key string, happened bool) (*DepositIntent, error) {
	unlock, err := d.Store.Lock(ctx, d.Portal())
	if err != nil {
		return nil, err
	}
	defer unlock()
	intent, err := d.Store.Load(ctx, d.Portal(), key)
	if err != nil {
		return nil, err
	}
	if intent == nil || intent.State == DepositPlanned {
		return nil, fmt.Errorf("%w: %q on %s was not sent", ErrNoDeposit, key, d.Portal())
	}
	if !intent.State.open() {
		if happened == (intent.State == DepositDone) {
			return intent, nil
		}
		return intent, fmt.Errorf("%w: it is known that it is %s", ErrOtherDeposit, intent.State)
	}
	intent.State = DepositNotDone
	if happened {
		intent.State = DepositDone
		if len(intent.Found) == 1 {
			intent.Operation = identity(intent.Found[0])
		}
	}
	intent.Evidence, intent.Doubt, intent.Message = ByPerson, "", ""
	return intent, d.save(ctx, intent)
}
