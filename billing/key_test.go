package billing_test

import (
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/store"
)

// newKey makes a key in the sample company.
func newKey(h *hall, in billing.NewKey) (string, store.Key) {
	h.t.Helper()
	if in.Name == "" {
		in.Name = "k"
	}
	secret, key, err := h.CreateKey(h.t.Context(), company, in)
	if err != nil {
		h.t.Fatalf("CreateKey(%+v): %v", in, err)
	}
	return secret, key
}

// keyOf returns a key of the sample company as it is kept.
func keyOf(h *hall, id string) store.Key {
	h.t.Helper()
	keys, err := h.Keys(h.t.Context(), company)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, k := range keys {
		if k.ID == id {
			return k
		}
	}
	h.t.Fatalf("there is no key %s", id)
	return store.Key{}
}

func TestDrawnKeysLookLikeDocSpacesAndDiffer(t *testing.T) {
	h := newCompany(t)
	seen := map[string]bool{}
	for range 5 {
		secret, key := newKey(h, billing.NewKey{})
		if !regexp.MustCompile(`^sk-[0-9a-f]{64}$`).MatchString(secret) || seen[secret] || seen[key.ID] || key.ID == "" {
			t.Errorf("key %q with the id %q", secret, key.ID)
		}
		seen[secret], seen[key.ID] = true, true
		if key.Postfix != secret[len(secret)-4:] {
			t.Errorf("%q ends in %q", secret, key.Postfix)
		}
	}
}

func TestSecretsAreNotKept(t *testing.T) {
	h := newCompany(t)
	secret, _ := newKey(h, billing.NewKey{})
	newKey(h, billing.NewKey{Secret: "sk-a-secret-of-my-own"})
	for _, row := range h.dump() {
		if strings.Contains(row, secret) || strings.Contains(row, secret[3:]) || strings.Contains(row, "secret-of-my-own") {
			t.Errorf("it stands in %s", row)
		}
	}
}

// TestErrorsDoNotRepeatSecrets: errors stand in logs.
func TestErrorsDoNotRepeatSecrets(t *testing.T) {
	h := newCompany(t)
	const secret = "sk-do-not-repeat-me"
	_, unknown := h.RevokeKey(t.Context(), company, secret)
	_, refused := h.Authenticate(t.Context(), h.view(host), secret, billing.Reading)
	newKey(h, billing.NewKey{Secret: secret, Scopes: []string{"rooms:read"}})
	_, narrow := h.Authenticate(t.Context(), h.view(host), secret, billing.Reading)
	_, _, exists := h.CreateKey(t.Context(), company, billing.NewKey{Name: "k", Secret: secret})
	_, _, malformed := h.CreateKey(t.Context(), company, billing.NewKey{Name: "k", Secret: secret + "!"})
	for _, err := range []error{unknown, refused, narrow, exists, malformed} {
		if err == nil || strings.Contains(err.Error(), "do-not-repeat") {
			t.Errorf("the error repeats it: %v", err)
		}
	}
}

func TestKeysAreListedAsTheyWereMadeOldestFirst(t *testing.T) {
	h := newHall(t)
	h.addPortal("p")
	h.must(h.AddUser(t.Context(), "p", billing.NewUser{Email: "guest@example.com", Role: billing.Guest}))
	var want []store.Key
	for _, in := range []billing.NewKey{
		{Name: "first"},
		{Name: strings.Repeat("a", 30), UserEmail: "GUEST@Example.com", Scopes: []string{"*:read", "accounts.self:write"}, Days: 365},
		{Name: "ü", Secret: "sk-" + strings.Repeat("Z", 200), Days: 1},
		{Name: "short", Secret: "sk-a", Scopes: []string{}},
		{Name: "signs", Secret: "sk-_-9"},
	} {
		h.clock.Move(time.Second)
		secret, key, err := h.CreateKey(t.Context(), "p", in)
		if err != nil {
			t.Fatalf("%+v: %v", in, err)
		}
		if in.Secret != "" && secret != in.Secret {
			t.Errorf("asked for %q and got %q", in.Secret, secret)
		}
		if key.Hash != sha256.Sum256([]byte(secret)) || !strings.HasSuffix(secret, key.Postfix) || len(key.Postfix) > 4 || (key.Postfix == "") != (len(secret) < 20) {
			t.Errorf("%q: %+v", secret, key)
		}
		if wantEnd := h.clock.Now().AddDate(0, 0, in.Days); in.Days > 0 && !key.ExpiresAt.Equal(wantEnd) || in.Days == 0 && !key.ExpiresAt.IsZero() {
			t.Errorf("%d days end at %s", in.Days, key.ExpiresAt)
		}
		want = append(want, key)
	}
	got, err := h.Keys(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "keys", got, want)
	if got[0].UserID == got[1].UserID || got[0].UserID != got[2].UserID {
		t.Errorf("whose they are: %+v", got)
	}
}

func TestRevokeKeyByAnyOfItsNames(t *testing.T) {
	for name, by := range map[string]func(secret string, key store.Key) string{
		"id":      func(_ string, key store.Key) string { return key.ID },
		"postfix": func(_ string, key store.Key) string { return key.Postfix },
		"secret":  func(secret string, _ store.Key) string { return secret },
	} {
		t.Run(name, func(t *testing.T) {
			h := newCompany(t)
			_, other := newKey(h, billing.NewKey{Secret: "sk-another-one-of-them-0000"})
			secret, key := newKey(h, billing.NewKey{Secret: "sk-the-one-of-all-1111"})
			first := h.clock.Now()
			for range 2 { // it keeps the time of its end
				got, err := h.RevokeKey(t.Context(), company, by(secret, key))
				if err != nil || got.ID != key.ID {
					t.Fatalf("%s, %v", got.ID, err)
				}
				if got := keyOf(h, key.ID).RevokedAt; !got.Equal(first) {
					t.Errorf("it ended at %s, want %s", got, first)
				}
				h.clock.Move(time.Hour)
			}
			if got := keyOf(h, other.ID); !got.RevokedAt.IsZero() {
				t.Errorf("the other one ended at %s", got.RevokedAt)
			}
		})
	}
}

func TestRevokeKeyAsksWhichOfThoseThatEndAlike(t *testing.T) {
	h := newCompany(t)
	_, one := newKey(h, billing.NewKey{Secret: "sk-the-first-one-9999"})
	_, two := newKey(h, billing.NewKey{Secret: "sk-the-second-one-9999"})
	ambiguous := func() {
		t.Helper()
		before := h.dump()
		_, err := h.RevokeKey(t.Context(), company, "9999")
		var field *billing.FieldError
		if !errors.As(err, &field) || field.Field != "key" {
			t.Errorf("got %v, want a FieldError about key", err)
		}
		diff(t, "the database", h.dump(), before)
	}
	ambiguous()
	_, whole := newKey(h, billing.NewKey{Secret: "sk-just-a-longer-one-9999"})
	ambiguous()
	for name, key := range map[string]store.Key{one.ID: one, "sk-the-second-one-9999": two, "sk-just-a-longer-one-9999": whole} {
		if got, err := h.RevokeKey(t.Context(), company, name); err != nil || got.ID != key.ID {
			t.Errorf("%s: %s, %v", name, got.ID, err)
		}
	}
}

func TestUseOfKeysIsKnownToTheMinute(t *testing.T) {
	h := newCompany(t)
	secret, key := newKey(h, billing.NewKey{})
	start := h.clock.Now()
	for _, step := range []struct {
		advance, want time.Duration
	}{{0, 0}, {30 * time.Second, 0}, {29 * time.Second, 0}, {time.Second, time.Minute}, {time.Hour, time.Hour + time.Minute}} {
		h.clock.Move(step.advance)
		before := keyOf(h, key.ID).LastUsedAt
		h.enter(host, secret)
		if got := keyOf(h, key.ID).LastUsedAt; !got.Equal(before) {
			t.Errorf("before it was flushed, the last use moved to %s", got)
		}
		view := h.view(host)
		h.must(h.FlushKeyUses(t.Context()))
		if got, want := keyOf(h, key.ID).LastUsedAt, start.Add(step.want); !got.Equal(want) {
			t.Errorf("%s after the start: last used at %s, want %s", h.clock.Now().Sub(start), got, want)
		}
		if h.view(host) != view {
			t.Error("to note a use makes another view")
		}
	}
}

func TestUseOfAKeyThatIsRefusedIsNotNoted(t *testing.T) {
	h := newCompany(t)
	secret, key := newKey(h, billing.NewKey{Scopes: []string{"rooms:read"}, Days: 1})
	ended, endedKey := newKey(h, billing.NewKey{})
	h.must(h.RevokeKey(t.Context(), company, endedKey.ID))
	for _, secret := range []string{secret, ended} {
		if _, err := h.Authenticate(t.Context(), h.view(host), secret, billing.Reading); err == nil {
			t.Error("somebody is let in")
		}
	}
	h.must(h.FlushKeyUses(t.Context()))
	for _, id := range []string{key.ID, endedKey.ID} {
		if got := keyOf(h, id).LastUsedAt; !got.IsZero() {
			t.Errorf("last used at %s", got)
		}
	}
}

// TestUseOfKeysMovesForwardOnly has two processes note uses, the slower one last.
func TestUseOfKeysMovesForwardOnly(t *testing.T) {
	h := newCompany(t)
	secret, key := newKey(h, billing.NewKey{})
	slow := h.another()
	slow.enter(host, secret)
	h.clock.Move(time.Hour)
	h.enter(host, secret)
	for _, each := range []*hall{h, slow, h} {
		h.must(each.FlushKeyUses(t.Context()))
		if got := keyOf(h, key.ID).LastUsedAt; !got.Equal(h.clock.Now()) {
			t.Errorf("last used at %s, want %s", got, h.clock.Now())
		}
	}
}

func TestUsesOfManyKeysAreAllFlushed(t *testing.T) {
	h := newCompany(t)
	used := map[string]bool{}
	for i := range 20 {
		secret, key := newKey(h, billing.NewKey{})
		if used[key.ID] = i%2 == 0; used[key.ID] {
			h.enter(host, secret)
		}
	}
	h.must(h.FlushKeyUses(t.Context()))
	for id, want := range used {
		if got := !keyOf(h, id).LastUsedAt.IsZero(); got != want {
			t.Errorf("used: %v, want %v", got, want)
		}
	}
}
