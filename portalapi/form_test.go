package portalapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/money"
)

// formOf reads a body that is good as JSON.
func formOf(t *testing.T, body string) *form {
	t.Helper()
	f, err := (&door{}).form(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return f
}

// wrongOf returns what an error says is wrong; nil for no error.
func wrongOf(t *testing.T, err error) invalid {
	t.Helper()
	var wrong invalid
	if err != nil && (!errors.As(err, &wrong) || !errors.Is(err, billing.ErrInvalid)) {
		t.Fatalf("not an error about input: %v", err)
	}
	return wrong
}

func nested(depth int) string {
	return strings.Repeat(`{"a":[`, depth/2) + strings.Repeat(`]}`, depth/2)
}

func TestBodyIsOneStrictJSONObject(t *testing.T) {
	const (
		object  = "The field Body is not a JSON object."
		utf8    = "The field Body is not UTF-8."
		missing = "The field Body is missing."
		long    = "The field Body is longer than 65536 bytes."
		deep    = "The field Body is nested deeper than 32 levels."
		onward  = "The field Body goes on after the JSON object."
	)
	all := func(text string) invalid { return invalid{"$": {text}} }
	for name, test := range map[string]struct {
		body string
		want invalid
	}{
		"empty object":            {`{}`, nil},
		"white space":             {" \t\r\n{ \"a\" :\n1 , \"b\":[ ] }\n", nil},
		"of the greatest length":  {`{"a":"` + strings.Repeat("x", maxBody-8) + `"}`, nil},
		"one byte longer":         {`{"a":"` + strings.Repeat("x", maxBody-7) + `"}`, all(long)},
		"10 MB":                   {`{"a":"` + strings.Repeat("x", 10<<20) + `"}`, all(long)},
		"10 MB of white space":    {strings.Repeat(" ", 10<<20), all(long)},
		"the deepest":             {nested(32), nil},
		"one deeper":              {`{"b":` + nested(32) + `}`, all(deep)},
		"10,000 deep":             {`{"a":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, all(deep)},
		"10,000 deep, objects":    {strings.Repeat(`{"a":`, 10000), all(deep)},
		"10,000 wide":             {`{"a":[` + strings.Repeat("1,", 10000) + `1]}`, nil},
		"twice":                   {`{"a":1,"a":1}`, all(`The field Body has "a" twice.`)},
		"twice in two cases":      {`{"quantity":{"admin":1,"ADMIN":2}}`, all(`The field Body has "ADMIN" twice.`)},
		"twice in .NET's eyes":    {`{"key":1,"\u212aey":2}`, all("The field Body has \"\u212aey\" twice.")},
		"twice, escaped":          {`{"a":1,"\u0061":1}`, all(`The field Body has "a" twice.`)},
		"twice, deep in a list":   {`{"a":[[{"b":1,"b":1}]]}`, all(`The field Body has "b" twice.`)},
		"twice, a long name":      {`{"` + strings.Repeat("x", 999) + `":1,"` + strings.Repeat("X", 999) + `":1}`, all(`The field Body has "` + strings.Repeat("X", 64) + `…" twice.`)},
		"byte order mark":         {"\ufeff{}", nil},
		"two byte order marks":    {"\ufeff\ufeff{}", all(object)},
		"UTF-16":                  {"\xff\xfe{\x00}\x00", all(utf8)},
		"UTF-16 without its mark": {"{\x00}\x00", all(object)},
		"Latin-1":                 {"{\"a\":\"\xe9\"}", all(utf8)},
		"nothing":                 {"", all(missing)},
		"a mark alone":            {"\ufeff", all(missing)},
		"null":                    {"null", all(object)},
		"a list":                  {"[{}]", all(object)},
		"a string":                {`"{}"`, all(object)},
		"a number":                {"1", all(object)},
		"NaN alone":               {"NaN", all(object)},
		"a form":                  {"amount=100&currency=USD", all(object)},
		"a multipart form":        {"--x\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n100\r\n--x--", all(object)},
		"XML":                     {"<amount>100</amount>", all(object)},
		"two objects":             {"{}{}", all(onward)},
		"a brace too many":        {"{}}", all(onward)},
		"a NUL behind":            {"{}\x00", all(onward)},
		"not ended":               {`{"a":1`, all(object)},
		"not ended, a value":      {`{"a":`, all(object)},
		"not ended, a string":     {`{"a":"x`, all(object)},
		"not ended, a list":       {`{"a":[1`, all(object)},
		"a comma too many":        {`{"a":1,}`, all(object)},
		"no colon":                {`{"a" 1}`, all(object)},
		"no quotes":               {`{a:1}`, all(object)},
		"single quotes":           {`{'a':1}`, all(object)},
		"a comment":               {"{/* */}", all(object)},
		"a name that is a number": {`{1:1}`, all(object)},
		"a leading nought":        {`{"a":01}`, all(object)},
		"brackets crossed":        {`{"a":[}`, all(object)},
		"NaN":                     {`{"amount":NaN}`, invalid{"$.amount": {"The field Amount is not JSON."}}},
		"Infinity":                {`{"amount":Infinity}`, invalid{"$.amount": {"The field Amount is not JSON."}}},
		"minus infinity":          {`{"amount":-Infinity}`, invalid{"$.amount": {"The field Amount is not JSON."}}},
		"plus":                    {`{"amount":+1}`, invalid{"$.amount": {"The field Amount is not JSON."}}},
		"hexadecimal, nested":     {`{"settings":{"minBalance":x10}}`, invalid{"$.settings.minBalance": {"The field Settings.MinBalance is not JSON."}}},
		"a line break in a text":  {"{\"a\":\"x\ny\"}", invalid{"$.a": {"The field A is not JSON."}}},
		"half a literal":          {`{"a":[true,fals]}`, invalid{"$.a[1]": {"The field A[1] is not JSON."}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&door{}).form(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(test.body)))
			if diff := cmp.Diff(test.want, wrongOf(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A body that ends in an error is no shorter body.
func TestBodyThatBreaksOffIsRefused(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("{}"), failing{}))
	_, err := (&door{}).form(r)
	if diff := cmp.Diff(invalid{"$": {"The field Body broke off."}}, wrongOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBodyMayBeMissingWhereItIsOptional(t *testing.T) {
	for body, want := range map[string]bool{"": false, " \n": false, "{}": true} {
		f, sent, err := (&door{}).optionalForm(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if err != nil || sent != want || f.text("a", optional, stringLength(1)) != "" || f.err() != nil {
			t.Errorf("%q: sent is %t, %v", body, sent, err)
		}
	}
	if _, _, err := (&door{}).optionalForm(httptest.NewRequest(http.MethodPost, "/", strings.NewReader("[]"))); err == nil {
		t.Error("a list passes")
	}
}

// Each kind of member, of every type there is.
func TestMembersAreReadByKind(t *testing.T) {
	const (
		notWhole = "The field X must be a whole number."
		outside  = "The field X must be between 5 and 1000."
		noText   = "The field X must be a string."
		needed   = "The X field is required."
		noFlag   = "The field X is neither true nor false."
		noNumber = "The field X must be a number."
		between  = "The field X must be between 0.01 and 999999."
		noList   = "The field X must be a list of strings."
		noObject = "The field X must be an object."
		noChoice = "The field X must be one of Storage, Backup."
		noURL    = "The X field is not a valid fully-qualified http, https, or ftp URL."
		tooLong  = "The field X must be a string with a maximum length of 255."
	)
	least, most := money.FromUnits(1_000_000, ""), money.FromUnits(999_999*money.Scale, "")
	readers := map[string]func(f *form) any{
		"whole":    func(f *form) any { return f.whole("x", bounds{5, 1000}) },
		"any":      func(f *form) any { return f.whole("x", anyWhole) },
		"nullable": func(f *form) any { return f.wholeOrNull("x", bounds{5, 1000}) },
		"text":     func(f *form) any { return f.text("x", optional, stringLength(3)) },
		"present":  func(f *form) any { return f.text("x", present, maxLength(3)) },
		"required": func(f *form) any { return f.text("x", required, stringLength(3)) },
		"flag":     func(f *form) any { return f.flag("x") },
		"decimal":  func(f *form) any { return f.decimal("x", least, most) },
		"texts":    func(f *form) any { return f.texts("x", required, 2, stringLength(3)) },
		"object":   func(f *form) any { return f.object("x") != nil },
		"choice":   func(f *form) any { return f.choose("x", []choice{{"Storage", -11}, {"Backup", -12}}) },
		"nought":   func(f *form) any { return f.choose("x", []choice{{"Set", 0}, {"Add", 1}}) },
		"url":      func(f *form) any { return f.url("x", required) },
	}
	seven := int64(7)
	for _, test := range []struct {
		kind, value string // "" is left out
		want        any
		wrong       string
	}{
		{"whole", "5", int64(5), ""},
		{"whole", "1000", int64(1000), ""},
		{"whole", `"100"`, int64(100), ""},
		{"whole", "4", int64(0), outside},
		{"whole", "1001", int64(0), outside},
		{"whole", "-5", int64(0), outside},
		{"whole", "-0", int64(0), outside},
		{"whole", "", int64(0), outside},
		{"whole", "null", int64(0), outside},
		{"whole", "9223372036854775807", int64(0), outside},
		{"whole", "9223372036854775808", int64(0), notWhole},
		{"whole", "-9223372036854775809", int64(0), notWhole},
		{"whole", "1e400", int64(0), notWhole},
		{"whole", "1e2", int64(0), notWhole},
		{"whole", "100.0", int64(0), notWhole},
		{"whole", `"NaN"`, int64(0), notWhole},
		{"whole", `"Infinity"`, int64(0), notWhole},
		{"whole", `"0x10"`, int64(0), notWhole},
		{"whole", `"1_0"`, int64(0), notWhole},
		{"whole", `"+10"`, int64(0), notWhole},
		{"whole", `"-"`, int64(0), notWhole},
		{"whole", `"--7"`, int64(0), notWhole},
		{"whole", `"-+7"`, int64(0), notWhole},
		{"whole", `" 7"`, int64(0), notWhole},
		{"whole", `"٧"`, int64(0), notWhole},
		{"whole", `""`, int64(0), notWhole},
		{"whole", "true", int64(0), notWhole},
		{"whole", "[7]", int64(0), notWhole},
		{"whole", `{"y":7}`, int64(0), notWhole},
		{"any", "-9223372036854775808", int64(-1 << 63), ""},
		{"any", "-0", int64(0), ""},
		{"any", "", int64(0), ""},
		{"nullable", "7", &seven, ""},
		{"nullable", "null", (*int64)(nil), ""},
		{"nullable", "", (*int64)(nil), ""},
		{"nullable", "[]", new(int64), notWhole},
		{"nullable", "0", new(int64), outside},
		{"text", `"abc"`, "abc", ""},
		{"text", `"€€€"`, "€€€", ""},
		{"text", `"abcd"`, "", "The field X must be a string with a maximum length of 3."},
		{"text", `""`, "", ""},
		{"text", "null", "", ""},
		{"text", "", "", ""},
		{"text", "840", "", noText},
		{"text", "true", "", noText},
		{"text", `["a"]`, "", noText},
		{"text", `{"a":"b"}`, "", noText},
		{"text", `"a\u0000"`, "", "The field X must not contain the character U+0000."},
		{"present", `""`, "", ""},
		{"present", "", "", needed},
		{"present", "null", "", needed},
		{"present", `"abcd"`, "", "The field X must be a string or array type with a maximum length of '3'."},
		{"required", `"a"`, "a", ""},
		{"required", `""`, "", needed},
		{"required", `" \t"`, "", needed},
		{"required", "null", "", needed},
		{"required", "", "", needed},
		{"flag", "true", true, ""},
		{"flag", "false", false, ""},
		{"flag", "null", false, ""},
		{"flag", "", false, ""},
		{"flag", "1", false, noFlag},
		{"flag", `"true"`, false, noFlag},
		{"flag", "[]", false, noFlag},
		{"decimal", "25.5", "25.5", ""},
		{"decimal", `"25.5"`, "25.5", ""},
		{"decimal", "0.01", "0.01", ""},
		{"decimal", "999999", "999999", ""},
		{"decimal", "2.55e1", "2.55e1", ""},
		{"decimal", "0.00999999", "", between},
		{"decimal", "999999.00000001", "", between},
		{"decimal", "-1", "", between},
		{"decimal", "-0.0", "", between},
		{"decimal", "", "", between},
		{"decimal", "null", "", between},
		{"decimal", "1e400", "", between},
		{"decimal", "1e99999999999999999999", "", between},
		{"decimal", "9223372036854775808", "", between},
		{"decimal", "1.000000001", "", "The field X must have at most 8 decimal places."},
		{"decimal", "1e-400", "", between},
		{"decimal", `"NaN"`, "", noNumber},
		{"decimal", `"-Infinity"`, "", noNumber},
		{"decimal", `"1,5"`, "", noNumber},
		{"decimal", `""`, "", noNumber},
		{"decimal", "true", "", noNumber},
		{"decimal", "[1]", "", noNumber},
		{"texts", `[]`, []string{}, ""},
		{"texts", `["a","b"]`, []string{"a", "b"}, ""},
		{"texts", `["a","b","c"]`, []string(nil), "The field X must have at most 2 elements."},
		{"texts", `"a"`, []string(nil), noList},
		{"texts", `{"0":"a"}`, []string(nil), noList},
		{"texts", "null", []string(nil), needed},
		{"texts", "", []string(nil), needed},
		{"texts", `[1]`, []string{""}, "The field X[0] must be a string."},
		{"texts", `["a",null]`, []string{"a", ""}, "The X[1] field is required."},
		{"texts", `["abcd"]`, []string{""}, "The field X[0] must be a string with a maximum length of 3."},
		{"object", `{}`, true, ""},
		{"object", "null", false, ""},
		{"object", "", false, ""},
		{"object", "[]", false, noObject},
		{"object", `"{}"`, false, noObject},
		{"choice", `"Storage"`, int64(-11), ""},
		{"choice", `"backup"`, int64(-12), ""},
		{"choice", "-12", int64(-12), ""},
		{"choice", `"-12"`, int64(-12), ""},
		{"choice", "0", int64(0), noChoice},
		{"choice", "-12.0", int64(0), noChoice},
		{"choice", `"AITools"`, int64(0), noChoice},
		{"choice", `""`, int64(0), noChoice},
		{"choice", "true", int64(0), noChoice},
		{"choice", "[-12]", int64(0), noChoice},
		{"choice", "null", int64(0), needed},
		{"choice", "", int64(0), needed},
		{"nought", "", int64(0), ""},
		{"nought", "null", int64(0), ""},
		{"nought", "1", int64(1), ""},
		{"nought", "2", int64(0), "The field X must be one of Set, Add."},
		{"url", `"https://portal.example.com/a?b=c#d"`, "https://portal.example.com/a?b=c#d", ""},
		{"url", `"HTTP://portal.example.com"`, "HTTP://portal.example.com", ""},
		{"url", `"ftp://portal.example.com"`, "ftp://portal.example.com", ""},
		{"url", `"/portal"`, "", noURL},
		{"url", `"portal.example.com"`, "", noURL},
		{"url", `"//portal.example.com"`, "", noURL},
		{"url", `"https:///a"`, "", noURL},
		{"url", `"https:portal.example.com"`, "", noURL},
		{"url", `"javascript:alert(1)//https://portal.example.com"`, "", noURL},
		{"url", `"https://portal.example.com\r\nLocation: x"`, "", noURL},
		{"url", `"https://portal example.com"`, "", noURL},
		{"url", `"https://portal.example.com/%zz"`, "", noURL},
		{"url", `"https://` + strings.Repeat("x", 247) + `"`, "https://" + strings.Repeat("x", 247), ""},
		{"url", `"https://` + strings.Repeat("x", 248) + `"`, "", tooLong},
		{"url", "null", "", needed},
		{"url", "7", "", noText},
	} {
		body := `{"x":` + test.value + `}`
		if test.value == "" {
			body = `{}`
		}
		f := formOf(t, body)
		if diff := cmp.Diff(test.want, readers[test.kind](f)); diff != "" {
			t.Errorf("%s %s: (-want +got):\n%s", test.kind, body, diff)
		}
		var texts []string
		for _, some := range wrongOf(t, f.err()) {
			texts = append(texts, some...)
		}
		if got := strings.Join(texts, " "); got != test.wrong {
			t.Errorf("%s %s: %q, want %q", test.kind, body, got, test.wrong)
		}
	}
}

func TestQuantityKeepsNamesAsTheyAre(t *testing.T) {
	ten, none, below := int64(10), int64(0), int64(-1)
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"` + strings.Repeat("x", i+1) + `":1`)
		}
		return `{"quantity":{` + b.String()[1:] + `}}`
	}
	for body, test := range map[string]struct {
		want  map[string]*int64
		wrong string
	}{
		`{}`:                        {nil, ""},
		`{"quantity":null}`:         {nil, ""},
		`{"quantity":{}}`:           {map[string]*int64{}, ""},
		`{"QUANTITY":{"Admin":10}}`: {map[string]*int64{"Admin": &ten}, ""},
		`{"quantity":{"admin":"10","storage":-1}}`: {map[string]*int64{"admin": &ten, "storage": &below}, ""},
		`{"quantity":{"storage":null,"backup":0}}`: {map[string]*int64{"storage": nil, "backup": &none}, ""},
		`{"quantity":[10]}`:                        {nil, "The field Quantity must be an object of names and whole numbers."},
		`{"quantity":10}`:                          {nil, "The field Quantity must be an object of names and whole numbers."},
		`{"quantity":{"admin":1.5}}`:               {map[string]*int64{}, `The field Quantity must have a whole number of 32 bits, or null, for "admin".`},
		`{"quantity":{"admin":{}}}`:                {map[string]*int64{}, `The field Quantity must have a whole number of 32 bits, or null, for "admin".`},
		`{"quantity":{"admin":2147483648}}`:        {map[string]*int64{}, `The field Quantity must have a whole number of 32 bits, or null, for "admin".`},
		`{"quantity":{"a\u0000":1}}`:               {map[string]*int64{}, `The field Quantity has a member that is no name: "a\x00".`},
		many(17):                                   {nil, "The field Quantity must have at most 16 members."},
	} {
		f := formOf(t, body)
		if diff := cmp.Diff(test.want, f.quantity()); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", body, diff)
		}
		got := ""
		if wrong := wrongOf(t, f.err()); wrong != nil {
			got = strings.Join(wrong["Quantity"], " ")
		}
		if got != test.wrong {
			t.Errorf("%s: %q, want %q", body, got, test.wrong)
		}
	}
	if got := formOf(t, many(16)).quantity(); len(got) != 16 {
		t.Errorf("of 16 products there are %d", len(got))
	}
}

// Everything that is wrong is said at once, by the names that .NET has for it.
func TestAllThatIsWrongIsSaidTogether(t *testing.T) {
	f := formOf(t, `{"SETTINGS":{"minbalance":4,"upToBalance":"x","models":["a",7]},"email":null,"extra":{}}`)
	settings := f.object("settings")
	settings.whole("minBalance", bounds{5, 1000})
	settings.whole("upToBalance", bounds{6, 5000})
	settings.texts("models", optional, 10, stringLength(3))
	f.text("email", present, maxLength(64))
	f.url("backUrl", required)
	f.text("extra", optional, stringLength(3))
	f.text("extra", optional, stringLength(3))
	want := invalid{
		"Settings.MinBalance":  {"The field MinBalance must be between 5 and 1000."},
		"Settings.UpToBalance": {"The field UpToBalance must be a whole number."},
		"Settings.Models[1]":   {"The field Models[1] must be a string."},
		"Email":                {"The Email field is required."},
		"BackUrl":              {"The BackUrl field is required."},
		"Extra":                {"The field Extra must be a string."},
	}
	if diff := cmp.Diff(want, wrongOf(t, f.err())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w := httptest.NewRecorder()
	(&door{}).fail(w, httptest.NewRequest(http.MethodPut, "https://portal.example.com/a?b", nil), time.Now(), f.err())
	var got struct {
		Response struct {
			Status int
			Errors invalid
		}
		Links []struct{ Href, Action string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusBadRequest || got.Response.Status != w.Code {
		t.Errorf("%d, %v in %s", w.Code, err, w.Body)
	}
	if diff := cmp.Diff(want, got.Response.Errors); diff != "" {
		t.Errorf("on the wire (-want +got):\n%s", diff)
	}
	if len(got.Links) != 1 || got.Links[0].Href != "https://portal.example.com/a?b" || got.Links[0].Action != "PUT" {
		t.Errorf("links are %v", got.Links)
	}
	if f := formOf(t, `{"a":null}`); !f.has("A") || f.has("b") {
		t.Error("null is not told from missing")
	}
}

func TestQueryIsReadLikeABody(t *testing.T) {
	for query, test := range map[string]struct {
		url    string
		number int64
		flag   bool
		wrong  invalid
	}{
		"?backUrl=https%3A%2F%2Fa.example.com&n=7&flag=TRUE": {url: "https://a.example.com", number: 7, flag: true},
		"?BACKURL=https://a.example.com&backurl=x&x=%zz":     {url: "https://a.example.com"},
		"?backUrl=https://a.example.com&n=&flag=":            {url: "https://a.example.com"},
		"?backUrl=&n=x&flag=1": {wrong: invalid{
			"BackUrl": {"The BackUrl field is required."},
			"N":       {"The field N must be a whole number."},
			"Flag":    {"The field Flag is neither true nor false."},
		}},
		"?backUrl=%zz":           {wrong: invalid{"BackUrl": {"The field BackUrl is not encoded as a URL is."}}},
		"?backUrl=https://a/%00": {wrong: invalid{"BackUrl": {"The field BackUrl is not encoded as a URL is."}}},
		"?backUrl=https://a/%ff": {wrong: invalid{"BackUrl": {"The field BackUrl is not encoded as a URL is."}}},
	} {
		f, err := queryForm(httptest.NewRequest(http.MethodGet, "/"+query, nil), "backUrl", "n", "flag")
		if err == nil {
			url, number, flag := f.url("backUrl", required), f.whole("n", anyWhole), f.flag("flag")
			if err = f.err(); err == nil && (url != test.url || number != test.number || flag != test.flag) {
				t.Errorf("%s: %q, %d, %t", query, url, number, flag)
			}
		}
		if diff := cmp.Diff(test.wrong, wrongOf(t, err)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", query, diff)
		}
	}
}
