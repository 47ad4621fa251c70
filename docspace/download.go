package docspace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxHops bounds how often a download is sent on.
const maxHops = 5

// DownloadReport writes the file of a report that is there to w, and returns how
// many bytes that were. A file that is no spreadsheet, breaks off, or is longer than
// Config.MaxReport is an error, and what w has of it is to be thrown away.
//
// The key goes to the portal alone: a portal that keeps its files elsewhere sends
// its readers there without it, and never from https to http. Whatever the
// portal is waited for may take as long as Config.Timeout, each time; the whole of it
// takes what it takes, within the context. It is not repeated.
//
// Every failure is an *Error, but for those of w, which are returned as they are.
// Source: contract, "customer/operationsreport".
func (c *Client) DownloadReport(ctx context.Context, task *ReportTask, w io.Writer) (int64, error) {
	if task == nil || !task.IsCompleted || task.ResultFileURL == "" {
		return 0, unsent(opDownload, "there is no file yet")
	}
	address, err := c.resolve(task.ResultFileURL)
	if err != nil {
		return 0, &Error{Operation: opDownload.name, Message: "the portal sends an address that can't be read", Err: ErrMalformed}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(c.timeout, func() { cancel(context.DeadlineExceeded) })
	defer patience.Stop()

	res, failure := c.fetch(ctx, address)
	if failure != nil {
		return 0, failure
	}
	defer res.Body.Close()
	return c.save(ctx, res, &download{body: res.Body, patience: patience, timeout: c.timeout}, w)
}

// fetch asks for a file, wherever it is sent on to, and returns a good answer.
func (c *Client) fetch(ctx context.Context, address *url.URL) (*http.Response, *Error) {
	// Where a file is sent on to is looked at here, each time.
	plain := &http.Client{
		Transport:     c.http.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	trusted := true // until it leaves the portal; whoever sends back there must not use the key
	for range maxHops {
		if address.Scheme != "https" && (address.Scheme != "http" || c.base.Scheme == "https") || address.Host == "" || address.User != nil {
			return nil, &Error{Operation: opDownload.name, Message: "sent on to " + c.excerpt(address.Scheme+"://"+address.Host), Err: ErrRedirect}
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
		if err != nil {
			return nil, c.unanswered(opDownload, err)
		}
		c.authorize(req.Header)
		req.Header.Set("Accept", "*/*")
		if trusted = trusted && c.isPortal(address); !trusted {
			req.Header.Del("Authorization")
		}
		res, err := plain.Do(req)
		if err != nil {
			return nil, c.broken(ctx, err)
		}
		if res.StatusCode == http.StatusOK {
			return res, nil
		}
		next, failure := c.hop(ctx, res)
		_ = res.Body.Close() // nothing more is wanted of it
		if failure != nil {
			return nil, failure
		}
		address = next
	}
	return nil, &Error{Operation: opDownload.name, Message: "sent on without end", Err: ErrRedirect}
}

// isPortal reports whether an address is the portal's, or its https side.
func (c *Client) isPortal(address *url.URL) bool {
	if !strings.EqualFold(address.Hostname(), c.base.Hostname()) {
		return false
	}
	return address.Scheme == c.base.Scheme && portOf(address) == portOf(c.base) ||
		c.base.Scheme == "http" && address.Scheme == "https"
}

// hop returns where an answer sends its reader, or what is wrong with the answer.
func (c *Client) hop(ctx context.Context, res *http.Response) (*url.URL, *Error) {
	if res.StatusCode >= 300 && res.StatusCode < 400 && res.Header.Get("Location") != "" {
		next, err := res.Location()
		if err != nil {
			return nil, &Error{
				Operation: opDownload.name, Status: res.StatusCode, Message: "sent on to an address that can't be read", Err: ErrRedirect,
			}
		}
		return next, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, min(c.maxBody, 64<<10)))
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if res.StatusCode < 300 { // not the whole of it, or nothing
		return nil, &Error{
			Operation: opDownload.name, Status: res.StatusCode, RequestID: c.requestID(res),
			Message: statusText(res.StatusCode) + ", and no file", Err: ErrMalformed,
		}
	}
	_, failure := c.open(opDownload, res, body)
	return nil, failure
}

// broken makes an Error of a download that got no whole answer.
func (c *Client) broken(ctx context.Context, err error) *Error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the pause was too long, or the caller's own context ended
	}
	return c.unanswered(opDownload, err)
}

// The first and the last bytes of a spreadsheet, which is a ZIP file: its end is 22
// bytes long. Source: PKWARE, .ZIP File Format Specification, 4.3.
const (
	zipStart  = "PK\x03\x04"
	zipEnd    = "PK\x05\x06"
	zipEndLen = 22
)

// save copies a file to w, and looks whether it is one.
func (c *Client) save(ctx context.Context, res *http.Response, file *download, w io.Writer) (int64, error) {
	wrong := func(kind error, format string, args ...any) *Error {
		return &Error{
			Operation: opDownload.name, Status: res.StatusCode, RequestID: c.requestID(res), Message: fmt.Sprintf(format, args...), Err: kind,
		}
	}
	start := make([]byte, 1024)
	n, err := io.ReadFull(file, start)
	start = start[:n]
	switch {
	case err != nil && file.broke():
		return 0, c.cutShort(ctx, res, file.failed)
	case !bytes.HasPrefix(start, []byte(zipStart)):
		return 0, wrong(ErrMalformed, "no spreadsheet, but %s", describe(start, res.Header.Get("Content-Type"), c.excerpt))
	case res.ContentLength > c.maxReport:
		return 0, wrong(ErrTooLarge, "the file is longer than %d bytes", c.maxReport)
	}
	written, err := io.Copy(w, io.LimitReader(io.MultiReader(bytes.NewReader(start), file), max(c.maxReport, c.maxReport+1)))
	switch {
	case written > c.maxReport:
		return written, wrong(ErrTooLarge, "the file is longer than %d bytes", c.maxReport)
	case err != nil && file.broke():
		return written, c.cutShort(ctx, res, file.failed)
	case err != nil:
		return written, err // w's own
	case res.ContentLength < 0 && !bytes.HasPrefix(file.tail, []byte(zipEnd)):
		// Of unknown length, it looks whole wherever the connection was closed.
		return written, wrong(ErrUnreachable, "the file broke off")
	}
	return written, nil
}

func (c *Client) cutShort(ctx context.Context, res *http.Response, err error) *Error {
	failure := c.broken(ctx, err)
	failure.Status, failure.RequestID = res.StatusCode, c.requestID(res)
	failure.Message = "the file broke off: " + failure.Message
	return failure
}

// download is the body of a file, with what came last of it.
type download struct {
	body     io.Reader
	patience *time.Timer // ends the request
	timeout  time.Duration
	tail     []byte
	failed   error // what ended it, io.EOF too
}

func (d *download) Read(p []byte) (int, error) {
	d.patience.Reset(d.timeout)
	n, err := d.body.Read(p)
	d.patience.Stop() // whoever writes may take longer
	d.tail = append(d.tail, p[max(0, n-zipEndLen):n]...)
	d.tail = d.tail[max(0, len(d.tail)-zipEndLen):]
	if err != nil {
		d.failed = err
	}
	return n, err
}

// broke reports whether it ended before its end.
func (d *download) broke() bool { return d.failed != nil && d.failed != io.EOF }
