// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// startDraining is startBase with times of its own.
func startDraining(t *testing.T, accept, window time.Duration) *running {
	t.Helper()
	echo, ca, root := wstest.Echo(t), wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, baseConfig(), endpoints(echo.Address))
	return start(t, root, ca, func(o *gateway.Options) { o.AcceptAfterStop, o.DrainWindow = accept, window })
}

func TestDrainClosesEverythingWith1012EvenlyOverTheWindow(t *testing.T) {
	const connections, window = 100, 2 * time.Second
	r := startDraining(t, -1, window)
	talkers := wstest.Talk(t, r.dialer("public"), chatURL, connections, 50*time.Millisecond)
	begin := time.Now()
	r.stop()
	talkers.Wait()
	reasons, at := talkers.Ended()
	if len(reasons) != connections {
		t.Fatalf("%d of %d ended", len(reasons), connections)
	}
	for i, err := range reasons {
		if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	// A quarter of the window may hold no more than half of the ends: they are
	// spread, whatever the machine is doing besides.
	for i := range connections / 2 {
		if gap := at[i+connections/2].Sub(at[i]); gap < window/4 {
			t.Errorf("%d connections ended within %v", connections/2, gap)
		}
	}
	r.end(t)
	t.Logf("ends from %v to %v, all over after %v", at[0].Sub(begin), at[connections-1].Sub(begin), time.Since(begin))
	closed := r.audit.records(t, "closed")
	ids := map[any]bool{}
	for _, record := range closed {
		ids[record["id"]] = true
		if record["reason"] != "draining" {
			t.Fatalf("record %v", record)
		}
	}
	if opened := r.audit.records(t, "opened"); len(closed) != connections || len(opened) != connections {
		t.Errorf("%d opened, %d closed", len(opened), len(closed))
	}
}

func TestAStoppingGatewayIsUnreadyAtOnceAndAcceptsForAMoment(t *testing.T) {
	r := startDraining(t, time.Second, 2*time.Second)
	keep := r.dialer("public").MustDial(t, chatURL)
	r.stop()
	until(t, func() string {
		if status, _, _ := r.get(t, "/readyz"); status != http.StatusServiceUnavailable {
			return "still ready"
		}
		return ""
	})
	if report := r.report(t); report.Ready || !report.Draining {
		t.Errorf("report %+v", report)
	}
	if err := echoOnce(r.dialer("public").MustDial(t, chatURL)); err != nil {
		t.Errorf("a newcomer of the first second: %v", err)
	}
	// Somebody has to keep the gateway alive until newcomers are refused: the
	// drain has one connection left, whose place in the window is random.
	refused := false
	for !refused {
		_, response, err := r.dialer("public").Dial(t.Context(), chatURL)
		switch {
		case err == nil:
		case response == nil:
			// Both connections were early in the window; the gateway has gone.
			r.end(t)
			return
		default:
			refused = true
			if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, header %v", response.StatusCode, response.Header)
			}
		}
	}
	if _, _, err := keep.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the old connection: %v", err)
	}
	r.end(t)
}

func TestAGatewayWithoutConnectionsDoesNotWaitForTheWindow(t *testing.T) {
	r := startDraining(t, -1, time.Hour)
	begin := time.Now()
	r.end(t)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestAClientThatNeverAnswersDoesNotHoldUpTheEnd(t *testing.T) {
	r := startDraining(t, -1, 500*time.Millisecond)
	conn := r.speakTLS(t, "public", "ws.example.com")
	if _, err := conn.Write([]byte(request())); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if r.report(t).Connections != 1 {
			return "not connected"
		}
		return ""
	})
	begin := time.Now()
	r.end(t)
	if took := time.Since(begin); took > 12*time.Second {
		t.Errorf("took %v", took)
	}
	if !strings.Contains(r.audit.String(), `"closed"`) {
		t.Errorf("no record: %s", r.audit)
	}
}
