package billing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

// NewPortal is what CreatePortal makes.
type NewPortal struct {
	// ID is the portal's name on the wire, at most 64 of a-z, 0-9 and ._- ;
	// "" draws one.
	ID string
	// Name is for people; "" takes the first host.
	Name string
	// Hosts are the names that the portal answers for, without ports. A portal
	// with none can only be the default one.
	Hosts []string
	// Country is its ISO 3166-1 alpha-2 code; "" when unknown.
	Country string
	// TimeZone is the IANA name of the zone that its people live in:
	// "Europe/Berlin"; "" is UTC.
	TimeZone string
	// Owner's role is always Owner; the zero NewUser means that there is none.
	Owner  NewUser
	Bought []Purchase
}

var (
	portalIDForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	hostForm     = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
)

// CreatePortal makes a portal, with its owner if one is given, and returns its
// id. It fails with ErrExists when the id or a host is taken.
func (s *Service) CreatePortal(ctx context.Context, in NewPortal) (string, error) {
	if in.ID == "" {
		in.ID = "portal-" + strings.ToLower(rand.Text()[:12])
	}
	if !portalIDForm.MatchString(in.ID) {
		return "", invalid("id", "%q is not made of up to 64 of a-z, 0-9, dot, dash and underscore", in.ID)
	}
	hosts, err := checkHosts(in.Hosts)
	if err != nil {
		return "", err
	}
	if in.Country, err = checkCountry(in.Country); err != nil {
		return "", err
	}
	if err := checkZone(in.TimeZone); err != nil {
		return "", err
	}
	if in.Name == "" && len(hosts) > 0 {
		in.Name = hosts[0]
	}
	if in.Name, err = checkName("name", in.Name, 255); err != nil {
		return "", err
	}
	var owner *store.User
	if in.Owner != (NewUser{}) {
		in.Owner.Role = Owner
		user, err := s.newUser(in.Owner)
		if err != nil {
			return "", err
		}
		owner = &user
	}
	bought, err := s.checkPurchases(in.Bought, in.TimeZone)
	if err != nil {
		return "", err
	}
	portal := store.Portal{ID: in.ID, Name: in.Name, Country: in.Country, TimeZone: in.TimeZone, CreatedAt: s.now()}
	err = s.store.CreatePortal(ctx, portal, hosts, func(tx *store.Tx) error {
		return s.trace(ctx, tx, func(t *trail) error {
			after := notedPortal(portal, hosts)
			after.Bought = notedAll(bought)
			if owner != nil {
				if err := tx.InsertUser(*owner); err != nil {
					return err
				}
				after.Owner = owner.Email
			}
			t.note(PortalCreated, in.ID, nil, after)
			return s.putRows(tx, in.ID, nil, bought, 0)
		})
	})
	if err != nil {
		return "", fromStore("create portal", err)
	}
	return in.ID, nil
}

// portalNote is how the trail tells of a portal.
type portalNote struct {
	Name     string              `json:"name"`
	Country  string              `json:"country,omitempty"`
	TimeZone string              `json:"timeZone,omitempty"`
	Hosts    []string            `json:"hosts,omitempty"`
	Owner    string              `json:"owner,omitempty"`
	Bought   []notedSubscription `json:"bought,omitempty"`
}

func notedPortal(p store.Portal, hosts []string) portalNote {
	return portalNote{Name: p.Name, Country: p.Country, TimeZone: p.TimeZone, Hosts: slices.Sorted(slices.Values(hosts))}
}

// PortalChange is what ChangePortal changes.
type PortalChange struct {
	// Name is for people; "" keeps it.
	Name string
	// Country is its ISO 3166-1 alpha-2 code, "" when unknown; nil keeps it.
	Country *string
	// TimeZone is the IANA name of its zone, "" for UTC; nil keeps it.
	TimeZone *string
	// AddHosts are names that it answers for from now on, if it did not already;
	// RemoveHosts are those that it does not any more.
	AddHosts, RemoveHosts []string
}

// ChangePortal changes some of what a portal is: all that is asked for, or nothing.
// It fails with ErrExists when another portal answers for one of the hosts, and with
// ErrNotFound when there is no such portal, or it does not answer for a host that is
// to go.
func (s *Service) ChangePortal(ctx context.Context, portalID string, change PortalChange) error {
	add, err := checkHosts(change.AddHosts)
	if err != nil {
		return err
	}
	remove, err := checkHosts(change.RemoveHosts)
	if err != nil {
		return err
	}
	if change.Name != "" {
		if change.Name, err = checkName("name", change.Name, 255); err != nil {
			return err
		}
	}
	country := ""
	if change.Country != nil {
		if country, err = checkCountry(*change.Country); err != nil {
			return err
		}
	}
	if change.TimeZone != nil {
		if err := checkZone(*change.TimeZone); err != nil {
			return err
		}
	}
	return fromStore("change portal", s.change(ctx, portalID, func(tx *store.Tx, t *trail) error {
		portal, err := tx.Portal(portalID)
		if err != nil {
			return err
		}
		hosts, err := tx.Hosts(portalID)
		if err != nil {
			return err
		}
		before := notedPortal(portal, hosts)
		if change.Name != "" {
			portal.Name = change.Name
		}
		if change.Country != nil {
			portal.Country = country
		}
		if change.TimeZone != nil {
			portal.TimeZone = *change.TimeZone
		}
		if err := tx.UpdatePortal(portal); err != nil {
			return err
		}
		for _, host := range remove {
			if err := tx.DeleteHost(host); err != nil {
				return err
			}
		}
		for _, host := range add {
			if err := addHost(tx, portalID, host); err != nil {
				return err
			}
		}
		hosts, err = tx.Hosts(portalID)
		t.note(PortalChanged, portalID, before, notedPortal(portal, hosts))
		return err
	}))
}

// checkCountry returns a country as it is kept; "" when it is unknown.
func checkCountry(country string) (string, error) {
	country = strings.ToUpper(country)
	if _, ok := money.RegionOf(country); country != "" && !ok {
		return "", invalid("country", "%q is not an ISO 3166-1 code of two letters", country)
	}
	return country, nil
}

func checkHosts(in []string) ([]string, error) {
	var hosts []string
	for _, host := range in {
		name := strings.ToLower(strings.TrimSuffix(host, "."))
		if ip, err := netip.ParseAddr(name); err == nil {
			name = ip.String() // one spelling of many
		} else if !hostForm.MatchString(name) || len(name) > 253 {
			return nil, invalid("host", "%q is not a host name without port and path", host)
		}
		if slices.Contains(hosts, name) {
			return nil, invalid("host", "%q is given twice", host)
		}
		hosts = append(hosts, name)
	}
	return hosts, nil
}

// PortalSummary is a portal in a list.
type PortalSummary struct {
	store.Portal
	Hosts []string
	// Owner is nil when the portal has none.
	Owner *store.User
}

// Portal returns one portal as it stands in a list. It fails with ErrNotFound.
func (s *Service) Portal(ctx context.Context, portalID string) (summary PortalSummary, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		portal, err := tx.Portal(portalID)
		if err == nil {
			summary, err = summarize(tx, portal)
		}
		return err
	})
	return summary, fromStore("read portal", err)
}

func summarize(tx *store.Tx, p store.Portal) (PortalSummary, error) {
	hosts, err := tx.Hosts(p.ID)
	if err != nil {
		return PortalSummary{}, err
	}
	owner, err := optional(tx.Owner(p.ID))
	return PortalSummary{p, hosts, owner}, err
}

// Portals calls each for every portal in the order of their ids, until each
// returns an error, which it returns. It reads in pages, so that a long list
// takes no more memory than a short one.
func (s *Service) Portals(ctx context.Context, each func(PortalSummary) error) error {
	const page = 200
	for after := ""; ; {
		summaries, more, err := s.PortalsAfter(ctx, after, page)
		if err != nil {
			return err
		}
		for _, summary := range summaries {
			after = summary.ID
			if err := each(summary); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// FindPortal returns the id of the portal that goes by a name: its id or one of
// its hosts; "" is the only portal. It fails with ErrNotFound.
func (s *Service) FindPortal(ctx context.Context, name string) (string, error) {
	var address store.Address
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if name == "" {
			address, err = tx.OnlyAddress()
			if errors.Is(err, store.ErrNotFound) {
				return invalid("portal", "must be named: there are none, or several")
			}
			return err
		}
		found, err := optional(tx.AddressByID(name))
		if found == nil && err == nil {
			found, err = optional(tx.Address(strings.ToLower(name)))
		}
		if err != nil {
			return err
		}
		if found == nil {
			return fmt.Errorf("portal %q: %w", name, ErrNotFound)
		}
		address = *found
		return nil
	})
	return address.PortalID, fromStore("find portal", err)
}
