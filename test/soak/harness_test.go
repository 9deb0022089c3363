// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/edge"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const (
	hostname  = "ws.example.com"
	framesURL = "wss://" + hostname + "/frames"
	wholeURL  = "wss://" + hostname + "/whole"
	secret    = "public-tls"
)

// patience bounds each wait for what comes soon on a machine that is idle.
const patience = 2 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is a gateway with both relays in front of an echo.
type gate struct {
	*edge.Edge

	root    *wstest.Root
	ca      *wstest.CA
	pair    wstest.Pair
	backend string
	audit   *tally
	// changes counts configurations, which differ by that.
	changes int64
}

// open runs a gateway until the end of the test.
func open(t *testing.T, backend string) *gate {
	t.Helper()
	g := &gate{root: wstest.NewRoot(t), ca: wstest.NewCA(t), backend: backend, audit: &tally{}}
	g.pair = g.ca.Issue(t, hostname)
	g.root.TLSSecret(t, secret, g.pair)
	g.configure(t)
	logs := &wstest.Journal{}
	g.Edge = edge.Start(t, logs, gateway.Options{
		Root: g.root.Path, BindPorts: map[string]int32{"public": 0}, AdminAddress: "127.0.0.1:0",
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"}, Audit: g.audit,
		Logger: slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	return g
}

func (g *gate) dialer() wstest.Dialer {
	return wstest.Dialer{Address: g.Addresses["public"], CAs: g.ca.Pool}
}

// configure writes a configuration that differs from the last one, and by nothing
// that could end a connection.
func (g *gate) configure(t *testing.T) (digest string) {
	t.Helper()
	g.changes++
	route := func(name string, relay contract.Relay) contract.Route {
		return contract.Route{
			Name: name, Hostnames: []string{hostname}, Path: contract.Path{Prefix: "/" + name}, Policy: "open", Relay: relay,
			Backends: []contract.Backend{{Name: "echo"}},
		}
	}
	// A busy machine is no reason to end a connection here: what takes too long has
	// tests of its own.
	long := new(contract.Duration(10 * time.Minute))
	config := contract.Config{
		Version: contract.Version,
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: 443, BindPort: 10443, Hostnames: []string{hostname}, MinTLSVersion: "1.2", CertificateSecret: secret,
		}},
		Policies: []contract.Policy{{Name: "open", Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}}},
		Routes: []contract.Route{
			route("frames", contract.RelayFrames), route("whole", ""),
			route(fmt.Sprintf("extra%d", g.changes), contract.RelayFrames),
		},
		Limits: &contract.Limits{
			MaxMessageBytes: new(1<<20 + g.changes), HandshakeTimeout: new(contract.Duration(time.Minute)), IdleTimeout: long,
			PongTimeout: long, BackendPongTimeout: long, WriteTimeout: long, FrameTimeout: long,
		},
	}
	g.root.Config(t, config, contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"echo": {Addresses: []string{g.backend}}}})
	encoded, err := contract.Encode(config)
	if err != nil {
		t.Fatal(err)
	}
	return contract.Digest(encoded)
}

// reconfigure has a new configuration served.
func (g *gate) reconfigure(t *testing.T) {
	t.Helper()
	digest := g.configure(t)
	until(t, func() string {
		if file := g.report(t).Files[contract.ConfigFile]; file.InForce != digest {
			return fmt.Sprintf("configuration %d is not in force: %+v", g.changes, file)
		}
		return ""
	})
}

// rotate has a new certificate served.
func (g *gate) rotate(t *testing.T) {
	t.Helper()
	g.pair = g.ca.Issue(t, hostname)
	g.root.TLSSecret(t, secret, g.pair)
	until(t, func() string {
		conn, err := tls.Dial("tcp", g.Addresses["public"], &tls.Config{RootCAs: g.ca.Pool, ServerName: hostname})
		if err != nil {
			return err.Error()
		}
		defer func() { _ = conn.Close() }()
		if got := conn.ConnectionState().PeerCertificates[0]; !got.Equal(g.pair.Leaf) {
			return fmt.Sprintf("certificate %x is served", got.SerialNumber)
		}
		return ""
	})
}

// report asks the gateway how it is.
func (g *gate) report(t *testing.T) contract.Report {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.Addresses[gateway.AdminName]+"/report", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var report contract.Report
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		t.Fatal(err)
	}
	return report
}

// until waits for a condition, which says what is still missing.
func until(t *testing.T, missing func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// tally counts audit records, and keeps none of them.
type tally struct{ opened, closed, gaps atomic.Int64 }

func (a *tally) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		for action, count := range map[string]*atomic.Int64{"opened": &a.opened, "closed": &a.closed, "gap": &a.gaps} {
			if bytes.Contains(line, []byte(`"event.action":"`+action+`"`)) {
				count.Add(1)
			}
		}
	}
	return len(p), nil
}

// echo is a backend that also looks whether all that comes over a connection is of
// that connection. It keeps nothing of those that have ended.
type echo struct {
	*httptest.Server

	open    atomic.Int64
	strange atomic.Pointer[string]
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	// The server forgets connections that were taken over.
	var serving sync.WaitGroup
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving.Add(1)
		defer serving.Done()
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has answered.
		}
		e.open.Add(1)
		defer e.open.Add(-1)
		defer func() { _ = conn.Close() }()
		e.serve(conn)
	}))
	t.Cleanup(func() {
		e.Close()
		serving.Wait()
	})
	return e
}

func (e *echo) address() string { return e.Listener.Addr().String() }

func (e *echo) serve(conn *websocket.Conn) {
	var sender uint64
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if problem := foreign(data, &sender); problem != "" {
			e.strange.Store(&problem)
		}
		if conn.WriteMessage(kind, data) != nil {
			return
		}
	}
}

// setting is a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, want a number", name, text)
	}
	return n
}
