package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/money"
)

// CollectionState is how far a collection has come.
type CollectionState string

const (
	CollectionOpen     CollectionState = "open"    // the provider is being asked
	CollectionUnknown  CollectionState = "unknown" // it was, and its answer is not known
	CollectionSettled  CollectionState = "settled"
	CollectionDeclined CollectionState = "declined"
)

// CollectionPurpose is what is collected for.
type CollectionPurpose string

const (
	ForDeposit CollectionPurpose = "deposit" // the wallet
	ForPlan    CollectionPurpose = "plan"    // a plan, by way of the wallet
)

// Collection is one attempt to collect money from a payment provider.
type Collection struct {
	PortalID string
	// Number counts the portal's collections from 1.
	Number int64
	// Key is the caller's idempotency key, Input the hash of what was asked.
	Key   string
	Input [32]byte
	State CollectionState
	// Provider is the name of who collects.
	Provider string
	Amount   money.Amount
	// Reference is the provider's own id; "" while it is not known.
	Reference string
	// Reason is why it was declined.
	Reason      string
	Participant string
	// Purpose is what the money is for. Of a plan, PlanID and Quantity are what the
	// portal is to have then, and Tariff is the portal's as it was priced.
	Purpose  CollectionPurpose
	PlanID   int
	Quantity int64
	Tariff   int64
	// Automatic says that nobody asked for it at the time: a top-up or a renewal did.
	Automatic bool
	// Renews is the end of the period of the plan after which it pays for the next;
	// the zero Time where it renews none.
	Renews time.Time
	// Page is the address of the provider's page where the customer pays, until
	// PageUntil; "" when nobody has to come.
	Page      string
	PageUntil time.Time
	OpenedAt  time.Time
	// AskedAt is when the provider was last asked, or was going to be.
	AskedAt time.Time
	// ClosedAt is the zero Time until it is known how it ended.
	ClosedAt time.Time
}

// Closed reports whether it is known how the collection ended.
func (c *Collection) Closed() bool { return !c.ClosedAt.IsZero() }

// InsertCollection adds a collection to the portal, with the next number, which
// it returns. It fails with ErrExists when the key was used before, or another
// collection of the portal is open.
func (tx *Tx) InsertCollection(c Collection) (int64, error) {
	if err := tx.row(`
		SELECT CAST(coalesce(max(number), 0) + 1 AS BIGINT)
		  FROM collection
		 WHERE portal_id = $1`, []any{tx.portal}, &c.Number); err != nil {
		return 0, err
	}
	_, err := tx.exec(`
		INSERT INTO collection (portal_id, number, key, input, state, provider, currency, amount, reference, reason, participant, opened_at, asked_at,
		                        purpose, plan_id, quantity, tariff, page, page_until, automatic, renews)
		VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, '', '', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		tx.portal, c.Number, c.Key, c.Input[:], c.Provider, string(c.Amount.Currency()), c.Amount.Units(),
		c.Participant, c.OpenedAt.UnixMicro(), c.AskedAt.UnixMicro(),
		string(cmp.Or(c.Purpose, ForDeposit)), c.PlanID, c.Quantity, c.Tariff, c.Page, micros(c.PageUntil),
		flag(c.Automatic), micros(c.Renews))
	if err != nil {
		return 0, fmt.Errorf("collection %q: %w", c.Key, err)
	}
	return c.Number, nil
}

// CloseCollection says how an open collection ended, or that it is not known. It
// fails with ErrNotFound when the collection is closed already; one that was said to
// be declined may still turn out to be settled: the money is there then.
func (tx *Tx) CloseCollection(c Collection) error {
	changed, err := tx.exec(`
		UPDATE collection
		   SET state = $3,
		       reference = $4,
		       reason = $5,
		       asked_at = $6,
		       closed_at = $7
		 WHERE portal_id = $1
		   AND number = $2
		   AND (closed_at IS NULL OR state = 'declined' AND $3 = 'settled')`,
		c.PortalID, c.Number, string(c.State), c.Reference, c.Reason, c.AskedAt.UnixMicro(), micros(c.ClosedAt))
	if err == nil && changed == 0 {
		err = fmt.Errorf("open collection %d of %s: %w", c.Number, c.PortalID, ErrNotFound)
	}
	return err
}

const collectionColumns = `portal_id, number, key, input, state, provider, currency, amount, reference, reason, participant, opened_at, asked_at, closed_at, purpose, plan_id, quantity, tariff, page, page_until, automatic, renews`

// CollectionByKey returns the collection that was asked for under a key, or
// ErrNotFound.
func (tx *Tx) CollectionByKey(portalID, key string) (Collection, error) {
	return tx.collection(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE portal_id = $1
		   AND key = $2`, portalID, key)
}

// CollectionByNumber returns a collection, or ErrNotFound.
func (tx *Tx) CollectionByNumber(portalID string, number int64) (Collection, error) {
	return tx.collection(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE portal_id = $1
		   AND number = $2`, portalID, number)
}

// CollectionsBefore returns up to limit collections of a portal, the latest first,
// from the first one whose number is below the given one; of one state, unless that
// is "".
func (tx *Tx) CollectionsBefore(portalID string, state CollectionState, number int64, limit int) ([]Collection, error) {
	return tx.collections(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE portal_id = $1
		   AND number < $2
		   AND ($3 = '' OR state = $3)
		 ORDER BY number DESC
		 LIMIT $4`, portalID, number, string(state), limit)
}

// OpenCollection returns the portal's collection whose end is not known, or
// ErrNotFound.
func (tx *Tx) OpenCollection(portalID string) (Collection, error) {
	return tx.collection(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE portal_id = $1
		   AND closed_at IS NULL
		   AND page = ''`, portalID)
}

// OpenPage returns the latest collection that waits at the provider's page for the
// same order, or ErrNotFound.
func (tx *Tx) OpenPage(portalID string, input [32]byte) (Collection, error) {
	return tx.collection(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE portal_id = $1
		   AND closed_at IS NULL
		   AND page <> ''
		   AND input = $2
		 ORDER BY number DESC
		 LIMIT 1`, portalID, input[:])
}

// PutPage writes down where the customer pays for a collection, or fails with
// ErrNotFound when it is not open.
func (tx *Tx) PutPage(c Collection) error {
	changed, err := tx.exec(`
		UPDATE collection
		   SET page = $3,
		       page_until = $4,
		       reference = $5
		 WHERE portal_id = $1
		   AND number = $2
		   AND closed_at IS NULL`, c.PortalID, c.Number, c.Page, micros(c.PageUntil), c.Reference)
	if err == nil && changed == 0 {
		err = fmt.Errorf("open collection %d of %s: %w", c.Number, c.PortalID, ErrNotFound)
	}
	return err
}

// OpenCollections returns those of all portals that nobody has to come for, and
// that were last asked about before a moment, at most limit, after the given portal.
func (tx *Tx) OpenCollections(before time.Time, after string, limit int) ([]Collection, error) {
	return tx.collections(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE closed_at IS NULL
		   AND page = ''
		   AND asked_at < $1
		   AND portal_id > $2
		 ORDER BY portal_id
		 LIMIT $3`, before.UnixMicro(), after, limit)
}

// OpenPages returns those of all portals that wait at a provider's page, and were
// last asked about before a moment, at most limit, after the given one in the order
// of portals and numbers.
func (tx *Tx) OpenPages(before time.Time, after Collection, limit int) ([]Collection, error) {
	return tx.collections(`
		SELECT `+collectionColumns+`
		  FROM collection
		 WHERE closed_at IS NULL
		   AND page <> ''
		   AND asked_at < $1
		   AND (portal_id > $2 OR portal_id = $2 AND number > $3)
		 ORDER BY portal_id, number
		 LIMIT $4`, before.UnixMicro(), after.PortalID, after.Number, limit)
}

func (tx *Tx) collection(query string, args ...any) (Collection, error) {
	all, err := tx.collections(query, args...)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Collection{}, err
	}
	return all[0], nil
}

func (tx *Tx) collections(query string, args ...any) ([]Collection, error) {
	var all []Collection
	err := tx.rows(query, args, func(scan func(...any) error) error {
		var (
			c                     Collection
			input                 []byte
			currency              money.Currency
			amount                int64
			opened, asked, closed sql.NullInt64
			until, renews         sql.NullInt64
			automatic             int
		)
		err := scan(&c.PortalID, &c.Number, &c.Key, &input, &c.State, &c.Provider, &currency, &amount,
			&c.Reference, &c.Reason, &c.Participant, &opened, &asked, &closed,
			&c.Purpose, &c.PlanID, &c.Quantity, &c.Tariff, &c.Page, &until, &automatic, &renews)
		copy(c.Input[:], input)
		c.Amount = money.FromUnits(amount, currency)
		c.OpenedAt, c.AskedAt, c.ClosedAt = fromMicros(opened), fromMicros(asked), fromMicros(closed)
		c.PageUntil, c.Renews, c.Automatic = fromMicros(until), fromMicros(renews), automatic == 1
		all = append(all, c)
		return err
	})
	return all, err
}
