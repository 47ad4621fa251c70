package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// OperatorKey lets somebody run Bursar. It is for no portal.
type OperatorKey struct {
	ID   string
	Name string
	// Hash is the SHA-256 of the secret, which is nowhere.
	Hash [32]byte
	// Postfix is the secret's last four characters; "" for a short one.
	Postfix   string
	CreatedAt time.Time
	// ExpiresAt and RevokedAt are the zero Time for never.
	ExpiresAt, RevokedAt time.Time
}

// changeOperators is a transaction on the operator keys, whose changes it counts.
func (s *Store) changeOperators(ctx context.Context, fn func(*Tx) error) error {
	return s.write(ctx, "", func(tx *Tx) error {
		if err := tx.one(`
			UPDATE counter
			   SET value = value + 1
			 WHERE name = 'operator_keys'`); err != nil {
			return err
		}
		return fn(tx)
	})
}

// operators returns how often the operator keys changed.
func (tx *Tx) operators() (Address, error) {
	var a Address
	err := tx.row(`
		SELECT value
		  FROM counter
		 WHERE name = 'operator_keys'`, nil, &a.Version)
	return a, err
}

// InsertOperatorKey adds a key, or fails with ErrExists. Also is done in the same
// transaction, whose portal is "".
func (s *Store) InsertOperatorKey(ctx context.Context, k OperatorKey, also func(*Tx) error) error {
	return s.changeOperators(ctx, func(tx *Tx) error {
		_, err := tx.exec(`
			INSERT INTO operator_key (key_id, name, hash, postfix, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			k.ID, k.Name, k.Hash[:], k.Postfix, micros(k.CreatedAt), micros(k.ExpiresAt))
		if err != nil {
			return fmt.Errorf("operator key %q: %w", k.Name, err)
		}
		return also(tx)
	})
}

// RevokeOperatorKey ends a key; one that was revoked stays so from when it was.
// Also is given the key as it was, in the same transaction, whose portal is "". It
// fails with ErrNotFound.
func (s *Store) RevokeOperatorKey(ctx context.Context, keyID string, at time.Time, also func(tx *Tx, was OperatorKey) error) error {
	return s.changeOperators(ctx, func(tx *Tx) error {
		all, err := tx.OperatorKeys()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(k OperatorKey) bool { return k.ID == keyID })
		if i < 0 {
			return fmt.Errorf("operator key %q: %w", keyID, ErrNotFound)
		}
		if err := tx.one(`
			UPDATE operator_key
			   SET revoked_at = coalesce(revoked_at, $1)
			 WHERE key_id = $2`, micros(at), keyID); err != nil {
			return err
		}
		return also(tx, all[i])
	})
}

// OperatorKeys returns all keys, oldest first.
func (tx *Tx) OperatorKeys() ([]OperatorKey, error) {
	var all []OperatorKey
	err := tx.rows(`
		SELECT key_id, name, hash, postfix, created_at, expires_at, revoked_at
		  FROM operator_key
		 ORDER BY created_at, key_id`, nil, func(scan func(...any) error) error {
		var (
			k                         OperatorKey
			hash                      []byte
			created, expires, revoked sql.NullInt64
		)
		err := scan(&k.ID, &k.Name, &hash, &k.Postfix, &created, &expires, &revoked)
		copy(k.Hash[:], hash)
		k.CreatedAt, k.ExpiresAt, k.RevokedAt = fromMicros(created), fromMicros(expires), fromMicros(revoked)
		all = append(all, k)
		return err
	})
	return all, err
}
