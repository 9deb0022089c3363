// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"reflect"
	"runtime"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func buffers(t testing.TB) *nowait.Buffers {
	t.Helper()
	b, err := nowait.FindBuffers()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBuffersOfThisReleaseOfGoAreFound(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			_ = c.drip(t, nil, 1)
			if n := buffers(t).Drop(c.server); n < 500 {
				t.Errorf("dropped %d bytes after a handshake", n)
			}
			if n := buffers(t).Drop(c.server); n != 0 {
				t.Errorf("dropped %d bytes the second time", n)
			}
		})
	}
}

func TestBuffersOfAnotherReleaseAreLeftAlone(t *testing.T) {
	for name, conn := range map[string]reflect.Type{
		"without the fields": reflect.TypeFor[struct{ net int }](),
		"one is gone":        reflect.TypeFor[struct{ rawInput, hand bytes.Buffer }](),
		"another type": reflect.TypeFor[struct {
			rawInput, hand []byte
			input          bytes.Reader
		}](),
		"a pointer": reflect.TypeFor[struct {
			rawInput, hand bytes.Buffer
			input          *bytes.Reader
		}](),
		"somewhere inside": reflect.TypeFor[struct {
			state
			hand  bytes.Buffer
			input bytes.Reader
		}](),
	} {
		if b, err := nowait.FindBuffersOf(conn); !errors.Is(err, nowait.ErrUnknownBuffers) || b != nil {
			t.Errorf("%s: found", name)
		}
	}
}

type state struct{ rawInput bytes.Buffer } //nolint:unused // is looked for by name

func TestPartOfARecordIsNotDropped(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c, b := newCouple(t, k), buffers(t)
			want := noise(3000)
			_, _ = c.client.Write(want)
			var got []byte
			for _, one := range c.toServer.take() {
				got = append(got, c.drip(t, []byte{one}, 1)...)
				b.Drop(c.server)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got %d bytes", len(got))
			}
		})
	}
}

func TestPartOfAHandshakeMessageIsNotDropped(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c, b := newCouple(t, k), buffers(t)
			f := wstest.ForgeClient(t, c.client, c.secrets, 0)
			// A request for new keys in two records.
			halves := [][]byte{f.Record(t, 22, []byte{24, 0}), f.Record(t, 22, []byte{0, 1, 1})}
			f.Update(t)
			for _, half := range halves {
				_ = c.drip(t, half, 1)
				b.Drop(c.server)
			}
			if got := c.drip(t, f.Data(t, []byte("by new keys")), 1); string(got) != "by new keys" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTheMemoryOfADroppedBufferIsFree(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c, b := newCouple(t, k), buffers(t)
			_, _ = c.client.Write(noise(16_000))
			_ = c.drip(t, c.toServer.take(), 9000)
			memory := b.Memory(c.server)
			if memory.Value() == nil {
				t.Fatal("there is none")
			}
			b.Drop(c.server)
			for range 3 {
				runtime.GC()
			}
			if memory.Value() != nil {
				t.Error("the connection still refers to it")
			}
			runtime.KeepAlive(c.server)
		})
	}
}

// TestNothingRefersToADroppedBuffer lets the collector have what was dropped and
// puts something else in its place.
func TestNothingRefersToADroppedBuffer(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c, b := newCouple(t, k), buffers(t)
			for i := range 20 {
				want := noise(16_000 + i)
				_, _ = c.client.Write(want)
				got := c.drip(t, c.toServer.take(), 9000)
				if b.Drop(c.server) == 0 {
					t.Fatal("nothing was dropped")
				}
				runtime.GC()
				var canaries [][]byte
				for range 50 {
					canaries = append(canaries, bytes.Repeat([]byte{0xdb}, 17_000))
				}
				if _, err := c.server.Write(got); err != nil {
					t.Fatal(err)
				}
				c.answer()
				echo := make([]byte, len(want))
				if _, err := io.ReadFull(c.client, echo); err != nil || !bytes.Equal(echo, want) {
					t.Fatalf("round %d: %v", i, err)
				}
				for _, canary := range canaries {
					if bytes.Count(canary, []byte{0xdb}) != len(canary) {
						t.Fatal("a canary was written to")
					}
				}
			}
		})
	}
}

func TestNothingIsAllocatedPerMessage(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS12, tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			c := newCouple(t, k)
			message, plain := noise(1000), make([]byte, 0, 64<<10)
			c.exchange.Out = make([]byte, 0, 64<<10)
			const rounds = 200
			var records [][]byte
			for range rounds + 1 {
				_, _ = c.client.Write(message)
				records = append(records, c.toServer.take())
			}
			next := 0
			allocations := testing.AllocsPerRun(rounds, func() {
				c.exchange.In = records[next]
				next++
				got, err := c.exchange.Decrypt(c.server, plain)
				if err != nil || len(got) != len(message) {
					t.Fatal(len(got), err)
				}
				if _, err := c.server.Write(got); err != nil {
					t.Fatal(err)
				}
				c.exchange.Out = c.exchange.Out[:0]
			})
			// The race detector makes pools lose things at random. Without the buffers
			// crypto/tls asks for a header and, in vain, for the next.
			if want := map[bool]float64{true: 0, false: 2}[k.inside]; allocations > want && !raceDetector {
				t.Errorf("%v allocations, want at most %v", allocations, want)
			}
		})
	}
}
