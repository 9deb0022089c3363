// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// A connection is told of in full in each of its records, so that each can be
// understood alone. The order of the fields is the order in the line: what readers
// choose records by, the reason and the trace, comes first.

// tell writes what was told of a connection.
func (f *fields) tell(e *entry) {
	of := &e.told
	if of.closure != nil {
		f.always(maxWordBytes, "event.reason", string(of.closure.Reason))
	}
	f.connection(of.connection)
	if e.event != EventOpened {
		f.traffic(of.traffic)
	}
	if closure := of.closure; closure != nil {
		f.text("message", f.privacy.message(closure.Detail, of.connection.Subject))
		f.signed("wsgateway.close.code", int64(closure.Code))
		f.always(maxWordBytes, "wsgateway.close.initiator", string(closure.Initiator))
		// Not from the stamps: they do not know when somebody has set the clock.
		f.signed("event.duration", max(e.time.Sub(of.connection.OpenedAt), 0).Nanoseconds())
	}
}

func denied(a *Attempt, refusal *outcome.Refusal, p *Privacy, at time.Time) *entry {
	f := private(EventDenied, p)
	f.always(maxWordBytes, "event.reason", string(refusal.Reason))
	f.word("trace.id", a.TraceID)
	f.attempt(a)
	if a.Identity != nil {
		f.identity(a.Identity)
	}
	f.status(refusal.Answer().Status)
	f.text("message", p.message(refusal.Detail, a.subject()))
	f.number("wsgateway.count", 1)
	return f.entry(EventDenied, at, 1)
}

func (s *sum) entry(p *Privacy) *entry {
	f := private(EventDenied, p)
	f.always(maxWordBytes, "event.reason", string(s.reason))
	switch {
	case !s.client.IsValid(): // many clients share it
	case f.privacy != nil && f.privacy.truncates:
		f.text("wsgateway.client.network", networkOf(s.client.Addr()))
	case s.client.IsSingleIP():
		f.address("client", s.client.Addr().String())
	default:
		f.text("wsgateway.client.network", s.client.String())
	}
	f.status(s.status)
	f.number("wsgateway.count", s.count)
	f.moment("event.start", s.since)
	return f.entry(EventDenied, s.last, s.count)
}

func (g *gap) entry(at time.Time) *entry {
	f := newFields(EventGap)
	f.number("wsgateway.lost", g.lost)
	f.moment("event.start", g.since)
	return f.entry(EventGap, at, 0)
}

// status is 0 where there was no answer.
func (f *fields) status(status int) {
	if status != 0 {
		f.signed("http.response.status_code", int64(status))
	}
}

func (f *fields) attempt(a *Attempt) {
	f.text("wsgateway.listener", a.Listener)
	f.text("wsgateway.route", a.Route)
	f.text("wsgateway.policy", a.Policy)
	f.client("client", "wsgateway.client.network", a.ClientAddress)
	if a.PeerAddress != "" {
		f.address("source", a.PeerAddress) // a proxy, not a person
	} else {
		f.client("source", "", a.ClientAddress)
	}
	f.text("tls.client.server_name", a.ServerName)
	f.target(maxTextBytes, "url.domain", a.Host)
	f.target(maxPathBytes, "url.path", a.Path)
	f.target(maxTextBytes, "wsgateway.origin", a.Origin)
	if c := a.Certificate; c != nil {
		f.person("tls.client.subject", c.Subject)
		f.text("tls.client.issuer", c.Issuer)
		f.person("tls.client.x509.serial_number", strings.ToUpper(c.Serial))
	}
}

func (f *fields) connection(c *Connection) {
	f.word("trace.id", c.TraceID)
	f.always(maxTextBytes, "wsgateway.connection.id", c.ID)
	f.attempt(&Attempt{
		Listener: c.Listener, Route: c.Route, Policy: c.Policy, ClientAddress: c.ClientAddress, PeerAddress: c.PeerAddress,
		ServerName: c.ServerName, Host: c.Host, Path: c.Path, Origin: c.Origin, Certificate: c.Certificate,
	})
	f.identity(&Identity{Method: c.Method, Issuer: c.Issuer, Subject: c.Subject, KeyID: c.KeyID})
	f.text("wsgateway.subprotocol", c.Subprotocol)
	f.word("tls.version", strings.TrimPrefix(c.TLSVersion, "TLS "))
	f.word("tls.cipher", c.Cipher)
	f.word("tls.curve", c.Group)
	f.flag("tls.resumed", c.Resumed)
	f.text("wsgateway.backend", c.Backend)
	f.address("server", c.BackendAddress)
	f.word("wsgateway.would_refuse.reason", string(c.WouldRefuse))
	f.text("wsgateway.would_refuse.message", f.privacy.message(c.WouldRefuseDetail, c.Subject))
	f.key("event.start")
	f.line = appendTime(f.line, c.OpenedAt)
}

func (f *fields) identity(i *Identity) {
	f.word("wsgateway.identity.method", i.Method)
	f.upTo(maxIssuerBytes, "wsgateway.identity.issuer", i.Issuer)
	f.person("user.id", i.Subject)
	if i.KeyID == i.Subject { // the identifier of an API key
		f.person("wsgateway.identity.key_id", i.KeyID)
	} else {
		f.text("wsgateway.identity.key_id", i.KeyID)
	}
}

func (f *fields) traffic(t Traffic) {
	f.number("wsgateway.client.messages", t.MessagesFromClient)
	f.number("wsgateway.server.messages", t.MessagesToClient)
	f.number("client.bytes", t.BytesFromClient)
	f.number("server.bytes", t.BytesToClient)
}

// subject is empty for somebody who is not known.
func (a *Attempt) subject() string {
	if a.Identity == nil {
		return ""
	}
	return a.Identity.Subject
}
