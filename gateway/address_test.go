// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// behind makes the listener trust networks.
func behind(proxyProtocol, header bool, trusted ...string) func(*contract.Config) {
	return func(c *contract.Config) {
		told := &contract.ClientAddress{ProxyProtocol: proxyProtocol, ForwardedFor: header}
		for _, network := range trusted {
			told.Trusted = append(told.Trusted, netip.MustParsePrefix(network))
		}
		c.Listeners[0].ClientAddress = told
	}
}

// proxied is the header that a proxy sends of a client.
func proxied(address string) string {
	return "PROXY TCP4 " + address + " 192.0.2.1 50123 443\r\n"
}

// via tries a handshake that says of itself that it comes from somewhere.
func (r *running) via(t *testing.T, prelude string, forwarded ...string) int {
	t.Helper()
	d := r.dialer("public")
	d.Prelude, d.Header = prelude, http.Header{"X-Forwarded-For": forwarded}
	conn, response, err := d.Dial(t.Context(), chatURL)
	switch {
	case err == nil:
		_ = conn.Close()
		return http.StatusSwitchingProtocols
	case response == nil:
		return 0
	}
	return response.StatusCode
}

// told is what the backend and the audit log were told of a client; the port of
// this machine is of no interest.
type told struct{ Status, Backend, Client, Peer string }

func TestTheAddressOfAClientIsFoundByWhomIsTrusted(t *testing.T) {
	t.Parallel()
	const local, elsewhere = "127.0.0.0/8", "192.0.2.0/24"
	const chained = "10.0.0.0/8"
	for _, test := range []struct {
		name      string
		config    func(*contract.Config)
		prelude   string
		forwarded []string
		want      told
	}{
		{
			"nobody is trusted, and a header is the client's invention",
			nil, "",
			[]string{"203.0.113.7"},
			told{"101", "127.0.0.1", "127.0.0.1:PORT", ""},
		},
		{
			"somebody else is trusted, and a header is the client's invention",
			behind(false, true, elsewhere), "",
			[]string{"203.0.113.7"},
			told{"101", "127.0.0.1", "127.0.0.1:PORT", ""},
		},
		{
			"nobody is trusted, and a PROXY header is no TLS",
			nil, proxied("203.0.113.7"), nil,
			told{"0", "", "127.0.0.1:PORT", ""},
		},
		{
			"a trusted proxy tells in the header",
			behind(false, true, local), "",
			[]string{"198.51.100.1, 203.0.113.7"},
			told{"101", "203.0.113.7", "203.0.113.7", "127.0.0.1:PORT"},
		},
		{
			"a trusted proxy tells nothing",
			behind(false, true, local), "", nil,
			told{"101", "127.0.0.1", "127.0.0.1:PORT", ""},
		},
		{
			"a trusted proxy tells nonsense",
			behind(false, true, local), "",
			[]string{"203.0.113.7, unknown"},
			told{"400", "", "127.0.0.1:PORT", ""},
		},
		{
			"a trusted proxy tells by the PROXY protocol",
			behind(true, false, local), proxied("203.0.113.7"), nil,
			told{"101", "203.0.113.7", "203.0.113.7:50123", "127.0.0.1:PORT"},
		},
		{
			"then the header is the client's invention",
			behind(true, false, local), proxied("203.0.113.7"),
			[]string{"198.51.100.1"},
			told{"101", "203.0.113.7", "203.0.113.7:50123", "127.0.0.1:PORT"},
		},
		{
			"a load balancer in front of a proxy, and both tell",
			behind(true, true, local, chained), proxied("10.0.0.1"),
			[]string{"198.51.100.1, 203.0.113.7, 10.0.0.2"},
			told{"101", "203.0.113.7", "203.0.113.7", "127.0.0.1:PORT"},
		},
		{
			"a client that comes by the load balancer without the proxy",
			behind(true, true, local, chained), proxied("203.0.113.7"),
			[]string{"198.51.100.1"},
			told{"101", "203.0.113.7", "203.0.113.7:50123", "127.0.0.1:PORT"},
		},
		{
			"a proxy that speaks for itself",
			behind(true, false, local), "PROXY UNKNOWN\r\n", nil,
			told{"101", "127.0.0.1", "127.0.0.1:PORT", ""},
		},
		{
			"a trusted peer without the PROXY protocol",
			behind(true, false, local), "", nil,
			told{"0", "", "127.0.0.1:PORT", ""},
		},
		{
			"an untrusted peer with the PROXY protocol",
			behind(true, false, elsewhere), proxied("192.0.2.7"), nil,
			told{"0", "", "127.0.0.1:PORT", ""},
		},
		{
			"an untrusted peer without the PROXY protocol",
			behind(true, false, elsewhere), "", nil,
			told{"0", "", "127.0.0.1:PORT", ""},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, echo := startBase(t, test.config)
			got := told{Status: fmt.Sprint(r.via(t, test.prelude, test.forwarded...))}
			for _, request := range echo.Requests() {
				got.Backend = strings.Join(request.Header.Values("X-Forwarded-For"), " and ")
			}
			r.end(t)
			for _, record := range r.audit.all(t) {
				got.Client, got.Peer = withoutPort(record.ClientIP, record.ClientPort), ""
				if record.SourceIP != record.ClientIP || record.SourcePort != record.ClientPort {
					got.Peer = withoutPort(record.SourceIP, record.SourcePort)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, r.audit)
			}
		})
	}
}

// withoutPort hides the port that the system chose for this machine's end.
func withoutPort(ip string, port uint16) string {
	switch {
	case port == 0:
		return ip
	case ip == "127.0.0.1":
		return ip + ":PORT"
	}
	return net.JoinHostPort(ip, strconv.Itoa(int(port)))
}

func TestALimitOfAnAddressCountsClientsAndNotTheirProxy(t *testing.T) {
	t.Parallel()
	limited := func(change func(*contract.Config)) func(*contract.Config) {
		return func(c *contract.Config) {
			change(c)
			c.Limits = &contract.Limits{MaxConnectionsPerAddress: new(int32(1))}
		}
	}
	for name, test := range map[string]struct {
		config func(*contract.Config)
		as     func(address string) (prelude string, header http.Header)
		full   int
	}{
		"by the PROXY protocol, before TLS": {
			limited(behind(true, false, "127.0.0.0/8")),
			func(address string) (string, http.Header) { return proxied(address), nil }, 0,
		},
		"by the header": {
			limited(behind(false, true, "127.0.0.0/8")),
			func(address string) (string, http.Header) {
				return "", http.Header{"X-Forwarded-For": {address}}
			}, http.StatusTooManyRequests,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := startBase(t, test.config)
			dial := func(address string) (io.Closer, int) {
				d := r.dialer("public")
				d.Prelude, d.Header = test.as(address)
				conn, response, err := d.Dial(t.Context(), chatURL)
				if err == nil {
					t.Cleanup(func() { _ = conn.Close() })
					return conn, http.StatusSwitchingProtocols
				}
				if response == nil {
					return nil, 0
				}
				if response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				return nil, response.StatusCode
			}
			first, status := dial("203.0.113.1")
			if status != 101 {
				t.Fatalf("the first: status %d", status)
			}
			if _, status := dial("203.0.113.1"); status != test.full {
				t.Errorf("a second one of the same client: status %d, want %d", status, test.full)
			}
			for i := 2; i < 6; i++ {
				if _, status := dial(fmt.Sprintf("203.0.113.%d", i)); status != 101 {
					t.Errorf("another client: status %d", status)
				}
			}
			_ = first.Close()
			until(t, func() string {
				if _, status := dial("203.0.113.1"); status != 101 {
					return fmt.Sprintf("the place is not free: status %d", status)
				}
				return ""
			})
		})
	}
}

// One client that comes all the time, by a proxy through which others come too.
func TestAFloodFromOneAddressLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		proxyProtocol bool
		refused       int
	}{
		"by the PROXY protocol": {true, 0},
		"by the header":         {false, http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := startBaseWith(t, func(c *contract.Config) {
				behind(test.proxyProtocol, !test.proxyProtocol, "127.0.0.0/8")(c)
				c.Limits = &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1))}
			}, newStopped().tell)
			from := func(address string) int {
				if test.proxyProtocol {
					return r.via(t, proxied(address))
				}
				return r.via(t, "", address)
			}
			count := map[int]int{}
			for i := range 40 {
				count[from("203.0.113.7")]++
				if i%10 == 9 {
					if status := from("198.51.100.1"); status != 101 {
						t.Errorf("another client: status %d", status)
					}
				}
			}
			if count[101] != 10 || count[test.refused] != 30 {
				t.Errorf("the flood was answered %v", count)
			}
			r.end(t)
			for _, record := range r.audit.records(t, "denied") {
				if record.Reason != outcome.RateOfAddress || record.ClientIP != "203.0.113.7" {
					t.Errorf("record %v", record)
				}
			}
		})
	}
}

func TestAWaitAfterBadCredentialsIsForTheClientBehindTheProxy(t *testing.T) {
	t.Parallel()
	r := startTried(t, newStopped(), &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1000))}, behind(false, true, "127.0.0.0/8"))
	try := func(address, key string) int {
		header := keyHeader(key)
		if address != "" {
			header.Set("X-Forwarded-For", address)
		}
		_, status, _ := r.try(t, header)
		return status
	}
	const bad = "00000000000000000000000000000000"
	for range 5 {
		if status := try("203.0.113.7", bad); status != 401 {
			t.Fatalf("status %d", status)
		}
	}
	if status := try("203.0.113.7", aKey); status != 429 {
		t.Errorf("the client that failed: status %d", status)
	}
	if status := try("203.0.113.8", aKey); status != 101 {
		t.Errorf("another client: status %d", status)
	}
	// Nobody is locked out together with all others behind the proxy.
	for range 7 {
		if status := try("", bad); status != 401 {
			t.Fatalf("the proxy itself: status %d", status)
		}
	}
}

func TestAProxyThatIsSlowOrSilentIsLetGoInTime(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) {
		behind(true, false, "127.0.0.0/8")(c)
		c.Limits = &contract.Limits{HandshakeTimeout: new(contract.Duration(200 * time.Millisecond))}
	})
	for _, begin := range []string{"", "PROX", "\r\n\r\n\x00\r\nQUIT\n\x21\x11", proxied("203.0.113.7")} {
		conn, err := net.Dial("tcp", r.addresses["public"])
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		began := time.Now()
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(began.Add(contract.DefaultHandshakeTimeout - time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: still open after %v", begin, time.Since(began))
		}
	}
	// A health check that says nothing at all is no line in the log.
	conn, err := net.Dial("tcp", r.addresses["public"])
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	until(t, func() string {
		if _, _, metrics := r.get(t, "/metrics"); !strings.Contains(metrics, `handshakes_refused_total{reason="client_gone"} 1`) {
			return "the health check was not counted"
		}
		return ""
	})
	r.end(t)
	for _, record := range r.audit.all(t) {
		if record.Reason != outcome.HandshakeTimeout {
			t.Errorf("record %v", record)
		}
	}
	if n := len(r.audit.all(t)); n != 4 {
		t.Errorf("%d records, want 4", n)
	}
}

// How the address is told is about connections to come; who is open stays.
func TestAChangeOfWhoIsTrustedIsHotAndEndsNothing(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	direct := r.dialer("public").MustDial(t, chatURL)
	config := baseConfig()
	behind(true, false, "127.0.0.0/8")(&config)
	r.put(t, echo, config)
	if status := r.via(t, ""); status != 0 {
		t.Errorf("without the PROXY protocol: status %d", status)
	}
	d := r.dialer("public")
	d.Prelude = proxied("203.0.113.7")
	told := d.MustDial(t, chatURL)
	behind(true, false, "192.0.2.0/24")(&config)
	r.put(t, echo, config)
	if status := r.via(t, proxied("203.0.113.7")); status != 0 {
		t.Errorf("from where nobody is trusted any more: status %d", status)
	}
	if err := errors.Join(echoOnce(direct), echoOnce(told)); err != nil {
		t.Errorf("what was open: %v", err)
	}
}
