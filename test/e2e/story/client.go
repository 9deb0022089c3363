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
}

// dial makes the handshake. The response is there whenever the gateway
// answered, also when it refused.
func (w *World) dial(ctx context.Context, a attempt) (*websocket.Conn, *http.Response, error) {
	a = a.withDefaults()
	dialer := websocket.Dialer{
		NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", w.address)
		},
		TLSClientConfig:  &tls.Config{ServerName: a.serverName, RootCAs: w.roots, MinVersion: tls.VersionTLS12},
		HandshakeTimeout: 15 * time.Second,
		Subprotocols:     a.subprotocols,
		ReadBufferSize:   1024,
		WriteBufferSize:  1024,
	}
	header := http.Header{}
	if a.origin != "-" {
		header.Set("Origin", a.origin)
	}
	if a.token != "" {
		header.Set("Authorization", "Bearer "+a.token)
	}
	conn, response, err := dialer.DialContext(ctx, "wss://"+a.host+a.path, header)
	if err == nil {
		w.admitted.add()
	}
	return conn, response, err
}

func (a attempt) withDefaults() attempt {
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
