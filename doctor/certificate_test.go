package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bursarhq/bursar/doctor"
	"github.com/bursarhq/bursar/fleet"
)

// authority makes certificates.
type authority struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	parent *x509.Certificate
	file   string // with its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Authority"},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.parent, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for a server on this machine, or for other names.
func (a *authority) issue(from, to time.Time, names ...string) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "portal.example.com"}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, DNSNames: names,
	}
	if len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.parent, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// served is a portal of one user behind TLS, which counts the keys that it is shown.
func served(t *testing.T, certificate tls.Certificate) (url string, shown *atomic.Int64) {
	t.Helper()
	shown = new(atomic.Int64)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		shown.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"response":{"id":0,"state":1},"count":1,"status":0,"statusCode":200}`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, shown
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	now := time.Now()
	year := 365 * 24 * time.Hour
	for name, test := range map[string]struct {
		certificate tls.Certificate
		trusted     bool
		state       doctor.State
		texts       []string
		hint        string
	}{
		"good":    {authority.issue(now.Add(-time.Hour), now.Add(year)), true, doctor.OK, []string{"the certificate of portal.example.com, from ", now.Add(year).UTC().Format("2006-01-02"), "by Test Authority"}, ""},
		"soon":    {authority.issue(now.Add(-time.Hour), now.Add(time.Hour)), true, doctor.Warning, []string{"it expires soon"}, "needs a new certificate"},
		"expired": {authority.issue(now.Add(-year), now.Add(-time.Hour)), true, doctor.Failed, []string{": it expired on " + now.Add(-time.Hour).UTC().Format("2006-01-02")}, "needs a new certificate"},
		"early":   {authority.issue(now.Add(time.Hour), now.Add(year)), true, doctor.Failed, []string{": it is not valid before " + now.Add(time.Hour).UTC().Format("2006-01-02")}, "machine's clock"},
		"name":    {authority.issue(now.Add(-time.Hour), now.Add(year), "other.example.com", "www.example.com"), true, doctor.Failed, []string{": it is for other.example.com, www.example.com and not for 127.0.0.1"}, "use the name"},
		"issuer":  {authority.issue(now.Add(-time.Hour), now.Add(year)), false, doctor.Failed, []string{": this machine does not trust its issuer Test Authority"}, "--ca-cert"},
		"all of it": {
			authority.issue(now.Add(-year), now.Add(-time.Hour), "other.example.com"), false, doctor.Failed,
			[]string{"it expired on", "; it is for other.example.com", "; this machine does not trust its issuer"}, "; use the name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, shown := served(t, test.certificate)
			p := profile(url, key)
			if test.trusted {
				p.CACert = authority.file
			}
			d := physician().Examine(t.Context(), p)
			found := states(d)
			for _, f := range d.Findings {
				if f.Step != doctor.TLS {
					continue
				}
				for _, want := range test.texts {
					if !strings.Contains(f.Text, want) {
						t.Errorf("it lacks %q: %s", want, f.Text)
					}
				}
				if f.State != test.state || !strings.Contains(f.Hint, test.hint) {
					t.Errorf("%s: %s", f.State, f.Hint)
				}
			}
			// The door and the clock are looked at whatever the certificate is; the key is
			// sent to none that is not good.
			if found[doctor.API] != doctor.OK || found[doctor.Clock] != doctor.OK {
				t.Errorf("%v", found)
			}
			if sent := shown.Load() > 0; sent != (test.state != doctor.Failed) {
				t.Errorf("the key was sent: %t", sent)
			}
			if test.state == doctor.Failed && found[doctor.Key] != doctor.Skipped {
				t.Errorf("the key is %s", found[doctor.Key])
			}
		})
	}
}

func TestNoTLSWhereItShouldBe(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	d := examined(t, physician(), profile("https"+strings.TrimPrefix(server.URL, "http"), key),
		map[doctor.Step]doctor.State{doctor.TLS: doctor.Failed}, map[doctor.Step]string{doctor.TLS: "does not speak TLS"})
	if states(d)[doctor.API] != doctor.Skipped {
		t.Error(states(d))
	}
	p := profile("https://127.0.0.1:1", key)
	p.CACert = filepath.Join(t.TempDir(), "gone.pem")
	d = physician().Examine(t.Context(), p)
	if got := states(d); got[doctor.TLS] != doctor.Failed || got[doctor.Connection] != doctor.Failed {
		t.Error(got)
	}
}

// Somebody who was given the key of a profile in the address would see it there.
func TestKeysArePrintedNowhere(t *testing.T) {
	t.Parallel()
	d := physician().Examine(t.Context(), fleet.Profile{Name: "acme", URL: "https://" + key + ":" + key + "@127.0.0.1:1", Key: fleet.Key{Plain: key}})
	for _, f := range d.Findings {
		if strings.Contains(f.Text+f.Hint+d.URL, key) {
			t.Errorf("%s: %s", f.Step, f.Text)
		}
	}
}
