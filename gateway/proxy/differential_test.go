// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// script is what a client sends, in pieces, and whether it then ends its direction
// instead of waiting for an answer.
type script struct {
	pieces [][]byte
	leaves bool
}

// newScript is a random life of a client: mostly what RFC 6455 allows, sometimes not.
// A mistake is small and the last of it: what is sent behind one is not read to its
// end, so that a reset may overtake the answer.
func newScript(seed uint64) script {
	random := mathrand.New(mathrand.NewPCG(seed, 11))
	var all []byte
	open, mistaken := false, false
	for range random.IntN(12) {
		if mistaken {
			break
		}
		size := []int{0, 1, 125, 126, 3000, 70_000}[random.IntN(6)]
		first := byte([]int{text, bin, ping, pong, 0}[random.IntN(5)])
		switch {
		case first == ping || first == pong:
			first, size = first|fin, min(size, 125)
		case random.IntN(20) > 0 && open:
			first = 0 // goes on
		case random.IntN(20) > 0 && first == 0:
			first = bin
		}
		if first&0xf < ping {
			mistaken = open != (first == 0)
			open = random.IntN(3) == 0
			if !open {
				first |= fin
			}
		}
		if random.IntN(40) == 0 {
			first |= 0x40 // a reserved bit
			mistaken = true
		}
		if mistaken {
			size = min(size, 125)
		}
		payload := bytes.Repeat([]byte{byte('a' + random.IntN(26))}, size)
		all = append(all, masked(first, payload)...)
	}
	s := script{leaves: random.IntN(3) == 0}
	switch end := random.IntN(4); {
	case mistaken:
	case end == 0:
		all = append(all, masked(fin|clos, []byte{0x03})...) // half a code
	case end == 1:
		all = append(all, masked(fin|clos, nil)...)
	case end == 2:
		all = append(all, masked(fin|clos, []byte("\x0f\xa1bye"))...)
	default:
		s.leaves = true
	}
	for len(all) > 0 {
		n := min(1+random.IntN(4000), len(all))
		s.pieces, all = append(s.pieces, all[:n]), all[n:]
	}
	return s
}

// life is what all who have to do with a connection see of it.
type life struct {
	Upstream, Client []string
	Closure          string
}

// live plays a script through a relay, with an upstream by TLS if secure.
func (k kind) live(t *testing.T, s script, secure bool) life {
	t.Helper()
	seen := make(chan []string, 1)
	g := k.rawGate(t, secure, func(conn net.Conn) {
		shake(conn)
		seen <- frames(conn, func() { _, _ = conn.Write(plain(fin|clos, []byte{0x03, 0xe8})) })
	}, func(l *contract.EffectiveLimits, _ *timeouts) { l.MaxMessageBytes = 10_000_000 })
	conn := g.raw()
	var got life
	told := make(chan []string, 1)
	go func() { told <- frames(conn, func() {}) }()
	for _, piece := range s.pieces {
		if _, err := conn.Write(piece); err != nil {
			break
		}
	}
	if s.leaves {
		_ = conn.CloseWrite()
	}
	closure := g.closure()
	got.Upstream, got.Client = <-seen, <-told
	got.Closure = fmt.Sprintf("%s by %s, %d, %s", closure.Reason, closure.Initiator, closure.Code, closure.Detail)
	return got
}

// frames reads to the end, and answers a Close frame.
func frames(conn net.Conn, answer func()) (got []string) {
	for {
		f, err := readFrame(conn)
		if err != nil {
			return got
		}
		got = append(got, fmt.Sprintf("%#x %d %.40q", f.first, len(f.payload), f.payload))
		if f.first&0xf == clos {
			answer()
			_ = conn.Close()
			return got
		}
	}
}

func TestLoopsDoWhatGoroutinesDo(t *testing.T) {
	t.Parallel()
	all := relays()
	for seed := range uint64(60) {
		s, secure := newScript(seed), seed >= 40
		if diff := cmp.Diff(all["Frames"].live(t, s, secure), all["Loops"].live(t, s, secure)); diff != "" {
			t.Errorf("seed %d, upstream by TLS: %t (-goroutines +loops):\n%s", seed, secure, diff)
		}
	}
}
