package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bursarhq/bursar/ledger"
)

// Portal is one tenant.
type Portal struct {
	// ID is the portal's name on the wire: "docspace.io123".
	ID   string
	Name string
	// Country is its ISO 3166-1 alpha-2 code; "" when unknown.
	Country string
	// TimeZone is the IANA name of its zone; "" is UTC.
	TimeZone  string
	CreatedAt time.Time
	// Version counts the commits that changed the portal, from 1.
	Version int64
	// Tariff counts the changes of what the portal has bought, from 1.
	Tariff int64
	// ServicesAt is when services were switched last; the zero Time means never.
	ServicesAt time.Time
}

// Address is which portal answers for a host, and its version.
type Address struct {
	PortalID string
	Version  int64
	// Money counts the commits that moved money.
	Money int64
}

// moneyOf is what counts the commits that moved a portal's money.
const moneyOf = `(SELECT CAST(coalesce(sum(book.changes), 0) AS BIGINT) FROM book WHERE book.portal_id = portal.portal_id)`

// CreatePortal adds a portal that answers for the given hosts (lower case), and
// does what fn does in the same transaction. It fails with ErrExists when the
// portal or one of the hosts is taken.
func (s *Store) CreatePortal(ctx context.Context, p Portal, hosts []string, fn func(*Tx) error) error {
	return s.write(ctx, p.ID, func(tx *Tx) error {
		if _, err := tx.exec(`
			INSERT INTO portal (portal_id, name, country, time_zone, created_at, version)
			VALUES ($1, $2, $3, $4, $5, 1)`,
			p.ID, p.Name, p.Country, p.TimeZone, micros(p.CreatedAt)); err != nil {
			return fmt.Errorf("portal %q: %w", p.ID, err)
		}
		for _, host := range hosts {
			if err := tx.InsertHost(host); err != nil {
				return err
			}
		}
		for _, book := range ledger.Books() {
			if _, err := tx.exec(`
				INSERT INTO book (portal_id, book, last, last_hold, last_at, changes)
				VALUES ($1, $2, 0, 0, $3, 0)`, p.ID, string(book), micros(p.CreatedAt)); err != nil {
				return fmt.Errorf("book %s: %w", book, err)
			}
		}
		return fn(tx)
	})
}

// Address returns the portal that answers for a host (lower case), or ErrNotFound.
func (tx *Tx) Address(host string) (Address, error) {
	var a Address
	err := tx.row(`
		SELECT portal.portal_id, portal.version, `+moneyOf+`
		  FROM host
		  JOIN portal ON portal.portal_id = host.portal_id
		 WHERE host.host = $1`, []any{host}, &a.PortalID, &a.Version, &a.Money)
	return a, err
}

// AddressByID returns the address of the portal with this id, or ErrNotFound.
func (tx *Tx) AddressByID(portalID string) (Address, error) {
	a := Address{PortalID: portalID}
	err := tx.row(`
		SELECT version, `+moneyOf+`
		  FROM portal
		 WHERE portal_id = $1`, []any{portalID}, &a.Version, &a.Money)
	return a, err
}

// OnlyAddress returns the address of the portal that is alone in the database,
// or ErrNotFound when there are none or several.
func (tx *Tx) OnlyAddress() (Address, error) {
	var all []Address
	err := tx.rows(`
		SELECT portal_id, version, `+moneyOf+`
		  FROM portal
		 LIMIT 2`, nil, func(scan func(...any) error) error {
		var a Address
		err := scan(&a.PortalID, &a.Version, &a.Money)
		all = append(all, a)
		return err
	})
	if err == nil && len(all) != 1 {
		err = ErrNotFound
	}
	if err != nil {
		return Address{}, err
	}
	return all[0], nil
}

// Portal returns the portal with this id, or ErrNotFound.
func (tx *Tx) Portal(portalID string) (Portal, error) {
	var (
		p                 = Portal{ID: portalID}
		created, services sql.NullInt64
	)
	err := tx.row(`
		SELECT name, country, time_zone, created_at, version, tariff, services_at
		  FROM portal
		 WHERE portal_id = $1`, []any{portalID}, &p.Name, &p.Country, &p.TimeZone, &created, &p.Version, &p.Tariff, &services)
	p.CreatedAt, p.ServicesAt = fromMicros(created), fromMicros(services)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("portal %q: %w", portalID, err)
	}
	return p, err
}

// PortalsAfter returns up to limit portals in the order of their ids, from the
// first one after the given id.
func (tx *Tx) PortalsAfter(portalID string, limit int) ([]Portal, error) {
	var all []Portal
	err := tx.rows(`
		SELECT portal_id, name, country, time_zone, created_at, version, tariff, services_at
		  FROM portal
		 WHERE portal_id > $1
		 ORDER BY portal_id
		 LIMIT $2`, []any{portalID, limit}, func(scan func(...any) error) error {
		var (
			p                 Portal
			created, services sql.NullInt64
		)
		err := scan(&p.ID, &p.Name, &p.Country, &p.TimeZone, &created, &p.Version, &p.Tariff, &services)
		p.CreatedAt, p.ServicesAt = fromMicros(created), fromMicros(services)
		all = append(all, p)
		return err
	})
	return all, err
}

// UpdatePortal gives the portal another name, country and time zone.
func (tx *Tx) UpdatePortal(p Portal) error {
	_, err := tx.exec(`
		UPDATE portal
		   SET name = $2,
		       country = $3,
		       time_zone = $4
		 WHERE portal_id = $1`, tx.portal, p.Name, p.Country, p.TimeZone)
	return err
}

// InsertHost has the portal answer for one more host (lower case). It fails with
// ErrExists when a portal does already.
func (tx *Tx) InsertHost(host string) error {
	_, err := tx.exec(`
		INSERT INTO host (host, portal_id)
		VALUES ($1, $2)`, host, tx.portal)
	if err != nil {
		return fmt.Errorf("host %q: %w", host, err)
	}
	return nil
}

// DeleteHost has the portal answer for a host no more. It fails with ErrNotFound
// when it did not.
func (tx *Tx) DeleteHost(host string) error {
	changed, err := tx.exec(`
		DELETE FROM host
		 WHERE portal_id = $1
		   AND host = $2`, tx.portal, host)
	if err == nil && changed == 0 {
		err = fmt.Errorf("host %q: %w", host, ErrNotFound)
	}
	return err
}

// Hosts returns the hosts that a portal answers for, sorted.
func (tx *Tx) Hosts(portalID string) ([]string, error) {
	var all []string
	err := tx.rows(`
		SELECT host
		  FROM host
		 WHERE portal_id = $1
		 ORDER BY host`, []any{portalID}, func(scan func(...any) error) error {
		var host string
		err := scan(&host)
		all = append(all, host)
		return err
	})
	return all, err
}
