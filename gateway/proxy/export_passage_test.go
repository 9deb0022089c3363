// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

// collecting is a carrier that keeps what it is given.
type collecting [2][]byte

func (c *collecting) write(to int, p []byte) { c[to] = append(c[to], p...) }

func passTerms() *terms {
	return newTerms(contract.EffectiveLimits{MaxMessageBytes: 1000, MaxFragments: 11_000}, &FramesOptions{
		CloseTimeout: time.Second, Random: func() float64 { return 0 }, Mask: func() [4]byte { return [4]byte{1, 2, 3, 4} },
	})
}

// ClientRules are those of Pass.
func ClientRules() frame.Rules { return passTerms().rules[fromClient] }

// Pass gives a passage a stream of the client in pieces of these sizes, and
// returns what went where and why it ended; nil when it did not.
func Pass(stream, sizes []byte) (toClient, toUpstream []byte, closure *outcome.Closure) {
	var p passage
	var c collecting
	p.begin(passTerms(), session.New(&audit.Connection{}), 0)
	for i := 0; len(stream) > 0; i++ {
		size := len(stream)
		if len(sizes) > 0 {
			size = min(size, 1+int(sizes[i%len(sizes)]))
		}
		p.receive(&c, fromClient, append(make([]byte, headroom), stream[:size]...), time.Duration(i))
		stream = stream[size:]
	}
	return c[fromClient], c[fromUpstream], p.closure
}
