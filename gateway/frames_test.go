// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestARouteMayAskForFrames(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, func(c *contract.Config) { c.Routes[0].Relay = contract.RelayFrames })
	dialer := r.dialer("public")
	conn, drained := dialer.MustDial(t, "wss://ws.example.com/chat"), dialer.MustDial(t, "wss://ws.example.com/chat")
	for _, one := range []*websocket.Conn{conn, drained} {
		// The relay of whole messages would refuse this text; so it is seen which one it is.
		if err := one.WriteMessage(websocket.TextMessage, []byte("a\xff")); err != nil {
			t.Fatal(err)
		}
		if _, data, err := one.ReadMessage(); err != nil || string(data) != "a\xff" {
			t.Fatalf("got %q, %v", data, err)
		}
	}
	if err := conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, 4001) {
		t.Errorf("close answered with %v", err)
	}
	if len(echo.Requests()) != 2 {
		t.Error("the backend was not asked twice")
	}
	ended := make(chan error, 1)
	go func() {
		_, _, err := drained.ReadMessage()
		ended <- err
	}()
	r.end(t)
	if err := <-ended; !websocket.IsCloseError(err, outcome.CodeServiceRestart) {
		t.Errorf("the drain ended with %v", err)
	}
	reasons := map[outcome.Reason]int{}
	for _, record := range r.audit.records(t, "closed") {
		reasons[record.Reason]++
	}
	if reasons[outcome.ClientClosed] != 1 || reasons[outcome.DrainingClosure] != 1 {
		t.Errorf("closed for %v", reasons)
	}
}

// An operator of an earlier release leaves out what was the default then.
func TestARouteWithoutARelayIsRelayedAsWholeMessages(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) { c.Routes[0].Relay = "" })
	conn := r.dialer("public").MustDial(t, chatURL)
	if err := conn.WriteMessage(websocket.TextMessage, []byte("a\xff")); err != nil {
		t.Fatal(err)
	}
	if _, data, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInvalidFramePayloadData) {
		t.Errorf("got %q, %v, want 1007: text is not checked", data, err)
	}
}
