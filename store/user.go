package store

import (
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// User is a member of a portal.
type User struct {
	ID string
	// Email is in lower case, and nobody else's in the portal.
	Email string
	Name  string
	// Role is one of owner, admin, room_admin, user and guest.
	Role      string
	CreatedAt time.Time
}

// InsertUser adds a user. It fails with ErrExists when the address is taken, or
// the role is owner and the portal has one.
func (tx *Tx) InsertUser(u User) error {
	_, err := tx.exec(`
		INSERT INTO portal_user (portal_id, user_id, email, name, role, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		tx.portal, u.ID, u.Email, u.Name, u.Role, micros(u.CreatedAt))
	if err != nil {
		return fmt.Errorf("user %s: %w", u.Email, err)
	}
	return nil
}

// UpdateUser gives the user with this id another address, name and role. It fails
// with ErrNotFound, and as InsertUser does.
func (tx *Tx) UpdateUser(u User) error {
	changed, err := tx.exec(`
		UPDATE portal_user
		   SET email = $3,
		       name = $4,
		       role = $5
		 WHERE portal_id = $1
		   AND user_id = $2`, tx.portal, u.ID, u.Email, u.Name, u.Role)
	if err == nil && changed == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("user %s: %w", u.Email, err)
	}
	return nil
}

// DeleteUser takes a user out of the portal. It fails with ErrNotFound, and with
// ErrInUse when something refers to the user, such as a key or the customer.
func (tx *Tx) DeleteUser(userID string) error {
	changed, err := tx.exec(`
		DELETE FROM portal_user
		 WHERE portal_id = $1
		   AND user_id = $2`, tx.portal, userID)
	if err == nil && changed == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("user %q: %w", userID, err)
	}
	return nil
}

// Place is where a list goes on that is in the order in which things were made: after
// the one with this id, which was made then. The zero Place is the beginning.
type Place struct {
	At time.Time
	ID string
}

// micros is the place's time as it is kept, below all others for the beginning.
func (p Place) micros() int64 {
	if p.At.IsZero() {
		return math.MinInt64
	}
	return p.At.UnixMicro()
}

// UsersAfter returns up to limit users of a portal, oldest first, from the first one
// after a place.
func (tx *Tx) UsersAfter(portalID string, after Place, limit int) ([]User, error) {
	var all []User
	err := tx.rows(`
		SELECT user_id, email, name, role, created_at
		  FROM portal_user
		 WHERE portal_id = $1
		   AND (created_at > $2 OR created_at = $2 AND user_id > $3)
		 ORDER BY created_at, user_id
		 LIMIT $4`, []any{portalID, after.micros(), after.ID, limit}, func(scan func(...any) error) error {
		var (
			u       User
			created sql.NullInt64
		)
		err := scan(&u.ID, &u.Email, &u.Name, &u.Role, &created)
		u.CreatedAt = fromMicros(created)
		all = append(all, u)
		return err
	})
	return all, err
}

// UserByEmail returns the user with this address (lower case), or ErrNotFound.
func (tx *Tx) UserByEmail(portalID, email string) (User, error) {
	return tx.user(`
		SELECT user_id, email, name, role, created_at
		  FROM portal_user
		 WHERE portal_id = $1
		   AND email = $2`, portalID, email)
}

// UserByID returns the user with this id, or ErrNotFound.
func (tx *Tx) UserByID(portalID, userID string) (User, error) {
	return tx.user(`
		SELECT user_id, email, name, role, created_at
		  FROM portal_user
		 WHERE portal_id = $1
		   AND user_id = $2`, portalID, userID)
}

// namesAtOnce is how many users one question for names is about.
const namesAtOnce = 32

// UserNames returns the names of the users with these ids, by their ids; one that
// is not there is not in it.
func (tx *Tx) UserNames(portalID string, userIDs []string) (map[string]string, error) {
	names := map[string]string{}
	for some := range slices.Chunk(userIDs, namesAtOnce) {
		args := []any{portalID}
		for i := range namesAtOnce { // the rest is filled up with one that is asked for anyway
			args = append(args, some[min(i, len(some)-1)])
		}
		err := tx.rows(`
			SELECT user_id, name
			  FROM portal_user
			 WHERE portal_id = $1
			   AND user_id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
			                   $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)`, args, func(scan func(...any) error) error {
			var id, name string
			err := scan(&id, &name)
			names[id] = name
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// Owner returns the portal's owner, or ErrNotFound.
func (tx *Tx) Owner(portalID string) (User, error) {
	return tx.user(`
		SELECT user_id, email, name, role, created_at
		  FROM portal_user
		 WHERE portal_id = $1
		   AND role = $2`, portalID, "owner")
}

func (tx *Tx) user(query, portalID, argument string) (User, error) {
	var (
		u       User
		created sql.NullInt64
	)
	err := tx.row(query, []any{portalID, argument}, &u.ID, &u.Email, &u.Name, &u.Role, &created)
	u.CreatedAt = fromMicros(created)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("user %q: %w", argument, err)
	}
	return u, err
}
