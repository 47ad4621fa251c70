package docspace

import (
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json/v1"
)

// APIKey is a key of a portal. Printing or logging one shows no more of the key
// than its last four characters; as JSON, which is the wire, it is whole.
// Source: contract, "Authentication".
type APIKey struct {
	ID   string
	Name string
	// Key is the key itself, in the answer that made it and never again: "".
	Key string
	// KeyPostfix is what tells keys apart: "sk-***abcd".
	KeyPostfix string
	// Permissions are its scopes: "*:read"; none means all.
	Permissions []string
	CreateOn    Time
	// CreateBy is the user that it acts as; nil when the portal does not say.
	CreateBy *Person
	IsActive bool
	// ExpiresAt is the zero Time when it does not expire, LastUsed when it was never
	// used.
	ExpiresAt, LastUsed Time
}

// Format prints the key without its secret, whatever the verb.
func (k APIKey) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{ID:%s Name:%s Key:%s KeyPostfix:%s Permissions:%v IsActive:%t}",
		k.ID, k.Name, redacted(k.Key), k.KeyPostfix, k.Permissions, k.IsActive)
}

// LogValue logs the key without its secret.
func (k APIKey) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", k.ID), slog.String("name", k.Name), slog.String("key", redacted(k.Key)))
}

// MarshalJSON writes the members in DocSpace's order, the secret too; the list of
// permissions is never null.
func (k APIKey) MarshalJSON() ([]byte, error) {
	if k.Permissions == nil {
		k.Permissions = []string{}
	}
	return marshal(struct {
		ID          string   `json:"id"`
		Name        string   `json:"name"`
		Key         string   `json:"key,omitempty"`
		KeyPostfix  string   `json:"keyPostfix"`
		Permissions []string `json:"permissions"`
		CreateOn    zoned    `json:"createOn"`
		CreateBy    *Person  `json:"createBy,omitempty"`
		IsActive    bool     `json:"isActive"`
		ExpiresAt   zoned    `json:"expiresAt,omitzero"`
		LastUsed    zoned    `json:"lastUsed,omitzero"`
	}{
		k.ID, k.Name, k.Key, k.KeyPostfix, k.Permissions, zoned(k.CreateOn), k.CreateBy, k.IsActive, zoned(k.ExpiresAt), zoned(k.LastUsed),
	})
}

// UnmarshalJSON reads what MarshalJSON writes, and a user's id alone as CreateBy.
func (k *APIKey) UnmarshalJSON(data []byte) error {
	var in struct {
		ID          string          `json:"id"`
		Name        string          `json:"name"`
		Key         string          `json:"key"`
		KeyPostfix  string          `json:"keyPostfix"`
		Permissions []string        `json:"permissions"`
		CreateOn    Time            `json:"createOn"`
		CreateBy    json.RawMessage `json:"createBy"`
		IsActive    bool            `json:"isActive"`
		ExpiresAt   Time            `json:"expiresAt"`
		LastUsed    Time            `json:"lastUsed"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.ID == "" {
		return fmt.Errorf("id is missing")
	}
	*k = APIKey{
		ID: in.ID, Name: in.Name, Key: in.Key, KeyPostfix: in.KeyPostfix, Permissions: in.Permissions,
		CreateOn: in.CreateOn, IsActive: in.IsActive, ExpiresAt: in.ExpiresAt, LastUsed: in.LastUsed,
	}
	if present(in.CreateBy) == nil {
		return nil
	}
	k.CreateBy = new(Person)
	if json.Unmarshal(in.CreateBy, &k.CreateBy.ID) == nil {
		return nil
	}
	return json.Unmarshal(in.CreateBy, k.CreateBy)
}

// KeyRequest is the body that makes a key.
type KeyRequest struct {
	// Name is 1 to 30 characters.
	Name string `json:"name"`
	// Permissions are its scopes; none means all.
	Permissions []string `json:"permissions,omitempty"`
	// ExpiresInDays is 1 to 365; 0 means that it does not expire.
	ExpiresInDays int `json:"expiresInDays,omitempty"`
}
