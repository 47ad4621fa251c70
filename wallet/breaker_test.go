package wallet_test

import (
	"testing"
	"time"

	"github.com/bursarhq/bursar/wallet"
)

func TestBreaker(t *testing.T) {
	var b wallet.Breaker
	now := noon
	for n, pause := range []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour} {
		b = b.Declined(now, "card_declined", "f1", "t1")
		if want := (wallet.Breaker{Declines: n + 1, RetryAt: now.Add(pause), Reason: "card_declined", Fingerprint: "f1", Method: "t1"}); b != want {
			t.Fatalf("decline %d: %+v, want %+v", n+1, b, want)
		}
		now = b.RetryAt
	}
	b = b.Declined(now, "insufficient_funds", "f1", "t2")
	want := wallet.Breaker{Declines: 4, SuspendedAt: now, Reason: "insufficient_funds", Fingerprint: "f1", Method: "t2"}
	if b != want {
		t.Fatalf("the fourth: %+v, want %+v", b, want)
	}
	// One that was on its way.
	if late := b.Declined(now.Add(time.Hour), "insufficient_funds", "f1", "t2"); late != want {
		t.Errorf("a late one: %+v, want %+v", late, want)
	}
	if got := b.Settled(); got != (wallet.Breaker{}) {
		t.Errorf("settled: %+v", got)
	}
	// Another card is as good as any.
	if got := b.Declined(now, "expired_card", "f2", "t3"); got != (wallet.Breaker{Declines: 1, RetryAt: now.Add(time.Hour), Reason: "expired_card", Fingerprint: "f2", Method: "t3"}) {
		t.Errorf("another card: %+v", got)
	}
}

func TestResumes(t *testing.T) {
	declined := func(fingerprint, method string) wallet.Breaker {
		return wallet.Breaker{}.Declined(noon, "card_declined", fingerprint, method)
	}
	for _, tt := range []struct {
		name                string
		breaker             wallet.Breaker
		fingerprint, method string
		want                bool
	}{
		{"nothing was declined", wallet.Breaker{}, "f1", "t1", false},
		{"the same", declined("f1", "t1"), "f1", "t1", false},
		{"the same, saved anew", declined("f1", "t1"), "f1", "t2", false},
		{"another", declined("f1", "t1"), "f2", "t2", true},
		{"another, by an odd provider", declined("f1", "t1"), "f2", "t1", true},
		{"no prints, the same", declined("", "t1"), "", "t1", false},
		{"no prints, another", declined("", "t1"), "", "t2", true},
		{"no print before", declined("", "t1"), "f1", "t2", true},
		{"no print before, the same", declined("", "t1"), "f1", "t1", false},
		{"no print any more", declined("f1", "t1"), "", "t2", true},
		{"taken away", declined("f1", "t1"), "", "", false},
		{"the provider's usual one, then one by name", declined("", ""), "", "t1", true},
	} {
		if got := tt.breaker.Resumes(tt.fingerprint, tt.method); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
