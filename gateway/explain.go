// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revocation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Enquiry is a handshake that nobody makes, and the files of a gateway that would
// be asked.
type Enquiry struct {
	secret.Sealed

	// Config is the content of config.json.
	Config []byte
	// Revocations is the content of revocations.json; empty for nobody locked out.
	Revocations []byte
	// Files are the Secrets.
	Files certs.Files
	// FetchKeys lets key sets be fetched from their addresses. Without it nothing
	// leaves the process, and what needs them is refused with auth_unavailable.
	FetchKeys bool
	// Port that the client connects to, the listener's own.
	Port int32
	// ServerName that it asks for in TLS.
	ServerName string
	// Head is its request, up to and with the empty line.
	Head []byte
	// ClientCertificates are those that it shows, its own one first.
	ClientCertificates []*x509.Certificate
	// Client is the address that it comes from, by TCP or the PROXY protocol.
	Client netip.Addr
	// Now is the clock. nil means the system's.
	Now func() time.Time
}

// Explanation is what a gateway would decide, and why.
type Explanation struct {
	handshake.Explanation
	// Listener is nil where none serves the name.
	Listener *contract.Listener
	// Client is the address that the decision goes by: that of the Enquiry, or
	// what a trusted proxy there tells in a header.
	Client netip.Addr
	// Certificate is what is wrong with the listener's; nil for nothing.
	Certificate *contract.ReportProblem
	// Limits of the gateway. They depend on who else is connected and are not
	// part of the decision here.
	Limits contract.EffectiveLimits
}

// Explain decides about a handshake as a gateway with these files does, by the
// same code, and says how. Nothing is opened, sent or written but what FetchKeys
// allows. The error says why the configuration cannot be used.
func Explain(ctx context.Context, e Enquiry) (*Explanation, error) {
	config, err := contract.ParseConfig(e.Config)
	if err != nil {
		return nil, err
	}
	o := withDefaults(Options{Now: e.Now})
	var locked lockout
	if len(e.Revocations) > 0 {
		parsed, err := contract.ParseRevocations(e.Revocations)
		if err != nil {
			return nil, err
		}
		locked.list = revocation.New(parsed, o.Now)
	}
	keySets := authn.NewKeySets(authn.KeySetOptions{Now: o.Now, Logger: slog.New(slog.DiscardHandler)})
	defer keySets.Close()
	if !e.FetchKeys {
		keySets.Close()
	}
	s := build(config, source{files: e.Files, keySets: keySets, lockout: locked, now: o.Now, ports: o.portsOf})
	found := &Explanation{Limits: s.limits, Client: e.Client}
	front, refusal := s.meet(found, &e)
	if refusal != nil {
		found.Refusal = refusal
		return found, nil
	}
	certificate, err := clientcert.Show(e.ClientCertificates, s.clients[found.Listener.Name], o.Now())
	if err != nil {
		found.Refusal = asRefusal(err)
		return found, nil
	}
	request, err := s.read(found, &e)
	if err != nil {
		found.Refusal = asRefusal(err)
		return found, nil
	}
	door := &handshake.Door{
		Now: o.Now, Took: func(metrics.Phase, time.Duration) {},
		AuthenticateTimeout: handshake.DefaultAuthenticateTimeout, UpstreamTimeout: handshake.DefaultUpstreamTimeout,
	}
	found.Explanation = *door.Explain(ctx, s.rules, &handshake.Caller{
		Request: request, Listener: found.Listener.Name, ServedBy: front.ServedBy, Client: found.Client,
		Certificate: certificate,
	})
	found.Attempt.Certificate = told(certificate.Leaf())
	return found, nil
}

// meet finds the listener of a client, as TLS does.
func (s *snapshot) meet(found *Explanation, e *Enquiry) (*listener.Front, *outcome.Refusal) {
	front := s.frontAt(e.Port)
	if front == nil {
		return nil, outcome.Refuse(outcome.UnknownServerName, "no listener has port %d", e.Port)
	}
	name, ok := front.ServedBy(strings.ToLower(e.ServerName))
	if !ok {
		return nil, outcome.Refuse(outcome.UnknownServerName, "no listener of port %d has the name %q", e.Port, e.ServerName)
	}
	for i := range s.config.Listeners {
		if s.config.Listeners[i].Name == name {
			found.Listener = &s.config.Listeners[i]
		}
	}
	for i := range s.problems {
		if s.problems[i].Listener == name {
			found.Certificate = &s.problems[i]
		}
	}
	if problem := found.Certificate; problem != nil && problem.Reason != contract.ProblemSecretNotFound && s.served[name] == nil {
		return nil, outcome.Refuse(outcome.NoCertificate, "listener %q: %s", name, problem.Message)
	}
	return front, nil
}

// frontAt is what is served at a port as clients know it; nil for nothing.
func (s *snapshot) frontAt(port int32) *listener.Front {
	for i := range s.config.Listeners {
		if l := &s.config.Listeners[i]; l.Port == port {
			return s.fronts[s.ports.of[l.Name]]
		}
	}
	return nil
}

// read finds out what is asked, and by whom if a header tells.
func (s *snapshot) read(found *Explanation, e *Enquiry) (*http.Request, error) {
	if most := int(s.limits.RequestHeaderBytes); len(e.Head) > most {
		return nil, outcome.Refuse(outcome.HeaderTooLarge, "no end of the request head within %d bytes", most)
	}
	request, err := listener.ParseHead(e.Head)
	if err != nil {
		return nil, err
	}
	client, told, err := s.trusts[s.ports.of[found.Listener.Name]].Forwarded(e.Client, request.Header)
	if told {
		found.Client = client
	}
	return request, err
}
