package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed fleet.mjs
var fleetProgram string

// fleetSizes are how many portals are read, and how many of them at once.
var fleetSizes = []struct{ portals, parallel int }{{1000, 128}, {1000, 512}, {10_000, 128}, {10_000, 512}}

// measureFleet has the program report on many portals, each at its own address and
// 50 ms away, beside a program for Node that reads the same of them with as many at once.
// Both are processes of their own, as are the portals; memory is the most that one had.
func measureFleet(ctx context.Context, b *bench) error {
	wanted := false
	for _, size := range fleetSizes {
		wanted = wanted || b.wants(fleetName(size.portals, size.parallel))
	}
	if !wanted && !b.wantsLong("fleet/sequential") {
		return nil
	}
	if _, err := exec.LookPath("node"); err != nil {
		return fmt.Errorf("find Node, which it is held against: %w", err)
	}
	return withBinaries(ctx, func(bursar, _ string) error {
		answers, err := recordReport(ctx, bursar)
		if err != nil {
			return err
		}
		for _, size := range fleetSizes {
			if name := fleetName(size.portals, size.parallel); b.wants(name) {
				if err := measureFleetOf(ctx, b, bursar, answers, size.portals, size.parallel); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		if !b.wants("fleet/sequential") {
			return nil
		}
		return withFleet(ctx, answers, 20, func(f *fleetPortals) error {
			run, err := f.node(ctx, "sequential", 1)
			b.out(result{Name: "node/sequential", Value: run.perSecond(20), Unit: "portals/s"})
			return err
		})
	})
}

func fleetName(portals, parallel int) string { return fmt.Sprintf("fleet/%d/%d", portals, parallel) }

// measureFleetOf has all read in turns.
func measureFleetOf(ctx context.Context, b *bench, bursar string, answers *recorded, portals, parallel int) error {
	return withFleet(ctx, answers, portals, func(f *fleetPortals) error {
		rounds := max(1, min(b.rounds, 10_000*3/portals))
		name := fleetName(portals, parallel)
		peers := []fleetPeer{
			{name: "net-http", read: func() (fleetRun, error) { return f.bare(ctx, parallel) }},
			{name: "node-fetch", read: func() (fleetRun, error) { return f.node(ctx, "fetch", parallel) }},
			{name: "node-http", read: func() (fleetRun, error) { return f.node(ctx, "http", parallel) }},
		}
		var own []fleetRun
		for range rounds {
			run, err := f.bursar(ctx, bursar, parallel)
			if err != nil {
				return err
			}
			own = append(own, run)
			for i := range peers {
				if err := peers[i].race(run, portals); err != nil {
					return err
				}
			}
		}
		for i := range peers {
			b.fleet(peers[i].name+"/"+name, peers[i].runs, portals)
		}
		b.fleet(name, own, portals)
		for _, peer := range peers {
			b.out(result{Name: name, Value: median(perSecond(own, portals)), Unit: "portals/s", Floor: peer.name + "/" + name, Ratio: median(peer.ratios)})
		}
		return nil
	})
}

// fleetPeer is a reader that Bursar is held against.
type fleetPeer struct {
	name   string
	read   func() (fleetRun, error)
	runs   []fleetRun
	ratios []float64 // of Bursar's rates to its own
}

// race has it read after a run of Bursar.
func (p *fleetPeer) race(own fleetRun, portals int) error {
	run, err := p.read()
	if err != nil {
		return err
	}
	p.runs = append(p.runs, run)
	p.ratios = append(p.ratios, own.perSecond(portals)/run.perSecond(portals))
	return nil
}

// fleet says what a reader took.
func (b *bench) fleet(name string, runs []fleetRun, portals int) {
	var peaks, own, requests []float64
	for _, run := range runs {
		peaks, own = append(peaks, float64(run.peak)/1e6), append(own, float64(run.own)/1e6)
		requests = append(requests, float64(run.requests)/float64(portals))
	}
	b.out(result{Name: name, Value: median(perSecond(runs, portals)), Unit: "portals/s"})
	b.out(result{Name: name + "/peak", Value: median(peaks), Unit: "MB"})
	b.out(result{Name: name + "/own", Value: median(own), Unit: "MB"})
	b.out(result{Name: name + "/requests", Value: median(requests), Unit: "a portal"})
}

func perSecond(runs []fleetRun, portals int) (all []float64) {
	for _, run := range runs {
		all = append(all, run.perSecond(portals))
	}
	return all
}

// fleetRun is what reading all portals once took.
type fleetRun struct {
	took time.Duration
	// peak is the most memory that there was, own what of it was no page of a file, in
	// bytes.
	peak, own int64
	requests  int64
}

func (r fleetRun) perSecond(portals int) float64 { return float64(portals) / r.took.Seconds() }

// recorded are the answers of a real portal, in the order of its questions.
type recorded struct {
	Answers []recordedAnswer
}

type recordedAnswer struct {
	// URI is what was asked, with its parameters; Path is what tells it from others.
	URI, Path string
	// Whole is the answer as it is sent, headers and all.
	Whole []byte
}

// recordReport has a report made of the sample company, and keeps what it asked for.
func recordReport(ctx context.Context, bursar string) (*recorded, error) {
	r := &recorded{}
	err := withCompany(ctx, func(p *portal, key string) error {
		var mu sync.Mutex
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: p.address})
		proxy.ModifyResponse = func(res *http.Response) error {
			body, err := io.ReadAll(res.Body)
			if err == nil && res.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s: %s", res.Request.URL.Path, res.Status)
			}
			res.Body = io.NopCloser(bytes.NewReader(body))
			whole := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", res.Header.Get("Content-Type"), len(body), body)
			mu.Lock()
			defer mu.Unlock()
			r.Answers = append(r.Answers, recordedAnswer{res.Request.URL.RequestURI(), res.Request.URL.Path, whole})
			return err
		}
		address, stop, err := serve(proxy)
		if err != nil {
			return err
		}
		defer func() { _ = stop() }()
		dir, err := os.MkdirTemp("", "bursar-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		profiles := filepath.Join(dir, "portals.yaml")
		text := fmt.Sprintf("portals:\n  sample:\n    url: http://%s\n    key: %s\n", address, key)
		if err := os.WriteFile(profiles, []byte(text), 0o600); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, bursar, "report", "--all", "-o", "ndjson")
		cmd.Env = append(os.Environ(), "BURSAR_PROFILES="+profiles)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("record a report: %w: %s", err, out)
		}
		return nil
	})
	slices.SortFunc(r.Answers, func(a, b recordedAnswer) int { return strings.Compare(a.Path, b.Path) })
	return r, err
}

// fleetPortals are many portals in a process of their own.
type fleetPortals struct {
	dir, profiles, list string
	portals             int
	counted             func() (int64, error) // requests since the last time
}

// fleetChild is the variable that makes a process of this program the portals; its value
// is the file of their answers.
const fleetChild = "BURSAR_BENCH_FLEET"

// withFleet starts portals, and calls fn with them.
func withFleet(ctx context.Context, answers *recorded, portals int, fn func(*fleetPortals) error) (err error) {
	dir, err := os.MkdirTemp("", "bursar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text, err := json.Marshal(answers)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "answers.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self, strconv.Itoa(portals))
	child.Env = append(os.Environ(), fleetChild+"="+file)
	child.Stderr = os.Stderr
	ask, err := child.StdinPipe()
	if err != nil {
		return err
	}
	said, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	defer func() {
		_ = ask.Close() // it ends with that
		err = errors.Join(err, child.Wait())
	}()
	lines := bufio.NewScanner(said)
	f := &fleetPortals{dir: dir, portals: portals, profiles: filepath.Join(dir, "portals.yaml"), list: filepath.Join(dir, "list.json")}
	var urls []string
	for range portals {
		if !lines.Scan() {
			return fmt.Errorf("the portals did not start: %w", errors.Join(lines.Err(), io.ErrUnexpectedEOF))
		}
		urls = append(urls, lines.Text())
	}
	f.counted = func() (int64, error) {
		if _, err := io.WriteString(ask, "\n"); err != nil {
			return 0, err
		}
		if !lines.Scan() {
			return 0, errors.Join(lines.Err(), io.ErrUnexpectedEOF)
		}
		return strconv.ParseInt(lines.Text(), 10, 64)
	}
	if err := f.describe(urls, answers); err != nil {
		return err
	}
	return fn(f)
}

// describe writes down where the portals are, for both programs.
func (f *fleetPortals) describe(urls []string, answers *recorded) error {
	var yaml strings.Builder
	yaml.WriteString("portals:\n")
	list := fleetList{Key: "sk-bench-fleet-key", URLs: urls}
	for i, address := range urls {
		fmt.Fprintf(&yaml, "  portal-%05d:\n    url: %s\n    key: %s\n", i, address, list.Key)
	}
	for _, answer := range answers.Answers {
		list.Paths = append(list.Paths, answer.URI)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(f.profiles, []byte(yaml.String()), 0o600), os.WriteFile(f.list, text, 0o600))
}

func (f *fleetPortals) bursar(ctx context.Context, binary string, parallel int) (fleetRun, error) {
	cmd := exec.CommandContext(ctx, binary, "report", "--all", "-o", "ndjson", "--parallel", strconv.Itoa(parallel))
	cmd.Env = append(os.Environ(), "BURSAR_PROFILES="+f.profiles)
	return f.run(cmd)
}

func (f *fleetPortals) node(ctx context.Context, mode string, parallel int) (fleetRun, error) {
	program := filepath.Join(f.dir, "fleet.mjs")
	if err := os.WriteFile(program, []byte(fleetProgram), 0o600); err != nil {
		return fleetRun{}, err
	}
	return f.run(exec.CommandContext(ctx, "node", program, f.list, mode, strconv.Itoa(parallel)))
}

// bare is the floor: what net/http can do at most.
func (f *fleetPortals) bare(ctx context.Context, parallel int) (fleetRun, error) {
	self, err := os.Executable()
	if err != nil {
		return fleetRun{}, err
	}
	cmd := exec.CommandContext(ctx, self, strconv.Itoa(parallel))
	cmd.Env = append(os.Environ(), fleetBareChild+"="+f.list)
	return f.run(cmd)
}

// run runs a reader, checks that it read all portals, and says what it took.
func (f *fleetPortals) run(cmd *exec.Cmd) (r fleetRun, err error) {
	if _, err := f.counted(); err != nil {
		return r, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return r, err
	}
	peak := watchPeak(cmd.Process.Pid)
	lines, whole := bufio.NewReaderSize(out, 1<<20), 0
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			break // io.EOF: what is wrong otherwise shows in the count
		}
		if bytes.Contains(line, []byte(`"148.50"`)) || bytes.Contains(line, []byte(`148.5`)) {
			whole++
		}
	}
	err = cmd.Wait()
	r.took = time.Since(started)
	r.peak, r.own = peak()
	if err == nil && whole != f.portals {
		err = fmt.Errorf("%d of %d portals were read", whole, f.portals)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w: %.500s", cmd, err, said.String())
	}
	r.requests, err = f.counted()
	return r, err
}

// watchPeak looks at the most memory that a process has had until the function that it
// returns is called, which returns it in bytes: all of it, and what was its own.
func watchPeak(pid int) func() (all, own int64) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	var all, own int64
	go func() {
		defer close(stopped)
		for {
			if now, err := memoryOf(pid, "VmHWM"); err == nil {
				all = max(all, now)
			}
			if now, err := memoryOf(pid, "RssAnon"); err == nil {
				own = max(own, now)
			}
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() (int64, int64) {
		close(stop)
		<-stopped
		return all, own
	}
}
