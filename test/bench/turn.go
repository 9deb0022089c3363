// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/bench/load"
)

// figures of one contender in one round, in the order in which they were found.
type figures struct {
	rows   []row
	values []float64
}

func (f *figures) add(r row, value float64) {
	f.rows, f.values = append(f.rows, r), append(f.values, value)
}

// turn is a contender in a round: a fresh process, and one client.
type turn struct {
	*scene
	who    *contender
	folder string
	server *process
	client *generator
	found  *figures
	// secured is how its connections are.
	secured string
}

// Times of the measurement of memory, for all contenders: who gives back what is not
// used does so within restTime; then it takes at most settleTime to move no more.
const (
	restTime   = 8 * time.Second
	settleTime = 20 * time.Second
)

// resuming is the share of handshakes that have to resume to be called that: the
// first of each dialer cannot.
const resuming = 0.95

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
	a, err := t.client.do(load.Order{Do: "shake", N: 200})
	t.secured = a.TLS
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
	before, err := settled(t.server.pid(), settleTime)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		order load.Order
		row   row
	}{
		{load.Order{Do: "open", N: n}, idleRow(n)},
		{load.Order{Do: "say", Size: 16 << 10}, afterMessageRow(n)},
	} {
		if _, err := t.client.do(step.order); err != nil {
			return err
		}
		time.Sleep(restTime)
		now, err := settled(t.server.pid(), settleTime)
		if err != nil {
			return err
		}
		t.found.add(step.row, float64(now-before)/float64(n)/1000)
	}
	if _, err := t.client.do(load.Order{Do: "close"}); err != nil {
		return err
	}
	time.Sleep(restTime)
	after, err := settled(t.server.pid(), settleTime)
	t.found.add(afterClosingRow(n), float64(after)/float64(before))
	return err
}

// cost measures the processor time of the contender for an order, per piece.
func (t *turn) cost(o load.Order) (a load.Answer, each time.Duration, err error) {
	before, err := used(t.server.pid())
	if err != nil {
		return a, 0, err
	}
	if a, err = t.client.do(o); err != nil {
		return a, 0, err
	}
	after, err := used(t.server.pid())
	return a, (after - before) / time.Duration(max(1, a.Count)), err
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// handshakes measures what connections cost to make and to close.
func (t *turn) handshakes(n int) error {
	_, each, err := t.cost(load.Order{Do: "shake", N: n})
	if err != nil {
		return err
	}
	t.found.add(fullRow(), micro(each))
	a, each, err := t.cost(load.Order{Do: "shake", N: n, Resume: true})
	if err != nil {
		return err
	}
	// Whoever gives no tickets, or does not honor them, has no price of resuming.
	share := float64(a.Resumed) / float64(max(1, a.Count))
	if share >= resuming {
		t.found.add(resumedRow(), micro(each))
	}
	t.found.add(notResumedRow(), 100*(1-share))
	_, each, err = t.cost(load.Order{Do: "shake", N: n, Hybrid: true})
	t.found.add(hybridRow(), micro(each))
	return err
}

// among has something done while connections are there that can talk.
func (t *turn) among(connections int, do func() (load.Answer, error)) (load.Answer, error) {
	if _, err := t.client.do(load.Order{Do: "gather", Connections: connections}); err != nil {
		return load.Answer{}, err
	}
	a, err := do()
	if err != nil {
		return a, err
	}
	_, err = t.client.do(load.Order{Do: "disperse"})
	return a, err
}

// echo has messages of 128 bytes echoed over connections that it opens for them.
func (t *turn) echo(connections int, o load.Order) (load.Answer, error) {
	o.Do, o.Size = "echo", 128
	return t.among(connections, func() (load.Answer, error) { return t.client.do(o) })
}

// messages measures what they cost: counts has how many, in the order of sizes.
func (t *turn) messages(counts []int) error {
	for i, size := range sizes() {
		if counts[i] == 0 {
			continue
		}
		var each time.Duration
		a, err := t.among(size.connections, func() (a load.Answer, err error) {
			a, each, err = t.cost(load.Order{Do: "echo", N: counts[i], Size: size.size})
			return a, err
		})
		if err != nil {
			return err
		}
		t.found.add(size.costRow(), micro(each))
		if size.size < 1<<20 { // a hundredth of those is none
			t.found.add(size.p99Row(), milli(a.P99))
		}
	}
	return nil
}

// latency measures how long messages take when the contender is half busy.
func (t *turn) latency(n int) error {
	a, err := t.echo(64, load.Order{N: n, Rate: t.rate})
	t.found.add(halfLoadRow(50, nil), milli(a.P50))
	t.found.add(halfLoadRow(99, times(1.1, 0.9)), milli(a.P99))
	return err
}

// storm measures how long they take while others knock at the door.
func (t *turn) storm(n int) error {
	a, err := t.echo(16, load.Order{N: n, Dialers: 4})
	t.found.add(stormRow(), milli(a.P99))
	return err
}

// renewal measures how many connections do not survive another certificate.
func (t *turn) renewal(n int) error {
	opened, err := t.client.do(load.Order{Do: "open", N: n})
	if err != nil {
		return err
	}
	t.pair = t.ca.Issue(t.tb, hostname)
	if err := t.who.reload(t.scene, t.folder, t.server.pid()); err != nil {
		return fmt.Errorf("reload %s: %w", t.who.name, err)
	}
	want := t.pair.Leaf.SerialNumber.Text(16)
	for deadline := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		a, err := t.client.do(load.Order{Do: "leaf"})
		// A server may turn newcomers away for a moment.
		if err == nil && a.Leaf == want {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s serves certificate %s, and was given %s; the last error was: %v", t.who.name, a.Leaf, want, err) //nolint:errorlint // there may be none
		}
	}
	time.Sleep((lingering + 1) * time.Second)
	a, err := t.client.do(load.Order{Do: "alive"})
	t.found.add(closedRow(), 100*(1-float64(a.Count)/float64(opened.Count)))
	return err
}
