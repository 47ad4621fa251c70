package main

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/bursarhq/bursar/cli"
	"github.com/bursarhq/bursar/portalapi"
)

// checkAddress reports what is wrong with an address to listen on.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	_, err = net.LookupPort("tcp", port)
	return err
}

// checkHosts reports what is wrong with the flags that name hosts of others.
func (s *serveFlags) checkHosts() error {
	if _, err := s.proxies(); err != nil {
		return &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--trusted-proxy: %w", err), Hint: "give a network or an address, such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32"}
	}
	for _, host := range s.redirectHosts {
		if err := portalapi.CheckRedirectHost(host); err != nil {
			return &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--redirect-host: %w", err), Hint: "give a host, with a port if it is not the usual one, and no https:// before it"}
		}
	}
	return nil
}

// proxies returns the networks whose word about a request is taken.
func (s *serveFlags) proxies() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range s.trustedProxies {
		if one, err := netip.ParseAddr(text); err == nil && one.Zone() == "" && !one.Is4In6() {
			all = append(all, netip.PrefixFrom(one, one.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil || network.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is no network", text)
		}
		if network != network.Masked() {
			return nil, fmt.Errorf("%q is an address in the network %s", text, network.Masked())
		}
		all = append(all, network)
	}
	return all, nil
}
