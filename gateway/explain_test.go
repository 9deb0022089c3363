// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/pem"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// secretsInMemory are Secrets by name and key.
type secretsInMemory map[string]map[string][]byte

func (s secretsInMemory) Read(secret, key string) ([]byte, error) {
	if content, found := s[secret][key]; found {
		return content, nil
	}
	return nil, fs.ErrNotExist
}

func (s secretsInMemory) List(secret string) ([]string, error) {
	var keys []string
	for key := range s[secret] {
		keys = append(keys, key)
	}
	if keys == nil {
		return nil, fs.ErrNotExist
	}
	return keys, nil
}

// enquire asks about a request for /chat.
func enquire(t *testing.T, config contract.Config, change func(*gateway.Enquiry), fields ...string) *explanation.Decision {
	t.Helper()
	data, err := contract.Encode(config)
	if err != nil {
		t.Fatal(err)
	}
	e := gateway.Enquiry{
		Config: data, Files: secretsInMemory{"keys": {"device-1": []byte(aKey)}}, Port: 443, ServerName: "WS.example.com",
		Head: []byte(request(fields...)), Client: netip.MustParseAddr("192.0.2.1"),
	}
	if change != nil {
		change(&e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	explained, err := gateway.Explain(ctx, e)
	if err != nil {
		t.Fatal(err)
	}
	return explained
}

func TestKeySetsAreFetchedOnlyOnRequest(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	var fetched atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_, _ = w.Write([]byte(i.keySet(t)))
	}))
	t.Cleanup(server.Close)
	config := baseConfig()
	withTokens(t, i)(&config)
	config.Policies[0].Methods[0].JWT.KeySet = contract.KeySet{
		URI: server.URL, CABundle: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}
	bearer := "Authorization: Bearer " + i.token(t, time.Hour)
	offline := enquire(t, config, nil, bearer)
	if offline.Refusal == nil || offline.Refusal.Reason != outcome.AuthUnavailable || fetched.Load() != 0 {
		t.Errorf("offline: %v, and %d fetches", offline.Refusal, fetched.Load())
	}
	online := enquire(t, config, func(e *gateway.Enquiry) { e.FetchKeys = true }, bearer)
	if online.Refusal != nil || online.Admission.Identity.Subject != "ann" || fetched.Load() == 0 {
		t.Errorf("online: %v, and %d fetches", online.Refusal, fetched.Load())
	}
}

func TestWhoIsLockedOutIsToldSo(t *testing.T) {
	t.Parallel()
	config := baseConfig()
	withTokens(t, newIssuer(t))(&config)
	config.Policies[0].DryRun = true // which lifts no revocation
	locked, err := contract.Encode(revocations(func(r *contract.Revocation) {
		r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Policy: "users"}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := enquire(t, config, func(e *gateway.Enquiry) { e.Revocations = locked }, "X-API-Key: "+aKey)
	if got.Refusal == nil || got.Refusal.Reason != outcome.IdentityRevoked {
		t.Errorf("refusal %v, want %q", got.Refusal, outcome.IdentityRevoked)
	}
	_, err = gateway.Explain(t.Context(), gateway.Enquiry{Config: []byte(`{"version":1,"gateway":{"namespace":"a","name":"b"}}`), Revocations: []byte("{")})
	if err == nil {
		t.Error("malformed revocations are taken for none")
	}
}

func TestAnExplanationEndsWhereTheDecisionDoes(t *testing.T) {
	t.Parallel()
	config := baseConfig()
	withTokens(t, newIssuer(t))(&config)
	for name, tt := range map[string]struct {
		change func(*gateway.Enquiry)
		fields []string
		want   outcome.Reason
		last   handshake.Step
		asked  int
	}{
		"admitted":               {fields: []string{"X-API-Key: " + aKey}, last: handshake.StepSubprotocol, asked: 2},
		"a bad key":              {fields: []string{"X-API-Key: 0123"}, want: outcome.BadCredential, last: handshake.StepAuthenticate, asked: 2},
		"a foreign page":         {fields: []string{"Origin: null"}, want: outcome.OriginNotAllowed, last: handshake.StepOrigin},
		"another name":           {change: func(e *gateway.Enquiry) { e.ServerName = "a.example.com" }, want: outcome.UnknownServerName},
		"another port":           {change: func(e *gateway.Enquiry) { e.Port = 8443 }, want: outcome.UnknownServerName},
		"no request":             {change: func(e *gateway.Enquiry) { e.Head = []byte("GET /\r\n\r\n") }, want: outcome.BadRequest},
		"a request too large":    {change: func(e *gateway.Enquiry) { e.Head = make([]byte, 20<<10) }, want: outcome.HeaderTooLarge},
		"a certificate gone bad": {change: func(e *gateway.Enquiry) { e.Files = secretsInMemory{"public-tls": {"tls.crt": nil}} }, want: outcome.NoCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := enquire(t, config, tt.change, tt.fields...)
			if (got.Refusal == nil) != (tt.want == "") || got.Refusal != nil && got.Refusal.Reason != tt.want {
				t.Errorf("refusal %v, want %q", got.Refusal, tt.want)
			}
			last := handshake.Step("")
			if len(got.Taken) > 0 {
				last = got.Taken[len(got.Taken)-1].Step
			}
			if last != tt.last || len(got.Asked) != tt.asked {
				t.Errorf("last step %q and %d methods, want %q and %d", last, len(got.Asked), tt.last, tt.asked)
			}
		})
	}
}

func TestTheClientIsWhomATrustedProxyTellsOf(t *testing.T) {
	t.Parallel()
	config := baseConfig()
	behind(false, true, "10.0.0.0/8")(&config)
	from := func(address string) func(*gateway.Enquiry) {
		return func(e *gateway.Enquiry) { e.Client = netip.MustParseAddr(address) }
	}
	for name, tt := range map[string]struct {
		from, header string
		want         string
		refused      outcome.Reason
	}{
		"a proxy that is trusted":     {"10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7", ""},
		"a proxy that is not":         {"192.0.2.1", "203.0.113.7", "192.0.2.1", ""},
		"a proxy that tells nonsense": {"10.0.0.1", "unknown", "10.0.0.1", outcome.BadRequest},
	} {
		got := enquire(t, config, from(tt.from), "X-Forwarded-For: "+tt.header)
		var refused outcome.Reason
		if got.Refusal != nil {
			refused = got.Refusal.Reason
		}
		if got.Client.String() != tt.want || refused != tt.refused {
			t.Errorf("%s: client %s, refused for %q; want %s, %q", name, got.Client, refused, tt.want, tt.refused)
		}
	}
}
