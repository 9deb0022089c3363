// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/bench/load"
)

// effort is how much of each is done in one round.
type effort struct {
	rounds                 int
	idle                   []int
	handshakes             int
	small, kilo, big, huge int // messages
	paced                  int
	storm                  int
	renewed                int
}

// full takes about 15 minutes, quick three.
func full() effort {
	return effort{
		rounds: 5, idle: []int{4000, 8000}, handshakes: 3000,
		small: 60_000, kilo: 60_000, big: 15_000, huge: 400, paced: 20_000, storm: 30_000, renewed: 500,
	}
}

func quick() effort {
	return effort{
		rounds: 3, idle: []int{1000}, handshakes: 800,
		small: 20_000, kilo: 0, big: 4000, huge: 0, paced: 0, storm: 0, renewed: 100,
	}
}

// row is one thing that is measured, less is better.
type row struct{ name, unit string }

// figures of one contender in one round, in the order in which they were found.
type figures struct {
	rows   []row
	values []float64
}

func (f *figures) add(name, unit string, value float64) {
	f.rows, f.values = append(f.rows, row{name, unit}), append(f.values, value)
}

// turn is a contender in a round: a fresh process, and one client.
type turn struct {
	*scene
	who    *contender
	folder string
	server *process
	client *generator
	found  *figures
}

// begin starts the contender and its client.
func (s *scene) begin(who *contender, found *figures) (*turn, error) {
	t := &turn{scene: s, who: who, folder: s.tb.TempDir(), found: found}
	address := freeAddress(s.tb)
	command, err := who.command(s, t.folder, address)
	if err != nil {
		return nil, err
	}
	if t.server, err = start(who.name, command, 0); err != nil {
		return nil, err
	}
	if err := t.server.listens(s.tb.Context(), address); err != nil {
		return t, err
	}
	target := s.target
	target.Address = address
	t.client, err = generate(s.tb.Context(), target)
	if err != nil {
		return t, err
	}
	// Whatever is made at the first connection is there before anything counts.
	_, err = t.client.do(load.Order{Do: "shake", N: 200})
	return t, err
}

// said is the end of what the contender wrote to its log.
func (t *turn) said() string {
	if t == nil || t.server == nil {
		return ""
	}
	return string(t.server.stderr.kept)
}

func (t *turn) end() error {
	if t.client != nil {
		if err := t.client.end(); err != nil {
			return err
		}
	}
	if t.server == nil {
		return nil
	}
	return t.server.end()
}

// memory measures what n connections hold: idle, after each has had one message,
// and after all were closed.
func (t *turn) memory(n int) error {
	before, err := settled(t.server.pid(), 10*time.Second)
	if err != nil {
		return err
	}
	per := func(name string) error {
		now, err := settled(t.server.pid(), 10*time.Second)
		t.found.add(fmt.Sprintf("memory per connection, %s, %d open", name, n), "KB", float64(now-before)/float64(n)/1000)
		return err
	}
	if _, err := t.client.do(load.Order{Do: "open", N: n}); err != nil {
		return err
	}
	if err := per("idle"); err != nil {
		return err
	}
	if _, err := t.client.do(load.Order{Do: "say", Size: 16 << 10}); err != nil {
		return err
	}
	if err := per("after one message of 16 KB each"); err != nil {
		return err
	}
	if _, err := t.client.do(load.Order{Do: "close"}); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	after, err := settled(t.server.pid(), 20*time.Second)
	t.found.add(fmt.Sprintf("memory after %d were closed ÷ at start", n), "×", float64(after)/float64(before))
	return err
}

// cost measures the processor time of the contender for an order, per piece.
func (t *turn) cost(name string, o load.Order) (load.Answer, error) {
	if o.N == 0 {
		return load.Answer{}, nil
	}
	before, err := used(t.server.pid())
	if err != nil {
		return load.Answer{}, err
	}
	a, err := t.client.do(o)
	if err != nil {
		return a, err
	}
	after, err := used(t.server.pid())
	t.found.add("CPU per "+name, "µs", float64(after-before)/float64(time.Microsecond)/float64(a.Count))
	return a, err
}

// handshakes measures what connections cost to make and to close.
func (t *turn) handshakes(n int) error {
	if _, err := t.cost("full TLS handshake + upgrade", load.Order{Do: "shake", N: n}); err != nil {
		return err
	}
	a, err := t.cost("resumed TLS handshake + upgrade", load.Order{Do: "shake", N: n, Resume: true})
	if a.Count == 0 {
		return err
	}
	t.found.add("share of those that did not resume", "%", 100*(1-float64(a.Resumed)/float64(a.Count)))
	return err
}

// messages measures what they cost.
func (t *turn) messages(e effort) error {
	for _, m := range []struct {
		name string
		load.Order
	}{
		{"128 B echo, 64 connections", load.Order{N: e.small, Size: 128, Connections: 64}},
		{"1 KB echo, 64 connections", load.Order{N: e.kilo, Size: 1 << 10, Connections: 64}},
		{"16 KB echo in one frame, 16 connections", load.Order{N: e.big, Size: 16 << 10, Connections: 16}},
		{"1 MB echo in one frame, 4 connections", load.Order{N: e.huge, Size: 1 << 20, Connections: 4}},
	} {
		m.Do = "echo"
		a, err := t.cost(m.name, m.Order)
		if err != nil {
			return err
		}
		if a.Count > 0 && m.Size < 1<<20 {
			t.found.add("p99 of "+m.name+", as fast as it goes", "ms", a.P99)
		}
	}
	return nil
}

// latency measures how long messages take when the contender is half busy, and
// when others knock at the door.
func (t *turn) latency(e effort, rate float64) error {
	if e.paced > 0 {
		a, err := t.client.do(load.Order{Do: "echo", N: e.paced, Size: 128, Connections: 64, Rate: rate})
		if err != nil {
			return err
		}
		t.found.add("p50 of 128 B echo at half load", "ms", a.P50)
		t.found.add("p99 of 128 B echo at half load", "ms", a.P99)
	}
	if e.storm == 0 {
		return nil
	}
	a, err := t.client.do(load.Order{Do: "echo", N: e.storm, Size: 128, Connections: 16, Dialers: 4})
	t.found.add("p99 of 128 B echo during a storm of handshakes", "ms", a.P99)
	return err
}

// renewal measures how many connections do not survive another certificate.
func (t *turn) renewal(n int) error {
	if _, err := t.client.do(load.Order{Do: "open", N: n}); err != nil {
		return err
	}
	if err := t.who.reload(t.scene, t.folder, t.server.pid()); err != nil {
		return fmt.Errorf("reload %s: %w", t.who.name, err)
	}
	time.Sleep(2 * lingering * time.Second)
	a, err := t.client.do(load.Order{Do: "alive"})
	t.found.add("connections closed by a renewed certificate", "%", 100*(1-float64(a.Count)/float64(n)))
	return err
}
