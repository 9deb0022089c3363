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
	return newTerms(contract.EffectiveLimits{MaxMessageBytes: 1000, MaxFragments: 11_000}, passOptions())
}

func passOptions() *FramesOptions {
	return &FramesOptions{
		CloseTimeout: time.Second, Random: func() float64 { return 0 }, Mask: func() [4]byte { return [4]byte{1, 2, 3, 4} },
	}
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

// Stage is a passage in a time of its own. Party 0 is the client.
type Stage struct {
	now  time.Duration
	p    passage
	sent collecting
}

// NewStage begins a passage in which something is due now and then.
func NewStage() *Stage {
	s := &Stage{}
	terms := newTerms(contract.EffectiveLimits{
		MaxMessageBytes: 100_000, MaxFragments: 50, FrameTimeout: 20 * time.Second, ControlFramesPerSecond: 50,
		PingInterval: 10 * time.Second, PongTimeout: 25 * time.Second, BackendPongTimeout: 25 * time.Second,
	}, passOptions())
	s.p.begin(terms, session.New(&audit.Connection{}), 0)
	return s
}

// StageRules are what a party of a Stage has to keep to.
func StageRules(x int) frame.Rules { return NewStage().p.terms.rules[x] }

// Take relays what a party has sent; false when it is not read any more.
func (s *Stage) Take(x int, stream []byte) bool {
	if s.p.parties[x].silent {
		return false
	}
	s.p.receive(&s.sent, x, append(make([]byte, headroom), stream...), s.now)
	return true
}

// Lose has a party end or, with another error than io.EOF, fail.
func (s *Stage) Lose(x int, err error) { s.p.ended(&s.sent, x, err, s.now) }

// Refuse has a party take nothing any more.
func (s *Stage) Refuse(x int, err error) { s.p.unwritable(&s.sent, x, err, s.now) }

// End is a planned end.
func (s *Stage) End(closure *outcome.Closure) { s.p.end(&s.sent, closure, s.now) }

// Hold tells whether a party is read.
func (s *Stage) Hold(x int, held bool) { s.p.setHeld(x, held, s.now) }

// Pass lets time pass, at most so much, until something is due.
func (s *Stage) Pass(most time.Duration) {
	if wait := s.p.due(s.now); wait <= most {
		s.now += wait
		s.p.tick(&s.sent, s.now)
		return
	}
	s.now += most
}

// Now is the time on the stage.
func (s *Stage) Now() time.Duration { return s.now }

// Sent is all that has gone to a party.
func (s *Stage) Sent(x int) []byte { return s.sent[x] }

// Closure is why it ends, nil as long as it does not.
func (s *Stage) Closure() *outcome.Closure { return s.p.closure }

// Over tells whether it has ended.
func (s *Stage) Over() bool { return s.p.over() }
