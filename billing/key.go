package billing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/store"
)

// NewKey is what CreateKey makes.
type NewKey struct {
	// UserEmail is the user that the key acts for; "" means the portal's owner.
	UserEmail string
	// Name is for people, at most 30 characters.
	Name string
	// Scopes limit what it may be used for; none means everything.
	Scopes []string
	// Days is how long it lasts, 1 to 365; 0 means for ever.
	Days int
	// Secret is the key itself; "" draws one, which is what it should be but
	// for tests and demonstrations.
	Secret string
}

var secretForm = regexp.MustCompile(`^sk-[A-Za-z0-9_-]{1,200}$`)

// CreateKey makes an API key and returns it. The secret is not kept: this is the
// only time it can be read. It fails with ErrNotFound when there is no such
// portal or user.
func (s *Service) CreateKey(ctx context.Context, portalID string, in NewKey) (secret string, key store.Key, err error) {
	if in.Name, err = checkName("name", in.Name, 30); err != nil {
		return "", key, err
	}
	for _, scope := range in.Scopes {
		if !slices.Contains(scopes(), scope) {
			return "", key, invalid("scope", "%q is none of %s", scope, strings.Join(scopes(), ", "))
		}
	}
	if in.Days < 0 || in.Days > 365 {
		return "", key, invalid("days", "%d is not between 1 and 365", in.Days)
	}
	if secret = in.Secret; secret == "" {
		secret = newSecret()
	}
	if !secretForm.MatchString(secret) {
		return "", key, invalid("key", "is not sk- and up to 200 letters, digits, dashes and underscores")
	}
	now := s.now()
	key = store.Key{
		ID: uuid.NewString(), Name: in.Name, Scopes: in.Scopes, CreatedAt: now,
		Hash: sha256.Sum256([]byte(secret)),
	}
	if len(secret) >= 20 { // of a short one, four characters would tell too much
		key.Postfix = secret[len(secret)-4:]
	}
	if in.Days > 0 {
		key.ExpiresAt = now.Add(time.Duration(in.Days) * 24 * time.Hour)
	}
	err = s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		var user store.User
		var err error
		if in.UserEmail == "" {
			user, err = tx.Owner(portalID)
		} else {
			user, err = tx.UserByEmail(portalID, strings.ToLower(in.UserEmail))
		}
		if err != nil {
			return err
		}
		key.UserID = user.ID
		t.note(KeyCreated, key.ID, nil, notedKey(key))
		return tx.InsertKey(key)
	})
	if err != nil {
		return "", store.Key{}, fromStore("create key", err)
	}
	return secret, key, nil
}

// keyNote is how the trail tells of a key.
type keyNote struct {
	Name    string    `json:"name"`
	User    string    `json:"user"`
	Scopes  []string  `json:"scopes,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

func notedKey(k store.Key) keyNote {
	return keyNote{Name: k.Name, User: k.UserID, Scopes: k.Scopes, Expires: asKept(k.ExpiresAt)}
}

// notSecret returns the name of a key as it may be repeated.
func notSecret(name string) string {
	if strings.HasPrefix(name, "sk-") {
		return "sk-…"
	}
	return name
}

// newSecret draws a key as DocSpace makes them: sk- and 32 random bytes in
// lower-case hexadecimal.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return "sk-" + hex.EncodeToString(b[:])
}

// Keys returns a portal's keys, oldest first, with when they were last used. It
// fails with ErrNotFound when there is no such portal.
func (s *Service) Keys(ctx context.Context, portalID string) ([]store.Key, error) {
	var keys []store.Key
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.Portal(portalID); err != nil {
			return err
		}
		var err error
		keys, err = tx.Keys(portalID)
		return err
	})
	return keys, fromStore("list keys", err)
}

// RevokeKey ends the key that goes by a name: its id, its last four characters,
// or its whole secret, and returns it as it was. It fails with ErrNotFound when
// there is no such portal or key, and asks for the id when several keys end alike.
func (s *Service) RevokeKey(ctx context.Context, portalID, name string) (store.Key, error) {
	var key store.Key
	err := s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		keys, err := tx.Keys(portalID)
		if err != nil {
			return err
		}
		hash := sha256.Sum256([]byte(name))
		var matching []store.Key
		for _, k := range keys {
			if k.ID == name || k.Hash == hash {
				matching = []store.Key{k}
				break
			}
			if k.Postfix == name && name != "" {
				matching = append(matching, k)
			}
		}
		switch len(matching) {
		case 0:
			return fmt.Errorf("key %q: %w", notSecret(name), store.ErrNotFound)
		case 1:
			key = matching[0]
			if key.RevokedAt.IsZero() {
				t.note(KeyRevoked, key.ID, notedKey(key), nil)
			}
			return tx.RevokeKey(key.ID, s.now())
		default:
			return invalid("key", "%q is how %d keys end; use the id", name, len(matching))
		}
	})
	return key, fromStore("revoke key", err)
}
