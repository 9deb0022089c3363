// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
)

func TestItIsSaidWhatBecomesOfExtensions(t *testing.T) {
	t.Parallel()
	const deflate, line = "permessage-deflate; client_max_window_bits", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
	for name, tt := range map[string]struct {
		route   contract.Extensions
		offered int
		passed  string
		request bool
		note    string
	}{
		"none is offered":             {contract.ExtensionsPassThrough, 0, "", false, ""},
		"the route passes them on":    {contract.ExtensionsPassThrough, 1, deflate, true, ""},
		"the route strips them":       {"", 2, "", false, "spec.routes[chat].extensions is Strip"},
		"one of two is passed on":     {contract.ExtensionsPassThrough, 2, deflate, true, "1 of the 2 extensions"},
		"the route could, none is it": {contract.ExtensionsPassThrough, 1, "", false, "1 of the 1 extensions"},
	} {
		var passed []extension.Extension
		if tt.passed != "" {
			passed, _ = extension.Parse([]string{tt.passed})
		}
		decision := &explanation.Decision{Listener: &contract.Listener{Name: "public"}}
		decision.Route, decision.Policy = &contract.Route{Name: "chat", Extensions: tt.route}, &contract.Policy{}
		decision.Offered, decision.Request.Extensions = tt.offered, passed
		got := explanation.New(&explanation.Question{URL: "wss://ws.example.com/", Client: "192.0.2.1"}, decision)
		if got.Backend == nil || slices.Contains(got.Backend.Request, line) != tt.request {
			t.Errorf("%s: the backend is sent %+v", name, got.Backend)
		}
		if notes := strings.Join(got.Notes, "\n"); !strings.Contains(notes, tt.note) || tt.note == "" && notes != "" {
			t.Errorf("%s: noted %q, want %q", name, notes, tt.note)
		}
	}
}
