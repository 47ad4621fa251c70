package portalapi

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/bursarhq/bursar/billing"
)

// limiter bounds the requests a minute of each user and each address.
// Source: contract, "Rate limits".
type limiter struct {
	perMinute int // less than 0: no bound
	buckets   *lru.Cache[string, *rate.Limiter]
	full      []string // the header's value of an untouched bucket
}

// maxBuckets bounds the memory of the limiter; who was not seen the longest
// starts anew.
const maxBuckets = 100_000

func newLimiter(perMinute int) *limiter {
	buckets, err := lru.New[string, *rate.Limiter](maxBuckets)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &limiter{perMinute: perMinute, buckets: buckets, full: []string{strconv.Itoa(perMinute)}}
}

var nought = []string{"0"}

// limit counts a request against its caller, or against its address when nobody
// was let in.
func (d *door) limit(w http.ResponseWriter, r *http.Request, caller *billing.Caller) error {
	if d.limits.perMinute < 0 {
		return nil
	}
	return d.limits.count(w, r, limitKey(r, caller), d.quirks.QuietLimits)
}

// count counts a request, says in the headers what is left, quietly only when
// that is nothing, and returns errTooMany then. Who comes from this machine
// itself, not by way of a proxy, is not counted, as in stock.
func (l *limiter) count(w http.ResponseWriter, r *http.Request, key string, quiet bool) error {
	if l.perMinute < 0 {
		return nil
	}
	h := w.Header()
	if isLocal(r) {
		if !quiet {
			h["X-Ratelimit-Limit"], h["X-Ratelimit-Remaining"], h["X-Ratelimit-Reset"] = l.full, l.full, nought
		}
		return nil
	}
	bucket := l.bucket(key)
	now := time.Now()
	allowed := bucket.AllowN(now, 1)
	left := max(0, int(bucket.TokensAt(now)))
	if allowed && quiet {
		return nil
	}
	h["X-Ratelimit-Limit"] = l.full
	h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(left)}
	h["X-Ratelimit-Reset"] = []string{strconv.Itoa((l.perMinute - left) * 60 / max(1, l.perMinute))}
	if !allowed {
		h.Set("Retry-After", strconv.Itoa(max(1, 60/max(1, l.perMinute))))
		return errTooMany
	}
	return nil
}

func (l *limiter) bucket(key string) *rate.Limiter {
	if bucket, ok := l.buckets.Get(key); ok {
		return bucket
	}
	fresh := rate.NewLimiter(rate.Every(time.Minute/time.Duration(max(1, l.perMinute))), l.perMinute)
	if bucket, ok, _ := l.buckets.PeekOrAdd(key, fresh); ok {
		return bucket
	}
	return fresh
}

func limitKey(r *http.Request, caller *billing.Caller) string {
	if caller != nil {
		return "user " + caller.User.ID
	}
	return "address " + remote(r).String()
}

// remote returns the address that a request comes from; the zero Addr when the
// server does not know it.
func remote(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

func isLocal(r *http.Request) bool {
	return remote(r).IsLoopback() && r.Header["X-Forwarded-For"] == nil && r.Header["Forwarded"] == nil
}
