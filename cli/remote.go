package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// operatorConnection is a server whose operator API a command asks.
type operatorConnection struct {
	env                          Env
	server, key, keyFile, caCert string
	timeout                      time.Duration
}

// operatorFlags adds to a command what it needs to ask a server's operator API.
func operatorFlags(cmd *cobra.Command, env Env, timeout time.Duration) *operatorConnection {
	o := &operatorConnection{env: env}
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "", "address of the server (or $BURSAR_URL; default: http://127.0.0.1:8080)")
	f.StringVar(&o.key, "key", "", "an operator key, bk-…, or - for standard input (or $BURSAR_OPERATOR_KEY)")
	f.StringVar(&o.keyFile, "key-file", "", "file with the key")
	f.StringVar(&o.caCert, "ca-cert", "", "file with further certificates to trust (PEM)")
	f.DurationVar(&o.timeout, "timeout", timeout, "how long to wait for the answer")
	cmd.MarkFlagsMutuallyExclusive("key", "key-file")
	_ = cmd.MarkFlagFilename("key-file")
	_ = cmd.MarkFlagFilename("ca-cert")
	return o
}

// address returns where the server is.
func (o *operatorConnection) address() (string, error) {
	address := o.server
	if address == "" {
		address = o.env.get("BURSAR_URL")
	}
	if address == "" {
		address = "http://127.0.0.1:8080"
	}
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", usage("--server: %q is no address such as http://127.0.0.1:8080", address)
	}
	return strings.TrimRight(address, "/"), nil
}

func (o *operatorConnection) readKey() (string, error) {
	if key, err := o.env.givenKey(o.key, o.keyFile, false); key != "" || err != nil {
		return key, err
	}
	if key := o.env.get("BURSAR_OPERATOR_KEY"); key != "" {
		return key, nil
	}
	return "", &Error{Code: ExitUsage, Err: errors.New("no operator key is given"),
		Hint: "give it with --key-file FILE, --key - or $BURSAR_OPERATOR_KEY; bursar key create --operator makes one"}
}

// transport carries the requests; nil is the usual one.
func (o *operatorConnection) transport() (http.RoundTripper, error) {
	if o.caCert == "" {
		return nil, nil
	}
	trusted, err := fleet.Trusting(o.caCert)
	if err != nil {
		return nil, wrongCertificates(err)
	}
	return docspace.NewTransport(trusted), nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// do asks, and reads the answer into out. What the server refuses is told in its words.
func (o *operatorConnection) do(ctx context.Context, method, path string, in, out any) error {
	address, err := o.address()
	if err != nil {
		return err
	}
	key, err := o.readKey()
	if err != nil {
		return err
	}
	transport, err := o.transport()
	if err != nil {
		return err
	}
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address+path, body)
	if err != nil {
		return usage("--server: %v", err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("User-Agent", "bursar/"+o.env.Version)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return &Error{Err: fmt.Errorf("ask %s: %w", address, err), Code: ExitFailed, Hint: "check that a server runs there: --server names another address, --timeout gives it more time"}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", address, err)
	}
	if answer.StatusCode >= 300 {
		return refusal(address, answer.StatusCode, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return &Error{Err: fmt.Errorf("%s does not answer as Bursar does", address), Hint: "check --server: it names the server itself, with nothing behind the port"}
	}
	return nil
}

// refusal is what a server said in place of an answer.
func refusal(address string, status int, text []byte) error {
	var problem struct{ Code, Detail string }
	if json.Unmarshal(text, &problem) != nil || problem.Detail == "" {
		return &Error{Err: fmt.Errorf("%s answers with status %d", address, status), Hint: "check --server: it names the server itself, with nothing behind the port"}
	}
	failed := &Error{Err: errors.New(printable(problem.Detail)), Code: ExitFailed, Hint: "the server's own text says why"}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		failed.Code, failed.Hint = ExitNotAllowed, "bursar key create --operator makes a key for the server's database"
	case problem.Code == "real_time":
		failed.Hint = "bursar demo --clock virtual begins one that lives in virtual time"
	}
	return failed
}
