// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSessionCountsTrafficPerDirection(t *testing.T) {
	s := session.New(&audit.Connection{ID: "a"})
	s.FromClient(1, 10)
	s.FromClient(2, 20)
	s.ToClient(3, 300)
	want := audit.Traffic{MessagesFromClient: 3, BytesFromClient: 30, MessagesToClient: 3, BytesToClient: 300}
	if diff := cmp.Diff(want, s.Traffic()); diff != "" {
		t.Error(diff)
	}
}

func TestSessionKeepsTheFirstReasonToEnd(t *testing.T) {
	s := session.New(&audit.Connection{ID: "a"})
	var told []*outcome.Closure
	s.OnEnd(func(c *outcome.Closure) { told = append(told, c) })
	first := outcome.Close(outcome.DrainingClosure, outcome.ByGateway, "")
	if !s.End(first) {
		t.Error("the first End was refused")
	}
	if s.End(outcome.Close(outcome.Shutdown, outcome.ByGateway, "")) {
		t.Error("the second End was accepted")
	}
	if len(told) != 1 || told[0] != first {
		t.Errorf("relay was told %v, want only %v", told, first)
	}
	if s.Ending() != first {
		t.Errorf("ending for %v, want %v", s.Ending(), first)
	}
}

func TestSessionEndedBeforeItsRelayStartsEndsWhenItStarts(t *testing.T) {
	s := session.New(&audit.Connection{ID: "a"})
	s.End(outcome.Close(outcome.DrainingClosure, outcome.ByGateway, ""))
	var told *outcome.Closure
	s.OnEnd(func(c *outcome.Closure) { told = c })
	if told == nil || told.Reason != outcome.DrainingClosure {
		t.Errorf("relay was told %v", told)
	}
}
