// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revocation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
)

// Time limits of the steps that wait for somebody else.
const (
	DefaultAuthenticateTimeout = 5 * time.Second
	DefaultUpstreamTimeout     = 10 * time.Second
)

// Authenticator is what a compiled policy can do; *authn.Policy is one.
type Authenticator interface {
	authn.Authenticator
	// Strip removes every credential that the policy could accept.
	Strip(header http.Header, subprotocols []string) (http.Header, []string)
	// StripTarget removes them from the target of the request.
	StripTarget(target string) string
	// Challenges are the values of WWW-Authenticate of a 401 answer.
	Challenges() []string
	// SubprotocolAnswer is what a client that showed its credential among the
	// subprotocols is answered when the backend chose none.
	SubprotocolAnswer(offered []string) string
	// IdentityHeaders are the headers that tell the backend who it is.
	IdentityHeaders(identity authn.Identity) http.Header
	// Reconsider returns the refusal that somebody would get now who was
	// admitted before; nil when there is none, or it cannot be told.
	Reconsider(proof *authn.Proof) error
	// As returns as whom somebody would be admitted now whom Reconsider does not
	// refuse.
	As(identity authn.Identity) authn.Identity
}

var _ Authenticator = (*authn.Policy)(nil)

// Policy is a policy of the contract with its compiled form.
type Policy struct {
	*contract.Policy
	// Authenticator is nil only together with Fault.
	Authenticator Authenticator
	// Rules are the compiled Authorization, nil only where there is none: an
	// Authorization without them refuses everybody.
	Rules *policy.Authorization
}

// Rules are what one snapshot lets in. They are not changed any more.
type Rules struct {
	Routes   *match.Routes
	Policies map[string]Policy
	// Revocations that are in force; nil for none.
	Revocations *revocation.List
	// BackendTLS answers how TLS is spoken to a backend by a profile and a server
	// name; nil where it cannot be.
	BackendTLS func(profile, serverName string) *tls.Config
	// Clients says by the name of the listener what is asked of the certificates of
	// its clients. A listener that is not in there asks for none.
	Clients map[string]ClientCertificates
}

// ClientCertificates is what a listener asks of the certificates of its clients.
type ClientCertificates struct {
	// Required refuses who has shown none. Who has one ends with it, whatever else
	// the caller was admitted by.
	Required bool
	// Complete is false while a CA is missing that is named.
	Complete bool
	// Verify tells until when a certificate is good by the CAs of this moment. The
	// error is an *outcome.Refusal.
	Verify func(*clientcert.Certificate) (until time.Time, err error)
}

// Connector reaches backends; *proxy.Pool is one.
type Connector interface {
	Connect(ctx context.Context, choice proxy.Choice, h proxy.Handshake) (*proxy.Upstream, error)
}

// Door admits callers. Its fields are required and not changed any more; it is
// safe for concurrent use.
type Door struct {
	Upstreams Connector
	// Draining is true when no newcomers are accepted any more.
	Draining func() bool
	// Unrecorded is true while newcomers are refused because there would be no
	// audit record of them; nil means never.
	Unrecorded func() bool
	// Seat takes a place among the connections of an identity; the error is an
	// *outcome.Refusal. leave gives it back.
	Seat func(identity *authn.Identity) (leave func(), err error)
	// Now is the clock, Took is told how long a step took.
	Now  func() time.Time
	Took func(phase metrics.Phase, took time.Duration)
	// AuthenticateTimeout and UpstreamTimeout bound the two steps that wait.
	AuthenticateTimeout time.Duration
	UpstreamTimeout     time.Duration
}

// Caller is somebody who finished TLS and sent a request.
type Caller struct {
	secret.Sealed

	Request *http.Request
	// Listener that the server name selected.
	Listener string
	// ServerName that the caller asked for in TLS.
	ServerName string
	// ServedBy returns the listener of the same socket that serves a host name.
	ServedBy func(host string) (listener string, ok bool)
	// Client is the address that the caller comes from.
	Client netip.Addr
	// Paced counts the request against the rate of the pod, and Waits tells
	// whether the caller's address has to wait after failed attempts. Their
	// errors are an *outcome.Refusal. nil is neither.
	Paced, Waits func() error
	// Certificate that the caller showed in TLS; nil for none.
	Certificate *clientcert.Certificate
	// Trace is the span of the handshake; nil for none.
	Trace *tracing.Handshake
	// AskNobody keeps authorization servers from being asked about somebody who is
	// not there: see authn.Request.
	AskNobody bool
}

// Admission is a caller who is let in.
type Admission struct {
	// Route that the caller was connected by. Limits are those of the route that it
	// was admitted by last, which a change may have come between; nil for none.
	Route    *contract.Route
	Limits   *contract.RouteLimits
	Identity authn.Identity
	Ruling
	// Upstream has answered its handshake, and Leave gives back the place that
	// Seat took. Whoever gets an Admission sees to both.
	Upstream *proxy.Upstream
	Leave    func()
	// Host without port and Path without query, as they were matched.
	Host, Path string
	// Subprotocol of the answer, never a credential.
	Subprotocol string
	// Answer is the 101 response for the client.
	Answer []byte
}

// Release gives back what an admission holds that does not become a connection.
func (a *Admission) Release() {
	a.Upstream.Release()
	a.Leave()
}

// Admit takes a caller through the steps, cheap and anonymous ones first. It
// fills in attempt as it learns, for the audit record of a refusal. The error is
// an *outcome.Refusal.
func (d *Door) Admit(ctx context.Context, rules *Rules, c *Caller, attempt *audit.Attempt) (*Admission, error) {
	if d.Draining() {
		return nil, outcome.Refuse(outcome.Draining, "")
	}
	if d.Unrecorded != nil && d.Unrecorded() {
		return nil, outcome.Refuse(outcome.AuditUnavailable, "a sink of audit records cannot take more, and audit.onOverflow refuses who could not be recorded")
	}
	if err := ask(c.Paced); err != nil {
		return nil, err
	}
	found, err := d.judge(ctx, rules, c, attempt)
	if err != nil {
		return nil, err
	}
	if found.Leave, err = d.Seat(&found.Identity); err != nil {
		return nil, err
	}
	connected := false
	defer func() {
		if !connected {
			found.Leave()
		}
	}()
	if err := d.connect(ctx, found, c); err != nil {
		return nil, err
	}
	connected = true
	return &found.Admission, nil
}

// Review judges an admitted caller anew, by rules that came into force while the
// backend was asked. After an error the caller must not be let in. The error is
// an *outcome.Refusal.
func (d *Door) Review(ctx context.Context, rules *Rules, c *Caller, a *Admission, attempt *audit.Attempt) error {
	again := *c
	again.Waits = nil // it has shown its credential already
	found, err := d.judge(ctx, rules, &again, attempt)
	if err != nil {
		return err
	}
	if found.Route.Name != a.Route.Name || !samePerson(found.Identity, a.Identity) {
		// The backend was chosen by the old route and told of the old identity.
		return outcome.Refuse(outcome.RouteUnavailable, "the route or the identity has changed during the handshake")
	}
	a.Identity, a.Ruling, a.Limits = found.Identity, found.Ruling, found.Limits
	return nil
}

func samePerson(a, b authn.Identity) bool {
	return a.Policy == b.Policy && a.Issuer == b.Issuer && a.Subject == b.Subject
}

// connect shakes hands with a backend and prepares our answer.
func (d *Door) connect(ctx context.Context, v *verdict, c *Caller) error {
	request, err := v.request(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.UpstreamTimeout)
	defer cancel()
	begin := d.Now()
	span := c.Trace.Upstream(begin)
	span.Propagate(request.Header)
	upstream, err := d.Upstreams.Connect(ctx, v.choice(), request)
	end := d.Now()
	d.Took(metrics.PhaseUpstream, end.Sub(begin))
	if err != nil {
		span.End(end, "", "", reasonOf(err))
		return err
	}
	span.End(end, upstream.Backend, upstream.Address, "")
	v.Upstream, v.Subprotocol = upstream, v.answered(upstream.Subprotocol)
	v.Answer = switching(v.upgrade.key, v.Subprotocol, upstream.Extension)
	return nil
}

// request is what a backend is asked, without anything that only the gateway may
// see. The error is an *outcome.Refusal.
func (v *verdict) request(c *Caller) (proxy.Handshake, error) {
	p := v.policy
	header, subprotocols := p.Authenticator.Strip(c.Request.Header, v.upgrade.subprotocols)
	subprotocols, err := restrict(subprotocols, v.Route.Subprotocols)
	if err != nil {
		return proxy.Handshake{}, err
	}
	return proxy.Handshake{
		Target: p.Authenticator.StripTarget(c.Request.RequestURI),
		Host:   c.Request.Host,
		Header: forwardedHeader(header, p.Authenticator.IdentityHeaders(v.Identity), p.IdentityHeaders, c.Client.String(), c.Request.Host),

		Subprotocols: subprotocols,
		Extensions:   v.passedOn(),
	}, nil
}

// passedOn are the extensions that the backend is offered. What a client offers says
// nothing about who it is, so that no policy could mind.
func (v *verdict) passedOn() []extension.Extension {
	if v.Route.Extensions != contract.ExtensionsPassThrough {
		return nil
	}
	return extension.Offers(v.upgrade.extensions)
}

// answered is the subprotocol of our answer when the backend has chosen one, or
// none.
func (v *verdict) answered(chosen string) string {
	if chosen != "" {
		return chosen
	}
	return v.policy.Authenticator.SubprotocolAnswer(v.upgrade.subprotocols)
}

// restrict leaves of the offered subprotocols those that the route allows. A
// client that offers some insists on one of them.
func restrict(offered, allowed []string) ([]string, error) {
	if len(offered) == 0 || len(allowed) == 0 {
		return offered, nil
	}
	left := slices.DeleteFunc(slices.Clone(offered), func(s string) bool { return !slices.Contains(allowed, s) })
	if len(left) == 0 {
		return nil, outcome.Refuse(outcome.SubprotocolMismatch, "none of the offered subprotocols is allowed")
	}
	return left, nil
}
