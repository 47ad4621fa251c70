package docspace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Part names one of the six reads of a report.
type Part string

const (
	PartCustomer   Part = "customer"
	PartBalance    Part = "balance"
	PartQuota      Part = "quota"
	PartQuotas     Part = "quotas"
	PartTopUp      Part = "topup"
	PartCurrencies Part = "currencies"
)

// Parts returns all parts, in the order of a report.
func Parts() []Part {
	return []Part{PartCustomer, PartBalance, PartQuota, PartQuotas, PartTopUp, PartCurrencies}
}

// ParsePart returns the part of that name; the error lists the names there are.
func ParsePart(name string) (Part, error) {
	parts := Parts()
	if i := slices.Index(parts, Part(name)); i >= 0 {
		return parts[i], nil
	}
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = string(p)
	}
	return "", fmt.Errorf("no part %q; there are %s", name, strings.Join(names, ", "))
}

// Report is what a portal says of its billing, as far as it arrived.
type Report struct {
	// Portal is the address that was read.
	Portal string
	// RetrievedAt is when the last part arrived.
	RetrievedAt time.Time
	// Asked are the parts that were asked for, in the order of a report.
	Asked []Part
	// Failed has an error for each part that did not arrive; the field of such
	// a part is nil. A part that is nil and not in Failed was not asked for, or
	// the portal has nothing to say.
	Failed map[Part]error

	Customer   *CustomerInfo
	Balance    *Balance
	Quota      *Quota
	Quotas     []Quota
	TopUp      *TopUpSettings
	Currencies []Currency
}

// Arrived reports whether the part was asked for and answered.
func (r *Report) Arrived(part Part) bool {
	return r.Failed[part] == nil && slices.Contains(r.Asked, part)
}

// Err returns the errors of all parts that failed, joined; nil if none did.
func (r *Report) Err() error {
	var all []error
	for _, part := range r.Asked {
		all = append(all, r.Failed[part])
	}
	return errors.Join(all...)
}

// Report reads the given parts at once (or so many at once as Config.AtOnce says), all
// six when none is given, and returns what arrived. It takes as long as the slowest part.
// A part that is none of Parts is passed over; ParsePart tells.
func (c *Client) Report(ctx context.Context, only ...Part) *Report {
	if len(only) == 0 {
		only = Parts()
	}
	r := &Report{Portal: c.URL(), Failed: map[Part]error{}}
	reads := map[Part]func() error{
		PartCustomer:   func() (err error) { r.Customer, err = c.CustomerInfo(ctx); return },
		PartBalance:    func() (err error) { r.Balance, err = c.Balance(ctx); return },
		PartQuota:      func() (err error) { r.Quota, err = c.Quota(ctx); return },
		PartQuotas:     func() (err error) { r.Quotas, err = c.Quotas(ctx); return },
		PartTopUp:      func() (err error) { r.TopUp, err = c.TopUpSettings(ctx); return },
		PartCurrencies: func() (err error) { r.Currencies, err = c.Currencies(ctx); return },
	}
	for _, part := range Parts() {
		if slices.Contains(only, part) {
			r.Asked = append(r.Asked, part)
		}
	}
	var (
		wg   sync.WaitGroup
		next atomic.Int64
		mu   sync.Mutex // guards r.Failed
	)
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(r.Asked); i = int(next.Add(1)) - 1 {
			if err := reads[r.Asked[i]](); err != nil {
				mu.Lock()
				r.Failed[r.Asked[i]] = err
				mu.Unlock()
			}
		}
	}
	atOnce := len(r.Asked)
	if c.atOnce > 0 {
		atOnce = min(atOnce, c.atOnce)
	}
	for range atOnce - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	r.RetrievedAt = time.Now()
	return r
}
