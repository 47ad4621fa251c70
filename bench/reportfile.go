package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// reportNames are the measures of a report of a million operations.
var reportNames = []string{"built", "peak", "download"}

const reportPath = operationsPath + "report"

// measureReportFile has a process of its own build a report, and takes how long
// that takes, how much memory the process ever had, and how fast the file comes.
// The floors are reading the rows in one statement and compressing the sheet, one
// after the other, and a bare handler that sends the file.
func measureReportFile(ctx context.Context, b *bench, d *database) error {
	return withBinaries(ctx, func(bursar, _ string) error {
		var built, floors, builtRatios, peaks, before, rates, bareRates, rateRatios []float64
		var size int
		for range min(b.rounds, 3) {
			r, err := d.buildReport(ctx, bursar)
			if err != nil {
				return err
			}
			read, err := d.readMillion(ctx)
			if err != nil {
				return err
			}
			packed, err := compressing(r.file)
			if err != nil {
				return err
			}
			bare, err := bareDownload(ctx, r.file)
			if err != nil {
				return err
			}
			size = len(r.file)
			floor, rate := read+packed, float64(size)/r.download.Seconds()
			bareRate := float64(size) / bare.Seconds()
			built, floors, builtRatios = append(built, r.built.Seconds()), append(floors, floor.Seconds()), append(builtRatios, r.built.Seconds()/floor.Seconds())
			before, peaks = append(before, float64(r.before)), append(peaks, float64(r.peak))
			rates, bareRates, rateRatios = append(rates, rate), append(bareRates, bareRate), append(rateRatios, rate/bareRate)
		}
		const mega = 1e6
		name := "report/" + d.engine + "/"
		if b.wants(name + "built") {
			b.out(result{Name: "read and compress/" + name + "built", Value: median(floors), Unit: "s"})
			b.out(result{Name: name + "built", Value: median(built), Unit: "s", Floor: "read and compress/" + name + "built", Ratio: median(builtRatios)})
			b.out(result{Name: name + "size", Value: float64(size) / mega, Unit: "MB"})
		}
		if b.wants(name + "peak") {
			b.out(result{Name: "before/" + name + "peak", Value: median(before) / mega, Unit: "MB"})
			b.out(result{Name: name + "peak", Value: median(peaks) / mega, Unit: "MB", Floor: "before/" + name + "peak", Ratio: median(peaks) / median(before)})
		}
		if b.wants(name + "download") {
			b.out(result{Name: "bare/" + name + "download", Value: median(bareRates) / mega, Unit: "MB/s"})
			b.out(result{Name: name + "download", Value: median(rates) / mega, Unit: "MB/s", Floor: "bare/" + name + "download", Ratio: median(rateRatios)})
		}
		return nil
	})
}

// builtReport is a report and what it took.
type builtReport struct {
	built, download time.Duration
	// before and peak are how much memory the process had at most, in bytes, when it
	// was asked for the report, and after the download.
	before, peak int64
	file         []byte
}

func (d *database) buildReport(ctx context.Context, bursar string) (r builtReport, err error) {
	s, err := d.serveApart(ctx, bursar)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if r.before, err = s.peakMemory(); err != nil {
		return r, err
	}
	started := time.Now()
	if err := s.startReport(ctx); err != nil {
		return r, err
	}
	url, err := s.awaitReport(ctx)
	r.built = time.Since(started)
	if err != nil {
		return r, err
	}
	started = time.Now()
	r.file, _, err = fetchHost(ctx, s.url+url, keyOf(0), hostOf(0))
	r.download = time.Since(started)
	if err != nil {
		return r, err
	}
	r.peak, err = s.peakMemory()
	return r, err
}

// apart is bursar serve as a process of its own.
type apart struct {
	cmd *exec.Cmd
	url string
}

func (d *database) serveApart(ctx context.Context, bursar string) (_ *apart, err error) {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--log-format", "json"}
	if d.engine == "postgres" {
		args = append(args, "--database", d.config.URL)
	} else {
		args = append(args, "--data", d.config.Dir)
	}
	cmd := exec.CommandContext(ctx, bursar, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var said struct{ Msg, Address string }
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			break
		}
		if said.Msg == "serving" {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return &apart{cmd, said.Address}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("bursar serve did not say where it listens, but %q", lines.Text()), cmd.Process.Kill(), cmd.Wait())
}

func (s *apart) stop() error { return errors.Join(s.cmd.Process.Signal(os.Interrupt), s.cmd.Wait()) }

// peakMemory is the most memory that the process ever had, in bytes.
func (s *apart) peakMemory() (int64, error) { return memoryOf(s.cmd.Process.Pid, "VmHWM") }

// memoryOf returns what the system says of a process's memory, in bytes: by "VmHWM" the
// most that it ever had, by "RssAnon" what it has of its own, without the pages of files.
// Source: proc_pid_status(5).
func memoryOf(pid int, what string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, what+":"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("this system does not say how much memory a process has")
}

func (s *apart) startReport(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+reportPath, nil)
	if err != nil {
		return err
	}
	req.Host = hostOf(0)
	req.Header.Set("Authorization", "Bearer "+keyOf(0))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s: %s", reportPath, res.Status, body)
	}
	return nil
}

// awaitReport returns the address of the file, when there is one.
func (s *apart) awaitReport(ctx context.Context) (url string, err error) {
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		body, _, err := fetchHost(ctx, s.url+reportPath, keyOf(0), hostOf(0))
		if err != nil {
			return "", err
		}
		var got struct {
			Response struct {
				Error         string
				IsCompleted   bool
				ResultFileURL string `json:"resultFileUrl"`
			}
		}
		if err := json.Unmarshal(body, &got); err != nil {
			return "", err
		}
		switch r := got.Response; {
		case r.ResultFileURL != "":
			return r.ResultFileURL, nil
		case r.IsCompleted:
			return "", fmt.Errorf("the report ended without a file: %s", body)
		}
	}
	return "", ctx.Err()
}

// compressing is how long it takes to compress what is in a workbook, as fast as
// that can be done.
func compressing(file []byte) (took time.Duration, err error) {
	book, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return 0, err
	}
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		return 0, err
	}
	piece := make([]byte, 1<<20)
	for _, part := range book.File {
		r, err := part.Open()
		if err != nil {
			return 0, err
		}
		for {
			n, err := io.ReadFull(r, piece)
			started := time.Now()
			_, _ = w.Write(piece[:n]) // there is nothing that could fail
			took += time.Since(started)
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			if err != nil {
				return 0, err
			}
		}
		if err := r.Close(); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// bareDownload is how long it takes to fetch the same bytes from a bare handler.
func bareDownload(ctx context.Context, file []byte) (took time.Duration, err error) {
	address, stop, err := serve(bareHandler(file, http.Header{"Content-Length": {strconv.Itoa(len(file))}}))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	started := time.Now()
	_, _, err = fetch(ctx, "http://"+address+"/", "")
	return time.Since(started), err
}
