package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/store"
)

func sandboxCharges(t *testing.T, s *store.Store) {
	addPortals(t, s, "p")
	c := store.SandboxCharge{PortalID: "p", ID: "c", Amount: usd(5), State: "settled", Reason: "r", Reference: "ref", Saved: "card", At: epoch, Due: epoch.Add(time.Hour)}
	got, existed, err := s.RecordSandboxCharge(t.Context(), c)
	if err != nil || existed {
		t.Errorf("%t, %v", existed, err)
	}
	diff(t, "the first", got, c)
	other := c
	other.Amount, other.State, other.Due = usd(6), "declined", time.Time{}
	got, existed, err = s.RecordSandboxCharge(t.Context(), other)
	if err != nil || !existed {
		t.Errorf("%t, %v", existed, err)
	}
	diff(t, "the second", got, c)
	// Many at once: one of them is the first.
	firsts := make(chan bool, 16)
	for i := range cap(firsts) {
		go func() {
			mine := c
			mine.ID, mine.Amount = "many", usd(int64(i)+1)
			got, existed, err := s.RecordSandboxCharge(background, mine)
			if err != nil || !existed && got.Amount != mine.Amount {
				t.Errorf("%+v, %t, %v", got, existed, err)
			}
			firsts <- !existed
		}()
	}
	n := 0
	for range cap(firsts) {
		if within(t, "a charge", firsts) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d are the first", n)
	}
	read(t, s, func(tx *store.Tx) error {
		_, err := tx.SandboxCharge("p", "none")
		mustBe(t, "none", err, store.ErrNotFound)
		return nil
	})
}

func sandboxPages(t *testing.T, s *store.Store) {
	addPortals(t, s, "p", "q")
	page := store.SandboxPage{
		PortalID: "p", ID: "page", Token: "t", Kind: "pay", Amount: usd(5), Description: "Ten “admins”", Language: "de",
		SuccessURL: "https://p.example/ok", CancelURL: "https://p.example/", OpenedAt: epoch, ExpiresAt: epoch.Add(time.Hour),
	}
	first, existed, err := s.RecordSandboxPage(t.Context(), page)
	if err != nil || existed {
		t.Errorf("%t, %v", existed, err)
	}
	diff(t, "the first", first, page)
	other := page
	other.Token, other.Amount = "u", usd(6)
	first, existed, err = s.RecordSandboxPage(t.Context(), other)
	if err != nil || !existed {
		t.Errorf("%t, %v", existed, err)
	}
	diff(t, "the second", first, page)

	for i, c := range []store.SandboxCharge{
		{PortalID: "p", ID: "page", Amount: usd(5), State: "settled", Saved: "card", At: epoch},
		{PortalID: "p", ID: "later", State: "settled", Gone: "card", At: epoch.Add(time.Minute)},
		{PortalID: "p", ID: "latest", Amount: usd(1), State: "settled", At: epoch.Add(time.Hour)},
	} {
		if _, _, err := s.RecordSandboxCharge(t.Context(), c); err != nil {
			t.Fatal(i, err)
		}
	}
	read(t, s, func(tx *store.Tx) error {
		saved, err := tx.SandboxSaved("p")
		if saved.ID != "later" || saved.Gone != "card" || saved.Amount != (money.Amount{}) {
			t.Errorf("saved last: %+v, %v", saved, err)
		}
		_, err = tx.SandboxSaved("q")
		mustBe(t, "saved by others", err, store.ErrNotFound)
		_, err = tx.SandboxPage("q", "page")
		mustBe(t, "a page of others", err, store.ErrNotFound)
		return nil
	})
	sandboxRefunds(t, s)
}

// sandboxRefunds gives the charge "page" back, in part and with many at once.
func sandboxRefunds(t *testing.T, s *store.Store) {
	r := store.SandboxRefund{PortalID: "p", ID: "r", ChargeID: "page", Amount: usd(2), Reference: "ref", At: epoch}
	for i := range 2 {
		got, existed, err := s.RecordSandboxRefund(t.Context(), r)
		if err != nil || existed != (i > 0) {
			t.Errorf("%t, %v", existed, err)
		}
		diff(t, "the refund", got, r)
	}
	for name, change := range map[string]func(*store.SandboxRefund){
		"more than is left": func(r *store.SandboxRefund) { r.Amount = usd(4) },
		"another currency":  func(r *store.SandboxRefund) { r.Amount = money.FromUnits(1, "EUR") },
		"no such charge":    func(r *store.SandboxRefund) { r.ChargeID = "none" },
		"that of others":    func(r *store.SandboxRefund) { r.PortalID = "q" },
	} {
		r := r
		r.ID = "other"
		change(&r)
		_, _, err := s.RecordSandboxRefund(t.Context(), r)
		mustBe(t, name, err, store.ErrNotFound)
	}
	done := make(chan bool, 8)
	for i := range cap(done) {
		go func() {
			mine := r
			mine.ID, mine.Amount = fmt.Sprint("many", i%4), usd(1) // each of four twice, and there is enough for three
			_, existed, err := s.RecordSandboxRefund(background, mine)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
			done <- err == nil && !existed
		}()
	}
	made := 0
	for range cap(done) {
		if within(t, "a refund", done) {
			made++
		}
	}
	read(t, s, func(tx *store.Tx) error {
		units, err := tx.SandboxRefunded("p", "page")
		if made != 3 || units != usd(5).Units() {
			t.Errorf("%d made, %d given back", made, units)
		}
		return err
	})
}
