package watch_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/watch"
)

func TestLines(t *testing.T) {
	names, rounds := company()
	var out, failed bytes.Buffer
	lines := &watch.Lines{Board: watch.NewBoard(names), Out: &out, Err: &failed}
	for _, round := range rounds {
		for _, a := range round {
			if err := lines.Take(a); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, a := range rounds[1] { // all is as it was at the second look
		if err := lines.Take(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := lines.Take(refused("nobody", noon)); err != nil {
		t.Fatal(err)
	}
	golden(t, "lines", out.String()+"--\n"+failed.String())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestLinesFail(t *testing.T) {
	for _, a := range []watch.Answer{refused("acme", noon), answer("acme", noon)} {
		lines := &watch.Lines{Board: watch.NewBoard([]string{"acme"}), Out: full{}, Err: full{}}
		if err := lines.Take(a); err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("%v", err)
		}
	}
}

// Every fact that changes is told, and nothing that does not.
func TestChanges(t *testing.T) {
	first := func() watch.Answer { return answer("acme", noon, pocket{cents(14850, "USD"), 32}) }
	for name, row := range map[string]struct {
		change func(a *watch.Answer)
		want   []string
	}{
		"nothing": {func(*watch.Answer) {}, nil},
		"runway":  {func(a *watch.Answer) { a.Runway.Pockets[0].Alone.Likely = 31 }, nil},
		"spent":   {func(a *watch.Answer) { a.Balance.SubAccounts[0].Amount = cents(14730, "USD") }, []string{"148.50 → 147.30 USD (−1.20)"}},
		"paid in": {func(a *watch.Answer) { a.Balance.SubAccounts[0].Amount = cents(20000, "USD") }, []string{"148.50 → 200.00 USD (+51.50)"}},
		"a new one": {func(a *watch.Answer) {
			a.Balance.SubAccounts = append(a.Balance.SubAccounts, answer("x", noon, pocket{cents(5, "EUR"), 1}).Balance.SubAccounts...)
		}, []string{"new: 0.05 EUR"}},
		"gone":        {func(a *watch.Answer) { a.Balance.SubAccounts = nil }, []string{"gone: 148.50 USD"}},
		"not known":   {func(a *watch.Answer) { a.Balance = nil }, []string{"balance not known any more"}},
		"plan":        {func(a *watch.Answer) { a.Quota.Title = "Startup" }, []string{"plan Business → Startup"}},
		"due":         {func(a *watch.Answer) { a.Quota.DueDate.Time = noon.AddDate(0, 2, 0) }, []string{"due 2026-12-16 → 2027-01-23"}},
		"rule":        {func(a *watch.Answer) { a.TopUp.MinBalance = cents(3000, "USD") }, []string{"top-up on, from 20.00 up to 100.00 USD → on, from 30.00 up to 100.00 USD"}},
		"payer":       {func(a *watch.Answer) { a.Customer.Payer = nil }, []string{"payer Olivia Owner → nobody"}},
		"no customer": {func(a *watch.Answer) { a.Customer = nil }, []string{"payer Olivia Owner → nobody yet"}},
		"one part":    {func(a *watch.Answer) { *a = without(*a, "quota") }, []string{`quota can't be read: 502 - a web page titled "Bad gateway"`}},
		"all parts":   {func(a *watch.Answer) { *a = without(*a, watch.Parts()...) }, []string{`can't be read: 502 - a web page titled "Bad gateway"`}},
		"down":        {func(a *watch.Answer) { *a = refused("acme", noon) }, []string{"can't be read: Failed to reach the portal: connection refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			board := watch.NewBoard([]string{"acme"})
			board.Take(first())
			a := first()
			row.change(&a)
			s, changes := board.Take(a)
			var got []string
			for _, change := range changes {
				got = append(got, change.Text)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if s.Changed != (len(row.want) > 0) || len(s.Changes) != len(row.want) {
				t.Errorf("changed is %t, with %d changes", s.Changed, len(s.Changes))
			}
			if _, changes := board.Take(a); len(changes) != 0 {
				t.Errorf("the same again changed %v", changes)
			}
		})
	}
}

// What could not be read keeps what it was, and does not come back as a change.
func TestFailuresKeepWhatWasKnown(t *testing.T) {
	board := watch.NewBoard([]string{"acme"})
	board.Take(answer("acme", noon, pocket{cents(14850, "USD"), 32}))
	board.Take(refused("acme", noon.Add(day)))
	s, _ := board.Take(without(answer("acme", noon.Add(2*day), pocket{cents(14850, "USD"), 32}), "balance", "runway", "quota"))
	if len(s.Pockets) != 1 || s.Pockets[0].Balance != cents(14850, "USD") || s.Plan != "Business" {
		t.Errorf("%+v", s)
	}
	if days, known := s.Lasts(); !known || days != 32 {
		t.Errorf("lasts %d (%t)", days, known)
	}
	_, changes := board.Take(answer("acme", noon.Add(3*day), pocket{cents(14840, "USD"), 32}))
	var got []string
	for _, change := range changes {
		got = append(got, change.Text)
	}
	want := []string{"balance can be read again", "quota can be read again", "runway can be read again", "148.50 → 148.40 USD (−0.10)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
