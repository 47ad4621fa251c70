package exporter_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/bursarhq/bursar/docspacetest"
)

// maxSamples is more than one portal ever has.
const maxSamples = 500

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	evil := "a\"} 1\ndocspace_up{portal=\"other\"} 0\n\u202e\x1b[31m\\" + strings.Repeat("long ", 100)
	var features, accounts, payments []map[string]any
	for n := range 300 {
		id := fmt.Sprintf("%d%s", n, evil)
		features = append(features, map[string]any{"id": id, "title": evil, "type": "size", "value": 1, "used": map[string]any{"value": -9007199254740993}})
		accounts = append(accounts, map[string]any{"currency": fmt.Sprintf("%c%c%c", 'A'+n/676%26, 'A'+n/26%26, 'A'+n%26), "amount": json.Number("92233720368.54775807")})
		payments = append(payments, map[string]any{"id": n, "name": id, "amount": 1, "currency": "USD", "wallet": true, "quantity": 1, "dueDate": "2026-01-01"})
	}
	features = append(features, features[0])
	accounts = append([]map[string]any{
		{"currency": evil, "amount": 1}, {"currency": "USD", "amount": 1}, {"currency": "USD", "amount": 2},
	}, accounts...)
	payments = append([]map[string]any{
		{"id": 1, "name": "twice", "amount": 1, "currency": "USD", "wallet": true, "quantity": 1, "dueDate": "2026-01-02"},
		{"id": 1, "name": "twice", "amount": 2, "currency": "USD", "wallet": true, "quantity": 1, "dueDate": "2026-01-01"},
		{"id": 1, "name": evil, "amount": 2, "currency": evil, "wallet": true, "quantity": 1, "dueDate": "2026-01-01"},
	}, payments...)
	portal := docspacetest.New(t)
	for path, answer := range map[string]any{
		"payment/quota": map[string]any{
			"id": -9, "title": evil, "free": false, "features": features, "price": map[string]any{"value": "1", "isoCurrencySymbol": "\n"},
		},
		"customer/balance": map[string]any{"subAccounts": accounts},
		"tariff/upcoming":  payments,
	} {
		body, err := json.Marshal(map[string]any{"response": answer, "status": 0, "statusCode": 200})
		if err != nil {
			t.Fatal(err)
		}
		portal.Inject(docspacetest.Fault{Path: path, Body: string(body)})
	}
	e := newExporter(&watcher{}, nil, profileOf("acme", portal))
	if err := once(t, e)["acme"]; err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	samples := 0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			samples++
			for _, l := range m.GetLabel() {
				if l.GetName() == "portal" && l.GetValue() != "acme" {
					t.Errorf("%s is of %q", family.GetName(), l.GetValue())
				}
				if n := len([]rune(l.GetValue())); n > 64 {
					t.Errorf("%s: %s has %d characters", family.GetName(), l.GetName(), n)
				}
				for _, r := range l.GetValue() {
					if !unicode.IsPrint(r) {
						t.Errorf("%s: %s has %q", family.GetName(), l.GetName(), l.GetValue())
					}
				}
			}
		}
	}
	if samples > maxSamples {
		t.Errorf("%d samples", samples)
	}
	want(t, shown(t, e), map[string]string{
		`docspace_wallet_balance{currency="USD",portal="acme"}`:                                                         "1",
		`docspace_upcoming_payment_amount{currency="USD",portal="acme",service="twice",source="wallet"}`:                "3",
		`docspace_upcoming_payment_due_timestamp_seconds{currency="USD",portal="acme",service="twice",source="wallet"}`: "1.7672256e+09",
	})
}
