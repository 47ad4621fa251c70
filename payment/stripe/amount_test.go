package stripe

import (
	"errors"
	"testing"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

func TestAmounts(t *testing.T) {
	tests := []struct {
		number   string
		currency money.Currency
		want     int64 // 0 is refused
	}{
		{"10.01", "USD", 1001},
		{"0.01", "EUR", 1},
		{"92233720368.54", "USD", 9223372036854},
		{"1200", "JPY", 1200},
		{"5", "MGA", 5},
		{"5.20", "MGA", 0},
		{"7", "UGX", 700},
		{"7", "ISK", 700},
		{"7.5", "ISK", 0},
		{"1.50", "KWD", 1500},
		{"1.501", "KWD", 0},
		{"1.5", "TND", 1500},
		{"3", "HUF", 300},
		{"3", "TWD", 300},
		{"1", "CLF", 0},
		{"1", "IQD", 0},
		{"0", "USD", 0},
		{"-1", "USD", 0},
		{"1.001", "USD", 0},
	}
	for _, tt := range tests {
		a, err := money.Parse(tt.number, tt.currency)
		if err != nil {
			t.Fatal(err)
		}
		got, err := toStripe(a)
		if got != tt.want || (tt.want == 0) != errors.Is(err, payment.ErrRefused) || (tt.want != 0) != (err == nil) {
			t.Errorf("toStripe(%s %s) = %d, %v; want %d", tt.number, tt.currency, got, err, tt.want)
			continue
		}
		if tt.want == 0 {
			continue
		}
		if back, err := fromStripe(got, sdk.Currency(lower(tt.currency))); err != nil || back != a {
			t.Errorf("fromStripe(%d %s) = %v, %v", got, tt.currency, back, err)
		}
	}
	if _, err := fromStripe(1<<62, "usd"); !errors.Is(err, money.ErrRange) {
		t.Errorf("too much: %v", err)
	}
	if _, err := fromStripe(1, "zzz"); !errors.Is(err, payment.ErrRefused) {
		t.Errorf("no currency: %v", err)
	}
}

func TestLocale(t *testing.T) {
	for tag, want := range map[string]string{
		"": "auto", "de": "de", "de-AT": "de", "pt-br": "pt-BR", "pt_PT": "pt", "en-GB": "en-GB", "zh-TW": "zh-TW", "zh-CN": "zh", "xx": "auto", "az-Latn-AZ": "auto",
	} {
		if got := locale(tag); got != want {
			t.Errorf("locale(%q) = %q, want %q", tag, got, want)
		}
	}
}
