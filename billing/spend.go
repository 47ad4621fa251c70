package billing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// spending is something that a user pays from the wallet, and that changes more
// than the ledger in the same transaction.
type spending struct {
	portalID string
	key, by  string
	input    [32]byte
	// decide says what is to be done, on what is there in the transaction.
	decide func(tx *store.Tx) (*settledSpending, error)
}

// settledSpending is what a spending comes to.
type settledSpending struct {
	do ledger.Action
	// free says that it costs nothing, in a currency, so that the ledger is not
	// asked.
	free     bool
	currency money.Currency
	// also does the rest.
	also func(tx *store.Tx, t *trail) error
}

// sameWithin is how long a spending without a key is the same as the one before.
const sameWithin = 10 * time.Second

// spend pays and does what is paid for, once for each key.
func (s *Service) spend(ctx context.Context, order spending) (receipt Receipt, err error) {
	now := s.now()
	err = s.change(ctx, order.portalID, func(tx *store.Tx, t *trail) error {
		receipt = Receipt{}
		key, before, err := s.spentBefore(tx, order, now)
		if err != nil {
			return err
		}
		if before != nil {
			receipt = *before
			return nil
		}
		what, err := order.decide(tx)
		if err != nil {
			return err
		}
		if what.free {
			nought := money.FromUnits(0, what.currency)
			receipt = Receipt{PortalID: order.portalID, Amount: nought, At: now.Truncate(time.Microsecond)}
			if err := tx.InsertCostless(store.Costless{Key: key, Input: order.input, Currency: what.currency, At: now}); err != nil {
				return err
			}
			return what.also(tx, t)
		}
		results, err := t.carryOut(tx, now, []ledger.Request{{Portal: order.portalID, Key: key, Input: order.input, Do: what.do}})
		if err != nil {
			return err
		}
		o := outcome(order.portalID, results[0])
		if receipt = o.Receipt; o.Err != nil {
			return o.Err
		}
		return what.also(tx, t)
	})
	return receipt, fromStore("spend", err)
}

// wasSpent reports whether a spending was carried out before, so that nothing need
// be asked about whether it may be.
func (s *Service) wasSpent(ctx context.Context, order spending) (done bool, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		_, before, err := s.spentBefore(tx, order, s.now())
		done = before != nil
		return err
	})
	return done, fromStore("look for the same before", err)
}

// spentBefore returns the key of a spending, and what came of it if it was carried
// out before; nil if it was not. It fails with ErrMismatch.
func (s *Service) spentBefore(tx *store.Tx, order spending, now time.Time) (key string, before *Receipt, err error) {
	if order.key != "" {
		// What is collected for a plan is done under its caller's key, too.
		if _, err := tx.CollectionByKey(order.portalID, order.key); err == nil {
			return "", nil, ErrMismatch
		} else if !errors.Is(err, store.ErrNotFound) {
			return "", nil, err
		}
		before, err = s.spentUnder(tx, order, order.key)
		return order.key, before, err
	}
	sum := sha256.Sum256(append(order.input[:], order.by...))
	name := func(window int64) string {
		return fmt.Sprintf("%sspend:%s:%d", ownKeys, hex.EncodeToString(sum[:12]), window)
	}
	window := now.UnixMicro() / sameWithin.Microseconds()
	for _, w := range []int64{window, window - 1} {
		before, err := s.spentUnder(tx, order, name(w))
		if err != nil || before != nil && now.Sub(before.At) < sameWithin {
			return name(w), before, err
		}
	}
	return name(window), nil, nil
}

// spentUnder returns what came of a spending under a key; nil if nothing did yet.
func (s *Service) spentUnder(tx *store.Tx, order spending, key string) (*Receipt, error) {
	done, err := tx.Done(order.portalID, key)
	if err != nil {
		return nil, err
	}
	if done != nil {
		if done.Input != order.input {
			return nil, ErrMismatch
		}
		o := outcome(order.portalID, ledger.Result{Answer: done.Answer, Replay: true})
		return &o.Receipt, nil
	}
	costless, err := tx.Costless(order.portalID, key)
	if costless == nil || err != nil {
		return nil, err
	}
	if costless.Input != order.input {
		return nil, ErrMismatch
	}
	return &Receipt{PortalID: order.portalID, Amount: money.FromUnits(0, costless.Currency), At: costless.At, Replay: true}, nil
}
