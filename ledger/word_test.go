package ledger

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"
)

func TestIDs(t *testing.T) {
	for word, want := range map[string]TransferID{
		"t42.docspace.io123":    {"docspace.io123", Main, 42},
		"a1.p":                  {"p", AI, 1},
		"t9223372036854775807.": {},
		"t9223372036854775807.x": {
			"x", Main, math.MaxInt64},
		"a7..":   {".", AI, 7},
		"t1.ü x": {"ü x", Main, 1},
	} {
		got, err := ParseTransferID(word)
		if want == (TransferID{}) {
			if !errors.Is(err, ErrID) {
				t.Errorf("%q was read as %v, %v", word, got, err)
			}
			continue
		}
		if err != nil || got != want || got.String() != word {
			t.Errorf("%q was read as %v, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "t", "t1", "t.p", "t0.p", "t-1.p", "t+1.p", "t01.p", "t 1.p", "t1", "t1.", "T1.p", "h1.p", "x1.p", "tt1.p",
		"1.p", "t9223372036854775808.p", "t1e1.p", "t١.p", " t1.p"} {
		if got, err := ParseTransferID(word); !errors.Is(err, ErrID) || got != (TransferID{}) || !strings.Contains(err.Error(), word) {
			t.Errorf("%q was read as %v, %v", word, got, err)
		}
		if word == "h1.p" {
			continue
		}
		if got, err := ParseHoldID(strings.Replace(word, "t", "h", 1)); !errors.Is(err, ErrID) || got != (HoldID{}) {
			t.Errorf("%q was read as %v, %v", strings.Replace(word, "t", "h", 1), got, err)
		}
	}
	if got, err := ParseHoldID("h7.docspace.io123"); err != nil || got != (HoldID{"docspace.io123", 7}) || got.String() != "h7.docspace.io123" {
		t.Errorf("got %v, %v", got, err)
	}
	if id := (&Transfer{Portal: "p", Book: AI, Number: 3}).ID(); id != (TransferID{"p", AI, 3}) {
		t.Errorf("got %v", id)
	}
	if id := (&Hold{Portal: "p", Number: 3}).ID(); id != (HoldID{"p", 3}) {
		t.Errorf("got %v", id)
	}
}

func FuzzParseTransferID(f *testing.F) {
	f.Fuzz(func(t *testing.T, word string) {
		if id, err := ParseTransferID(word); err == nil {
			if id.String() != word || id.Number < 1 || id.Portal == "" || id.Book != Main && id.Book != AI {
				t.Errorf("%q was read as %v, %q", word, id, id)
			}
		}
		if id, err := ParseHoldID(word); err == nil && (id.String() != word || id.Number < 1 || id.Portal == "") {
			t.Errorf("%q was read as %v, %q", word, id, id)
		}
		if word == "" {
			return
		}
		for _, id := range []TransferID{{word, Main, 1}, {word, AI, math.MaxInt64}} {
			if back, err := ParseTransferID(id.String()); err != nil || back != id {
				t.Errorf("%v came back as %v, %v", id, back, err)
			}
		}
	})
}

func TestMetadata(t *testing.T) {
	tests := []struct {
		texts map[string]string
		want  Metadata
	}{
		{nil, ""},
		{map[string]string{}, ""},
		{map[string]string{"a": "b"}, `{"a":"b"}`},
		{map[string]string{"z": "1", "a": "<&>", "é": "\"\\\n"}, `{"a":"\u003c\u0026\u003e","z":"1","é":"\"\\\n"}`},
		{map[string]string{"": ""}, `{"":""}`},
	}
	for _, tt := range tests {
		got := NewMetadata(tt.texts)
		if got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		if back := got.Texts(); !maps.Equal(back, tt.texts) {
			t.Errorf("%s came back as %v", got, back)
		}
	}
	for _, m := range []Metadata{"", "null", "x", `{"a":1}`, `["a"]`, `{"a":"b"`} {
		if got := m.Texts(); got != nil {
			t.Errorf("%s has %v", m, got)
		}
	}
}

func FuzzMetadata(f *testing.F) {
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		texts := map[string]string{a: b, c: d}
		m := NewMetadata(texts)
		valid := utf8.ValidString(a) && utf8.ValidString(b) && utf8.ValidString(c) && utf8.ValidString(d)
		if back := m.Texts(); valid && !maps.Equal(back, texts) {
			t.Errorf("%q came back as %q", texts, back)
		}
		if again := NewMetadata(m.Texts()); again != m && valid {
			t.Errorf("%s has another form, %s", m, again)
		}
		_ = Metadata(a).Texts() // whatever it is
	})
}

// The numbers are kept in databases. Source: contract 10.2.
func TestTypes(t *testing.T) {
	want := strings.Split("Unknown ServicePayment PackagePayment AiServicePayment Deposit ReceiveProviderInvoice ProcessProviderInvoice "+
		"WriteOffServiceProfit Profit PartnerAccrual ProviderPayment PartnerPayment Refund BankDeposit BankWithdrawal GoodwillCredit "+
		"WriteOffProfit WriteOffDifferenceCurrency AiDebit AiCredit", " ")
	for i, name := range want {
		if got := Type(i); got.String() != name || !got.Known() {
			t.Errorf("%d is %s, want %s", i, got, name)
		}
	}
	for got, want := range map[Type]int{ServicePayment: 1, Deposit: 4, Refund: 12, GoodwillCredit: 15, AIDebit: 18, AICredit: 19} {
		if int(got) != want {
			t.Errorf("%s is %d, want %d", got, got, want)
		}
	}
	for text, want := range map[string]Type{"Deposit": Deposit, "deposit": Deposit, "AICREDIT": AICredit, "0": Unknown, "19": AICredit} {
		if got, err := ParseType(text); err != nil || got != want {
			t.Errorf("%q was read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "20", "-1", "04", "+4", "Deposit ", "Nonsense", "Type(20)"} {
		if got, err := ParseType(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	if Type(20).Known() || Type(-1).Known() || Type(20).String() != "Type(20)" || Type(-1).String() != "Type(-1)" {
		t.Error("there are more types than there are")
	}
}

func TestStatuses(t *testing.T) {
	for i, name := range []string{"Pending", "Completed", "Rejected", "Canceled"} {
		if got := Status(i).String(); got != name {
			t.Errorf("%d is %s, want %s", i, got, name)
		}
		for _, text := range []string{name, strings.ToLower(name), string(rune('0' + i))} {
			if got, err := ParseStatus(text); err != nil || got != Status(i) {
				t.Errorf("%q was read as %v, %v", text, got, err)
			}
		}
	}
	for _, text := range []string{"", "4", "-1", "Done"} {
		if got, err := ParseStatus(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	if Status(4).String() != "Status(4)" || Status(-1).String() != "Status(-1)" {
		t.Error("there are more statuses than there are")
	}
}

func TestAccounts(t *testing.T) {
	for _, a := range []Account{Wallet, Revenue, Goodwill, Refunds, Opening, Transit, Provider("stripe"), "provider.x.y"} {
		if !a.Known() {
			t.Errorf("%q is not known", a)
		}
	}
	for _, a := range []Account{"", "Wallet", "wallet ", "provider", "provider.", Provider(""), "providerx", "house"} {
		if a.Known() {
			t.Errorf("%q is known", a)
		}
	}
	if !slices.Equal(Books(), []Book{"main", "ai"}) {
		t.Errorf("the books are %v", Books())
	}
}

func TestInputOf(t *testing.T) {
	inputs := [][]any{
		{}, {""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a b"}, {"a", "b", ""},
		{"\x00\x00\x00\x00\x00\x00\x00\x01b"}, {"a\x00\x00\x00\x00\x00\x00\x00\x01b"},
		{"a\x00\x00\x00\x00\x00\x00\x00\x00b"}, {"a\x01b"}, {"a,b"},
		{usd("1")}, {amountOf("1", "EUR")}, {amountOf("1", "JPY")}, {usd("10")}, {usd("1"), usd("0")}, {int64(-1)}, {12, 3}, {1, 23}, {true}, {Main}, {AI},
		{start}, {start.Add(1)},
	}
	seen := map[[32]byte]int{}
	for i, parts := range inputs {
		for _, kind := range []string{"", "a", "deposit"} {
			input := InputOf(kind, parts...)
			if before, ok := seen[input]; ok {
				t.Errorf("%q %q is the same as %q", kind, parts, inputs[before])
			}
			seen[input] = i
			if InputOf(kind, parts...) != input {
				t.Errorf("%q %q is another one the next time", kind, parts)
			}
		}
	}
	differ := func(kind1, kind2 string, parts1, parts2 []string) bool {
		same := kind1 == kind2 && slices.Equal(parts1, parts2)
		return same == (InputOf(kind1, list(parts1)...) == InputOf(kind2, list(parts2)...))
	}
	if err := quick.Check(differ, nil); err != nil {
		t.Error(err)
	}
	// Wherever a text is cut in two or three, it is another input.
	text, cut := "service backup 3", map[[32]byte]bool{}
	for i := range len(text) + 1 {
		cut[InputOf("k", text[:i], text[i:])] = true
		cut[InputOf("k"+text[:i], text[i:])] = true
		for j := i; j <= len(text); j++ {
			cut[InputOf("k", text[:i], text[i:j], text[j:])] = true
		}
	}
	if n := len(text); len(cut) != 2*(n+1)+(n+1)*(n+2)/2 {
		t.Errorf("two of them are one: only %d", len(cut))
	}
}

func list(texts []string) []any {
	var all []any
	for _, text := range texts {
		all = append(all, text)
	}
	return all
}
