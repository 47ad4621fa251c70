package paymentapi

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

// Config says what the door opens to.
type Config struct {
	// Provider is who collects. nil means nobody: nothing is found behind the door.
	// If it is the sandbox, its pages are shown.
	Provider payment.Provider
	// Handle is told what happened at the provider's, after it did; the same may be
	// told more than once. An error has a message sent again. Required.
	Handle func(context.Context, payment.Event) error
	// Log takes what fails on our side. Required.
	Log *slog.Logger
}

// WebhookPrefix is how the paths of messages begin; the provider's name follows.
const WebhookPrefix = "/webhooks/"

// Owns reports whether a path is one of the door's.
func Owns(path string) bool {
	return strings.HasPrefix(path, WebhookPrefix) || strings.HasPrefix(path, sandbox.PagePath)
}

// New returns the handler of the door.
func New(config Config) http.Handler {
	d := &door{provider: config.Provider, handle: config.Handle, log: config.Log}
	mux := http.NewServeMux()
	if config.Provider != nil {
		mux.HandleFunc("POST "+WebhookPrefix+config.Provider.Name(), d.webhook)
	}
	if pages, ok := config.Provider.(*sandbox.Provider); ok {
		d.pages = pages
		d.templates = template.Must(template.New("").Funcs(texts()).ParseFS(files, "page.html"))
		mux.HandleFunc("GET "+stylePath, serveStyle)
		mux.HandleFunc("GET "+sandbox.PagePath+"{customer}/{id}", d.showPage)
		mux.HandleFunc("POST "+sandbox.PagePath+"{customer}/{id}", d.answerPage)
	}
	return mux
}

// door holds what every route needs.
type door struct {
	provider  payment.Provider
	pages     *sandbox.Provider // nil: the provider is another
	handle    func(context.Context, payment.Event) error
	log       *slog.Logger
	templates *template.Template
}

// patience is how long an event may take to be handled, whether or not who brought it
// still waits.
const patience = 30 * time.Second

// tell has an event handled.
func (d *door) tell(ctx context.Context, e payment.Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return d.handle(ctx, e)
}
