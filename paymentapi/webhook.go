package paymentapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/bursarhq/bursar/httpd"
	"github.com/bursarhq/bursar/payment"
)

// maxMessage is the longest message in bytes.
const maxMessage = 1 << 20

// webhook takes a message of the provider: 200 means that it is done with, 400 and 413
// that it never will be, 5xx that it is to be sent again.
func (d *door) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			say(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a message has at most %d bytes", maxMessage))
			return
		}
		say(w, http.StatusBadRequest, "the message broke off")
		return
	}
	e, err := d.provider.Event(r.Context(), r.Header, body)
	switch {
	case errors.Is(err, payment.ErrSignature):
		say(w, http.StatusBadRequest, "the signature is not good, or too old")
		return
	case errors.Is(err, payment.ErrRefused):
		d.note(r, "message can't be read", err)
		say(w, http.StatusBadRequest, "the message can't be read")
		return
	case err != nil:
		d.note(r, "message can't be read now", err)
		w.Header().Set("Retry-After", "60")
		say(w, http.StatusServiceUnavailable, "not now: send it again")
		return
	case e.Kind == payment.Ignored:
		say(w, http.StatusOK, "ignored")
		return
	}
	if err := d.tell(r.Context(), e); err != nil {
		d.note(r, "event was not handled", err, "event", e.ID, "kind", e.Kind, "customer", e.Customer, "charge", e.ChargeID)
		say(w, http.StatusInternalServerError, "not handled: send it again")
		return
	}
	say(w, http.StatusOK, "handled")
}

// note logs what the caller is not told.
func (d *door) note(r *http.Request, what string, err error, more ...any) {
	args := append([]any{"error", err, "path", r.URL.Path}, more...)
	d.log.ErrorContext(r.Context(), what, args...)
}

func say(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if id := h.Get(httpd.RequestIDHeader); id != "" && status >= http.StatusInternalServerError {
		text += ", request " + id
	}
	fmt.Fprintln(w, text)
}
