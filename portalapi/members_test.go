package portalapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// member is a member of a body, and values that it must not have, as JSON or as
// what looks like it.
type member struct {
	at    string   // its name, in lower case after a dot for one within another: "settings.minBalance"
	wrong []string // as openapi.yaml says
	also  []string // as openapi.yaml can't say
}

// What is of no kind at all, and what is not of one.
var (
	noJSONAtAll = []string{"NaN", "-NaN", "Infinity", "undefined", "'x'", "01", "+1", "1.", ".5", "0x10", `"\x"`, "tru", "1 2", "}", "]", ""}
	noNumber    = []string{`"x"`, `""`, `" 1"`, `"1 "`, `"+1"`, `"NaN"`, `"0x10"`, `"1_000"`, "true", "[]", "[1]", "{}", `{"value":1}`}
	noWhole     = slices.Concat(noJSONAtAll, noNumber, []string{
		"1.5", "1e400", "-1e400", `"1e2"`, "9223372036854775808", "-9223372036854775809", "18446744073709551616",
	})
	asIfWhole = []string{"100.0", "1e2", "1E2", "1000e-1"} // which JSON takes for whole numbers
	noDecimal = slices.Concat(noJSONAtAll, noNumber, []string{
		"0", "-0", "-1", "-0.01", "0.001", "0.009999999", "1e400", "1e-400", "-1e400", "1000000", "9223372036854775808", "null",
	})
	noText = slices.Concat(noJSONAtAll, []string{"1", "0", "-1.5", "true", "false", "[]", `["USD"]`, "{}"})
	noFlag = slices.Concat(noJSONAtAll, []string{"0", "1", `"yes"`, `"true"`, `"1"`, `""`, "[]", "{}"})
	noList = slices.Concat(noJSONAtAll, []string{"1", "true", `"x"`, "{}", "[1]", "[null]", `[""]`, "[[]]", `[{}]`})
	noURL  = slices.Concat(noText, []string{
		"null", `""`, `" "`, `"nowhere"`, `"/payments"`, `"//portal.example.com/"`, `"javascript:alert(1)"`, `"ftp://portal.example.com/"`,
		`"http://portal.example.com/` + strings.Repeat("a", 255) + `"`,
	})
	otherSites = []string{
		`"http://elsewhere.example.net/"`, `"http://portal.example.com@elsewhere.example.net/"`, `"http://portal.example.com.elsewhere.example.net/"`,
		`"http://portal.example.com\\@elsewhere.example.net/"`, `"http://portal.example.com:99999/"`, `"http://portal.example.com:81/"`,
	}
	// A map that names no product is not wrong: see what the action says of it.
	noQuantity = slices.Concat(noJSONAtAll, []string{
		"1", "true", `"admin"`, "[]", `[{"admin":1}]`, `{"admin":1.5}`, `{"admin":"x"}`, `{"admin":true}`, `{"admin":[]}`, `{"admin":{}}`,
		`{"admin":2147483648}`, `{"admin":-2147483649}`, `{"admin":9223372036854775808}`, `{"admin":1e400}`, `{"admin":NaN}`, seventeenProducts,
	})
	noNames = []string{
		`{"admin":1,"admin":2}`, `{"admin":1,"ADMIN":2}`, `{"\u0000":1}`, `{"` + strings.Repeat("a", 256) + `":1}`, `{"admin":1e2}`, `{"admin":"2147483648"}`,
	}
	noKind  = slices.Concat(noJSONAtAll, []string{`"x"`, `""`, "4", "-1", "1.5", "1e400", "true", "[]", "{}", "9223372036854775808"})
	nothing = []string{`"\u0000"`, `"U\u0000D"`}
)

const seventeenProducts = `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"q":1}`

// The bodies of the routes that have one.
var (
	planPageBody = []member{
		{"quantity", noQuantity, noNames}, {"backUrl", noURL, slices.Concat(nothing, otherSites)}, {"successUrl", noURL, slices.Concat(nothing, otherSites)},
	}
	planBody    = []member{{"quantity", noQuantity, noNames}}
	walletBody  = []member{{"quantity", noQuantity, noNames}, {"productQuantityType", noKind, nil}}
	depositBody = []member{
		{"amount", slices.Concat(noWhole, []string{"null", "0", "-1", "1000000"}), asIfWhole},
		{"currency", slices.Concat(noText, []string{"null", `""`, `"DOLLARS"`}), nothing},
	}
	creditBody = []member{
		{"amount", noDecimal, []string{"0.123456789", `"0.001"`, `"0"`}}, {"currency", slices.Concat(noText, []string{`"DOLLARS"`}), nothing},
	}
	topUpBody = []member{
		{"settings", slices.Concat(noJSONAtAll, []string{"1", "true", `"x"`, `[]`, `{}`, `{"enabled":false}`}), noPairs},
		{"settings.enabled", noFlag, nil},
		{"settings.minBalance", slices.Concat(noWhole, []string{"null", "4", "1001", "-5"}), asIfWhole},
		{"settings.upToBalance", slices.Concat(noWhole, []string{"null", "5", "5001", "-6"}), asIfWhole},
		{"settings.currency", slices.Concat(noText, []string{`"DOLLARS"`}), slices.Concat(nothing, []string{`"CHF"`, `"$"`, `"   "`})},
	}
	stateBody = []member{
		{"service", slices.Concat(noKind, []string{"null", `"disk"`, `"-11.0"`, "-15", "0"}), []string{"-11.0", "-12e0"}}, {"enabled", noFlag, nil},
	}
	purchaseBody = []member{
		{"serviceName", slices.Concat(noText, []string{"null", `""`, longText}), slices.Concat(nothing, []string{`"  "`})},
		{"quantity", slices.Concat(noWhole, []string{"null", "0", "-1", "1000000"}), asIfWhole},
	}
	messageBody = []member{
		{"userName", slices.Concat(noText, []string{`""`, "null", longText}), slices.Concat(nothing, []string{`"  "`})},
		{"email", slices.Concat(noText, []string{`""`, "null", `"x"`, `"` + strings.Repeat("x", 64) + `@example.com"`}),
			slices.Concat(nothing, []string{`"a@b c"`, `"@"`, `"a@example.com\r\nBcc: b@example.com"`, `"a@example.com, b@example.com"`})},
		{"message", slices.Concat(noText, []string{`""`, "null", longText}), slices.Concat(nothing, []string{`"  "`})},
	}
	noDate       = slices.Concat(noText, []string{`"x"`, `"2026-13-01x"`, `"1.7.2026"`, `"07/01/2026"`, `"--1"`})
	badDates     = slices.Concat(nothing, []string{`"2026-02-30"`, `"2026-13-01"`, `"2026-07-01T25:00:00"`, `"0000-00-00"`})
	period       = []member{{"startDate", noDate, badDates}, {"endDate", noDate, slices.Concat(badDates, []string{`"2026-06-30"`})}}
	periodFilter = slices.Concat(period, []member{{"utcStartDate", noDate, badDates}, {"utcEndDate", noDate, badDates}})
	anyFilter    = slices.Concat(period, []member{
		{"serviceName", noText, nothing}, {"participantName", slices.Concat(noText, []string{longText}), nothing},
		{"status", slices.Concat(noJSONAtAll, []string{`"x"`, "4", "-1", "1.5", "1e400", "true", "[]", "{}", `"9223372036854775808"`}), []string{"1.0"}},
		{"orderType", slices.Concat(noJSONAtAll, []string{`"x"`, "2", "-1", "1.5", "true", "[]", "{}"}), []string{"1.0"}},
	})
	operationsFilter = slices.Concat(anyFilter, []member{
		{"credit", noFlag, nil}, {"debit", noFlag, nil},
		{"type", slices.Concat(noJSONAtAll, []string{`"x"`, "20", "-1", "1.5", "1e400", "true", "[]", "{}"}), []string{"1.0"}},
	})
	usageFilter = slices.Concat(anyFilter, periodFilter[2:], []member{
		{"metadata", slices.Concat(noJSONAtAll, []string{"1", "true", `"x"`, "[]", `{"a":1}`, `{"a":null}`, `{"a":{}}`, `{"a":["x"]}`, seventeenProducts}),
			[]string{`{"":"x"}`, `{"a":"\u0000"}`, `{"\u0000":"a"}`, `{"a":"1","a":"2"}`, `{"` + strings.Repeat("a", 65) + `":"x"}`, `{"a":"` + strings.Repeat("x", 1025) + `"}`}},
		{"orderBy", slices.Concat(noText, []string{`"date"`}), nothing},
	})
	modelsBody = []member{
		{"models", slices.Concat(noList, []string{"null", `["` + strings.Repeat("x", 256) + `"]`, tooManyModels}), []string{`[" "]`, `["x","\u0000"]`, `["\n"]`}},
	}
	keyBody = []member{
		{"name", slices.Concat(noText, []string{"null", `""`, `"` + strings.Repeat("x", 31) + `"`}), slices.Concat(nothing, []string{`"  "`, `"\n"`})},
		{"permissions", slices.Concat(noList, []string{`["everything"]`, `["*:READ"]`, `["*","rooms"]`, `["x","\u0000"]`}), nil},
		{"expiresInDays", slices.Concat(noWhole, []string{"0", "-1", "366", "9223372036854775807"}), asIfWhole},
	}
)

// noPairs are rules that would never refill anything.
var noPairs = []string{`{"minBalance":200,"upToBalance":200}`, `{"enabled":true,"minBalance":201,"upToBalance":200,"currency":"EUR"}`, `{"minBalance":1000,"upToBalance":6}`}

// longText is longer than any text of a body may be.
var longText = `"` + strings.Repeat("x", 256) + `"`

var tooManyModels = `["x"` + strings.Repeat(`,"x"`, 1000) + `]`

// with returns a body with another text in the place of a member's value.
func with(t *testing.T, body, at, text string) string {
	t.Helper()
	all := decode[map[string]any](t, body)
	const here = "what stands here"
	within := all
	outer, inner, nested := strings.Cut(at, ".")
	if nested {
		within = all[outer].(map[string]any)
		outer = inner
	}
	within[outer] = here
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(out), `"`+here+`"`, text, 1)
}

// without returns a body that lacks a member.
func without(t *testing.T, body, at string) string {
	t.Helper()
	all := decode[map[string]any](t, body)
	within := all
	if outer, inner, nested := strings.Cut(at, "."); nested {
		within, at = all[outer].(map[string]any), inner
	}
	delete(within, at)
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
