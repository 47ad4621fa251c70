package payment_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/payment"
)

func amount(t *testing.T, number string, c money.Currency) money.Amount {
	t.Helper()
	a, err := money.Parse(number, c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCollectable(t *testing.T) {
	tests := []struct {
		number   string
		currency money.Currency
		want     string
		minor    int64
	}{
		{"10", "USD", "10.00", 1000},
		{"10.01", "USD", "10.01", 1001},
		{"10.001", "USD", "10.01", 1001},
		{"10.00999999", "USD", "10.01", 1001},
		{"0.00000001", "USD", "0.01", 1},
		{"0.99000001", "EUR", "1.00", 100},
		{"1200", "JPY", "1200", 1200},
		{"1200.00000001", "JPY", "1201", 1201},
		{"0.5", "JPY", "1", 1},
		{"1.5", "KWD", "1.500", 1500},
		{"1.5001", "KWD", "1.501", 1501},
		{"1.00001", "CLF", "1.0001", 10001},
		{"92233720368.54", "USD", "92233720368.54", 9223372036854},
		{"92233720368", "JPY", "92233720368", 92233720368},
	}
	for _, tt := range tests {
		got, err := payment.Collectable(amount(t, tt.number, tt.currency))
		if want := amount(t, tt.want, tt.currency); err != nil || got != want {
			t.Errorf("Collectable(%s %s) = %v, %v; want %v", tt.number, tt.currency, got, err, want)
		}
		if minor, err := payment.MinorUnits(got); err != nil || minor != tt.minor {
			t.Errorf("MinorUnits(%v) = %d, %v; want %d", got, minor, err, tt.minor)
		}
	}
}

func TestCollectableRefuses(t *testing.T) {
	tests := []struct {
		a    money.Amount
		also error // nil: ErrRefused alone
	}{
		{money.Amount{}, money.ErrCurrency},
		{amount(t, "1", ""), money.ErrCurrency},
		{amount(t, "1", "XXY"), money.ErrCurrency},
		{amount(t, "1", "usd"), money.ErrCurrency},
		{amount(t, "0", "USD"), nil},
		{amount(t, "-0.00000001", "USD"), nil},
		{amount(t, "-5", "JPY"), nil},
		{money.FromUnits(math.MinInt64, "USD"), nil},
		{amount(t, "92233720368.54000001", "USD"), money.ErrRange},
		{amount(t, "92233720368.54775807", "USD"), money.ErrRange},
		{amount(t, "92233720368.00000001", "JPY"), money.ErrRange},
	}
	for _, tt := range tests {
		got, err := payment.Collectable(tt.a)
		if !errors.Is(err, payment.ErrRefused) || (tt.also != nil && !errors.Is(err, tt.also)) || got != (money.Amount{}) {
			t.Errorf("Collectable(%v) = %v, %v; want ErrRefused and %v", tt.a, got, err, tt.also)
		}
		if n, err := payment.MinorUnits(tt.a); !errors.Is(err, payment.ErrRefused) || n != 0 {
			t.Errorf("MinorUnits(%v) = %d, %v", tt.a, n, err)
		}
	}
}

func TestMinorUnitsRoundsNothing(t *testing.T) {
	for _, a := range []money.Amount{amount(t, "1.001", "USD"), amount(t, "1.5", "JPY"), amount(t, "0.00000001", "KWD")} {
		if n, err := payment.MinorUnits(a); !errors.Is(err, payment.ErrRefused) || n != 0 {
			t.Errorf("MinorUnits(%v) = %d, %v", a, n, err)
		}
	}
}

// Rounding agrees with the ceiling of math/big, loses less than one minor unit,
// and is done once.
func TestCollectableIsTheCeiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := money.FromUnits(
			rapid.OneOf(rapid.Int64Range(1, math.MaxInt64), rapid.Int64Range(math.MaxInt64-2*money.Scale, math.MaxInt64)).Draw(t, "units"),
			rapid.SampledFrom([]money.Currency{"USD", "JPY", "KWD", "CLF"}).Draw(t, "currency"))
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(8-a.Currency().Digits())), nil)
		minor := new(big.Int).Add(big.NewInt(a.Units()), unit)
		minor.Sub(minor, big.NewInt(1)).Div(minor, unit)
		want := new(big.Int).Mul(minor, unit)

		got, err := payment.Collectable(a)
		if !want.IsInt64() {
			if !errors.Is(err, money.ErrRange) {
				t.Fatalf("Collectable(%v) = %v, %v; want ErrRange", a, got, err)
			}
			return
		}
		if err != nil || got.Units() != want.Int64() || got.Currency() != a.Currency() {
			t.Fatalf("Collectable(%v) = %v, %v; want %v units", a, got, err, want)
		}
		if again, err := payment.Collectable(got); err != nil || again != got {
			t.Fatalf("Collectable(%v) = %v, %v", got, again, err)
		}
		if n, err := payment.MinorUnits(got); err != nil || n != minor.Int64() {
			t.Fatalf("MinorUnits(%v) = %d, %v; want %v", got, n, err, minor)
		}
	})
}
