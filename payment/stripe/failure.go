package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	sdk "github.com/stripe/stripe-go/v85"

	"github.com/bursarhq/bursar/payment"
)

// errOtherContents is what Stripe says of an idempotency key that came before with
// other contents. What came of those is not said, so that it is unknown where money
// may have moved.
var errOtherContents = fmt.Errorf("%w: the id was used before with other contents", payment.ErrUnknown)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", payment.ErrRefused, fmt.Sprintf(format, args...))
}

// journey is how far a request came.
type journey struct{ began, connected atomic.Bool }

// trace returns a context that follows a request on its way.
func trace(ctx context.Context) (context.Context, *journey) {
	j := &journey{}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { j.began.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { j.connected.Store(true) },
	}), j
}

// call makes one request, or several of one list, and gives its error the name that it
// has in payment. That a card was declined is a *cardError.
func call[T any](ctx context.Context, p *Provider, do func(context.Context) (T, error)) (T, error) {
	if err := ctx.Err(); err != nil {
		return *new(T), fmt.Errorf("%w: %w", payment.ErrUnreachable, err)
	}
	traced, way := trace(ctx)
	got, err := do(traced)
	if err == nil {
		return got, nil
	}
	return *new(T), p.failure(ctx, way, err)
}

// failure says what is certain after an error.
func (p *Provider) failure(ctx context.Context, way *journey, err error) error {
	if errors.Is(err, payment.ErrNotFound) || errors.Is(err, payment.ErrRefused) {
		return err // ours, of what was read
	}
	var told *sdk.Error
	if errors.As(err, &told) {
		return p.toldError(told)
	}
	kind := payment.ErrUnknown
	// Transports that tell nothing of the way leave it unknown.
	if way.began.Load() && !way.connected.Load() {
		kind = payment.ErrUnreachable
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%w: %w", kind, ended)
	}
	// Not wrapped: it might look like one that is certain.
	return fmt.Errorf("%w: %s", kind, p.clean(err.Error()))
}

// cardError is a decline. It wraps ErrUnknown, for where none can be.
type cardError struct{ told *sdk.Error }

// Error leaves out what Stripe says besides, which has secrets of the payment in it.
func (e *cardError) Error() string { return "Stripe declined: " + string(e.told.Code) }
func (e *cardError) Unwrap() error { return payment.ErrUnknown }

// toldError is what Stripe itself says.
func (p *Provider) toldError(told *sdk.Error) error {
	text := p.clean(told.Msg)
	if told.RequestID != "" {
		text += " (request " + p.clean(told.RequestID) + ")"
	}
	switch status := told.HTTPStatusCode; {
	case told.Type == sdk.ErrorTypeCard && status == http.StatusPaymentRequired:
		return &cardError{told}
	case told.Type == sdk.ErrorTypeIdempotency && status == http.StatusBadRequest:
		return errOtherContents
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		// Mended without changing the request. The text might have a part of the key.
		return fmt.Errorf("%w: Stripe answered %d: it does not let this key do that", payment.ErrUnreachable, status)
	case status == http.StatusConflict || status == http.StatusTooManyRequests || status < 400 || status >= 500:
		return fmt.Errorf("%w: Stripe answered %d: %s", payment.ErrUnknown, status, text)
	}
	return refused("Stripe answered %d: %s", told.HTTPStatusCode, text)
}

// clean shortens a text from outside, and takes out whatever must be kept secret.
func (p *Provider) clean(text string) string {
	for _, secret := range p.secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return clip(text, 300)
}

// clip shortens a text to so many bytes of whole characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// nothingCollected says of an error before anything was asked for that it is
// certain. Only what the customer would have to mend stays refused.
func nothingCollected(err error) error {
	if err == nil || errors.Is(err, payment.ErrRefused) || errors.Is(err, payment.ErrUnreachable) {
		return err
	}
	return certain{err}
}

// certain is an ErrUnreachable with the text, and the ended context, of an error that
// is less certain by itself.
type certain struct{ err error }

func (c certain) Error() string {
	return payment.ErrUnreachable.Error() + ": could not look whether it was asked for before: " + c.err.Error()
}

func (c certain) Is(target error) bool {
	return target == payment.ErrUnreachable ||
		(target == context.Canceled || target == context.DeadlineExceeded) && errors.Is(c.err, target)
}

// nothingLearnt says of an error of a question that it told nothing.
func nothingLearnt(err error) error {
	if errors.Is(err, payment.ErrRefused) {
		return fmt.Errorf("%w: %v", payment.ErrUnknown, err)
	}
	return err
}
