package billing

import (
	"context"
	"fmt"

	"github.com/bursarhq/bursar/store"
)

// UserKey is an API key and the user that it acts for.
type UserKey struct {
	store.Key
	User store.User
}

// KeysFor returns the caller's API keys, oldest first; an administrator's are those
// of the whole portal. It fails with ErrAccessDenied for guests.
func (s *Service) KeysFor(ctx context.Context, c *Caller) ([]UserKey, error) {
	if c.Role == Guest {
		return nil, ErrAccessDenied
	}
	portalID := c.View.Portal.ID
	var all []UserKey
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		keys, err := tx.Keys(portalID)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if key.UserID != c.User.ID && !c.Role.Administers() {
				continue
			}
			user, err := tx.UserByID(portalID, key.UserID)
			if err != nil {
				return err
			}
			all = append(all, UserKey{key, user})
		}
		return nil
	})
	return all, fromStore("list keys", err)
}

// CreateKeyFor makes an API key that acts for the caller, as CreateKey does. It fails
// with ErrAccessDenied for guests.
func (s *Service) CreateKeyFor(ctx context.Context, c *Caller, in NewKey) (secret string, key store.Key, err error) {
	if c.Role == Guest {
		return "", key, ErrAccessDenied
	}
	in.UserEmail, in.Secret = c.User.Email, ""
	return s.CreateKey(ctx, c.View.Portal.ID, in)
}

// RevokeKeyFor ends the key with an id: one of the caller's, or, for an
// administrator, anybody's. It fails with ErrNotFound, and with ErrAccessDenied for
// guests.
func (s *Service) RevokeKeyFor(ctx context.Context, c *Caller, id string) error {
	keys, err := s.KeysFor(ctx, c)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key.ID == id {
			_, err := s.RevokeKey(ctx, c.View.Portal.ID, id)
			return err
		}
	}
	return fmt.Errorf("key %q: %w", notSecret(id), ErrNotFound)
}

// Scopes returns what a key can be limited to. It fails with ErrAccessDenied for
// guests.
func (s *Service) Scopes(c *Caller) ([]string, error) {
	if c.Role == Guest {
		return nil, ErrAccessDenied
	}
	return scopes(), nil
}
