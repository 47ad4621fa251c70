package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// build compiles a program and returns the path of its binary.
func build(ctx context.Context, dir, pkg string) (binary string, err error) {
	binary = filepath.Join(dir, strings.TrimSuffix(filepath.Base(pkg), ".go"))
	linked := binary + ".linked"
	out, err := exec.CommandContext(ctx, "go", "build", "-o", linked, pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	// Nobody runs the very file that a linker wrote, but one that was copied or unpacked:
	// it lies in the page cache in smaller pieces, and less of it counts as resident.
	from, err := os.Open(linked)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, from.Close(), os.Remove(linked)) }()
	to, err := os.OpenFile(binary, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return binary, errors.Join(err, to.Close())
}

// timeRuns runs programs in turns and returns the median time of each.
func timeRuns(ctx context.Context, rounds int, runs ...func() *exec.Cmd) ([]time.Duration, error) {
	all := make([][]time.Duration, len(runs))
	for range rounds + 1 {
		for i, run := range runs {
			cmd := run()
			cmd.Stdout = io.Discard
			var stderr strings.Builder
			cmd.Stderr = &stderr
			started := time.Now()
			if err := cmd.Run(); err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w: %s", cmd, err, stderr.String()), ctx.Err())
			}
			all[i] = append(all[i], time.Since(started))
		}
	}
	medians := make([]time.Duration, len(runs))
	for i := range all {
		medians[i] = median(all[i][1:]) // the first round warms up
	}
	return medians, nil
}

// bareProgram is the least that a Go program can do.
const bareProgram = "package main\n\nfunc main() { println(\"bare\") }\n"

// withBinaries calls fn with the paths of bursar and of a bare Go program.
func withBinaries(ctx context.Context, fn func(bursar, bare string) error) error {
	dir, err := os.MkdirTemp("", "bursar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	source := filepath.Join(dir, "bare.go")
	if err := os.WriteFile(source, []byte(bareProgram), 0o600); err != nil {
		return err
	}
	bare, err := build(ctx, dir, source)
	if err != nil {
		return err
	}
	bursar, err := build(ctx, dir, "github.com/bursarhq/bursar/cmd/bursar")
	if err != nil {
		return err
	}
	return fn(bursar, bare)
}

// measureStart takes how long the program takes to start and end.
func measureStart(ctx context.Context, b *bench) error {
	if !b.wants("start/version") {
		return nil
	}
	return withBinaries(ctx, func(bursar, bare string) error {
		times, err := timeRuns(ctx, 4*b.rounds,
			func() *exec.Cmd { return exec.CommandContext(ctx, bare) },
			func() *exec.Cmd { return exec.CommandContext(ctx, bursar, "version") })
		if err != nil {
			return err
		}
		b.out(result{Name: "start/bare", Value: millis(times[0]), Unit: "ms"})
		b.out(result{Name: "start/version", Value: millis(times[1]), Unit: "ms", Floor: "start/bare", Ratio: millis(times[1]) / millis(times[0])})
		return nil
	})
}

// distance is how far the portal of measureReport is.
const distance = 50 * time.Millisecond

// measureReport takes how long a report of a portal at a distance takes, as a
// whole process, less what the process takes to start.
func measureReport(ctx context.Context, b *bench) error {
	if !b.wants("report/50ms") {
		return nil
	}
	return withCompany(ctx, func(p *portal, key string) error {
		far, stop, err := serve(delayed(p.address))
		if err != nil {
			return err
		}
		defer func() { _ = stop() }()
		return withBinaries(ctx, func(bursar, _ string) error {
			times, err := timeRuns(ctx, 2*b.rounds,
				func() *exec.Cmd { return exec.CommandContext(ctx, bursar, "version") },
				func() *exec.Cmd {
					cmd := exec.CommandContext(ctx, bursar, "report", "--portal", "http://"+far)
					cmd.Env = append(os.Environ(), "DOCSPACE_API_KEY="+key)
					return cmd
				})
			if err != nil {
				return err
			}
			one := millis(distance)
			b.out(result{Name: "report/roundtrip", Value: one, Unit: "ms"})
			b.out(result{Name: "report/50ms", Value: millis(times[1] - times[0]), Unit: "ms", Floor: "report/roundtrip", Ratio: millis(times[1]-times[0]) / one})
			return nil
		})
	})
}

// delayed answers like another server, a round trip later.
func delayed(address string) http.Handler {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 16}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(distance)
		proxy.ServeHTTP(w, r)
	})
}
