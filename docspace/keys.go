package docspace

import (
	"context"
	"html"
	"net/http"
	"net/url"
)

// Keys returns the API keys that the key's user may see, without the keys
// themselves; nil when the portal does not say.
// Source: contract, "Authentication".
func (c *Client) Keys(ctx context.Context) ([]APIKey, error) {
	keys, err := readList[APIKey](ctx, c, opKeys, url.Values{})
	for i := range keys {
		keys[i].unescape()
	}
	return keys, err
}

// CreateKey makes an API key that acts as the key's user, and returns it: this once
// with the key itself. It is sent once. After an error that does not rule it out
// there may be a key that nobody has; Keys lists it.
// Source: contract, "Authentication".
func (c *Client) CreateKey(ctx context.Context, request KeyRequest) (*APIKey, error) {
	w := writing{operation: opCreateKey, method: http.MethodPost, body: request}
	answer, err := c.write(ctx, w)
	if err != nil {
		return nil, err
	}
	key, err := decode[APIKey](c, opCreateKey, answer)
	if err != nil {
		return nil, err
	}
	if key == nil || key.Key == "" {
		return nil, c.unsaid(opCreateKey, answer)
	}
	key.unescape()
	return key, nil
}

// unescape decodes the name of a user.
func (k *APIKey) unescape() {
	if k.CreateBy != nil {
		k.CreateBy.DisplayName = html.UnescapeString(k.CreateBy.DisplayName)
	}
}

// KeyPermissions returns the scopes that a key can be given: "*:read"; nil when the
// portal does not say.
// Source: contract, "Authentication".
func (c *Client) KeyPermissions(ctx context.Context) ([]string, error) {
	return readList[string](ctx, c, opPermissions, url.Values{})
}
