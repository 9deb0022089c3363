// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

const (
	// pongWait is how long an answer to a ping may wait for a message that is
	// being written. A ping that is never answered is the peer's to judge.
	pongWait = time.Second
	// boundaryWait is how long a Close frame waits for the end of a message
	// that is being written.
	boundaryWait = time.Second
	// lingerTime and lingerBytes bound what is read and thrown away at the end.
	lingerTime  = time.Second
	lingerBytes = 256 << 10
	// discardBytes bounds what is read and thrown away from a peer while the
	// other one, which can get nothing more, answers its Close frame.
	discardBytes = 1 << 20
)

// leg is one of the two connections of a relay.
type leg struct {
	name outcome.Initiator
	ws   *websocket.Conn
	wire *wire
	// in and count belong to the pump that reads this leg.
	in        inbound
	count     func(messages, bytes uint64)
	discarded int64
	// beat belongs to relaying.tick.
	beat beat

	// turn has room for one: whoever writes a message or a Close frame to this
	// leg. A Close frame in the middle of a message would cost the message.
	turn chan struct{}
	// deaf is true once the peer was sent a Close frame or cannot be written
	// to; what else is meant for it is thrown away.
	deaf atomic.Bool
	// gone is true once the connection failed or ended.
	gone atomic.Bool
}

func newLeg(name outcome.Initiator, w *wire, count func(messages, bytes uint64)) *leg {
	return &leg{name: name, wire: w, count: count, turn: make(chan struct{}, 1)}
}

// answerPing answers for both peers, so that neither depends on the other to
// stay alive. There is no queue: a peer that sends pings and reads no pongs
// only stops its own reader.
func (l *leg) answerPing(now func() time.Time) func(string) error {
	return func(payload string) error {
		err := l.ws.WriteControl(websocket.PongMessage, []byte(payload), now().Add(pongWait))
		// Without this, a peer that sends nothing but pings and reads nothing
		// would never be found out: no message is written to it.
		if err != nil && l.wire.failed.Load() {
			return fmt.Errorf("%w: %w", errUnwritable, err)
		}
		return nil
	}
}

// bye sends a Close frame, once, by the deadline. A message under way is given
// a moment to end first.
func (l *leg) bye(code int, text string, deadline time.Time) {
	if l.gone.Load() {
		return
	}
	patience := time.NewTimer(boundaryWait)
	defer patience.Stop()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-patience.C:
	}
	l.deaf.Store(true)
	// An error means that the peer is gone or was sent a Close frame before:
	// there is nothing left to say.
	_ = l.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), deadline)
}

// abandon gives up a connection that failed and ends the read under way.
func (l *leg) abandon() {
	l.deaf.Store(true)
	l.gone.Store(true)
	l.wire.wake()
}

// hangUp closes a connection that is not gone already. A socket that is closed with unread bytes is
// reset, and the reset may overtake the Close frame that was just sent; so our
// direction is closed first and the peer gets a moment to close its own.
func hangUp(conn net.Conn, gone bool, now func() time.Time) {
	defer func() { _ = conn.Close() }()
	if gone || !closeWrite(conn) {
		return
	}
	if conn.SetReadDeadline(now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, conn, lingerBytes)
	}
}

// closeWrite sends what ends our direction: close_notify, then FIN. TLS sends
// no FIN of its own accord, and some clients wait for it.
func closeWrite(conn net.Conn) bool {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return false
	}
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		if half, ok := tls.NetConn().(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // of a plain connection it is the second, which may fail
		}
	}
	return true
}
