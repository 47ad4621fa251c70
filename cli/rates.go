package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/bursarhq/bursar/money"
)

// rateTable is what one unit of a currency is worth in others, by day.
type rateTable struct{ rates []rate } // by from, to, day

// rate says that one of From is so much of To from a day on.
type rate struct {
	day      time.Time
	from, to money.Currency
	text     string
	digits   big.Int // the number without its point
	places   int     // decimal places of it
}

// rateRow is a rate as a file has it.
type rateRow struct {
	Date string   `yaml:"date"`
	From string   `yaml:"from"`
	To   string   `yaml:"to"`
	Rate rateText `yaml:"rate"`
}

// rateText is a number as it stands in the file, digit by digit.
type rateText string

// UnmarshalYAML takes the text, so that no number passes through floating point.
func (r *rateText) UnmarshalYAML(text []byte) error {
	*r = rateText(strings.Trim(strings.TrimSpace(string(text)), `"'`))
	return nil
}

// rateColumns are the columns of a CSV file of rates.
const rateColumns = "date,from,to,rate"

// loadRates reads a file of rates: CSV by its name, else YAML.
func loadRates(name string) (*rateTable, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--rates: %w", err)
	}
	var rows []rateRow
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		rows, err = csvRates(text)
	} else if err = yaml.UnmarshalWithOptions(text, &rows, yaml.Strict()); err != nil {
		err = errors.New(yaml.FormatError(err, false, false))
	}
	if err != nil {
		return nil, usage("--rates: %s: %w", name, err)
	}
	table := &rateTable{}
	for i, row := range rows {
		one, err := row.read()
		if err != nil {
			return nil, usage("--rates: %s: rate %d: %w", name, i+1, err)
		}
		table.rates = append(table.rates, one)
	}
	if len(table.rates) == 0 {
		return nil, usage("--rates: %s: there are no rates in it", name)
	}
	slices.SortStableFunc(table.rates, rate.compare)
	for i, one := range table.rates[1:] {
		if one.compare(table.rates[i]) == 0 {
			return nil, usage("--rates: %s: there are two rates from %s to %s on %s", name, one.from, one.to, one.day.Format(time.DateOnly))
		}
	}
	return table, nil
}

func csvRates(text []byte) (rows []rateRow, err error) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	in.FieldsPerRecord = 4
	in.TrimLeadingSpace = true
	for first := true; ; first = false {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if first {
			if got := strings.ToLower(strings.Join(row, ",")); got != rateColumns {
				return nil, fmt.Errorf("its columns are %q, not %q", got, rateColumns)
			}
			continue
		}
		rows = append(rows, rateRow{row[0], row[1], row[2], rateText(row[3])})
	}
}

// read checks a row of a file.
func (row rateRow) read() (r rate, err error) {
	if r.day, err = time.Parse(time.DateOnly, strings.TrimSpace(row.Date)); err != nil {
		return r, fmt.Errorf("date: %q is no day such as 2026-07-01", row.Date)
	}
	if r.from, err = money.ParseCurrency(strings.TrimSpace(row.From)); err != nil {
		return r, fmt.Errorf("from: %w", err)
	}
	if r.to, err = money.ParseCurrency(strings.TrimSpace(row.To)); err != nil {
		return r, fmt.Errorf("to: %w", err)
	}
	if r.from == r.to {
		return r, fmt.Errorf("it is from %s to itself", r.from)
	}
	r.text = strings.TrimSpace(string(row.Rate))
	whole, fraction, point := strings.Cut(r.text, ".")
	const most = 30 // digits
	if digits := whole + fraction; whole == "" || point && fraction == "" || len(digits) > most || strings.Trim(digits, "0123456789") != "" {
		return r, fmt.Errorf("rate: %q is no decimal number such as 0.9215", r.text)
	}
	r.digits.SetString(whole+fraction, 10)
	if r.places = len(fraction); r.digits.Sign() == 0 {
		return r, errors.New("rate: it is nought")
	}
	return r, nil
}

func (r rate) compare(other rate) int {
	if by := strings.Compare(string(r.from)+string(r.to), string(other.from)+string(other.to)); by != 0 {
		return by
	}
	return r.day.Compare(other.day)
}

// target returns the one currency that all rates are to; "" if there are several.
func (t *rateTable) target() money.Currency {
	for _, r := range t.rates {
		if r.to != t.rates[0].to {
			return ""
		}
	}
	return t.rates[0].to
}

// on returns the newest rate on a day or before.
func (t *rateTable) on(day time.Time, from, to money.Currency) (found rate, ok bool) {
	for _, r := range t.rates {
		if r.from == from && r.to == to && !r.day.After(day) {
			found, ok = r, true // they are by day
		}
	}
	return found, ok
}

// pinned reads the rates, and says what currency they convert to.
func (f *reportFlags) pinned() (*rateTable, money.Currency, error) {
	table, err := loadRates(f.rates)
	if err != nil {
		return nil, "", err
	}
	in := table.target()
	if f.totalIn != "" {
		if in, err = money.ParseCurrency(f.totalIn); err != nil {
			return nil, "", usage("--total-in: %w", err)
		}
	}
	if in == "" {
		return nil, "", usage("--rates: %s has rates to several currencies; --total-in says which", f.rates)
	}
	return table, in, nil
}

// converted is a total in one currency, and the rates that made it.
type converted struct {
	currency money.Currency
	minor    big.Int // its smallest coins
	used     []rate
}

// converted returns the total in one currency, rounded once, a half away from nought;
// nil if a rate is missing, or none are asked for.
func (t *fleetTotals) converted() *converted {
	if t.rates == nil || len(t.missing()) > 0 {
		return nil
	}
	c := &converted{currency: t.in}
	places := 0
	for _, currency := range t.currencies() {
		if r, ok := t.rates.on(t.day, currency, t.in); ok && currency != t.in {
			c.used = append(c.used, r)
			places = max(places, r.places)
		}
	}
	ten := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	var exact big.Int // in 1/(money.Scale × 10^places)
	for _, currency := range t.currencies() {
		part := new(big.Int).Set(&t.sums[currency].units)
		by := ten(places)
		if i := slices.IndexFunc(c.used, func(r rate) bool { return r.from == currency }); i >= 0 {
			by = ten(places - c.used[i].places)
			by.Mul(by, &c.used[i].digits)
		}
		exact.Add(&exact, part.Mul(part, by))
	}
	// The smallest coin is Scale/10^digits units.
	coin := new(big.Int).Mul(ten(places), new(big.Int).Quo(big.NewInt(money.Scale), ten(t.in.Digits())))
	half := new(big.Int).Quo(coin, big.NewInt(2))
	if exact.Sign() < 0 {
		half.Neg(half)
	}
	c.minor.Quo(exact.Add(&exact, half), coin) // Quo cuts towards nought
	return c
}

// missing are the currencies that no rate converts, where they are to be.
func (t *fleetTotals) missing() (all []money.Currency) {
	if t.rates == nil {
		return nil
	}
	for _, currency := range t.currencies() {
		if _, ok := t.rates.on(t.day, currency, t.in); !ok && currency != t.in && t.sums[currency].units.Sign() != 0 {
			all = append(all, currency)
		}
	}
	return all
}

// currencies are those of the totals, by name.
func (t *fleetTotals) currencies() []money.Currency {
	return slices.Sorted(maps.Keys(t.sums))
}

// decimal writes so many parts of 10^places, with no more places than are needed, and no
// fewer than least.
func decimal(n *big.Int, places, least int) string {
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= places {
		digits = strings.Repeat("0", places+1-len(digits)) + digits
	}
	whole, fraction := digits[:len(digits)-places], digits[len(digits)-places:]
	for len(fraction) > least && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if n.Sign() < 0 {
		whole = "-" + whole
	}
	return whole
}

// text is a sum as a decimal number, exactly.
func (s *currencySum) text(c money.Currency) string {
	return decimal(&s.units, len(fmt.Sprint(money.Scale))-1, c.Digits())
}

// text is a converted total as a decimal number.
func (c *converted) text() string {
	return decimal(&c.minor, c.currency.Digits(), c.currency.Digits())
}

// days says of when the rates are.
func (c *converted) days() string {
	var all []string
	for _, r := range c.used {
		if day := r.day.Format(time.DateOnly); !slices.Contains(all, day) {
			all = append(all, day)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
