// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const aKey = "0123456789abcdef0123456789abcdef"

// startUsers is startBase with tokens of i, the API key aKey of device-1, and
// nobody else.
func startUsers(t *testing.T, i *issuer, options ...func(*gateway.Options)) (*running, contract.Config, *wstest.Upstream) {
	t.Helper()
	r, echo := startBaseWith(t, nil, func(o *gateway.Options) {
		for _, change := range options {
			change(o)
		}
	})
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey)})
	config := baseConfig()
	withTokens(t, i)(&config)
	r.put(t, echo, config)
	until(t, func() string {
		if p := r.report(t).Problems; len(p) > 0 {
			return "the Secret is not there"
		}
		return ""
	})
	return r, config, echo
}

// open dials the route with headers.
func (r *running) open(t *testing.T, headers ...string) *websocket.Conn {
	t.Helper()
	d := r.dialer("public")
	d.Header = http.Header{}
	for i := 0; i < len(headers); i += 2 {
		d.Header.Set(headers[i], headers[i+1])
	}
	return d.MustDial(t, chatURL)
}

func TestAConnectionEndsWithItsTokenAndNoOther(t *testing.T) {
	t.Parallel()
	const grace = time.Second
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	config.Policies[0].ExpiryGrace = contract.Duration(grace)
	r.put(t, echo, config)
	// Issued so that it is accepted for about eight seconds more, by the skew.
	expiry := time.Now().Add(8*time.Second - contract.DefaultClockSkew)
	// A timer of the test's own tells how late this machine's timers are.
	due := make(chan time.Time, 1)
	timer := time.AfterFunc(time.Until(expiry.Add(contract.DefaultClockSkew+grace)), func() { due <- time.Now() })
	defer timer.Stop()
	short := r.open(t, "Authorization", "Bearer "+i.token(t, time.Until(expiry)))
	long := r.open(t, "Authorization", "Bearer "+i.token(t, time.Hour))
	device := r.open(t, "X-API-Key", aKey)

	_, _, err := short.ReadMessage()
	ended := time.Now()
	if !websocket.IsCloseError(err, outcome.CodeUnauthorized) {
		t.Errorf("the connection of the short token: %v", err)
	}
	// exp has whole seconds, so that up to one is cut off.
	if after := ended.Sub(<-due); after < -time.Second || after > 5*time.Second {
		t.Errorf("it ended %v from where it should", after)
	}
	for name, conn := range map[string]*websocket.Conn{"a longer token": long, "an API key": device} {
		if err := echoOnce(conn); err != nil {
			t.Errorf("connection of %s: %v", name, err)
		}
	}
	until(t, func() string {
		for _, record := range r.audit.records(t, "closed") {
			if record.Reason == outcome.CredentialExpired && record.Initiator == outcome.ByGateway && record.CloseCode == 3000 {
				return ""
			}
		}
		return "no record says credential_expired"
	})
}
