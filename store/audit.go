package store

import (
	"database/sql"
	"time"
)

// Audit is a line of the trail: who changed what.
type Audit struct {
	// PortalID is "" for what concerns no portal.
	PortalID string
	// Number counts the portal's lines from 1.
	Number int64
	At     time.Time
	// Action is what was done: "key.create"; Object what it was done to.
	Action, Object string
	// Actor is the kind of who did it: "user", "operator", "command", "provider"
	// or "bursar"; ActorID and ActorName say which one.
	Actor, ActorID, ActorName string
	// RequestID is that of the request; "" when there was none.
	RequestID string
	// Before and After are JSON; "" for nothing.
	Before, After string
}

// AppendAudit adds a line to the trail of the transaction's portal, and numbers it.
func (tx *Tx) AppendAudit(a Audit) error {
	if tx.portal == "" { // there is no portal's row whose lock keeps others from the same number
		var changes int64
		if err := tx.row(`
			SELECT value
			  FROM counter
			 WHERE name = 'operator_keys' `+tx.lockRows, nil, &changes); err != nil {
			return err
		}
	}
	return tx.one(`
		INSERT INTO audit (portal_id, number, at, action, object, actor, actor_id, actor_name, request_id, before, after)
		SELECT $1, CAST(coalesce(max(number), 0) + 1 AS BIGINT), CAST($2 AS BIGINT), $3, $4, $5, $6, $7, $8, $9, $10
		  FROM audit
		 WHERE portal_id = $1`,
		tx.portal, a.At.UnixMicro(), a.Action, a.Object, a.Actor, a.ActorID, a.ActorName, a.RequestID, a.Before, a.After)
}

// AuditBefore returns up to limit lines of a portal's trail, the latest first, of
// those with a lower number than before; 0 means from the last one on.
func (tx *Tx) AuditBefore(portalID string, before int64, limit int) ([]Audit, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	var all []Audit
	err := tx.rows(`
		SELECT number, at, action, object, actor, actor_id, actor_name, request_id, before, after
		  FROM audit
		 WHERE portal_id = $1
		   AND number < $2
		 ORDER BY number DESC
		 LIMIT $3`, []any{portalID, before, limit}, func(scan func(...any) error) error {
		a := Audit{PortalID: portalID}
		var at sql.NullInt64
		err := scan(&a.Number, &at, &a.Action, &a.Object, &a.Actor, &a.ActorID, &a.ActorName, &a.RequestID, &a.Before, &a.After)
		a.At = fromMicros(at)
		all = append(all, a)
		return err
	})
	return all, err
}
