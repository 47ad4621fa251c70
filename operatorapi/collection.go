package operatorapi

import (
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// listCollections answers GET /v1/portals/{portal}/collections.
func (d *door) listCollections(w http.ResponseWriter, r *http.Request, id ids) error {
	const kind = "collections"
	state, before, limit, err := readStates(r, kind)
	if err != nil {
		return err
	}
	collections, more, err := d.service.CollectionsBefore(r.Context(), id[0], store.CollectionState(state), before, limit)
	if err != nil {
		return err
	}
	writePage(w, kind, collections, more, (*object).collection, func(c *store.Collection) cursor { return numberCursor(kind, c.Number) })
	return nil
}

// getCollection answers GET /v1/collections/{collection}.
func (d *door) getCollection(w http.ResponseWriter, r *http.Request, id ids) error {
	c, err := d.service.Collection(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(512)
	o.collection(&c)
	o.write(w, http.StatusOK)
	return nil
}

func (o *object) collection(c *store.Collection) {
	o.text("id", billing.CollectionID(*c))
	o.text("portal", c.PortalID)
	o.text("state", string(c.State))
	o.text("provider", c.Provider)
	o.sum(c.Amount)
	o.text("key", c.Key)
	o.some("reference", c.Reference)
	o.some("reason", c.Reason)
	o.some("participant", c.Participant)
	o.text("purpose", string(c.Purpose))
	if c.Purpose == store.ForPlan {
		o.number("plan", int64(c.PlanID))
		o.number("quantity", c.Quantity)
	}
	if state := billing.PageStateOf(*c); state != "" {
		o.inner("page", func() {
			o.text("state", string(state))
			if state == billing.PageOpen {
				o.text("url", c.Page)
			}
			o.moment("until", c.PageUntil)
		})
	}
	o.moment("openedAt", c.OpenedAt)
	o.moment("askedAt", c.AskedAt)
	o.moment("closedAt", c.ClosedAt)
}
