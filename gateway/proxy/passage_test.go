// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"testing"

	follow "github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// inOrder is the part of a stream, from its beginning, that consists of whole
// headers and payloads in order and is no Close frame; what a relay may pass on.
func inOrder(stream []byte, rules follow.Rules) (part []byte, ended bool) {
	var w follow.Walker
	at := 0
	for {
		n, event := w.Next(stream[at:], &rules)
		at += n
		switch event {
		case follow.More:
			return stream[:at-len(w.Held())], false
		case follow.Broken:
			return stream[:at-len(w.Held())], true
		case follow.Began:
			if w.Opcode() == follow.Close {
				// Whether it is complete, and in order or not, it is not passed on.
				return stream[:at-w.HeaderSize()], uint64(len(stream)-at) >= w.Length()
			}
		case follow.Ended:
		}
	}
}

// FuzzPassage gives a passage what a client sends, in pieces: the upstream must get
// exactly what is in order, then at most a Close frame of ours.
func FuzzPassage(f *testing.F) {
	f.Add(bytes.Join([][]byte{masked(text, []byte("ab")), masked(fin|ping, []byte("p")), masked(fin, nil), masked(fin|clos, []byte{3, 0xe8}), masked(fin|bin, nil)}, nil), []byte{1, 5})
	f.Add(append(masked(fin|bin, make([]byte, 300)), 0xff, 0xff), []byte{7})
	f.Add(masked(fin|clos, []byte{3, 0xed}), []byte{0, 0})
	f.Add(append(masked(bin, []byte("x")), masked(fin|pong, []byte("wsgw"))...), []byte{3})
	f.Fuzz(func(t *testing.T, stream, pieces []byte) {
		toClient, toUpstream, closure := proxy.Pass(stream, pieces)
		want, ended := inOrder(stream, proxy.ClientRules())
		if !bytes.HasPrefix(toUpstream, want) {
			t.Fatalf("passed on %x, want %x", toUpstream, want)
		}
		if ended != (closure != nil) {
			t.Fatalf("ended: %v, closure %v", ended, closure)
		}
		for name, frames := range map[string][]byte{"client": toClient, "upstream": toUpstream[len(want):]} {
			f, err := readFrame(bytes.NewReader(frames))
			switch {
			case len(frames) == 0 && (!ended || name == "client"):
			case err != nil || f.first != fin|clos:
				t.Fatalf("to the %s goes %x", name, frames)
			case len(f.payload) >= 2:
				if _, _, fault := follow.ParseClose(f.payload); fault != follow.NoFault {
					t.Fatalf("the %s is told %x: %v", name, f.payload, fault)
				}
			}
		}
		if closure != nil && closure.Violation() != (len(toClient) > 0) {
			t.Fatalf("%v, but the client is told %x", closure, toClient)
		}
	})
}
