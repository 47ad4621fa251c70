package operatorapi

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/bursarhq/bursar/billing"
)

// getSubscriptions answers GET /v1/portals/{portal}/subscriptions.
func (d *door) getSubscriptions(w http.ResponseWriter, r *http.Request, id ids) error {
	bought, err := d.service.Purchases(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(256)
	o.text("portal", id[0])
	o.list("subscriptions", len(bought), func(i int) {
		o.inner("", func() {
			o.number("plan", int64(bought[i].Plan))
			o.number("quantity", bought[i].Quantity)
			o.moment("dueAt", bought[i].DueAt)
			o.some("paidFrom", bought[i].PaidFrom)
		})
	})
	o.write(w, http.StatusOK)
	return nil
}

// setSubscriptions answers PUT /v1/portals/{portal}/subscriptions.
func (d *door) setSubscriptions(w http.ResponseWriter, r *http.Request, id ids) error {
	var bought []billing.Purchase
	if err := readRecord(w, r, func(j *reader, name, field string) (bool, error) {
		if name != "subscriptions" {
			return false, nil
		}
		return true, j.elements(field, func() error {
			p, err := readPurchase(j, field)
			bought = append(bought, p)
			return err
		})
	}, "subscriptions"); err != nil {
		return err
	}
	if err := d.service.SetPurchases(r.Context(), id[0], bought); err != nil {
		return err
	}
	return d.getSubscriptions(w, r, id)
}

func readPurchase(j *reader, within string) (p billing.Purchase, err error) {
	given, err := j.record(within, func(name, field string) (known bool, err error) {
		switch name {
		case "plan":
			p.Plan, err = j.planID(field)
		case "quantity":
			p.Quantity, err = j.whole(field, 1)
		case "dueAt":
			var text string
			if text, err = j.given(field); err == nil {
				p.DueAt, err = parseMoment(field, text)
			}
		case "paidFrom":
			p.PaidFrom, err = j.given(field)
		default:
			return false, nil
		}
		return true, err
	})
	if err == nil {
		err = given.must(within+".", "plan", "quantity")
	}
	return p, err
}

// getServices answers GET /v1/portals/{portal}/services.
func (d *door) getServices(w http.ResponseWriter, r *http.Request, id ids) error {
	plans, err := d.service.Services(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(128)
	o.text("portal", id[0])
	o.list("services", len(plans), func(i int) { o.b = strconv.AppendInt(o.b, int64(plans[i]), 10) })
	o.write(w, http.StatusOK)
	return nil
}

// setServices answers PUT /v1/portals/{portal}/services.
func (d *door) setServices(w http.ResponseWriter, r *http.Request, id ids) error {
	var plans []int
	if err := readRecord(w, r, func(j *reader, name, field string) (bool, error) {
		if name != "services" {
			return false, nil
		}
		return true, j.elements(field, func() error {
			plan, err := j.planID(field)
			plans = append(plans, plan)
			return err
		})
	}, "services"); err != nil {
		return err
	}
	if err := d.service.SetServices(r.Context(), id[0], plans); err != nil {
		return err
	}
	return d.getServices(w, r, id)
}

// getUsage answers GET /v1/portals/{portal}/usage.
func (d *door) getUsage(w http.ResponseWriter, r *http.Request, id ids) error {
	used, err := d.service.Usage(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(256)
	o.text("portal", id[0])
	o.inner("usage", func() {
		for _, feature := range slices.Sorted(maps.Keys(used)) {
			o.number(feature, used[feature])
		}
	})
	o.write(w, http.StatusOK)
	return nil
}

// setUsage answers PUT /v1/portals/{portal}/usage.
func (d *door) setUsage(w http.ResponseWriter, r *http.Request, id ids) error {
	used := map[string]int64{}
	if err := readRecord(w, r, func(j *reader, name, field string) (bool, error) {
		if name != "usage" {
			return false, nil
		}
		_, err := j.record(field, func(feature, field string) (known bool, err error) {
			if !slices.Contains(billing.CountedFeatures(), feature) {
				return false, nil
			}
			used[feature], err = j.whole(field, 0)
			return true, err
		})
		return true, err
	}, "usage"); err != nil {
		return err
	}
	if err := d.service.SetUsage(r.Context(), id[0], used); err != nil {
		return err
	}
	return d.getUsage(w, r, id)
}
