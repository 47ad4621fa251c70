package docspace_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// spreadsheet is a ZIP file of at least so many bytes.
func spreadsheet(t testing.TB, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	file, err := w.CreateHeader(&zip.FileHeader{Name: "xl/worksheets/sheet1.xml", Method: zip.Store})
	if err == nil {
		_, err = file.Write(bytes.Repeat([]byte("<row/>"), size/6+1))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fileAt(address string) *docspace.ReportTask {
	return &docspace.ReportTask{ID: "1", IsCompleted: true, Status: docspace.TaskCompleted, ResultFileURL: address}
}

func TestAReportIsDownloaded(t *testing.T) {
	for _, size := range []int{0, 100, 1024, 5000, 1 << 20} {
		file := spreadsheet(t, size)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.String() != "/filehandler.ashx?action=download&fileid=7" || r.Header.Get("Authorization") != "Bearer "+apiKey || r.Method != "GET" {
				t.Errorf("%s %s with %q", r.Method, r.URL, r.Header.Get("Authorization"))
			}
			if r.Header.Get("Accept") != "*/*" {
				t.Errorf("accept %q", r.Header.Get("Accept"))
			}
			_, _ = w.Write(file)
		}))
		carrier := docspace.NewTransport(nil)
		client := newClient(t, docspace.Config{URL: server.URL, Transport: carrier, MaxBody: 10, MaxReport: int64(len(file))})
		for _, address := range []string{"/filehandler.ashx?action=download&fileid=7", "filehandler.ashx?action=download&fileid=7", server.URL + "/filehandler.ashx?action=download&fileid=7"} {
			var got bytes.Buffer
			n, err := client.DownloadReport(t.Context(), fileAt(address), &got)
			if err != nil || n != int64(len(file)) || !bytes.Equal(got.Bytes(), file) {
				t.Errorf("%d bytes from %s: %d, %v", len(file), address, n, err)
			}
		}
		small := newClient(t, docspace.Config{URL: server.URL, Transport: carrier, MaxReport: int64(len(file)) - 1})
		_, err := small.DownloadReport(t.Context(), fileAt("/filehandler.ashx?action=download&fileid=7"), io.Discard)
		failureOf(t, err, docspace.ErrTooLarge)
		server.Close()
		carrier.CloseIdleConnections()
	}
}

// whole answers with a body, of known length or not.
func whole(body string, length int64) transport {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: length, Request: r}, nil
	}
}

func TestAFileThatIsNoneIsAnError(t *testing.T) {
	file := string(spreadsheet(t, 5000))
	cut := func(n int, cause error) transport {
		return func(r *http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(file[:n]), failingReader{cause})
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: int64(len(file)), Request: r}, nil
		}
	}
	for name, tt := range map[string]struct {
		step    transport
		kind    error
		message string
	}{
		"empty":                     {whole("", 0), docspace.ErrMalformed, "no spreadsheet, but an empty body"},
		"a page":                    {whole(loginPage, -1), docspace.ErrMalformed, `no spreadsheet, but a web page titled "Sign in – Portal & more"`},
		"JSON":                      {whole(nothing, -1), docspace.ErrMalformed, ""},
		"cut at once":               {cut(0, io.ErrUnexpectedEOF), docspace.ErrUnreachable, "the file broke off: the connection was closed"},
		"cut early":                 {cut(100, io.ErrUnexpectedEOF), docspace.ErrUnreachable, "the file broke off: the connection was closed"},
		"cut late":                  {cut(5000, io.ErrUnexpectedEOF), docspace.ErrUnreachable, "the file broke off: the connection was closed"},
		"stopped":                   {cut(5000, context.DeadlineExceeded), docspace.ErrTimeout, ""},
		"cut, and nobody says so":   {whole(file[:5000], -1), docspace.ErrUnreachable, "the file broke off"},
		"cut in its last byte":      {whole(file[:len(file)-1], -1), docspace.ErrUnreachable, "the file broke off"},
		"long, and nobody says so":  {whole(file+file[len(file)-22:], -1), docspace.ErrTooLarge, "the file is longer than " + strconv.Itoa(len(file)) + " bytes"},
		"too long from the start":   {whole(file, int64(len(file))+1), docspace.ErrTooLarge, ""},
		"no content":                {saying(204, ""), docspace.ErrMalformed, "No Content, and no file"},
		"a part":                    {saying(206, file), docspace.ErrMalformed, "Partial Content, and no file"},
		"forbidden":                 {saying(403, refusal(403, "not yours, "+apiKey)), docspace.ErrForbidden, "not yours, sk-***c0d3"},
		"gone":                      {saying(404, "<html>"), docspace.ErrNotFound, "Not Found, a web page"},
		"failed":                    {saying(503, ""), docspace.ErrPortalFailed, "Service Unavailable"},
		"sent on to nowhere":        {saying(302, ""), docspace.ErrRedirect, ""},
		"not modified":              {saying(304, ""), docspace.ErrRedirect, ""},
		"sent on without end":       {inMemory(sendingTo(302, "/again")), docspace.ErrRedirect, "sent on without end"},
		"sent on to http":           {inMemory(sendingTo(302, "http://portal.example.com/x")), docspace.ErrRedirect, "sent on to http://portal.example.com"},
		"sent on to a file":         {inMemory(sendingTo(302, "file:///etc/passwd")), docspace.ErrRedirect, ""},
		"sent on to broken address": {inMemory(sendingTo(302, "https://a:"+apiKey+"/")), docspace.ErrRedirect, "sent on to an address that can't be read"},
		"no connection":             {failing(io.ErrUnexpectedEOF), docspace.ErrUnreachable, ""},
		"key in an error":           {failing(fmt.Errorf("sent %s", apiKey)), docspace.ErrUnreachable, ""},
	} {
		steps := &script{steps: []transport{tt.step}}
		client := newClient(t, docspace.Config{Transport: steps, MaxReport: int64(len(file))})
		_, err := client.DownloadReport(t.Context(), fileAt("/f"), io.Discard)
		failure := failureOf(t, err, tt.kind)
		if failure.Operation != "download report" || failure.Message == "" || tt.message != "" && failure.Message != tt.message {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), apiKey) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(steps.came); n != 1 && name != "sent on without end" || n > 6 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

func TestThereIsNoFileYet(t *testing.T) {
	client := once(t, failing(errors.New("it was sent")))
	for _, task := range []*docspace.ReportTask{nil, {}, {IsCompleted: true}, {ResultFileURL: "/f"}} {
		_, err := client.DownloadReport(t.Context(), task, io.Discard)
		if failure := failureOf(t, err, docspace.ErrRefused); failure.MayHaveHappened() {
			t.Error(err)
		}
	}
	for address, kind := range map[string]error{
		"http://portal.example.com/f": docspace.ErrRedirect, "javascript:1": docspace.ErrRedirect, "https://u:p@portal.example.com/f": docspace.ErrRedirect,
		"https:f": docspace.ErrRedirect, "https://a b/": docspace.ErrMalformed, "\x00": docspace.ErrMalformed,
	} {
		_, err := client.DownloadReport(t.Context(), fileAt(address), io.Discard)
		if failureOf(t, err, kind); strings.Contains(err.Error(), "it was sent") || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// The key goes to the portal, and to nobody that it sends to; nor to the portal
// again, once somebody else says where to.
func TestTheKeyStaysWithThePortal(t *testing.T) {
	file := string(spreadsheet(t, 100))
	for _, tt := range []struct {
		base, first string
		hops        []string // where each request is sent on to
		keys        []bool   // with which of them the key goes
	}{
		{address, "/f", nil, []bool{true}},
		{address, address + ":443/f", nil, []bool{true}},
		{address, "https://PORTAL.example.com/f", nil, []bool{true}},
		{address, "https://files.example.net/f?sig=x", nil, []bool{false}},
		{address, "https://portal.example.com:8443/f", nil, []bool{false}},
		{address, "https://portal.example.com.evil.example/f", nil, []bool{false}},
		{address, "//files.example.net/f", nil, []bool{false}},
		{address, "/f", []string{"/g", "https://files.example.net/f"}, []bool{true, true, false}},
		{address, "/f", []string{"https://evil.example/", address + "/api/2.0/portal/payment/customerinfo"}, []bool{true, false, false}},
		{"http://portal.example.com", "/f", []string{"https://portal.example.com/f"}, []bool{true, true}},
		{"http://portal.example.com", "http://files.example.net/f", nil, []bool{false}},
	} {
		var keys []bool
		client := newClient(t, docspace.Config{URL: tt.base, Transport: inMemory(func(w http.ResponseWriter, r *http.Request) {
			for name, values := range r.Header {
				if name != "Authorization" && strings.Contains(strings.Join(values, ""), apiKey) {
					t.Errorf("%s: %s", name, values)
				}
			}
			keys = append(keys, r.Header.Get("Authorization") == "Bearer "+apiKey)
			if n := len(keys); n <= len(tt.hops) {
				sendingTo(302, tt.hops[n-1])(w, r)
				return
			}
			_, _ = io.WriteString(w, file)
		})})
		_, err := client.DownloadReport(t.Context(), fileAt(tt.first), io.Discard)
		if err != nil {
			t.Errorf("%s: %v", tt.first, err)
		}
		diff(t, "keys of "+tt.first, keys, tt.keys)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWhoCannotWriteIsTold(t *testing.T) {
	full := errors.New("no space left")
	_, err := once(t, whole(string(spreadsheet(t, 5000)), -1)).DownloadReport(t.Context(), fileAt("/f"), failingWriter{full})
	if err != full {
		t.Errorf("%v", err)
	}
}

// slow is a body that pauses before each of its parts.
type slow struct {
	ctx    context.Context
	pauses []time.Duration
	parts  []string
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(s.pauses[0]):
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
	n := copy(p, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; s.parts[0] == "" {
		s.parts, s.pauses = s.parts[1:], s.pauses[1:]
	}
	return n, nil
}

func (s *slow) Close() error { return nil }

// lazy is a writer that takes its time.
type lazy struct{ pause time.Duration }

func (l lazy) Write(p []byte) (int, error) { time.Sleep(l.pause); return len(p), nil }

// A download may take longer than a request, as long as it goes on; and whoever
// writes may take longer, too.
func TestADownloadGoesOn(t *testing.T) {
	file := string(spreadsheet(t, 5000))
	for _, tt := range []struct {
		first, later, writing time.Duration
		kind                  error
	}{
		{9 * time.Second, 9 * time.Second, 0, nil}, {0, 0, time.Hour, nil}, {9 * time.Second, 9 * time.Second, time.Hour, nil},
		{11 * time.Second, 0, 0, docspace.ErrTimeout}, {0, 11 * time.Second, 0, docspace.ErrTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, docspace.Config{Timeout: 10 * time.Second, Transport: transport(func(r *http.Request) (*http.Response, error) {
				body := &slow{r.Context(), []time.Duration{tt.first, tt.later, tt.later}, []string{file[:1500], file[1500:3000], file[3000:]}}
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, ContentLength: -1, Request: r}, nil
			})})
			n, err := client.DownloadReport(t.Context(), fileAt("/f"), lazy{tt.writing})
			if tt.kind == nil {
				if err != nil || n != int64(len(file)) {
					t.Errorf("%+v: %d, %v", tt, n, err)
				}
				return
			}
			failureOf(t, err, tt.kind)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		client := once(t, transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		if _, err := client.DownloadReport(ctx, fileAt("/f"), io.Discard); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A real server that cuts the line is noticed, however the length was told.
func TestABrokenDownloadOverARealConnection(t *testing.T) {
	file := spreadsheet(t, 1<<20)
	for name, head := range map[string]string{
		"length": fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(file)),
		"chunks": fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", len(file)),
		"close":  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if _, err := conn.Read(make([]byte, 4096)); err != nil {
				return
			}
			_, _ = io.WriteString(conn, head)
			_, _ = conn.Write(file[:len(file)/2])
		}()
		carrier := docspace.NewTransport(nil)
		client := newClient(t, docspace.Config{URL: "http://" + listener.Addr().String(), Transport: carrier})
		_, err = client.DownloadReport(t.Context(), fileAt("/f"), io.Discard)
		if failure := failureOf(t, err, docspace.ErrUnreachable); !strings.HasPrefix(failure.Message, "the file broke off") {
			t.Errorf("%s: %v", name, err)
		}
		<-served
		_ = listener.Close()
		carrier.CloseIdleConnections()
	}
}
