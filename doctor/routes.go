package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Presence says whether a portal has a route.
type Presence string

const (
	There   Presence = "there"
	Missing Presence = "missing"
	Refused Presence = "refused" // it is there, and not for this key, or not connected
	Unclear Presence = "unclear" // it failed
)

// Route is a route that not all portals have.
type Route struct {
	Name string `json:"name"` // what it is for
	Path string `json:"path"` // after /api/2.0
	// Since is the version of DocSpace that brought it.
	Since    string   `json:"since"`
	Presence Presence `json:"presence"`
}

// probe is a read of a route. None of them changes anything.
type probe struct {
	Route
	ask func(context.Context, *docspace.Client, time.Time) error
}

// The versions whose routes are probed. Source: contract, "What newer versions add".
const (
	since37 = "3.7"
	since38 = "3.8"
	since4  = "4.x"
)

func probes() []probe {
	// month is the time that is asked for where one must be.
	month := func(now time.Time) (from, to time.Time) { return now.AddDate(0, 0, -30), now }
	return []probe{
		{Route{"operations", "/portal/payment/customer/operations", since37, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.Operations(ctx, docspace.OperationsQuery{Limit: 1})
			return err
		}},
		{Route{"report of operations", "/portal/payment/customer/operationsreport", since37, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.OperationsReport(ctx)
			return err
		}},
		{Route{"wallet services", "/portal/payment/walletservices", since37, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.WalletServices(ctx)
			return err
		}},
		{Route{"services switched on", "/portal/payment/servicessettings", since37, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.ServicesSettings(ctx)
			return err
		}},
		{Route{"prices", "/portal/payment/prices", since37, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.Prices(ctx)
			return err
		}},
		{Route{"currencies of accounting", "/portal/payment/accounting/currencies", since37, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.AccountingCurrencies(ctx)
			return err
		}},
		{Route{"payments to come", "/portal/tariff/upcoming", since38, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.UpcomingPayments(ctx)
			return err
		}},
		{Route{"usage", "/portal/payment/customer/usage", since38, ""}, func(ctx context.Context, c *docspace.Client, now time.Time) error {
			from, to := month(now)
			_, err := c.Usage(ctx, docspace.UsageQuery{From: from, To: to, Limit: 1})
			return err
		}},
		{Route{"usage by month", "/portal/payment/customer/usage/monthly", since38, ""}, func(ctx context.Context, c *docspace.Client, now time.Time) error {
			from, to := month(now)
			_, err := c.MonthlyUsage(ctx, from, to)
			return err
		}},
		{Route{"what is left of a plan", "/portal/payment/subscription/balance", since38, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.SubscriptionBalance(ctx)
			return err
		}},
		{Route{"active services", "/portal/payment/activeservices", since4, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.ActiveServices(ctx)
			return err
		}},
		{Route{"price history of services", "/portal/payment/accounting/prices/backup", since4, ""}, func(ctx context.Context, c *docspace.Client, _ time.Time) error {
			_, err := c.AccountingPrices(ctx, "backup", nil)
			return err
		}},
	}
}

// parallelProbes is how many routes are asked for at once.
const parallelProbes = 4

// probe finds out which routes the portal has.
func (v *visit) probe(ctx context.Context) {
	all := probes()
	v.routes = make([]Route, len(all))
	next := make(chan int)
	var wg sync.WaitGroup
	for range parallelProbes {
		wg.Go(func() {
			for i := range next {
				v.routes[i] = all[i].Route
				v.routes[i].Presence = presence(all[i].ask(ctx, v.client, v.Now()))
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	wg.Wait()
	v.sumUp()
}

// presence says by what came of a read whether its route is there.
func presence(err error) Presence {
	var failure *docspace.Error
	switch {
	case err == nil, errors.Is(err, docspace.ErrPaymentRequired):
		return There
	case errors.Is(err, docspace.ErrForbidden):
		return Refused
	case errors.Is(err, docspace.ErrNotFound):
		// Source: contract, 3.14 and 5.1: a route that is there says what it did not find.
		if errors.As(err, &failure) && strings.Contains(failure.Message, "could not be found") {
			return There
		}
		return Missing
	case errors.Is(err, docspace.ErrRefused):
		return There
	}
	return Unclear
}

// sumUp says of each version how many of its routes there are.
func (v *visit) sumUp() {
	var parts, missing []string
	unclear := 0
	for _, version := range []string{since37, since38, since4} {
		there, of := 0, 0
		for _, r := range v.routes {
			if r.Since != version {
				continue
			}
			of++
			switch r.Presence {
			case There, Refused:
				there++
			case Unclear:
				unclear++
			default:
				if version == since37 {
					missing = append(missing, r.Name)
				}
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %d of DocSpace %s", there, of, version))
	}
	text := "of the routes probed it has " + strings.Join(parts, ", ")
	refused := slices.ContainsFunc(v.routes, func(r Route) bool { return r.Presence == Refused })
	switch {
	case unclear > 0:
		v.note(Routes, Warning, fmt.Sprintf("%s; of %d it is not clear", text, unclear), "look again in a minute; the portal's administrators find failures in its logs")
	case len(missing) > 0:
		v.note(Routes, Warning, text+"; it lacks "+strings.Join(missing, ", "), "bursar needs DocSpace 3.7 for all that it does")
	case refused:
		v.note(Routes, OK, text+"; some of them not for this key", "")
	default:
		v.note(Routes, OK, text, "")
	}
}
