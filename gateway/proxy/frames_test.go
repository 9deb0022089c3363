// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// forwarding are the relays that pass frames on as they came.
func forwarding() map[string]kind {
	kinds := relays()
	maps.DeleteFunc(kinds, func(_ string, k kind) bool { return !k.frames })
	return kinds
}

func TestFramesArriveAsTheyWereSent(t *testing.T) {
	for name, relay := range forwarding() {
		t.Run(name, func(t *testing.T) {
			key := []byte{1, 2, 3, 4}
			sent := bytes.Join([][]byte{
				encode(text, 0x80, []byte("a\xff"), key), masked(fin|ping, []byte("of the client")), encode(fin, 0x80, bytes.Repeat([]byte("z"), 70_000), key),
				masked(fin|pong, nil),
			}, nil)
			answer := bytes.Join([][]byte{plain(fin|ping, []byte("of the upstream")), plain(bin, nil), plain(0, make([]byte, 300)), plain(fin, nil)}, nil)
			got := make(chan []byte, 1)
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				all := make([]byte, len(sent))
				_, _ = io.ReadFull(conn, all)
				got <- all
				for _, b := range answer {
					_, _ = conn.Write([]byte{b})
				}
				_ = readClose(conn)
			}))
			conn := g.raw()
			for at := 0; at < len(sent); at += 7919 {
				_, _ = conn.Write(sent[at:min(at+7919, len(sent))])
			}
			if !bytes.Equal(<-got, sent) {
				t.Error("the upstream got something else")
			}
			back := make([]byte, len(answer))
			if _, err := io.ReadFull(conn, back); err != nil || !bytes.Equal(back, answer) {
				t.Errorf("the client got %x, %v", back, err)
			}
			_, _ = conn.Write(masked(fin|clos, []byte{0x03, 0xe8}))
			g.want(outcome.ClientClosed, outcome.ByClient, 1000)
			if traffic := (<-g.sessions).Traffic(); traffic.BytesFromClient != 70_002 || traffic.MessagesFromClient != 1 || traffic.BytesToClient != 300 || traffic.MessagesToClient != 1 {
				t.Errorf("counted %+v", traffic)
			}
		})
	}
}

func TestFrameIsPassedOnBeforeItIsComplete(t *testing.T) {
	for name, relay := range forwarding() {
		t.Run(name, func(t *testing.T) {
			came := make(chan int, 1)
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				n, _ := io.ReadFull(conn, make([]byte, 50_000))
				came <- n
			}))
			conn := g.raw()
			_, _ = conn.Write(masked(fin|bin, make([]byte, 100_000))[:50_000])
			if n := <-came; n != 50_000 {
				t.Errorf("%d bytes came", n)
			}
		})
	}
}

func TestAnswersToOurPingsAreNotPassedOn(t *testing.T) {
	for name, relay := range portable() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := relay.relayPipes(t, defaults(), polite, polite, func(p *peers) {
					time.Sleep(5 * time.Minute)
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
				for name, side := range map[string]*peer{"client": p.client, "upstream": p.upstream} {
					for _, f := range side.got {
						if f.first != fin|ping && f.first != fin|clos {
							t.Errorf("the %s got %v", name, f)
						}
					}
					if len(side.got) < 9 {
						t.Errorf("the %s got %v", name, side.got)
					}
				}
			})
		})
	}
}

func TestPingsWaitForTheEndOfAFrame(t *testing.T) {
	for name, relay := range map[string]kind{"Frames": relays()["Frames"]} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limits := unhurried()
				limits.BackendPongTimeout = 0 // the pong would come inside of the frame
				p := relay.relayPipes(t, limits, polite, polite, func(p *peers) {
					message := plain(fin|bin, make([]byte, 50))
					_, _ = p.upstream.conn.Write(message[:30])
					time.Sleep(2 * time.Minute)
					_, _ = p.upstream.conn.Write(message[30:])
					time.Sleep(time.Second)
					p.client.send(fin|clos, []byte{0x03, 0xe8})
				})
				wantClosure(t, p.closure, outcome.ClientClosed, outcome.ByClient)
				want := []byte{fin | bin, fin | ping, fin | clos}
				for i, f := range p.client.got {
					if i >= len(want) || f.first != want[i] {
						t.Fatalf("the client got %v", p.client.got)
					}
				}
			})
		})
	}
}

func TestPlannedEndInsideAFrameThatNeverEndsCutsTheConnection(t *testing.T) {
	for name, relay := range forwarding() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				_, _ = conn.Write(plain(fin|bin, make([]byte, 100))[:50])
				_ = readClose(conn)
			}), func(_ *contract.EffectiveLimits, o *timeouts) { o.CloseTimeout = 2 * time.Second })
			conn := g.raw()
			if _, err := io.ReadFull(conn, make([]byte, 50)); err != nil {
				t.Fatal(err)
			}
			(<-g.sessions).End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
			if more, _ := io.ReadAll(conn); len(more) > 0 {
				t.Errorf("into the frame was written: %x", more)
			}
			g.want(outcome.DrainingClosure, outcome.ByGateway, outcome.CodeServiceRestart)
		})
	}
}

func TestNothingIsLostOrMixedWhenPeersDoNotRead(t *testing.T) {
	const each, peers = 1 << 20, 4
	for name, relay := range relays() {
		for hop, secure := range hops() {
			t.Run(name+" "+hop, func(t *testing.T) {
				g := relay.rawGate(t, secure, parrot, func(l *contract.EffectiveLimits, _ *timeouts) { l.MaxMessageBytes = 1 << 20 })
				var running sync.WaitGroup
				for i := range peers {
					conn := g.raw()
					_ = conn.SetDeadline(time.Now().Add(6 * patience))
					_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10)
					payload := bytes.Repeat([]byte{byte('a' + i)}, 20_000)
					wrote := make(chan struct{})
					go func() {
						defer close(wrote)
						for range each / len(payload) {
							if _, err := conn.Write(masked(fin|bin, payload)); err != nil {
								return
							}
						}
					}()
					running.Go(func() {
						// The answers pile up until nobody in between takes any more.
						select {
						case <-wrote:
						case <-time.After(200 * time.Millisecond):
						}
						for n := range each / len(payload) {
							for got := 0; got < len(payload); {
								f, err := readFrame(conn)
								if err != nil || bytes.Count(f.payload, payload[:1]) != len(f.payload) {
									t.Errorf("connection %d, message %d: %v", i, n, err)
									return
								}
								got += len(f.payload)
							}
						}
						<-wrote
					})
				}
				running.Wait()
			})
		}
	}
}

// parrot sends every frame back as it came.
func parrot(conn net.Conn) {
	shake(conn)
	_, _ = io.Copy(conn, &unmasking{conn: conn})
}

// RFC 8446 section 6.2: whoever finds a fault in TLS says so before it ends.
func TestClientThatBreaksTLSIsToldSo(t *testing.T) {
	for name, relay := range forwarding() {
		t.Run(name, func(t *testing.T) {
			upstream, ends := recorder(t)
			g := relay.newGate(t, upstream)
			conn := g.raw()
			_, _ = conn.NetConn().Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
			if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
				t.Errorf("the client saw %v", err)
			}
			wantUpstreamCode(t, ends, outcome.CodeGoingAway)
			g.want(outcome.ClientLost, outcome.ByClient, outcome.CodeAbnormal)
		})
	}
}

// unmasking turns a client's frames, all with a key of zeros, into a server's.
type unmasking struct {
	conn net.Conn
	out  []byte
}

func (u *unmasking) Read(p []byte) (int, error) {
	if len(u.out) == 0 {
		f, err := readFrame(u.conn)
		if err != nil {
			return 0, io.EOF
		}
		u.out = plain(f.first, f.payload)
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}
