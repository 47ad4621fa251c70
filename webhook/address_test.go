package webhook_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/bursarhq/bursar/webhook"
)

func TestAddresses(t *testing.T) {
	const open, private, never = "open", "private", "never"
	for text, want := range map[string]string{
		"8.8.8.8": open, "1.1.1.1": open, "100.63.255.255": open, "100.128.0.0": open, "172.15.0.1": open, "172.32.0.1": open, "223.255.255.255": open,
		"2606:4700::1111": open, "2a00:1450:4001::200e": open,
		"::ffff:8.8.8.8": open, "64:ff9b::8.8.8.8": open, "2002:808:808::1": open,

		"10.0.0.1": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.1": private, "127.0.0.1": private, "127.255.255.254": private,
		"100.64.0.1": private, "100.127.255.255": private, "::1": private, "fc00::1": private, "fdff::1": private, "fec0::1": private,
		"::ffff:10.0.0.1": private, "::ffff:127.0.0.1": private, "64:ff9b::10.0.0.1": private, "64:ff9b::7f00:1": private,
		"2002:a00:1::1": private, "2002:7f00:1::": private, "::10.0.0.1": private, "::127.0.0.1": private,

		"0.0.0.0": never, "0.1.2.3": never, "169.254.169.254": never, "169.254.0.1": never, "224.0.0.1": never, "239.1.1.1": never, "255.255.255.255": never, "240.0.0.1": never,
		"100.100.100.200": never, "168.63.129.16": never, "192.0.0.192": never, "192.0.2.1": never, "198.51.100.1": never, "203.0.113.1": never, "198.18.0.1": never,
		"::": never, "fe80::1": never, "fe80::1%eth0": never, "2606:4700::1%eth0": never, "ff02::1": never, "fd00:ec2::254": never, "fd20:ce::254": never,
		"::ffff:169.254.169.254": never, "::ffff:0.0.0.0": never, "64:ff9b::169.254.169.254": never, "64:ff9b:1::1": never, "2002:a9fe:a9fe::1": never, "::169.254.169.254": never,
		"2001::1": never, "2001:db8::1": never, "3fff::1": never, "100::1": never, "4000::1": never, "5f00::1": never,
	} {
		address := netip.MustParseAddr(text)
		for _, allowed := range []bool{false, true} {
			err := webhook.CheckAddress(address, allowed)
			if ok := want == open || want == private && allowed; (err == nil) != ok || err != nil && !errors.Is(err, webhook.ErrAddress) {
				t.Errorf("%s, private allowed %v: %v", text, allowed, err)
			}
		}
	}
	if webhook.CheckAddress(netip.Addr{}, true) == nil {
		t.Error("no address is one")
	}
}

func TestURLs(t *testing.T) {
	for _, tt := range []struct{ url, public, private string }{
		{"https://example.com/hook?a=b", "", ""},
		{"https://example.com:8443", "", ""},
		{"https://8.8.8.8/", "", ""},
		{"https://[2606:4700::1111]/", "", ""},
		{"http://example.com/", "https", ""},
		{"http://127.0.0.1:8080/", "https", ""},
		{"https://127.0.0.1/", "is private", ""},
		{"https://[::1]/", "is private", ""},
		{"https://LOCALHOST./", "private", ""},
		{"https://a.localhost/", "private", ""},
		{"https://169.254.169.254/latest/meta-data", "nobody's", "nobody's"},
		{"https://[::ffff:169.254.169.254]/", "nobody's", "nobody's"},
		{"https://0.0.0.0/", "nobody's", "nobody's"},
		{"", "is not an address", "is not an address"},
		{"example.com", "is not an address", "is not an address"},
		{"https:example.com", "is not an address", "is not an address"},
		{"https://", "is not an address", "is not an address"},
		{"https://exa mple.com/", "is not an address", "is not an address"},
		{"https://:443/", "no host", "no host"},
		{"ftp://example.com/", "ftp", "ftp"},
		{"file:///etc/passwd", "is not an address", "is not an address"},
		{"https://user:pass@example.com/", "password", "password"},
		{"https://example.com/#top", "fragment", "fragment"},
		{"https://example.com/#", "fragment", "fragment"},
		{"https://example.com:/", "no port", "no port"},
		{"https://example.com:0/", "port 0", "port 0"},
		{"https://example.com:65536/", "port 65536", "port 65536"},
		{"https://example.com/" + strings.Repeat("a", webhook.MaxURL), "longer", "longer"},
	} {
		for _, private := range []bool{false, true} {
			want, err := tt.public, webhook.CheckURL(tt.url, private)
			if private {
				want = tt.private
			}
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%.80s, private %v: %v, want %q", tt.url, private, err, want)
			}
		}
	}
}
