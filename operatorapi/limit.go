package operatorapi

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// limiter bounds how often a minute something is done in each name.
type limiter struct {
	perMinute int // less than 1: no bound
	buckets   *lru.Cache[string, *rate.Limiter]
}

// maxBuckets bounds the memory of a limiter; who was not seen the longest starts
// anew.
const maxBuckets = 100_000

func newLimiter(perMinute int) *limiter {
	buckets, err := lru.New[string, *rate.Limiter](maxBuckets)
	if err != nil { // only for a size below 1
		panic(err)
	}
	return &limiter{perMinute: perMinute, buckets: buckets}
}

// take counts one more, or returns a limitError.
func (l *limiter) take(name string) error {
	if l.perMinute < 1 || l.bucket(name).Allow() {
		return nil
	}
	return &limitError{retryAfter: strconv.Itoa(max(1, (60+l.perMinute-1)/l.perMinute))}
}

func (l *limiter) bucket(name string) *rate.Limiter {
	if bucket, ok := l.buckets.Get(name); ok {
		return bucket
	}
	fresh := rate.NewLimiter(rate.Every(time.Minute/time.Duration(l.perMinute)), l.perMinute)
	if bucket, ok, _ := l.buckets.PeekOrAdd(name, fresh); ok {
		return bucket
	}
	return fresh
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

// isLocal reports whether a request comes from this machine itself, and not by
// way of a proxy.
func isLocal(r *http.Request) bool {
	return remote(r).IsLoopback() && r.Header["X-Forwarded-For"] == nil && r.Header["Forwarded"] == nil
}
