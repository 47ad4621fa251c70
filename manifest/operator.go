package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/money"
)

const (
	maxAnswer       = 1 << 20 // bytes
	operatorTimeout = time.Minute
)

// operator asks Bursar's own API of one portal's top-up rule.
type operator struct {
	http    *http.Client
	agent   string
	address string // of the portal there
	key     string
}

// newOperator gets the operator's key. It fails with fleet.ErrKey.
func newOperator(ctx context.Context, keys *fleet.Keys, o Operator, agent string) (*operator, error) {
	key, err := keys.Of(ctx, fleet.Profile{Name: "operator of " + o.Portal, URL: o.URL, Key: o.key()})
	if err != nil {
		return nil, err
	}
	return &operator{
		http: &http.Client{
			Transport: docspace.NewTransport(nil), Timeout: operatorTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		agent: agent, key: key, address: strings.TrimRight(o.URL, "/") + "/v1/portals/" + url.PathEscape(o.Portal),
	}, nil
}

// close lets its connections go.
func (o *operator) close() { o.http.CloseIdleConnections() }

// ruleWire is a top-up rule as the operator's API has it.
type ruleWire struct {
	Enabled     bool           `json:"enabled"`
	MinBalance  string         `json:"minBalance"`
	UpToBalance string         `json:"upToBalance"`
	Currency    money.Currency `json:"currency"`
	Caps        capsWire       `json:"caps"`
}

type capsWire struct {
	Charge string `json:"charge,omitempty"`
	Day    string `json:"day,omitempty"`
	Month  string `json:"month,omitempty"`
	Count  int64  `json:"count,omitempty"`
}

// rulePath is where a portal's rule is, under the portal.
const rulePath = "/top-up-rule"

// caps reads what a portal's rule collects at most; none where there is no rule. A
// portal that is not there has no caps that anybody could know: docspace.ErrNotFound.
func (o *operator) caps(ctx context.Context) (*Caps, error) {
	var rule ruleWire
	err := o.ask(ctx, http.MethodGet, rulePath, nil, &rule)
	if errors.Is(err, docspace.ErrNotFound) {
		if err := o.ask(ctx, http.MethodGet, "", nil, &struct{}{}); err != nil {
			return nil, err
		}
		return &Caps{}, nil
	}
	if err == nil && rule.Currency == "" {
		err = fmt.Errorf("%w: read caps: the answer has no rule", ErrOperator)
	}
	if err != nil {
		return nil, err
	}
	caps := &Caps{Count: rule.Caps.Count}
	for _, row := range []struct {
		text string
		to   *money.Amount
	}{{rule.Caps.Charge, &caps.Charge}, {rule.Caps.Day, &caps.Day}, {rule.Caps.Month, &caps.Month}} {
		if row.text == "" {
			continue
		}
		if *row.to, err = money.Parse(row.text, rule.Currency); err != nil {
			return nil, fmt.Errorf("%w: read caps: %w", ErrOperator, err)
		}
	}
	return caps, nil
}

// set sets a portal's rule with its caps. The same again is the same.
func (o *operator) set(ctx context.Context, rule *Rule) error {
	wire := ruleWire{Enabled: rule.Enabled, MinBalance: rule.Min.Decimal(), UpToBalance: rule.UpTo.Decimal(), Currency: rule.Min.Currency()}
	for _, row := range []struct {
		amount money.Amount
		to     *string
	}{{rule.Caps.Charge, &wire.Caps.Charge}, {rule.Caps.Day, &wire.Caps.Day}, {rule.Caps.Month, &wire.Caps.Month}} {
		if row.amount.Sign() > 0 {
			*row.to = row.amount.Decimal()
		}
	}
	wire.Caps.Count = rule.Caps.Count
	return o.ask(ctx, http.MethodPut, rulePath, wire, &ruleWire{})
}

// ask sends one request about the portal; path is under its own. A refusal is a docspace.Error, as portals' own are, so that
// both say in the same way whether something may have happened.
func (o *operator) ask(ctx context.Context, method, path string, in, out any) error {
	failure := &docspace.Error{Operation: map[string]string{http.MethodGet: "get", http.MethodPut: "set"}[method] + " the rule by the operator's API"}
	fail := func(kind error, format string, args ...any) error {
		failure.Err, failure.Message = fmt.Errorf("%w: %w", ErrOperator, kind), fmt.Sprintf(format, args...)
		return failure
	}
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrOperator, err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, o.address+path, body)
	if err != nil {
		return fail(docspace.ErrRefused, "the address can't be used; nothing was sent")
	}
	request.GetBody = nil // it is sent once
	request.Header.Set("Authorization", "Bearer "+o.key)
	request.Header.Set("User-Agent", o.agent)
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := o.http.Do(request)
	if err != nil {
		return fail(docspace.ErrUnreachable, "no answer")
	}
	defer answer.Body.Close()
	failure.Status = answer.StatusCode
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fail(docspace.ErrUnreachable, "the answer broke off")
	}
	if answer.StatusCode >= 300 {
		var problem struct{ Detail string }
		if json.Unmarshal(text, &problem) != nil || problem.Detail == "" {
			problem.Detail = http.StatusText(answer.StatusCode)
		}
		return fail(kindOfStatus(answer.StatusCode), "%s", strings.ReplaceAll(problem.Detail, o.key, "***"))
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fail(docspace.ErrMalformed, "it does not answer as Bursar does")
	}
	return nil
}

func kindOfStatus(status int) error {
	switch {
	case status < 400:
		return docspace.ErrRedirect
	case status == http.StatusUnauthorized:
		return docspace.ErrUnauthorized
	case status == http.StatusForbidden:
		return docspace.ErrForbidden
	case status == http.StatusNotFound:
		return docspace.ErrNotFound
	case status < 500:
		return docspace.ErrRefused
	}
	return docspace.ErrPortalFailed
}
