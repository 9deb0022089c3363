// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// notAfter is when the certificate of these tests expires.
var notAfter = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// shown is a certificate that TLS has verified.
func shown() *clientcert.Certificate {
	leaf := &x509.Certificate{SerialNumber: big.NewInt(0x7f), NotAfter: notAfter}
	return clientcert.Of([]*x509.Certificate{leaf}, [][]*x509.Certificate{{leaf}}, nil)
}

func asks(required bool, verify func() (time.Time, error)) map[string]handshake.ClientCertificates {
	return map[string]handshake.ClientCertificates{"public": {
		Required: required, Complete: true,
		Verify: func(*clientcert.Certificate) (time.Time, error) { return verify() },
	}}
}

func good() (time.Time, error) { return notAfter, nil }

func bad() (time.Time, error) {
	return time.Time{}, outcome.Refuse(outcome.ClientCertificateInvalid, "of a CA that was taken away")
}

// The rules may change between the end of TLS and the request.
func TestTheRulesOfThisMomentJudgeACertificate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		clients map[string]handshake.ClientCertificates
		shows   *clientcert.Certificate
		want    outcome.Reason
		serial  string
		ends    time.Time
	}{
		"none is asked for and none was shown":  {},
		"none is asked for any more":            {shows: shown()},
		"another listener asks":                 {clients: map[string]handshake.ClientCertificates{"other": {Required: true}}},
		"one is required since":                 {clients: asks(true, good), want: outcome.ClientCertificateRequired},
		"one is optional":                       {clients: asks(false, good)},
		"a good one that is required":           {clients: asks(true, good), shows: shown(), serial: "7f", ends: notAfter},
		"a good one that is optional":           {clients: asks(false, good), shows: shown(), serial: "7f"},
		"a bad one where it is required":        {clients: asks(true, bad), shows: shown(), want: outcome.ClientCertificateInvalid},
		"a bad one where it would not be asked": {clients: asks(false, bad), shows: shown(), want: outcome.ClientCertificateInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene()
			s.clients, s.certificate = tt.clients, tt.shows
			a, err := s.admit(t)
			if reason(err) != tt.want {
				t.Fatalf("Admit() = %v, want %q", err, tt.want)
			}
			if err == nil && (a.Identity.CertificateSerial != tt.serial || !a.Ends.Equal(tt.ends)) {
				t.Errorf("serial %q, ends %v; want %q, %v", a.Identity.CertificateSerial, a.Ends, tt.serial, tt.ends)
			}
			if saw := s.policy.saw; err == nil && (saw.Certificate != nil) != (tt.serial != "") {
				t.Errorf("the policy saw the certificate %v", saw.Certificate)
			}
		})
	}
}

func TestACertificateBindsWhoNeededIt(t *testing.T) {
	t.Parallel()
	later := notAfter.Add(time.Hour)
	token := authn.Identity{Method: authn.MethodJWT, ExpiresAt: later}
	partner := authn.Identity{Method: authn.MethodClientCertificate, ExpiresAt: notAfter, Proof: &authn.Proof{}}
	longer := func() (time.Time, error) { return later, nil }
	incomplete := asks(true, bad)
	incomplete["public"] = handshake.ClientCertificates{Required: true, Verify: incomplete["public"].Verify}
	for name, tt := range map[string]struct {
		clients  map[string]handshake.ClientCertificates
		identity authn.Identity
		shows    *clientcert.Certificate
		want     outcome.Reason
		ends     time.Time
		proof    bool // whether the policy is asked about the proof
	}{
		"a token, required":                       {asks(true, good), token, shown(), "", notAfter, false},
		"a token, optional":                       {asks(false, good), token, shown(), "", later, false},
		"a token, and a bad one that is required": {asks(true, bad), token, shown(), outcome.ClientCertificateInvalid, time.Time{}, false},
		"a token, and a bad one that is optional": {asks(false, bad), token, shown(), "", later, false},
		"a token, and none that is required":      {asks(true, good), token, nil, outcome.ClientCertificateRequired, time.Time{}, false},
		"a token, and a CA is missing":            {incomplete, token, shown(), "", notAfter, false},
		"a certificate":                           {asks(false, good), partner, shown(), "", notAfter, true},
		"a certificate that is good for longer":   {asks(false, longer), partner, shown(), "", later, true},
		"a certificate that is bad":               {asks(false, bad), partner, shown(), outcome.ClientCertificateInvalid, time.Time{}, false},
		"a certificate whose CA is missing":       {incomplete, partner, shown(), "", notAfter, true},
		"a certificate that nobody asks for":      {nil, partner, shown(), "", notAfter, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := &bearer{}
			rules := &handshake.Rules{
				Routes: match.NewRoutes([]contract.Route{{
					Name: "chat", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/"}, Policy: "users",
				}}),
				Policies: map[string]handshake.Policy{"users": {Policy: &contract.Policy{}, Authenticator: policy}},
				Clients:  tt.clients,
			}
			ruling, err := rules.Reconsider(&handshake.Standing{
				Host: "ws.example.com", Path: "/", Listener: "public", Identity: tt.identity, Certificate: tt.shows,
			})
			if reason(err) != tt.want || !ruling.Ends.Equal(tt.ends) {
				t.Errorf("Reconsider() = %v, %v; want %v, %q", ruling.Ends, err, tt.ends, tt.want)
			}
			if (policy.proof != nil) != tt.proof {
				t.Errorf("the policy was asked about %v", policy.proof)
			}
		})
	}
}
