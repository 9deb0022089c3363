// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Step names a question that a caller has to stand.
type Step string

// The steps, in their order.
const (
	StepUpgrade      Step = "upgrade"
	StepHost         Step = "host"
	StepNetwork      Step = "network"
	StepCertificate  Step = "certificate"
	StepRoute        Step = "route"
	StepAddress      Step = "address"
	StepOrigin       Step = "origin"
	StepWait         Step = "wait"
	StepAuthenticate Step = "authenticate"
	StepRevocation   Step = "revocation"
	StepAuthorize    Step = "authorize"
	// StepSubprotocol comes when the request for the backend is written.
	StepSubprotocol Step = "subprotocol"
)

// verdict is what a caller may do, before a backend is asked. The steps fill it
// in, and each may rely on what those before it have found.
type verdict struct {
	secret.Sealed

	Admission

	// rules and caller are what is judged; attempt is told what is learnt.
	rules   *Rules
	caller  *Caller
	attempt *audit.Attempt

	upgrade upgrade
	policy  Policy
	shown   shown

	// taken and asked, if not nil, watch the steps and the methods of a policy.
	taken func(step Step, answer, refusal error)
	asked func(method int, err error)
}

// step is one question. Its error is the *outcome.Refusal of whoever does not
// stand it.
type step struct {
	name Step
	take func(d *Door, ctx context.Context, v *verdict) error
}

// steps are the whole decision, cheap and anonymous questions first. What judges
// a caller belongs here and nowhere else: whatever runs the list, runs all of it.
func steps() []step {
	return []step{
		{name: StepUpgrade, take: (*Door).readUpgrade},
		{name: StepHost, take: (*Door).locate},
		{name: StepNetwork, take: (*Door).askNetwork},
		{name: StepCertificate, take: (*Door).askCertificate},
		{name: StepRoute, take: (*Door).findRoute},
		{name: StepAddress, take: (*Door).askAddress},
		{name: StepOrigin, take: (*Door).askOrigin},
		{name: StepWait, take: (*Door).askWait},
		{name: StepAuthenticate, take: (*Door).authenticate},
		{name: StepRevocation, take: (*Door).askRevocations},
		{name: StepAuthorize, take: (*Door).authorize},
	}
}

// judge finds out what the caller wants, and whether they may.
func (d *Door) judge(ctx context.Context, rules *Rules, c *Caller, attempt *audit.Attempt) (*verdict, error) {
	// Rules of before may have known the caller. These have to find out themselves.
	attempt.Identity = nil
	v := &verdict{rules: rules, caller: c, attempt: attempt}
	if err := d.takeSteps(ctx, v); err != nil {
		return nil, err
	}
	return v, nil
}

func (d *Door) takeSteps(ctx context.Context, v *verdict) error {
	for _, s := range steps() {
		answer := s.take(d, ctx, v)
		refusal := v.tolerate(answer)
		if v.taken != nil {
			v.taken(s.name, answer, refusal)
		}
		if refusal != nil {
			return refusal
		}
	}
	v.Ruling = v.policy.rule(&v.shown, &v.Identity, v.WouldRefuse)
	return nil
}

// tolerate takes note of a decision of a policy in dry run. The first one is what
// the caller would have been told. The steps after it are taken all the same: who
// is asking is still to be found out.
func (v *verdict) tolerate(err error) error {
	refusal := v.policy.tolerated(err)
	if refusal == nil {
		return err
	}
	if v.WouldRefuse == nil {
		v.WouldRefuse = refusal
	}
	return nil
}

func (d *Door) readUpgrade(_ context.Context, v *verdict) (err error) {
	v.upgrade, err = checkUpgrade(v.caller.Request)
	return err
}

// locate finds out which host and path the caller wants, and that the host
// belongs to the listener whose certificate and rules the caller has got.
func (d *Door) locate(_ context.Context, v *verdict) error {
	c := v.caller
	v.attempt.Origin = toldOrigin(c.Request.Header.Values("Origin"))
	host, err := match.Host(c.Request.Host)
	if err != nil {
		return outcome.Refuse(outcome.BadRequest, "malformed Host")
	}
	v.attempt.Host, v.Host = host, host
	path, err := match.Target(c.Request.RequestURI)
	if err != nil {
		return outcome.Refuse(outcome.BadRequest, "%v", err)
	}
	v.attempt.Path, v.Path = path, path
	if listener, ok := c.ServedBy(host); !ok || listener != c.Listener {
		return outcome.Refuse(outcome.Misdirected, "Host is not one of listener %q", c.Listener)
	}
	return nil
}

// findRoute finds the route and the policy of the caller.
func (d *Door) findRoute(_ context.Context, v *verdict) error {
	route, ok := v.rules.Routes.Lookup(v.Host, v.Path)
	if !ok {
		return outcome.Refuse(outcome.NoRoute, "")
	}
	v.attempt.Route, v.attempt.Policy = route.Name, route.Policy
	v.Route, v.Limits = route, route.Limits
	if route.Fault != "" {
		return outcome.Refuse(outcome.RouteUnavailable, "%s", route.Fault)
	}
	v.policy, ok = v.rules.Policies[route.Policy]
	switch {
	case !ok:
		return outcome.Refuse(outcome.PolicyUnavailable, "%s", contract.FaultPolicyNotFound)
	case v.policy.Fault != "":
		return outcome.Refuse(outcome.PolicyUnavailable, "%s", v.policy.Fault)
	}
	return nil
}

func (d *Door) askOrigin(_ context.Context, v *verdict) error {
	return checkOrigin(v.caller.Request.Header.Values("Origin"), v.policy.Origins)
}

// askWait sends somebody away who failed too often, before anything is computed:
// a password costs a tenth of a second. Where everybody is let in there is
// nothing to try, and nobody waits.
func (d *Door) askWait(_ context.Context, v *verdict) error {
	if !slices.ContainsFunc(v.policy.Methods, func(m contract.Method) bool { return m.Anonymous == nil }) {
		return nil
	}
	return ask(v.caller.Waits)
}

// ask is for questions that a caller need not be asked.
func ask(refuses func() error) error {
	if refuses == nil {
		return nil
	}
	return refuses()
}

// authenticate finds out who is asking.
func (d *Door) authenticate(ctx context.Context, v *verdict) error {
	c, authenticator := v.caller, v.policy.Authenticator
	_, query, _ := strings.Cut(c.Request.RequestURI, "?")
	ctx, cancel := context.WithTimeout(ctx, d.AuthenticateTimeout)
	defer cancel()
	begin := d.Now()
	identity, err := authenticator.Authenticate(ctx, &authn.Request{
		Header: c.Request.Header, Subprotocols: v.upgrade.subprotocols, Query: query,
		Target: c.Request.RequestURI, ServerName: c.ServerName, Route: v.Route.Name,
		Listener: c.Listener, Host: v.Host, Path: v.Path, Client: c.Client,
		Certificate: v.shown.certificate.Leaf(), CertificateExpires: v.shown.until, Asked: v.asked,
		AskNobody: c.AskNobody,
	})
	end := d.Now()
	d.Took(metrics.PhaseAuthenticate, end.Sub(begin))
	c.Trace.Authenticated(begin, end, identity.Method, reasonOf(err))
	if errors.Is(err, authn.ErrNoCredential) {
		err = outcome.Refuse(outcome.NoCredential, "")
	}
	if refusal, ok := errors.AsType[*outcome.Refusal](err); ok {
		identity = authn.Unproven(v.policy.Name, refusal.Reason)
	}
	identity.CertificateSerial = v.shown.certificate.Serial()
	v.Identity = identity
	if err == nil {
		v.attempt.Identity = &audit.Identity{
			Method: identity.Method, Issuer: identity.Issuer, Subject: identity.Subject, KeyID: identity.KeyID,
		}
	}
	return challenged(err, authenticator)
}
