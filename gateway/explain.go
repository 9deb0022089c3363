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
	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
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

// Explain decides about a handshake as a gateway with these files does, by the
// same code, and says how. Nothing is opened, sent or written but what FetchKeys
// allows. The error says why the configuration cannot be used.
func Explain(ctx context.Context, e Enquiry) (*explanation.Decision, error) {
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
	return s.explain(ctx, &e, inquiry{now: o.Now}), nil
}

// inquiry is what a decision that is only explained depends on beside the files.
type inquiry struct {
	now func() time.Time
	// draining tells whether newcomers are refused, and waits whether those of an
	// address have to wait after failures, as an *outcome.Refusal. nil is neither.
	draining func() bool
	waits    func(client netip.Addr) error
	// askNobody keeps authorization servers from being asked.
	askNobody bool
}

// explain decides about a handshake that nobody makes. No seat is taken, nothing
// is counted, and no backend is asked.
func (s *snapshot) explain(ctx context.Context, e *Enquiry, by inquiry) *explanation.Decision {
	found := &explanation.Decision{Limits: s.limits, Client: e.Client}
	front, refusal := s.meet(found, e)
	if refusal != nil {
		found.Refusal = refusal
		return found
	}
	certificate, err := clientcert.Show(e.ClientCertificates, s.clients[found.Listener.Name], by.now())
	if err != nil {
		found.Refusal = asRefusal(err)
		return found
	}
	request, err := s.read(found, e)
	if err == nil && by.draining != nil && by.draining() {
		err = outcome.Refuse(outcome.Draining, "")
	}
	if err != nil {
		found.Refusal = asRefusal(err)
		return found
	}
	caller := &handshake.Caller{
		Request: request, Listener: found.Listener.Name, ServedBy: front.ServedBy, Client: found.Client,
		Certificate: certificate, AskNobody: by.askNobody,
	}
	if by.waits != nil {
		caller.Waits = func() error { return by.waits(found.Client) }
	}
	door := &handshake.Door{
		Now: by.now, Took: func(metrics.Phase, time.Duration) {},
		AuthenticateTimeout: handshake.DefaultAuthenticateTimeout, UpstreamTimeout: handshake.DefaultUpstreamTimeout,
	}
	found.Explanation = *door.Explain(ctx, s.rules, caller)
	if found.Route != nil {
		found.Limits = found.Route.Limits.Within(s.limits)
	}
	found.Attempt.Certificate = told(certificate.Leaf())
	return found
}

// meet finds the listener of a client, as TLS does.
func (s *snapshot) meet(found *explanation.Decision, e *Enquiry) (*listener.Front, *outcome.Refusal) {
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
func (s *snapshot) read(found *explanation.Decision, e *Enquiry) (*http.Request, error) {
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
