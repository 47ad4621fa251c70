package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/bursarhq/bursar/money"
)

// Costless is something that was bought and cost nothing: the ledger, which moves
// more than nought, has no trace of its key.
type Costless struct {
	Key string
	// Input is the hash of what was asked.
	Input    [32]byte
	Currency money.Currency
	At       time.Time
}

// InsertCostless keeps the key of something that cost nothing, for ever. It fails
// with ErrExists when the key was kept before.
func (tx *Tx) InsertCostless(c Costless) error {
	_, err := tx.exec(`
		INSERT INTO costless (portal_id, key, input, currency, at)
		VALUES ($1, $2, $3, $4, $5)`, tx.portal, c.Key, c.Input[:], string(c.Currency), c.At.UnixMicro())
	return err
}

// Costless returns what was bought under a key and cost nothing; nil for nothing.
func (tx *Tx) Costless(portalID, key string) (*Costless, error) {
	c := Costless{Key: key}
	var (
		input []byte
		at    sql.NullInt64
	)
	err := tx.row(`
		SELECT input, currency, at
		  FROM costless
		 WHERE portal_id = $1
		   AND key = $2`, []any{portalID, key}, &input, &c.Currency, &at)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	copy(c.Input[:], input)
	c.At = fromMicros(at)
	return &c, err
}
