package operatorapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// hook has acme's events sent to an address, and returns the id and the secret.
func (h *house) hook(url string) (path, secret string) {
	h.t.Helper()
	got := h.post("/v1/webhooks", "", `{"url":"`+url+`","private":true,"description":"ours","portal":"acme","types":["balance.low"]}`).expect(201)
	return "/v1/webhooks/" + got.member("id"), got.member("secret")
}

func TestWebhooks(t *testing.T) {
	onEachEngine(t, func(t *testing.T, s setup) {
		h := newHouse(t, s)
		h.do(request{method: "GET", path: "/v1/webhooks"}).expect(200).is(`{"webhooks":[]}`)
		path, secret := h.hook("http://127.0.0.1:1/in?token=t")
		id := strings.TrimPrefix(path, "/v1/webhooks/")
		if !strings.HasPrefix(secret, "whsec_") {
			t.Errorf("the secret is %q", secret)
		}
		const rest = `"private":true,"state":"active","position":0,"failures":0,"createdAt":"` + moment + `"}`
		whole := `{"id":"` + id + `","url":"http://127.0.0.1:1/in?token=t","description":"ours","portal":"acme","types":["balance.low"],` + rest
		get := func() reply {
			t.Helper()
			return h.do(request{method: "GET", path: path}).expect(200)
		}
		get().is(whole)
		h.do(request{method: "GET", path: "/v1/webhooks"}).expect(200).is(`{"webhooks":[` + whole + `]}`)
		patch := func(body string) reply {
			t.Helper()
			return h.do(request{method: "PATCH", path: path, body: body, loose: true})
		}
		bare := `{"id":"` + id + `","url":"https://example.com/",` + strings.Replace(rest, "true", "false", 1)
		patch(`{"url":"https://example.com/","description":"","portal":"","types":[],"private":false}`).expect(200).is(bare)
		h.post(path+"/pause", "", "").expect(200).is(strings.Replace(bare, `"active"`, `"paused","reason":"asked"`, 1))
		h.post(path+"/resume", "", "{}").expect(200).is(bare)
		rotated := h.post(path+"/rotate", "", "").expect(200)
		if fresh := rotated.member("secret"); fresh == secret || rotated.member("oldSecretUntil") != "2026-07-09T11:39:43.123456Z" {
			t.Error(rotated.body)
		}
		if body := get().body; strings.Contains(body, "whsec") {
			t.Error(body)
		}
		for field, body := range map[string]string{
			"url": `{"url":"http://example.com/"}`, "types": `{"types":["x"]}`, "portal": `{"portal":"none"}`,
			"description": `{"description":"` + strings.Repeat("a", 201) + `"}`, "secret": `{"secret":"x"}`, "private": `{"private":"yes"}`,
		} {
			patch(body).refused(400, "invalid_field", field)
		}
		for field, body := range map[string]string{
			"url": `{}`, "types": `{"url":"https://example.com/","types":["x"]}`, "secret": `{"url":"https://example.com/","secret":"whsec_x"}`,
			"after": `{"url":"https://example.com/","after":1}`, "colour": `{"url":"https://example.com/","colour":1}`,
		} {
			h.do(request{method: "POST", path: "/v1/webhooks", body: body, loose: true}).refused(400, "invalid_field", field)
		}
		h.do(request{method: "DELETE", path: path}).done()
		for _, q := range []request{
			{method: "GET", path: path}, {method: "PATCH", path: path, body: `{}`}, {method: "DELETE", path: path}, {method: "POST", path: path + "/pause"},
			{method: "POST", path: path + "/resume"}, {method: "POST", path: path + "/rotate"}, {method: "POST", path: path + "/test"},
			{method: "POST", path: path + "/replay", body: `{"from":1}`}, {method: "GET", path: path + "/undelivered"},
		} {
			h.do(q).refused(404, "not_found", "")
			q.path = strings.Replace(q.path, id, "x", 1)
			h.do(q).refused(404, "not_found", "")
		}
		lines, _ := h.do(request{method: "GET", path: "/v1/audit"}).elements("audit")
		var actions []string
		for _, line := range lines {
			actions = append(actions, line["action"].(string))
		}
		want := "webhook.delete webhook.rotate webhook.resume webhook.pause webhook.change webhook.create operator_key.create"
		if got := strings.Join(actions, " "); got != want {
			t.Errorf("the trail is %s", got)
		}
	})
}

// run does the jobs that are due.
func (h *house) run() {
	h.t.Helper()
	for {
		jobs, err := h.service.ClaimJobs(h.t.Context(), 10)
		h.must(err)
		if len(jobs) == 0 {
			return
		}
		for _, job := range jobs {
			h.must(h.service.RunJob(h.t.Context(), job))
		}
	}
}

func TestDeliveries(t *testing.T) {
	h := newHouse(t, setup{})
	var (
		secret string
		status = http.StatusOK
		got    []string
	)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		h.must(err)
		hook, err := standardwebhooks.NewWebhook(secret)
		h.must(err)
		h.must(hook.Verify(body, r.Header))
		got = append(got, r.Header.Get("webhook-id"))
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	path, told := h.hook(receiver.URL)
	secret = told
	answer := h.post(path+"/test", "", "").expect(200)
	if len(got) != 1 || !strings.HasPrefix(got[0], "test_") || answer.member("taken") != "true" || answer.member("status") != "200 OK" {
		t.Errorf("%v, %s", got, answer.body)
	}
	h.happens(acme, low)
	h.happens(acme, expired)
	h.happens(acme, low)
	h.run()
	h.post(path+"/replay", "", `{"from":2}`).expect(202).is(`{"from":2,"to":3}`)
	h.post(path+"/replay", "", `{"from":2,"to":2}`).refused(409, "in_use", "")
	h.run()
	if text := strings.Join(got[1:], " "); text != "e1.acme e3.acme e3.acme" {
		t.Errorf("%s arrived", text)
	}
	for field, body := range map[string]string{"from": `{"to":1}`, "to": `{"from":1,"to":4}`} {
		h.do(request{method: "POST", path: path + "/replay", body: body, loose: true}).refused(400, "invalid_field", field)
	}
	status = http.StatusTeapot
	h.happens(acme, low)
	h.do(request{method: "GET", path: path + "/undelivered"}).expect(200).is(`{"undelivered":[]}`)
	for { // until it is given up
		h.run()
		at, ok, err := h.service.NextAt(t.Context())
		if h.must(err); !ok {
			break
		}
		h.clock.Move(at.Sub(h.clock.Now()))
	}
	missed, _ := h.do(request{method: "GET", path: path + "/undelivered?limit=1"}).elements("undelivered")
	if one := missed[0]; one["event"] != "e4.acme" || one["position"] != float64(4) || one["status"] != "418 I'm a teapot" || one["type"] != "balance.low" {
		t.Error(missed)
	}
	if body := h.do(request{method: "GET", path: path}).body; !strings.Contains(body, `"reason":"given_up","position":4,"failures":0,"failingSince":`) {
		t.Error(body)
	}
	h.do(request{method: "GET", path: path + "/undelivered?after=x"}).refused(400, "invalid_field", "after")
}
