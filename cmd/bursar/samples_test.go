package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/testenv"
)

// seedFile returns one of the two scripts that the project started from: in the
// folder of $BURSAR_SEED_DIR, in the one that stands beside the checkout, or as
// copied to testdata.
func seedFile(t *testing.T, name string) string {
	t.Helper()
	beside := os.Getenv("BURSAR_SEED_DIR")
	if beside == "" {
		beside = filepath.Join("..", "..", "..", "shared", "seed")
	}
	if file := filepath.Join(beside, name); fileExists(file) {
		return file
	}
	if os.Getenv("BURSAR_SEED_DIR") != "" {
		t.Fatalf("$BURSAR_SEED_DIR has no %s", name)
	}
	return filepath.Join("testdata", name)
}

func fileExists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// startDemo starts "bursar demo" with a key and returns its address.
func startDemo(t *testing.T, key string) string {
	t.Helper()
	cmd := exec.Command("bursar", "demo", "--listen", "127.0.0.1:0", "--api-key", key)
	cmd.Env = bareEnvironment(t.TempDir())
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	p, err := launch(cmd)
	if p != nil {
		t.Cleanup(p.kill)
	}
	if err != nil {
		t.Fatalf("start the demo: %v\n%s", err, stderr.String())
	}
	return p.address
}

// sampleLines are what the scripts of the seed print of the demo. Python writes
// true and false with capitals and 20.00 as 20.0.
var sampleLines = []string{
	`(?m)^Customer Info: \{`, `docspace\.io123`, `Olivia Owner`, `owner@example\.com`,
	`(?m)^Balance:\n- USD: 148\.5\n- EUR: 25(\.0)?$`,
	`(?m)^Current Quota: Business, Trial: [fF]alse, Due: 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d`,
	`(?m)^Available Quotas:\n- Business - 20(\.0)? USD\n- Business - 220(\.0)? USD$`,
	`(?m)^Auto Top-Up Settings:\n- Enabled: [tT]rue\n- Min Balance: 20\n- Up To: 100\n- Currency: USD\n- Last Modified: 20\d\d-`,
	`(?m)^Supported Currencies:\n- USD - US Dollar$`,
}

var emptyValues = regexp.MustCompile(`\b(undefined|None|null|NaN)\b|\[object Object\]|Failed`)

func checkSample(t *testing.T, got result) {
	t.Helper()
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit status %d and on standard error:\n%s", got.code, got.stderr)
	}
	for _, line := range sampleLines {
		if !regexp.MustCompile(line).MatchString(got.stdout) {
			t.Errorf("nothing matches %s", line)
		}
	}
	if bad := emptyValues.FindString(got.stdout); bad != "" {
		t.Errorf("%q was printed", bad)
	}
	if t.Failed() {
		t.Logf("the sample printed:\n%s", got.stdout)
	}
}

// node returns the path of Node, which continuous integration must have.
func node(t *testing.T) string {
	t.Helper()
	return testenv.Program(t, "Node.js, for the seed's sample", "node")
}

func TestNodeSamplePrintsRealValues(t *testing.T) {
	t.Parallel()
	name, script := node(t), seedFile(t, "sample.mjs")
	const key = "sk-demo-for-the-node-sample"
	env := []string{"API_HOST=" + startDemo(t, key), "API_KEY=" + key}
	checkSample(t, runProgram(t, "", env, name, script))
}

func TestNodeSampleWithAWrongKeyPrintsSixFailures(t *testing.T) {
	t.Parallel()
	name, script := node(t), seedFile(t, "sample.mjs")
	env := []string{"API_HOST=" + startDemo(t, "sk-demo-for-the-node-sample"), "API_KEY=sk-wrong"}
	got := runProgram(t, "", env, name, script)
	want := []string{
		"Failed to get customer info: 401 - ", "Failed to get balance: 401 - ", "Failed to get current quota: 401 - ",
		"Failed to get available quotas: 401 - ", "Failed to get topup settings: 401 - ", "Failed to get currencies: 401 - ",
	}
	if lines := strings.Join(want, "\n") + "\n"; got.stdout != lines || got.code != 0 {
		t.Errorf("exit status %d; it printed\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestPythonSamplePrintsRealValues(t *testing.T) {
	t.Parallel()
	python := testenv.Program(t, "Python 3, for the seed's sample", "python3")
	if got := runProgram(t, "", pythonHome(), python, "-c", "import requests"); got.code != 0 {
		testenv.Missing(t, "python3 has no requests: the Python sample is not run\n"+got.stderr)
	}
	const key = "sk-demo-for-the-python-sample"
	env := append(pythonHome(), "API_HOST="+startDemo(t, key), "API_KEY="+key)
	checkSample(t, runProgram(t, "", env, python, seedFile(t, "sample.py")))
}

// pythonHome is the home that python3 may find its packages by.
func pythonHome() []string { return []string{"HOME=" + os.Getenv("HOME")} }

// The copies are for checkouts that stand alone; they must not drift.
func TestSampleCopiesAreTheSeedsOwn(t *testing.T) {
	for _, name := range []string{"sample.mjs", "sample.py"} {
		original, err := os.ReadFile(seedFile(t, name))
		if err != nil {
			t.Fatal(err)
		}
		copied, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(original, copied) {
			t.Errorf("testdata/%s differs from the seed's", name)
		}
	}
}
