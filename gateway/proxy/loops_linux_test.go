// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	mathrand "math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestConnectionsOverTLSAreTakenIntoTheLoops(t *testing.T) {
	g := relays()["Loops"].newGate(t, wstest.Echo(t))
	loops := g.relay.(*proxy.Loops)
	for range 5 {
		_ = g.dial()
	}
	eventually(t, "five in the loops", func() bool { return loops.Open() == 5 })
}

func TestConnectionsWithoutADescriptorAreRelayedAllTheSame(t *testing.T) {
	loops := proxy.NewLoops(proxy.FramesOptions{Now: time.Now, Random: mathrand.Float64})
	defer loops.Close()
	client, gatewayClient := net.Pipe()
	upstream, gatewayUpstream := net.Pipe()
	done := make(chan *outcome.Closure, 1)
	go func() {
		done <- loops.Relay(t.Context(), gatewayClient, &proxy.Upstream{Conn: gatewayUpstream}, session.New(&audit.Connection{ID: "a"}), defaults())
	}()
	go func() {
		_, _ = client.Write(masked(fin|clos, []byte{0x03, 0xe8}))
		_ = readClose(client)
		_ = client.Close()
	}()
	_ = readClose(upstream)
	_, _ = upstream.Write(plain(fin|clos, []byte{0x03, 0xe8}))
	_ = upstream.Close()
	wantClosure(t, <-done, outcome.ClientClosed, outcome.ByClient)
}

func TestAnUpstreamBehindTLSIsNotTakenAtItsSocket(t *testing.T) {
	g := relays()["Loops"].newGate(t, wstest.Echo(t))
	if proxy.HasDescriptor(g.raw()) {
		t.Error("a loop would write frames where records belong")
	}
	plain, err := net.Dial("tcp", g.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if !proxy.HasDescriptor(proxy.Replay(plain, []byte("early"))) {
		t.Error("a connection of TCP is not taken")
	}
}

func TestAConnectionThatWasQuietForAWhileGoesOn(t *testing.T) {
	t.Parallel()
	g := relays()["Loops"].newGate(t, wstest.Echo(t))
	ws := g.dial()
	_ = ws.SetReadDeadline(time.Now().Add(6 * patience))
	for _, size := range []int{100_000, 1, 100_000} {
		want := bytes.Repeat([]byte("x"), size)
		if err := ws.WriteMessage(bin, want); err != nil {
			t.Fatal(err)
		}
		if _, got, err := ws.ReadMessage(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		time.Sleep(2500 * time.Millisecond) // in which the buffers of TLS are given back
	}
}

func TestClosingTheLoopsCutsWhatIsThere(t *testing.T) {
	g := relays()["Loops"].newGate(t, wstest.Echo(t))
	loops := g.relay.(*proxy.Loops)
	conn := g.raw()
	eventually(t, "one in the loops", func() bool { return loops.Open() == 1 })
	loops.Close()
	g.want(outcome.Shutdown, outcome.ByGateway, outcome.CodeGoingAway)
	if code := readClose(conn); code != outcome.CodeAbnormal {
		t.Errorf("the client was told %d", code)
	}
}

func TestEachConnectionEndsWithTheContextThatItSharesWithOthers(t *testing.T) {
	const connections = 150 // more than one loop ends at once
	g := relays()["Loops"].newGate(t, wstest.Echo(t))
	_ = g.raw().Close() // one that has ended before the others
	_ = g.closure()
	var told sync.WaitGroup
	for range connections {
		conn := g.raw()
		told.Go(func() {
			if code := readClose(conn); code != outcome.CodeGoingAway {
				t.Errorf("told %d", code)
			}
			_ = conn.Close()
		})
	}
	eventually(t, "all are in the loops", func() bool { return g.relay.(*proxy.Loops).Open() == connections })
	g.cancel()
	told.Wait()
	for range connections {
		g.want(outcome.Shutdown, outcome.ByGateway, outcome.CodeGoingAway)
	}
}

// beside is another gate with the same relay.
func (g *gate) beside(upstream *wstest.Upstream) *gate {
	return kind{func(timeouts, func() float64) proxy.Relay { return g.relay }, true}.newGate(g.tb, upstream)
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestConnectionsThatEndInAnyWayLeaveNothingBehind lets connections end at random
// moments by resets, ends, Close frames of either side and plans of ours.
func TestConnectionsThatEndInAnyWayLeaveNothingBehind(t *testing.T) {
	for hop, secure := range hops() {
		t.Run(hop, func(t *testing.T) {
			relays()["Loops"].storm(t, secure)
		})
	}
}

func (k kind) storm(t *testing.T, secure bool) {
	t.Helper()
	const clients, rounds = 8, 40
	hurried := func(_ *contract.EffectiveLimits, o *timeouts) { o.CloseTimeout = time.Second }
	g := k.rawGate(t, secure, parrot, hurried)
	_ = g.dial().Close() // the loops have descriptors, too
	<-g.closures
	<-g.sessions
	eventually(t, "the first has gone", func() bool { return g.relay.(*proxy.Loops).Open() == 0 })
	before := descriptors(t)
	var running sync.WaitGroup
	for c := range clients {
		random := mathrand.New(mathrand.NewPCG(uint64(c), 7))
		running.Go(func() {
			for range rounds {
				conn := g.raw()
				payload := bytes.Repeat([]byte{byte(c)}, 1+random.IntN(40_000))
				go func() {
					_, _ = conn.Write(masked(fin|bin, payload))
				}()
				if random.IntN(2) == 0 {
					for got := 0; got < len(payload); {
						f, err := readFrame(conn)
						if f.first&0xf == clos {
							break // another client has ended this session instead of its own
						}
						if err != nil || bytes.Count(f.payload, payload[:1]) != len(f.payload) {
							t.Errorf("client %d: %v", c, err)
							break
						}
						got += len(f.payload)
					}
				}
				switch random.IntN(5) {
				case 0:
					_ = conn.NetConn().(*net.TCPConn).SetLinger(0)
				case 1:
					_, _ = conn.Write(masked(fin|clos, []byte{0x03, 0xe8}))
				case 2:
					_ = conn.CloseWrite()
				case 3:
					(<-g.sessions).End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
				}
				_ = conn.NetConn().Close()
			}
		})
	}
	running.Wait()
	for range clients * rounds {
		_ = g.closure()
	}
	eventually(t, "no descriptor is left", func() bool { return descriptors(t) <= before })
}
