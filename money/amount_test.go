package money

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	tests := []struct {
		text     string
		currency Currency
		units    int64
		decimal  string
	}{
		{"0.10", "USD", 10_000_000, "0.10"},
		{"148.5", "USD", 14_850_000_000, "148.50"},
		{"200.0000", "USD", 20_000_000_000, "200.00"},
		{"1234567890.12345678", "USD", 123_456_789_012_345_678, "1234567890.12345678"},
		{"1200", "JPY", 120_000_000_000, "1200"},
		{"1200.50", "JPY", 120_050_000_000, "1200.5"},
		{"1.5", "KWD", 150_000_000, "1.500"},
		{"-0.00000001", "USD", -1, "-0.00000001"},
		{"+3", "USD", 300_000_000, "3.00"},
		{"1e2", "USD", 10_000_000_000, "100.00"},
		{"1.25E-3", "USD", 125_000, "0.00125"},
		{"0e99", "USD", 0, "0.00"},
		{"-0", "USD", 0, "0.00"},
		{"1.000000000000000000000000000000", "USD", 100_000_000, "1.00"},
		{"000000000000000000000000000001", "USD", 100_000_000, "1.00"},
		{"92233720368.54775807", "USD", math.MaxInt64, "92233720368.54775807"},
		{"-92233720368.54775807", "USD", -math.MaxInt64, "-92233720368.54775807"},
		{"7", "", 700_000_000, "7"},
	}
	for _, tt := range tests {
		a, err := Parse(tt.text, tt.currency)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		if a.Units() != tt.units || a.Currency() != tt.currency {
			t.Errorf("Parse(%q) = %d %s, want %d %s", tt.text, a.Units(), a.Currency(), tt.units, tt.currency)
		}
		if got := a.Decimal(); got != tt.decimal {
			t.Errorf("Parse(%q).Decimal() = %q, want %q", tt.text, got, tt.decimal)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]error{
		"":                      ErrSyntax,
		"-":                     ErrSyntax,
		".5":                    ErrSyntax,
		"5.":                    ErrSyntax,
		"1,000":                 ErrSyntax,
		" 1":                    ErrSyntax,
		"1 ":                    ErrSyntax,
		"0x10":                  ErrSyntax,
		"1e":                    ErrSyntax,
		"1e+":                   ErrSyntax,
		"--1":                   ErrSyntax,
		"NaN":                   ErrSyntax,
		"١":                     ErrSyntax,
		"0.123456789":           ErrPrecision,
		"1e-9":                  ErrPrecision,
		"92233720368.54775808":  ErrRange,
		"-92233720368.54775808": ErrRange,
		"1e11":                  ErrRange,
		"1e99":                  ErrRange,
		"1e100":                 ErrRange,
		"99999999999999999999":  ErrRange,
	}
	for text, want := range tests {
		if a, err := Parse(text, "USD"); !errors.Is(err, want) {
			t.Errorf("Parse(%q) = %v, %v; want %v", text, a, err, want)
		}
	}
}

func TestArithmeticRefuses(t *testing.T) {
	highest := FromUnits(math.MaxInt64, "USD")
	lowest := highest.Neg()
	one := FromUnits(1, "USD")
	if _, err := highest.Add(one); !errors.Is(err, ErrRange) {
		t.Errorf("max + 1: %v", err)
	}
	if _, err := lowest.Sub(one); !errors.Is(err, ErrRange) {
		t.Errorf("min - 1: %v", err)
	}
	if _, err := highest.Mul(2); !errors.Is(err, ErrRange) {
		t.Errorf("max × 2: %v", err)
	}
	if _, err := one.Mul(math.MinInt64); !errors.Is(err, ErrRange) {
		t.Errorf("1 × min: %v", err)
	}
	if _, err := one.Add(FromUnits(1, "EUR")); !errors.Is(err, ErrCurrencyMismatch) {
		t.Errorf("USD + EUR: %v", err)
	}
	if _, err := one.Compare(FromUnits(1, "EUR")); !errors.Is(err, ErrCurrencyMismatch) {
		t.Errorf("USD <=> EUR: %v", err)
	}
}

// Arithmetic agrees with math/big wherever the result is in range, and is
// refused wherever it is not.
func TestArithmeticIsExact(t *testing.T) {
	limit := big.NewInt(math.MaxInt64)
	check := func(t *rapid.T, op string, got Amount, err error, want *big.Int) {
		inRange := want.CmpAbs(limit) <= 0
		if inRange != (err == nil) {
			t.Fatalf("%s: error %v, exact result %v", op, err, want)
		}
		if err == nil && got.Units() != want.Int64() {
			t.Fatalf("%s = %d, want %v", op, got.Units(), want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		side := rapid.Int64Range(-math.MaxInt64, math.MaxInt64)
		x, y := side.Draw(t, "x"), side.Draw(t, "y")
		a, b := FromUnits(x, "USD"), FromUnits(y, "USD")
		bx, by := big.NewInt(x), big.NewInt(y)

		sum, err := a.Add(b)
		check(t, "add", sum, err, new(big.Int).Add(bx, by))
		difference, err := a.Sub(b)
		check(t, "sub", difference, err, new(big.Int).Sub(bx, by))
		product, err := a.Mul(y)
		check(t, "mul", product, err, new(big.Int).Mul(bx, by))
		if c, err := a.Compare(b); err != nil || c != bx.Cmp(by) {
			t.Fatalf("compare = %d, %v; want %d", c, err, bx.Cmp(by))
		}
	})
}

// Every amount survives its own text, in each form it has.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := FromUnits(
			rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "units"),
			rapid.SampledFrom([]Currency{"USD", "JPY", "KWD", "CLF"}).Draw(t, "currency"))
		for _, text := range []string{a.Decimal(), string(a.AppendShortest(nil))} {
			if back, err := Parse(text, a.Currency()); err != nil || back != a {
				t.Fatalf("Parse(%q) = %v, %v; want %v", text, back, err, a)
			}
		}
		data, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back Amount
		if err := json.Unmarshal(data, &back); err != nil || back != a {
			t.Fatalf("%s came back as %v, %v", data, back, err)
		}
	})
}

func TestGrouped(t *testing.T) {
	for text, want := range map[string]string{
		"0 USD": "0.00", "999.5 USD": "999.50", "1000 USD": "1,000.00", "-1000 USD": "-1,000.00", "-999 JPY": "-999",
		"1234567 JPY": "1,234,567", "123456.12345678 USD": "123,456.12345678",
	} {
		number, code, _ := strings.Cut(text, " ")
		a, err := Parse(number, Currency(code))
		if err != nil || a.Grouped() != want {
			t.Errorf("%s is %s, %v; want %s", text, a.Grouped(), err, want)
		}
	}
}

// A sum may be longer than any Amount.
func TestGroup(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-999.5": "-999.5", "-100000": "-100,000", "123456789012345678901.00": "123,456,789,012,345,678,901.00",
	} {
		if got := Group(text); got != want {
			t.Errorf("%s is %s; want %s", text, got, want)
		}
	}
}

func TestJSONForm(t *testing.T) {
	a, err := Parse("148.5", "USD")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"amount":"148.50","currency":"USD"}`; string(data) != want {
		t.Errorf("got %s, want %s", data, want)
	}
	if err := json.Unmarshal([]byte(`{"amount":"1,5","currency":"USD"}`), &a); !errors.Is(err, ErrSyntax) {
		t.Errorf("a comma was read: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0.10", "1e-8", "-92233720368.54775807", "1.0e1", "00.0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text, "USD")
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("Parse read %q, math/big does not", text)
		}
		if exact.Cmp(big.NewRat(a.Units(), Scale)) != 0 {
			t.Fatalf("Parse(%q) = %v", text, a)
		}
	})
}
