package operatorapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"github.com/bursarhq/bursar/billing"
)

// listPortals answers GET /v1/portals.
func (d *door) listPortals(w http.ResponseWriter, r *http.Request, _ ids) error {
	const kind = "portals"
	q, err := readQuery(r, "", "after", "limit")
	if err != nil {
		return err
	}
	after, err := q.after(kind)
	if err != nil {
		return err
	}
	limit, err := q.limit()
	if err != nil {
		return err
	}
	portals, more, err := d.service.PortalsAfter(r.Context(), after, limit)
	if err != nil {
		return err
	}
	writePage(w, kind, portals, more, (*object).portal, func(p *billing.PortalSummary) cursor { return cursor{kind, p.ID} })
	return nil
}

// createPortal answers POST /v1/portals.
func (d *door) createPortal(w http.ResponseWriter, r *http.Request, _ ids) error {
	j, err := body(w, r)
	if err != nil {
		return err
	}
	in, err := readPortal(j)
	if err != nil {
		return err
	}
	if key := r.Header.Get("Idempotency-Key"); in.ID == "" && key != "" {
		// An id that the key alone decides: the same again finds it taken, rather
		// than making another portal.
		sum := sha256.Sum256([]byte(key))
		in.ID = "portal-" + hex.EncodeToString(sum[:10])
	}
	id, err := d.service.CreatePortal(r.Context(), in)
	if errors.Is(err, billing.ErrExists) {
		err = fmt.Errorf("%w: %w", errPortalExists, err)
	}
	if err != nil {
		return err
	}
	return d.writePortal(w, r, http.StatusCreated, id)
}

// getPortal answers GET /v1/portals/{portal}.
func (d *door) getPortal(w http.ResponseWriter, r *http.Request, id ids) error {
	return d.writePortal(w, r, http.StatusOK, id[0])
}

// changePortal answers PATCH /v1/portals/{portal}.
func (d *door) changePortal(w http.ResponseWriter, r *http.Request, id ids) error {
	var change billing.PortalChange
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "name":
			change.Name, err = j.given(field)
		case "country": // "" says that it is unknown
			change.Country = new(string)
			*change.Country, err = j.text(field)
		case "timeZone":
			change.TimeZone = new(string)
			*change.TimeZone, err = j.given(field)
		default:
			return false, nil
		}
		return true, err
	}); err != nil {
		return err
	}
	if err := d.service.ChangePortal(r.Context(), id[0], change); err != nil {
		return err
	}
	return d.writePortal(w, r, http.StatusOK, id[0])
}

// addHost answers PUT /v1/portals/{portal}/hosts/{host}.
func (d *door) addHost(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	if err := d.service.AddHost(r.Context(), id[0], id[1]); err != nil {
		return err
	}
	return d.writePortal(w, r, http.StatusOK, id[0])
}

// removeHost answers DELETE /v1/portals/{portal}/hosts/{host}.
func (d *door) removeHost(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	if err := d.service.RemoveHost(r.Context(), id[0], id[1]); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

// writePortal answers with a portal as it is by now.
func (d *door) writePortal(w http.ResponseWriter, r *http.Request, status int, id string) error {
	found, err := d.service.Portal(r.Context(), id)
	if err != nil {
		return err
	}
	o := newObject(512)
	o.portal(&found)
	o.write(w, status)
	return nil
}

func (o *object) portal(p *billing.PortalSummary) {
	o.text("id", p.ID)
	o.text("name", p.Name)
	o.texts("hosts", p.Hosts)
	o.some("country", p.Country)
	zone := p.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	o.text("timeZone", zone)
	if p.Owner != nil {
		o.inner("owner", func() { o.person(p.Owner) })
	}
	o.moment("createdAt", p.CreatedAt)
}

func readPortal(j *reader) (in billing.NewPortal, err error) {
	given, err := j.record("", func(name, field string) (known bool, err error) {
		switch name {
		case "id":
			in.ID, err = j.given(field)
		case "name":
			in.Name, err = j.given(field)
		case "country":
			in.Country, err = j.given(field)
		case "timeZone":
			in.TimeZone, err = j.given(field)
		case "host":
			in.Hosts = make([]string, 1)
			in.Hosts[0], err = j.given(field)
		case "hosts":
			in.Hosts, err = j.list(field)
		case "owner":
			in.Owner, err = readOwner(j)
		default:
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return in, err
	}
	if given["host"] && given["hosts"] {
		return in, &billing.FieldError{Field: "hosts", Text: "is given beside host"}
	}
	return in, j.end()
}

func readOwner(j *reader) (owner billing.NewUser, err error) {
	given, err := j.record("owner", func(name, field string) (known bool, err error) {
		switch name {
		case "email":
			owner.Email, err = j.given(field)
		case "name":
			owner.Name, err = j.given(field)
		default:
			return false, nil
		}
		return true, err
	})
	if err == nil {
		err = given.must("owner.", "email")
	}
	return owner, err
}

// wallet answers GET /v1/portals/{portal}/wallet.
func (d *door) wallet(w http.ResponseWriter, r *http.Request, id ids) error {
	return d.writeWallet(w, r, id[0])
}

func (d *door) writeWallet(w http.ResponseWriter, r *http.Request, portalID string) error {
	held, err := d.service.Wallet(r.Context(), portalID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, typeJSON, appendWallet(make([]byte, 0, 512), &held))
	return nil
}

// setCreditLimit answers PUT /v1/portals/{portal}/credit-limit.
func (d *door) setCreditLimit(w http.ResponseWriter, r *http.Request, id ids) error {
	var book, number, currency string
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "book":
			book, err = j.given(field)
		case "limit":
			number, err = j.decimal(field)
		case "currency":
			currency, err = j.given(field)
		default:
			return false, nil
		}
		return true, err
	}, "limit", "currency"); err != nil {
		return err
	}
	limit, err := sum("limit", number, currency)
	if err != nil {
		return err
	}
	if err := d.service.SetCreditLimit(r.Context(), id[0], bookOf(book), limit); err != nil {
		return err
	}
	return d.writeWallet(w, r, id[0])
}
