package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/fleet"
)

// address looks at whether the address can be that of a portal.
func (v *visit) address() {
	if _, err := docspace.New(docspace.Config{URL: v.profile.URL, Key: "-"}); err != nil {
		v.note(Address, Failed, strings.TrimPrefix(err.Error(), docspace.ErrConfig.Error()+": "), "an address is like https://portal.example.com")
		return
	}
	base, err := url.Parse(v.profile.URL)
	if err != nil {
		v.note(Address, Failed, "it can't be read", "an address is like https://portal.example.com")
		return
	}
	base.Path, base.RawPath = strings.TrimRight(base.Path, "/"), strings.TrimRight(base.RawPath, "/")
	v.base, v.host = base, base.Hostname()
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: base}); err == nil && proxy != nil {
		v.proxied = true
	}
	ip := net.ParseIP(v.host)
	if base.Scheme == "http" && v.host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		v.note(Address, Warning, base.String()+": the key travels unencrypted", "use https:// if the portal has it")
		return
	}
	v.note(Address, OK, base.String(), "")
}

// hostName looks at whether the name leads anywhere.
func (v *visit) hostName(ctx context.Context) {
	switch {
	case v.base == nil:
		return
	case v.proxied:
		v.note(Host, Skipped, "the proxy of the environment looks names up", "")
		return
	case net.ParseIP(v.host) != nil:
		v.note(Host, OK, v.host+" is no name, and needs none to look it up", "")
		return
	}
	addresses, err := v.lookup(ctx, v.host)
	var missing *net.DNSError
	switch {
	case err == nil && len(addresses) > 0:
		v.note(Host, OK, fmt.Sprintf("%s is at %s", v.host, strings.Join(addresses, ", ")), "")
	case errors.As(err, &missing) && missing.IsNotFound:
		v.note(Host, Failed, "there is no host "+v.host, "check how the name is spelled, and whether the portal was renamed or removed")
	case err != nil:
		v.note(Host, Failed, fmt.Sprintf("the name %s can't be looked up: %s", v.host, plainly(err)), "check this machine's network and name servers")
	default:
		v.note(Host, Failed, v.host+" has no address", "check how the name is spelled")
	}
}

// hostPort is where to connect to.
func (v *visit) hostPort() string {
	port := v.base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[v.base.Scheme]
	}
	return net.JoinHostPort(v.host, port)
}

// connect looks at whether something listens there.
func (v *visit) connect(ctx context.Context) {
	switch {
	case v.base == nil || v.found[Host].State == Failed:
		return
	case v.proxied:
		v.reached = true
		v.note(Connection, Skipped, "the proxy of the environment connects", "")
		return
	}
	dialer := net.Dialer{Timeout: v.timeout()}
	connection, err := dialer.DialContext(ctx, "tcp", v.hostPort())
	if err != nil {
		v.note(Connection, Failed, fmt.Sprintf("%s can't be reached: %s", v.hostPort(), plainly(err)), "check that the portal is up, the port, and firewalls between")
		return
	}
	_ = connection.Close()
	v.reached = true
	v.note(Connection, OK, v.hostPort()+" listens", "")
}

// certificate looks at whether the portal's certificate is good, with all that is wrong
// with it.
func (v *visit) certificate(ctx context.Context) {
	if v.base == nil {
		return
	}
	if v.base.Scheme == "http" {
		v.trusted = true
		v.note(TLS, Skipped, "the address is http://, without TLS", "")
		return
	}
	config, err := v.trusting()
	if err != nil {
		v.note(TLS, Failed, fmt.Sprintf("the certificates to trust can't be read: %s", err), "check the file of ca_cert or --ca-cert")
		return
	}
	if v.proxied {
		v.trusted = true // the requests that follow tell
		v.note(TLS, Skipped, "there is a proxy before the portal; the requests that follow verify the certificate", "")
		return
	}
	if !v.reached {
		return
	}
	chain, err := v.chain(ctx)
	if err != nil {
		hint := "check what listens there, and proxies between"
		var header tls.RecordHeaderError
		if errors.As(err, &header) {
			v.noTLS = true
			err, hint = fmt.Errorf("%s does not speak TLS", v.hostPort()), "is the address http://?"
		}
		v.note(TLS, Failed, plainly(err), hint)
		return
	}
	v.judge(chain, config)
}

// trusting returns the TLS settings for the portal; nil for the usual ones.
func (v *visit) trusting() (*tls.Config, error) {
	if v.profile.CACert == "" {
		return nil, nil
	}
	return fleet.Trusting(v.profile.CACert)
}

// chain returns the certificates that the portal shows, as yet believed by nobody.
func (v *visit) chain(ctx context.Context) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout())
	defer cancel()
	// Nothing is sent over this connection, and nothing that comes is trusted.
	dialer := tls.Dialer{Config: &tls.Config{ServerName: v.host, InsecureSkipVerify: true}}
	connection, err := dialer.DialContext(ctx, "tcp", v.hostPort())
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	chain := connection.(*tls.Conn).ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil, errors.New("it shows no certificate")
	}
	return chain, nil
}

// judge says what is wrong with a certificate: its time, its name, its issuer.
func (v *visit) judge(chain []*x509.Certificate, config *tls.Config) {
	leaf, now := chain[0], v.Now()
	var faults, hints []string
	fault := func(text, hint string) { faults, hints = append(faults, text), append(hints, hint) }
	valid := now
	switch {
	case now.After(leaf.NotAfter):
		valid = leaf.NotAfter
		fault("it expired on "+moment(leaf.NotAfter), "the portal needs a new certificate, unless this machine's clock is wrong")
	case now.Before(leaf.NotBefore):
		valid = leaf.NotBefore
		fault("it is not valid before "+moment(leaf.NotBefore), "check this machine's clock")
	}
	if err := leaf.VerifyHostname(v.host); err != nil {
		fault(fmt.Sprintf("it is for %s and not for %s", namesOf(leaf), v.host), "use the name that the certificate is for, or get the portal one for this name")
	}
	options := x509.VerifyOptions{CurrentTime: valid, Intermediates: x509.NewCertPool()}
	if config != nil {
		options.Roots = config.RootCAs
	}
	for _, between := range chain[1:] {
		options.Intermediates.AddCert(between)
	}
	var unknown x509.UnknownAuthorityError
	if _, err := leaf.Verify(options); errors.As(err, &unknown) {
		fault("this machine does not trust its issuer "+nameOf(leaf.Issuer.CommonName, leaf.Issuer.Organization),
			"if you do, name a file with the issuer's certificate: ca_cert in the profile, or --ca-cert. The portal may also lack an intermediate certificate")
	} else if err != nil {
		fault(plainly(err), "the portal needs another certificate")
	}
	which := fmt.Sprintf("the certificate of %s, from %s to %s, by %s", nameOf(leaf.Subject.CommonName, leaf.DNSNames),
		moment(leaf.NotBefore), moment(leaf.NotAfter), nameOf(leaf.Issuer.CommonName, leaf.Issuer.Organization))
	switch {
	case len(faults) > 0:
		v.note(TLS, Failed, which+": "+strings.Join(faults, "; "), strings.Join(hints, "; "))
	case leaf.NotAfter.Sub(now) < soon:
		v.trusted = true
		v.note(TLS, Warning, which+": it expires soon", "the portal needs a new certificate")
	default:
		v.trusted = true
		v.note(TLS, OK, which, "")
	}
}

// namesOf are the names that a certificate is for.
func namesOf(c *x509.Certificate) string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}

func nameOf(name string, others []string) string {
	if name == "" && len(others) > 0 {
		name = others[0]
	}
	if name == "" {
		return "(no name)"
	}
	return name
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// plainly words an error of the network without the address, which stands beside it.
func plainly(err error) string {
	var network *net.OpError
	if errors.As(err, &network) && network.Err != nil {
		err = network.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}
