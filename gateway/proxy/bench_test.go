// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// BenchmarkEcho relays echoes over TLS. Client and upstream allocate nothing per
// message, so that what is reported is the relay's (two messages per echo).
func BenchmarkEcho(b *testing.B) {
	for name, relay := range relays() {
		for hop, secure := range hops() {
			for _, size := range []int{128, 16 << 10} {
				b.Run(fmt.Sprintf("%s/%s/%dB", name, hop, size), func(b *testing.B) {
					g := relay.rawGate(b, secure, func(conn net.Conn) { echoFrames(conn, size) })
					conn := g.raw()
					_ = conn.SetDeadline(time.Time{})
					request := masked(fin|bin, make([]byte, size))
					answer := make([]byte, len(plain(fin|bin, make([]byte, size))))
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := conn.Write(request); err != nil {
							b.Fatal(err)
						}
						if _, err := io.ReadFull(conn, answer); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// echoFrames sends the payload of each frame back under whatever mask it came:
// what matters here is that nothing is allocated.
func echoFrames(conn net.Conn, size int) {
	shake(conn)
	in := make([]byte, len(masked(fin|bin, make([]byte, size))))
	out := plain(fin|bin, make([]byte, size))
	for {
		if _, err := io.ReadFull(conn, in); err != nil {
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// BenchmarkIdle reports the memory of one idle connection, stacks included. It
// is an upper bound: both ends of TLS, the test's client and its upstream are in
// the same process.
func BenchmarkIdle(b *testing.B) {
	for name, relay := range relays() {
		for hop, secure := range hops() {
			b.Run(name+"/"+hop, func(b *testing.B) {
				const connections = 400
				dropped := uint64(connections)
				if secure {
					dropped *= 2
				}
				g := relay.rawGate(b, secure, func(conn net.Conn) { echoFrames(conn, 128) })
				before := inUse()
				for range connections {
					_ = g.raw().SetDeadline(time.Time{})
				}
				for loops, ok := g.relay.(*proxy.Loops); ok && loops.Stats().Dropped < dropped; {
					time.Sleep(10 * time.Millisecond) // until the buffers of TLS are given back
				}
				for b.Loop() {
					runtime.Gosched()
				}
				b.ReportMetric(float64(inUse()-before)/connections, "B/connection")
			})
		}
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse + stats.StackInuse
}
