// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import "net"

// Replay returns a connection whose first reads return early, then what conn
// has. It passes CloseWrite and NetConn through.
func Replay(conn net.Conn, early []byte) net.Conn {
	if len(early) == 0 {
		return conn
	}
	return &replayed{Conn: conn, early: early}
}

type replayed struct {
	net.Conn
	early []byte
}

func (r *replayed) Read(p []byte) (int, error) {
	if len(r.early) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.early)
	if r.early = r.early[n:]; len(r.early) == 0 {
		r.early = nil
	}
	return n, nil
}

// CloseWrite ends our side of the connection, as far as the connection can.
func (r *replayed) CloseWrite() error {
	if half, ok := r.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn is the connection below: that of a TLS connection, or the one that
// was given to Replay.
func (r *replayed) NetConn() net.Conn {
	if below, ok := r.Conn.(interface{ NetConn() net.Conn }); ok {
		return below.NetConn()
	}
	return r.Conn
}
