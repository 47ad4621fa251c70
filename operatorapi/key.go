package operatorapi

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// listKeys answers GET /v1/portals/{portal}/keys.
func (d *door) listKeys(w http.ResponseWriter, r *http.Request, id ids) error {
	const kind = "keys"
	after, limit, err := readPlace(r, kind)
	if err != nil {
		return err
	}
	keys, more, err := d.service.KeysAfter(r.Context(), id[0], after, limit)
	if err != nil {
		return err
	}
	writePage(w, kind, keys, more, (*object).key, func(k *store.Key) cursor { return placeCursor(kind, k.CreatedAt, k.ID) })
	return nil
}

// createKey answers POST /v1/portals/{portal}/keys.
func (d *door) createKey(w http.ResponseWriter, r *http.Request, id ids) error {
	var in billing.NewKey
	if err := readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "name":
			in.Name, err = j.given(field)
		case "email":
			in.UserEmail, err = j.given(field)
		case "scopes":
			in.Scopes, err = j.list(field)
		case "days":
			var days int64
			days, err = j.whole(field, 1)
			in.Days = int(min(days, 1<<30)) // more days than are allowed either way
		default:
			return false, nil
		}
		return true, err
	}, "name"); err != nil {
		return err
	}
	secret, key, err := d.service.CreateKey(r.Context(), id[0], in)
	if err != nil {
		return err
	}
	o := newObject(512)
	o.text("key", secret)
	o.key(&key)
	o.write(w, http.StatusCreated)
	return nil
}

// revokeKey answers DELETE /v1/portals/{portal}/keys/{key}. A key is named by its id
// alone: no secret belongs in an address.
func (d *door) revokeKey(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	if uuid.Validate(id[1]) != nil {
		return fmt.Errorf("key: %w", billing.ErrNotFound)
	}
	if _, err := d.service.RevokeKey(r.Context(), id[0], id[1]); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

func (o *object) key(k *store.Key) {
	o.text("id", k.ID)
	o.text("name", k.Name)
	o.some("postfix", k.Postfix)
	o.text("user", k.UserID)
	scopes := k.Scopes
	if len(scopes) == 0 {
		scopes = []string{"*"}
	}
	o.texts("scopes", scopes)
	o.moment("createdAt", k.CreatedAt)
	o.moment("expiresAt", k.ExpiresAt)
	o.moment("revokedAt", k.RevokedAt)
	o.moment("lastUsedAt", k.LastUsedAt)
}
