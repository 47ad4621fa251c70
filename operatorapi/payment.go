package operatorapi

import (
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/ledger"
)

// recordPayment answers POST /v1/portals/{portal}/payments.
func (d *door) recordPayment(w http.ResponseWriter, r *http.Request, id ids) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	var (
		in               billing.Payment
		number, currency string
	)
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "amount":
			number, err = j.decimal(field)
		case "currency":
			currency, err = j.given(field)
		case "reference":
			in.Reference, err = j.given(field)
		case "method":
			in.Method, err = j.given(field)
		case "receivedAt":
			var text string
			if text, err = j.given(field); err == nil {
				in.ReceivedAt, err = parseMoment(field, text)
			}
		case "participant":
			in.Participant, err = j.given(field)
		default:
			return false, nil
		}
		return true, err
	}, "amount", "currency", "reference"); err != nil {
		return err
	}
	if in.Amount, err = sum("amount", number, currency); err != nil {
		return err
	}
	receipt, err := d.service.RecordPayment(r.Context(), id[0], key, in)
	if err != nil {
		return err
	}
	writeReceipt(w, &receipt)
	return nil
}

// refundCollection answers POST /v1/collections/{collection}/refunds.
func (d *door) refundCollection(w http.ResponseWriter, r *http.Request, id ids) error {
	f := form{}
	if err := f.ask(w, r, mAmount|mCurrency|mReason); err != nil {
		return err
	}
	if f.has&mReason == 0 {
		return &billing.FieldError{Field: "reason", Text: "is missing"}
	}
	part, err := f.part()
	if err != nil {
		return err
	}
	refund, err := d.service.RefundCollection(r.Context(), id[0], f.key, part, f.reason)
	if err != nil {
		return err
	}
	if refund.Replay {
		w.Header()["Idempotent-Replay"] = isReplay
	}
	o := newObject(512)
	o.refund(id[0], &refund)
	o.write(w, http.StatusCreated)
	return nil
}

// refund writes a refund of the collection with an id. All of it is kept, so that a
// replay is the same to the byte.
func (o *object) refund(collection string, r *billing.Refund) {
	o.text("id", billing.RefundID(r.Refund))
	o.text("collection", collection)
	o.text("portal", r.PortalID)
	o.text("state", string(r.State))
	o.sum(r.Amount)
	o.text("key", r.Key)
	o.text("reason", r.Why)
	o.some("reference", r.Reference)
	if r.Transfer > 0 {
		o.text("transfer", ledger.TransferID{Portal: r.PortalID, Book: ledger.Main, Number: r.Transfer}.String())
	}
	o.moment("openedAt", r.OpenedAt)
	o.moment("closedAt", r.ClosedAt)
}
