package operatorapi

import (
	"net/http"

	"github.com/bursarhq/bursar/catalog"
)

// getCatalog answers GET /v1/catalog.
func (d *door) getCatalog(w http.ResponseWriter, _ *http.Request, _ ids) error {
	c := d.service.Catalog()
	plans, currencies := c.All(), c.Currencies()
	o := newObject(64 + 512*len(plans))
	o.list("currencies", len(currencies), func(i int) { o.b = appendText(o.b, string(currencies[i])) })
	o.list("plans", len(plans), func(i int) { o.inner("", func() { o.plan(plans[i]) }) })
	o.write(w, http.StatusOK)
	return nil
}

func (o *object) plan(p *catalog.Plan) {
	o.number("id", int64(p.ID))
	o.text("name", p.Name)
	o.some("title", p.Title)
	o.some("product", p.ProductID)
	o.some("service", p.Service)
	o.some("period", string(p.Period))
	o.boolean("visible", p.Visible)
	o.boolean("wallet", p.Wallet)
	o.boolean("additional", p.Additional)
	o.some("unit", p.Unit)
	o.number("minimum", p.Minimum)
	o.text("features", p.Features.String())
	prices := p.Prices()
	o.list("prices", len(prices), func(i int) {
		o.inner("", func() {
			o.moment("from", prices[i].From)
			o.inner("amounts", func() {
				for _, amount := range prices[i].Amounts {
					o.decimal(string(amount.Currency()), amount)
				}
			})
		})
	})
}
