// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Step is one thing that must be so, in words and in code.
type Step struct {
	Name string
	// Run returns what was seen, in a few words.
	Run func(context.Context) (string, error)
}

// Steps is the story in order. Each step relies on those before it.
func (w *World) Steps() []Step {
	return []Step{
		{"The gateway becomes Ready (kstatus: Current)", w.becomesReady},
		{"A client with a valid token gets its message back", w.validToken},
		{"No token is refused with 401", func(ctx context.Context) (string, error) {
			return w.refused(ctx, attempt{}, http.StatusUnauthorized)
		}},
		{"An expired token is refused with 401", w.expiredToken},
		{"A page of a foreign origin is refused with 403", w.foreignOrigin},
		{"A TLS handshake for an unknown name is refused", w.unknownName},
		{"The Host of another listener is refused with 421", w.otherHost},
		{"Plain HTTP on the TLS port is refused", w.plainHTTP},
		{"A browser's ['bearer', token] works, and only 'bearer' comes back", w.subprotocolToken},
		{"The backend learns who is calling, and never the token", w.identityForwarded},
		{fmt.Sprintf("%d connections live through renewal, a new route and an operator restart", connectionsAlive), w.nobodyIsHarmed},
		{"A deleted pod closes its connections with 1012 only", w.deletedPod},
		{"Every connection has one opened and one closed audit record", w.auditIsComplete},
	}
}

// Close ends what the story left running.
func (w *World) Close() {
	for _, logs := range w.collected {
		logs.stop()
	}
}

func (w *World) validToken(ctx context.Context) (string, error) {
	token, err := w.token("alice", time.Hour)
	if err != nil {
		return "", err
	}
	conn, _, err := w.dial(ctx, attempt{token: token})
	if err != nil {
		return "", fmt.Errorf("handshake: %w", err)
	}
	defer bye(conn)
	if err := echoOnce(conn, "hello"); err != nil {
		return "", err
	}
	tlsConn, ok := conn.NetConn().(*tls.Conn)
	if !ok {
		return "", fmt.Errorf("connection is a %T, not TLS", conn.NetConn())
	}
	state := tlsConn.ConnectionState()
	return fmt.Sprintf("echoed over %s with %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)), nil
}

func (w *World) expiredToken(ctx context.Context) (string, error) {
	token, err := w.token("alice", -10*time.Minute)
	if err != nil {
		return "", err
	}
	return w.refused(ctx, attempt{token: token}, http.StatusUnauthorized)
}

func (w *World) foreignOrigin(ctx context.Context) (string, error) {
	token, err := w.token("alice", time.Hour)
	if err != nil {
		return "", err
	}
	return w.refused(ctx, attempt{token: token, origin: "https://evil.example.org"}, http.StatusForbidden)
}

func (w *World) unknownName(ctx context.Context) (string, error) {
	_, response, err := w.dial(ctx, attempt{serverName: "unknown.example.com"})
	if response != nil {
		_ = response.Body.Close()
	}
	said, ok := alert(err)
	if !ok {
		return "", fmt.Errorf("no TLS alert but %w", err)
	}
	return "TLS alert: " + said, nil
}

// alert tells whether a handshake ended by an alert of the other side: that is an
// OpError of this name around a value of a type that crypto/tls does not export.
func alert(err error) (said string, ok bool) {
	var found *net.OpError
	if !errors.As(err, &found) || found.Op != "remote error" {
		return "", false
	}
	return found.Err.Error(), true
}

func (w *World) otherHost(ctx context.Context) (string, error) {
	token, err := w.token("alice", time.Hour)
	if err != nil {
		return "", err
	}
	return w.refused(ctx, attempt{token: token, host: PartnersHost, serverName: PublicHost}, http.StatusMisdirectedRequest)
}

func (w *World) plainHTTP(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.address+"/chat", nil)
	if err != nil {
		return "", fmt.Errorf("build request: %w", err)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		var network net.Error
		if errors.As(err, &network) && network.Timeout() {
			return "", fmt.Errorf("the gateway kept a plain HTTP client waiting: %w", err)
		}
		return "connection closed", nil
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		return "", fmt.Errorf("HTTP %d, want 400 or a closed connection", response.StatusCode)
	}
	return fmt.Sprintf("HTTP %s", response.Status), nil
}

func (w *World) subprotocolToken(ctx context.Context) (string, error) {
	token, err := w.token("browser", time.Hour)
	if err != nil {
		return "", err
	}
	conn, response, err := w.dial(ctx, attempt{subprotocols: []string{"bearer", token}})
	if err != nil {
		return "", fmt.Errorf("handshake: %w", err)
	}
	defer bye(conn)
	if got := response.Header.Values("Sec-WebSocket-Protocol"); len(got) != 1 || got[0] != "bearer" {
		return "", fmt.Errorf("subprotocol in the answer is %d value(s), want only bearer", len(got))
	}
	if err := echoOnce(conn, "from a browser"); err != nil {
		return "", err
	}
	return "bearer", nil
}
