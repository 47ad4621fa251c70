package docspace_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

// Time in these tests is that of a synctest bubble: it stands still but for
// pauses, so that each can be told exactly.

// script is a transport that answers a step a request, the last step for good,
// and notes when each request came.
type script struct {
	steps []transport
	came  []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	step := s.steps[min(len(s.came), len(s.steps)-1)]
	s.came = append(s.came, time.Now())
	return step(r)
}

// pauses returns the times between the requests.
func (s *script) pauses() []time.Duration {
	var all []time.Duration
	for i := 1; i < len(s.came); i++ {
		all = append(all, s.came[i].Sub(s.came[i-1]))
	}
	return all
}

func failing(cause error) transport {
	return func(*http.Request) (*http.Response, error) { return nil, cause }
}

// waiting refuses with a Retry-After; "" leaves it out.
func waiting(status int, retryAfter string) transport {
	return inMemory(func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	})
}

func brokenOff(status int) transport {
	return func(*http.Request) (*http.Response, error) {
		body := io.MultiReader(strings.NewReader(`{"response":`), failingReader{io.ErrUnexpectedEOF})
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}, nil
	}
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestOnlyWhatMayPassIsRepeated(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	tests := []struct {
		name     string
		step     transport
		repeated bool
	}{
		{"429", waiting(429, ""), true},
		{"502", waiting(502, ""), true},
		{"502 with a page", saying(502, badGatewayPage), true},
		{"503", waiting(503, ""), true},
		{"503 with a message", saying(503, refusal(503, "starting")), true},
		{"504", waiting(504, ""), true},
		{"connection refused", failing(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), true},
		{"connection reset", failing(reset), true},
		{"connection closed", failing(io.EOF), true},
		{"answer broken off", brokenOff(200), true},
		{"refusal broken off", brokenOff(403), true},
		{"name server failed", failing(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), true},

		{"400", waiting(400, ""), false},
		{"401", waiting(401, ""), false},
		{"402", waiting(402, ""), false},
		{"403", waiting(403, ""), false},
		{"404", waiting(404, ""), false},
		{"500", waiting(500, ""), false},
		{"500 with Retry-After", waiting(500, "1"), false},
		{"501", waiting(501, ""), false},
		{"redirect", inMemory(sendingTo(302, "https://evil.example/")), false},
		{"refusal of status 200", saying(200, refusal(503, "no")), false},
		{"login page", saying(200, loginPage), false},
		{"broken JSON", saying(200, `{"response":`), false},
		{"broken payload", saying(200, envelope(`"x"`)), false},
		{"no such host", failing(&net.DNSError{Err: "no such host", IsNotFound: true}), false},
		{"unknown authority", failing(x509.UnknownAuthorityError{}), false},
		{"another's certificate", failing(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x"}), false},
		{"no TLS", failing(errors.New("http: server gave HTTP response to HTTPS client")), false},
		{"canceled", failing(context.Canceled), false},
		{"timed out", failing(context.DeadlineExceeded), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, attempts := range []int{0, 1, 2, 7} {
				synctest.Test(t, func(t *testing.T) {
					steps := &script{steps: []transport{tt.step}}
					_, err := newClient(t, docspace.Config{Transport: steps, MaxAttempts: attempts}).Balance(t.Context())
					if err == nil {
						t.Fatal("no error")
					}
					want := 1
					if tt.repeated {
						want = attempts
						if attempts == 0 {
							want = 4 // the default
						}
					}
					if got := len(steps.came); got != want {
						t.Errorf("at most %d: sent %d times, want %d (%v)", attempts, got, want, err)
					}
				})
			}
		})
	}
}

func TestARepeatThatSucceedsIsTheAnswer(t *testing.T) {
	faults := []transport{waiting(503, ""), failing(io.EOF), waiting(429, "2"), brokenOff(200)}
	for n := range faults {
		synctest.Test(t, func(t *testing.T) {
			steps := &script{steps: append(faults[:n:n], saying(200, envelope(topUpPayload)))}
			got, err := newClient(t, docspace.Config{Transport: steps}).TopUpSettings(t.Context())
			if err != nil || *got != topUpWant || len(steps.came) != n+1 {
				t.Errorf("after %d faults: %+v, %v; sent %d times", n, got, err, len(steps.came))
			}
		})
	}
}

// The last failure is the one that is told.
func TestTheLastFailureIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := &script{steps: []transport{waiting(503, ""), failing(io.EOF), saying(403, refusal(403, "Access denied"))}}
		_, err := newClient(t, docspace.Config{Transport: steps}).Quota(t.Context())
		failureOf(t, err, docspace.ErrForbidden)
		if len(steps.came) != 3 {
			t.Errorf("sent %d times", len(steps.came))
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	date := func(after time.Duration) func() string {
		return func() string { return time.Now().Add(after).UTC().Format(http.TimeFormat) }
	}
	text := func(s string) func() string { return func() string { return s } }
	tests := []struct {
		name    string
		value   func() string // made when time stands still
		maxWait time.Duration
		pause   time.Duration
	}{
		{"in seconds", text("7"), 0, 7 * time.Second},
		{"as long as may be", text("30"), 0, 30 * time.Second},
		{"for minutes", text("600"), 10 * time.Minute, 10 * time.Minute},
		{"as a date", date(12 * time.Second), 0, 12 * time.Second},
		{"as a date far off", date(90 * time.Second), 2 * time.Minute, 90 * time.Second},
	}
	for _, tt := range tests {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprint(tt.name, " with ", status), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					steps := &script{steps: []transport{waiting(status, tt.value()), saying(200, nothing)}}
					_, err := newClient(t, docspace.Config{Transport: steps, MaxWait: tt.maxWait}).Balance(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					diff(t, "pauses", steps.pauses(), []time.Duration{tt.pause})
				})
			})
		}
	}
}

// Who is asked to wait for longer than it can is told at once, and how long.
func TestATooLongRetryAfterIsToldAtOnce(t *testing.T) {
	tests := []struct {
		name       string
		retryAfter string
		maxWait    time.Duration
		deadline   time.Duration // of the context; 0: none
		told       time.Duration // 0: anything longer than may be
	}{
		{"longer than may be", "31", 0, 0, 31 * time.Second},
		{"longer than configured", "2", time.Second, 0, 2 * time.Second},
		{"longer than the context", "10", 0, 5 * time.Second, 10 * time.Second},
		{"as long as the context", "5", 0, 5 * time.Second, 5 * time.Second},
		{"a date too far off", "Sun, 01 Jan 2040 00:00:00 GMT", 0, 0, 40*365*24*time.Hour + 10*24*time.Hour},
		{"a century", "3155760000", 0, 0, 0},
		{"more than can be counted", "99999999999999999999", 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				steps := &script{steps: []transport{waiting(429, tt.retryAfter)}}
				start := time.Now()
				_, err := newClient(t, docspace.Config{Transport: steps, MaxWait: tt.maxWait}).Balance(ctx)
				failure := failureOf(t, err, docspace.ErrRateLimited)
				if took := time.Since(start); took != 0 || len(steps.came) != 1 {
					t.Errorf("took %s, sent %d times", took, len(steps.came))
				}
				if tt.told == 0 && failure.RetryAfter <= 30*time.Second || tt.told != 0 && failure.RetryAfter != tt.told {
					t.Errorf("told %s, want %s", failure.RetryAfter, tt.told)
				}
			})
		})
	}
}

// What says nothing usable is as good as nothing.
func TestARetryAfterThatSaysNothingIsPassedOver(t *testing.T) {
	for _, value := range []string{"", "0", "-5", "soon", "1.5", "Sat, 01 Jan 1994 00:00:00 GMT", "5 seconds", "２"} {
		synctest.Test(t, func(t *testing.T) {
			steps := &script{steps: []transport{waiting(429, value)}}
			_, err := newClient(t, docspace.Config{Transport: steps, MaxAttempts: 2}).Balance(t.Context())
			failure := failureOf(t, err, docspace.ErrRateLimited)
			if failure.RetryAfter != 0 || len(steps.came) != 2 {
				t.Fatalf("%q: told %s, sent %d times", value, failure.RetryAfter, len(steps.came))
			}
			if pause := steps.pauses()[0]; pause <= 0 || pause > time.Second {
				t.Errorf("%q: waited %s", value, pause)
			}
		})
	}
}

func TestPausesGrowAndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := &script{steps: []transport{waiting(502, "")}}
		_, err := newClient(t, docspace.Config{Transport: steps, MaxAttempts: 70}).Balance(t.Context())
		failureOf(t, err, docspace.ErrPortalFailed)
		pauses := steps.pauses()
		if len(pauses) != 69 {
			t.Fatalf("%d pauses", len(pauses))
		}
		most := 200 * time.Millisecond
		for i, pause := range pauses {
			if pause < most/2 || pause > most {
				t.Errorf("pause %d is %s, want %s to %s", i+1, pause, most/2, most)
			}
			most = min(2*most, 5*time.Second)
		}
	})
}

// Clients that failed together don't come back together.
func TestPausesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 50 {
			steps := &script{steps: []transport{waiting(502, "")}}
			_, err := newClient(t, docspace.Config{Transport: steps, MaxAttempts: 2}).Balance(t.Context())
			failureOf(t, err, docspace.ErrPortalFailed)
			seen[steps.pauses()[0]] = true
		}
		if len(seen) < 25 {
			t.Errorf("50 clients waited only %d different times", len(seen))
		}
	})
}

// MaxWait bounds the client's own pauses; only a portal that asks for longer
// ones gets no repeat.
func TestMaxWaitBoundsTheClientsOwnPauses(t *testing.T) {
	for _, most := range []time.Duration{time.Nanosecond, 10 * time.Millisecond, 150 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			steps := &script{steps: []transport{waiting(502, "")}}
			_, err := newClient(t, docspace.Config{Transport: steps, MaxWait: most, MaxAttempts: 6}).Balance(t.Context())
			failureOf(t, err, docspace.ErrPortalFailed)
			if len(steps.came) != 6 {
				t.Errorf("at most %s: sent %d times, want 6", most, len(steps.came))
			}
			for _, pause := range steps.pauses() {
				if pause > most {
					t.Errorf("at most %s: waited %s", most, pause)
				}
			}
		})
	}
}

func TestRepeatsEndWithTheContext(t *testing.T) {
	for _, step := range []transport{waiting(503, ""), waiting(503, "1"), failing(io.EOF), waiting(429, "3")} {
		synctest.Test(t, func(t *testing.T) {
			const allowed = 10 * time.Second
			ctx, cancel := context.WithTimeout(t.Context(), allowed)
			defer cancel()
			steps := &script{steps: []transport{step}}
			start := time.Now()
			_, err := newClient(t, docspace.Config{Transport: steps, MaxAttempts: 1000}).Balance(ctx)
			if took := time.Since(start); took > allowed {
				t.Errorf("took %s of %s", took, allowed)
			}
			if err == nil || len(steps.came) < 2 {
				t.Errorf("%v; sent %d times", err, len(steps.came))
			}
		})
	}
}

func TestACancelEndsAPauseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		steps := &script{steps: []transport{waiting(429, "20")}}
		start := time.Now()
		_, err := newClient(t, docspace.Config{Transport: steps}).Balance(ctx)
		if took := time.Since(start); took != time.Second || len(steps.came) != 1 {
			t.Errorf("took %s, sent %d times", took, len(steps.came))
		}
		if err == nil {
			t.Error("no error")
		}
	})
}

// Timeout is for one request, not for all of its repeats.
func TestEachAttemptHasItsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(next transport) transport {
			return func(r *http.Request) (*http.Response, error) {
				select {
				case <-time.After(9 * time.Second):
					return next(r)
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
		}
		steps := &script{steps: []transport{slow(waiting(503, "1")), slow(waiting(503, "1")), slow(saying(200, nothing))}}
		start := time.Now()
		_, err := newClient(t, docspace.Config{Transport: steps, Timeout: 10 * time.Second}).Balance(t.Context())
		if took := time.Since(start); err != nil || took != 29*time.Second {
			t.Errorf("took %s, %v", took, err)
		}
	})
}
