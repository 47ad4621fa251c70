package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/docspacetest"
)

// assistant speaks to "bursar mcp" as any client may: JSON-RPC by hand, a line each.
type assistant struct {
	t      *testing.T
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr bytes.Buffer
	cmd    *exec.Cmd
	said   strings.Builder
}

func newAssistant(t *testing.T, env []string, args ...string) *assistant {
	t.Helper()
	a := &assistant{t: t, cmd: exec.Command("bursar", append([]string{"mcp"}, args...)...)}
	a.cmd.Env = append(bareEnvironment(t.TempDir()), env...)
	a.cmd.Stderr = &a.stderr
	var err error
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.out = bufio.NewScanner(out)
	a.out.Buffer(nil, 4<<20)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fuse := time.AfterFunc(patience, func() { _ = a.cmd.Process.Kill() })
	t.Cleanup(func() {
		fuse.Stop()
		_ = a.cmd.Process.Kill() // fails where it has ended
	})
	return a
}

// say sends a line.
func (a *assistant) say(line string) {
	a.t.Helper()
	if _, err := io.WriteString(a.in, line+"\n"); err != nil {
		a.t.Fatalf("%v\n%s", err, a.stderr.String())
	}
}

// ask sends a request, and returns the answer to it.
func (a *assistant) ask(id int, method, params string) string {
	a.t.Helper()
	a.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
	for a.out.Scan() {
		line := a.out.Text()
		a.said.WriteString(line)
		var message struct {
			JSONRPC string
			ID      *int
		}
		if err := json.Unmarshal([]byte(line), &message); err != nil || message.JSONRPC != "2.0" {
			a.t.Fatalf("standard output carries %q", line)
		}
		if message.ID != nil && *message.ID == id {
			return line
		}
	}
	a.t.Fatalf("no answer: %v\n%s", a.out.Err(), a.stderr.String())
	return ""
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

func TestMCPByHand(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	a := newAssistant(t, []string{"DOCSPACE_URL=" + portal.URL, "DOCSPACE_API_KEY=" + portal.Key})
	contains(t, a.ask(1, "initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"hand","version":"1"}}`),
		`"protocolVersion":"2025-06-18"`, `"name":"bursar"`, `"tools":`)
	a.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)

	listed := a.ask(2, "tools/list", `{}`)
	contains(t, listed, `"name":"report"`, `"name":"reconcile"`, `"readOnlyHint":true`, `"outputSchema":`)
	if strings.Contains(listed, `"readOnlyHint":false`) || strings.Contains(listed, `"name":"deposit"`) {
		t.Errorf("it can change something: %s", listed)
	}
	name := strings.TrimPrefix(portal.URL, "http://")
	contains(t, a.ask(3, "tools/call", `{"name":"list_portals","arguments":{}}`), `"structuredContent":{"portals":[{`, `"name":"`+name+`"`)
	contains(t, a.ask(4, "tools/call", `{"name":"balance","arguments":{"portals":["`+name+`"]}}`), `{"amount":"148.50","currency":"USD"}`, `"known":true`)
	contains(t, a.ask(5, "tools/call", `{"name":"reconcile"}`), `"verdict":"agrees"`)
	contains(t, a.ask(6, "tools/call", `{"name":"operations","arguments":{"portal":"`+name+`","limit":1}}`), `"total":3`, `"next":1`)
	contains(t, a.ask(7, "tools/call", `{"name":"report","arguments":{"portals":["elsewhere"]}}`), `"isError":true`, `there is no portal`)
	contains(t, a.ask(8, "tools/call", `{"name":"deposit","arguments":{}}`), `"error":`, `unknown tool`)
	contains(t, a.ask(9, "prompts/list", `{}`), `billing_review`)

	// The assistant goes away: the server ends, and well.
	if err := a.in.Close(); err != nil {
		t.Fatal(err)
	}
	for a.out.Scan() {
		a.said.WriteString(a.out.Text())
	}
	if err := a.cmd.Wait(); err != nil || a.stderr.Len() > 0 {
		t.Errorf("%v\n%s", err, a.stderr.String())
	}
	if strings.Contains(a.said.String(), portal.Key) {
		t.Error("a key was told")
	}
}

// What can't be served is said before anything is.
func TestMCPRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "no portal is named"},
		{[]string{"--portal", "http://127.0.0.1:1", "--key", "-"}, "--key: - is standard input"},
		{[]string{"--group", "none"}, "no such portal"},
		{[]string{"--portal", "x", "--parallel", "0", "--key", "k"}, "--parallel"},
		{[]string{"now"}, "now"},
	} {
		got := bursar(t, nil, append([]string{"mcp"}, tt.args...)...)
		if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, tt.want) || !strings.Contains(got.stderr, "hint: ") {
			t.Errorf("%v: %+v", tt.args, got)
		}
	}
}

// Money moves only where the server was started to move it, and as far.
func TestMCPDeposits(t *testing.T) {
	t.Parallel()
	portal := docspacetest.New(t)
	home := t.TempDir()
	env := []string{"DOCSPACE_URL=" + portal.URL, "DOCSPACE_API_KEY=" + portal.Key, "HOME=" + home, "XDG_STATE_HOME=" + home}
	a := newAssistant(t, env, "--allow-deposits", "USD=50")
	a.ask(1, "initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"hand","version":"1"}}`)
	a.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	contains(t, a.ask(2, "tools/list", `{}`), `"destructiveHint":true`, `"name":"deposit"`, `[50.00 USD]`)
	name := strings.TrimPrefix(portal.URL, "http://")
	for id := range 2 {
		contains(t, a.ask(3+id, "tools/call", `{"name":"deposit","arguments":{"portal":"`+name+`","amount":"40","currency":"USD","key":"once"}}`),
			`"state":"done"`, `"left":{"amount":"10.00","currency":"USD"}`)
	}
	contains(t, a.ask(5, "tools/call", `{"name":"deposit","arguments":{"portal":"`+name+`","amount":"11","currency":"USD","key":"twice"}}`), `"isError":true`, `nothing was sent`)
	contains(t, a.ask(6, "tools/call", `{"name":"balance","arguments":{}}`), `{"amount":"188.50","currency":"USD"}`)
	if err := a.in.Close(); err != nil {
		t.Fatal(err)
	}
	for a.out.Scan() { // to its end
	}
	if err := a.cmd.Wait(); err != nil || a.stderr.String() != "note: up to [50.00 USD] may be deposited\n" {
		t.Errorf("%v\n%s", err, a.stderr.String())
	}
	for _, limit := range []string{"50", "USD=x", "USD=0", "USD=-1", "USD=1,USD=2", "XYZ=5x"} {
		got := bursar(t, env, "mcp", "--allow-deposits", limit)
		if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, "--allow-deposits: ") {
			t.Errorf("%s: %+v", limit, got)
		}
	}
}
