package billing

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bursarhq/bursar/store"
)

// NewOperatorKey is what CreateOperatorKey makes.
type NewOperatorKey struct {
	// Name is for people, at most 30 characters.
	Name string
	// Days is how long it lasts, 1 to 365; 0 means for ever.
	Days int
	// Secret is the key itself; "" draws one, which is what it should be but
	// for tests and demonstrations.
	Secret string
}

const operatorPrefix = "bk-"

var operatorSecretForm = regexp.MustCompile(`^bk-[A-Za-z0-9_-]{1,200}$`)

// CreateOperatorKey makes a key for whoever runs Bursar, and returns it. The
// secret is not kept: this is the only time it can be read.
func (s *Service) CreateOperatorKey(ctx context.Context, in NewOperatorKey) (secret string, key store.OperatorKey, err error) {
	if in.Name, err = checkName("name", in.Name, 30); err != nil {
		return "", key, err
	}
	if in.Days < 0 || in.Days > 365 {
		return "", key, invalid("days", "%d is not between 1 and 365", in.Days)
	}
	if secret = in.Secret; secret == "" {
		secret = operatorPrefix + strings.TrimPrefix(newSecret(), "sk-")
	}
	if !operatorSecretForm.MatchString(secret) {
		return "", key, invalid("key", "is not bk- and up to 200 letters, digits, dashes and underscores")
	}
	now := s.now()
	key = store.OperatorKey{ID: uuid.NewString(), Name: in.Name, Hash: sha256.Sum256([]byte(secret)), CreatedAt: now}
	if len(secret) >= 20 { // of a short one, four characters would tell too much
		key.Postfix = secret[len(secret)-4:]
	}
	if in.Days > 0 {
		key.ExpiresAt = now.Add(time.Duration(in.Days) * 24 * time.Hour)
	}
	err = s.store.InsertOperatorKey(ctx, key, func(tx *store.Tx) error {
		return s.trace(ctx, tx, func(t *trail) error {
			t.note(OperatorKeyCreated, key.ID, nil, notedOperatorKey(key))
			return nil
		})
	})
	if err != nil {
		return "", key, fromStore("create operator key", err)
	}
	return secret, key, nil
}

// operatorKeyNote is how the trail tells of an operator key.
type operatorKeyNote struct {
	Name    string    `json:"name"`
	Expires time.Time `json:"expires,omitzero"`
}

func notedOperatorKey(k store.OperatorKey) operatorKeyNote {
	return operatorKeyNote{Name: k.Name, Expires: asKept(k.ExpiresAt)}
}

// OperatorKeys returns all operator keys, oldest first.
func (s *Service) OperatorKeys(ctx context.Context) (keys []store.OperatorKey, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		keys, err = tx.OperatorKeys()
		return err
	})
	return keys, fromStore("list operator keys", err)
}

// RevokeOperatorKey ends a key, named by its id, its last four characters, or the
// whole secret. It fails with ErrNotFound, and with ErrInvalid when several keys
// end in those four.
func (s *Service) RevokeOperatorKey(ctx context.Context, name string) (store.OperatorKey, error) {
	keys, err := s.OperatorKeys(ctx)
	if err != nil {
		return store.OperatorKey{}, err
	}
	hash := sha256.Sum256([]byte(name))
	var found []store.OperatorKey
	for _, key := range keys {
		if key.ID == name || key.Hash == hash {
			found = []store.OperatorKey{key}
			break
		}
		if key.Postfix != "" && key.Postfix == name {
			found = append(found, key)
		}
	}
	switch len(found) {
	case 0:
		return store.OperatorKey{}, fmt.Errorf("operator key: %w", ErrNotFound)
	case 1:
		err := s.store.RevokeOperatorKey(ctx, found[0].ID, s.now(), func(tx *store.Tx, was store.OperatorKey) error {
			if !was.RevokedAt.IsZero() {
				return nil
			}
			return s.trace(ctx, tx, func(t *trail) error {
				t.note(OperatorKeyRevoked, was.ID, notedOperatorKey(was), nil)
				return nil
			})
		})
		return found[0], fromStore("revoke operator key", err)
	}
	return store.OperatorKey{}, invalid("key", "%q is how several keys end: name one by its id", name)
}

// operators are the operator keys, as they were at a moment of the database.
type operators struct {
	known store.Known
	keys  []store.OperatorKey
}

// currentOperators returns the operator keys as of no earlier than the call.
func (s *Service) currentOperators(ctx context.Context) ([]store.OperatorKey, error) {
	before := s.operators.Load()
	if before == nil {
		before = &operators{}
	}
	known, err := s.store.Locate(ctx, store.Where{Operators: true}, before.known)
	if err != nil {
		return nil, fromStore("look for operator keys", err)
	}
	if known == before.known {
		return before.keys, nil
	}
	keys := before.keys
	if known.Address != before.known.Address {
		if keys, err = s.OperatorKeys(ctx); err != nil {
			return nil, err
		}
	}
	s.operators.Store(&operators{known, keys})
	return keys, nil
}

// AuthenticateOperator returns the operator's key that a secret is. It fails with
// ErrNoKey, ErrUnknownKey, ErrKeyExpired or ErrKeyRevoked.
func (s *Service) AuthenticateOperator(ctx context.Context, secret string) (store.OperatorKey, error) {
	if secret == "" {
		return store.OperatorKey{}, ErrNoKey
	}
	if !strings.HasPrefix(secret, operatorPrefix) {
		return store.OperatorKey{}, ErrUnknownKey
	}
	keys, err := s.currentOperators(ctx)
	if err != nil {
		return store.OperatorKey{}, err
	}
	hash := sha256.Sum256([]byte(secret))
	i := slices.IndexFunc(keys, func(k store.OperatorKey) bool { return k.Hash == hash })
	if i < 0 {
		return store.OperatorKey{}, ErrUnknownKey
	}
	switch key := keys[i]; {
	case !key.RevokedAt.IsZero():
		return store.OperatorKey{}, ErrKeyRevoked
	case !key.ExpiresAt.IsZero() && !s.now().Before(key.ExpiresAt):
		return store.OperatorKey{}, ErrKeyExpired
	}
	return keys[i], nil
}
