// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// restarting is an echo that says goodbye when it is told to.
func restarting(t *testing.T) *wstest.Upstream {
	t.Helper()
	return wstest.Serve(t, func(ws *websocket.Conn) {
		for {
			kind, data, err := ws.ReadMessage()
			if err != nil {
				return
			}
			if string(data) == "stop" {
				_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(outcome.CodeServiceRestart, ""), time.Now().Add(patience))
			} else if ws.WriteMessage(kind, data) != nil {
				return
			}
		}
	})
}

// The endpoint of a pod that terminates is taken out of endpoints.json while the
// pod still serves what it has.
func TestARollingUpdateOfABackendClosesNothingBeforeItsPodsDo(t *testing.T) {
	t.Parallel()
	old, next := restarting(t), wstest.Echo(t)
	ca, root, config := wstest.NewCA(t), wstest.NewRoot(t), baseConfig()
	frames := config.Routes[0]
	frames.Name, frames.Path, frames.Relay = "frames", contract.Path{Prefix: "/frames"}, contract.RelayFrames
	config.Routes = append(config.Routes, frames)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, config, endpoints(old.Address))
	r := start(t, root, ca, nil)
	var there []*websocket.Conn
	for _, path := range []string{"/chat", "/frames"} {
		there = append(there, r.backendReached(t, path))
	}

	before := old.Accepted()
	moved := endpoints(next.Address)
	root.Config(t, config, moved)
	data, err := contract.Encode(moved)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if got := r.report(t).Files[contract.EndpointsFile]; got.InForce != contract.Digest(data) {
			return fmt.Sprintf("endpoints in force are %+v", got)
		}
		return ""
	})
	for _, path := range []string{"/chat", "/frames"} {
		echoes(t, r.backendReached(t, path))
	}
	if late := old.Accepted() - before; late != 0 || len(next.Requests()) < 2 {
		t.Errorf("%d connections went to the old endpoint, %d to the new one", late, len(next.Requests()))
	}
	for _, conn := range there {
		echoes(t, conn)
		if err := conn.WriteMessage(websocket.TextMessage, []byte("stop")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeServiceRestart) {
			t.Errorf("ended with %v, want what the backend said", err)
		}
	}
	until(t, func() string {
		n := 0
		for _, record := range r.audit.records(t, "closed") {
			if record.Reason == outcome.UpstreamClosed {
				n++
			}
		}
		if n != len(there) {
			return fmt.Sprintf("%d connections are on record as closed by the backend", n)
		}
		return ""
	})
}
