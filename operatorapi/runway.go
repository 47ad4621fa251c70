package operatorapi

import (
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/wallet"
)

// runway answers GET /v1/portals/{portal}/runway.
func (d *door) runway(w http.ResponseWriter, r *http.Request, id ids) error {
	all, err := d.service.Runway(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(512)
	o.text("portal", id[0])
	o.list("runways", len(all), func(i int) {
		o.inner("", func() { o.runway(&all[i]) })
	})
	o.write(w, http.StatusOK)
	return nil
}

// runway writes for how long the money in one currency lasts.
func (o *object) runway(r *billing.Runway) {
	o.text("currency", string(r.Available.Currency()))
	o.decimal("available", r.Available)
	if r.CreditLimit.Sign() > 0 {
		o.decimal("creditLimit", r.CreditLimit)
	}
	o.number("historyDays", int64(r.HistoryDays))
	o.boolean("known", r.Known)
	if r.Known {
		o.inner("weekly", func() {
			o.decimal("pessimistic", r.Weekly.Pessimistic)
			o.decimal("likely", r.Weekly.Likely)
			o.decimal("optimistic", r.Weekly.Optimistic)
		})
		o.band("alone", r.Alone)
		o.boolean("refilled", r.Refilled)
		if r.Refilled {
			o.band("refills", r.Refills)
		}
		o.moment("emptyAt", r.EmptyAt())
	}
	o.list("scheduled", len(r.Scheduled), func(i int) {
		o.inner("", func() {
			o.moment("at", r.Scheduled[i].At)
			o.decimal("amount", r.Scheduled[i].Amount)
		})
	})
}

func (o *object) band(name string, b wallet.Band) {
	o.inner(name, func() {
		o.number("pessimistic", int64(b.Pessimistic))
		o.number("likely", int64(b.Likely))
		o.number("optimistic", int64(b.Optimistic))
	})
}
