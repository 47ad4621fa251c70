package webpage

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/wallet"
)

var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

func dollars(units int64) money.Amount { return money.FromUnits(units, "USD") }

func TestAxis(t *testing.T) {
	for _, row := range []struct {
		low, high int64
		want      string
	}{
		{0, 0, "1 0.50 0"},
		{0, 14850000000, "150 100 50 0"},
		{0, 10000000000, "100 50 0"},
		{0, 1, "0.00000001 0"},
		{0, 7, "0.00000008 0.00000006 0.00000004 0.00000002 0"},
		{-3000000000, 9000000000, "100 50 0 -50"},
		{-500000000, -100000000, "0 -2 -4 -6"},
		{0, 7_000_000_000_000_000_000, "80,000,000,000 60,000,000,000 40,000,000,000 20,000,000,000 0"},
	} {
		a, ok := newAxis(dollars(row.low), dollars(row.high))
		var got []string
		for _, tick := range a.ticks {
			got = append(got, tickText(tick))
		}
		if text := strings.Join(got, " "); !ok || text != row.want {
			t.Errorf("from %d to %d: %q (%t), not %q", row.low, row.high, text, ok, row.want)
		}
	}
	if _, ok := newAxis(dollars(0), dollars(9_200_000_000_000_000_000)); ok {
		t.Error("there is an axis beyond what an amount can be")
	}
}

var pathForm = regexp.MustCompile(`^M0 (\d+)((?:[HV]\d+)*)$`)

// Whatever happens in a wallet, the line stays in the chart, is bounded, goes on to the
// right, and ends where the balance does; and the table's last row has the balance.
func TestChartsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		past := wallet.History{From: noon.Add(-90 * day), To: noon, Available: dollars(rapid.Int64Range(-1e15, 1e15).Draw(t, "begin"))}
		balance := past.Available
		n := rapid.IntRange(1, 40).Draw(t, "movements")
		for i := range n {
			m := wallet.Movement{At: past.From.Add(90 * day / time.Duration(n) * time.Duration(i)), Amount: dollars(rapid.Int64Range(-1e14, 1e14).Draw(t, "amount"))}
			past.Movements = append(past.Movements, m)
			balance, _ = balance.Add(m.Amount)
		}
		c, err := draw(past, dollars(0), false)
		if err != nil {
			t.Fatal(err)
		}
		parts := pathForm.FindStringSubmatch(c.Line)
		if parts == nil {
			t.Fatalf("no path: %s", c.Line)
		}
		x, y := 0, number(t, parts[1])
		for _, step := range regexp.MustCompile(`[HV]\d+`).FindAllString(parts[2], -1) {
			to := number(t, step[1:])
			if to > size {
				t.Fatalf("out of the chart: %s", step)
			}
			if step[0] == 'V' {
				y = to
				continue
			}
			if to <= x {
				t.Fatalf("back from %d to %d", x, to)
			}
			x = to
		}
		if x != size || y != c.End {
			t.Fatalf("the line ends at %d, %d", x, y)
		}
		if last := c.Weeks[len(c.Weeks)-1]; last.Balance != balance.Grouped() {
			t.Fatalf("the table ends with %s, the wallet with %s", last.Balance, balance)
		}
		if !strings.Contains(c.Description, "ended with "+amountText(balance)) {
			t.Fatalf("%s, but it is %s", c.Description, balance)
		}
	})
}

func number(t *rapid.T, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A path does not grow with what happened.
func TestPathsAreBounded(t *testing.T) {
	past := wallet.History{From: noon.Add(-90 * day), To: noon, Available: dollars(1e12)}
	for i := range 200_000 {
		amount := dollars(int64(i%7-3) * 1e9)
		past.Movements = append(past.Movements, wallet.Movement{At: past.From.Add(time.Duration(i) * 38 * time.Second), Amount: amount})
	}
	c, err := draw(past, dollars(0), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Line) > 25*size {
		t.Errorf("a path of %d characters", len(c.Line))
	}
}

// What is spent is added up by service, refunds of it taken off, deposits not counted.
func TestSpendingByService(t *testing.T) {
	operation := func(kind docspace.OperationType, name string, credit, debit int64) docspace.Operation {
		return docspace.Operation{
			Date: docspace.Time{Time: noon.Add(-day)}, Service: name, Description: strings.ToUpper(name), Type: kind, Credit: dollars(credit), Debit: dollars(debit),
		}
	}
	h := &fleet.History{From: noon.Add(-90 * day), To: noon, Operations: []docspace.Operation{
		operation(docspace.ServicePayment, "backup", 0, 3e8),
		operation(docspace.ServicePayment, "storage", 0, 6e8),
		operation(docspace.ServicePayment, "backup", 1e8, 0),
		operation(docspace.DepositPayment, "", 50e8, 0),
		operation(docspace.BankWithdrawal, "", 0, 5e8),
		operation(docspace.ServicePayment, "tiny", 0, 1),
	}}
	got := newSpending(h, "USD")
	want := []service{{"STORAGE", "6.00", "75\u00a0%", 1000}, {"BACKUP", "2.00", "25\u00a0%", 333}, {"TINY", "0.00000001", "<\u00a01\u00a0%", 4}}
	if got.Total != "8.00000001\u00a0USD" || len(got.Services) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, row := range want {
		if got.Services[i] != row {
			t.Errorf("row %d is %+v, not %+v", i, got.Services[i], row)
		}
	}
	for range 2 {
		for i := range 12 {
			h.Operations = append(h.Operations, operation(docspace.ServicePayment, "service"+strconv.Itoa(i), 0, int64(100-i)*1e8))
		}
	}
	got = newSpending(h, "USD")
	if len(got.Services) != maxServices+1 || got.Services[maxServices].Name != "7 others" {
		t.Errorf("%+v", got.Services)
	}
}
