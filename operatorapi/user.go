package operatorapi

import (
	"net/http"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// listUsers answers GET /v1/portals/{portal}/users.
func (d *door) listUsers(w http.ResponseWriter, r *http.Request, id ids) error {
	const kind = "users"
	after, limit, err := readPlace(r, kind)
	if err != nil {
		return err
	}
	users, more, err := d.service.UsersAfter(r.Context(), id[0], after, limit)
	if err != nil {
		return err
	}
	writePage(w, kind, users, more, (*object).user, func(u *store.User) cursor { return placeCursor(kind, u.CreatedAt, u.ID) })
	return nil
}

// readPlace reads where a list goes on that is in the order in which things were made.
func readPlace(r *http.Request, kind string) (after store.Place, limit int, err error) {
	q, err := readQuery(r, "", "after", "limit")
	if err != nil {
		return after, 0, err
	}
	if after, err = q.afterPlace(kind); err != nil {
		return after, 0, err
	}
	limit, err = q.limit()
	return after, limit, err
}

// addUser answers POST /v1/portals/{portal}/users.
func (d *door) addUser(w http.ResponseWriter, r *http.Request, id ids) error {
	in, err := readUser(w, r, "email")
	if err != nil {
		return err
	}
	if in.Role == "" {
		in.Role = billing.Member
	}
	made, err := d.service.AddUser(r.Context(), id[0], billing.NewUser(in))
	if err != nil {
		return err
	}
	return d.writeUser(w, r, http.StatusCreated, id[0], made)
}

// getUser answers GET /v1/portals/{portal}/users/{user}.
func (d *door) getUser(w http.ResponseWriter, r *http.Request, id ids) error {
	return d.writeUser(w, r, http.StatusOK, id[0], id[1])
}

// changeUser answers PATCH /v1/portals/{portal}/users/{user}.
func (d *door) changeUser(w http.ResponseWriter, r *http.Request, id ids) error {
	change, err := readUser(w, r)
	if err != nil {
		return err
	}
	user, err := d.service.ChangeUser(r.Context(), id[0], id[1], change)
	if err != nil {
		return err
	}
	o := newObject(256)
	o.user(&user)
	o.write(w, http.StatusOK)
	return nil
}

// removeUser answers DELETE /v1/portals/{portal}/users/{user}.
func (d *door) removeUser(w http.ResponseWriter, r *http.Request, id ids) error {
	if err := empty(w, r); err != nil {
		return err
	}
	if _, err := d.service.RemoveUser(r.Context(), id[0], id[1]); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

func readUser(w http.ResponseWriter, r *http.Request, needs ...string) (in billing.UserChange, err error) {
	err = readRecord(w, r, func(j *reader, name, field string) (known bool, err error) {
		switch name {
		case "email":
			in.Email, err = j.given(field)
		case "name":
			in.Name, err = j.given(field)
		case "role":
			var role string
			role, err = j.given(field)
			in.Role = billing.Role(role)
		default:
			return false, nil
		}
		return true, err
	}, needs...)
	return in, err
}

// writeUser answers with a user as it is by now.
func (d *door) writeUser(w http.ResponseWriter, r *http.Request, status int, portalID, userID string) error {
	user, err := d.service.User(r.Context(), portalID, userID)
	if err != nil {
		return err
	}
	o := newObject(256)
	o.user(&user)
	o.write(w, status)
	return nil
}

func (o *object) user(u *store.User) {
	o.person(u)
	o.text("role", u.Role)
	o.moment("createdAt", u.CreatedAt)
}

// person says who somebody is.
func (o *object) person(u *store.User) {
	o.text("id", u.ID)
	o.text("email", u.Email)
	o.text("name", u.Name)
}
