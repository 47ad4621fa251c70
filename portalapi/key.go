package portalapi

import (
	"errors"
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/store"
)

// keys answers GET keys: those of the caller; administrators see everybody's.
func (d *door) keys(r *http.Request, c *billing.Caller) (done, error) {
	all, err := d.service.KeysFor(r.Context(), c)
	if err != nil {
		return done{}, err
	}
	out := make([]docspace.APIKey, len(all))
	for i, k := range all {
		out[i] = d.wireKey(r, c, k.Key, k.User)
	}
	return done{payload: out}, nil
}

func (d *door) wireKey(r *http.Request, c *billing.Caller, k store.Key, user store.User) docspace.APIKey {
	zone, err := c.View.Zone()
	if err != nil { // whoever set it knows it; all the same it is a moment
		zone = nil
	}
	at := docspace.Time{Time: k.CreatedAt}
	expires, used := docspace.Time{Time: k.ExpiresAt}, docspace.Time{Time: k.LastUsedAt}
	if zone != nil {
		at, expires, used = inZone(k.CreatedAt, zone), inZone(k.ExpiresAt, zone), inZone(k.LastUsedAt, zone)
	}
	return docspace.APIKey{
		ID: k.ID, Name: k.Name, KeyPostfix: "sk-***" + k.Postfix, Permissions: k.Scopes, CreateOn: at,
		CreateBy: person(user, d.origin(r)), IsActive: k.RevokedAt.IsZero(), ExpiresAt: expires, LastUsed: used,
	}
}

// createKey answers POST keys: a key that acts for the caller.
func (d *door) createKey(r *http.Request, c *billing.Caller) (done, error) {
	f, err := d.form(r)
	if err != nil {
		return done{}, err
	}
	in := billing.NewKey{
		Name: f.text("name", required, stringLength(30)), Scopes: f.texts("permissions", optional, 32, stringLength(64)),
	}
	if days := f.wholeOrNull("expiresInDays", bounds{1, 365}); days != nil {
		in.Days = int(*days)
	}
	if err := f.err(); err != nil {
		return done{}, err
	}
	secret, key, err := d.service.CreateKeyFor(r.Context(), c, in)
	var wrong *billing.FieldError
	if errors.As(err, &wrong) && wrong.Field == "scope" { // as the portal names it
		err = newInvalid("permissions", theField("permissions")+wrong.Text+".")
	}
	if err != nil {
		return done{}, err
	}
	out := d.wireKey(r, c, key, c.User)
	out.Key = secret
	return done{payload: &out}, nil
}

// keyPermissions answers GET keys/permissions.
func (d *door) keyPermissions(_ *http.Request, c *billing.Caller) (done, error) {
	scopes, err := d.service.Scopes(c)
	if err != nil {
		return done{}, err
	}
	return done{payload: scopes}, nil
}

// deleteKey answers DELETE keys/{id}.
func (d *door) deleteKey(r *http.Request, c *billing.Caller) (done, error) {
	if err := d.service.RevokeKeyFor(r.Context(), c, r.PathValue(part)); err != nil {
		return done{}, err
	}
	return done{payload: true}, nil
}
