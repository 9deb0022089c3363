// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Authorizers asks authorization servers; *external.Clients is one. The error is
// an *outcome.Refusal: bad_credential, access_denied or auth_unavailable.
type Authorizers interface {
	Check(ctx context.Context, backend string, q *external.Question) (external.Answer, error)
	// Trouble is nil where the server of a policy answers it, as far as is known.
	Trouble(use external.Use) *external.Trouble
	// Answered tells whether the server has ever given the policy an answer that
	// counts, a yes or a no.
	Answered(use external.Use) bool
}

// externalMethod asks an authorization server. It has an answer to every
// request, so it is the last of a policy.
type externalMethod struct {
	policy, backend, service string

	timeout     time.Duration
	every       time.Duration
	authorizers Authorizers
}

func (b *builder) external(c *contract.External) {
	method := &externalMethod{
		policy: b.policy.name, backend: c.Backend, service: c.Service, timeout: c.QuestionTimeout(),
		every: time.Duration(c.RevalidateEvery), authorizers: b.sets.options.Authorizers,
	}
	b.policy.external = method
	b.policy.methods = append(b.policy.methods, method)
	// A server may look for tokens where browsers can put them.
	b.sources([]contract.Source{{Subprotocol: contract.SubprotocolBearer}, {Subprotocol: contract.SubprotocolBase64URL}})
}

// Authenticate implements Authenticator. It never returns ErrNoCredential: what
// is a credential is the server's to say.
func (m *externalMethod) Authenticate(ctx context.Context, r *Request) (Identity, error) {
	if r.AskNobody {
		return Identity{}, outcome.Refuse(outcome.AuthUnavailable, "authorization server %s was not asked", m.backend)
	}
	answer, err := m.ask(ctx, &external.Question{
		Policy: m.policy, Listener: r.Listener, Route: r.Route, ServerName: r.ServerName,
		Host: r.Host, Target: r.Target, Client: r.Client, Principal: principalOf(r.Certificate), Header: r.Header,
		Lasting: m.every > 0,
	})
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		Policy: m.policy, Method: MethodExternal, Issuer: m.service, Subject: answer.Subject,
		Claims: answer.Claims, ExpiresAt: answer.ExpiresAt, Proof: proofOfAnswer(m.backend, answer.Session),
	}, nil
}

// principalOf is how ext_authz names the owner of a client certificate: its first
// URI, else its subject.
func principalOf(certificate *x509.Certificate) string {
	switch {
	case certificate == nil:
		return ""
	case len(certificate.URIs) > 0:
		return certificate.URIs[0].String()
	}
	return certificate.Subject.String()
}

func (m *externalMethod) ask(ctx context.Context, q *external.Question) (external.Answer, error) {
	if m.authorizers == nil {
		return external.Answer{}, outcome.Refuse(outcome.AuthUnavailable, "authorization servers cannot be asked here")
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	return m.authorizers.Check(ctx, m.backend, q)
}

// problems are those with the server.
func (m *externalMethod) problems() []contract.ReportProblem {
	if m == nil || m.authorizers == nil {
		return nil
	}
	trouble := m.authorizers.Trouble(external.Use{Policy: m.policy, Backend: m.backend})
	if trouble == nil {
		return nil
	}
	return []contract.ReportProblem{{
		Policy: m.policy, Reason: contract.ProblemAuthorizationServerUnavailable, Serving: trouble.Answered,
		Message: trouble.Why + ": nobody new is let in by it; see whether it runs, is reached at that port by pods, speaks ext_authz (gRPC without TLS), and what it logs",
	}}
}

func (m *externalMethod) answered() bool {
	return m != nil && m.authorizers != nil && m.authorizers.Answered(external.Use{Policy: m.policy, Backend: m.backend})
}

// proofOfAnswer remembers who has answered and the handle that it gave. The
// request that it was asked about is forgotten, with all credentials in it.
func proofOfAnswer(backend, session string) *Proof {
	return &Proof{method: MethodExternal, source: anyPlace(), issuer: backend, id: session}
}

// anyPlace is where an authorization server looks: no other method can read it.
func anyPlace() contract.Source { return contract.Source{Header: "*"} }

func (m *externalMethod) reads(source contract.Source) bool { return source == anyPlace() }

// reconsider does not ask the server: it was asked when the caller came, and is
// asked again when that is due. What it has said last counts, also where a dry run
// has left that without effect.
func (m *externalMethod) reconsider(proof *Proof) (judged bool, err error) {
	switch {
	case proof.method != MethodExternal:
		return false, nil
	case proof.issuer != m.backend:
		return true, outcome.Refuse(outcome.BadCredential, "admitted by another authorization server than the policy asks now")
	case m.every > 0 && proof.id == "":
		return true, outcome.Refuse(outcome.BadCredential, "the authorization server gave no session that it could be asked about")
	case proof.denied != nil:
		return true, proof.denied
	}
	return true, nil
}

// Denied returns what the authorization server has said of somebody whom a version
// of this policy has admitted, if that was no and the policy still asks that
// server; else nil, also while the policy is unavailable.
func (p *Policy) Denied(proof *Proof) *outcome.Refusal {
	if p.unavailable != "" || p.external == nil || proof.Server() != p.external.backend || proof.denied == nil {
		return nil
	}
	return proof.denied
}

// RevalidateEvery is how often Revalidate is due for somebody whom a version of
// this policy has admitted; 0 means never. It is unknown while the policy is
// unavailable.
func (p *Policy) RevalidateEvery(proof *Proof) (every time.Duration, known bool) {
	if p.unavailable != "" {
		return 0, false
	}
	if p.external == nil || proof == nil || proof.method != MethodExternal || proof.issuer != p.external.backend {
		return 0, true
	}
	return p.external.every, true
}

// Revalidate asks the authorization server about an open connection. r has no
// Header: what the server judges is the session that it gave. expiresAt is zero
// where the server says nothing new of it. The error is an *outcome.Refusal:
// auth_unavailable where the server could not be asked, anything else where the
// caller has lost the right to be here.
func (p *Policy) Revalidate(ctx context.Context, r *Request, identity *Identity, connection string) (expiresAt time.Time, err error) {
	m := p.external
	if every, known := p.RevalidateEvery(identity.Proof); !known || every == 0 {
		return time.Time{}, outcome.Refuse(outcome.AuthUnavailable, "policy %q does not revalidate this connection now", p.name)
	}
	answer, err := m.ask(ctx, &external.Question{
		Policy: m.policy, Listener: r.Listener, Route: r.Route, ServerName: r.ServerName,
		Host: r.Host, Target: r.Target, Client: r.Client,
		Open: &external.Open{Connection: connection, Session: identity.Proof.id, Subject: identity.Subject},
	})
	switch {
	case err != nil:
		return time.Time{}, err
	case answer.Subject != "" && answer.Subject != identity.Subject:
		return time.Time{}, outcome.Refuse(outcome.BadCredential, "the session belongs to somebody else now")
	}
	return answer.ExpiresAt, nil
}
