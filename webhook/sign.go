package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// secretPrefix begins a secret. Source: Standard Webhooks, "Signature scheme".
const secretPrefix = "whsec_"

// secretSize is how many bytes a drawn secret has. Source: Standard Webhooks, which
// wants 24 to 64.
const secretSize = 32

// NewSecret draws a secret.
func NewSecret(random io.Reader) (string, error) {
	var key [secretSize]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return "", fmt.Errorf("draw a secret: %w", err)
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:]), nil
}

// sign returns the signatures of a message, one for each secret, as their header has
// them.
func sign(secrets []string, id string, at time.Time, body []byte) (string, error) {
	if len(secrets) == 0 {
		return "", errors.New("there is no secret to sign with")
	}
	var all []string
	for _, secret := range secrets {
		key, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", errors.New("the secret is not in base 64") // the library's error may hold a part of it
		}
		signature, err := key.Sign(id, at, body)
		if err != nil {
			return "", fmt.Errorf("sign: %w", err)
		}
		all = append(all, signature)
	}
	return strings.Join(all, " "), nil
}
