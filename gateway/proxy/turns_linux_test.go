// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// TestPeersThatDoNotReadDelayNobody is the gate for what may be done in a loop: if
// anything in there waited for a peer, all others would wait for it, too.
func TestPeersThatDoNotReadDelayNobody(t *testing.T) {
	for hop, secure := range hops() {
		t.Run(hop, func(t *testing.T) { delayNobody(t, secure) })
	}
}

func delayNobody(t *testing.T, secure bool) {
	t.Helper()
	stop := make(chan struct{})
	g := relays()["Loops"].rawGate(t, secure, func(conn net.Conn) {
		shake(conn)
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		for { // what comes is not read, what is sent is not read either
			if _, err := conn.Write(plain(fin|bin, make([]byte, 60_000))); err != nil {
				break
			}
		}
		<-stop
	})
	defer close(stop)
	var writing sync.WaitGroup
	defer writing.Wait()
	for range 10 {
		conn := g.raw()
		defer conn.NetConn().Close()
		writing.Go(func() {
			for {
				if _, err := conn.Write(masked(fin|bin, make([]byte, 60_000))); err != nil {
					return
				}
			}
		})
	}
	echo := g.beside(wstest.Echo(t))
	ws := echo.dial()
	for range 200 {
		if err := ws.WriteMessage(text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
}

// flood writes until nobody reads any more.
func flood(conn net.Conn) {
	for {
		if _, err := conn.Write(masked(fin|bin, make([]byte, 60_000))); err != nil {
			return
		}
	}
}

// TestNoTurnTakesLong is the other gate for what may be done in a loop: a turn that
// waits for a peer lasts for seconds. One that only works takes far less than the bound, but on a quarter
// of a processor that others use, too, some turn of each round takes 25 ms.
func TestNoTurnTakesLong(t *testing.T) {
	const most, rounds = 250 * time.Millisecond, 20
	var longest time.Duration
	for round := range rounds {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) { longest = longestTurn(t) })
		if longest < most {
			return
		}
	}
	t.Errorf("in each of %d rounds some turn took more than %v, %v in the last", rounds, most, longest)
}

func longestTurn(t *testing.T) time.Duration {
	t.Helper()
	stop := make(chan struct{})
	stuck := wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		<-stop
	})
	g := relays()["Loops"].newGate(t, stuck)
	defer close(stop)
	go flood(g.raw())
	ws := g.beside(wstest.Echo(t)).dial()
	for range 20 {
		if err := ws.WriteMessage(bin, make([]byte, 50_000)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	_ = ws.Close()
	stats := g.relay.(*proxy.Loops).Stats()
	if stats.Turns == 0 || stats.Longest <= 0 || !stats.BuffersFound {
		t.Errorf("%+v", stats)
	}
	return stats.Longest
}

// Level-triggered, what is reported and not dealt with is reported again at once.
func TestAPeerThatIsNotReadAndFailsIsNotHeardOfAgainAndAgain(t *testing.T) {
	t.Parallel()
	for name, reset := range map[string]func(client *tls.Conn, upstream net.Conn){
		"client":   func(client *tls.Conn, _ net.Conn) { cut(client.NetConn()) },
		"upstream": func(_ *tls.Conn, upstream net.Conn) { cut(upstream) },
		"both":     func(client *tls.Conn, upstream net.Conn) { cut(client.NetConn()); cut(upstream) },
		"end of the client": func(client *tls.Conn, _ net.Conn) {
			_ = client.NetConn().(*net.TCPConn).CloseWrite()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstreams := make(chan net.Conn, 1)
			stop := make(chan struct{})
			stuck := wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				upstreams <- conn
				go func() { // neither side reads
					for {
						if _, err := conn.Write(plain(fin|bin, make([]byte, 60_000))); err != nil {
							return
						}
					}
				}()
				<-stop
			})
			g := relays()["Loops"].newGate(t, stuck, func(_ *contract.EffectiveLimits, o *timeouts) {
				o.WriteTimeout, o.CloseTimeout = 2*time.Second, 2*time.Second
			})
			defer close(stop)
			client := g.raw()
			go flood(client)
			loops := g.relay.(*proxy.Loops)
			before := loops.Stats().Turns
			eventually(t, "both are stuck", func() bool {
				last := before
				before = loops.Stats().Turns
				time.Sleep(50 * time.Millisecond)
				return before > 0 && before == last
			})
			reset(client, <-upstreams)
			_ = g.closure()
			if turns := loops.Stats().Turns - before; turns > 2000 {
				t.Errorf("%d turns until the end", turns)
			}
		})
	}
}

// cut resets a connection.
func cut(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestAClientMayAskForNewKeysNowAndThen(t *testing.T) {
	times := func(n, bytes, barren int) []proxy.Demand {
		return slices.Repeat([]proxy.Demand{{Bytes: bytes, Barren: barren}}, n)
	}
	const one = 27 // an answer of TLS 1.3
	for name, test := range map[string]struct {
		every   time.Duration
		demands []proxy.Demand
		refused bool
	}{
		"once":                      {time.Second, times(1, one, 1), false},
		"ten times a second":        {100 * time.Millisecond, times(100, one, 1), false},
		"a thousand times a second": {time.Millisecond, times(100, one, 1), true},
		"too often at once":         {time.Hour, times(1, nowait.MaxAnswers+1, 1), true},
		"as often as may be":        {time.Second, times(100, nowait.MaxAnswers, 1), false},

		"a hundred records without data a second":  {10 * time.Millisecond, times(1000, 0, 1), false},
		"a thousand records without data a second": {time.Millisecond, times(1000, 0, 1), true},
		"many records without data at once":        {time.Hour, times(1, 0, 201), true},
	} {
		if refused := proxy.Demanding(test.every, test.demands...); refused != test.refused {
			t.Errorf("%s: refused = %v", name, refused)
		}
	}
}

// The client has been told and goes on, the upstream does not read: when it is given
// up, there is nothing to be said to anybody.
func TestAnUpstreamThatIsGivenUpDuringTheEndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	stuck := wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		<-stop
	})
	g := relays()["Loops"].newGate(t, stuck, func(_ *contract.EffectiveLimits, o *timeouts) {
		o.WriteTimeout, o.CloseTimeout = 200*time.Millisecond, 3*time.Second
	})
	defer close(stop)
	conn := g.raw()
	(<-g.sessions).End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
	if code := readClose(conn); code != outcome.CodeServiceRestart {
		t.Fatalf("told %d", code)
	}
	go flood(conn)
	g.want(outcome.DrainingClosure, outcome.ByGateway, outcome.CodeServiceRestart)
}
