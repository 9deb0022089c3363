// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"io"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// endedSilently is the detail of a connection that just ended.
const endedSilently = "connection ended without a Close frame"

// errNotHeard ends reading from a peer that goes on talking to one who left.
var errNotHeard = errors.New("the other side has left")

// pump carries everything from one leg to the other until from ends, then tells
// the other why. That other's end ends the opposite pump: so each direction
// delivers what was sent before the Close frame.
func (r *relaying) pump(from, to *leg) {
	defer r.contain()
	err := r.carry(from, to)
	if networkError(from, err) {
		from.abandon()
	}
	r.settle(r.judge(from, err))
	closure := r.closure.Load()
	if closure.Initiator == from.name && closure.Violation() {
		from.bye(closure.Code, string(closure.Reason), r.deadline())
	}
	code, text := farewell(closure, to, err)
	to.bye(code, text, r.deadline())
	if !to.gone.Load() {
		_ = to.wire.SetReadDeadline(r.answerBy())
	}
}

// contain keeps a bug in one connection from ending all the others.
func (r *relaying) contain() {
	if problem := recover(); problem != nil {
		r.settle(outcome.Close(outcome.RelayFailed, outcome.ByGateway, mistake(problem)))
		r.client.abandon()
		r.upstream.abandon()
	}
}

// carry returns the error that ended reading.
func (r *relaying) carry(from, to *leg) error {
	for {
		kind, message, err := from.ws.NextReader()
		if err != nil {
			return err
		}
		r.touch()
		from.in.reset(message, kind == websocket.TextMessage)
		if err := r.forward(from, to, kind); err != nil {
			return err
		}
		r.touch()
	}
}

// forward copies one message as it arrives. Errors of writing are settled here;
// the rest of the message is then read, since the peer's Close frame may follow.
func (r *relaying) forward(from, to *leg, kind int) error {
	in := &from.in
	written, err := r.write(in, to, kind)
	if in.err != nil {
		return in.err
	}
	if err == nil {
		from.count(1, written)
		return nil
	}
	r.unwritable(to, err)
	n, err := io.Copy(io.Discard, in)
	if from.discarded += n; err == nil && from.discarded > discardBytes {
		return errNotHeard
	}
	return err
}

func (r *relaying) write(in *inbound, to *leg, kind int) (uint64, error) {
	to.turn <- struct{}{}
	defer func() { <-to.turn }()
	if to.deaf.Load() {
		return 0, websocket.ErrCloseSent
	}
	w, err := to.ws.NextWriter(kind)
	if err != nil {
		return 0, err
	}
	// The writer reads into its own buffer: no other is needed, and a message
	// that fits leaves as one frame.
	n, err := io.Copy(w, in)
	if err == nil {
		err = w.Close()
	}
	return uint64(max(n, 0)), err
}

// unwritable notes that nothing more can be written to a leg. Unless that is so
// because it was sent a Close frame, the connection is lost.
func (r *relaying) unwritable(to *leg, err error) {
	if errors.Is(err, websocket.ErrCloseSent) {
		to.deaf.Store(true)
		return
	}
	r.settle(r.lostTo(to, err))
	to.abandon()
}

// networkError says whether reading ended because the connection did.
func networkError(from *leg, err error) bool {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		// The library's word for an end without a Close frame; a peer cannot
		// send this code.
		return closed.Code == websocket.CloseAbnormalClosure
	}
	return from.wire.readError != nil || errors.Is(err, errUnwritable)
}

// judge finds the closure for an error that ended reading.
func (r *relaying) judge(from *leg, err error) *outcome.Closure {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, errInvalidUTF8):
		return outcome.Close(outcome.InvalidUTF8, from.name, "")
	case errors.Is(err, errBroken):
		return from.wire.broken
	case errors.Is(err, errUnwritable):
		return r.lostTo(from, err)
	case errors.Is(from.wire.readError, errTookNoAnswer):
		return tookNothing(from.name, writeTimeout(&r.limits))
	case networkError(from, err):
		if errors.Is(from.wire.readError, io.EOF) || from.wire.readError == nil {
			return lost(from.name, endedSilently)
		}
		return lost(from.name, cause(from.wire.readError))
	case errors.As(err, &closed):
		return outcome.Closed(from.name, closed.Code)
	}
	return outcome.Close(outcome.ProtocolError, from.name, cause(err))
}

// lostTo is why nothing more can be written to a leg.
func (r *relaying) lostTo(to *leg, err error) *outcome.Closure {
	if to.wire.slow.Load() {
		return tookNothing(to.name, writeTimeout(&r.limits))
	}
	return lost(to.name, cause(err))
}

func lost(name outcome.Initiator, detail string) *outcome.Closure {
	if name == outcome.ByClient {
		return outcome.Close(outcome.ClientLost, name, detail)
	}
	return outcome.Close(outcome.UpstreamLost, name, detail)
}
