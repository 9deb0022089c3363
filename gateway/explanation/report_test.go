// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation_test

import (
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestWhatOnlyPodsCanFindOutIsNotGuessed(t *testing.T) {
	t.Parallel()
	refusal := outcome.Refuse(outcome.AuthUnavailable, "nobody was asked")
	for name, tt := range map[string]struct {
		method contract.Method
		fetch  bool
		want   explanation.Verdict
		next   string
	}{
		"a key set that was not fetched":   {contract.Method{JWT: &contract.JWT{}}, false, explanation.Unknown, "--fetch-keys"},
		"a key set that cannot be fetched": {contract.Method{JWT: &contract.JWT{}}, true, explanation.Refused, "key server"},
		"a server of the cluster":          {contract.Method{}, true, explanation.Unknown, "only pods"},
	} {
		decision := &explanation.Decision{Listener: &contract.Listener{Name: "public"}}
		decision.Route, decision.Policy, decision.Refusal = &contract.Route{Name: "chat", Policy: "users"}, &contract.Policy{Name: "users"}, refusal
		decision.Asked = []handshake.Asked{{Method: &tt.method, Err: refusal}}
		decision.Taken = []handshake.Taken{{Step: handshake.StepAuthenticate, Refusal: refusal}}
		got := explanation.New(&explanation.Question{URL: "wss://ws.example.com/", Client: "192.0.2.1", FetchKeys: tt.fetch}, decision)
		if got.Verdict != tt.want || !strings.Contains(got.Next, tt.next) {
			t.Errorf("%s: %s, next %q; want %s, %q", name, got.Verdict, got.Next, tt.want, tt.next)
		}
	}
}
