package testenv_test

import (
	"os"
	"testing"

	"github.com/bursarhq/bursar/testenv"
)

// ended is a test that was ended: how, and with which words.
type ended struct {
	testing.TB
	how string
}

func (e *ended) Helper()           {}
func (e *ended) Skip(args ...any)  { e.end("skipped: ", args) }
func (e *ended) Fatal(args ...any) { e.end("failed: ", args) }
func (e *ended) end(how string, args []any) {
	e.how = how + args[0].(string)
	panic(e)
}

// end returns how a test ends.
func end(do func(t testing.TB)) (how string) {
	e := &ended{}
	defer func() {
		if r := recover(); r != nil && r != any(e) {
			panic(r)
		}
		how = e.how
	}()
	do(e)
	return
}

func TestMissing(t *testing.T) {
	for ci, want := range map[string]string{
		"":     "skipped: there is no no-such or nor-this: install something",
		"true": "failed: there is no no-such or nor-this: install something",
	} {
		t.Setenv("CI", ci)
		if got := end(func(t testing.TB) { testenv.Program(t, "something", "no-such", "nor-this") }); got != want {
			t.Errorf("CI=%q: %q, want %q", ci, got, want)
		}
		if got := testenv.Required(); got != (ci != "") {
			t.Errorf("CI=%q: required is %v", ci, got)
		}
	}
}

func TestProgramThatIsThere(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := testenv.Program(t, "Go", "no-such", self); got != self {
		t.Errorf("%q", got)
	}
}
