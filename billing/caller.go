package billing

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bursarhq/bursar/store"
)

// Role is what a user is in a portal.
type Role string

const (
	Owner     Role = "owner"
	Admin     Role = "admin" // DocSpace admin
	RoomAdmin Role = "room_admin"
	Member    Role = "user"
	Guest     Role = "guest"
)

// Roles returns all roles, the mightiest first.
func Roles() []Role { return []Role{Owner, Admin, RoomAdmin, Member, Guest} }

// Administers reports whether the role may see and change settings.
func (r Role) Administers() bool { return r == Owner || r == Admin }

// Access is what a key is used for.
type Access string

const (
	Reading Access = "*:read"
	Writing Access = "*:write"
)

// scopes are what a key can be limited to. Source: contract, "Authentication".
func scopes() []string {
	all := []string{"*", string(Reading), string(Writing)}
	for _, module := range []string{"rooms", "files", "accounts", "accounts.self"} {
		all = append(all, module+":read", module+":write")
	}
	return all
}

// Caller is a user of a portal who was let in by a key. Nothing in it changes.
type Caller struct {
	View *View
	User store.User
	Role Role
	// KeyID is the key's.
	KeyID string
}

// mustAdminister returns ErrAccessDenied unless the caller may see settings.
func (c *Caller) mustAdminister() error {
	if !c.Role.Administers() {
		return ErrAccessDenied
	}
	return nil
}

// Pays reports whether the caller is the one who pays for the portal.
func (c *Caller) Pays() bool { return c.View.payer != nil && c.View.payer.ID == c.User.ID }

// knownKey is a key, as found for a view, and whom it lets in.
type knownKey struct {
	key    store.Key
	user   store.User
	caller atomic.Pointer[Caller] // of the view that it was last used with
	noted  atomic.Int64           // the last use that was noted, in seconds since 1970
}

// maxKnownKeys bounds the keys kept with one view.
const maxKnownKeys = 1024

// Authenticate returns who a key lets in to the portal of a view. It fails with
// ErrNoKey, ErrUnknownKey, ErrKeyExpired, ErrKeyRevoked or ErrScope. A key of
// another portal is unknown here.
func (s *Service) Authenticate(ctx context.Context, v *View, secret string, access Access) (*Caller, error) {
	if secret == "" {
		return nil, ErrNoKey
	}
	hash := sha256.Sum256([]byte(secret))
	known, err := s.lookUpKey(ctx, v, hash)
	if err != nil {
		return nil, err
	}
	now := s.now()
	switch key := known.key; {
	case !key.RevokedAt.IsZero():
		return nil, ErrKeyRevoked
	case !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt):
		return nil, ErrKeyExpired
	case !allows(key.Scopes, access):
		return nil, fmt.Errorf("%w: it needs %s", ErrScope, access)
	}
	s.uses.note(v.Portal.ID, known, now)
	caller := known.caller.Load()
	if caller == nil || caller.View != v {
		caller = &Caller{View: v, User: known.user, Role: Role(known.user.Role), KeyID: known.key.ID}
		known.caller.Store(caller)
	}
	return caller, nil
}

// lookUpKey finds a key by its hash. The key itself is nowhere, so nothing about
// it can be learned from how long the search takes.
func (s *Service) lookUpKey(ctx context.Context, v *View, hash [32]byte) (*knownKey, error) {
	if known, ok := v.keys.Load(hash); ok {
		return known.(*knownKey), nil
	}
	known := &knownKey{}
	err := s.store.Read(ctx, func(tx *store.Tx) (err error) {
		known.key, known.user, err = tx.KeyByHash(v.Portal.ID, hash)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknownKey
	}
	if err != nil {
		return nil, fromStore("look up key", err)
	}
	if v.keyCount.Load() < maxKnownKeys && v.keyCount.Add(1) <= maxKnownKeys {
		v.keys.Store(hash, known)
	}
	return known, nil
}

// allows reports whether scopes cover an access: none and "*" cover everything,
// writing covers reading; scopes of single modules never cover payments.
func allows(scopes []string, access Access) bool {
	return len(scopes) == 0 || slices.Contains(scopes, "*") ||
		slices.Contains(scopes, string(Writing)) || slices.Contains(scopes, string(access))
}

// noteEvery is how exactly the last use of a key is known.
const noteEvery = time.Minute
