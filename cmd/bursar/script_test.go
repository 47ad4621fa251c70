package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are the commands that scripts have beside the usual ones.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"ends":        cmdEnds,
	"exits":       cmdExits,
	"start":       cmdStart,
	"stopped":     cmdStopped,
	"setenv":      cmdSetenv,
	"hostport":    cmdHostport,
	"get":         cmdGet,
	"agrees":      cmdAgrees,
	"certificate": cmdCertificate,
	"database":    cmdDatabase,
	"post":        sends(http.MethodPost),
	"put":         sends(http.MethodPut),
	"stripemock":  cmdStripemock,
	"stripetells": cmdStripetells,
	"edit":        cmdEdit,
	"flip":        cmdFlip,
}

// cmdExits runs a program that must end with an exit status:
//
//	exits CODE program [args...]
//
// A status other than 0 must come with advice on standard error.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
	if want == 0 {
		return
	}
	if stderr := ts.ReadFile("stderr"); !strings.Contains(stderr, "\nhint: ") {
		ts.Fatalf("the error has no hint:\n%s", stderr)
	}
	if want != 3 && ts.ReadFile("stdout") != "" {
		ts.Fatalf("a command that failed printed a result")
	}
}

type programsKey struct{}

func programs(ts *testscript.TestScript) map[string]*program {
	return ts.Value(programsKey{}).(map[string]*program)
}

// passedOn are the variables of a script that its servers see.
var passedOn = []string{"PATH", "HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "BURSAR_DATA", "BURSAR_DATABASE", "BURSAR_CATALOG", "PGPASSWORD", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "TMPDIR", "GORACE", "GOCOVERDIR"}

// cmdStart starts a server and waits until it says where it listens:
//
//	start NAME program [args...]
//
// The address is in $NAME from then on, what it prints in NAME.out and NAME.err.
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME program [args...]")
	}
	name := args[0]
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, v := range passedOn {
		if value := ts.Getenv(v); value != "" {
			cmd.Env = append(cmd.Env, v+"="+value)
		}
	}
	for suffix, stream := range map[string]*io.Writer{".out": &cmd.Stdout, ".err": &cmd.Stderr} {
		file, err := os.Create(ts.MkAbs(name + suffix))
		ts.Check(err)
		ts.Defer(func() { _ = file.Close() })
		*stream = file
	}
	p, err := launch(cmd)
	if p != nil {
		ts.Defer(p.kill)
	}
	if err != nil {
		ts.Fatalf("start %s: %v\n%s", name, err, ts.ReadFile(name+".err"))
	}
	ts.Setenv(name, p.address)
	programs(ts)[name] = p
}

// cmdStopped stops a server with a signal, after which it must end well:
//
//	stopped NAME INT|TERM
func cmdStopped(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: stopped NAME INT|TERM")
	}
	p := programs(ts)[args[0]]
	if p == nil {
		ts.Fatalf("no server %q was started", args[0])
	}
	if err := p.stop(signals[args[1]]); err != nil {
		ts.Fatalf("stop %s: %v\n%s", args[0], err, ts.ReadFile(args[0]+".err"))
	}
}

// cmdSetenv sets a variable to the first line of a file:
//
//	setenv NAME FILE
func cmdSetenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: setenv NAME FILE")
	}
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], line)
}

// cmdHostport sets a variable to an address without its scheme:
//
//	hostport NAME URL
func cmdHostport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hostport NAME URL")
	}
	_, hostport, _ := strings.Cut(args[1], "://")
	ts.Setenv(args[0], hostport)
}

// cmdGet asks an address with a key, as curl would, and prints what comes:
//
//	get URL KEYFILE ['Header: value'...]
//
// With ! before it, it must be refused, and prints how to standard error.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: get URL KEYFILE ['Header: value'...]")
	}
	body, err := fetch(args[0], strings.TrimSpace(ts.ReadFile(args[1])), args[2:]...)
	if neg && err != nil {
		_, err := fmt.Fprintln(ts.Stderr(), err)
		ts.Check(err)
		return
	}
	if ts.Check(err); neg {
		ts.Fatalf("it is answered: %s", body)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

// fetch returns the body of a good answer.
func fetch(url, key string, headers ...string) ([]byte, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	client := http.Client{Timeout: patience}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s\n%s", url, res.Status, body)
	}
	return body, err
}
