// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"os"
	"testing"
	"time"

	follow "github.com/wsgateway/websocket-gateway-operator/gateway/frame"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// drama is what two parties do to a passage, in an order of chance.
type drama struct {
	t      *testing.T
	seed   uint64
	random *mathrand.Rand
	stage  *proxy.Stage
	// left is what a party has still to send, said what of it was read.
	left, said [2][]byte
	closure    *outcome.Closure
}

// streamOf is what a party may send: frames in order for most of the time, and now and
// then one that breaks a rule. None is like a ping of ours.
func (d *drama) streamOf(x int) (stream []byte) {
	mask := byte(0)
	var key []byte
	open := false
	for range d.random.IntN(20) {
		if x == 0 {
			mask, key = 0x80, []byte{byte(d.random.Uint32()), 2, 3, 4}
		}
		size := []int{0, 1, 4, 125, 126, 3000, 70_000}[d.random.IntN(7)]
		first := byte([]int{text, bin, bin, ping, pong, clos}[d.random.IntN(6)])
		switch {
		case first == clos && d.random.IntN(4) > 0:
			continue
		case first >= clos:
			first, size = first|fin, min(size, 125)
		default:
			if open && d.random.IntN(60) > 0 {
				first = 0 // goes on
			}
			if open = d.random.IntN(2) == 0; !open {
				first |= fin
			}
		}
		payload := bytes.Repeat([]byte{byte('a' + d.random.IntN(26))}, size)
		if first == fin|clos && size >= 2 {
			payload = append([]byte{0x0f, 0xa0}, payload[2:]...)
		}
		if d.random.IntN(60) == 0 {
			first |= 0x20 // a reserved bit
		}
		stream = append(stream, encode(first, mask, payload, key)...)
	}
	return stream
}

// step does one thing.
func (d *drama) step() {
	x := d.random.IntN(2)
	switch d.random.IntN(60) {
	case 0:
		d.stage.End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
	case 1:
		d.stage.Lose(x, []error{io.EOF, errors.New("reset")}[d.random.IntN(2)])
		d.left[x] = nil
	case 2:
		d.stage.Refuse(x, []error{os.ErrDeadlineExceeded, errors.New("reset")}[d.random.IntN(2)])
	case 3, 4:
		d.stage.Hold(x, true)
	case 5, 6, 7, 8:
		d.stage.Hold(x, false)
	case 9, 10, 11, 12, 13:
		d.stage.Pass(time.Duration(d.random.IntN(15_000)) * time.Millisecond)
	default:
		n := min(1+d.random.IntN([]int{3, 200, 80_000}[d.random.IntN(3)]), len(d.left[x]))
		if n > 0 && d.stage.Take(x, d.left[x][:n]) {
			d.said[x] = append(d.said[x], d.left[x][:n]...)
			d.left[x] = d.left[x][n:]
		}
	}
}

// check is what holds at any time: the first reason stays.
func (d *drama) check() {
	d.t.Helper()
	now := d.stage.Closure()
	if d.closure != nil && now != d.closure {
		d.t.Fatalf("seed %d: the reason was %v and became %v", d.seed, d.closure, now)
	}
	if d.closure = now; now == nil && d.stage.Over() {
		d.t.Fatalf("seed %d: it is over without a reason", d.seed)
	}
}

// finish waits for the end. It must come in time, with a bounded number of alarms,
// whatever the parties do.
func (d *drama) finish() {
	d.t.Helper()
	d.stage.End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
	d.check()
	begin := d.stage.Now()
	for alarms := 0; !d.stage.Over(); alarms++ {
		if d.stage.Pass(time.Second); alarms > 20 || d.stage.Now() > begin+1100*time.Millisecond {
			d.t.Fatalf("seed %d: after %d alarms and %v it is not over", d.seed, alarms, d.stage.Now()-begin)
		}
		d.check()
	}
}

// got checks what a party was sent: in order, of the other one only what was, nothing
// behind a Close frame.
func (d *drama) got(x int) {
	d.t.Helper()
	rules := proxy.StageRules(1 - x)
	whole, rest, ok := framesOf(d.stage.Sent(x), rules)
	if !ok {
		d.t.Fatalf("seed %d: what goes to %d breaks a rule, or ends inside a header", d.seed, x)
	}
	var passed []byte
	for i, one := range whole {
		f, err := readFrame(bytes.NewReader(one))
		switch {
		case err != nil:
			d.t.Fatal(err)
		case f.first == fin|clos:
			if i+1 < len(whole) || len(rest) > 0 {
				d.t.Fatalf("seed %d: to %d goes something behind a Close frame", d.seed, x)
			}
		case f.first != fin|ping || string(f.payload) != "wsgw": // that is ours
			passed = append(passed, one...)
		}
	}
	passed = append(passed, rest...)
	if want, _ := inOrder(d.said[1-x], rules); !bytes.HasPrefix(want, passed) {
		d.t.Fatalf("seed %d: %d got %d bytes which are not those that were sent", d.seed, x, len(passed))
	}
}

// framesOf cuts a stream into frames; the rest is a part of one, its whole header
// included.
func framesOf(stream []byte, rules follow.Rules) (whole [][]byte, rest []byte, ok bool) {
	var w follow.Walker
	for at := 0; ; {
		n, event := w.Next(stream[at:], &rules)
		at += n
		switch event {
		case follow.Broken:
			return nil, nil, false
		case follow.More:
			return whole, stream, len(w.Held()) == 0
		case follow.Ended:
			whole, stream, at = append(whole, stream[:at]), stream[at:], 0
		case follow.Began:
		}
	}
}

// Whatever happens, and when: each party gets what the other one has sent, in whole
// frames and in order, at most one Close frame behind it, and it ends in time for one reason.
func TestAPassageKeepsItsRulesInEveryOrderOfEvents(t *testing.T) {
	t.Parallel()
	reasons := map[outcome.Reason]int{}
	for seed := range uint64(1500) {
		d := &drama{t: t, seed: seed, random: mathrand.New(mathrand.NewPCG(seed, 17)), stage: proxy.NewStage()}
		d.left = [2][]byte{d.streamOf(0), d.streamOf(1)}
		for range 10 + d.random.IntN(80) {
			d.step()
			d.check()
		}
		d.finish()
		d.got(0)
		d.got(1)
		reasons[d.stage.Closure().Reason]++
	}
	for _, reason := range []outcome.Reason{
		outcome.DrainingClosure, outcome.ClientClosed, outcome.UpstreamClosed, outcome.ClientLost, outcome.UpstreamLost,
		outcome.ProtocolError, outcome.PongTimeout, outcome.SlowReader, outcome.FrameTimeout,
	} {
		if reasons[reason] == 0 {
			t.Errorf("none has ended for %s: %v", reason, reasons)
		}
	}
}
