package event_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/event"
	"github.com/bursarhq/bursar/money"
)

func TestTypes(t *testing.T) {
	want := []event.Type{
		"balance.low", "charge.refunded", "deposit.settled", "hold.expired", "runway.low",
		"subscription.cancelled", "subscription.changed", "subscription.due", "subscription.past_due", "subscription.renewed",
		"topup.declined", "topup.planned", "topup.resumed", "topup.skipped", "topup.succeeded", "topup.suspended", "topup.unknown",
	}
	if d := cmp.Diff(want, event.Types()); d != "" {
		t.Error(d)
	}
	if event.Known(event.TypeWebhookTest) || event.Known("") || !event.Known("hold.expired") {
		t.Error("others are known")
	}
}

func TestIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number, portal := rapid.Int64Min(1).Draw(t, "number"), rapid.StringMatching(`[a-z0-9.-]{1,20}`).Draw(t, "portal")
		gotNumber, gotPortal, ok := event.ParseID(event.ID(number, portal))
		if !ok || gotNumber != number || gotPortal != portal {
			t.Fatalf("%d.%s became %d.%s, %v", number, portal, gotNumber, gotPortal, ok)
		}
	})
	for _, none := range []string{"", "e", "e1", "e1.", "e0.p", "e-1.p", "e+1.p", "e01.p", "h1.p", "1.p", "e99999999999999999999.p", "e1 .p"} {
		if _, _, ok := event.ParseID(none); ok {
			t.Errorf("%q is an id", none)
		}
	}
}

func TestRead(t *testing.T) {
	d := event.TopUpResumed{Reason: "asked", Method: "Visa"}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := event.Read(d.Type(), text); err != nil || got != event.Data(d) {
		t.Errorf("%#v, %v", got, err)
	}
	for kind, text := range map[event.Type]string{"topup.resumed": "[]", "topup.revived": "{}", "": "{}"} {
		if got, err := event.Read(kind, []byte(text)); err == nil || got != nil {
			t.Errorf("%q: %#v", kind, got)
		}
	}
	for _, d := range event.Every() {
		if got, err := event.Read(d.Type(), []byte("{}")); err != nil || got.Type() != d.Type() {
			t.Errorf("%s: %#v, %v", d.Type(), got, err)
		}
	}
}

func TestValues(t *testing.T) {
	type values struct {
		Money event.Money `json:"money,omitzero"`
		Time  event.Time  `json:"time,omitzero"`
	}
	usd, err := money.Parse("-10.5", "USD")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 7, 8, 13, 39, 43, 120_000_999, time.FixedZone("", 2*60*60))
	for _, tt := range []struct {
		in   values
		want string
	}{
		{values{}, `{}`},
		{values{event.Sum(usd), event.At(at)}, `{"money":{"amount":"-10.50","currency":"USD"},"time":"2026-07-08T11:39:43.120000Z"}`},
		{values{event.Sum(money.FromUnits(0, "JPY")), event.Time{Time: at}}, `{"money":{"amount":"0","currency":"JPY"},"time":"2026-07-08T11:39:43.120000Z"}`},
	} {
		text, err := json.Marshal(tt.in)
		if err != nil || string(text) != tt.want {
			t.Errorf("%s, %v; want %s", text, err, tt.want)
		}
		var back values
		if err := json.Unmarshal(text, &back); err != nil {
			t.Error(err)
		}
		back.Time, tt.in.Time = event.At(back.Time.Time), event.At(tt.in.Time.Time)
		if d := cmp.Diff(tt.in, back); d != "" {
			t.Error(d)
		}
	}
	if got, err := event.Sum(usd).Parse(); err != nil || got != usd {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := (event.Money{}).Parse(); err != nil || !got.IsZero() {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []event.Money{{"1", "US"}, {"", "USD"}, {"1,0", "USD"}, {"1", ""}} {
		if got, err := wrong.Parse(); err == nil {
			t.Errorf("%v is %v", wrong, got)
		}
	}
	if err := json.Unmarshal([]byte(`{"time":"yesterday"}`), new(values)); err == nil {
		t.Error("yesterday is a moment")
	}
}
