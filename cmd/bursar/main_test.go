package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the program itself when it is called bursar,
// which stands on the PATH of scripts and tests.
func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" {
		// A program under the race detector otherwise sleeps a second at its end.
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
	}
	testscript.Main(withServer{m}, map[string]func(){"bursar": func() { os.Exit(run()) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setUpScript,
		Cmds:                scriptCommands,
		Condition:           condition,
		RequireExplicitExec: true, ContinueOnError: true,
		RequireUniqueNames: true,
	})
}

// setUpScript gives a script a home of its own.
func setUpScript(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
	env.Setenv("PATH", postgresPath(env.Getenv("PATH")))
	env.Values[programsKey{}] = map[string]*program{}
	return os.MkdirAll(home, 0o700)
}

// patience is how long a test waits for what must come. It is reached only by
// what is broken.
const patience = time.Minute

// result is what a run of the program left behind.
type result struct {
	stdout, stderr string
	code           int
}

// bursar runs the program to its end, in a world with nothing in it but the
// given environment.
func bursar(t *testing.T, env []string, args ...string) result {
	t.Helper()
	return runProgram(t, "", env, "bursar", args...)
}

func runProgram(t *testing.T, stdin string, env []string, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(bareEnvironment(t.TempDir()), env...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %s: %v", name, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %q did not end; it printed\n%s%s", name, args, stdout.String(), stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// bareEnvironment is what a program needs to run, and nothing that would change
// what it does.
func bareEnvironment(home string) []string {
	env := []string{"HOME=" + home, "XDG_DATA_HOME=" + filepath.Join(home, "data")}
	for _, name := range []string{"PATH", "TMPDIR", "GORACE", "GOCOVERDIR"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
