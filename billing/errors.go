package billing

import (
	"errors"
	"fmt"

	"github.com/bursarhq/bursar/store"
)

// What a use case may fail with. Every door has an answer to each; whatever is
// none of them is ours to mend.
var (
	// ErrNoPortal: no portal answers for the host.
	ErrNoPortal = errors.New("no portal answers for this host")
	// ErrNoKey: the request carries no key.
	ErrNoKey = errors.New("no API key was sent")
	// ErrUnknownKey: the portal has no such key.
	ErrUnknownKey = errors.New("the API key is not known to this portal")
	// ErrKeyExpired: the key's last day has passed.
	ErrKeyExpired = errors.New("the API key has expired")
	// ErrKeyRevoked: somebody ended the key.
	ErrKeyRevoked = errors.New("the API key was revoked")
	// ErrScope: the key is not made for this.
	ErrScope = errors.New("the API key lacks the scope for this")
	// ErrAccessDenied: the key's user may not do this.
	ErrAccessDenied = errors.New("Access denied") // DocSpace's own text
	// ErrInvalid: a field of the input can't be used; always a FieldError.
	ErrInvalid = errors.New("invalid input")
	// ErrNotFound: what the call names is not there.
	ErrNotFound = errors.New("not found")
	// ErrExists: what the call would make is there already.
	ErrExists = errors.New("exists already")
	// ErrTryAgain: the database was busy or the call was given up; nothing
	// happened, and the same again may succeed.
	ErrTryAgain = errors.New("busy, try again")
)

// FieldError is input that can't be used. It wraps ErrInvalid.
type FieldError struct {
	// Field is the name of the input: "email".
	Field string
	// Text says what is wrong with it: "is not an e-mail address".
	Text string
}

// Error returns the field and what is wrong with it.
func (e *FieldError) Error() string { return e.Field + " " + e.Text }

// Unwrap returns ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// storeErrors are the store's errors that are a caller's business.
var storeErrors = map[error]error{
	store.ErrNotFound: ErrNotFound,
	store.ErrExists:   ErrExists,
	store.ErrBusy:     ErrTryAgain,
}

// storeError is an error of the store with its name in this package.
type storeError struct {
	doing string
	kind  error
	err   error
}

func (e *storeError) Error() string   { return e.doing + ": " + e.err.Error() }
func (e *storeError) Unwrap() []error { return []error{e.kind, e.err} }

// fromStore gives what came out of a transaction its name in this package. What
// has one already stays as it is.
func fromStore(doing string, err error) error {
	var field *FieldError
	if err == nil || errors.As(err, &field) || errors.Is(err, ErrNoPortal) {
		return err
	}
	for theirs, ours := range storeErrors {
		if errors.Is(err, theirs) {
			return &storeError{doing, ours, err}
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
