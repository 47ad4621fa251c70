package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// least is the least that is a catalogue; its lines are counted on below.
const least = "currencies: [USD]\nplans:\n  - id: -1\n    name: x\n    features: free\n"

// Every refusal names the line and says what is wrong.
func TestParseRefuses(t *testing.T) {
	if _, err := Parse([]byte(least)); err != nil {
		t.Fatal(err)
	}
	const (
		more  = least + "  - id: -2\n    name: y\n"           // lines 6 and 7
		sold  = least + "  - id: -2\n    name: y\n    price:" // line 8
		renew = least + "policy:\n  renewal:\n    "           // line 8
		ai    = least + "ai:\n  chat:\n    - id: m\n"         // lines 6 to 8
	)
	tests := map[string]struct{ text, want string }{
		"nothing":                {"", "there is nothing in it: currencies and plans are missing"},
		"only a comment":         {"# nothing\n", "there is nothing in it: currencies and plans are missing"},
		"a text":                 {"\nhello", `line 2: a catalogue must be names with values, and is the text "hello"`},
		"a list":                 {"- 1", "line 1: a catalogue must be names with values, and is a list"},
		"no plans":               {"currencies: [USD]", "line 1: plans is missing"},
		"no currencies":          {"plans: []", "line 1: currencies is missing"},
		"empty currencies":       {"currencies: []\nplans: []", "line 1: currencies is empty"},
		"currencies no list":     {"plans: []\ncurrencies: USD", `line 2: currencies must be a list, and is the text "USD"`},
		"no currency":            {"currencies: [USD, QQQ]\nplans: []", `line 1: currencies: not an ISO 4217 currency code: "QQQ"`},
		"a currency's number":    {"currencies: [840]\nplans: []", `line 1: currencies must be a code such as USD, and is the number "840"`},
		"a currency twice":       {"currencies:\n  - USD\n  - usd\nplans: []", "line 3: currencies: USD stands there twice"},
		"no plan is free":        {"currencies: [USD]\nplans: []", "line 2: plans: none is free"},
		"not YAML":               {"currencies: [USD\n", "line 1: not YAML: "},
		"a tab":                  {"currencies: [USD]\nplans:\n\t- id: -1\n", "line 3: not YAML: "},
		"not UTF-8":              {least + "# \xff\n", "line 6: not UTF-8"},
		"a second document":      {least + "---\n" + least, "line 7: there is a second document"},
		"a directive":            {"%YAML 1.2\n---\n" + least, "line 1: directives can't be used here"},
		"brackets":               {"a:\n" + strings.Repeat("[", 1000), "line 2: more than 100 brackets are open"},
		"dashes":                 {"a:\n" + strings.Repeat("- ", 51) + "b", "line 2: it is indented by more than 100 characters"},
		"a long line":            {least + "# " + strings.Repeat("x", 10_000), "line 6: it is longer than 10000 bytes"},
		"many lines":             {least + strings.Repeat("\n", 20_000), "it has more than 20000 lines"},
		"unknown":                {least + "plnas: []", `line 6: "plnas" is not known; there are currencies, policy, plans, ai`},
		"a member twice":         {least + "plans: []", `line 6: "plans" stands there twice, first on line 2`},
		"a strange name":         {least + "1: b", "line 6: a name must be plain text, with quotes around what could be taken for something else"},
		"a plan that is none":    {"currencies: [USD]\nplans:\n  - gold", `line 3: plan must be names with values, and is the text "gold"`},
		"unknown of a plan":      {least + "    colour: red", `line 6: plan: "colour" is not known; there are id, name, `},
		"a plan's member twice":  {least + "    name: z", `line 6: plan: "name" stands there twice, first on line 4`},
		"no id":                  {"currencies: [USD]\nplans:\n  - name: x", "line 3: plan: id is missing: a number below zero"},
		"id above":               {"currencies: [USD]\nplans:\n  - name: x\n    id: 1", "line 4: plan: id: 1 is not between -2147483648 and -1"},
		"id a text":              {"currencies: [USD]\nplans: [{id: x}]", `line 2: plan: id must be a whole number, and is the text "x"`},
		"id with a fraction":     {"currencies: [USD]\nplans: [{id: -1.5}]", `line 2: plan: id must be a whole number, and is the number "-1.5"`},
		"id too low":             {"currencies: [USD]\nplans: [{id: -99999999999999999999}]", "-99999999999999999999 is not between"},
		"id in quotes":           {"currencies: [USD]\nplans: [{id: '-1'}]", `line 2: plan: id must be a whole number, and is the text "-1"`},
		"id empty":               {"currencies: [USD]\nplans: [{id: }]", "line 2: plan: id must be a whole number, and is empty"},
		"no name":                {"currencies: [USD]\nplans: [{id: -1}]", "line 2: plan -1: name is missing"},
		"an empty name":          {"currencies: [USD]\nplans: [{id: -1, name: ''}]", `line 2: plan -1: name: "" is not up to 64 letters`},
		"a name with spaces":     {"currencies: [USD]\nplans: [{id: -1, name: a b}]", `line 2: plan -1: name: "a b" is not up to 64 letters`},
		"a number for text":      {more + "    product: 1006", `line 8: plan -2: product must be text, and is the number "1006"; put quotes around`},
		"yes":                    {more + "    visible: yes", `line 8: plan: visible must be true or false, and is the text "yes"`},
		"a quoted flag":          {more + "    wallet: 'true'", `line 8: plan: wallet must be true or false, and is the text "true"`},
		"a bell":                 {more + `    title: "a\ab"`, "line 8: plan -2: title has a character in it that can't be printed: U+0007"},
		"a long title":           {more + "    title: " + strings.Repeat("a", 1001), "line 8: plan -2: title is longer than 1000 bytes"},
		"an alias":               {more + "    title: &t x\n    unit: *t", "line 8: plan -2: title must be text, and is an anchor, an alias or a tag"},
		"a merge":                {more + "    <<: {title: x}", "line 8: plan: a name must be plain text, with quotes"},
		"a tag":                  {more + "    title: !!binary aGk=", "line 8: plan -2: title must be text, and is an anchor, an alias or a tag"},
		"a feature":              {more + "    features: sso, gold", `line 8: plan -2: features: invalid feature: "gold" is not known`},
		"a list of features":     {more + "    features: [sso]", "line 8: plan -2: features must be text, and is a list"},
		"a period":               {more + "    period: week", `line 8: plan -2: period "week" is neither month nor year`},
		"a service by card":      {more + "    service: disk", "line 8: plan -2: service is only for what is paid from the wallet"},
		"a group of a plan":      {more + "    group: g", "line 8: plan -2: group is only for what is paid from the wallet"},
		"a group that is none":   {more + "    wallet: true\n    group: g", `line 6: plan -2: group: no service on offer is named "g"`},
		"no minimum":             {more + "    minimum: 0", "line 8: plan -2: minimum: 0 is not between 1 and 999"},
		"a minimum above all":    {more + "    minimum: 1000", "line 8: plan -2: minimum: 1000 is not between 1 and 999"},
		"a plan twice":           {least + "  - id: -1\n    name: y", "line 6: plan -1: there is a plan -1 already, on line 3"},
		"a name twice":           {more + "    visible: true\n  - {id: -3, name: y, visible: true}", "line 9: plan -3: there is a plan on offer named y already, on line 6"},
		"a service twice":        {more + "    wallet: true\n    service: s\n  - {id: -3, name: z, wallet: true, service: S-1-hour}", "line 10: plan -3: there is a service s already, on line 6"},
		"a product twice":        {more + "    product: '7'\n  - {id: -3, name: z, product: '7'}", "line 9: plan -3: there is a product 7 already, on line 6"},
		"no such currency":       {sold + " {EUR: 1}", `line 8: plan -2: price: "EUR" is not one of currencies`},
		"not in all":             {strings.Replace(sold, "USD", "USD, EUR", 1) + "\n      USD: 1", "line 9: plan -2: price: none in EUR"},
		"a currency's price":     {sold + " {USD: 1, USD: 2}", `line 8: plan -2: price: "USD" stands there twice, first on line 8`},
		"a price alone":          {sold + " 20", `line 8: plan -2: price must be names with values, and is the number "20"`},
		"no number":              {sold + " {USD: x}", `line 8: plan -2: price: USD: not a decimal number: "x"`},
		"not a number":           {sold + " {USD: .nan}", `line 8: plan -2: price: USD: not a decimal number: ".nan"`},
		"infinite":               {sold + " {USD: .inf}", `line 8: plan -2: price: USD: not a decimal number: ".inf"`},
		"hexadecimal":            {sold + " {USD: 0x10}", `line 8: plan -2: price: USD: not a decimal number: "0x10"`},
		"underscores":            {sold + " {USD: 1_000}", `line 8: plan -2: price: USD: not a decimal number: "1_000"`},
		"a comma":                {sold + ` {USD: "1,5"}`, `line 8: plan -2: price: USD: not a decimal number: "1,5"`},
		"a price that is true":   {sold + " {USD: true}", "line 8: plan -2: price: USD must be a number, and is true"},
		"an empty price":         {sold + " {USD: }", "line 8: plan -2: price: USD must be a number, and is empty"},
		"negative":               {sold + " {USD: -0.01}", "line 8: plan -2: price: USD: -0.01 is negative"},
		"too fine":               {sold + " {USD: 0.123456789}", "line 8: plan -2: price: USD: more than eight decimal places"},
		"too much":               {sold + " {USD: 1e400}", "line 8: plan -2: price: USD: amount out of range"},
		"2^63":                   {sold + " {USD: 9223372036854775808}", "line 8: plan -2: price: USD: amount out of range"},
		"a price with a date":    {sold + " {from: 2027-01-01, USD: 1}", `line 8: plan -2: price: "from" is not one of currencies`},
		"no prices":              {sold + " []", "line 8: plan -2: price is empty"},
		"a second without date":  {sold + "\n      - {USD: 1}\n      - {USD: 2}", "line 10: plan -2: price: from is missing"},
		"the same date":          {sold + "\n      - {from: 2027-01-01, USD: 1}\n      - {from: 2027-01-01T00:00:00Z, USD: 2}", "line 10: plan -2: price: from is not later than"},
		"an earlier date":        {sold + "\n      - {from: 2027-01-01, USD: 1}\n      - {from: 2026-12-31, USD: 2}", "line 10: plan -2: price: from is not later than"},
		"no date":                {sold + "\n      - {USD: 1}\n      - {from: 2027-02-30, USD: 2}", `line 10: plan -2: price: from: "2027-02-30" is neither a day like`},
		"a year":                 {sold + "\n      - {from: 2027, USD: 2}", `line 9: plan -2: price: from must be a day, and is the number "2027"`},
		"a day of long ago":      {sold + "\n      - {from: 1999-12-31, USD: 2}", "from 2000 on"},
		"unknown of the policy":  {least + "policy:\n  graces: 1", `line 7: policy: "graces" is not known; there are grace_days, trial_days, max_quantity, runway_days, renewal`},
		"policy a list":          {least + "policy: []", "line 6: policy must be names with values, and is a list"},
		"grace below nought":     {least + "policy:\n  grace_days: -1", "line 7: policy: grace_days: -1 is not between 0 and 365"},
		"no trial":               {least + "policy:\n  trial_days: 0", "line 7: policy: trial_days: 0 is not between 1 and 365"},
		"a quantity beyond":      {least + "policy:\n  max_quantity: 1000001", "line 7: policy: max_quantity: 1000001 is not between 1 and 1000000"},
		"a long runway":          {least + "policy:\n  runway_days: 366", "line 7: policy: runway_days: 366 is not between 0 and 365"},
		"renewal a word":         {least + "policy:\n  renewal: never", `line 7: policy: renewal must be names with values, and is the text "never"`},
		"unknown of renewals":    {renew + "grace: 1", `line 8: policy: renewal: "grace" is not known; there are notice_days, ahead_hours, attempts_hours, service_grace_days, unpaid, trial_end, overuse`},
		"a notice of long":       {renew + "notice_days: 91", "line 8: policy: renewal: notice_days: 91 is not between 0 and 90"},
		"a month and more ahead": {renew + "ahead_hours: 721", "line 8: policy: renewal: ahead_hours: 721 is not between 0 and 720"},
		"half an hour ahead":     {renew + "ahead_hours: 0.5", `line 8: policy: renewal: ahead_hours must be a whole number, and is the number "0.5"`},
		"a service's grace":      {renew + "service_grace_days: -1", "line 8: policy: renewal: service_grace_days: -1 is not between 0 and 365"},
		"attempts alone":         {renew + "attempts_hours: 0", `line 8: policy: renewal: attempts_hours must be a list, and is the number "0"`},
		"no attempts":            {renew + "attempts_hours: []", "line 8: policy: renewal: attempts_hours is empty"},
		"a late first attempt":   {renew + "attempts_hours: [1, 2]", "line 8: policy: renewal: attempts_hours: the first must be 0, the due moment itself, and is 1"},
		"an attempt twice":       {renew + "attempts_hours:\n      - 0\n      - 24\n      - 24", "line 11: policy: renewal: attempts_hours: 24 is not later than the one before"},
		"an attempt after years": {renew + "attempts_hours: [0, 8761]", "line 8: policy: renewal: attempts_hours: 8761 is not between 0 and 8760"},
		"an attempt soon":        {renew + "attempts_hours: [0, soon]", `line 8: policy: renewal: attempts_hours must be a whole number, and is the text "soon"`},
		"eleven attempts":        {renew + "attempts_hours: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "line 8: policy: renewal: attempts_hours: 11 are more than 10"},
		"another end":            {renew + "unpaid: delete", `line 8: policy: renewal: unpaid: "delete" is not one of close, free`},
		"an end of capitals":     {renew + "trial_end: Free", `line 8: policy: renewal: trial_end: "Free" is not one of close, free`},
		"an end that is true":    {renew + "trial_end: true", "line 8: policy: renewal: trial_end must be text, and is true"},
		"an overuse":             {renew + "overuse: charge", `line 8: policy: renewal: overuse: "charge" is not one of notify, raise, ignore`},
		"an empty overuse":       {renew + "overuse:", "line 8: policy: renewal: overuse must be text, and is empty"},
		"a model's member":       {ai + "      colour: red", `line 9: ai: chat: "colour" is not known; there are id, alias,`},
		"a model of nobody":      {ai + "      prompt: 1\n      completion: 1", "line 8: ai: chat: m: provider is missing"},
		"a model of no price":    {ai + "      provider: p\n      prompt: 1", "line 8: ai: chat: m: completion is missing"},
		"a model below nought":   {ai + "      provider: p\n      prompt: -1\n      completion: 1", "line 10: ai: chat: m: prompt: -1 is negative"},
		"a model twice":          {ai + "      provider: p\n      prompt: 1\n      completion: 1\n    - id: m", "line 12: ai: chat: m stands there twice"},
		"models no list":         {least + "ai:\n  embedding: {}", "line 7: ai: embedding must be a list, and is names with values"},
		"a search without price": {least + "ai:\n  web_search: [{id: w, provider: p}]", "line 7: ai: web_search: w: price is missing"},
		"money of AI":            {least + "ai:\n  currency: QQQ", "line 7: ai: currency: not an ISO 4217 currency code"},
		"a model without id":     {least + "ai:\n  web_search: [{provider: p, price: 1}]", "line 7: ai: web_search: id is missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := Parse([]byte(tt.text))
			if c != nil || !errors.Is(err, ErrCatalog) || !strings.HasPrefix(err.Error(), tt.want) && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseReads(t *testing.T) {
	for name, text := range map[string]string{
		"Windows' lines":   strings.ReplaceAll(least, "\n", "\r\n"),
		"a document's end": "---\n" + least + "...\n",
		"comments":         "# a\n" + least + "# b\n",
		"flow":             "{currencies: [USD], plans: [{id: -1, name: x, features: free}]}",
		"quotes":           "'currencies': [\"USD\"]\nplans: [{id: -1, name: 'x', features: \"free\", price: {USD: \"20.00\"}}]",
		"a folded text":    strings.Replace(least, "free", ">-\n      free,\n      sso", 1),
		"capitals":         strings.Replace(least, "USD", "usd", 1),
	} {
		if c, err := Parse([]byte(text)); err != nil || c.DefaultPlan().Name != "x" || c.DefaultCurrency() != "USD" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(least, "USD", "USD, EUR", 1) + "    price: { USD: 1 }\n")
	_, err := Load(path)
	if want := path + ":6: plan -1: price: none in EUR"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	write(least)
	if _, err := Load(path); err != nil {
		t.Error(err)
	}
	write("# " + strings.Repeat("x", MaxSize))
	if _, err := Load(path); !errors.Is(err, ErrCatalog) || !strings.HasPrefix(err.Error(), path+": it is larger than 1048576 bytes") {
		t.Errorf("a huge file: %v", err)
	}
	if _, err := Load(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A catalogue of as many plans as a file can hold is read in time.
func TestParseReadsThousandsOfPlans(t *testing.T) {
	var b strings.Builder
	b.WriteString(least)
	n := 2
	for ; b.Len() < MaxSize-100; n++ {
		fmt.Fprintf(&b, "  - { id: -%d, name: p%d, visible: true, price: { USD: 1 } }\n", n, n)
	}
	c, err := Parse([]byte(b.String()))
	if err != nil || len(c.All()) != n-1 {
		t.Errorf("%d plans: %v", n-1, err)
	}
}

// Whatever is in a file, it is read or refused.
func FuzzParse(f *testing.F) {
	f.Add(string(stockYAML))
	f.Add(least)
	f.Add("&a [*a]\n? {a: b}\n: !!map {}\n--- |\n x\n...\n%TAG ! x\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text))
		if (c == nil) != errors.Is(err, ErrCatalog) {
			t.Errorf("%v and %v", c, err)
		}
		if err == nil {
			sameAfterWriting(t, c)
		}
	})
}
