// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const backendName = "echo.default.svc"

// strictBackend is an echo by TLS that wants client certificates.
type strictBackend struct {
	*wstest.Upstream

	mu sync.Mutex
	// pair is what it shows, shown the serial number that it was shown last.
	pair  tls.Certificate
	shown string
}

func newStrictBackend(t *testing.T, clients *wstest.CA, pair wstest.Pair) *strictBackend {
	t.Helper()
	b := &strictBackend{pair: pair.KeyPair(t)}
	b.Upstream = wstest.SecureEcho(t, &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.Pool,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			pair := b.pair
			return &pair, nil
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.shown = state.PeerCertificates[0].SerialNumber.String()
			return nil
		},
	})
	return b
}

func (b *strictBackend) show(t *testing.T, pair wstest.Pair) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pair = pair.KeyPair(t)
}

func (b *strictBackend) lastShown() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shown
}

// securely is baseConfig with a backend by TLS.
func securely(cas ...*wstest.CA) contract.Config {
	config := baseConfig()
	profile := contract.BackendTLS{Name: "inside", CertificateSecret: "client-tls"}
	for i, ca := range cas {
		profile.Bundles = append(profile.Bundles, contract.CABundle{ConfigMap: fmt.Sprint(i), Key: "ca.crt", Certificates: string(ca.PEM)})
	}
	config.BackendTLS = []contract.BackendTLS{profile}
	config.Routes[0].Backends = []contract.Backend{{Name: "echo", TLS: "inside", ServerName: backendName}}
	return config
}

func newClientPair(t *testing.T, ca *wstest.CA) wstest.Pair {
	t.Helper()
	return ca.IssueClient(t, func(*x509.Certificate) {})
}

// startSecure runs a gateway with config in front of a strict backend.
func startSecure(t *testing.T, ca *wstest.CA, backend *strictBackend, config contract.Config) *running {
	t.Helper()
	root, front := wstest.NewRoot(t), wstest.NewCA(t)
	root.TLSSecret(t, "public-tls", front.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.TLSSecret(t, "client-tls", newClientPair(t, ca))
	root.Config(t, config, endpoints(backend.Address))
	return start(t, root, front, nil)
}

func echoes(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	for _, want := range []string{"hello", strings.Repeat("x", 70_000)} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.ReadMessage(); err != nil || string(got) != want {
			t.Fatalf("%d bytes came back, %v", len(got), err)
		}
	}
}

// backendReached opens a connection, again where a busy machine has let the dial to the
// backend take too long.
func (r *running) backendReached(t *testing.T, path string) *websocket.Conn {
	t.Helper()
	var conn *websocket.Conn
	until(t, func() string {
		opened, response, err := r.dialer("public").Dial(t.Context(), "wss://ws.example.com"+path)
		if err != nil {
			return fmt.Sprintf("no connection: %v, %+v", err, response)
		}
		conn = opened
		return ""
	})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestBothRelaysCarryMessagesToABackendByTLS(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	backend := newStrictBackend(t, ca, ca.Issue(t, backendName))
	config := securely(ca)
	frames := config.Routes[0]
	frames.Name, frames.Path, frames.Relay = "frames", contract.Path{Prefix: "/frames"}, contract.RelayFrames
	config.Routes = append(config.Routes, frames)
	r := startSecure(t, ca, backend, config)
	for _, path := range []string{"/chat", "/frames"} {
		conn := r.backendReached(t, path)
		echoes(t, conn)
		if err := conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, 4001) {
			t.Errorf("%s: close answered with %v", path, err)
		}
	}
	until(t, func() string {
		if n := backend.Open(); n > 0 {
			return fmt.Sprintf("%d connections to the backend", n)
		}
		return ""
	})
}

func TestARenewedClientCertificateIsForNewConnections(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	backend := newStrictBackend(t, ca, ca.Issue(t, backendName))
	r := startSecure(t, ca, backend, securely(ca))
	old := r.backendReached(t, "/chat")
	renewed := newClientPair(t, ca)
	r.root.TLSSecret(t, "client-tls", renewed)
	until(t, func() string {
		r.backendReached(t, "/chat")
		if backend.lastShown() != renewed.Leaf.SerialNumber.String() {
			return "the old certificate is shown"
		}
		return ""
	})
	echoes(t, old)

	r.root.TLSSecret(t, "client-tls", wstest.Pair{Certificate: renewed.Certificate, Key: []byte("no key")})
	until(t, func() string {
		if problems := r.report(t).Problems; len(problems) != 1 || problems[0].BackendTLS != "inside" || !problems[0].Serving {
			return fmt.Sprintf("problems %+v", problems)
		}
		return ""
	})
	echoes(t, r.backendReached(t, "/chat"))
	echoes(t, old)
}

func TestARenewedCAOfBackendsIsForNewConnections(t *testing.T) {
	t.Parallel()
	ca, next := wstest.NewCA(t), wstest.NewCA(t)
	backend := newStrictBackend(t, ca, ca.Issue(t, backendName))
	r := startSecure(t, ca, backend, securely(ca))
	old := r.backendReached(t, "/chat")
	echoes(t, old)
	withdrawn := securely(next)
	r.root.Config(t, withdrawn, endpoints(backend.Address))
	r.served(t, withdrawn)
	// A session of before would be resumed without a look at the certificate.
	r.refuses(t, http.StatusBadGateway, outcome.UpstreamCertificateInvalid)
	backend.show(t, next.Issue(t, backendName))
	until(t, func() string {
		conn, _, err := r.dialer("public").Dial(t.Context(), "wss://ws.example.com/chat")
		if err != nil {
			return err.Error()
		}
		defer func() { _ = conn.Close() }()
		echoes(t, conn)
		return ""
	})
	echoes(t, old)
}

// refuses opens a connection in vain and looks for the reason.
func (r *running) refuses(t *testing.T, status int, reason outcome.Reason) {
	t.Helper()
	conn, response, err := r.dialer("public").Dial(t.Context(), "wss://ws.example.com/chat")
	if err == nil {
		_ = conn.Close()
		t.Fatal("a connection was made")
	}
	if response == nil || response.StatusCode != status {
		t.Errorf("response %v, error %v", response, err)
	}
	until(t, func() string {
		records := r.audit.records(t, "denied")
		if len(records) == 0 || records[len(records)-1].Reason != reason {
			return fmt.Sprintf("%d records, want the last for %s", len(records), reason)
		}
		return ""
	})
}

func TestARouteWhoseProfileLacksItsCertificateIsNotServedWithoutIt(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	backend := newStrictBackend(t, ca, ca.Issue(t, backendName))
	config := securely(ca)
	config.BackendTLS[0].CertificateSecret = "later-tls"
	r := startSecure(t, ca, backend, config)
	r.refuses(t, http.StatusServiceUnavailable, outcome.RouteUnavailable)
	want := contract.ReportProblem{
		BackendTLS: "inside", Reason: contract.ProblemSecretNotFound, Secret: "later-tls",
		Message: `Secret "later-tls" does not exist or is not mounted yet`,
	}
	if problems := r.report(t).Problems; len(problems) != 1 || problems[0] != want {
		t.Errorf("problems %+v", problems)
	}
	if backend.Accepted() != 0 {
		t.Error("the backend was dialled")
	}
	r.root.TLSSecret(t, "later-tls", newClientPair(t, ca))
	until(t, func() string {
		if problems := r.report(t).Problems; len(problems) != 0 {
			return fmt.Sprintf("problems %+v", problems)
		}
		return ""
	})
	echoes(t, r.backendReached(t, "/chat"))
}
