package cli_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/docspace"
)

// rows reads a report in CSV, its heading left out.
func rows(t *testing.T, r *docspace.Report) [][]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(written(t, r, "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"part", "item", "fact", "value", "currency"}; len(all) == 0 || !slices.Equal(all[0], want) {
		t.Fatalf("the heading is not %q:\n%q", want, all)
	}
	return all[1:]
}

func TestCSVIsOneFactALine(t *testing.T) {
	for name, report := range reports {
		seen := map[string]bool{}
		for _, row := range rows(t, report(t)) { // all as long as the heading, or the reader complains
			if _, err := docspace.ParsePart(row[0]); err != nil && row[0] != "report" {
				t.Errorf("%s: %q: %v", name, row, err)
			}
			fact := strings.Join(row[:3], " / ")
			if seen[fact] && row[1] != "" {
				t.Errorf("%s: %s stands there twice", name, fact)
			}
			seen[fact] = true
		}
	}
}

func TestCSVHasExactAmounts(t *testing.T) {
	got := rows(t, oddAmountsReport(t))
	for _, want := range [][]string{
		{"balance", "USD", "available", "-5.00", "USD"},
		{"balance", "EUR", "available", "0.10", "EUR"},
		{"balance", "GBP", "available", "1234567890.12345678", "GBP"},
		{"balance", "JPY", "available", "1200", "JPY"},
		{"balance", "KWD", "available", "1.250", "KWD"},
		{"balance", "CHF", "available", "-0.00000001", "CHF"},
		{"balance", "AUD", "available", "92233720368.54775807", "AUD"},
		{"balance", "", "available", "-1234567.5", ""},
		{"balance", "last_credit", "amount", "1000", "JPY"},
		{"quotas", "-9", "price", "6.150", "KWD"},
		{"topup", "", "up_to_balance", "15000.5", "JPY"},
	} {
		if !slices.ContainsFunc(got, func(row []string) bool { return slices.Equal(row, want) }) {
			t.Errorf("no row is %q", want)
		}
	}
}

func TestCSVLeavesOutWhatIsNotKnown(t *testing.T) {
	for _, row := range rows(t, unknownReport(t)) {
		if part := row[0]; part != "report" && part != "customer" && part != "quota" {
			t.Errorf("%q is of a part that the portal says nothing of", row)
		}
	}
	for _, row := range rows(t, failedPartsReport(t)) {
		failed := slices.Contains([]string{"customer", "quotas", "currencies"}, row[0])
		if isError := row[2] == "error"; failed != isError {
			t.Errorf("%q: of a part that failed: %t", row, failed)
		}
	}
}
