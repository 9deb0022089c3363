// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/bench/load"
)

// comparison takes all contenders through all rounds.
type comparison struct {
	*scene
	effort     effort
	contenders []*contender
	// rate is half load, in messages per second.
	rate  float64
	rows  []row
	found map[row]map[string][]float64
}

func (c *comparison) names() []string {
	var names []string
	for _, who := range c.contenders {
		names = append(names, who.name)
	}
	return names
}

// run measures; progress goes to the log of the test.
func (c *comparison) run() *Report {
	c.tb.Helper()
	c.found = map[row]map[string][]float64{}
	c.calibrate()
	for round := range c.effort.rounds {
		// Nobody is always first, nobody always follows the same one.
		order := slices.Concat(c.contenders[round%len(c.contenders):], c.contenders[:round%len(c.contenders)])
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, who := range order {
			started := time.Now()
			c.keep(who.name, c.round(who))
			_, _ = fmt.Fprintf(os.Stderr, "round %d of %d: %s, %.0f s\n", round+1, c.effort.rounds, who.name, time.Since(started).Seconds())
		}
	}
	report := &Report{Machine: machine(), Contenders: map[string]string{}}
	for _, who := range c.contenders {
		report.Contenders[who.name] = who.version + "; " + who.settings
	}
	for _, r := range c.rows {
		report.Rows = append(report.Rows, NewRow(r.name, r.unit, c.names(), c.found[r]))
	}
	return report
}

func (c *comparison) keep(name string, found *figures) {
	for i, r := range found.rows {
		if c.found[r] == nil {
			c.found[r] = map[string][]float64{}
			c.rows = append(c.rows, r)
		}
		c.found[r][name] = append(c.found[r][name], found.values[i])
	}
}

// round takes one contender through everything. Memory is measured in processes
// of their own, since what was busy before does not give everything back.
func (c *comparison) round(who *contender) *figures {
	c.tb.Helper()
	found := &figures{}
	for _, n := range c.effort.idle {
		c.turn(who, found, func(t *turn) error { return t.memory(n) })
	}
	c.turn(who, found, func(t *turn) error {
		return errors.Join(t.handshakes(c.effort.handshakes), t.messages(c.effort), t.latency(c.effort, c.rate))
	})
	c.turn(who, found, func(t *turn) error { return t.renewal(c.effort.renewed) })
	return found
}

// turn runs one part with fresh processes.
func (c *comparison) turn(who *contender, found *figures, part func(*turn) error) {
	c.tb.Helper()
	t, err := c.begin(who, found)
	if err == nil {
		err = part(t)
	}
	if t != nil {
		err = errors.Join(err, t.end())
	}
	if err != nil {
		c.tb.Fatalf("%s: %v\n%s", who.name, err, t.said())
	}
}

// calibrate finds what half load is: half of what the first of those that we are
// compared with does at most.
func (c *comparison) calibrate() {
	c.tb.Helper()
	c.turn(c.contenders[1], &figures{}, func(t *turn) error {
		a, err := t.client.do(load.Order{Do: "echo", N: 20_000, Size: 128, Connections: 64})
		c.rate = float64(a.Count) / a.Seconds / 2
		return err
	})
}

// machine is what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s", runtime.NumCPU(), model, runtime.Version())
}
