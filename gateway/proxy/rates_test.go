// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func tooOften(reason outcome.Reason, change func(*contract.EffectiveLimits), send ...[]byte) violation {
	return violation{send: bytes.Join(send, nil), reason: reason, code: outcome.CodePolicyViolation, change: change}
}

func TestClientAboveARateIsToldSoAndTheUpstreamIsNot(t *testing.T) {
	messages := func(l *contract.EffectiveLimits) { l.MessagesPerSecond = 1 }
	controls := func(l *contract.EffectiveLimits) { l.ControlFramesPerSecond = 1 }
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			for name, test := range map[string]violation{
				"messages":                tooOften(outcome.MessageRate, messages, bytes.Repeat(masked(fin|text, []byte("x")), 200)),
				"messages in fragments":   tooOften(outcome.MessageRate, messages, bytes.Repeat(append(masked(bin, nil), masked(fin, nil)...), 200)),
				"pings":                   tooOften(outcome.ControlRate, controls, bytes.Repeat(masked(fin|ping, []byte("x")), 200)),
				"pongs inside a message":  tooOften(outcome.ControlRate, controls, masked(bin, nil), bytes.Repeat(masked(fin|pong, []byte("wsgw")), 200)),
				"pings of the rate as is": tooOften(outcome.ControlRate, func(*contract.EffectiveLimits) {}, bytes.Repeat(masked(fin|ping, nil), 100_000)),
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					relay.wantClientTold(t, &test)
				})
			}
		})
	}
}

func TestASecondsWorthAndTenAtLeastMayComeAtOnce(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := relay.newGate(t, wstest.Echo(t), func(l *contract.EffectiveLimits, _ *timeouts) {
				l.MessagesPerSecond, l.ControlFramesPerSecond = 2, 30
			})
			conn := g.raw()
			_, _ = conn.Write(append(bytes.Repeat(masked(fin|ping, nil), 30), bytes.Repeat(masked(fin|text, []byte("x")), 10)...))
			got := map[byte]int{}
			for range 40 {
				f, err := readFrame(conn)
				if err != nil {
					t.Fatal(err)
				}
				got[f.first]++
			}
			if got[fin|text] != 10 || got[fin|pong] != 30 {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestClientThatSendsMoreBytesThanItMayIsReadLater(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const perSecond = 64 << 10
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				got := 0
				for got < 3*perSecond {
					f, err := readFrame(conn)
					if err != nil {
						return
					}
					got += len(f.payload)
				}
				_, _ = conn.Write(plain(fin|text, []byte("all")))
				_ = readClose(conn)
			}), func(l *contract.EffectiveLimits, _ *timeouts) {
				l.BytesPerSecond, l.IdleTimeout = perSecond, 0
			})
			conn := g.raw()
			began := time.Now()
			go func() { _, _ = conn.Write(bytes.Repeat(masked(fin|bin, make([]byte, perSecond/8)), 24)) }()
			if f, err := readFrame(conn); err != nil || string(f.payload) != "all" {
				t.Fatalf("got %q, %v", f.payload, err)
			}
			// A second's worth at once, and of the rest all but the last that is read.
			if took := time.Since(began); took < 1400*time.Millisecond {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestClientThatIsNotReadIsNeitherIdleNorSilentNorSlow(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.BytesPerSecond = 4 << 10
				limits.IdleTimeout, limits.FrameTimeout = 2*time.Second, time.Second
				limits.PingInterval, limits.PongTimeout = 3*time.Second, time.Second
				// It answers no ping: whatever comes from it is an answer.
				p := relay.relayPipes(t, limits, nil, polite, func(p *peers) {
					for range 12 {
						p.client.send(fin|bin, make([]byte, 16<<10))
					}
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
				// 192 KiB, of which 64 come at once.
				if took := p.client.closed; took < 28*time.Second || took > 40*time.Second {
					t.Errorf("took %v", took)
				}
				if got := p.session.Traffic().BytesFromClient; got != 192<<10 {
					t.Errorf("%d bytes relayed", got)
				}
			})
		})
	}
}

func TestPlannedEndDoesNotWaitForAClientThatIsNotRead(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.BytesPerSecond = 4 << 10
				p := relay.relayPipes(t, limits, polite, polite, func(p *peers) {
					go p.client.send(fin|bin, make([]byte, 120<<10))
					time.Sleep(time.Second)
					p.session.End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
				})
				wantClosure(t, p.closure, outcome.DrainingClosure, outcome.ByGateway)
				if p.client.closed > 7*time.Second {
					t.Errorf("took %v", p.client.closed)
				}
			})
		})
	}
}

func TestFrameThatTricklesInEndsTheConnection(t *testing.T) {
	const timeout = 20 * time.Second
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			for name, test := range map[string]struct {
				by     outcome.Initiator
				frame  []byte
				first  int
				within time.Duration
			}{
				"of the client":   {outcome.ByClient, masked(fin|bin, make([]byte, 100_000)), 1000, timeout + 24*time.Second},
				"of the upstream": {outcome.ByUpstream, plain(bin, make([]byte, 100_000)), 1000, timeout + 24*time.Second},
				// It is complete after thirteen seconds; then the payload has its time.
				"its header":              {outcome.ByClient, masked(fin|bin, make([]byte, 100_000)), 1, timeout + 37*time.Second},
				"a Close frame":           {outcome.ByClient, masked(fin|clos, append([]byte{0x03, 0xe8}, make([]byte, 100)...)), 7, timeout},
				"a ping inside a message": {outcome.ByClient, append(masked(text, nil), masked(fin|ping, make([]byte, 100))...), 13, timeout},
			} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						limits := defaults()
						limits.FrameTimeout = timeout
						var sender *peer
						p := relay.relayPipes(t, limits, polite, polite, func(p *peers) {
							sender = map[outcome.Initiator]*peer{outcome.ByClient: p.client, outcome.ByUpstream: p.upstream}[test.by]
							_, err := sender.conn.Write(test.frame[:test.first])
							for i := test.first; err == nil && i < test.first+60; i++ {
								time.Sleep(time.Second)
								_, err = sender.conn.Write(test.frame[i : i+1])
							}
						})
						wantClosure(t, p.closure, outcome.FrameTimeout, test.by)
						last := len(sender.got) - 1
						if last < 0 || sender.got[last].first != fin|clos || code(sender.got[last]) != outcome.CodePolicyViolation {
							t.Fatalf("it was told %v", sender.got)
						}
						if at := sender.at[last]; at < timeout || at > test.within+time.Second {
							t.Errorf("told after %v, want at most %v", at, test.within)
						}
					})
				})
			}
		})
	}
}

func TestFrameThatStopsEndsTheConnectionInALoopToo(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream, ends := recorder(t)
			g := relay.newGate(t, upstream, func(l *contract.EffectiveLimits, _ *timeouts) { l.FrameTimeout = 300 * time.Millisecond })
			conn := g.raw(masked(fin|bin, make([]byte, 100))[:50]...)
			if code := readClose(conn); code != outcome.CodePolicyViolation {
				t.Errorf("client was told %d", code)
			}
			_ = conn.Close()
			<-ends
			g.want(outcome.FrameTimeout, outcome.ByClient, outcome.CodePolicyViolation)
		})
	}
}

func TestAMessageMayTakeAsLongAsItLikesBetweenItsFrames(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.FrameTimeout, limits.IdleTimeout = time.Second, time.Hour
				p := relay.relayPipes(t, limits, polite, polite, func(p *peers) {
					for _, first := range []byte{text, 0, fin} {
						p.client.send(first, []byte("x"))
						time.Sleep(10 * time.Minute)
					}
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
			})
		})
	}
}

func TestClientIsNotSlowWhileTheUpstreamDoesNotRead(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.FrameTimeout = time.Second
				message := masked(fin|bin, make([]byte, 3000))
				p := relay.relayPipes(t, limits, polite, func(p *peer, f frame) {
					if f.first == fin|text {
						time.Sleep(9 * time.Second)
					}
					polite(p, f)
				}, func(p *peers) {
					p.client.send(fin|text, []byte("x"))
					_, _ = p.client.conn.Write(message[:1000])
					_, _ = p.client.conn.Write(message[1000:])
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
				if p.client.closed < 9*time.Second || len(p.upstream.got) != 3 {
					t.Errorf("after %v the upstream has %d frames", p.client.closed, len(p.upstream.got))
				}
			})
		})
	}
}
