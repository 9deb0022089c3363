// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Dialer opens WebSockets at one address, whatever the URL's host resolves to.
type Dialer struct {
	Address      string
	CAs          *x509.CertPool
	Header       http.Header
	Subprotocols []string
	// Prelude, if set, is sent before TLS, as the proxies do that tell whom they
	// speak for.
	Prelude string
	// TLS, if set, changes the client's TLS configuration.
	TLS func(*tls.Config)
}

// Dial opens url. The response is that of the handshake, also of a failed one.
func (d Dialer) Dial(ctx context.Context, url string) (*websocket.Conn, *http.Response, error) {
	config := &tls.Config{RootCAs: d.CAs, MinVersion: tls.VersionTLS12}
	if d.TLS != nil {
		d.TLS(config)
	}
	dialer := websocket.Dialer{
		TLSClientConfig:  config,
		Subprotocols:     d.Subprotocols,
		HandshakeTimeout: time.Minute,
		NetDialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, d.Address)
			if err != nil || d.Prelude == "" {
				return conn, err
			}
			_, err = io.WriteString(conn, d.Prelude)
			return conn, err
		},
	}
	return dialer.DialContext(ctx, url, d.Header)
}

// MustDial opens url or fails the test. The connection is closed at its end.
func (d Dialer) MustDial(t testing.TB, url string) *websocket.Conn {
	t.Helper()
	conn, response, err := d.Dial(t.Context(), url)
	if err != nil {
		status := 0
		if response != nil {
			status = response.StatusCode
		}
		t.Fatalf("open %s: %v (status %d)", url, err, status)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
