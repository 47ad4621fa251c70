package operatorapi

import (
	"fmt"
	"math"
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

// getCustomer answers GET /v1/portals/{portal}/customer.
func (d *door) getCustomer(w http.ResponseWriter, r *http.Request, id ids) error {
	c, err := d.service.PortalCustomer(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(512)
	o.text("portal", c.PortalID)
	o.number("accountNumber", c.AccountNumber)
	o.text("email", c.Email)
	if c.Payer != nil {
		o.inner("payer", func() { o.person(c.Payer) })
	}
	o.text("methodStatus", c.MethodStatus)
	o.some("methodType", c.MethodType)
	o.moment("createdAt", c.CreatedAt)
	o.write(w, http.StatusOK)
	return nil
}

// setCustomer answers PUT /v1/portals/{portal}/customer.
func (d *door) setCustomer(w http.ResponseWriter, r *http.Request, id ids) error {
	var change billing.CustomerChange
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "email":
			change.Email, err = j.given(field)
		case "methodStatus":
			change.MethodStatus, err = j.given(field)
		case "methodType":
			change.MethodType, err = j.given(field)
		default:
			return false, nil
		}
		return true, err
	}, "email"); err != nil {
		return err
	}
	if err := d.service.SetCustomer(r.Context(), id[0], change); err != nil {
		return err
	}
	return d.getCustomer(w, r, id)
}

// getTopUpRule answers GET /v1/portals/{portal}/top-up-rule.
func (d *door) getTopUpRule(w http.ResponseWriter, r *http.Request, id ids) error {
	rule, err := d.service.PortalTopUpRule(r.Context(), id[0])
	if err == nil && rule == nil {
		err = fmt.Errorf("top-up rule of portal %q: %w", id[0], billing.ErrNotFound)
	}
	if err != nil {
		return err
	}
	o := newObject(256)
	o.text("portal", id[0])
	o.boolean("enabled", rule.Enabled)
	o.decimal("minBalance", rule.MinBalance)
	o.decimal("upToBalance", rule.UpTo)
	o.text("currency", string(rule.MinBalance.Currency()))
	o.moment("modifiedAt", rule.ModifiedAt)
	o.inner("caps", func() {
		o.caps(wallet.Caps{Charge: rule.MaxCharge, Day: rule.MaxDay, Month: rule.MaxMonth, Count: int(rule.MaxCount)})
	})
	o.inner("limits", func() { o.caps(billing.TopUpLimits(rule)) })
	o.write(w, http.StatusOK)
	return nil
}

// caps writes those caps that there are.
func (o *object) caps(c wallet.Caps) {
	for _, row := range []struct {
		name  string
		limit money.Amount
	}{{"charge", c.Charge}, {"day", c.Day}, {"month", c.Month}} {
		if row.limit.Sign() > 0 {
			o.decimal(row.name, row.limit)
		}
	}
	if c.Count > 0 {
		o.number("count", int64(c.Count))
	}
}

// setTopUpRule answers PUT /v1/portals/{portal}/top-up-rule.
func (d *door) setTopUpRule(w http.ResponseWriter, r *http.Request, id ids) error {
	var low, high, currency string
	var caps *givenCaps
	enabled := true
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "enabled":
			enabled, err = j.boolean(field)
		case "minBalance":
			low, err = j.decimal(field)
		case "upToBalance":
			high, err = j.decimal(field)
		case "currency":
			currency, err = j.given(field)
		case "caps":
			caps = &givenCaps{}
			_, err = j.record(field, func(name, field string) (bool, error) { return caps.read(j, name, field) })
		default:
			return false, nil
		}
		return true, err
	}, "minBalance", "upToBalance", "currency"); err != nil {
		return err
	}
	floor, err := sum("minBalance", low, currency)
	if err != nil {
		return err
	}
	target, err := sum("upToBalance", high, currency)
	if err != nil {
		return err
	}
	rule := billing.TopUp{Enabled: enabled, Floor: floor, Target: target}
	if rule.Caps, err = caps.in(currency); err != nil {
		return err
	}
	if err := d.service.SetTopUp(r.Context(), id[0], rule); err != nil {
		return err
	}
	return d.getTopUpRule(w, r, id)
}

// givenCaps are caps as they are read, before their currency is known.
type givenCaps struct {
	charge, day, month string
	count              int64
}

func (c *givenCaps) read(j *reader, name, field string) (known bool, err error) {
	switch name {
	case "charge":
		c.charge, err = j.decimal(field)
	case "day":
		c.day, err = j.decimal(field)
	case "month":
		c.month, err = j.decimal(field)
	case "count":
		c.count, err = j.whole(field, 0)
	default:
		return false, nil
	}
	return true, err
}

// in returns the caps in a currency; nil when none were given.
func (c *givenCaps) in(currency string) (*wallet.Caps, error) {
	if c == nil {
		return nil, nil
	}
	caps := &wallet.Caps{Count: int(min(c.count, math.MaxInt32))}
	for _, row := range []struct {
		field, text string
		to          *money.Amount
	}{{"caps.charge", c.charge, &caps.Charge}, {"caps.day", c.day, &caps.Day}, {"caps.month", c.month, &caps.Month}} {
		if row.text == "" {
			continue
		}
		var err error
		if *row.to, err = sum(row.field, row.text, currency); err != nil {
			return nil, err
		}
	}
	return caps, nil
}

// clearTopUpRule answers DELETE /v1/portals/{portal}/top-up-rule.
func (d *door) clearTopUpRule(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	if err := d.service.ClearTopUpRule(r.Context(), id[0]); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

// resumeTopUps answers POST /v1/portals/{portal}/top-up-rule/resume.
func (d *door) resumeTopUps(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	resumed, err := d.service.ResumeTopUps(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(64)
	o.text("portal", id[0])
	o.boolean("resumed", resumed)
	o.write(w, http.StatusOK)
	return nil
}
