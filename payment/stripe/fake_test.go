package stripe_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bursarhq/bursar/payment/stripe"
)

// object is a thing as Stripe writes it. Source: docs.stripe.com/api.
type object map[string]any

// fake is a Stripe that remembers: it does with payments, pages and refunds what
// Stripe is documented to do, as far as the provider under test relies on it.
type fake struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	now     time.Time
	things  map[string]object // by id
	order   []string          // ids, the oldest first
	keys    map[string]kept   // what idempotency keys stand for
	asked   []*http.Request   // with their forms parsed
	fault   fault             // of the next request that changes something
	reading fault             // of every request that changes nothing
	// lag is how long a request that changes something is on its way; set before any
	// is.
	lag time.Duration
}

type kept struct {
	form   string
	status int
	body   []byte
}

// fault is what goes wrong with a request.
type fault struct {
	status int    // an answer with this status; 0 is none
	code   string // of that answer
	hangUp bool   // the answer breaks off
	after  bool   // after it took effect
}

const secretKey = "sk_test_verysecret"

func newFake(t *testing.T) *fake {
	f := &fake{t: t, now: start, things: map[string]object{}, keys: map[string]kept{}}
	for id, card := range map[string]object{
		"pm_visa":     {"brand": "visa", "last4": "4242"},
		"pm_master":   {"brand": "mastercard", "last4": "4444"},
		"pm_odd":      {"brand": "unknown", "last4": "0000"},
		"pm_declined": {"brand": "visa", "last4": "0002"}, "pm_stolen": {"brand": "visa", "last4": "9979"},
		"pm_uncovered": {"brand": "visa", "last4": "9995"}, "pm_expired": {"brand": "visa", "last4": "0069"},
		"pm_sca": {"brand": "visa", "last4": "3184"}, "pm_action": {"brand": "visa", "last4": "3155"},
	} {
		card["exp_month"], card["exp_year"], card["fingerprint"] = 8, 2031, "fp_"+id
		f.things[id] = object{"id": id, "object": "payment_method", "type": "card", "customer": "cus_acme", "card": card}
	}
	f.things["pm_sepa"] = object{"id": "pm_sepa", "object": "payment_method", "type": "sepa_debit", "customer": "cus_acme",
		"sepa_debit": object{"last4": "3000", "fingerprint": "fp_sepa"}}
	f.things["cus_acme"] = object{"id": "cus_acme", "object": "customer", "invoice_settings": object{"default_payment_method": "pm_visa"}}
	f.things["cus_bare"] = object{"id": "cus_bare", "object": "customer", "invoice_settings": object{"default_payment_method": nil}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// provider returns the provider under test, on this Stripe.
func (f *fake) provider() *stripe.Provider {
	f.t.Helper()
	p, err := stripe.New(stripe.Config{SecretKey: secretKey, BaseURL: f.URL, WebhookSecrets: []string{"whsec_old", "whsec_new"},
		Now: func() time.Time { return f.now }})
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// day lets more than a day pass, after which keys are forgotten.
func (f *fake) day() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now, f.keys = f.now.Add(25*time.Hour), map[string]kept{}
}

// all returns what there is of a kind, the oldest first.
func (f *fake) all(kind string) (all []object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range f.order {
		if f.things[id]["object"] == kind {
			all = append(all, f.things[id])
		}
	}
	return all
}

// update changes a thing, as a customer or a bank would.
func (f *fake) update(id string, with object) object {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.things[id] == nil {
		f.t.Fatalf("there is no %s", id)
	}
	maps.Copy(f.things[id], with)
	return f.things[id]
}

// collected returns the sum of what was taken, in Stripe's units.
func (f *fake) collected() (sum int64) {
	for _, intent := range f.all("payment_intent") {
		sum += intent["amount_received"].(int64)
	}
	return sum
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	if r.Method == http.MethodPost {
		time.Sleep(f.lag)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r)
	trouble := f.reading
	if r.Method == http.MethodPost {
		trouble, f.fault = f.fault, fault{}
	}
	if trouble != (fault{}) && !trouble.after {
		f.fail(w, trouble)
		return
	}
	status, body := f.answer(r)
	key := r.Header.Get("Idempotency-Key")
	if trouble != (fault{}) {
		if trouble.status >= 500 { // is what the key stands for from now on
			status, body = trouble.status, failure(trouble.status, "api_error", trouble.code)
			f.keys[key] = kept{f.formOf(r), status, body}
		} else {
			f.keys[key] = kept{f.formOf(r), status, body}
			f.fail(w, trouble)
			return
		}
	}
	if r.Method == http.MethodPost && trouble == (fault{}) && (status < 400 || status == http.StatusPaymentRequired) {
		if _, replay := f.keys[key]; !replay {
			f.keys[key] = kept{f.formOf(r), status, body}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_1")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (f *fake) fail(w http.ResponseWriter, trouble fault) {
	if trouble.hangUp {
		// After a part of the answer, or else Go's client would ask again.
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("{"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(trouble.status)
	kind := "api_error"
	if trouble.status < 500 {
		kind = "invalid_request_error"
	}
	_, _ = w.Write(failure(trouble.status, kind, trouble.code))
}

func (f *fake) formOf(r *http.Request) string { return r.URL.Path + "?" + r.PostForm.Encode() }

func failure(status int, kind, code string) []byte {
	return encode(object{"error": object{"type": kind, "code": code, "message": fmt.Sprintf("status %d of %s", status, secretKey)}})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// answer does what is asked.
func (f *fake) answer(r *http.Request) (int, []byte) {
	if r.Header.Get("Authorization") != "Bearer "+secretKey {
		return http.StatusUnauthorized, failure(401, "invalid_request_error", "")
	}
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	if r.Method == http.MethodGet {
		return f.read(r, path)
	}
	if k, ok := f.keys[r.Header.Get("Idempotency-Key")]; ok {
		if k.form != f.formOf(r) {
			return http.StatusBadRequest, failure(400, "idempotency_error", "")
		}
		return k.status, k.body
	}
	switch strings.Join(path, "/") {
	case "payment_intents":
		return f.createIntent(r.PostForm)
	case "checkout/sessions":
		return f.createSession(r.PostForm)
	case "billing_portal/sessions":
		return http.StatusOK, encode(object{"id": "bps_1", "object": "billing_portal.session",
			"url": "https://billing.stripe.test/" + r.PostForm.Get("customer") + "?back=" + url.QueryEscape(r.PostForm.Get("return_url"))})
	case "refunds":
		return f.createRefund(r.PostForm)
	}
	if len(path) == 3 && path[0] == "payment_intents" && path[2] == "cancel" {
		intent := f.things[path[1]]
		if intent["status"] == "succeeded" {
			return http.StatusBadRequest, failure(400, "invalid_request_error", "payment_intent_unexpected_state")
		}
		maps.Copy(intent, object{"status": "canceled", "cancellation_reason": r.PostForm.Get("cancellation_reason"), "canceled_at": f.now.Unix()})
		return http.StatusOK, encode(intent)
	}
	return http.StatusNotFound, failure(404, "invalid_request_error", "")
}

// kinds are the paths that things are listed and found at.
var kinds = map[string]string{
	"payment_intents": "payment_intent", "checkout/sessions": "checkout.session", "refunds": "refund", "payment_methods": "payment_method",
	"setup_intents": "setup_intent", "customers": "customer", "charges": "charge",
}

func (f *fake) read(r *http.Request, path []string) (int, []byte) {
	if kind := kinds[strings.Join(path, "/")]; kind != "" {
		return http.StatusOK, f.list(kind, r.Form)
	}
	found := f.things[path[len(path)-1]]
	if found == nil || kinds[strings.Join(path[:len(path)-1], "/")] != found["object"] {
		return http.StatusNotFound, failure(404, "invalid_request_error", "resource_missing")
	}
	return http.StatusOK, encode(f.expanded(found, "", r.Form))
}

// list lists the newest first, in pages.
func (f *fake) list(kind string, form url.Values) []byte {
	limit, _ := strconv.Atoi(form.Get("limit"))
	page, more, begun := []object{}, false, form.Get("starting_after") == ""
	for _, id := range slices.Backward(f.order) {
		thing := f.things[id]
		if !begun {
			begun = id == form.Get("starting_after")
			continue
		}
		fits := thing["object"] == kind
		for _, field := range []string{"customer", "payment_intent"} {
			fits = fits && (form.Get(field) == "" || form.Get(field) == thing[field])
		}
		if !fits {
			continue
		}
		if more = len(page) == limit; more {
			break
		}
		page = append(page, f.expanded(thing, "data.", form))
	}
	return encode(object{"object": "list", "data": page, "has_more": more})
}

// expanded puts things in place of their ids where the request asks for it.
func (f *fake) expanded(thing object, prefix string, form url.Values) object {
	thing = maps.Clone(thing)
	for name, values := range form {
		if !strings.HasPrefix(name, "expand[") {
			continue
		}
		field, rest, nested := strings.Cut(strings.TrimPrefix(values[0], prefix), ".")
		inner, ok := thing[field].(string)
		if !ok || f.things[inner] == nil {
			continue
		}
		found := maps.Clone(f.things[inner])
		if nested {
			found = f.expanded(found, "", url.Values{"expand[0]": {rest}})
		}
		thing[field] = found
	}
	return thing
}

func (f *fake) add(kind, prefix string, with object) object {
	id := fmt.Sprintf("%s_%d", prefix, len(f.order)+1)
	thing := object{"id": id, "object": kind, "created": f.now.Unix()}
	maps.Copy(thing, with)
	f.things[id], f.order = thing, append(f.order, id)
	return thing
}

func metadataOf(form url.Values, prefix string) object {
	meta := object{}
	for name, values := range form {
		if inner, ok := strings.CutPrefix(name, prefix+"["); ok {
			meta[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	return meta
}

// createIntent pays by a method, as its id says.
func (f *fake) createIntent(form url.Values) (int, []byte) {
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	method := form.Get("payment_method")
	if err != nil || amount <= 0 || form.Get("confirm") != "true" || form.Get("off_session") != "true" ||
		f.things[form.Get("customer")] == nil || f.things[method] == nil {
		return http.StatusBadRequest, failure(400, "invalid_request_error", "resource_missing")
	}
	intent := f.add("payment_intent", "pi", object{
		"amount": amount, "amount_received": int64(0), "currency": form.Get("currency"), "customer": form.Get("customer"),
		"metadata": metadataOf(form, "metadata"), "status": "succeeded", "payment_method": method, "client_secret": "pi_secret",
	})
	decline := func(code, declineCode string) (int, []byte) {
		told := object{"type": "card_error", "code": code, "decline_code": declineCode, "message": "no"}
		maps.Copy(intent, object{"status": "requires_payment_method", "last_payment_error": told, "payment_method": nil})
		told = maps.Clone(told)
		told["payment_intent"] = maps.Clone(intent)
		return http.StatusPaymentRequired, encode(object{"error": told})
	}
	switch method {
	case "pm_declined":
		return decline("card_declined", "generic_decline")
	case "pm_stolen":
		return decline("card_declined", "stolen_card")
	case "pm_uncovered":
		return decline("card_declined", "insufficient_funds")
	case "pm_expired":
		return decline("expired_card", "")
	case "pm_sca":
		return decline("authentication_required", "authentication_required")
	case "pm_action":
		intent["status"] = "requires_action"
	case "pm_sepa":
		intent["status"] = "processing"
	default:
		f.paid(intent)
	}
	return http.StatusOK, encode(intent)
}

// paid says that a payment came to its good end.
func (f *fake) paid(intent object) {
	charge := f.add("charge", "ch", object{
		"amount": intent["amount"], "amount_refunded": int64(0), "currency": intent["currency"], "metadata": intent["metadata"],
		"payment_intent": intent["id"],
	})
	maps.Copy(intent, object{"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]})
}

func (f *fake) createSession(form url.Values) (int, []byte) {
	if form.Get("payment_method_types[0]") == "" || form.Get("success_url") == "" || form.Get("customer") != "" && form.Get("customer_creation") != "" {
		return http.StatusBadRequest, failure(400, "invalid_request_error", "parameter_missing")
	}
	amount, _ := strconv.ParseInt(form.Get("line_items[0][price_data][unit_amount]"), 10, 64)
	session := f.add("checkout.session", "cs", object{
		"mode": form.Get("mode"), "status": "open", "payment_status": "unpaid", "amount_total": amount,
		"currency": form.Get("line_items[0][price_data][currency]"), "metadata": metadataOf(form, "metadata"),
		"client_reference_id": form.Get("client_reference_id"), "customer": nil, "payment_intent": nil, "setup_intent": nil,
		"expires_at": f.now.Add(24 * time.Hour).Unix(),
	})
	session["url"] = "https://checkout.stripe.test/" + session["id"].(string)
	if form.Get("customer") != "" {
		session["customer"] = form.Get("customer")
	}
	return http.StatusOK, encode(session)
}

func (f *fake) createRefund(form url.Values) (int, []byte) {
	amount, _ := strconv.ParseInt(form.Get("amount"), 10, 64)
	intent := f.things[form.Get("payment_intent")]
	charge := f.things[fmt.Sprint(intent["latest_charge"])]
	if charge == nil || charge["amount_refunded"].(int64)+amount > intent["amount_received"].(int64) {
		return http.StatusBadRequest, failure(400, "invalid_request_error", "charge_already_refunded")
	}
	charge["amount_refunded"] = charge["amount_refunded"].(int64) + amount
	refund := f.add("refund", "re", object{
		"amount": amount, "currency": intent["currency"], "status": "succeeded", "payment_intent": intent["id"], "charge": charge["id"],
		"metadata": metadataOf(form, "metadata"),
	})
	return http.StatusOK, encode(refund)
}

// pay is a customer who pays on a page, or saves a method there.
func (f *fake) pay(session, method, account string) object {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.things[session]
	maps.Copy(s, object{"status": "complete", "customer": account})
	if s["mode"] == "setup" {
		setup := f.add("setup_intent", "seti", object{"status": "succeeded", "customer": account, "payment_method": method, "metadata": s["metadata"]})
		maps.Copy(s, object{"setup_intent": setup["id"], "payment_status": "no_payment_required"})
		return s
	}
	intent := f.add("payment_intent", "pi", object{
		"amount": s["amount_total"], "amount_received": int64(0), "currency": s["currency"], "customer": account,
		"metadata": s["metadata"], "payment_method": method, "status": "processing",
	})
	s["payment_intent"] = intent["id"]
	if method != "pm_sepa" {
		f.paid(intent)
		s["payment_status"] = "paid"
	}
	return s
}
