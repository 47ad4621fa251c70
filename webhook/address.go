package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// ErrAddress says that nothing is sent to an address.
var ErrAddress = errors.New("nothing is sent to this address")

// local are the networks that are somebody's own. A receiver may be there when it is
// said to be. Source: the IANA registries of special-purpose addresses.
var local = prefixes(
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // private
	"100.64.0.0/10", // between a provider and its customers
	"127.0.0.0/8", "::1/128",
	"fc00::/7", "fec0::/10",
)

// never are the addresses that no receiver is at: those of one link, by which machines
// of clouds are told about themselves, their other addresses for that, those that mean
// nobody or everybody, and those that are for books and tests.
// Source: the same, and the clouds' documents.
var never = prefixes(
	"169.254.0.0/16", "fe80::/10", // of one link
	"100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::/32", // metadata of Alibaba, Azure and Amazon
	"fd20:ce::254/128",          // metadata of Google
	"0.0.0.0/8", "192.0.0.0/24", // this network; protocols' own, with the metadata of Oracle
	"224.0.0.0/4", "240.0.0.0/4", "ff00::/8", // many, reserved, everybody
	"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "192.88.99.0/24",
	"64:ff9b:1::/48", // translated, of one network
	"2001::/23",      // Teredo and other protocols' own
	"2001:db8::/32", "3fff::/20",
)

// global is all that is given out of the sixth version.
var global = netip.MustParsePrefix("2000::/3")

// translated are the networks that lead to addresses of the fourth version, and at
// which byte those begin.
var translated = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4
	{netip.MustParsePrefix("::/96"), 12},        // compatible with it, of old
}

func prefixes(all ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, one := range all {
		out = append(out, netip.MustParsePrefix(one))
	}
	return out
}

func within(networks []netip.Prefix, address netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// CheckAddress returns nil for an address that may be connected to: one in public, or
// also one that is somebody's own if private is set. It fails with ErrAddress. What
// leads to an address of the fourth version is taken for that one.
func CheckAddress(address netip.Addr, private bool) error {
	if !address.IsValid() || address.Zone() != "" {
		return fmt.Errorf("%w: %s is of one link, or none", ErrAddress, address)
	}
	plain := address.Unmap()
	if plain.Is6() && !within(local, plain) && !plain.IsUnspecified() {
		for _, network := range translated {
			if network.prefix.Contains(plain) {
				bytes := plain.As16()
				plain = netip.AddrFrom4([4]byte(bytes[network.at : network.at+4]))
				break
			}
		}
	}
	switch {
	case within(never, plain):
		return fmt.Errorf("%w: %s is nobody's", ErrAddress, address)
	case within(local, plain):
		if !private {
			return fmt.Errorf("%w: %s is private", ErrAddress, address)
		}
	case plain.Is6() && !global.Contains(plain):
		return fmt.Errorf("%w: %s is nobody's", ErrAddress, address)
	}
	return nil
}

// MaxURL is how many bytes an address may have.
const MaxURL = 2000

// CheckURL returns nil for an address that messages can be sent to: of https, or of
// http if private is set, as only who sits in between could read along. A name may
// still turn out to belong to an address that is refused. The error says what is
// wrong with it, for whoever wrote it.
func CheckURL(text string, private bool) error {
	if len(text) > MaxURL {
		return fmt.Errorf("is longer than %d bytes", MaxURL)
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return errors.New("is not an address like https://example.com/path")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("is of %s, not of https", u.Scheme)
	case u.Scheme == "http" && !private:
		return errors.New("is of http, which is for private addresses that are allowed: it must be of https")
	case u.User != nil:
		return errors.New("has a user's name or password in it")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return errors.New("has a fragment, which is never sent")
	case strings.HasSuffix(u.Host, ":"):
		return errors.New("has no port after the colon")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("has the port %s, which there is not", port)
		}
	}
	return checkHost(u.Hostname(), private)
}

// checkHost refuses what need not be looked up to be known.
func checkHost(host string, private bool) error {
	if host == "" {
		return errors.New("has no host")
	}
	if address, err := netip.ParseAddr(host); err == nil {
		if err := CheckAddress(address, private); err != nil {
			return fmt.Errorf("can't be used: %w", err)
		}
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		if !private {
			return errors.New("is this machine's own, which is private")
		}
	}
	return nil
}
