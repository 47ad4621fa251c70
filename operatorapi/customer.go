package operatorapi

import (
	"fmt"
	"net/http"

	"github.com/bursarhq/bursar/billing"
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
	o.write(w, http.StatusOK)
	return nil
}

// setTopUpRule answers PUT /v1/portals/{portal}/top-up-rule.
func (d *door) setTopUpRule(w http.ResponseWriter, r *http.Request, id ids) error {
	var low, high, currency string
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
	if err := d.service.SetTopUpRule(r.Context(), id[0], enabled, floor, target); err != nil {
		return err
	}
	return d.getTopUpRule(w, r, id)
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
