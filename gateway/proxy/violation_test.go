// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// limit is the message limit of the tests below.
const limit = 1000

func small(l *contract.EffectiveLimits, _ *timeouts) { l.MaxMessageBytes, l.MaxFragments = limit, 20 }

// violation is what a peer may not send, and what it is told.
type violation struct {
	send   []byte
	reason outcome.Reason
	code   int
	// change is made to the limits, if not nil.
	change func(*contract.EffectiveLimits)
}

func (v violation) limits(l *contract.EffectiveLimits, o *timeouts) {
	small(l, o)
	if v.change != nil {
		v.change(l)
	}
}

func protocol(send ...[]byte) violation {
	return violation{send: bytes.Join(send, nil), reason: outcome.ProtocolError, code: outcome.CodeProtocolError}
}

func tooBig(send ...[]byte) violation {
	return violation{send: bytes.Join(send, nil), reason: outcome.MessageTooBig, code: outcome.CodeTooBig}
}

func badText(send ...[]byte) violation {
	return violation{send: bytes.Join(send, nil), reason: outcome.InvalidUTF8, code: outcome.CodeInvalidPayload}
}

func tooMany(send ...[]byte) violation {
	return violation{send: bytes.Join(send, nil), reason: outcome.TooManyFragments, code: outcome.CodePolicyViolation}
}

func only(types contract.MessageTypes, send ...[]byte) violation {
	return violation{
		send: bytes.Join(send, nil), reason: outcome.UnwantedType, code: outcome.CodeUnsupported,
		change: func(l *contract.EffectiveLimits) { l.MessageTypes = types },
	}
}

func (v violation) with(change func(*contract.EffectiveLimits)) violation {
	v.change = change
	return v
}

// violations are what neither peer may send. frame masks as the sender must.
func (k kind) violations(frame func(first byte, payload []byte) []byte) map[string]violation {
	mask := frame(fin|bin, nil)[1] & 0x80
	cases := map[string]violation{
		"a reserved bit":                 protocol(frame(fin|0x40|text, []byte("x"))),
		"another reserved bit":           protocol(frame(fin|0x20|bin, nil)),
		"a reserved data opcode":         protocol(frame(fin|3, nil)),
		"a reserved control opcode":      protocol(frame(fin|0xb, nil)),
		"a ping of 126 bytes":            protocol(frame(fin|ping, make([]byte, 126))),
		"a ping in fragments":            protocol(frame(ping, []byte("x"))),
		"a continuation of nothing":      protocol(frame(fin, []byte("x"))),
		"a message inside a message":     protocol(frame(text, []byte("x")), frame(fin|text, []byte("y"))),
		"close code 0":                   protocol(frame(fin|clos, []byte{0, 0})),
		"close code 999":                 protocol(frame(fin|clos, []byte{0x03, 0xe7})),
		"close code 1005":                protocol(frame(fin|clos, []byte{0x03, 0xed})),
		"close code 1006":                protocol(frame(fin|clos, []byte{0x03, 0xee})),
		"close code 2999":                protocol(frame(fin|clos, []byte{0x0b, 0xb7})),
		"close code 65535":               protocol(frame(fin|clos, []byte{0xff, 0xff})),
		"a close reason that is no text": protocol(frame(fin|clos, []byte{0x03, 0xe8, 0xff})),
		"a message above the limit":      tooBig(frame(fin|bin, make([]byte, limit+1))),
		"fragments that add up above it": tooBig(frame(bin, make([]byte, limit)), frame(fin, []byte("x"))),
		"a length above all limits":      tooBig([]byte{fin | bin, mask | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}),
		"a length with the top bit set":  protocol([]byte{fin | bin, mask | 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}),
		"empty fragments without end":    tooMany(frame(bin, nil), bytes.Repeat(frame(0, nil), 40_000)),
		"one fragment too many":          tooMany(frame(bin, []byte("x")), bytes.Repeat(frame(0, []byte("x")), 20)),
		"text where bytes may pass":      only(contract.OnlyBinary, frame(fin|bin, nil), frame(fin|text, []byte("x"))),
		"bytes where text may pass":      only(contract.OnlyText, frame(fin|text, nil), frame(bin, nil)),
		"a frame above the limit": tooBig(frame(bin, make([]byte, 300)), frame(fin, make([]byte, 301))).
			with(func(l *contract.EffectiveLimits) { l.MaxFrameBytes = 300 }),
		"a length in more bytes than it needs": protocol([]byte{fin | bin, mask | 126, 0, 1, 1, 2, 3, 4, 5}),
		"half a close code":                    protocol(frame(fin|clos, []byte{3})),
	}
	if k.frames {
		// Whether text is UTF-8 only the receiver knows.
		return cases
	}
	maps.Copy(cases, map[string]violation{
		"text that is not UTF-8":               badText(frame(fin|text, []byte("a\xffz"))),
		"text that ends inside a character":    badText(frame(fin|text, []byte("a\xc3"))),
		"a character broken across fragments":  badText(frame(text, []byte("\xc3")), frame(fin, []byte("x"))),
		"a surrogate":                          badText(frame(fin|text, []byte("\xed\xa0\x80"))),
		"an impossible byte before the end":    badText(frame(text, []byte("\xf4\x90"))),
		"an overlong character in three parts": badText(frame(text, []byte("\xe0")), frame(0, []byte("\x80")), frame(fin, []byte("\x80"))),
	})
	return cases
}

func TestClientThatBreaksTheRulesIsToldSoAndTheUpstreamIsNot(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			cases := relay.violations(masked)
			cases["a frame without a mask"] = protocol(plain(fin|text, []byte("x")))
			for name, test := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					relay.wantClientTold(t, &test)
				})
			}
		})
	}
}

// wantClientTold has a client break a rule.
func (k kind) wantClientTold(t *testing.T, test *violation) {
	t.Helper()
	upstream, ends := recorder(t)
	g := k.newGate(t, upstream, test.limits)
	conn := g.raw()
	go func() { _, _ = conn.Write(test.send) }()
	if code := readClose(conn); code != test.code {
		t.Errorf("client was told %d, want %d", code, test.code)
	}
	// The orderly end, not a reset: close_notify arrives.
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the Close frame: %v", err)
	}
	_ = conn.Close()
	wantUpstreamCode(t, ends, outcome.CodeGoingAway)
	g.want(test.reason, outcome.ByClient, test.code)
}

func TestUpstreamThatBreaksTheRulesIsToldSoAndTheClientIsNot(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			cases := relay.violations(plain)
			cases["a frame with a mask"] = protocol(masked(fin|text, []byte("x")))
			for name, test := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					told := make(chan int, 1)
					g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
						shake(conn)
						go func() { _, _ = conn.Write(test.send) }()
						told <- readClose(conn)
					}), test.limits)
					ws := g.dial()
					if err := ending(ws); closeCode(err) != outcome.CodeInternalError {
						t.Errorf("client saw %v", err)
					}
					_ = ws.Close()
					if code := <-told; code != test.code {
						t.Errorf("upstream was told %d, want %d", code, test.code)
					}
					g.want(test.reason, outcome.ByUpstream, test.code)
				})
			}
		})
	}
}

func TestMessageOfExactlyTheLimitPasses(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Echo(t), small)
			conn := g.raw()
			_, _ = conn.Write(masked(bin, make([]byte, limit-1)))
			_, _ = conn.Write(masked(0, nil))
			_, _ = conn.Write(masked(fin, []byte("x")))
			if f, err := readFrame(conn); err != nil || len(f.payload) != limit {
				t.Errorf("got %d bytes, %v", len(f.payload), err)
			}
		})
	}
}

func TestMessageOfSingleByteFragmentsPasses(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			g := relay.newGate(t, wstest.Echo(t), func(l *contract.EffectiveLimits, _ *timeouts) { l.MaxMessageBytes = 100_000 })
			conn := g.raw()
			send := append(masked(text, nil), bytes.Repeat(masked(0, []byte("x")), 100_000)...)
			go func() { _, _ = conn.Write(append(send, masked(fin, nil)...)) }()
			var got []byte
			for {
				f, err := readFrame(conn)
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, f.payload...); f.first&fin != 0 {
					break
				}
			}
			if string(got) != strings.Repeat("x", 100_000) {
				t.Errorf("got %d bytes", len(got))
			}
		})
	}
}

func TestWhatComesBehindACloseFrameIsIgnored(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			upstream, ends := recorder(t)
			g := relay.newGate(t, upstream)
			conn := g.raw()
			_, _ = conn.Write(bytes.Join([][]byte{masked(fin|clos, []byte{0x03, 0xe8}), masked(fin|text, []byte("\xff")), masked(fin|clos, []byte{0, 0})}, nil))
			if code := readClose(conn); code != 1000 {
				t.Errorf("client saw %d", code)
			}
			wantUpstreamCode(t, ends, 1000)
			_ = conn.Close()
			g.want(outcome.ClientClosed, outcome.ByClient, 1000)
		})
	}
}

func TestPingsAreAnsweredForBothPeersAndNotPassedOn(t *testing.T) {
	seen := make(chan frame, 10)
	g := relays()["Messages"].newGate(t, wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		_, _ = conn.Write(plain(fin|ping, []byte("from upstream")))
		for {
			f, err := readFrame(conn)
			if err != nil || f.first&0xf == clos {
				return
			}
			seen <- f
		}
	}))
	conn := g.raw()
	_, _ = conn.Write(masked(fin|ping, []byte("from client")))
	if f, err := readFrame(conn); err != nil || f.first != fin|pong || string(f.payload) != "from client" {
		t.Errorf("client got %v, %v", f, err)
	}
	_, _ = conn.Write(masked(fin|pong, nil)) // allowed unasked (RFC 6455 section 5.5.3)
	_, _ = conn.Write(masked(fin|bin, []byte("data")))
	// In whichever order: the two directions do not wait for each other.
	got := map[byte]string{}
	for range 2 {
		f := <-seen
		got[f.first] = string(f.payload)
	}
	if diff := cmp.Diff(map[byte]string{fin | pong: "from upstream", fin | bin: "data"}, got); diff != "" {
		t.Errorf("upstream: %s", diff)
	}
}

func TestClientThatDoesNotReadIsNotWaitedForForEver(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			stopped := make(chan int, 1)
			upstream := wstest.Serve(t, func(ws *websocket.Conn) {
				sent := 0
				for ws.WriteMessage(websocket.BinaryMessage, make([]byte, 100<<10)) == nil {
					sent++
				}
				stopped <- sent
			})
			g := relay.newGate(t, upstream, func(_ *contract.EffectiveLimits, o *timeouts) {
				o.WriteTimeout, o.CloseTimeout = 200*time.Millisecond, 3*time.Second
			})
			conn := g.raw()
			g.want(outcome.SlowReader, outcome.ByClient, outcome.CodeAbnormal)
			_ = conn.Close()
			// Socket buffers take some; nothing else may.
			if sent := <-stopped; sent > 300 {
				t.Errorf("%d messages of 100 KiB were taken from the upstream", sent)
			}
		})
	}
}

func TestUpstreamThatDoesNotReadIsNotWaitedForForEver(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			g := relay.newGate(t, wstest.Raw(t, func(conn net.Conn) {
				shake(conn)
				<-release
			}), func(_ *contract.EffectiveLimits, o *timeouts) {
				o.WriteTimeout, o.CloseTimeout = 200*time.Millisecond, 3*time.Second
			})
			defer close(release)
			ws := g.dial()
			go func() {
				for ws.WriteMessage(websocket.BinaryMessage, make([]byte, 100<<10)) == nil {
				}
			}()
			if err := ending(ws); closeCode(err) != outcome.CodeInternalError {
				t.Errorf("client saw %v", err)
			}
			g.want(outcome.SlowReader, outcome.ByUpstream, outcome.CodeAbnormal)
		})
	}
}

func TestSlowClientThatReadsOnIsKept(t *testing.T) {
	for name, relay := range relays() {
		t.Run(name, func(t *testing.T) {
			const total = 4 << 20
			g := relay.newGate(t, wstest.Serve(t, func(ws *websocket.Conn) {
				for range total / (64 << 10) {
					if ws.WriteMessage(websocket.BinaryMessage, make([]byte, 64<<10)) != nil {
						return
					}
				}
				_ = ending(ws)
			}), func(_ *contract.EffectiveLimits, o *timeouts) {
				// A socket is writable again when a third of its buffer is empty: of a
				// large one that takes longer than a write may.
				o.WriteTimeout, o.SendBuffer = 2*time.Second, 64<<10
			})
			conn := g.raw()
			_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(32 << 10)
			got := 0
			for got < total {
				f, err := readFrame(conn)
				if err != nil {
					t.Fatalf("after %d bytes: %v", got, err)
				}
				got += len(f.payload)
				time.Sleep(time.Duration(len(f.payload)) * time.Microsecond) // a megabyte in a second: all of it takes longer than a write may
			}
		})
	}
}

func TestEveryFrameToTheUpstreamHasAMaskOfItsOwn(t *testing.T) {
	const n = 50
	masks := make(chan [4]byte, n)
	g := relays()["Messages"].newGate(t, wstest.Raw(t, func(conn net.Conn) {
		shake(conn)
		for range n {
			var head [6]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil || head[1] != 0x80|1 {
				t.Errorf("frame %x, %v", head, err)
			}
			_, _ = io.ReadFull(conn, make([]byte, 1))
			masks <- [4]byte(head[2:])
		}
	}))
	conn := g.raw()
	different := map[[4]byte]bool{}
	for range n {
		_, _ = conn.Write(masked(fin|bin, []byte("x")))
		different[<-masks] = true
	}
	if len(different) < n-1 {
		t.Errorf("%d masks for %d frames", len(different), n)
	}
}
