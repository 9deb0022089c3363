// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// stuck waits until nothing moves in the loops any more.
func stuck(t *testing.T, loops *proxy.Loops) {
	t.Helper()
	before := uint64(0)
	eventually(t, "nobody takes any more", func() bool {
		last := before
		before = loops.Stats().Turns
		time.Sleep(50 * time.Millisecond)
		return before > 0 && before == last
	})
}

// A backend that has had enough says so and closes its socket at once, without having
// read what still came: that resets the connection, but its Close frame is the reason.
func TestTheLastWordOfAnUpstreamThatReadsNoMoreReachesTheClient(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	g := relays()["Loops"].newGate(t, wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		<-leave
		_, _ = conn.Write(plain(fin|clos, []byte("\x0f\xa8enough")))
	}))
	conn := g.raw()
	go flood(conn)
	stuck(t, g.relay.(*proxy.Loops))
	close(leave)
	if code := readClose(conn); code != 4008 {
		t.Errorf("the client was told %d, want 4008", code)
	}
	_ = conn.NetConn().Close()
	g.want(outcome.UpstreamClosed, outcome.ByUpstream, 4008)
}

// A client may do the same.
func TestTheLastWordOfAClientThatReadsNoMoreReachesTheUpstream(t *testing.T) {
	t.Parallel()
	told := make(chan int, 1)
	g := relays()["Loops"].newGate(t, wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		go func() {
			for {
				if _, err := conn.Write(plain(fin|bin, make([]byte, 60_000))); err != nil {
					return
				}
			}
		}()
		told <- readClose(conn)
	}))
	conn := g.raw()
	stuck(t, g.relay.(*proxy.Loops))
	_, _ = conn.Write(masked(fin|clos, []byte("\x0f\xa1bye")))
	_ = conn.NetConn().Close()
	g.want(outcome.ClientClosed, outcome.ByClient, 4001)
	if code := <-told; code != 4001 {
		t.Errorf("the upstream was told %d, want 4001", code)
	}
}

// What is read at last may take several reads, each of which goes to where the one before
// was: none may lose or change what is still to be sent.
func TestLastWordsThatAreManyArriveInOrder(t *testing.T) {
	t.Parallel()
	const rounds, messages, size = 20, 200, 1000
	problems := make(chan string, rounds)
	g := relays()["Loops"].newGate(t, wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		go func() {
			for {
				if _, err := conn.Write(plain(fin|bin, make([]byte, 60_000))); err != nil {
					return
				}
			}
		}()
		problems <- inTheirOrder(conn, size)
	}))
	for range rounds {
		conn := g.raw()
		var all []byte
		for i := range messages {
			all = append(all, masked(fin|bin, bytes.Repeat([]byte{byte(i)}, size))...)
		}
		_, _ = conn.Write(append(all, masked(fin|clos, []byte("\x0f\xa1bye"))...))
		_ = conn.NetConn().Close() // with much unread: this is a reset
	}
	for range rounds {
		if problem := <-problems; problem != "" {
			t.Error(problem)
		}
		_ = g.closure()
	}
}

// An upstream's message that is on its way to a client that has gone is what the end of
// the client is found by: reading that end must leave alone what was being sent.
func TestAClientThatHasGoneWhileAMessageComesIsLost(t *testing.T) {
	t.Parallel()
	const rounds = 10
	upstreams, told := make(chan net.Conn, rounds), make(chan int, rounds)
	g := relays()["Loops"].newGate(t, wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		upstreams <- conn
		told <- readClose(conn)
	}))
	for range rounds {
		conn, upstream := g.raw(), <-upstreams
		_, _ = upstream.Write(plain(fin|bin, []byte("the loop has it")))
		if _, err := readFrame(conn); err != nil {
			t.Fatal(err)
		}
		resume := proxy.Pause(g.relay.(*proxy.Loops))
		_, _ = upstream.Write(plain(fin|bin, make([]byte, 10_000)))
		_ = conn.CloseWrite() // of TLS: no Close frame
		cut(conn.NetConn())
		resume()
		g.want(outcome.ClientLost, outcome.ByClient, outcome.CodeAbnormal)
		if code := <-told; code != outcome.CodeGoingAway {
			t.Errorf("the upstream was told %d", code)
		}
	}
}

// inTheirOrder reads messages to the end: each has the number of its place in each byte.
func inTheirOrder(conn net.Conn, size int) (problem string) {
	for i := 0; ; i++ {
		f, err := readFrame(conn)
		if err != nil || f.first == fin|clos {
			return "" // however much of it arrived
		}
		if f.first != fin|bin || !bytes.Equal(f.payload, bytes.Repeat([]byte{byte(i)}, size)) {
			return fmt.Sprintf("instead of message %d came %#x with %d bytes", i, f.first, len(f.payload))
		}
	}
}
