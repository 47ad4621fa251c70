package portalapi

import (
	"net/http"
	"strings"
)

const keyPrefix = "sk-"

// secret returns the API key that a request carries, in one of the forms that
// are accepted; "" when it carries none. Tokens of other kinds (passwords,
// sessions, OAuth) belong to DocSpace's own users and let nobody in here.
// Source: contract, "Authentication".
func (d *door) secret(h http.Header) string {
	authorization := h.Get("Authorization")
	const scheme = "bearer "
	if len(authorization) > len(scheme) && strings.EqualFold(authorization[:len(scheme)], scheme) {
		return strings.TrimSpace(authorization[len(scheme):])
	}
	if d.quirks.BearerKeysOnly {
		return ""
	}
	if strings.HasPrefix(authorization, keyPrefix) {
		return authorization
	}
	if key := h.Get("ApiKeyBearer"); strings.HasPrefix(key, keyPrefix) {
		return key
	}
	// A key of the wrong form is still one: who sent it is told that it is
	// unknown, not that it is missing.
	return authorization
}
