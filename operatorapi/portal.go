package operatorapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/bursarhq/bursar/billing"
)

// createPortal answers POST /v1/portals.
func (d *door) createPortal(w http.ResponseWriter, r *http.Request, _ string) error {
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
	if err != nil {
		return err
	}
	made, err := d.service.Portal(r.Context(), id)
	if err != nil {
		return err
	}
	out := append(make([]byte, 0, 256), `{"id":`...)
	out = appendText(out, made.ID)
	out = append(out, `,"name":`...)
	out = appendText(out, made.Name)
	out = append(out, `,"hosts":[`...)
	for i, host := range made.Hosts {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendText(out, host)
	}
	writeJSON(w, http.StatusCreated, typeJSON, append(out, "]}"...))
	return nil
}

func readPortal(j *reader) (in billing.NewPortal, err error) {
	seen := map[string]bool{}
	err = j.object("body", func(name string) (err error) {
		if seen[name] {
			return &billing.FieldError{Field: name, Text: "is given twice"}
		}
		seen[name] = true
		switch name {
		case "id":
			in.ID, err = j.given(name)
		case "name":
			in.Name, err = j.given(name)
		case "country":
			in.Country, err = j.given(name)
		case "host":
			in.Hosts = make([]string, 1)
			in.Hosts[0], err = j.given(name)
		case "hosts":
			in.Hosts, err = j.list(name)
		case "owner":
			in.Owner, err = readOwner(j)
		default:
			err = unknown([]byte(name))
		}
		if seen["host"] && seen["hosts"] && err == nil {
			err = &billing.FieldError{Field: "hosts", Text: "is given beside host"}
		}
		return err
	})
	if err != nil {
		return in, err
	}
	return in, j.end()
}

func readOwner(j *reader) (owner billing.NewUser, err error) {
	seen := map[string]bool{}
	err = j.object("owner", func(name string) (err error) {
		field := "owner." + name
		if seen[name] {
			return &billing.FieldError{Field: field, Text: "is given twice"}
		}
		seen[name] = true
		switch name {
		case "email":
			owner.Email, err = j.given(field)
		case "name":
			owner.Name, err = j.given(field)
		default:
			err = unknown([]byte(field))
		}
		return err
	})
	if err == nil && !seen["email"] {
		err = &billing.FieldError{Field: "owner.email", Text: "is missing"}
	}
	return owner, err
}

// object reads an object, calling value to read that of each member.
func (j *reader) object(field string, value func(name string) error) error {
	if err := j.open(field, '{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		name, more, err := j.member(first)
		if !more || err != nil {
			return err
		}
		if err := value(string(name)); err != nil {
			return err
		}
	}
}

// given reads a string that is not empty: what stands for "not given" must not
// be given.
func (j *reader) given(field string) (string, error) {
	text, err := j.text(field)
	if err == nil && text == "" {
		err = &billing.FieldError{Field: field, Text: "is empty"}
	}
	return text, err
}

// maxHosts bounds how many hosts one request may name.
const maxHosts = 100

// list reads an array of strings.
func (j *reader) list(field string) (all []string, err error) {
	if err := j.open(field, '['); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		more, err := j.next(first, ']')
		if !more || err != nil {
			return all, err
		}
		text, err := j.given(field)
		if err != nil {
			return nil, err
		}
		if all = append(all, text); len(all) > maxHosts {
			return nil, &billing.FieldError{Field: field, Text: "has more than 100 elements"}
		}
	}
}

// wallet answers GET /v1/portals/{portal}/wallet.
func (d *door) wallet(w http.ResponseWriter, r *http.Request, portalID string) error {
	held, err := d.service.Wallet(r.Context(), portalID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, typeJSON, appendWallet(make([]byte, 0, 512), &held))
	return nil
}
