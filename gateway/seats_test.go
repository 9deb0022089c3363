// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// try dials the route with headers; status is 0 without an answer.
func (r *running) try(t *testing.T, header http.Header) (conn *websocket.Conn, status int, answer http.Header) {
	t.Helper()
	d := r.dialer("public")
	d.Header = header
	conn, response, err := d.Dial(t.Context(), chatURL)
	switch {
	case err == nil:
		t.Cleanup(func() { _ = conn.Close() })
		return conn, response.StatusCode, response.Header
	case response == nil:
		return nil, 0, nil
	}
	return nil, response.StatusCode, response.Header
}

func TestAnIdentityHasNoMoreConnectionsThanItMay(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	config.Limits = &contract.Limits{MaxConnectionsPerIdentity: new(int32(2))}
	r.put(t, echo, config)
	ann, device := http.Header{}, http.Header{}
	ann.Set("Authorization", "Bearer "+i.token(t, time.Hour))
	device.Set("X-API-Key", aKey)

	first, _, _ := r.try(t, ann)
	if _, status, _ := r.try(t, ann); first == nil || status != http.StatusSwitchingProtocols {
		t.Fatalf("two connections: status %d", status)
	}
	before := len(echo.Requests())
	_, status, answer := r.try(t, ann)
	if status != http.StatusTooManyRequests || answer.Get("Retry-After") == "" || len(echo.Requests()) != before {
		t.Errorf("the third: status %d, header %v", status, answer)
	}
	if _, status, _ := r.try(t, device); status != http.StatusSwitchingProtocols {
		t.Errorf("another identity: status %d", status)
	}
	// A place that is given back is there for the next one.
	_ = first.Close()
	until(t, func() string {
		if _, status, _ := r.try(t, ann); status != http.StatusSwitchingProtocols {
			return "the place is not free"
		}
		return ""
	})
	r.end(t)
	if reasons := reasonsOf(r.audit.records(t, "denied")); !slices.Contains(reasons, "too_many_connections_of_identity") {
		t.Errorf("denied for %v", reasons)
	}
}

func TestAnAddressHasNoMoreConnectionsThanItMay(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	// Open before there is a limit: it counts, and stays.
	first := r.dialer("public").MustDial(t, chatURL)
	config := baseConfig()
	config.Limits = &contract.Limits{MaxConnectionsPerAddress: new(int32(1))}
	r.put(t, echo, config)
	if _, status, _ := r.try(t, nil); status != 0 {
		t.Errorf("the second: status %d, want no answer", status)
	}
	if err := echoOnce(first); err != nil {
		t.Errorf("the first: %v", err)
	}
	_ = first.Close()
	until(t, func() string {
		if _, status, _ := r.try(t, nil); status != http.StatusSwitchingProtocols {
			return "the place is not free"
		}
		return ""
	})
	r.end(t)
	if reasons := reasonsOf(r.audit.records(t, "denied")); !slices.Contains(reasons, "too_many_connections_of_address") {
		t.Errorf("denied for %v", reasons)
	}
}
