package cli_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bursarhq/bursar/cli"
)

// Whoever runs a command stands in the trail.
func TestTheTrailNamesWhoRanTheCommand(t *testing.T) {
	t.Parallel()
	onBooks(t, func(b *books) {
		var lines []map[string]any
		for line := range strings.Lines(b.must("audit -o json")) {
			var a map[string]any
			decode(t, line, &a)
			lines = append(lines, a)
		}
		if len(lines) == 0 {
			t.Fatal("the trail is empty")
		}
		for i, a := range lines {
			if a["by"] != "command" || a["portal"] != "acme" || a["number"] != float64(len(lines)-i) {
				t.Errorf("%v", a)
			}
		}
		env := cli.Env{
			Stdin: strings.NewReader(""), Stdout: new(strings.Builder), Stderr: new(strings.Builder),
			Getenv: func(name string) string { return b.world[name] }, Now: func() time.Time { return noon },
			User: func() (string, string) { return "1000", "olivia" },
		}
		root := cli.New(env)
		root.SetArgs(words("user add --email admin@example.com --role admin"))
		if err := root.ExecuteContext(context.Background()); err != nil {
			t.Fatal(err)
		}
		text := b.must("audit --limit 1")
		if want := fmt.Sprintf("%d ", len(lines)+1); !strings.Contains(text, want) || !strings.Contains(text, "user.create") || !strings.Contains(text, "command  olivia\n") {
			t.Errorf("it says\n%s", text)
		}
		var last map[string]any
		if decode(t, b.must("audit --limit 1 -o json"), &last); last["id"] != "1000" || last["name"] != "olivia" || last["after"] == nil {
			t.Errorf("%v", last)
		}
		var before map[string]any
		if decode(t, b.must(fmt.Sprintf("audit --limit 1 --before %d -o json", len(lines)+1)), &before); !cmp.Equal(before, lines[0]) {
			t.Errorf("%v comes before, not %v", before, lines[0])
		}
		if text := b.must("audit --operator"); strings.Count(text, "\n") != 1 {
			t.Errorf("of no portal is\n%s", text)
		}
		b.must("key create --operator --name ops")
		if text := b.must("audit --operator"); !strings.Contains(text, "operator_key.create") {
			t.Errorf("of no portal is\n%s", text)
		}
		if got := strings.Count(b.must("audit --limit 2000 -o json"), "\n"); got != len(lines)+1 {
			t.Errorf("%d lines", got)
		}
		b.refuse(cli.ExitFailed, "audit --portal nowhere")
	})
}

// A payment that came to the bank is recorded once.
func TestPaymentsAreRecordedOnce(t *testing.T) {
	t.Parallel()
	onBooks(t, func(b *books) {
		const line = "payment record --amount EUR=500 --reference 'RE 2026-0042' --received 2026-09-30"
		before := b.dump()
		var dry, done, again map[string]any
		decode(t, b.must(line+" --dry-run -o json"), &dry)
		if b.dump() != before || dry["dryRun"] != true || dry["available"] != "500.00" {
			t.Errorf("the dry run: %v", dry)
		}
		decode(t, b.must(line+" --idempotency-key one -o json"), &done)
		decode(t, b.must(line+" --idempotency-key one -o json"), &again)
		if done["amount"] != "500.00" || done["currency"] != "EUR" || done["available"] != "500.00" || again["transfer"] != done["transfer"] || again["replayed"] != true {
			t.Errorf("%v, then %v", done, again)
		}
		b.refuse(cli.ExitUsage, line)
		b.refuse(cli.ExitUsage, line+" --idempotency-key two")
		b.refuse(cli.ExitFailed, "payment record --amount EUR=501 --reference 'RE 2026-0042' --received 2026-09-30 --idempotency-key one")
		b.refuse(cli.ExitUsage, "payment record --amount EUR=0.001 --reference a")
		b.refuse(cli.ExitUsage, "payment record --amount CHF=5 --reference a")
		b.refuse(cli.ExitUsage, "payment record --amount EUR=-5 --reference a")
		b.refuse(cli.ExitUsage, "payment record --amount EUR=5 --reference a --received 2027-01-01")
		b.refuse(cli.ExitUsage, "payment record --amount EUR=5 --reference a --method 'Bank Transfer'")
		if text := b.must("statement"); !strings.Contains(text, "RE 2026-0042") {
			t.Errorf("it says\n%s", text)
		}
		b.must("verify")
	})
}
