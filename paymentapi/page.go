package paymentapi

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/bursarhq/bursar/payment"
	"github.com/bursarhq/bursar/payment/sandbox"
)

//go:embed page.html style.css
var files embed.FS

// stylePath has no customer's page behind it: those have two parts more.
const stylePath = sandbox.PagePath + "style.css"

func serveStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeFileFS(w, r, files, "style.css")
}

// shown is what the template says a page with.
type shown struct {
	sandbox.Visit
	// Action is where the form goes: the page's own address, relative.
	Action string
	// Methods are the cards on offer, Chosen the name of the one that is marked.
	Methods []sandbox.Method
	Chosen  string
	// Reason is why the last try came to nothing; "" for none.
	Reason string
}

// showPage shows a page as it stands.
func (d *door) showPage(w http.ResponseWriter, r *http.Request) {
	v, err := d.visit(r)
	if err != nil {
		d.failPage(w, r, err)
		return
	}
	d.render(w, r, http.StatusOK, v, "", "")
}

func (d *door) visit(r *http.Request) (sandbox.Visit, error) {
	return d.pages.Visit(r.Context(), r.PathValue("customer"), r.PathValue("id"), r.URL.Query().Get(sandbox.TokenParameter))
}

// maxForm is the longest form in bytes.
const maxForm = 4 << 10

// answerPage does what a customer asks for, and sends them on.
func (d *door) answerPage(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		d.showError(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	v, err := d.visit(r)
	if err != nil {
		d.failPage(w, r, err)
		return
	}
	if v.Ended && !v.Done {
		d.render(w, r, http.StatusGone, v, "", "")
		return
	}
	method := r.PostForm.Get("method")
	reply, err := d.pages.Answer(r.Context(), v.Page.Customer, v.Page.ID, r.URL.Query().Get(sandbox.TokenParameter), sandbox.Answer{
		Method: method, Confirmation: sandbox.Confirmation(r.PostForm.Get("confirmation")), Remove: r.PostForm.Get("remove") != "",
	})
	if err != nil {
		d.failPage(w, r, err)
		return
	}
	for _, e := range reply.Events {
		// The customer has done their part: whoever reconciles finds it.
		if err := d.tell(r.Context(), e); err != nil {
			d.note(r, "event was not handled", err, "event", e.ID, "kind", e.Kind, "customer", e.Customer, "charge", e.ChargeID)
		}
	}
	switch reply.Step {
	case sandbox.Finished:
		d.guard(w, v.Page)
		http.Redirect(w, r, v.Page.SuccessURL, http.StatusSeeOther)
	case sandbox.MustConfirm:
		d.execute(w, r, http.StatusOK, "confirm", v.Page, shown{Visit: v, Action: action(r), Chosen: method})
	default:
		d.render(w, r, http.StatusPaymentRequired, v, method, reply.Reason)
	}
}

// action is the page's own address, as a reference from itself.
func action(r *http.Request) string {
	return "?" + url.Values{sandbox.TokenParameter: {r.URL.Query().Get(sandbox.TokenParameter)}}.Encode()
}

func (d *door) render(w http.ResponseWriter, r *http.Request, status int, v sandbox.Visit, chosen, reason string) {
	s := shown{Visit: v, Action: action(r), Methods: sandbox.Methods(), Chosen: chosen, Reason: reason}
	if s.Chosen == "" {
		s.Chosen = s.Methods[0].Name
	}
	name := string(v.Page.Kind)
	if v.Ended {
		name = "ended"
	}
	d.execute(w, r, status, name, v.Page, s)
}

// failPage says why a page can't be shown or answered.
func (d *door) failPage(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, payment.ErrNotFound):
		d.showError(w, r, http.StatusNotFound, "There is no such page. Please follow the link that you were given.")
	case errors.Is(err, payment.ErrRefused):
		d.showError(w, r, http.StatusBadRequest, "That could not be done. Please go back and choose a card.")
	default:
		d.log.WarnContext(r.Context(), "page failed", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", "5")
		d.showError(w, r, http.StatusServiceUnavailable, "The sandbox did not answer. It may have been paid or not; go back to the page to see.")
	}
}

func (d *door) showError(w http.ResponseWriter, r *http.Request, status int, text string) {
	data := struct{ Text, Action string }{text, ""}
	if status == http.StatusServiceUnavailable {
		data.Action = action(r)
	}
	d.execute(w, r, status, "error", payment.Page{}, data)
}

// execute writes a whole answer or, if the template fails, none of it.
func (d *door) execute(w http.ResponseWriter, r *http.Request, status int, name string, page payment.Page, data any) {
	var b bytes.Buffer
	if err := d.templates.ExecuteTemplate(&b, name, data); err != nil {
		d.note(r, "template failed", err)
		say(w, http.StatusInternalServerError, "something went wrong on our side")
		return
	}
	d.guard(w, page)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the customer's loss if they went away
}

// guard sets the headers that keep a page to itself: nothing runs on it, nothing comes
// from elsewhere, nobody frames it or learns its address, and its form leads only to
// where the page does.
func (d *door) guard(w http.ResponseWriter, page payment.Page) {
	to := []string{"'self'"}
	for _, address := range []string{page.SuccessURL, page.CancelURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			to = append(to, u.Scheme+"://"+u.Host)
		}
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "+strings.Join(to, " "))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// texts are the functions of the templates.
func texts() template.FuncMap {
	return template.FuncMap{
		"style": func() string { return stylePath },
		"why": func(reason string) string {
			switch reason {
			case payment.CardDeclined:
				return "The bank declined the card."
			case payment.ExpiredCard:
				return "The card has expired."
			case payment.InsufficientFunds:
				return "The card is not covered."
			case payment.AuthenticationRequired:
				return "The payment was not confirmed."
			}
			return "The payment was declined: " + reason + "."
		},
	}
}
