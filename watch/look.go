package watch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

// Answer is what came of looking at a portal once.
type Answer struct {
	Name string
	At   time.Time
	// Err says why nothing could be read; the rest is nothing then.
	Err error
	fleet.Snapshot
	// Past are what the wallet had at the end of each of the last days, by currency, the
	// oldest first; nil where it was not looked at this time.
	Past map[money.Currency][]money.Amount
}

const (
	// pastDays is of how many days the balances are drawn.
	pastDays = 14
	// pastEvery is how often they are read: they hardly change.
	pastEvery = time.Hour
	// maxOperations is how many operations are read for that at most: the newest.
	maxOperations = 5000
	day           = 24 * time.Hour
)

// RequestsPerLook is how many requests looking at a portal takes at most, as long as
// its operations of four weeks fit on a page.
const RequestsPerLook = 10

// Parts returns the parts of a report that are looked at.
func Parts() []docspace.Part {
	return []docspace.Part{docspace.PartCustomer, docspace.PartBalance, docspace.PartQuota, docspace.PartTopUp, fleet.PartRunway}
}

// Looker looks at portals.
type Looker struct {
	Reader  *fleet.Reader
	Portals []fleet.Profile
	Now     func() time.Time

	mu   sync.Mutex
	past map[string]time.Time // when the days were last read, by name
	keys map[string]string    // by name, as long as the portals accept them
}

// Look looks at each portal once. Done has each answer as it comes, one at a time. It
// returns the context's error when that ends, and done's first.
func (l *Looker) Look(ctx context.Context, done func(Answer) error) error {
	return fleet.Each(ctx, l.Reader, l.unlocked(ctx), l.one, func(p fleet.Profile, a Answer, err error) error {
		if err != nil {
			a = Answer{Name: p.Name, At: l.Now(), Err: err}
		}
		return done(a)
	})
}

// keysAtOnce is how many keys are got at once.
const keysAtOnce = 8

// unlocked returns the portals with their keys, as far as they can be had: a keyring or
// a command is asked once, and not for each look, until a portal refuses the key. For
// those that can't be had the reader will say why.
func (l *Looker) unlocked(ctx context.Context) []fleet.Profile {
	all := slices.Clone(l.Portals)
	places := make(chan int)
	var wg sync.WaitGroup
	for range keysAtOnce {
		wg.Go(func() {
			for i := range places {
				if key, err := l.Reader.Keys.Of(ctx, all[i]); err == nil {
					all[i].Key = fleet.Key{Plain: key}
					l.remember(all[i].Name, key)
				}
			}
		})
	}
	for i := range all {
		if key := l.remembered(all[i].Name); key != "" {
			all[i].Key = fleet.Key{Plain: key}
		} else {
			places <- i
		}
	}
	close(places)
	wg.Wait()
	return all
}

func (l *Looker) remembered(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[name]
}

func (l *Looker) remember(name, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = map[string]string{}
	}
	l.keys[name] = key
}

// one looks at a portal.
func (l *Looker) one(ctx context.Context, portal *fleet.Portal) (Answer, error) {
	a := Answer{Name: portal.Name}
	var h *fleet.History
	read := make(chan struct{})
	go func() {
		defer close(read)
		if l.due(portal.Name) {
			// Without it there is no picture of the days, and all else: they are read
			// again next time.
			h, _ = fleet.ReadHistory(ctx, portal.Client, l.Now(), pastDays*day, maxOperations)
		}
	}()
	a.Snapshot = fleet.Read(ctx, portal, l.Now(), Parts()...)
	<-read
	a.At = l.Now()
	for _, err := range a.Failed {
		if errors.Is(err, docspace.ErrUnauthorized) {
			l.remember(portal.Name, "") // there may be another one by now
		}
	}
	if h != nil && a.Balance != nil {
		a.Past = pastOf(h, a.Balance)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.past == nil {
			l.past = map[string]time.Time{}
		}
		l.past[portal.Name] = a.At
	}
	return a, nil
}

func (l *Looker) due(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, read := l.past[name]
	return !read || l.Now().Sub(last) >= pastEvery
}

// pastOf works out what a wallet had at the end of each day. Days of which that is not
// known are left out.
func pastOf(h *fleet.History, b *docspace.Balance) map[money.Currency][]money.Amount {
	all := map[money.Currency][]money.Amount{}
	for _, sub := range b.SubAccounts {
		w, err := h.Wallet(sub.Amount)
		if err != nil {
			continue // nothing happened, or it can't be added up
		}
		var days []money.Amount
		left := w.Available
		for n := range pastDays {
			end := h.To.Add(-time.Duration(pastDays-1-n) * day)
			for ; len(w.Movements) > 0 && w.Movements[0].At.Before(end); w.Movements = w.Movements[1:] {
				left, _ = left.Add(w.Movements[0].Amount) // Wallet has added these up before
			}
			if end.After(w.From) {
				days = append(days, left)
			}
		}
		all[sub.Amount.Currency()] = days
	}
	return all
}
