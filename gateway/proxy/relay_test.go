// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMessagesKeepTheirKindSizeAndContent(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Echo(t))
			ws := g.dial()
			want := audit.Traffic{}
			for _, size := range []int{0, 1, 125, 126, 127, 511, 512, 513, 16<<10 - 1, 16 << 10, 17 << 10, 65535, 65536, 1<<20 - 1, 1 << 20} {
				for _, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
					data := bytes.Repeat([]byte("é"), size/2+1)[:size]
					if size%2 == 1 {
						data = append([]byte{'x'}, data[:size-1]...)
					}
					if err := ws.WriteMessage(kind, data); err != nil {
						t.Fatal(err)
					}
					gotKind, got, err := ws.ReadMessage()
					if err != nil || gotKind != kind || !bytes.Equal(got, data) {
						t.Fatalf("size %d kind %d: got %d bytes of kind %d, err %v", size, kind, len(got), gotKind, err)
					}
					want.MessagesFromClient++
					want.MessagesToClient++
					want.BytesFromClient += uint64(size)
					want.BytesToClient += uint64(size)
				}
			}
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
			g.want(outcome.ClientClosed, outcome.ByClient, 1000)
			if diff := cmp.Diff(want, (<-g.sessions).Traffic()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFragmentsBecomeTheMessageTheyAre(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Echo(t))
			conn := g.raw()
			send := bytes.Join([][]byte{
				masked(text, []byte("a\xc3")), masked(fin|ping, []byte("in between")), masked(0, nil), masked(0, []byte("\xa9")), masked(fin, []byte("z")),
				masked(fin|bin, []byte("next")),
			}, nil)
			// One byte at a time: no boundary of a segment may matter.
			for _, b := range send {
				if _, err := conn.Write([]byte{b}); err != nil {
					t.Fatal(err)
				}
			}
			want := []frame{{fin | pong, []byte("in between")}, {fin | text, []byte("aéz")}, {fin | bin, []byte("next")}}
			for _, w := range want {
				got, err := readFrame(conn)
				if err != nil || got.first != w.first || !bytes.Equal(got.payload, w.payload) {
					t.Fatalf("got %v (%v), want %v", got, err, w)
				}
			}
		})
	}
}

func TestLargeMessageIsPassedOnBeforeItIsComplete(t *testing.T) {
	first := make(chan int, 1)
	g := relays()["Messages"].newGate(t, wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		f, _ := readFrame(conn)
		first <- len(f.payload)
	}))
	conn := g.raw()
	// The end of the message never comes.
	if _, err := conn.Write(masked(bin, make([]byte, 100<<10))); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-first:
		if n == 0 || n > 32<<10 {
			t.Errorf("first frame has %d bytes: more than a buffer was held", n)
		}
	case <-time.After(patience):
		t.Error("nothing arrived")
	}
}

func TestCloseOfTheClientAndItsAnswerPassThrough(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				name string
				send []byte
				code int
				text string
			}{
				{"normal", websocket.FormatCloseMessage(1000, ""), 1000, ""},
				{"of the application", websocket.FormatCloseMessage(4001, "over and out"), 4001, "over and out"},
				{"with the longest reason", websocket.FormatCloseMessage(4999, strings.Repeat("x", 123)), 4999, strings.Repeat("x", 123)},
				{"without a code", nil, outcome.CodeNoStatus, ""},
			} {
				t.Run(test.name, func(t *testing.T) {
					ends := make(chan error, 1)
					g := relay.newGate(t, wstest.Serve(t, func(ws *websocket.Conn) {
						ws.SetCloseHandler(func(int, string) error {
							return ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4321, "answer"), time.Now().Add(time.Second))
						})
						ends <- ending(ws)
					}))
					ws := g.dial()
					if err := ws.WriteControl(websocket.CloseMessage, test.send, time.Now().Add(time.Second)); err != nil {
						t.Fatal(err)
					}
					want := &websocket.CloseError{Code: test.code, Text: test.text}
					if diff := cmp.Diff(error(want), <-ends); diff != "" {
						t.Errorf("upstream: %s", diff)
					}
					if diff := cmp.Diff(error(&websocket.CloseError{Code: 4321, Text: "answer"}), ending(ws)); diff != "" {
						t.Errorf("client: %s", diff)
					}
					g.want(outcome.ClientClosed, outcome.ByClient, test.code)
				})
			}
		})
	}
}

func TestCloseOfTheUpstreamAndItsAnswerPassThrough(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			upstream, answers := wstest.Closing(t, 4002, "kicked")
			g := relay.newGate(t, upstream)
			ws := g.dial()
			_ = ws.WriteMessage(websocket.TextMessage, []byte("hello"))
			if diff := cmp.Diff(error(&websocket.CloseError{Code: 4002, Text: "kicked"}), ending(ws)); diff != "" {
				t.Error(diff)
			}
			wantUpstreamCode(t, answers, 4002)
			g.want(outcome.UpstreamClosed, outcome.ByUpstream, 4002)
		})
	}
}

func TestMessagesThatTheUpstreamSendsBeforeItAnswersACloseArrive(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Serve(t, func(ws *websocket.Conn) {
				ws.SetCloseHandler(func(code int, _ string) error {
					for i := range 100 {
						_ = ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "late %d", i))
					}
					return ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
				})
				_ = ending(ws)
			}))
			ws := g.dial()
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
			for i := range 100 {
				if _, data, err := ws.ReadMessage(); err != nil || string(data) != fmt.Sprintf("late %d", i) {
					t.Fatalf("message %d: %q, %v", i, data, err)
				}
			}
			if err := ending(ws); closeCode(err) != 1000 {
				t.Error(err)
			}
		})
	}
}

func TestCloseIsAnsweredEvenWhenTheOtherSideDoesNot(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			quick := func(_ *contract.EffectiveLimits, o *timeouts) { o.CloseTimeout = 2 * time.Second }
			t.Run("the upstream is silent", func(t *testing.T) {
				g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
					shake(conn)
					for {
						if _, err := readFrame(conn); err != nil {
							return
						}
					}
				}), quick)
				ws := g.dial()
				_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4003, "x"), time.Now().Add(time.Second))
				if err := ending(ws); closeCode(err) != 4003 {
					t.Errorf("client saw %v", err)
				}
				g.want(outcome.ClientClosed, outcome.ByClient, 4003)
			})
			t.Run("the client is silent", func(t *testing.T) {
				upstream, answers := wstest.Closing(t, 4004, "")
				g := relay.newGate(t, upstream, quick)
				conn := g.raw()
				_, _ = conn.Write(masked(fin|text, []byte("hello")))
				if code := readClose(conn); code != 4004 {
					t.Errorf("client saw %d", code)
				}
				wantUpstreamCode(t, answers, 4004)
				g.want(outcome.UpstreamClosed, outcome.ByUpstream, 4004)
			})
		})
	}
}

func TestLostClientIsAGoodbyeToTheUpstream(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			for name, lose := range map[string]func(net.Conn){
				"connection reset":       func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
				"connection closed":      func(c net.Conn) { _ = c.Close() },
				"in the middle of frame": func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
			} {
				t.Run(name, func(t *testing.T) {
					upstream, ends := recorder(t)
					g := relay.newGate(t, upstream)
					conn := g.raw()
					if name == "in the middle of frame" {
						_, _ = conn.Write(masked(fin|text, []byte("hello"))[:8])
					}
					lose(conn.NetConn())
					want := outcome.CodeGoingAway
					if relay.frames && name == "in the middle of frame" {
						want = outcome.CodeAbnormal // whatever is written would be taken for the rest of the frame
					}
					wantUpstreamCode(t, ends, want)
					g.want(outcome.ClientLost, outcome.ByClient, outcome.CodeAbnormal)
				})
			}
		})
	}
}

func TestLostUpstreamIsAnInternalErrorToTheClient(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			upstream := wstest.Echo(t)
			g := relay.newGate(t, upstream)
			ws := g.dial()
			_ = ws.WriteMessage(websocket.TextMessage, []byte("hello"))
			if _, _, err := ws.ReadMessage(); err != nil {
				t.Fatal(err)
			}
			upstream.Reset()
			if err := ending(ws); closeCode(err) != outcome.CodeInternalError {
				t.Errorf("client saw %v", err)
			}
			g.want(outcome.UpstreamLost, outcome.ByUpstream, outcome.CodeInternalError)
		})
	}
}

func TestWhatAnUpstreamSentBeforeItWentAwayArrives(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			const n = 200
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				for i := range n {
					_, _ = conn.Write(plain(fin|text, fmt.Appendf(nil, "%d", i)))
				}
			}))
			ws := g.dial()
			for i := range n {
				if _, data, err := ws.ReadMessage(); err != nil || string(data) != fmt.Sprint(i) {
					t.Fatalf("message %d: %q, %v", i, data, err)
				}
			}
			if err := ending(ws); closeCode(err) != outcome.CodeInternalError {
				t.Errorf("client saw %v", err)
			}
		})
	}
}

func TestPlannedEndTellsBothSides(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			upstream, ends := recorder(t)
			g := relay.newGate(t, upstream)
			ws := g.dial()
			(<-g.sessions).End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
			if diff := cmp.Diff(error(&websocket.CloseError{Code: 1012, Text: "draining"}), ending(ws)); diff != "" {
				t.Error(diff)
			}
			wantUpstreamCode(t, ends, outcome.CodeGoingAway)
			g.want(outcome.DrainingClosure, outcome.ByGateway, outcome.CodeServiceRestart)
		})
	}
}

func TestPlannedEndLosesNothingThatTheClientSentBeforeItsAnswer(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 100)
			g := relay.newGate(t, wstest.Serve(t, func(ws *websocket.Conn) {
				for {
					_, data, err := ws.ReadMessage()
					if err != nil {
						got <- err.Error()
						return
					}
					got <- string(data)
				}
			}))
			conn := g.raw()
			(<-g.sessions).End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
			if code := readClose(conn); code != outcome.CodeServiceRestart {
				t.Fatalf("client saw %d", code)
			}
			_, _ = conn.Write(masked(fin|text, []byte("one more")))
			_, _ = conn.Write(masked(fin|clos, []byte{0x03, 0xf4}))
			if first := <-got; first != "one more" {
				t.Errorf("upstream got %q", first)
			}
			g.want(outcome.DrainingClosure, outcome.ByGateway, outcome.CodeServiceRestart)
		})
	}
}

func TestPlannedEndDoesNotWaitForASilentClientForEver(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			upstream, ends := recorder(t)
			g := relay.newGate(t, upstream, func(_ *contract.EffectiveLimits, o *timeouts) { o.CloseTimeout = 2 * time.Second })
			conn := g.raw()
			start := time.Now()
			(<-g.sessions).End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
			wantUpstreamCode(t, ends, outcome.CodeGoingAway)
			g.want(outcome.DrainingClosure, outcome.ByGateway, outcome.CodeServiceRestart)
			if took := time.Since(start); took >= proxy.DefaultCloseTimeout {
				t.Errorf("took %v", took)
			}
			if code := readClose(conn); code != outcome.CodeServiceRestart {
				t.Errorf("client saw %d", code)
			}
		})
	}
}

func TestPlannedEndLetsAMessageUnderWayFinish(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			half := make(chan struct{})
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				_, _ = conn.Write(plain(bin, make([]byte, 64<<10)))
				<-half
				_, _ = conn.Write(plain(fin, []byte("end")))
				_ = readClose(conn)
			}))
			conn := g.raw()
			if f, err := readFrame(conn); err != nil || f.first != bin {
				t.Fatalf("got %v, %v", f.first, err)
			}
			(<-g.sessions).End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
			close(half)
			for {
				f, err := readFrame(conn)
				if err != nil || f.first&0xf == clos {
					t.Fatalf("closed inside a message: %v", err)
				}
				if f.first&fin != 0 {
					break
				}
			}
			if code := readClose(conn); code != outcome.CodeServiceRestart {
				t.Errorf("client saw %d", code)
			}
		})
	}
}

func TestEndOfTheContextIsAShutdown(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			upstream, ends := recorder(t)
			g := relay.newGate(t, upstream)
			ws := g.dial()
			<-g.sessions
			g.cancel()
			if err := ending(ws); closeCode(err) != outcome.CodeGoingAway {
				t.Errorf("client saw %v", err)
			}
			wantUpstreamCode(t, ends, outcome.CodeGoingAway)
			g.want(outcome.Shutdown, outcome.ByGateway, outcome.CodeGoingAway)
		})
	}
}

func TestBytesBehindTheHandshakesArrive(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				request := readHead(conn)
				_, _ = conn.Write(append([]byte(answer101(request)), plain(fin|text, []byte("welcome"))...))
				f, _ := readFrame(conn)
				_, _ = conn.Write(plain(f.first, f.payload))
				_ = readClose(conn)
			}))
			conn := g.raw(masked(fin|text, []byte("eager"))...)
			for _, want := range []string{"welcome", "eager"} {
				if f, err := readFrame(conn); err != nil || string(f.payload) != want {
					t.Errorf("got %q, %v, want %q", f.payload, err, want)
				}
			}
		})
	}
}

func TestManyConnectionsAtOnceLoseAndMixNothing(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Echo(t))
			var wg sync.WaitGroup
			for c := range 40 {
				ws := g.dial()
				wg.Go(func() {
					for i := range 50 {
						want := bytes.Repeat(fmt.Appendf(nil, "%d/%d;", c, i), 1+rand.IntN(4000))
						if err := ws.WriteMessage(websocket.BinaryMessage, want); err != nil {
							t.Errorf("connection %d: %v", c, err)
							return
						}
						if _, got, err := ws.ReadMessage(); err != nil || !bytes.Equal(got, want) {
							t.Errorf("connection %d message %d: %d bytes, want %d, err %v", c, i, len(got), len(want), err)
							return
						}
					}
					_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
					_ = ending(ws)
				})
			}
			wg.Wait()
			for range 40 {
				g.want(outcome.ClientClosed, outcome.ByClient, 1000)
			}
			if open := g.pool.Open(); len(open) != 0 {
				t.Errorf("still counted: %v", open)
			}
		})
	}
}
