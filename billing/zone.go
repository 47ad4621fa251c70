package billing

import (
	"context"
	"fmt"
	"time"
	_ "time/tzdata" // for machines that have no zones of their own
)

// loadZone returns the zone of an IANA name; "" is UTC.
func loadZone(name string) (*time.Location, error) {
	if name == "Local" { // the server's own, whatever that is
		return nil, fmt.Errorf("unknown time zone %s", name)
	}
	return time.LoadLocation(name)
}

func checkZone(name string) error {
	if _, err := loadZone(name); err != nil || len(name) > 64 {
		return invalid("time zone", "%q is not an IANA name like Europe/Berlin", name)
	}
	return nil
}

// Zone returns the zone that the portal's people live in; it fails only where
// this program does not know the zone that another one set.
func (v *View) Zone() (*time.Location, error) { return v.zone() }

// SetTimeZone sets the zone that the portal's people live in, by its IANA name;
// "" is UTC. It fails with ErrNotFound when there is no such portal.
func (s *Service) SetTimeZone(ctx context.Context, portalID, name string) error {
	if err := checkZone(name); err != nil {
		return err
	}
	return s.ChangePortal(ctx, portalID, PortalChange{TimeZone: &name})
}
