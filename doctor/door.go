package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// doorPath is a route that all DocSpace portals have, and let nobody in to without a
// key.
const doorPath = "/api/2.0/portal/payment/quota"

// answer is what came to a request without a key.
type answer struct {
	status      int
	contentType string
	location    *url.URL // nil for none
	body        []byte   // its beginning
	date        time.Time
	asked, came time.Time // by our clock
}

const maxAnswer = 64 << 10

// api asks without a key whether a DocSpace answers, and by that what time it has. This
// is done of a certificate that is not trusted, too: nothing secret is in the question,
// and the answer may tell why.
func (v *visit) api(ctx context.Context) {
	if v.base == nil || !v.reached || v.noTLS {
		return
	}
	a, err := v.knock(ctx, v.base.JoinPath(doorPath))
	if err == nil && a.location != nil && v.isOurs(a.location) {
		var followed *answer
		if followed, err = v.knock(ctx, a.location); err == nil {
			a = followed
		}
	}
	if err != nil {
		v.note(API, Failed, "no answer: "+v.worded(err), "check what listens there, and proxies between")
		return
	}
	v.clock(a)
	v.door(ctx, a)
	// The key goes to no stranger. One who fails may be the portal all the same.
	v.answered = v.trusted && (v.found[API].State != Failed || a.status >= 500)
}

// worded words an error of a request.
func (v *visit) worded(err error) string {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err // without the address
	}
	return plainly(err)
}

// knock asks an address without a key.
func (v *visit) knock(ctx context.Context, address *url.URL) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout())
	defer cancel()
	if err := v.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	config, err := v.trusting()
	if err != nil {
		return nil, err
	}
	if !v.trusted {
		config = &tls.Config{InsecureSkipVerify: true}
	}
	transport := docspace.NewTransport(config)
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	if v.UserAgent != "" {
		request.Header.Set("User-Agent", v.UserAgent)
	}
	a := &answer{asked: v.Now()}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a.came, a.status, a.contentType = v.Now(), response.StatusCode, response.Header.Get("Content-Type")
	a.date, _ = http.ParseTime(response.Header.Get("Date"))
	if a.status >= 300 && a.status < 400 {
		a.location, _ = response.Location()
	}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return a, err
}

// isOurs reports whether a redirect leads to the same route of the portal, by TLS or in
// another spelling, as package docspace follows it.
func (v *visit) isOurs(to *url.URL) bool {
	return strings.EqualFold(to.Hostname(), v.host) && strings.HasSuffix(strings.ToLower(to.Path), doorPath) &&
		(to.Scheme == v.base.Scheme && to.Port() == v.base.Port() || v.base.Scheme == "http" && to.Scheme == "https")
}

// door says what an answer means that came without a key.
func (v *visit) door(ctx context.Context, a *answer) {
	what := describe(a)
	switch {
	case a.location != nil && !strings.EqualFold(a.location.Host, v.base.Host):
		v.note(API, Failed, fmt.Sprintf("it sends its callers on to %s://%s", a.location.Scheme, a.location.Host),
			"the portal has another address; use that one, if you trust it with the key")
	case a.status >= 300 && a.status < 400:
		v.note(API, Failed, "it sends its callers to another page of its own, as a login page does and no API", "check the address, and logins in front of the portal")
	case a.status == http.StatusUnauthorized && len(bytes.TrimSpace(a.body)) == 0, a.status == http.StatusUnauthorized && isJSON(a):
		v.note(API, OK, "a DocSpace answers, and asks for a key", "")
	case a.status == http.StatusUnauthorized:
		v.note(API, Warning, "it asks for a key, but "+what+" comes with that: this may be a login in front of the portal", "check proxies before the portal")
	case a.status == http.StatusForbidden:
		v.note(API, Warning, "it refuses whom it does not know: "+what, "the portal may let in some addresses only: see Settings > Security > IP security")
	case a.status == http.StatusTooManyRequests:
		v.note(API, Warning, "it asks for a pause: "+what, "try again in a minute")
	case a.status == http.StatusNotFound:
		v.notThere(ctx, what)
	case a.status >= 500:
		v.note(API, Failed, "the portal, or a proxy before it, failed: "+what, "the portal's administrators find the reason in its logs")
	case a.status >= 200 && a.status < 300 && isEnvelope(a):
		v.note(API, Warning, "a DocSpace answers, and asks for no key", "check proxies before the portal: one may log everybody in")
	default:
		v.note(API, Failed, "it is no DocSpace: "+what, "check the address: a proxy, a login page or another program answers")
	}
}

// notThere looks whether the portal is there without the path in the address.
func (v *visit) notThere(ctx context.Context, what string) {
	root := *v.base
	root.Path, root.RawPath = "", ""
	if v.base.Path != "" {
		if a, err := v.knock(ctx, root.JoinPath(doorPath)); err == nil && a.status == http.StatusUnauthorized {
			v.note(API, Failed, fmt.Sprintf("there is no DocSpace at the path %s, but at %s", v.base.Path, root.String()), "use the address "+root.String())
			return
		}
	}
	v.note(API, Failed, "no DocSpace answers for "+v.base.Host+v.base.Path+": "+what, "check the address; the portal may be renamed, suspended or removed")
}

func isJSON(a *answer) bool { return strings.Contains(a.contentType, "json") }

// isEnvelope reports whether a body is what DocSpace wraps its answers in.
func isEnvelope(a *answer) bool {
	var envelope struct {
		Status *int `json:"statusCode"`
	}
	return json.Unmarshal(a.body, &envelope) == nil && envelope.Status != nil
}

var pageTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// describe says in a few words what an answer is.
func describe(a *answer) string {
	text := fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	var failure struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	body := bytes.TrimSpace(a.body)
	switch {
	case len(body) == 0:
	case json.Unmarshal(body, &failure) == nil && failure.Error.Message != "":
		text += ", " + cut(failure.Error.Message)
	case body[0] == '<' || strings.Contains(a.contentType, "html"):
		text += ", a web page"
		if m := pageTitle.FindSubmatch(body); m != nil {
			text += fmt.Sprintf(" titled %q", cut(html.UnescapeString(string(m[1]))))
		}
	case isJSON(a):
		text += ", JSON of another kind"
	default:
		text += ", text"
	}
	return text
}

// cut returns the beginning of what a portal sent.
func cut(text string) string {
	const most = 120
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

// What a clock may be off: dates in answers have whole seconds, and networks are slow.
const (
	clockWarns = 5 * time.Second
	clockFails = 5 * time.Minute
)

// clock compares the portal's clock with ours.
func (v *visit) clock(a *answer) {
	if a.date.IsZero() {
		v.note(Clock, Skipped, "the portal does not say what time it has", "")
		return
	}
	// The date was written at some moment between asking and answering, and cut to whole
	// seconds: only what lies outside of all that is a difference.
	off := time.Duration(0)
	if least := a.date.Sub(a.came); least > 0 {
		off = least
	} else if most := a.date.Add(time.Second).Sub(a.asked); most < 0 {
		off = most
	}
	off = off.Round(time.Second)
	where := "ahead of"
	if off < 0 {
		where = "behind"
	}
	text := fmt.Sprintf("the portal's clock is %s %s this machine's", off.Abs(), where)
	const hint = "set both by network time: keys, certificates and due dates end by the clock"
	switch {
	case off.Abs() > clockFails:
		v.note(Clock, Failed, text, hint)
	case off.Abs() > clockWarns:
		v.note(Clock, Warning, text, hint)
	default:
		v.note(Clock, OK, "the portal's clock and this machine's agree", "")
	}
}
