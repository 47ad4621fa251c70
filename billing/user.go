package billing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
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
		t.note(UserCreated, user.ID, nil, notedUser(user))
		return adoptPayer(tx, t, portalID, user)
	})
	if err != nil {
		return "", fromStore("add user", err)
	}
	return user.ID, nil
}

// UserChange is what ChangeUser changes; "" keeps what there is.
type UserChange struct {
	Email, Name string
	// Role may be Owner: then the one who was the owner becomes an Admin. The owner's
	// own role is changed by making another user the owner.
	Role Role
}

// ChangeUser changes a user of a portal, and returns what came of it. It fails with
// ErrExists when the address is taken, and with ErrNotFound when there is no such
// portal or user.
func (s *Service) ChangeUser(ctx context.Context, portalID, userID string, change UserChange) (user store.User, err error) {
	if change.Email != "" {
		if change.Email, err = checkEmail("email", change.Email); err != nil {
			return user, err
		}
	}
	if change.Name != "" {
		if change.Name, err = checkName("name", change.Name, 255); err != nil {
			return user, err
		}
	}
	if change.Role != "" {
		if err := checkRole(change.Role); err != nil {
			return user, err
		}
	}
	err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		if user, err = tx.UserByID(portalID, userID); err != nil {
			return err
		}
		before := notedUser(user)
		if change.Email != "" {
			user.Email = change.Email
		}
		if change.Name != "" {
			user.Name = change.Name
		}
		if err := giveRole(tx, t, portalID, &user, change.Role); err != nil {
			return err
		}
		if err := tx.UpdateUser(user); err != nil {
			return err
		}
		t.note(UserChanged, user.ID, before, notedUser(user))
		return adoptPayer(tx, t, portalID, user)
	})
	return user, fromStore("change user", err)
}

// userNote is how the trail tells of a user.
type userNote struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	Role  string `json:"role"`
}

func notedUser(u store.User) userNote { return userNote{u.Email, u.Name, u.Role} }

// giveRole gives a user a role, unless that is "". An owner gives way to another.
func giveRole(tx *store.Tx, t *trail, portalID string, user *store.User, role Role) error {
	if role == "" || Role(user.Role) == role {
		return nil
	}
	if Role(user.Role) == Owner {
		return invalid("role", "is the owner's, and stays so until another user is made the owner")
	}
	user.Role = string(role)
	if role != Owner {
		return nil
	}
	owner, err := optional(tx.Owner(portalID))
	if owner == nil {
		return err
	}
	before := notedUser(*owner)
	owner.Role = string(Admin)
	t.note(UserChanged, owner.ID, before, notedUser(*owner))
	return tx.UpdateUser(*owner)
}

// RemoveUser takes a user out of a portal. The ledger keeps what happened on the
// user's account under the same id. It fails with ErrInUse for the owner, for who
// pays, and for a user who has keys, even revoked ones, and with ErrNotFound when
// there is no such portal or user.
func (s *Service) RemoveUser(ctx context.Context, portalID, userID string) (user store.User, err error) {
	err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		if user, err = tx.UserByID(portalID, userID); err != nil {
			return err
		}
		if Role(user.Role) == Owner {
			return fmt.Errorf("user %s %w: it is the portal's owner", user.Email, ErrInUse)
		}
		customer, err := optional(tx.Customer(portalID))
		if err != nil {
			return err
		}
		if customer != nil && (customer.PayerID == userID || customer.PayerID == "" && customer.Email == user.Email) {
			return fmt.Errorf("user %s %w: it pays for the portal", user.Email, ErrInUse)
		}
		has, err := tx.HasKeys(portalID, userID)
		if err != nil {
			return err
		}
		if has {
			return fmt.Errorf("user %s %w: API keys act for it", user.Email, ErrInUse)
		}
		t.note(UserRemoved, userID, notedUser(user), nil)
		return tx.DeleteUser(userID)
	})
	return user, fromStore("remove user", err)
}

// User returns a user of a portal by its id. It fails with ErrNotFound when there is
// no such portal or user.
func (s *Service) User(ctx context.Context, portalID, userID string) (user store.User, err error) {
	err = s.readPortal(ctx, portalID, "read user", func(tx *store.Tx) (err error) {
		user, err = tx.UserByID(portalID, userID)
		return err
	})
	return user, err
}

// UserNamed returns the user of a portal who goes by an id or an address. It fails
// with ErrNotFound when there is no such portal or user.
func (s *Service) UserNamed(ctx context.Context, portalID, name string) (user store.User, err error) {
	err = s.readPortal(ctx, portalID, "find user", func(tx *store.Tx) error {
		found, err := optional(tx.UserByID(portalID, name))
		if found == nil && err == nil {
			user, err = tx.UserByEmail(portalID, strings.ToLower(name))
			return err
		}
		if err == nil {
			user = *found
		}
		return err
	})
	return user, err
}

// adoptPayer makes a user with a new address the payer if the customer was waiting for one with
// this address.
func adoptPayer(tx *store.Tx, t *trail, portalID string, user store.User) error {
	customer, err := optional(tx.Customer(portalID))
	if customer == nil || customer.PayerID != "" || customer.Email != user.Email {
		return err
	}
	before := notedCustomer(*customer)
	customer.PayerID = user.ID
	t.note(CustomerChanged, strconv.FormatInt(customer.AccountNumber, 10), before, notedCustomer(*customer))
	return tx.PutCustomer(*customer)
}

func (s *Service) newUser(in NewUser) (store.User, error) {
	email, err := checkEmail("email", in.Email)
	if err != nil {
		return store.User{}, err
	}
	if err := checkRole(in.Role); err != nil {
		return store.User{}, err
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" {
		in.Name, _, _ = strings.Cut(email, "@")
	}
	if in.Name, err = checkName("name", in.Name, 255); err != nil {
		return store.User{}, err
	}
	return store.User{ID: uuid.NewString(), Email: email, Name: in.Name, Role: string(in.Role), CreatedAt: s.now()}, nil
}

func checkRole(role Role) error {
	if !slices.Contains(Roles(), role) {
		return invalid("role", "%q is none of %v", role, Roles())
	}
	return nil
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
