package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdAgrees compares a report in JSON with what the portal's API says itself,
// digit by digit:
//
//	agrees REPORT URL KEYFILE
func cmdAgrees(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: agrees REPORT URL KEYFILE")
	}
	report := readObject(ts, []byte(ts.ReadFile(args[0])))
	ask := func(path string) any {
		body, err := fetch(args[1]+"/api/2.0/portal/payment/"+path, strings.TrimSpace(ts.ReadFile(args[2])))
		ts.Check(err)
		return readObject(ts, body)["response"]
	}
	got, want := map[string]any{}, map[string]any{}
	got["customer"], want["customer"] = factsOfCustomer(report["customer"]), factsOfCustomerInfo(ask("customerinfo"))
	got["balance"], want["balance"] = pockets(report["balance"]), subAccounts(ask("customer/balance"))
	got["quota"], want["quota"] = plan(report["quota"]), quota(ask("quota"))
	got["quotas"], want["quotas"] = each(report["quotas"], plan), each(ask("quotas"), quota)
	got["topup"], want["topup"] = topUp(report["topup"]), topUp(ask("topupsettings"))
	got["currencies"], want["currencies"] = each(report["currencies"], ourCurrency), each(ask("currencies"), theirCurrency)
	if diff := cmp.Diff(want, got); diff != "" {
		ts.Fatalf("the report is not what the API says (-API +report):\n%s", diff)
	}
}

// readObject reads JSON with its numbers as they stand.
func readObject(ts *testscript.TestScript, data []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var object map[string]any
	ts.Check(decoder.Decode(&object))
	return object
}

func member(v any, path ...string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func each(v any, convert func(any) any) []any {
	list, _ := v.([]any)
	out := []any{}
	for _, element := range list {
		out = append(out, convert(element))
	}
	return out
}

func text(v any) string { return fmt.Sprint(v) }

// number is a decimal without its form: 20 and 20.00 are the same.
func number(v any) string {
	n, ok := new(big.Rat).SetString(text(v))
	if !ok {
		return "not a number: " + text(v)
	}
	return n.RatString()
}

func factsOfCustomer(v any) any {
	return []string{text(member(v, "portalId")), text(member(v, "email")), text(member(v, "paymentMethodStatus")),
		text(member(v, "paymentMethodType")), text(member(v, "payer", "id")), text(member(v, "payer", "name"))}
}

func factsOfCustomerInfo(v any) any {
	status := map[string]string{"0": "none", "1": "set", "2": "expired"}[text(member(v, "paymentMethodStatus"))]
	return []string{text(member(v, "portalId")), text(member(v, "email")), status,
		text(member(v, "paymentMethodType")), text(member(v, "payer", "id")), text(member(v, "payer", "displayName"))}
}

// Balances agree in form as well: 0.10 is not 0.1.
func pockets(v any) any {
	return each(member(v, "pockets"), func(p any) any {
		return text(member(p, "amount")) + " " + text(member(p, "currency"))
	})
}

func subAccounts(v any) any {
	return each(member(v, "subAccounts"), func(p any) any {
		return text(member(p, "amount")) + " " + text(member(p, "currency"))
	})
}

func plan(v any) any {
	return []any{text(member(v, "id")), text(member(v, "title")),
		text(member(v, "price", "amount")), text(member(v, "price", "currency")), text(member(v, "dueDate")),
		each(member(v, "features"), func(f any) any {
			limit := member(f, "enabled")
			if limit == nil {
				limit = member(f, "limit")
			}
			if limit == nil {
				limit = "-1"
			}
			return fmt.Sprint(member(f, "id"), " ", limit, " ", member(f, "used"))
		})}
}

func quota(v any) any {
	return []any{text(member(v, "id")), text(member(v, "title")),
		text(member(v, "price", "value")), text(member(v, "price", "isoCurrencySymbol")), text(member(v, "dueDate")),
		each(member(v, "features"), func(f any) any {
			return fmt.Sprint(member(f, "id"), " ", member(f, "value"), " ", member(f, "used", "value"))
		})}
}

func topUp(v any) any {
	return []string{text(member(v, "enabled")), number(member(v, "minBalance")), number(member(v, "upToBalance")),
		text(member(v, "currency")), text(member(v, "lastModified"))}
}

func ourCurrency(v any) any {
	return []string{text(member(v, "code")), text(member(v, "symbol")), text(member(v, "name")), text(member(v, "country"))}
}

func theirCurrency(v any) any {
	return []string{text(member(v, "isoCurrencySymbol")), text(member(v, "currencySymbol")),
		text(member(v, "currencyNativeName")), text(member(v, "isoCountryCode"))}
}
