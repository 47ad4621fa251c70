package portalapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/bursarhq/bursar/billing"
)

// accountFile is how the page of a portal is called that sends its payer to the
// provider's. Source: contract, "GET /payment/account".
const accountFile = "payment.ashx"

// isAccountFile reports whether a path ends with that, in any case: what payment/account
// tells is an address from wherever a browser happens to be.
func isAccountFile(path string) bool {
	return strings.EqualFold(path[strings.LastIndexByte(path, '/')+1:], accountFile)
}

// accountPage answers GET payment.ashx: it sends who pays, or owns the portal, to the
// provider's page, and anybody else with a key home.
func (d *door) accountPage(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		d.wrongMethod(w, r, http.MethodGet)
		return
	}
	view, err := d.view(r)
	if err != nil {
		d.failUnknown(w, r, started, err)
		return
	}
	caller, err := d.service.Authenticate(r.Context(), view, d.secret(r.Header), billing.Reading)
	under, limited := d.limit(w, r, caller, &route{method: http.MethodGet})
	defer under.end()
	if limited != nil {
		err = limited
	}
	if err != nil {
		d.fail(w, r, started, err)
		return
	}
	home := d.origin(r) + "/"
	f, err := queryForm(r, "backUrl")
	if err != nil {
		d.fail(w, r, started, err)
		return
	}
	back := d.redirect(r, view, f, "backUrl", optional)
	if err := f.err(); err != nil {
		d.fail(w, r, started, err)
		return
	}
	if back == "" {
		back = home
	}
	page, err := d.service.AccountPage(r.Context(), caller, billing.Return{SuccessURL: back, Language: language(r)})
	switch {
	case errors.Is(err, billing.ErrAccessDenied) || errors.Is(err, billing.ErrNotFound):
		page = home
	case err != nil:
		d.fail(w, r, started, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, page, http.StatusFound)
}
