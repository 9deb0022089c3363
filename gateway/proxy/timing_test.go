// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// peers is a relay between two pipes in a bubble of fake time. Both ends are
// read to the end; what they get is kept.
type peers struct {
	client, upstream *peer
	started          time.Time
	closure          *outcome.Closure
	session          *session.Session
}

type peer struct {
	conn  net.Conn
	write func(first byte, payload []byte) []byte
	// answer is called for each frame.
	answer func(*peer, frame)
	got    []frame
	at     []time.Duration
	closed time.Duration
}

func (p *peer) send(first byte, payload []byte) { _, _ = p.conn.Write(p.write(first, payload)) }

func (p *peer) read(started time.Time) {
	for {
		f, err := readFrame(p.conn)
		if err != nil {
			p.closed = time.Since(started)
			_ = p.conn.Close()
			return
		}
		p.got, p.at = append(p.got, f), append(p.at, time.Since(started))
		if p.answer != nil {
			p.answer(p, f)
		}
	}
}

// polite answers pings and Close frames.
func polite(p *peer, f frame) {
	switch f.first & 0xf {
	case ping:
		p.send(fin|pong, f.payload)
	case clos:
		p.send(fin|clos, f.payload)
	}
}

// relayPipes must be called in a bubble. act runs while the relay does.
func (k kind) relayPipes(t *testing.T, limits contract.EffectiveLimits, client, upstream func(*peer, frame), act func(*peers)) *peers {
	t.Helper()
	clientConn, gatewayClient := net.Pipe()
	upstreamConn, gatewayUpstream := net.Pipe()
	p := &peers{
		client:   &peer{conn: clientConn, write: masked, answer: client},
		upstream: &peer{conn: upstreamConn, write: plain, answer: upstream},
		started:  time.Now(),
		session:  session.New(&audit.Connection{ID: "a"}),
	}
	relay := k.make(timeouts{}, func() float64 { return 0.5 })
	// What is left of the handshakes' deadlines must not matter.
	_ = gatewayClient.SetDeadline(p.started.Add(time.Second))
	_ = gatewayUpstream.SetDeadline(p.started.Add(time.Second))
	done := make(chan struct{}, 3)
	go func() { p.client.read(p.started); done <- struct{}{} }()
	go func() { p.upstream.read(p.started); done <- struct{}{} }()
	go func() {
		p.closure = relay.Relay(t.Context(), gatewayClient, &proxy.Upstream{Conn: gatewayUpstream}, p.session, limits)
		done <- struct{}{}
	}()
	if act != nil {
		act(p)
	}
	for range 3 {
		<-done
	}
	return p
}

func defaults() contract.EffectiveLimits {
	var absent *contract.Limits
	return absent.WithDefaults()
}

// unhurried are limits for tests of something else than floods and frames that
// trickle in.
func unhurried() contract.EffectiveLimits {
	limits := defaults()
	limits.ControlFramesPerSecond, limits.FrameTimeout = 0, 0
	return limits
}

func wantClosure(t *testing.T, got *outcome.Closure, reason outcome.Reason, by outcome.Initiator) {
	t.Helper()
	if got.Reason != reason || got.Initiator != by {
		t.Errorf("closure = %v by %s, want %s by %s", got, got.Initiator, reason, by)
	}
}

func code(f frame) int { return int(f.payload[0])<<8 | int(f.payload[1]) }

func TestConnectionWithoutMessagesEndsAfterTheIdleTimeout(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Pings go back and forth all the time: they do not count.
				p := relay.relayPipes(t, defaults(), polite, polite, nil)
				wantClosure(t, p.closure, outcome.IdleTimeout, outcome.ByGateway)
				if p.client.closed != contract.DefaultIdleTimeout {
					t.Errorf("ended after %v, want %v", p.client.closed, contract.DefaultIdleTimeout)
				}
				for _, side := range []*peer{p.client, p.upstream} {
					if last := side.got[len(side.got)-1]; code(last) != outcome.CodeGoingAway {
						t.Errorf("last frame %v", last)
					}
				}
			})
		})
	}
}

func TestMessagesInEitherDirectionKeepAConnection(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			for name, sender := range map[string]func(*peers) *peer{
				"from the client":   func(p *peers) *peer { return p.client },
				"from the upstream": func(p *peers) *peer { return p.upstream },
			} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						const each = contract.DefaultIdleTimeout - time.Second
						p := relay.relayPipes(t, defaults(), polite, polite, func(p *peers) {
							for range 3 {
								time.Sleep(each)
								sender(p).send(fin|text, []byte("x"))
							}
						})
						wantClosure(t, p.closure, outcome.IdleTimeout, outcome.ByGateway)
						if want := 3*each + contract.DefaultIdleTimeout; p.client.closed != want {
							t.Errorf("ended after %v, want %v", p.client.closed, want)
						}
					})
				})
			}
		})
	}
}

// Pongs are bytes, too.
func TestConnectionWithoutMessagesIsIdleWhateverItsRateOfBytesIs(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.BytesPerSecond = 64 << 10
				p := relay.relayPipes(t, limits, polite, polite, func(p *peers) {
					time.Sleep(3 * contract.DefaultIdleTimeout)
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.IdleTimeout, outcome.ByGateway)
				if p.client.closed != contract.DefaultIdleTimeout {
					t.Errorf("ended after %v, want %v", p.client.closed, contract.DefaultIdleTimeout)
				}
			})
		})
	}
}

func TestMessageThatTricklesInIsIdle(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := relay.relayPipes(t, unhurried(), polite, polite, func(p *peers) {
					_, _ = p.client.conn.Write(masked(fin|bin, make([]byte, 100_000))[:10])
					for range 2000 {
						time.Sleep(time.Second)
						if _, err := p.client.conn.Write([]byte("x")); err != nil {
							return
						}
					}
				})
				wantClosure(t, p.closure, outcome.IdleTimeout, outcome.ByGateway)
				// The header takes a few seconds too.
				if p.client.closed > contract.DefaultIdleTimeout+2*proxy.DefaultCloseTimeout {
					t.Errorf("ended after %v", p.client.closed)
				}
			})
		})
	}
}

func TestBothSidesArePingedEachInterval(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := relay.relayPipes(t, defaults(), polite, polite, nil)
				for name, side := range map[string]*peer{"client": p.client, "upstream": p.upstream} {
					var pings []time.Duration
					for i, f := range side.got {
						if f.first == fin|ping {
							pings = append(pings, side.at[i])
						}
					}
					// The first one is early by a random part of half an interval.
					for i, at := range pings {
						if want := contract.DefaultPingInterval*3/4 + time.Duration(i)*contract.DefaultPingInterval; at != want {
							t.Errorf("%s: ping %d after %v, want %v", name, i, at, want)
						}
					}
					if len(pings) != 20 {
						t.Errorf("%s: %d pings in ten minutes", name, len(pings))
					}
				}
			})
		})
	}
}

func TestClientThatDoesNotAnswerAPingIsLost(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := relay.relayPipes(t, defaults(), nil, polite, nil)
				wantClosure(t, p.closure, outcome.PongTimeout, outcome.ByClient)
				if want := contract.DefaultPingInterval*3/4 + contract.DefaultPongTimeout; p.client.closed != want {
					t.Errorf("ended after %v, want %v", p.client.closed, want)
				}
				if last := p.upstream.got[len(p.upstream.got)-1]; code(last) != outcome.CodeGoingAway {
					t.Errorf("upstream's last frame %v", last)
				}
			})
		})
	}
}

func TestUpstreamThatDoesNotAnswerAPingIsLostLater(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := relay.relayPipes(t, defaults(), polite, nil, nil)
				wantClosure(t, p.closure, outcome.PongTimeout, outcome.ByUpstream)
				if want := contract.DefaultPingInterval*3/4 + contract.DefaultBackendPongTimeout; p.upstream.closed != want {
					t.Errorf("ended after %v, want %v", p.upstream.closed, want)
				}
				if last := p.client.got[len(p.client.got)-1]; code(last) != outcome.CodeInternalError {
					t.Errorf("client's last frame %v", last)
				}
			})
		})
	}
}

func TestUpstreamThatIsNotAskedNeedsNoPong(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.BackendPongTimeout = 0
				p := relay.relayPipes(t, limits, polite, nil, nil)
				wantClosure(t, p.closure, outcome.IdleTimeout, outcome.ByGateway)
				if len(p.upstream.got) != 1 {
					t.Errorf("the upstream got %v", p.upstream.got)
				}
			})
		})
	}
}

func TestOldConnectionEndsUpToATenthEarly(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.MaxConnectionAge, limits.IdleTimeout = 100*time.Hour, 0
				p := relay.relayPipes(t, limits, polite, polite, nil)
				wantClosure(t, p.closure, outcome.MaxAge, outcome.ByGateway)
				if took := p.client.closed.Round(time.Second); took != 95*time.Hour {
					t.Errorf("ended after %v", took)
				}
				for _, side := range []*peer{p.client, p.upstream} {
					if last := side.got[len(side.got)-1]; code(last) != outcome.CodeGoingAway {
						t.Errorf("last frame %v", last)
					}
				}
			})
		})
	}
}

func TestCloseOfAPeerIsOverAfterTheCloseTimeoutWhateverTheOtherDoes(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			for name, closer := range map[string]func(*peers) *peer{
				"client": func(p *peers) *peer { return p.client }, "upstream": func(p *peers) *peer { return p.upstream },
			} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p := relay.relayPipes(t, defaults(), nil, nil, func(p *peers) { closer(p).send(fin|clos, []byte{0x0f, 0xa0}) })
						if took := max(p.client.closed, p.upstream.closed); took > proxy.DefaultCloseTimeout || p.closure.Code != 4000 {
							t.Errorf("took %v: %v", took, p.closure)
						}
					})
				})
			}
		})
	}
}

func TestClientInTheMiddleOfALargeMessageNeedsNoPong(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const bytes = 60
				p := relay.relayPipes(t, unhurried(), func(p *peer, f frame) {
					if f.first&0xf == clos {
						polite(p, f)
					}
				}, polite, func(p *peers) {
					message := masked(fin|bin, make([]byte, bytes))
					for i := range message {
						time.Sleep(time.Second)
						_, _ = p.client.conn.Write(message[i : i+1])
					}
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
				if got := p.session.Traffic().BytesFromClient; got != bytes {
					t.Errorf("%d bytes relayed", got)
				}
			})
		})
	}
}

func TestClientIsNotBlamedWhileTheUpstreamDoesNotRead(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := defaults()
				limits.PingInterval, limits.PongTimeout = 4*time.Second, time.Second
				p := relay.relayPipes(t, limits, polite, func(p *peer, f frame) {
					if f.first&0xf == bin {
						time.Sleep(9 * time.Second)
					}
					polite(p, f)
				}, func(p *peers) {
					time.Sleep(3500 * time.Millisecond)
					go func() {
						p.client.send(fin|bin, []byte("x"))
						// Nobody reads this one while the upstream sleeps, nor the pong
						// that the client's reader sends behind it.
						p.client.send(fin|bin, []byte("y"))
					}()
					time.Sleep(time.Minute)
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
			})
		})
	}
}

func TestPlannedEndIsOverAfterTheCloseTimeoutWhateverThePeersDo(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			for name, behaviour := range map[string]struct{ client, upstream func(*peer, frame) }{
				"both polite":     {polite, polite},
				"silent client":   {nil, polite},
				"silent upstream": {polite, nil},
				"both silent":     {nil, nil},
			} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p := relay.relayPipes(t, defaults(), behaviour.client, behaviour.upstream, func(p *peers) {
							p.session.End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
						})
						wantClosure(t, p.closure, outcome.DrainingClosure, outcome.ByGateway)
						if took := max(p.client.closed, p.upstream.closed); took > proxy.DefaultCloseTimeout {
							t.Errorf("took %v", took)
						}
						if got := code(p.client.got[0]); got != outcome.CodeServiceRestart {
							t.Errorf("client was told %d", got)
						}
						if got := code(p.upstream.got[0]); got != outcome.CodeGoingAway {
							t.Errorf("upstream was told %d", got)
						}
					})
				})
			}
		})
	}
}

func TestLimitsOfZeroAreOff(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := relay.relayPipes(t, contract.EffectiveLimits{}, polite, polite, func(p *peers) {
					time.Sleep(24 * time.Hour)
					p.client.send(fin|bin, make([]byte, 5<<20))
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
				if len(p.client.got) != 1 || p.session.Traffic().BytesFromClient != 5<<20 {
					t.Errorf("client got %d frames, traffic %+v", len(p.client.got), p.session.Traffic())
				}
			})
		})
	}
}

func other(than outcome.Initiator) outcome.Initiator {
	if than == outcome.ByClient {
		return outcome.ByUpstream
	}
	return outcome.ByClient
}

func TestPeerThatSendsPingsAndReadsNoAnswerIsLost(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			flood := func(p *peer) {
				for {
					if _, err := p.conn.Write(p.write(fin|ping, make([]byte, 125))); err != nil {
						return
					}
				}
			}
			for name, test := range map[string]struct {
				flooder func(*peers) *peer
				by      outcome.Initiator
			}{
				"client":   {func(p *peers) *peer { return p.client }, outcome.ByClient},
				"upstream": {func(p *peers) *peer { return p.upstream }, outcome.ByUpstream},
			} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						over := make(chan struct{})
						// The first pong is read, then nothing for an hour.
						stuck := func(*peer, frame) { <-over }
						time.AfterFunc(time.Hour, func() { close(over) })
						behaviour := map[string]func(*peer, frame){"client": polite, "upstream": polite, name: stuck}
						p := relay.relayPipes(t, unhurried(), behaviour["client"], behaviour["upstream"], func(p *peers) { flood(test.flooder(p)) })
						by := test.by
						if relay.frames && p.closure.Initiator != by {
							// The other side answers each ping and, while nobody
							// takes its answers, does not read either: which of
							// the two was first nobody can tell.
							by = other(by)
						}
						wantClosure(t, p.closure, outcome.SlowReader, by)
						for _, side := range []*peer{p.client, p.upstream} {
							if side != test.flooder(p) && side.closed > contract.DefaultWriteTimeout+proxy.DefaultCloseTimeout {
								t.Errorf("the other side was kept for %v", side.closed)
							}
						}
					})
				})
			}
		})
	}
}
