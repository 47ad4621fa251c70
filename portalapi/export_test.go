package portalapi

import (
	"net/http"

	"github.com/bursarhq/bursar/billing"
)

// Routes returns the routes of the API as a request line starts: "GET /api/…".
func Routes() []string {
	var all []string
	for _, rt := range (&door{}).routes() {
		all = append(all, rt.method+" "+basePath+rt.path)
	}
	return all
}

// Redirect returns the address to send people to that a request has in a member of
// its body, or why it is none.
func Redirect(config Config, v *billing.View, r *http.Request, member string) (string, error) {
	d := newDoor(config)
	f, err := d.form(r)
	if err != nil {
		return "", err
	}
	address := d.redirect(r, v, f, member, required)
	return address, f.err()
}
