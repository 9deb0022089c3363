// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"testing"

	"github.com/gorilla/websocket"
)

func TestAMessageComesBackThroughTheGateway(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	conn := r.dialer("public").MustDial(t, "wss://ws.example.com/chat/room?x=1")
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	kind, data, err := conn.ReadMessage()
	if err != nil || kind != websocket.TextMessage || string(data) != "hello" {
		t.Fatalf("got %d %q %v", kind, data, err)
	}
	if requests := echo.Requests(); len(requests) != 1 || requests[0].RequestURI != "/chat/room?x=1" || requests[0].Host != "ws.example.com" {
		t.Errorf("backend saw %+v", requests)
	}
	if n := r.report(t).Connections; n != 1 {
		t.Errorf("report counts %d connections", n)
	}
	if err := conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("close answered with %v", err)
	}
	r.end(t)
	opened, closed := r.audit.records(t, "opened"), r.audit.records(t, "closed")
	if len(opened) != 1 || len(closed) != 1 {
		t.Fatalf("audit log: %s", r.audit)
	}
}
