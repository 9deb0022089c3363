// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
)

// ask has the pods decide about a handshake with a key.
func (b *bench) ask(key string) ([]plugin.Said, *buffer, error) {
	log := &buffer{}
	head := "GET /chat/room HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if key != "" {
		head += "X-API-Key: " + key + "\r\n"
	}
	said, err := plugin.Explain(b.t.Context(), b.env(log, log), cluster.Bind(&cobra.Command{}), []string{"edge"}, &control.ExplainRequest{
		URL: "wss://ws.example.com/chat/room", Port: 443, ServerName: "ws.example.com", Head: []byte(head + "\r\n"), Client: "192.0.2.1",
	})
	return said, log, err
}

func TestPodsExplainWhatTheyWouldAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(gateway("edge"))
	b.serve("wsgw-edge-1")
	two := b.serve("wsgw-edge-2")
	// How many are connected is told, and is no part of the decision.
	two.connect(t, 1, "/feed", "")
	for name, tt := range map[string]struct {
		key     string
		verdict explanation.Verdict
		reason  string
	}{
		"a key that is known":  {deviceKeys, explanation.Admitted, ""},
		"a key that is not":    {"another-key-that-is-long-enough-too", explanation.Refused, "bad_credential"},
		"without a credential": {"", explanation.Refused, "no_credential"},
	} {
		said, log, err := b.ask(tt.key)
		if err != nil || log.String() != "" || len(said) != 1 {
			t.Errorf("%s: %d opinions, %v, %s", name, len(said), err, log)
			continue
		}
		if r := said[0].Report; r.Verdict != tt.verdict || string(r.Reason) != tt.reason || len(r.Steps) == 0 {
			t.Errorf("%s: %+v", name, r)
		}
		if whom := said[0].Whom(); whom != "wsgw-edge-1, wsgw-edge-2" {
			t.Errorf("%s: said by %s", name, whom)
		}
		var text buffer
		if err := said[0].Report.Text(&text); err != nil || tt.key != "" && strings.Contains(text.String(), tt.key) {
			t.Errorf("%s: %v\n%s", name, err, &text)
		}
	}
	two.root.Secret(t, "keys", map[string][]byte{"sensor-1": []byte("a-key-that-has-reached-this-pod-only")})
	eventually(t, func() bool { said, _, err := b.ask(deviceKeys); return err == nil && len(said) == 2 })
	b.create(pod("edge", "wsgw-edge-3", ""))
	if said, log, err := b.ask(deviceKeys); err != nil || len(said) != 2 || !strings.Contains(log.String(), "wsgw-edge-3") {
		t.Errorf("%d opinions, %v, %s", len(said), err, log)
	}
}
