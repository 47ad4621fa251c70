package operatorapi

import (
	"encoding/json"
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// listAudit answers GET /v1/portals/{portal}/audit and, where there is no portal in
// the path, GET /v1/audit.
func (d *door) listAudit(w http.ResponseWriter, r *http.Request, id ids) error {
	const kind = "audit"
	q, err := readQuery(r, "", "after", "limit")
	if err != nil {
		return err
	}
	before, err := q.afterNumber(kind)
	if err != nil {
		return err
	}
	limit, err := q.limit()
	if err != nil {
		return err
	}
	lines, err := d.service.Audit(r.Context(), id[0], before, limit)
	if err != nil {
		return err
	}
	more := len(lines) == limit && lines[limit-1].Number > 1 // they are numbered from 1, without gaps
	writePage(w, kind, lines, more, (*object).audit, func(a *store.Audit) cursor { return numberCursor(kind, a.Number) })
	return nil
}

func (o *object) audit(a *store.Audit) {
	o.some("portal", a.PortalID)
	o.number("number", a.Number)
	o.moment("at", a.At)
	o.text("action", a.Action)
	if code := docspaceAction(a); code != 0 {
		o.number("docspaceAction", code)
	}
	o.some("object", a.Object)
	o.inner("actor", func() {
		o.text("kind", a.Actor)
		o.some("id", a.ActorID)
		o.some("name", a.ActorName)
	})
	o.some("requestId", a.RequestID)
	o.json("before", a.Before)
	o.json("after", a.After)
}

// json writes a value that is JSON already, unless it is "", which stands for none.
func (o *object) json(name, value string) {
	if value != "" {
		o.name(name)
		o.b = append(o.b, value...)
	}
}

// docspaceAction returns the number that DocSpace's own trail has for what was done; 0
// where it has none. Source: contract, "Audit and socket side effects".
func docspaceAction(a *store.Audit) int64 {
	const (
		toppedUp            = 6061
		operationPerformed  = 6062
		operationsReport    = 6063
		topUpSettings       = 6064
		subscriptionUpdated = 6065
		servicesSettings    = 6067
		salesMail           = 7004
	)
	switch billing.Action(a.Action) {
	case billing.CollectionEnded:
		var end struct{ State, Purpose string }
		if json.Unmarshal([]byte(a.After), &end) == nil && end.State == string(store.CollectionSettled) && end.Purpose == string(store.ForDeposit) {
			return toppedUp
		}
	case billing.PaymentRecorded:
		return toppedUp
	case billing.CreditBought:
		return operationPerformed
	case billing.ReportStarted:
		return operationsReport
	case billing.TopUpRuleChanged:
		return topUpSettings
	case billing.SubscriptionChanged:
		return subscriptionUpdated
	case billing.ServicesChanged, billing.ModelsRestricted:
		return servicesSettings
	case billing.SalesAsked:
		return salesMail
	}
	return 0
}
