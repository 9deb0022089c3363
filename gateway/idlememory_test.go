// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/paired"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// heldMemory is the resident memory of this process, in bytes, once what is not
// used has been given back; -1 if it cannot be told.
func heldMemory() int64 {
	for range 3 { // what has finalizers, or lies in a sync.Pool, outlives a collection
		runtime.GC()
	}
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return -1
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(status), &size, &resident); err != nil {
		return -1
	}
	return resident * int64(os.Getpagesize())
}

// hold opens a connection and leaves it open until the benchmark ends.
func (a *alone) hold(b *testing.B, trust *x509.CertPool, raw string) {
	b.Helper()
	conn, err := tls.Dial("tcp", a.address, &tls.Config{RootCAs: trust, ServerName: "ws.example.com", MinVersion: tls.VersionTLS13})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, raw); err != nil {
		b.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		b.Fatalf("%+v %v", response, err)
	}
	_ = response.Body.Close()
}

// BenchmarkIdleConnection tells what an idle connection holds in memory, in a
// gateway of its own process: admitted as anonymous (relayed by frames, to a backend
// by TLS, too, or by messages), by an API key, or by an authorization server with and without revalidation, and with many claims that
// rules ask for.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 2000
	rules := &contract.Authorization{Rules: []contract.Rule{{Name: "members", Action: contract.ActionAllow, When: "identity.claims.org == 'acme'"}}}
	asked := func(every time.Duration, rules *contract.Authorization) contract.Config {
		config := guarded(contract.Duration(every))
		config.Policies[0].Authorization = rules
		return config
	}
	keys := baseConfig()
	keys.Policies[0].Methods = []contract.Method{{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{{Header: "X-API-Key"}}}}}
	messages := baseConfig()
	messages.Routes[0].Relay = ""
	ca := wstest.NewCA(b)
	secured := securely(ca)
	secured.BackendTLS[0].CertificateSecret = ""
	for _, variant := range []struct {
		name    string
		config  contract.Config
		padding int
	}{
		{"anonymous", baseConfig(), 0},
		{"backend-by-TLS", secured, 0},
		{"messages", messages, 0},
		{"API-key", keys, 0},
		{"external", asked(0, nil), 0},
		{"external-revalidated", asked(time.Hour, nil), 0},
		{"external-revalidated-1KiB-of-claims", asked(time.Hour, rules), 1 << 10},
	} {
		b.Run(variant.name, func(b *testing.B) {
			var came atomic.Int64
			server := wstest.Authorize(b, func(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
				count := came.Add(1)
				return wstest.Admit(b, map[string]any{
					"sub": fmt.Sprintf("user-%d", count), "org": "acme", "session": fmt.Sprintf("session-of-some-length-%d", count),
					"more": strings.Repeat("x", variant.padding),
				}), nil
			})
			files := wstest.NewRoot(b)
			files.TLSSecret(b, "public-tls", ca.Issue(b, "ws.example.com", "*.chat.example.com"))
			echo := wstest.Echo(b)
			if len(variant.config.BackendTLS) > 0 {
				echo = wstest.SecureEcho(b, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{ca.Issue(b, backendName).KeyPair(b)}})
			}
			backends := endpoints(echo.Address)
			backends.Backends["authz:9000"] = contract.BackendEndpoints{Addresses: []string{server.Address}}
			files.Secret(b, "keys", map[string][]byte{"device-1": []byte(aKey)})
			files.Config(b, variant.config, backends)
			a := startAlone(b, files.Path)
			for b.Loop() {
				for range connections / 10 { // what is made once is not the connections'
					a.hold(b, ca.Pool, on("/chat", "X-API-Key: "+aKey))
				}
				before := a.tell(b, "memory")
				for range connections {
					a.hold(b, ca.Pool, on("/chat", "X-API-Key: "+aKey))
				}
				b.ReportMetric(float64(a.tell(b, "memory")-before)/connections, "B/connection")
			}
		})
	}
}

// maxMonitoringBytes is what monitoring may hold for a connection.
const maxMonitoringBytes = 256

// BenchmarkIdleConnectionMonitored tells how much more an idle connection holds in
// the heap and in stacks of a gateway with all monitors on than in one with all of
// them off. It fails when that is more than maxMonitoringBytes beyond doubt.
func BenchmarkIdleConnectionMonitored(b *testing.B) {
	pairs := pairsOr(b, 7)
	for b.Loop() {
		var off, more []float64
		for range pairs {
			without, with := heldByOne(b, "off"), heldByOne(b, "on")
			off, more = append(off, without), append(more, with-without)
		}
		present(b, "monitoring, memory", []costRow{
			newRow("heap and stacks per idle connection", "B", paired.Of(off).Median, paired.Of(more), maxMonitoringBytes),
		})
	}
}

// heldByOne is what one of many idle connections holds in a new gateway whose
// monitors are on or off.
func heldByOne(b *testing.B, state string) float64 {
	b.Helper()
	const connections = 2000
	s := startSwitched(b, allMonitors)
	s.tell(b, state)
	var talks []*talk
	hold := func(n int) int64 {
		for range n {
			t, err := s.open()
			if err != nil {
				b.Fatal(err)
			}
			talks = append(talks, t)
		}
		s.tell(b, fmt.Sprint("rest ", len(talks)))
		time.Sleep(afterRest)
		return s.tell(b, "memory")
	}
	before := hold(connections / 10) // what is made once is not the connections'
	after := hold(connections)
	for _, t := range talks {
		_ = t.Close()
	}
	s.tell(b, "rest 0")
	return float64(after-before) / connections
}
