// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/test/conformance"
)

// Not one of those that "make golden" writes: what changes here is what clients see,
// and nobody should get it along with something else.
var update = flag.Bool("update", false, "write "+page)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// atOnce is how many conversations there are at a time.
const atOnce = 8

// place is where a verdict is from.
type place struct{ server, way, name string }

func TestClientsSeeNoDifferenceThroughTheGateway(t *testing.T) {
	verdicts := tryAll(t)
	if t.Failed() {
		return
	}
	met := make([]map[place]bool, len(exceptions()))
	for p, through := range verdicts {
		directly := verdicts[place{p.server, direct, p.name}]
		if through == directly {
			continue
		}
		at := slices.IndexFunc(exceptions(), func(e exception) bool { return e.explains(p, directly, through) })
		if at < 0 {
			t.Errorf("%s, %s, case %s: %s, but directly %s", p.server, p.way, p.name, through, directly)
			continue
		}
		if through != conformance.OK && p.way != byMessages {
			t.Errorf("%s, %s, case %s: worse than directly, which no explanation excuses", p.server, p.way, p.name)
		}
		if met[at] == nil {
			met[at] = map[place]bool{}
		}
		met[at][p] = true
	}
	for i, e := range exceptions() {
		if len(met[i]) != len(e.ways)*len(e.cases) {
			t.Errorf("%s, cases %v: the exception was met %d times only: take out what is no more", e.server, e.cases, len(met[i]))
		}
	}
	compare(t, render(verdicts))
}

// compare holds the page in the documentation against the verdicts.
func compare(t *testing.T, want string) {
	t.Helper()
	if *update && !t.Failed() {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what was found; go test ./test/conformance -update writes it", page)
	}
}

// tryAll tries each case at each server, by each way.
func tryAll(t *testing.T) map[place]conformance.Verdict {
	t.Helper()
	var (
		mu       sync.Mutex
		verdicts = map[place]conformance.Verdict{}
		work     sync.WaitGroup
		turns    = make(chan struct{}, atOnce)
	)
	try := func(p place, target conformance.Target, c *conformance.Case) {
		verdict, err := converse(t, p, target, c)
		if err != nil {
			t.Errorf("%s, %s: %v", p.server, p.way, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		verdicts[p] = verdict
	}
	all := cases()
	for server, ways := range targets(t) {
		for way, target := range ways {
			for i := range all {
				turns <- struct{}{}
				work.Go(func() {
					defer func() { <-turns }()
					try(place{server, way, all[i].Name}, target, &all[i])
				})
			}
		}
	}
	work.Wait()
	return verdicts
}

// A conversation takes milliseconds. On a machine that stands still for seconds, one
// meets the time limits of the gateway, which are not what this is about: the shortest
// is a second, for the end of a message before a Close frame.
const (
	shortestLimit = time.Second
	mostTries     = 20
)

// converse holds a conversation, again if the machine was too slow for it.
func converse(t *testing.T, p place, target conformance.Target, c *conformance.Case) (conformance.Verdict, error) {
	t.Helper()
	for try := 1; ; try++ {
		begin := time.Now()
		answer, err := c.Run(t.Context(), target)
		slow := time.Since(begin) > shortestLimit && try < mostTries
		if err != nil {
			// One that nobody has ended would not be ended the next time either.
			if slow && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			return "", err
		}
		verdict := c.Judge(answer)
		if verdict == conformance.OK {
			return verdict, nil
		}
		t.Logf("%s, %s, case %s, %s: %s: %s", p.server, p.way, p.name, c.Does, verdict, answer)
		if !slow {
			return verdict, nil
		}
	}
}

func cases() []conformance.Case {
	var all []conformance.Case
	for _, group := range conformance.Groups() {
		all = append(all, group.Cases...)
	}
	return all
}

func TestEachCaseHasANameOfItsOwn(t *testing.T) {
	seen := map[string]string{}
	for _, c := range cases() {
		if c.Name == "" || c.Does == "" || seen[c.Name] != "" {
			t.Errorf("case %q, %q: the same name as %q", c.Name, c.Does, seen[c.Name])
		}
		seen[c.Name] = c.Does
	}
}
