// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// inner are the networks of the proxies in these tests.
func inner() *contract.ClientAddress {
	return &contract.ClientAddress{ForwardedFor: true, Trusted: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:f::/48"),
	}}
}

func TestTheClientIsTheLastHopThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	trust := listener.NewTrust(inner())
	long := strings.Repeat("10.0.0.1, ", 31)
	for _, test := range []struct {
		name   string
		fields []string
		want   string // "" is not told, "!" refused
	}{
		{"no header", nil, ""},
		{"one hop", []string{"203.0.113.7"}, "203.0.113.7"},
		{"a chain of proxies", []string{"203.0.113.7, 10.0.0.1,10.0.0.2 ,\t10.0.0.3"}, "203.0.113.7"},
		{"several header lines are one list", []string{"198.51.100.1", "203.0.113.7, 10.0.0.1", "10.0.0.2"}, "203.0.113.7"},
		{"the last line decides", []string{"10.0.0.1", "203.0.113.7"}, "203.0.113.7"},
		{"what the client invented", []string{"127.0.0.1, 198.51.100.1, 203.0.113.7, 10.0.0.1"}, "203.0.113.7"},
		{"a trusted address that the client invented", []string{"10.9.9.9, 203.0.113.7"}, "203.0.113.7"},
		{"nonsense that the client invented", []string{"<script>, , unknown, 203.0.113.7"}, "203.0.113.7"},
		{"nonsense in a line that the client invented", []string{"%00;drop", "203.0.113.7"}, "203.0.113.7"},
		{"a client inside", []string{"10.1.1.1, 10.0.0.1"}, "10.1.1.1"},
		{"with a port", []string{"203.0.113.7:50123, 10.0.0.1:443"}, "203.0.113.7"},
		{"IPv6", []string{"2001:db8:1::7, 2001:db8:f::1"}, "2001:db8:1::7"},
		{"IPv6 with a port", []string{"[2001:db8:1::7]:50123, [2001:db8:f::1]:443"}, "2001:db8:1::7"},
		{"IPv4 in IPv6 is IPv4", []string{"::ffff:203.0.113.7, ::ffff:10.0.0.1"}, "203.0.113.7"},
		{"32 proxies in a row", []string{"203.0.113.7, " + long + "10.0.0.2"}, "203.0.113.7"},

		{"33 proxies in a row", []string{"203.0.113.7, " + long + "10.0.0.2, 10.0.0.3"}, "!"},
		{"empty", []string{""}, "!"},
		{"nothing behind the last comma", []string{"203.0.113.7,"}, "!"},
		{"nothing between two proxies", []string{"203.0.113.7,,10.0.0.1"}, "!"},
		{"an empty last line", []string{"203.0.113.7", ""}, "!"},
		{"nonsense behind the client", []string{"203.0.113.7, unknown, 10.0.0.1"}, "!"},
		{"a name", []string{"client.example.com"}, "!"},
		{"a name of RFC 7239", []string{"_hidden"}, "!"},
		{"an element of RFC 7239", []string{`for="203.0.113.7"`}, "!"},
		{"a network", []string{"203.0.113.0/24"}, "!"},
		{"nobody's address", []string{"0.0.0.0"}, "!"},
		{"nobody's address in IPv6", []string{"::"}, "!"},
		{"everybody's address", []string{"224.0.0.1"}, "!"},
		{"an address with a zone", []string{"fe80::1%eth0"}, "!"},
		{"octal", []string{"0313.0.113.7"}, "!"},
		{"brackets without a port", []string{"[2001:db8:1::7]"}, "!"},
		{"two addresses without a comma", []string{"203.0.113.7 10.0.0.1"}, "!"},
	} {
		header := http.Header{"X-Forwarded-For": test.fields}
		client, told, err := trust.Forwarded(netip.MustParseAddr("10.0.0.9"), header)
		got := ""
		switch refusal, refused := errors.AsType[*outcome.Refusal](err); {
		case refused && refusal.Reason == outcome.BadRequest:
			got = "!"
		case err != nil:
			t.Errorf("%s: %v", test.name, err)
		case told:
			got = client.String()
		}
		if got != test.want || (told && err != nil) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestOnlyNetworksOfTheListAreTrusted(t *testing.T) {
	t.Parallel()
	some, both := listener.NewTrust(inner()), inner()
	both.ProxyProtocol, both.ForwardedFor = true, false
	onlyProxy, nobody := listener.NewTrust(both), listener.NewTrust(nil)
	for address, want := range map[string]bool{
		"10.0.0.1": true, "10.255.255.255": true, "::ffff:10.0.0.1": true, "2001:db8:f::1": true, "2001:db8:f::1%eth0": true,
		"11.0.0.1": false, "2001:db8:e::1": false, "::10.0.0.1": false, "127.0.0.1": false,
	} {
		at := netip.MustParseAddr(address)
		if some.Trusts(at) != want || some.AsksHeader(at) != want || onlyProxy.Trusts(at) != want {
			t.Errorf("%s: trusted %t, want %t", address, some.Trusts(at), want)
		}
		if _, told, err := some.Forwarded(at, http.Header{"X-Forwarded-For": {"203.0.113.7"}}); told != want || err != nil {
			t.Errorf("%s: told %t by the header, want %t, %v", address, told, want, err)
		}
		if nobody.Trusts(at) || nobody.AsksHeader(at) || onlyProxy.AsksHeader(at) {
			t.Errorf("%s is trusted with a header where nobody is", address)
		}
	}
	if some.Trusts(netip.Addr{}) || some.ProxyProtocol() || nobody.ProxyProtocol() || !onlyProxy.ProxyProtocol() {
		t.Error("no address is trusted, or the PROXY protocol is where it was not asked for")
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("203.0.113.7, 10.0.0.1", "10.0.0.2")
	f.Add("x, [2001:db8::1]:1", ",")
	trust, proxy := listener.NewTrust(inner()), netip.MustParseAddr("10.0.0.9")
	f.Fuzz(func(t *testing.T, first, second string) {
		client, told, err := trust.Forwarded(proxy, http.Header{"X-Forwarded-For": {first, second}})
		if err != nil {
			return
		}
		if !told || !client.IsValid() || client.Is4In6() || client.Zone() != "" || client.IsUnspecified() {
			t.Fatalf("%q, %q: %v, told %t", first, second, client, told)
		}
		// What a client writes in front of what a proxy adds changes nothing.
		if !trust.Trusts(client) {
			again, _, err := trust.Forwarded(proxy, http.Header{"X-Forwarded-For": {"192.0.2.66, " + first, second}})
			if err != nil || again != client {
				t.Fatalf("%q, %q: %v, and with more in front %v, %v", first, second, client, again, err)
			}
		}
	})
}
