// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// attempt is one handshake as a client would make it.
type attempt struct {
	serverName   string // default PublicHost
	host         string // default serverName
	path         string // default /chat
	origin       string // default Origin; "-" sends none
	token        string
	subprotocols []string
	// header has what else is sent.
	header http.Header
	// certificate is the client's, nil for none; sessions keeps TLS sessions.
	certificate *tls.Certificate
	sessions    tls.ClientSessionCache
	// to is the gateway; default the quick start's.
	to *target
}

// target is a gateway, or one pod of it, as a client sees it.
type target struct {
	address string
	roots   *x509.CertPool
	// admitted counts the handshakes that were answered with 101.
	admitted *counter
}

// dial makes the handshake. The response is there whenever the gateway
// answered, also when it refused.
func (w *World) dial(ctx context.Context, a attempt) (*websocket.Conn, *http.Response, error) {
	a = w.withDefaults(a)
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", a.to.address)
		},
		TLSClientConfig:  a.tls(),
		HandshakeTimeout: 15 * time.Second,
		Subprotocols:     a.subprotocols,
		ReadBufferSize:   1024,
		WriteBufferSize:  1024,
	}
	header := http.Header{}
	maps.Copy(header, a.header)
	if a.origin != "-" {
		header.Set("Origin", a.origin)
	}
	if a.token != "" {
		header.Set("Authorization", "Bearer "+a.token)
	}
	conn, response, err := dialer.DialContext(ctx, "wss://"+a.host+a.path, header)
	switch {
	case err == nil:
		a.to.admitted.add()
	case response != nil:
		// The refusal says more than the library's "bad handshake".
		said, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		response.Body = io.NopCloser(bytes.NewReader(said))
		err = fmt.Errorf("%w: %s: %s", err, response.Status, bytes.TrimSpace(said))
	}
	return conn, response, err
}

func (a *attempt) tls() *tls.Config {
	config := &tls.Config{
		ServerName: a.serverName, RootCAs: a.to.roots, MinVersion: tls.VersionTLS12, ClientSessionCache: a.sessions,
	}
	if a.certificate != nil {
		config.Certificates = []tls.Certificate{*a.certificate}
	}
	return config
}

func (w *World) withDefaults(a attempt) attempt {
	if a.to == nil {
		a.to = &target{address: w.address, roots: w.roots, admitted: &w.admitted}
	}
	if a.serverName == "" {
		a.serverName = PublicHost
	}
	if a.host == "" {
		a.host = a.serverName
	}
	if a.path == "" {
		a.path = "/chat"
	}
	if a.origin == "" {
		a.origin = Origin
	}
	return a
}

// refused makes a handshake that must be answered with the status.
func (w *World) refused(ctx context.Context, a attempt, status int) (string, error) {
	conn, response, err := w.dial(ctx, a)
	if err == nil {
		_ = conn.Close()
		return "", errors.New("the gateway let it in")
	}
	if response == nil {
		return "", fmt.Errorf("no HTTP answer: %w", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != status {
		return "", fmt.Errorf("HTTP %d, want %d", response.StatusCode, status)
	}
	return fmt.Sprintf("HTTP %s", response.Status), nil
}

// echoOnce sends one message and expects it back.
func echoOnce(conn *websocket.Conn, message string) error {
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	_, answer, err := conn.ReadMessage()
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if string(answer) != message {
		return fmt.Errorf("sent %q, got %q", message, answer)
	}
	return nil
}

// bye ends a connection as a polite client does: Close frame, wait for the
// answer, hang up.
func bye(conn *websocket.Conn) {
	deadline := time.Now().Add(5 * time.Second)
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline)
	_ = conn.SetReadDeadline(deadline)
	for {
		if _, _, err := conn.NextReader(); err != nil {
			break
		}
	}
	_ = conn.Close()
}
