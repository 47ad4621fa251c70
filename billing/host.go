package billing

import (
	"context"
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/store"
)

// maxHosts is how many hosts are added to a portal at most.
const maxHosts = 100

// AddHost has a portal answer for one more host, if it does not already. It fails
// with ErrExists when another portal does, and with ErrNotFound when there is no such
// portal.
func (s *Service) AddHost(ctx context.Context, portalID, host string) error {
	return s.ChangePortal(ctx, portalID, PortalChange{AddHosts: []string{host}})
}

// RemoveHost has a portal answer for a host no more. It fails with ErrNotFound when
// it did not, or there is no such portal.
func (s *Service) RemoveHost(ctx context.Context, portalID, host string) error {
	return s.ChangePortal(ctx, portalID, PortalChange{RemoveHosts: []string{host}})
}

// addHost adds a host that checkHosts returned.
func addHost(tx *store.Tx, portalID, host string) error {
	hosts, err := tx.Hosts(portalID)
	if err != nil {
		return err
	}
	address, err := tx.Address(host)
	switch {
	case err == nil && address.PortalID == portalID:
		return nil
	case err == nil:
		return fmt.Errorf("host %q: %w", host, store.ErrExists)
	case !errors.Is(err, store.ErrNotFound):
		return err
	case len(hosts) >= maxHosts:
		return invalid("host", "%q is one too many: a portal has at most %d", host, maxHosts)
	}
	return tx.InsertHost(host)
}
