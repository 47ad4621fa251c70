package operatorapi

import (
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
)

// listTransfers answers GET /v1/portals/{portal}/transfers.
func (d *door) listTransfers(w http.ResponseWriter, r *http.Request, id ids) error {
	const kind = "transfers"
	filter, err := readTransferFilter(r, kind)
	if err != nil {
		return err
	}
	found, err := d.service.PortalOperations(r.Context(), id[0], filter)
	if err != nil {
		return err
	}
	origins, err := d.service.Origins(r.Context(), id[0], found.Transfers...)
	if err != nil {
		return err
	}
	more := found.Total > int64(len(found.Transfers))
	element := func(o *object, t *ledger.Transfer) { o.transfer(t, origins[t.Key]) }
	writePage(w, kind, found.Transfers, more, element, func(t *ledger.Transfer) cursor { return numberCursor(kind, t.Number) })
	return nil
}

func readTransferFilter(r *http.Request, kind string) (f billing.OperationFilter, err error) {
	q, err := readQuery(r, "type", "after", "limit", "book", "from", "to", "service", "participant", "order")
	if err != nil {
		return f, err
	}
	f = billing.OperationFilter{Book: bookOf(q.text("book")), Service: q.text("service"), Participant: q.text("participant")}
	if f.After, err = q.afterNumber(kind); err != nil {
		return f, err
	}
	limit, err := q.limit()
	if f.Limit = int64(limit); err != nil {
		return f, err
	}
	if f.From, err = q.moment("from"); err != nil {
		return f, err
	}
	if f.To, err = q.moment("to"); err != nil {
		return f, err
	}
	switch q.text("order") {
	case "", "descending":
	case "ascending":
		f.Ascending = true
	default:
		return f, &billing.FieldError{Field: "order", Text: clip(q.text("order"), 40) + " is neither ascending nor descending"}
	}
	if len(q.values["type"]) > maxElements {
		return f, &billing.FieldError{Field: "type", Text: "is given too often"}
	}
	for _, name := range q.values["type"] {
		kind, err := ledger.ParseType(name)
		if err != nil || kind.String() != name {
			return f, &billing.FieldError{Field: "type", Text: clip(name, 40) + " is no type of transfer"}
		}
		f.Types = append(f.Types, kind)
	}
	return f, nil
}

// getTransfer answers GET /v1/transfers/{transfer}.
func (d *door) getTransfer(w http.ResponseWriter, r *http.Request, id ids) error {
	t, err := d.service.Transfer(r.Context(), id[0])
	if err != nil {
		return err
	}
	origins, err := d.service.Origins(r.Context(), t.Portal, t)
	if err != nil {
		return err
	}
	o := newObject(512)
	o.transfer(&t, origins[t.Key])
	o.write(w, http.StatusOK)
	return nil
}

// transfer writes a transfer, with who asked for it; "" where that is not known.
func (o *object) transfer(t *ledger.Transfer, origin string) {
	o.text("id", t.ID().String())
	o.text("portal", t.Portal)
	o.text("book", string(t.Book))
	o.moment("at", t.At)
	o.text("type", t.Type.String())
	o.text("debit", string(t.Debit))
	o.text("credit", string(t.Credit))
	o.sum(t.Amount)
	o.decimal("balance", t.Balance)
	o.text("key", t.Key)
	o.some("origin", origin)
	o.some("service", t.Service)
	if t.Quantity > 0 {
		o.number("quantity", t.Quantity)
	}
	o.some("participant", t.Participant)
	o.metadata(t.Metadata)
	if t.Corrects > 0 {
		o.text("corrects", ledger.TransferID{Portal: t.Portal, Book: t.Book, Number: t.Corrects}.String())
	}
	if t.Hold > 0 {
		o.text("hold", ledger.HoldID{Portal: t.Portal, Number: t.Hold}.String())
	}
}

// listHolds answers GET /v1/portals/{portal}/holds.
func (d *door) listHolds(w http.ResponseWriter, r *http.Request, id ids) error {
	const kind = "holds"
	state, before, limit, err := readStates(r, kind)
	if err != nil {
		return err
	}
	holds, more, err := d.service.HoldsBefore(r.Context(), id[0], ledger.HoldState(state), before, limit)
	if err != nil {
		return err
	}
	writePage(w, kind, holds, more, (*object).hold, func(h *ledger.Hold) cursor { return numberCursor(kind, h.Number) })
	return nil
}

// readStates reads where a list goes on whose elements have states.
func readStates(r *http.Request, kind string) (state string, before int64, limit int, err error) {
	q, err := readQuery(r, "", "after", "limit", "state")
	if err != nil {
		return "", 0, 0, err
	}
	if before, err = q.afterNumber(kind); err != nil {
		return "", 0, 0, err
	}
	limit, err = q.limit()
	return q.text("state"), before, limit, err
}

// getHold answers GET /v1/holds/{hold}.
func (d *door) getHold(w http.ResponseWriter, r *http.Request, id ids) error {
	h, err := d.service.Hold(r.Context(), id[0])
	if err != nil {
		return err
	}
	o := newObject(512)
	o.hold(&h)
	o.write(w, http.StatusOK)
	return nil
}

func (o *object) hold(h *ledger.Hold) {
	o.text("id", h.ID().String())
	o.text("portal", h.Portal)
	o.text("state", string(h.State))
	o.sum(h.Amount)
	if h.Transfer > 0 {
		o.decimal("posted", h.Posted)
		o.text("transfer", ledger.TransferID{Portal: h.Portal, Book: ledger.Main, Number: h.Transfer}.String())
	}
	o.text("key", h.Key)
	o.some("service", h.Service)
	if h.Quantity > 0 {
		o.number("quantity", h.Quantity)
	}
	o.some("participant", h.Participant)
	o.metadata(h.Metadata)
	o.moment("openedAt", h.OpenedAt)
	o.moment("expiresAt", h.ExpiresAt)
	o.moment("closedAt", h.ClosedAt)
}
