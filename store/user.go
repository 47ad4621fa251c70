package store

import (
	"database/sql"
	"errors"
	"fmt"
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
