package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/docspacetest"
	"github.com/bursarhq/bursar/money"
	"github.com/bursarhq/bursar/testenv"
)

// patience is how long a test waits for what must come. It is reached only by what is
// broken.
const patience = time.Minute

// until waits for something to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick, end := time.NewTicker(100*time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("it never came that %s", what)
		}
	}
}

// usd returns an amount of cents.
func usd(cents int64) money.Amount { return money.FromUnits(cents*money.Scale/100, "USD") }

// spend has a portal pay 2.50 USD a day for so many days.
func spend(p *docspacetest.Portal, days int) {
	for n := range days {
		p.Advance(24 * time.Hour)
		p.Charge(billing.Charge{Service: "backup", Quantity: int64(n + 1), Amount: usd(2_50), Participant: "nightly"})
	}
}

// prometheus is a running one.
type prometheus struct {
	t   *testing.T
	url string
}

// watch starts Prometheus with the published rules, but for their pauses, on a target.
func watch(t *testing.T, target string) *prometheus {
	t.Helper()
	binary, dir := testenv.Program(t, prometheusPackage, "prometheus"), t.TempDir()
	rules, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	hasty := regexp.MustCompile(`(?m)^( +for: ).*$`).ReplaceAll(rules, []byte("${1}1s"))
	write(t, filepath.Join(dir, "alerts.yml"), string(hasty))
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [alerts.yml]
scrape_configs:
  - {job_name: docspace, static_configs: [{targets: ['%s']}]}
`, target))
	for range 5 { // another program may take the port first
		if address, ok := launch(t, binary, dir); ok {
			return &prometheus{t, "http://" + address}
		}
	}
	t.Fatal("Prometheus does not start")
	return nil
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// launch starts Prometheus at a free port, and waits until it is ready; false if it ends
// before.
func launch(t *testing.T, binary, dir string) (address string, ok bool) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	_ = free.Close()
	said, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(binary, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	gone := false
	until(t, "Prometheus is ready", func() bool {
		select {
		case err := <-ended:
			log, _ := os.ReadFile(said.Name())
			t.Logf("Prometheus ended: %v\n%s", err, log)
			gone = true
			return true
		default:
		}
		_, err := fetch(t.Context(), "http://"+address+"/-/ready")
		return err == nil
	})
	return address, !gone
}

// fetch returns the body of a good answer.
func fetch(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, err
}

// ask puts a question to the API, and reads what it answers.
func (p *prometheus) ask(path string, query url.Values, data any) error {
	body, err := fetch(p.t.Context(), p.url+"/api/v1/"+path+"?"+query.Encode())
	if err != nil {
		return err
	}
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return errors.New(string(body))
	}
	return nil
}

// alert is one that is not quiet.
type alert struct {
	Labels, Annotations map[string]string
	State, Value        string
}

// firing returns the alert of a name and a portal, if it fires.
func (p *prometheus) firing(name, portal string) (alert, bool) {
	p.t.Helper()
	var all struct{ Alerts []alert }
	if err := p.ask("alerts", nil, &all); err != nil {
		p.t.Fatal(err)
	}
	for _, a := range all.Alerts {
		if a.State == "firing" && a.Labels["alertname"] == name && a.Labels["portal"] == portal {
			return a, true
		}
	}
	return alert{}, false
}

// results returns how many series a query has now.
func (p *prometheus) results(query string) (int, error) {
	var data struct{ Result []json.RawMessage }
	err := p.ask("query", url.Values{"query": {query}}, &data)
	return len(data.Result), err
}

// variables are what Grafana puts in the place of names.
var variables = strings.NewReplacer("$portal", ".*", "$currency", ".*", "$__rate_interval", "30s")
