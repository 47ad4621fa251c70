package portalapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks whose word about a request is taken.
type proxies []netip.Prefix

// trust reports whether an address is a proxy's.
func (p proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(a) })
}

// remote returns the address that a request comes from; the zero Addr when the
// server does not know it.
func remote(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// isLocal reports whether a request comes from this machine itself, and not by
// way of a proxy.
func isLocal(r *http.Request) bool {
	return remote(r).IsLoopback() && r.Header["X-Forwarded-For"] == nil && r.Header["Forwarded"] == nil
}

// client returns the address of who sent a request: going back from the server,
// the first that is no trusted proxy. A trusted one is believed who it had the
// request from, and no more than that: what others wrote into the header before it
// is to the left of that. What is no address ends the way at the proxy that wrote
// it.
//
// Of X-Forwarded-For and Forwarded, a proxy writes one and may pass the other on
// as it came. If they disagree, neither counts.
func (p proxies) client(r *http.Request) netip.Addr {
	from := remote(r)
	if !p.trust(from) {
		return from
	}
	plain, rfc7239 := r.Header["X-Forwarded-For"], r.Header["Forwarded"]
	switch byPlain := p.follow(from, plain, bareAddress); {
	case rfc7239 == nil:
		return byPlain
	case plain == nil || byPlain == p.follow(from, rfc7239, forElement):
		return p.follow(from, rfc7239, forElement)
	}
	return from
}

// follow goes back along a header, whose elements read returns the addresses of.
func (p proxies) follow(from netip.Addr, lines []string, read func(element string) string) netip.Addr {
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			element := rest
			comma := strings.LastIndexByte(rest, ',')
			if more = comma >= 0; more {
				rest, element = rest[:comma], rest[comma+1:]
			}
			before, ok := parseNode(read(element))
			if !ok {
				return from
			}
			if from = before; !p.trust(from) {
				return from
			}
		}
	}
	return from
}

func bareAddress(element string) string { return strings.TrimSpace(element) }

// forElement returns the node that an element of Forwarded is for. Source: RFC
// 7239, section 4.
func forElement(element string) string { return parameterOf(element, "for") }

// parameterOf returns one of the parameters of an element of Forwarded; "" for
// none, or for one that is there twice.
func parameterOf(element, name string) (value string) {
	for pair := range strings.SplitSeq(element, ";") {
		key, raw, _ := strings.Cut(pair, "=")
		if !strings.EqualFold(strings.TrimSpace(key), name) {
			continue
		}
		if value != "" {
			return ""
		}
		value = strings.Trim(strings.TrimSpace(raw), `"`)
	}
	return value
}

// parseNode reads an address, with a port or without: 203.0.113.7, 203.0.113.7:80,
// 2001:db8::7, [2001:db8::7] or [2001:db8::7]:80.
func parseNode(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		at, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		a = at.Addr()
	}
	return a.Unmap().WithZone(""), true
}

// scheme returns what the caller sees the portal under: "https" or "http". Where
// no proxies are named, anybody's word is taken for it, since it decides about
// nothing but the links in the answer to who gave it.
func (d *door) scheme(r *http.Request) string {
	if len(d.proxies) == 0 || d.proxies.trust(remote(r)) {
		if said := forwardedScheme(r.Header); said != "" {
			return said
		}
	}
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// forwardedScheme returns what a proxy says that the caller used; "" for nothing.
// Of several proxies, the first is the one that the caller sees.
func forwardedScheme(h http.Header) string {
	said := ""
	if lines := h["X-Forwarded-Proto"]; len(lines) > 0 {
		said, _, _ = strings.Cut(lines[0], ",")
	} else if lines := h["Forwarded"]; len(lines) > 0 {
		first, _, _ := strings.Cut(lines[0], ",")
		said = parameterOf(first, "proto")
	}
	if said = strings.TrimSpace(said); said == "https" || said == "http" {
		return said
	}
	return ""
}

// origin returns the address that the caller sees the portal at.
func (d *door) origin(r *http.Request) string { return d.scheme(r) + "://" + r.Host }
