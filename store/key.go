package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Key is an API key of a portal's user, as far as it is kept.
type Key struct {
	ID     string
	UserID string
	Name   string
	// Hash is the SHA-256 of the whole key.
	Hash [32]byte
	// Postfix is the key's last four characters; "" of a short key.
	Postfix string
	// Scopes is what the key may be used for; none means everything.
	Scopes    []string
	CreatedAt time.Time
	// The zero Time means never.
	ExpiresAt, RevokedAt, LastUsedAt time.Time
}

// InsertKey adds a key. It fails with ErrExists when the portal has it already.
func (tx *Tx) InsertKey(k Key) error {
	if k.Scopes == nil {
		k.Scopes = []string{}
	}
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return err
	}
	_, err = tx.exec(`
		INSERT INTO api_key (portal_id, key_id, user_id, name, hash, postfix, scopes, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		tx.portal, k.ID, k.UserID, k.Name, k.Hash[:], k.Postfix, string(scopes), micros(k.CreatedAt), micros(k.ExpiresAt))
	if err != nil {
		return fmt.Errorf("key %q: %w", k.Name, err)
	}
	return nil
}

const keyColumns = `key_id, user_id, name, hash, postfix, scopes, created_at, expires_at, revoked_at, last_used_at`

// KeyByHash returns the key with this hash and the user it acts for, or
// ErrNotFound.
func (tx *Tx) KeyByHash(portalID string, hash [32]byte) (Key, User, error) {
	var k Key
	err := tx.keys(`
		SELECT `+keyColumns+`
		  FROM api_key
		 WHERE portal_id = $1
		   AND hash = $2`, []any{portalID, hash[:]}, func(found Key) { k = found })
	if err == nil && k.ID == "" {
		err = ErrNotFound
	}
	if err != nil {
		return Key{}, User{}, err
	}
	u, err := tx.UserByID(portalID, k.UserID)
	return k, u, err
}

// Keys returns a portal's keys, oldest first.
func (tx *Tx) Keys(portalID string) ([]Key, error) {
	var all []Key
	err := tx.keys(`
		SELECT `+keyColumns+`
		  FROM api_key
		 WHERE portal_id = $1
		 ORDER BY created_at, key_id`, []any{portalID}, func(k Key) { all = append(all, k) })
	return all, err
}

// KeysAfter returns up to limit keys of a portal, oldest first, from the first one
// after a place.
func (tx *Tx) KeysAfter(portalID string, after Place, limit int) ([]Key, error) {
	var all []Key
	err := tx.keys(`
		SELECT `+keyColumns+`
		  FROM api_key
		 WHERE portal_id = $1
		   AND (created_at > $2 OR created_at = $2 AND key_id > $3)
		 ORDER BY created_at, key_id
		 LIMIT $4`, []any{portalID, after.micros(), after.ID, limit}, func(k Key) { all = append(all, k) })
	return all, err
}

// HasKeys reports whether keys act for a user, revoked ones too.
func (tx *Tx) HasKeys(portalID, userID string) (bool, error) {
	var id string
	err := tx.row(`
		SELECT key_id
		  FROM api_key
		 WHERE portal_id = $1
		   AND user_id = $2
		 LIMIT 1`, []any{portalID, userID}, &id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (tx *Tx) keys(query string, args []any, each func(Key)) error {
	return tx.rows(query, args, func(scan func(...any) error) error {
		var (
			k                               Key
			hash                            []byte
			scopes                          string
			created, expires, revoked, used sql.NullInt64
		)
		err := scan(&k.ID, &k.UserID, &k.Name, &hash, &k.Postfix, &scopes, &created, &expires, &revoked, &used)
		if err == nil {
			err = json.Unmarshal([]byte(scopes), &k.Scopes)
		}
		if err != nil {
			return err
		}
		copy(k.Hash[:], hash)
		k.CreatedAt, k.ExpiresAt = fromMicros(created), fromMicros(expires)
		k.RevokedAt, k.LastUsedAt = fromMicros(revoked), fromMicros(used)
		each(k)
		return nil
	})
}

// RevokeKey ends the key with this id. A key that has ended keeps its time. It
// fails with ErrNotFound when there is no such key.
func (tx *Tx) RevokeKey(keyID string, at time.Time) error {
	changed, err := tx.exec(`
		UPDATE api_key
		   SET revoked_at = coalesce(revoked_at, $1)
		 WHERE portal_id = $2
		   AND key_id = $3`, micros(at), tx.portal, keyID)
	if err == nil && changed == 0 {
		err = fmt.Errorf("key %q: %w", keyID, ErrNotFound)
	}
	return err
}

// KeyUse says when a key was last used.
type KeyUse struct {
	PortalID, KeyID string
	At              time.Time
}

// StampKey records when a key was last used. It does not count the portal's
// version up: nothing that is derived from a portal depends on it.
func (s *Store) StampKey(ctx context.Context, use KeyUse) error {
	return s.write(ctx, use.PortalID, func(tx *Tx) error {
		_, err := tx.exec(`
			UPDATE api_key
			   SET last_used_at = CASE WHEN last_used_at > $1 THEN last_used_at ELSE $1 END
			 WHERE portal_id = $2
			   AND key_id = $3`, micros(use.At), use.PortalID, use.KeyID)
		return err
	})
}
