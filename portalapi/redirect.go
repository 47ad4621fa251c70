package portalapi

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bursarhq/bursar/billing"
)

// redirect reads the address of a page that people will be sent to. It must be of
// the portal, by one of its hosts or the one that the request came to, or of a host
// that the operator allows, so that nobody can be lured elsewhere by a link that
// the portal, or whoever collects for it, has made.
//
// A page of the portal is on the usual port, or on that of the request. It is at
// https, unless the request came by http or the page is on the caller's own machine.
func (d *door) redirect(r *http.Request, v *billing.View, f *form, name string, n need) string {
	text := f.url(name, n)
	if text == "" {
		return ""
	}
	if err := d.checkRedirect(r, v, text); err != nil {
		f.mind(name, err.Error())
		return ""
	}
	return text
}

var (
	errNoPage    = errors.New("must be an http or https address with a plain host and nobody's name in it")
	errUnsafe    = errors.New("must be an https address")
	errElsewhere = errors.New("must be an address of the portal, or of a host that its operator allows")
)

// checkRedirect returns why nobody may be sent to an address; nil where they may.
func (d *door) checkRedirect(r *http.Request, v *billing.View, text string) error {
	page, ok := parseSite(text)
	if !ok {
		return errNoPage
	}
	if page.scheme == "http" && !isLoopback(page.host) && (r.TLS != nil || d.scheme(r) == "https") {
		return errUnsafe
	}
	came := site{scheme: page.scheme, host: hostOnly(r.Host), port: portOf(r.Host)}
	isOwn := page.host == came.host || slices.Contains(v.Hosts, page.host)
	if isOwn && (page.port == "" || page.port == came.port) {
		return nil
	}
	if slices.ContainsFunc(d.redirectHosts, func(h redirectHost) bool { return h.covers(page) }) {
		return nil
	}
	return errElsewhere
}

// site is the beginning of a URL. Its scheme and host are in lower case; port is ""
// for the scheme's own.
type site struct{ scheme, host, port string }

// siteForm is the beginning of a URL that all readers of URLs, strict or not,
// understand the same way: no user before an @, no backslashes, nothing
// percent-encoded, no letters but those of ASCII, no dot at the end of the host.
var siteForm = regexp.MustCompile(`^([Hh][Tt][Tt][Pp][Ss]?)://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:[/?#]|$)`)

// parseSite returns where a URL leads to; ok is false for one that may lead
// somewhere else in other readers' eyes, or nowhere.
func parseSite(text string) (s site, ok bool) {
	parts := siteForm.FindStringSubmatch(text)
	if _, err := url.Parse(text); parts == nil || err != nil || strings.Contains(text, `\`) {
		return site{}, false
	}
	s = site{scheme: strings.ToLower(parts[1]), host: strings.ToLower(parts[2]), port: parts[3]}
	if strings.HasPrefix(s.host, "[") {
		a, err := netip.ParseAddr(strings.Trim(s.host, "[]"))
		if err != nil || !a.Is6() {
			return site{}, false
		}
		s.host = a.String() // one spelling of many
	}
	if s.port != "" {
		port, err := strconv.ParseUint(s.port, 10, 16)
		if err != nil || port == 0 {
			return site{}, false
		}
		s.port = strconv.FormatUint(port, 10)
	}
	if s.port == map[string]string{"http": "80", "https": "443"}[s.scheme] {
		s.port = ""
	}
	return s, true
}

// portOf returns the port of a host and port; "" for none.
func portOf(hostport string) string {
	u := url.URL{Host: hostport}
	return u.Port()
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// redirectHost is a host that people may be sent to.
type redirectHost struct {
	host string // in lower case
	// below says that it is all hosts below it, and not itself.
	below bool
	port  string // "" for the scheme's own
}

func (h redirectHost) covers(page site) bool {
	if h.port != page.port {
		return false
	}
	if _, err := netip.ParseAddr(page.host); h.below {
		return err != nil && strings.HasSuffix(page.host, "."+h.host)
	}
	return page.host == h.host
}

// CheckRedirectHost reports what is wrong with an element of
// Config.RedirectHosts.
func CheckRedirectHost(text string) error {
	_, err := parseRedirectHost(text)
	return err
}

func parseRedirectHost(text string) (redirectHost, error) {
	rest, below := strings.CutPrefix(text, "*.")
	s, ok := parseSite("https://" + rest)
	switch {
	case !ok || strings.ContainsAny(rest, "/?#"):
		return redirectHost{}, fmt.Errorf("%q is no host such as app.example.com, app.example.com:8443 or *.example.com", text)
	case below && !strings.Contains(s.host, "."):
		return redirectHost{}, fmt.Errorf("%q is too much: a * needs two names behind it", text)
	}
	if _, err := netip.ParseAddr(s.host); below && err == nil {
		return redirectHost{}, fmt.Errorf("%q is an address, and there is nothing below it", text)
	}
	return redirectHost{host: s.host, below: below, port: s.port}, nil
}

// redirectHosts returns those that are hosts; others cover nothing.
func redirectHosts(texts []string) []redirectHost {
	var all []redirectHost
	for _, text := range texts {
		if h, err := parseRedirectHost(text); err == nil {
			all = append(all, h)
		}
	}
	return all
}
