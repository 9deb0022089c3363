// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// farewell is the Close frame for a leg after the other one ended with err. A
// code and text that a peer chose pass through, in both directions of the
// closing handshake; everything else follows from the closure.
func farewell(closure *outcome.Closure, to *leg, err error) (code int, text string) {
	byPeer := closure.Reason == outcome.ClientClosed || closure.Reason == outcome.UpstreamClosed
	if !byPeer {
		return codeFor(closure, to.name), string(closure.Reason)
	}
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok && closed.Code != websocket.CloseAbnormalClosure {
		return closed.Code, closed.Text
	}
	return closure.Code, ""
}

// codeFor is the code that one side is told. The code of a closure is for the
// side that it concerns: a backend must not read that it sent too much when a
// client did, and needs not know why a client has to leave.
func codeFor(closure *outcome.Closure, to outcome.Initiator) int {
	switch {
	case closure.Initiator == to && closure.Violation():
		return closure.Code
	case to == outcome.ByUpstream:
		return outcome.CodeGoingAway
	case closure.Initiator == outcome.ByUpstream:
		return outcome.CodeInternalError
	}
	return closure.Code
}
