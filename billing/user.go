package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/store"
)

// NewUser is what AddUser makes.
type NewUser struct {
	Email string
	// Name is for people; "" takes the part of the address before the @.
	Name string
	Role Role
}

// AddUser makes a user of a portal and returns its id. It fails with ErrExists
// when the address is taken or the portal has an owner already, and with
// ErrNotFound when there is no such portal.
func (s *Service) AddUser(ctx context.Context, portalID string, in NewUser) (string, error) {
	user, err := s.newUser(in)
	if err != nil {
		return "", err
	}
	err = s.store.Change(ctx, portalID, func(tx *store.Tx) error {
		if in.Role == Owner {
			owner, err := optional(tx.Owner(portalID))
			if err != nil {
				return err
			}
			if owner != nil {
				return fmt.Errorf("the portal's owner: %w", store.ErrExists)
			}
		}
		if err := tx.InsertUser(user); err != nil {
			return err
		}
		return adoptPayer(tx, portalID, user)
	})
	if err != nil {
		return "", fromStore("add user", err)
	}
	return user.ID, nil
}

// adoptPayer makes a new user the payer if the customer was waiting for one with
// this address.
func adoptPayer(tx *store.Tx, portalID string, user store.User) error {
	customer, err := optional(tx.Customer(portalID))
	if customer == nil || customer.PayerID != "" || customer.Email != user.Email {
		return err
	}
	customer.PayerID = user.ID
	return tx.PutCustomer(*customer)
}

func (s *Service) newUser(in NewUser) (store.User, error) {
	email, err := checkEmail("email", in.Email)
	if err != nil {
		return store.User{}, err
	}
	if !slices.Contains(Roles(), in.Role) {
		return store.User{}, invalid("role", "%q is none of %v", in.Role, Roles())
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" {
		in.Name, _, _ = strings.Cut(email, "@")
	}
	if in.Name, err = checkName("name", in.Name, 255); err != nil {
		return store.User{}, err
	}
	return store.User{ID: uuid.NewString(), Email: email, Name: in.Name, Role: string(in.Role), CreatedAt: s.now()}, nil
}

// checkName returns a name for people as it is kept: on one line, with nothing
// in it that a terminal would obey.
func checkName(field, name string, most int) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", invalid(field, "is empty")
	case utf8.RuneCountInString(name) > most:
		return "", invalid(field, "is longer than %d characters", most)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", invalid(field, "has a character that can't be shown")
	}
	return name, nil
}

// optional turns a row that is not there into nil.
func optional[T any](row T, err error) (*T, error) {
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &row, nil
}
