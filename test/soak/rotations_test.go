// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// TestRotationsCloseNothingLoseNothingAndHoldNothing changes certificate and
// configuration many times, each until it is served, under connections that send
// numbered messages and miss every one that does not come back.
func TestRotationsCloseNothingLoseNothingAndHoldNothing(t *testing.T) {
	rotations := setting(t, "WSGATEWAY_ROTATIONS", 20)
	connections := min(500, 50*rotations/20)
	backend := newEcho(t)
	g := open(t, backend.address())
	t.Cleanup(func() { g.End(t) })
	talkers := wstest.Talk(t, g.dialer(), framesURL, connections, 250*time.Millisecond)

	var slowestPair, slowestFile time.Duration
	var start held
	for i := range rotations {
		if i == rotations/10 {
			start = measure(t)
		}
		before := time.Now()
		g.rotate(t)
		rotated := time.Now()
		g.reconfigure(t)
		slowestPair, slowestFile = max(slowestPair, rotated.Sub(before)), max(slowestFile, time.Since(rotated))
		if (i+1)%100 == 0 {
			t.Logf("%d rotations: %v", i+1, measure(t))
		}
	}
	until(t, func() string {
		now := measure(t)
		if problem := now.beyond(start); problem != "" {
			return fmt.Sprintf("%s; after %d rotations: %v; after %d: %v", problem, rotations/10, start, rotations, now)
		}
		t.Logf("after %d rotations: %v; after %d: %v", rotations/10, start, rotations, now)
		return ""
	})
	echoed := talkers.Echoed()
	until(t, func() string {
		if n := talkers.Echoed(); n < echoed+int64(connections) {
			return fmt.Sprintf("%d messages came back since the last change", n-echoed)
		}
		return ""
	})
	if n := g.report(t).Connections; n != int64(connections) {
		t.Errorf("%d of %d connections are open", n, connections)
	}
	talkers.Stop()
	if reasons, _ := talkers.Ended(); len(reasons) > 0 {
		t.Errorf("%d connections ended or lost a message: %v", len(reasons), errors.Join(reasons...))
	}
	t.Logf("%d certificates and %d configurations under %d connections: %d messages, none lost; served after at most %v and %v",
		rotations, rotations, connections, talkers.Echoed(), slowestPair.Round(time.Millisecond), slowestFile.Round(time.Millisecond))
}
