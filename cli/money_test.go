package cli_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/pgtest"
	"github.com/bursarhq/bursar/store"

	_ "modernc.org/sqlite"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// books is a database with a portal "acme" whose customer has 20 dollars, and the
// commands that are run on it.
type books struct {
	t     *testing.T
	world map[string]string
	out   strings.Builder // what the commands printed, with the commands
	known string          // what dump returned, when nothing was done since
	quick bool            // the end tells whether something went wrong before
}

// onBooks runs a test on both engines.
func onBooks(t *testing.T, test func(b *books)) {
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		test(newBooks(t, map[string]string{"BURSAR_DATA": filepath.Join(t.TempDir(), "data")}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(newBooks(t, map[string]string{"BURSAR_DATABASE": pgtest.Database(t)}))
	})
}

// onFolder is for what can't differ between the engines.
func onFolder(t *testing.T, test func(b *books)) {
	test(newBooks(t, map[string]string{"BURSAR_DATA": filepath.Join(t.TempDir(), "data")}))
}

func newBooks(t *testing.T, world map[string]string) *books {
	t.Helper()
	b := &books{t: t, world: world}
	b.must("portal create --id acme --host acme.example.com --owner-email owner@example.com")
	b.must("customer set --email owner@example.com --method card --balance USD=20")
	return b
}

// run runs a command line, whose words are cut at spaces outside single quotes.
func (b *books) run(line string) (stdout, stderr string, err error) {
	b.t.Helper()
	return runCLI(b.t, b.world, words(line)...)
}

func words(line string) (all []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

// must runs a command that must work, and returns what it printed.
func (b *books) must(line string) string {
	b.t.Helper()
	stdout, stderr, err := b.run(line)
	if err != nil {
		b.t.Fatalf("bursar %s: %v", line, err)
	}
	if stderr != "" && !strings.HasPrefix(stderr, "next: ") {
		b.t.Errorf("bursar %s: on standard error: %s", line, stderr)
	}
	return stdout
}

// show is must, for the golden.
func (b *books) show(line string) {
	b.t.Helper()
	fmt.Fprintf(&b.out, "$ bursar %s\n%s\n", line, drawn.ReplaceAllString(b.must(line), "…"))
	b.known = ""
}

// drawn is what is another one each time.
var drawn = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}`)

// refuse runs a command that must fail without a trace, for the golden.
func (b *books) refuse(code int, line string) {
	b.t.Helper()
	before := b.known
	if before == "" {
		before = b.dump()
	}
	stdout, stderr, err := b.run(line)
	if got := cli.ExitCode(err); got != code || stdout != "" || stderr != "" {
		b.t.Errorf("bursar %s: exit status %d, not %d: %v\n%s%s", line, got, code, err, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(&b.out, "$ bursar %s\n%s\n", line, printed(err))
	}
	if b.known = b.dump(); b.known != before {
		b.t.Errorf("bursar %s changed the books:\n%s", line, b.known)
	}
}

// dump is how much of everything there is, and what it adds up to.
func (b *books) dump() string {
	b.t.Helper()
	if b.quick {
		return ""
	}
	return b.must("verify --json")
}

func TestMoneyCommandsSayWhatTheyDid(t *testing.T) {
	t.Parallel()
	onBooks(t, func(b *books) {
		b.quick = b.world["BURSAR_DATABASE"] != "" // the golden has what it all came to
		b.show("charge --portal acme --service backup --amount USD=0.10 --idempotency-key one")
		b.show("charge --service backup --amount USD=0.10 --idempotency-key two --quantity 3 --participant olivia --metadata job=17 --metadata 'note=a b=c' -o json")
		b.show("charge --service backup --amount 'USD 0.10' --idempotency-key one")
		b.show("charge --service backup --amount USD=0.10 --idempotency-key one -o json")
		b.refuse(cli.ExitFailed, "charge --service backup --amount USD=0.11 --idempotency-key one")
		b.refuse(cli.ExitFailed, "charge --service backup --amount USD=500 --idempotency-key three")
		b.refuse(cli.ExitFailed, "charge --service backup --amount EUR=1")
		b.refuse(cli.ExitUsage, "charge --service backup --amount USD=-1")
		b.refuse(cli.ExitUsage, "charge --service 'Two Words' --amount USD=1")
		b.refuse(cli.ExitUsage, "charge --service backup --amount USD=1 --quantity 0")
		b.refuse(cli.ExitUsage, "charge --service backup --amount USD=1 --idempotency-key bursar:mine")
		b.refuse(cli.ExitFailed, "charge --portal nowhere --service backup --amount USD=1")

		b.show("hold open --service ai --amount USD=10 --for 2h --idempotency-key h-1")
		b.show("hold extend h1.acme --for 1h --idempotency-key h-2")
		b.refuse(cli.ExitFailed, "hold complete h1.acme --amount 10.01")
		b.refuse(cli.ExitUsage, "hold complete h1.acme --amount EUR=1")
		b.refuse(cli.ExitFailed, "hold complete h2.acme")
		b.refuse(cli.ExitUsage, "hold complete one")
		b.refuse(cli.ExitUsage, "hold open --service ai --amount USD=1 --for 800h")
		b.show("hold complete h1.acme --amount 7.50 --idempotency-key h-3 -o json")
		b.refuse(cli.ExitFailed, "hold complete h1.acme --amount 7.50 --idempotency-key h-4")
		b.show("hold open --service ai --amount USD=1 --idempotency-key h-5 -o json")
		b.show("hold void h2.acme --idempotency-key h-6")

		b.show("credit --amount USD=5 --reason 'The outage of Tuesday' --idempotency-key c-1")
		b.show("credit --amount USD=5 --reason 'Returned' --kind refund --idempotency-key c-2 -o json")
		b.show("correct t2.acme --reason 'It failed' --amount 0.04 --idempotency-key x-1")
		b.show("correct t2.acme --reason 'All of it' --idempotency-key x-2")
		b.refuse(cli.ExitFailed, "correct t2.acme --reason 'Once more'")
		b.refuse(cli.ExitFailed, "correct t7.acme --reason 'A correction'")
		b.refuse(cli.ExitFailed, "correct t99.acme --reason 'Nothing'")
		b.refuse(cli.ExitUsage, "correct 2 --reason 'Nothing'")

		b.refuse(cli.ExitFailed, "payment collect --amount USD=100")
		b.refuse(cli.ExitUsage, "payment collect --amount USD=0.001 --payments sandbox")
		b.refuse(cli.ExitUsage, "payment collect --amount CHF=5 --payments sandbox")
		b.show("payment collect --amount USD=100 --payments sandbox --idempotency-key d-1")
		b.show("payment collect --amount USD=100 --payments sandbox --idempotency-key d-1 -o json")
		b.refuse(cli.ExitFailed, "payment collect --amount USD=101 --payments sandbox --idempotency-key d-1")

		for _, format := range []string{"table", "json", "csv"} {
			b.show("statement --portal acme.example.com -o " + format)
		}
		b.show("statement --from 2026-07-02 -o csv")
		b.show("statement --book ai")
		b.show("verify")
		b.show("verify --json")
		golden(b.t, filepath.Join("testdata", "money", "session.txt"), b.out.String())
	})
}

// A dry run does everything and changes nothing; what it says is what is then done.
func TestDryRunsChangeNothing(t *testing.T) {
	t.Parallel()
	onBooks(t, func(b *books) {
		b.must("hold open --service ai --amount USD=1 --idempotency-key h")
		b.must("charge --service ai --amount USD=1 --idempotency-key c")
		for i, line := range []string{
			"charge --service backup --amount USD=0.10", "hold open --service backup --amount USD=0.10", "hold extend h1.acme",
			"hold complete h1.acme --amount 0.5", "hold void h1.acme", "credit --amount USD=3 --reason why", "correct t2.acme --reason why",
			"payment collect --amount USD=7 --payments sandbox", "charge --service ai --amount USD=1 --idempotency-key c",
		} {
			before := b.dump()
			var dry, done map[string]any
			decode(b.t, b.must(line+" --dry-run -o json"), &dry)
			if after := b.dump(); after != before {
				b.t.Errorf("%s --dry-run changed the books:\n%s", line, after)
			}
			if i == 0 {
				if text := b.must(line + " --dry-run"); !strings.Contains(text, "Dry run") || !strings.Contains(text, "nothing was changed") {
					b.t.Errorf("%s --dry-run does not say so:\n%s", line, text)
				}
			}
			if line != "hold void h1.acme" && line != "hold complete h1.acme --amount 0.5" { // either ends the hold
				if !strings.Contains(line, "idempotency-key") {
					line += fmt.Sprintf(" --idempotency-key key-%d", i)
				}
				decode(b.t, b.must(line+" -o json"), &done)
				for _, member := range []string{"transfer", "hold", "amount", "currency", "available", "replayed"} {
					if dry[member] != done[member] {
						b.t.Errorf("%s: %s would be %v, and is %v", line, member, dry[member], done[member])
					}
				}
			}
			if dry["dryRun"] != true {
				b.t.Errorf("%s: %v", line, dry)
			}
		}
		b.refuse(cli.ExitFailed, "charge --service backup --amount USD=5000 --dry-run")
		b.refuse(cli.ExitFailed, "charge --service ai --amount USD=2 --idempotency-key c --dry-run")
		b.refuse(cli.ExitFailed, "payment collect --amount USD=7 --dry-run")
	})
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// Without a key one is drawn, and printed, so that the same can be repeated.
func TestDrawnKeysCanBeRepeated(t *testing.T) {
	t.Parallel()
	onFolder(t, func(b *books) {
		const line = "charge --service backup --amount USD=0.10 -o json"
		var first, second, again map[string]any
		decode(b.t, b.must(line), &first)
		decode(b.t, b.must(line), &second)
		if first["idempotencyKey"] == second["idempotencyKey"] || first["transfer"] == second["transfer"] {
			b.t.Errorf("two charges are one: %v, %v", first, second)
		}
		decode(b.t, b.must(line+" --idempotency-key "+first["idempotencyKey"].(string)), &again)
		if again["transfer"] != first["transfer"] || again["replayed"] != true || again["availableNow"] != second["available"] {
			b.t.Errorf("%v is repeated as %v", first, again)
		}
	})
}

// deaf takes nothing that is printed.
type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }

// What happened and could not be told is told by the same command with the key.
func TestAReceiptThatWasLostCanBeRepeated(t *testing.T) {
	t.Parallel()
	onFolder(t, func(b *books) {
		root := cli.New(cli.Env{
			Stdin: strings.NewReader(""), Stdout: deaf{}, Stderr: new(bytes.Buffer),
			Getenv: func(name string) string { return b.world[name] }, Now: func() time.Time { return noon },
		})
		root.SetArgs(words("charge --service backup --amount USD=0.10"))
		root.SilenceErrors, root.SilenceUsage = true, true
		err := root.ExecuteContext(t.Context())
		if err == nil {
			b.t.Fatal("it worked")
		}
		_, rest, found := strings.Cut(printed(err), "--idempotency-key ")
		key, _, _ := strings.Cut(rest, " ")
		if !found || key == "" {
			b.t.Fatalf("no key is named: %s", printed(err))
		}
		if text := b.must("charge --service backup --amount USD=0.10 --idempotency-key " + key); !strings.Contains(text, "Replayed") {
			b.t.Errorf("it had not happened:\n%s", text)
		}
	})
}

// When it is not known what happened, the hint has the key.
func TestUnknownOutcomesNameTheKey(t *testing.T) {
	t.Parallel() // it takes as long as a database is waited for
	dir := filepath.Join(t.TempDir(), "data")
	b := newBooks(t, map[string]string{"BURSAR_DATA": dir})
	b.must("statement")
	path := (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "bursar.db"))}).String()
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	const line = "charge --service backup --amount USD=0.10"
	stdout, _, err := b.run(line)
	if cli.ExitCode(err) != cli.ExitFailed || stdout != "" || !errors.Is(err, billing.ErrTryAgain) {
		t.Fatalf("%v, %q", err, stdout)
	}
	_, rest, found := strings.Cut(printed(err), "repeat with --idempotency-key ")
	key, _, _ := strings.Cut(rest, ",")
	if !found || !drawn.MatchString(key) {
		t.Fatalf("no key is named: %s", printed(err))
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	b.must(line + " --idempotency-key " + key)
}

// A statement is of days in UTC, the last one whole.
func TestStatementsAreOfWholeDays(t *testing.T) {
	t.Parallel()
	onBooks(t, func(b *books) {
		today := noon.UTC().Format(time.DateOnly)
		tomorrow := noon.UTC().AddDate(0, 0, 1).Format(time.DateOnly)
		yesterday := noon.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
		for _, c := range []struct {
			flags            string
			transfers        int
			opening, closing string
		}{
			{"--from " + today + " --to " + today, 1, "0.00", "20.00"},
			{"--from " + tomorrow, 0, "20.00", "20.00"},
			{"--to " + yesterday, 0, "0.00", "0.00"},
			{"--from " + noon.UTC().Add(time.Second).Format(time.RFC3339), 0, "20.00", "20.00"},
			{"--to " + noon.UTC().Add(-time.Second).Format(time.RFC3339), 0, "0.00", "0.00"},
		} {
			lines := strings.Split(strings.TrimSpace(b.must("statement -o json "+c.flags)), "\n")
			if len(lines) != c.transfers+2 || !strings.Contains(lines[0], `"amount":"`+c.opening+`"`) ||
				!strings.Contains(lines[len(lines)-1], `"line":"closing"`) || !strings.Contains(lines[len(lines)-1], `"amount":"`+c.closing+`"`) {
				b.t.Errorf("statement %s: %s", c.flags, strings.Join(lines, "\n"))
			}
		}
		b.refuse(cli.ExitUsage, "statement --from "+tomorrow+" --to "+yesterday)
	})
}

// More transfers than fit a page, or than the table looks at first, are all there.
func TestLongStatementsAreWhole(t *testing.T) {
	t.Parallel()
	onBooks(t, func(b *books) {
		fill(b, 2345)
		for format, want := range map[string]int{"json": 2348, "csv": 2349, "table": 2346 + 7} {
			text := b.must("statement -o " + format)
			if got := strings.Count(text, "\n"); got != want {
				b.t.Errorf("%s has %d lines, not %d", format, got, want)
			}
			last := strings.Split(strings.TrimSpace(text), "\n")
			if !strings.Contains(strings.ToLower(last[len(last)-1]), "closing") {
				b.t.Errorf("%s ends in %s", format, last[len(last)-1])
			}
			for n := 1; n <= 2346; n++ {
				if !strings.Contains(text, fmt.Sprintf("t%d.acme", n)) {
					b.t.Fatalf("%s lacks transfer %d", format, n)
				}
			}
		}
		b.must("verify")
	})
}

// fill charges a cent of a cent, many times.
func fill(b *books, count int) {
	b.t.Helper()
	config := store.Config{Dir: b.world["BURSAR_DATA"], URL: b.world["BURSAR_DATABASE"]}
	db, err := store.Open(context.Background(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	s, err := billing.New(billing.Config{Store: db, Now: func() time.Time { return noon }})
	if err != nil {
		b.t.Fatal(err)
	}
	for done := 0; done < count; {
		var orders []billing.Order
		for ; len(orders) < 500 && done < count; done++ {
			orders = append(orders, billing.Order{
				PortalID: "acme", Key: fmt.Sprintf("fill-%d", done),
				What: billing.Charge{Service: "fill", Quantity: 1, Amount: amount(b.t, "0.0001", "USD"), Participant: "marker"},
			})
		}
		for _, o := range s.Carry(context.Background(), orders...) {
			if o.Err != nil {
				b.t.Fatal(o.Err)
			}
		}
	}
	if err := s.Seal(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

func TestTextsOfStrangersAreTamedInStatements(t *testing.T) {
	t.Parallel()
	onFolder(t, func(b *books) {
		for i, text := range []string{"=cmd|' /C calc'!A0", "\u202egnirts", "+1+1", "a,b", `"quoted"`} {
			if _, _, err := runCLI(b.t, b.world, "charge", "--service", "x", "--amount", "USD=0.01", "--participant", text,
				"--idempotency-key", fmt.Sprint("k", i)); err != nil {
				b.t.Fatal(err)
			}
		}
		for _, format := range []string{"table", "csv"} {
			text := b.must("statement -o " + format)
			if i := strings.IndexFunc(text, obeyed); i >= 0 {
				b.t.Errorf("%s: %+q comes through", format, text[i:min(len(text), i+20)])
			}
		}
		if text := b.must("statement -o csv"); !strings.Contains(text, "'=cmd|") || !strings.Contains(text, "'+1+1") {
			b.t.Errorf("formulas are left: %s", text)
		}
		if text := b.must("statement -o json"); strings.IndexFunc(text, control) >= 0 {
			b.t.Errorf("%q", text)
		}
	})
}

// A password never appears, whatever goes wrong.
func TestPasswordsOfDatabasesAreNotPrinted(t *testing.T) {
	closed := "127.0.0.1:1"
	for _, address := range []string{
		"postgres://u:s3cret@" + closed + "/d", "postgres://u@" + closed + "/d?password=s3cret", "postgres://u:s3/cret@h/d",
		"postgres://u:%zzs3cret@h/d", "mysql://u:s3cret@h/d", "s3cret",
	} {
		for _, line := range []string{
			"portal list", "charge --service a --amount USD=1", "verify", "verify --json", "migrate", "migrate --dry-run", "backup file", "restore file",
			"key create --operator", "statement",
		} {
			for _, world := range []map[string]string{{"BURSAR_DATABASE": address}, nil} {
				args := words(line)
				if world == nil {
					args = append(args, "--database", address)
				}
				stdout, stderr, err := runCLI(t, world, args...)
				if err == nil {
					t.Fatalf("%s works on %s", line, address)
				}
				if text := stdout + stderr + printed(err); strings.Contains(text, "s3") || strings.Contains(text, "cret") || !strings.Contains(text, "\nhint: ") {
					t.Errorf("%s on %s: %s", line, address, text)
				}
			}
		}
	}
}

func TestOneDatabaseIsNamed(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		world map[string]string
		args  string
		want  string // in the error; "" when it is the folder
	}{
		{map[string]string{"BURSAR_DATA": dir}, "", ""},
		{map[string]string{"BURSAR_DATABASE": "postgres://127.0.0.1:1/d"}, "--data " + dir, ""},
		{map[string]string{"BURSAR_DATA": "/elsewhere"}, "--data " + dir, ""},
		{map[string]string{"BURSAR_DATA": dir, "BURSAR_DATABASE": "postgres://127.0.0.1:1/d"}, "", "$BURSAR_DATA names a folder and $BURSAR_DATABASE"},
		{map[string]string{"BURSAR_DATA": dir}, "--database postgres://127.0.0.1:1/d", "127.0.0.1:1"},
		{map[string]string{"BURSAR_DATABASE": "postgres://127.0.0.1:1/d"}, "", "127.0.0.1:1"},
		{nil, "", "no folder for the database"},
	} {
		_, _, err := runCLI(t, c.world, append([]string{"migrate"}, words(c.args)...)...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, %s: %v", c.world, c.args, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "bursar.db")); err != nil {
		t.Error(err)
	}
}
