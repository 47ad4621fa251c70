package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/bursarhq/bursar/testenv"
)

// stripeMock is Stripe's own stand-in, built once from its module when a script asks
// for it.
var stripeMock = sync.OnceValues(func() (program string, err error) {
	if testing.Short() {
		return "", errors.New("building it is not for a short run")
	}
	if stripeDir, err = os.MkdirTemp("", "stripe-mock"); err != nil {
		return "", err
	}
	program = filepath.Join(stripeDir, "stripe-mock")
	build := exec.Command("go", "build", "-modfile=../../tools/go.mod", "-o", program, "github.com/stripe/stripe-mock")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build stripe-mock: %w\n%s", err, out)
	}
	return program, nil
})

// stripeDir is where it was built; "" when it was not.
var stripeDir string

// hasStripeMock reports whether scripts can have it. With CI set a missing one is a
// failure.
func hasStripeMock() (bool, error) {
	_, err := stripeMock()
	if err != nil && testenv.Required() && !testing.Short() {
		return false, err
	}
	return err == nil, nil
}

// cmdStripemock starts Stripe's stand-in:
//
//	stripemock NAME
//
// Its address is in $NAME then.
func cmdStripemock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stripemock NAME")
	}
	program, err := stripeMock()
	ts.Check(err)
	mock := exec.Command(program, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	out, err := mock.StdoutPipe()
	ts.Check(err)
	mock.Stderr = mock.Stdout
	ts.Check(mock.Start())
	ts.Defer(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			ts.Setenv(args[0], "http://"+strings.TrimSpace(address))
			return
		}
	}
	ts.Fatalf("stripe-mock did not say where it listens")
}

// cmdStripetells sends a message signed as Stripe does, which must be answered with a
// status:
//
//	stripetells STATUS URL SECRET FILE
func cmdStripetells(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: stripetells STATUS URL SECRET FILE")
	}
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
		Payload: []byte(ts.ReadFile(args[3])), Secret: args[2], Timestamp: time.Now(),
	})
	req, err := http.NewRequest(http.MethodPost, args[1], strings.NewReader(string(signed.Payload)))
	ts.Check(err)
	req.Header.Set("Stripe-Signature", signed.Header)
	res, err := (&http.Client{Timeout: patience}).Do(req)
	ts.Check(err)
	defer res.Body.Close()
	if got := fmt.Sprint(res.StatusCode); got != args[0] {
		ts.Fatalf("Stripe is told %s, not %s", got, args[0])
	}
}
