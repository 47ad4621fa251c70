package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/bursarhq/bursar/testenv"
	"github.com/bursarhq/bursar/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// received is a request that a receiver was sent.
type received struct {
	header http.Header
	body   []byte
}

// serve starts a receiver on this machine that answers with a function, and
// keeps what it was sent.
func serve(t *testing.T, answer http.HandlerFunc) (url string, sent <-chan received) {
	t.Helper()
	all := make(chan received, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Method != http.MethodPost {
			t.Errorf("the method is %s", r.Method)
		}
		all <- received{r.Header.Clone(), body}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, all
}

func newSender(t *testing.T, config webhook.Config) *webhook.Sender {
	t.Helper()
	s := webhook.New(config)
	t.Cleanup(s.Close)
	return s
}

func newSecret(t *testing.T) string {
	t.Helper()
	secret, err := webhook.NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

const body = `{"type":"hold.expired","data":{"note":"Ä 😀"}}`

func TestReceiversCanVerify(t *testing.T) {
	url, sent := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s := newSender(t, webhook.Config{})
	old, current := newSecret(t), newSecret(t)
	answer, err := s.Send(t.Context(), webhook.Receiver{URL: url, Private: true, Secrets: []string{current, old}}, "e1.acme", []byte(body))
	if err != nil || !answer.Taken || answer.Gone || answer.Status != "204 No Content" {
		t.Fatalf("%+v, %v", answer, err)
	}
	got := <-sent
	if string(got.body) != body || got.header.Get("webhook-id") != "e1.acme" ||
		got.header.Get("Content-Type") != "application/json" || got.header.Get("User-Agent") != "Bursar" {
		t.Errorf("%v\n%s", got.header, got.body)
	}
	for _, secret := range []string{old, current} {
		verify(t, secret, got)
	}
	other, err := standardwebhooks.NewWebhook(newSecret(t))
	if err != nil {
		t.Fatal(err)
	}
	if other.Verify(got.body, got.header) == nil {
		t.Error("any secret verifies it")
	}
}

// verify has the public library verify what was received: the one for Go, and, where
// there is Python, the one for that.
func verify(t *testing.T, secret string, got received) {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Verify(got.body, got.header); err != nil {
		t.Error(err)
	}
	if hook.Verify(append([]byte(" "), got.body...), got.header) == nil {
		t.Error("another body verifies")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return
	}
	command := exec.Command(python, "-c", `import sys
from standardwebhooks import Webhook
headers = dict(line.split(": ", 1) for line in sys.argv[2:])
print(Webhook(sys.argv[1]).verify(sys.stdin.buffer.read().decode(), headers)["type"])`, secret)
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		command.Args = append(command.Args, name+": "+got.header.Get(name))
	}
	command.Env = append(command.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+pythonLibrary(t))
	command.Stdin = bytes.NewReader(got.body)
	if out, err := command.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "hold.expired" {
		t.Errorf("%v\n%s", err, out)
	}
}

// pythonLibrary returns where the public library for Python is: the module of the one
// for Go has it beside that.
func pythonLibrary(t *testing.T) string {
	t.Helper()
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/standard-webhooks/standard-webhooks/libraries").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(module)) + "/python"
}

func TestAnswers(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		status int
		after  string
		want   webhook.Answer
	}{
		{200, "", webhook.Answer{Taken: true, Status: "200 OK"}},
		{299, "", webhook.Answer{Taken: true, Status: "299"}},
		{302, "", webhook.Answer{Status: "302 Found"}},
		{400, "x", webhook.Answer{Status: "400 Bad Request"}},
		{410, "", webhook.Answer{Gone: true, Status: "410 Gone"}},
		{429, "120", webhook.Answer{Status: "429 Too Many Requests", Wait: 2 * time.Minute}},
		{503, now.Add(time.Hour).UTC().Format(http.TimeFormat), webhook.Answer{Status: "503 Service Unavailable", Wait: time.Hour}},
		{503, now.Add(-time.Hour).UTC().Format(http.TimeFormat), webhook.Answer{Status: "503 Service Unavailable"}},
		{503, "4000000000", webhook.Answer{Status: "503 Service Unavailable", Wait: 12 * time.Hour}},
		{503, "-5", webhook.Answer{Status: "503 Service Unavailable"}},
	} {
		url, sent := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tt.after)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tt.status)
			fmt.Fprint(w, strings.Repeat("much ", 100_000))
		})
		s := newSender(t, webhook.Config{})
		got, err := s.Send(t.Context(), webhook.Receiver{URL: url, Private: true, Secrets: []string{newSecret(t)}}, "e1.acme", []byte(body))
		if got.Took <= 0 || got.Took > time.Minute {
			t.Errorf("it took %s", got.Took)
		}
		got.Took, got.Wait = 0, got.Wait.Round(time.Minute)
		if err != nil || got != tt.want {
			t.Errorf("%d: %+v, %v", tt.status, got, err)
		}
		if len(sent) != 1 {
			t.Errorf("%d: it was sent %d times", tt.status, len(sent))
		}
	}
}

func TestNoAnswer(t *testing.T) {
	secrets := []string{newSecret(t)}
	closed := make(chan struct{})
	slow, _ := serve(t, func(http.ResponseWriter, *http.Request) { <-closed })
	defer close(closed)
	broken, _ := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	untrusted := httptest.NewUnstartedServer(nil)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + nobody.Addr().String()
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		url     string
		private bool
		want    string
	}{
		{slow, true, "no answer within 1s"},
		{broken, true, "EOF"},
		{gone, true, "connection refused"},
		{untrusted.URL, true, "certificate"},
		{"https://name.invalid/secret-path", true, "the name could not be looked up"},
		{untrusted.URL, false, "is private"}, // refused as it is written
		{"ftp://example.com", false, "ftp"},
	} {
		s := newSender(t, webhook.Config{Timeout: time.Second})
		got, err := s.Send(t.Context(), webhook.Receiver{URL: tt.url, Private: tt.private, Secrets: secrets}, "e1.acme", []byte(body))
		if err != nil || got.Taken || got.Gone || !strings.Contains(got.Status, tt.want) || strings.Contains(got.Status, "secret-path") {
			t.Errorf("%s: %+v, %v", tt.url, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newSender(t, webhook.Config{})
	if got, err := s.Send(ctx, webhook.Receiver{URL: gone, Private: true, Secrets: secrets}, "e1.acme", nil); err == nil {
		t.Errorf("%+v of an attempt that was broken off", got)
	}
	for _, wrong := range [][]string{nil, {"whsec_*"}} {
		if _, err := s.Send(t.Context(), webhook.Receiver{URL: gone, Private: true, Secrets: wrong}, "e1.acme", nil); err == nil || strings.Contains(err.Error(), "*") {
			t.Errorf("with the secrets %q: %v", wrong, err)
		}
	}
}

// resolver answers every question for an address of the fourth version with one.
func resolver(t *testing.T, address [4]byte) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = socket.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			question := make([]byte, 512)
			n, from, err := socket.ReadFrom(question)
			if err != nil {
				return
			}
			end := 12 + bytes.IndexByte(question[12:n], 0) + 5 // the name, its type and class
			reply := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[12:end]...)
			if question[end-3] == 1 {
				reply[7] = 1
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				reply = append(reply, address[:]...)
			}
			if _, err := socket.WriteTo(reply, from); err != nil {
				t.Error(err)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// A name that turns out to be somebody's own is refused when it is connected to, and
// nothing arrives.
func TestNamesAreLookedUpFirst(t *testing.T) {
	var arrived atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Store(true) }))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	to := webhook.Receiver{URL: "https://example.com:" + port + "/", Secrets: []string{newSecret(t)}} // the name in the server's certificate
	for _, tt := range []struct {
		address [4]byte
		private bool
		want    string
	}{
		{[4]byte{127, 0, 0, 1}, false, "127.0.0.1 is private"},
		{[4]byte{10, 0, 0, 1}, false, "10.0.0.1 is private"},
		{[4]byte{169, 254, 169, 254}, false, "169.254.169.254 is nobody's"},
		{[4]byte{169, 254, 169, 254}, true, "169.254.169.254 is nobody's"},
		{[4]byte{0, 0, 0, 0}, true, "0.0.0.0 is nobody's"},
		{[4]byte{127, 0, 0, 1}, true, "200 OK"},
	} {
		s := newSender(t, webhook.Config{Roots: roots, Resolver: resolver(t, tt.address), Timeout: 5 * time.Second})
		to.Private = tt.private
		got, err := s.Send(t.Context(), to, "e1.acme", []byte(body))
		if err != nil || !strings.Contains(got.Status, tt.want) || arrived.Load() != got.Taken || got.Taken != (tt.want == "200 OK") {
			t.Errorf("%v, private %v: %+v, %v", tt.address, tt.private, got, err)
		}
		// A connection that was allowed once serves nobody else.
		to.Private = false
		if got, err := s.Send(t.Context(), to, "e1.acme", []byte(body)); err != nil || got.Taken {
			t.Errorf("%v: %+v, %v", tt.address, got, err)
		}
	}
}

// The environment's proxy would connect to anything in our place.
func TestNoProxy(t *testing.T) {
	proxy, asked := serve(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("HTTPS_PROXY", proxy)
	s := newSender(t, webhook.Config{Timeout: time.Second})
	for _, url := range []string{"http://name.invalid/", "https://name.invalid/"} {
		if got, err := s.Send(t.Context(), webhook.Receiver{URL: url, Private: true, Secrets: []string{newSecret(t)}}, "e1.acme", []byte(body)); err != nil || got.Taken {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if len(asked) > 0 {
		t.Error("the proxy was used")
	}
}

func TestSecrets(t *testing.T) {
	one, two := newSecret(t), newSecret(t)
	if one == two {
		t.Error("two secrets are the same")
	}
	key, found := strings.CutPrefix(one, "whsec_")
	raw, err := base64.StdEncoding.DecodeString(key)
	if !found || err != nil || len(raw) != 32 {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	if _, err := webhook.NewSecret(strings.NewReader("short")); err == nil {
		t.Error("a secret is drawn from nothing")
	}
}

// The receiver in docs takes what is signed with its secret, and nothing else.
func TestTheReceiverInDocs(t *testing.T) {
	python := testenv.Program(t, "Python 3", "python3")
	secret := newSecret(t)
	command := exec.CommandContext(t.Context(), python, "../docs/receiver.py", "0")
	command.Env = append(command.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH="+pythonLibrary(t), "BURSAR_WEBHOOK_SECRET="+secret)
	command.Stderr = t.Output()
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
	}()
	lines := bufio.NewScanner(out)
	next := func() string {
		lines.Scan()
		return lines.Text()
	}
	port, found := strings.CutPrefix(next(), "listening on ")
	if !found {
		t.Fatal("it does not say where it listens")
	}
	s := newSender(t, webhook.Config{})
	send := func(secret, id string) string {
		t.Helper()
		answer, err := s.Send(t.Context(), webhook.Receiver{URL: "http://127.0.0.1:" + port + "/", Private: true, Secrets: []string{secret}}, id,
			[]byte(`{"id":"`+id+`","type":"hold.expired","data":{"hold":"h1"}}`))
		if err != nil {
			t.Fatal(err)
		}
		return answer.Status
	}
	for _, step := range []struct{ secret, id, want string }{
		{newSecret(t), "e1.acme", "400 Bad Request"}, {secret, "e1.acme", "204 No Content"}, {secret, "e1.acme", "204 No Content"}, {secret, "e2.acme", "204 No Content"},
	} {
		if got := send(step.secret, step.id); got != step.want {
			t.Errorf("%s: %s", step.id, got)
		}
	}
	for _, id := range []string{"e1.acme", "e2.acme"} {
		if got := next(); got != id+" hold.expired {'hold': 'h1'}" {
			t.Errorf("it printed %q", got)
		}
	}
}
