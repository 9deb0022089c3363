// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/bench/load"
)

// comparison takes all contenders through all parts.
type comparison struct {
	*scene
	contenders []*contender
	parts      []part
	// progress gets a line per turn.
	progress io.Writer
	report   *Report
	found    map[string]*findings
	// secured is how the first connection of the run was, and all others have to be.
	secured string
}

// findings of one part.
type findings struct {
	rows   []row
	rounds map[string]map[string][]float64 // by row, then by contender
}

func (c *comparison) names() []string {
	var names []string
	for _, who := range c.contenders {
		names = append(names, who.name)
	}
	return names
}

// run measures. The contenders of a part come directly after each other, in another
// order each round: what disturbs the machine meets them alike.
func (c *comparison) run() *Report {
	c.tb.Helper()
	began := time.Now()
	c.found = map[string]*findings{}
	c.report = &Report{Machine: machine(), Order: c.names(), Contenders: map[string]string{}, Parts: map[string]Measured{}}
	for _, who := range c.contenders {
		c.report.Contenders[who.name] = who.version + "; " + who.settings
	}
	rounds, slowest := 0, time.Duration(0)
	for _, p := range c.parts {
		rounds = max(rounds, p.rounds)
	}
	for round := range rounds {
		started := time.Now()
		if round > 0 && started.Add(slowest).After(began.Add(longest)) {
			c.tell("stop after %d of %d rounds: another one would end after more than %v", round, rounds, longest)
			break
		}
		c.round(round)
		slowest = max(slowest, time.Since(started))
	}
	c.sumUp()
	c.tell("that took %v", time.Since(began).Round(time.Second))
	return c.report
}

func (c *comparison) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(c.progress, format+"\n", args...)
}

// round takes each contender through each part that has another round.
func (c *comparison) round(round int) {
	c.tb.Helper()
	// Nobody is always first, nobody always follows the same one.
	order := slices.Concat(c.contenders[round%len(c.contenders):], c.contenders[:round%len(c.contenders)])
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, p := range c.parts {
		if round >= p.rounds {
			continue
		}
		if p.name == halfLoad && c.rate == 0 {
			c.calibrate()
		}
		for _, who := range order {
			started := time.Now()
			found := &figures{}
			c.part = p.name
			c.turn(who, found, p.do)
			c.keep(p.name, who.name, found)
			measured := c.report.Parts[p.name]
			measured.Rounds, measured.At = round+1, started.UTC().Truncate(time.Second)
			c.report.Parts[p.name] = measured
			c.tell("%-12s round %d of %d: %s, %.0f s", p.name, round+1, p.rounds, who.name, time.Since(started).Seconds())
		}
	}
}

func (c *comparison) keep(part, name string, found *figures) {
	all := c.found[part]
	if all == nil {
		all = &findings{rounds: map[string]map[string][]float64{}}
		c.found[part] = all
	}
	for i, r := range found.rows {
		if all.rounds[r.name] == nil {
			all.rounds[r.name] = map[string][]float64{}
			all.rows = append(all.rows, r)
		}
		all.rounds[r.name][name] = append(all.rounds[r.name][name], found.values[i])
	}
}

// sumUp makes the rows of the report of all that was found.
func (c *comparison) sumUp() {
	for _, p := range c.parts {
		all := c.found[p.name]
		if all == nil {
			continue
		}
		for _, r := range all.rows {
			summary := NewRow(r.name, r.unit, c.names(), all.rounds[r.name], r.budget)
			summary.Part = p.name
			c.report.Rows = append(c.report.Rows, summary)
		}
	}
	c.report.TLS = c.secured
}

// turn runs one part with fresh processes.
func (c *comparison) turn(who *contender, found *figures, do func(*turn) error) {
	c.tb.Helper()
	t, err := c.begin(who, found)
	if err == nil {
		err = c.alike(t.secured)
	}
	if err == nil {
		err = do(t)
	}
	if t != nil {
		err = errors.Join(err, t.end())
	}
	if err != nil {
		c.tb.Fatalf("%s: %v\n%s", who.name, err, t.said())
	}
}

// alike makes sure that no contender gets away with cheaper cryptography.
func (c *comparison) alike(secured string) error {
	if c.secured == "" {
		c.secured = secured
	}
	if secured != c.secured {
		return fmt.Errorf("connections are %s here, and were %s before: make the settings equal", secured, c.secured)
	}
	return nil
}

// calibrate finds what half load is: half of what the reference does at most.
func (c *comparison) calibrate() {
	c.tb.Helper()
	for _, who := range c.contenders {
		if who.name != reference {
			continue
		}
		c.turn(who, &figures{}, func(t *turn) error {
			a, err := t.echo(64, load.Order{N: 20_000})
			c.rate = float64(a.Count) / a.Seconds / 2
			return err
		})
		c.tell("half load is %.0f messages per second", c.rate)
		return
	}
	c.tb.Fatalf("%s is needed to find half load", reference)
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
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	return fmt.Sprintf("%d × %s, kernel %s, %s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.Version())
}
