package portalapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// desk is a limiter with a clock that is moved by hand.
type desk struct {
	*limiter
	at time.Time
}

func newDesk(perMinute int, limits Limits) *desk {
	d := &desk{at: noon}
	d.limiter = newLimiter(perMinute, limits, false, func() time.Time { return d.at })
	return d
}

// ask makes a request in the name of a user, with one of the user's keys, that is
// over at once. It returns the headers' limit, remaining and reset, and Retry-After,
// which is "" for a request that was let in.
func (d *desk) ask(t *testing.T, method, key string, rt *route) [4]string {
	t.Helper()
	h := http.Header{}
	r := httptest.NewRequest(method, "/", nil) // from 192.0.2.1
	under, err := d.admit(h, r, who{portal: "p", user: "u"}, key, rt)
	under.end()
	retry := h.Get("Retry-After")
	if err != nil && !errors.Is(err, errTooMany) || (err != nil) != (retry != "") {
		t.Fatalf("%v, and Retry-After is %q", err, retry)
	}
	return [4]string{h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Reset"), retry}
}

func (d *desk) wants(t *testing.T, got [4]string, limit, remaining, reset, retry string) {
	t.Helper()
	if want := [4]string{limit, remaining, reset, retry}; got != want {
		t.Errorf("limit, remaining, reset and Retry-After are %q, want %q", got, want)
	}
}

// The headers are about the limit that is closest to its end.
func TestHeadersAreOfTheClosestLimit(t *testing.T) {
	d := newDesk(10, Limits{WritesPerDay: 6, PaymentsPerMinute: 3, SensitivePer15Minutes: 2})
	pays, other, secret := &route{path: "/deposit", pays: true}, &route{path: "/update", pays: true}, &route{path: "/keys", sensitive: true}
	d.wants(t, d.ask(t, "GET", "k", nil), "10", "9", "60", "")
	d.wants(t, d.ask(t, "POST", "k", nil), "6", "5", "43200", "")
	d.wants(t, d.ask(t, "DELETE", "k", nil), "10", "7", "60", "") // not of the day's
	d.wants(t, d.ask(t, "POST", "k", pays), "3", "2", "60", "")
	d.wants(t, d.ask(t, "PUT", "k", other), "3", "2", "60", "") // each path by itself
	d.wants(t, d.ask(t, "POST", "k", secret), "2", "1", "900", "")
	d.at = d.at.Add(time.Minute)
	d.wants(t, d.ask(t, "POST", "k", secret), "2", "0", "900", "")
	d.wants(t, d.ask(t, "POST", "k", secret), "2", "0", "900", "840")
	d.wants(t, d.ask(t, "POST", "k", nil), "6", "0", "43140", "")
	// The day is over for writing, whatever else is left; the longest wait is told.
	d.wants(t, d.ask(t, "POST", "k", pays), "6", "0", "43140", "43140")
	d.wants(t, d.ask(t, "GET", "k", nil), "10", "7", "60", "")
	d.at = noon.Add(12 * time.Hour)
	d.wants(t, d.ask(t, "POST", "k", pays), "3", "2", "60", "")
}

func TestLimitsByDefaultAndNone(t *testing.T) {
	pays, secret := &route{path: "/deposit", pays: true}, &route{path: "/keys", sensitive: true}
	d := newDesk(0, Limits{})
	d.wants(t, d.ask(t, "GET", "k", nil), "1500", "1499", "60", "")
	d.wants(t, d.ask(t, "POST", "k", pays), "10", "9", "60", "")
	d.wants(t, d.ask(t, "POST", "k", secret), "5", "4", "900", "")
	d.at = d.at.Add(time.Hour)
	for range 7 {
		for range 1400 {
			d.ask(t, "PUT", "k", nil)
		}
		d.at = d.at.Add(time.Minute)
	}
	d.wants(t, d.ask(t, "PUT", "k", nil), "10000", "197", "39180", "")
	mails := &route{path: "/request", mails: true}
	d.at = d.at.Add(24 * time.Hour)
	for range 10 {
		d.ask(t, "POST", "k", mails)
	}
	d.wants(t, d.ask(t, "POST", "k", mails), "11", "0", "120", "")
	d.wants(t, d.ask(t, "POST", "k", mails), "11", "0", "120", "120")
	d = newDesk(100, Limits{WritesPerDay: -1, PaymentsPerMinute: -1, SensitivePer15Minutes: -1, MailsPer2Minutes: -1, Reading: -1, Writing: -1})
	d.ask(t, "POST", "k", pays)
	d.ask(t, "POST", "k", mails)
	d.wants(t, d.ask(t, "POST", "k", secret), "100", "97", "60", "")
}

// One key that runs away leaves a fifth for the others, from the moment that one of
// them shows itself until a day after it was last seen.
func TestOneKeyLeavesSomeToTheOthers(t *testing.T) {
	d := newDesk(10, Limits{})
	let := func(key string, n int) (in int) {
		for range n {
			if d.ask(t, "GET", key, nil)[3] == "" {
				in++
			}
		}
		return in
	}
	if got := let("runaway", 20); got != 10 { // it is alone
		t.Errorf("%d of ten", got)
	}
	d.wants(t, d.ask(t, "GET", "other", nil), "10", "0", "60", "60")
	d.at = d.at.Add(time.Minute)
	if got := let("runaway", 20); got != 8 {
		t.Errorf("%d of eight", got)
	}
	d.wants(t, d.ask(t, "GET", "runaway", nil), "8", "0", "60", "60")
	if got := let("other", 20); got != 2 {
		t.Errorf("%d of two", got)
	}
	d.wants(t, d.ask(t, "GET", "other", nil), "10", "0", "60", "60")
	d.at = d.at.Add(25 * time.Hour)
	if got := let("runaway", 20); got != 10 { // it is alone again
		t.Errorf("%d of ten", got)
	}
}

// A user may have any number of keys; a few of them are told apart.
func TestManyKeysAreBounded(t *testing.T) {
	d := newDesk(0, Limits{})
	for i := range 1000 {
		d.at = d.at.Add(time.Millisecond)
		d.ask(t, "GET", string(rune('a'+i)), nil)
	}
	d.wants(t, d.ask(t, "GET", "one more", nil), "1500", "499", "60", "")
	if p := d.party(who{portal: "p", user: "u"}); len(p.keys) != maxKeysOfUser {
		t.Errorf("%d keys are kept", len(p.keys))
	}
}

// What is under way is counted until it ends, and what is refused never was.
func TestWhatIsUnderWayIsBounded(t *testing.T) {
	d := newDesk(0, Limits{Reading: 2, Writing: 1})
	begin := func(method string, from who) (admission, error) {
		return d.admit(http.Header{}, httptest.NewRequest(method, "/", nil), from, "k", nil)
	}
	a, b := who{portal: "p", user: "a"}, who{portal: "p", user: "b"}
	elsewhere := who{portal: "q", user: "a"} // the same id in another portal is another user
	var under []admission
	for i, test := range []struct {
		method string
		from   who
		over   bool
	}{
		{"GET", a, false}, {"HEAD", a, false}, {"GET", a, true}, {"GET", b, false}, {"GET", elsewhere, false},
		{"POST", a, false}, {"PUT", a, true}, {"DELETE", a, true}, {"POST", b, false},
	} {
		admitted, err := begin(test.method, test.from)
		if (err != nil) != test.over {
			t.Errorf("request %d: %v", i+1, err)
		}
		under = append(under, admitted)
	}
	for _, u := range under {
		u.end()
	}
	for _, method := range []string{"GET", "GET", "POST"} {
		if _, err := begin(method, a); err != nil {
			t.Errorf("%s after all have ended: %v", method, err)
		}
	}
}

// The limiter costs a request next to nothing: the values of headers that change,
// and room for a key or two.
func TestAdmittingAllocatesLittle(t *testing.T) {
	d := newDesk(1<<30, Limits{})
	r := httptest.NewRequest("GET", "/", nil)
	h, rt := http.Header{}, &route{path: "/quota"}
	got := testing.AllocsPerRun(1000, func() {
		under, err := d.admit(h, r, who{portal: "p", user: "u"}, "k", rt)
		if under.end(); err != nil {
			t.Fatal(err)
		}
	})
	if got > 2 {
		t.Errorf("%g allocations a request", got)
	}
}
