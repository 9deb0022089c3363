// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// returning is a client that keeps the tickets that it gets.
type returning struct{ tickets tls.ClientSessionCache }

// ask sends a request to a pod and returns the status, and whether the session was
// resumed.
func (c *returning) ask(t *testing.T, pod *running, raw string) (status int, resumed bool) {
	t.Helper()
	conn, err := tls.Dial("tcp", pod.addresses["public"], &tls.Config{
		RootCAs: pod.ca.Pool, ServerName: "ws.example.com", ClientSessionCache: c.tickets,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, conn.ConnectionState().DidResume
}

func TestASessionIsResumedByOtherPodsAndProvesNothing(t *testing.T) {
	t.Parallel()
	const key = "X-Api-Key: key-of-device-one-0123456789"
	echo, ca, root := wstest.Echo(t), wstest.NewCA(t), wstest.NewRoot(t)
	config := baseConfig()
	config.Policies[0].Methods = []contract.Method{{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{{Header: "X-Api-Key"}}}}}
	root.Secret(t, "keys", map[string][]byte{"one": []byte("key-of-device-one-0123456789")})
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com"))
	root.Config(t, config, endpoints(echo.Address))
	first, second := start(t, root, ca, nil), start(t, root, ca, nil)
	client := returning{tls.NewLRUClientSessionCache(8)}
	visit := func(what string, pod *running, raw string, wantStatus int, wantResumed bool) {
		t.Helper()
		if status, resumed := client.ask(t, pod, raw); status != wantStatus || resumed != wantResumed {
			t.Errorf("%s: status %d, resumed %v", what, status, resumed)
		}
	}
	visit("first", first, request(key), http.StatusSwitchingProtocols, false)
	visit("another pod, without the credential", second, request(), http.StatusUnauthorized, true)
	visit("another pod", second, request(key), http.StatusSwitchingProtocols, true)
	if got := second.sample(t, "wsgateway_tls_resumptions_total"); got != "2" {
		t.Errorf("%s resumptions counted", got)
	}

	pair := ca.Issue(t, "ws.example.com")
	root.TLSSecret(t, "public-tls", pair)
	for _, pod := range []*running{first, second} {
		until(t, func() string {
			if got := pod.leaf(t, "ws.example.com"); got != pair.Leaf.SerialNumber.Text(16) {
				return "served is " + got
			}
			return ""
		})
	}
	visit("behind a rotation", first, request(key), http.StatusSwitchingProtocols, true)
	visit("a pod that was never asked before", start(t, root, ca, nil), request(key), http.StatusSwitchingProtocols, true)

	config.Listeners[0].NoSessionTickets = true
	root.Config(t, config, endpoints(echo.Address))
	first.served(t, config)
	visit("turned off", first, request(key), http.StatusSwitchingProtocols, false)
}
