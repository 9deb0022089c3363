// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/backendtls"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

// snapshot is everything that a handshake reads, built from the files at one
// moment. It is not changed any more; a change makes a new one. Connections keep
// the snapshot that admitted them no longer than their handshake: of its limits
// they have a copy.
type snapshot struct {
	config contract.Config
	limits contract.EffectiveLimits
	ports  ports
	// fronts by the name of the socket.
	fronts map[string]*listener.Front
	// trusts by the name of the socket: who tells the addresses of clients.
	trusts   map[string]*listener.Trust
	served   map[string]*certs.Served
	policies map[string]*authn.Policy
	// clients are the CAs by the name of the listener that asks for certificates.
	clients map[string]*clientcert.CAs
	// tickets by the name of the listener whose clients resume sessions.
	tickets map[string]*listener.Tickets
	// profiles of TLS to backends by name, and the routes as they are served.
	profiles map[string]*backendtls.Profile
	routes   []contract.Route
	rules    *handshake.Rules
	lockout  lockout
	// problems of certificates; those of policies are asked for anew each time.
	problems []contract.ReportProblem
	// unusable are the rules that cannot be compiled.
	unusable []contract.ReportProblem
}

// source is what a snapshot is built from, besides the configuration.
type source struct {
	files    certs.Files
	keySets  *authn.KeySets
	lockout  lockout
	now      func() time.Time
	ports    func(contract.Config) ports
	previous *snapshot
}

// build makes a snapshot. It always succeeds: what cannot be served is judged
// per listener and policy and becomes a problem of that one.
func build(config contract.Config, from source) *snapshot {
	s := &snapshot{
		config:   config,
		limits:   config.Limits.WithDefaults(),
		ports:    from.ports(config),
		trusts:   map[string]*listener.Trust{},
		served:   map[string]*certs.Served{},
		policies: map[string]*authn.Policy{},
		clients:  map[string]*clientcert.CAs{},
		tickets:  map[string]*listener.Tickets{},
		lockout:  from.lockout,
	}
	previous := cmp.Or(from.previous, &snapshot{})
	for i := range config.Listeners {
		l := &config.Listeners[i]
		served, problem := certs.Load(l, previous.lastGood(l), from.files, from.now())
		if served != nil {
			s.served[l.Name] = served
		}
		if l.ClientCertificates != nil {
			s.clients[l.Name] = clientcert.New(l.ClientCertificates, previous.clients[l.Name])
		}
		if problem != nil {
			s.problems = append(s.problems, *problem)
		}
	}
	s.allowTickets(previous, from.now())
	s.fronts = s.buildFronts(from.now)
	s.secureBackends(from, previous)
	s.rules = &handshake.Rules{
		Routes: match.NewRoutes(s.routes), BackendTLS: s.backendTLS, Policies: map[string]handshake.Policy{}, Revocations: from.lockout.list,
		Clients: s.askClients(from.now),
	}
	authorizations := s.authorizations()
	for i := range config.Policies {
		p := &config.Policies[i]
		rules := authorizations[p.Name]
		if rules == nil && p.Authorization != nil {
			p = &contract.Policy{Name: p.Name, Fault: contract.FaultPolicyInvalid}
		}
		if p.Fault != "" {
			s.rules.Policies[p.Name] = handshake.Policy{Policy: p}
			continue
		}
		compiled, _ := authn.NewPolicy(p, previous.policies[p.Name], from.files, from.keySets)
		s.policies[p.Name] = compiled
		s.rules.Policies[p.Name] = handshake.Policy{Policy: p, Authenticator: compiled, Rules: rules}
	}
	return s
}

// allowTickets lets clients resume sessions where the configuration does.
func (s *snapshot) allowTickets(previous *snapshot, now time.Time) {
	for i := range s.config.Listeners {
		l := &s.config.Listeners[i]
		served := s.served[l.Name]
		if served == nil || l.ClientCertificates != nil || l.NoSessionTickets {
			continue
		}
		// Names of objects and listeners hold no slash.
		scope := strings.Join([]string{s.config.Gateway.Namespace, s.config.Gateway.Name, l.Name}, "/")
		s.tickets[l.Name] = listener.NewTickets(scope, served.Certificate.PrivateKey, previous.tickets[l.Name], now)
	}
}

// authorizations compiles the rules of the policies that have some, by the name
// of the policy. The operator has compiled them before: what fails here was
// written for another release, and its policy must not be served without it.
func (s *snapshot) authorizations() map[string]*policy.Authorization {
	found := map[string]*policy.Authorization{}
	var environment *policy.Environment
	for i := range s.config.Policies {
		p := &s.config.Policies[i]
		if p.Authorization == nil || p.Fault != "" {
			continue
		}
		var err error
		if environment == nil {
			environment, err = policy.NewEnvironment()
		}
		if err == nil {
			found[p.Name], err = authorization(environment, p.Authorization)
		}
		if err != nil {
			s.unusable = append(s.unusable, contract.ReportProblem{
				Policy: p.Name, Reason: contract.ProblemAuthorizationInvalid, Message: err.Error(),
			})
		}
	}
	return found
}

func authorization(environment *policy.Environment, c *contract.Authorization) (*policy.Authorization, error) {
	rules := make([]policy.Rule, 0, len(c.Rules))
	for _, rule := range c.Rules {
		rules = append(rules, policy.Rule{Name: rule.Name, Allow: rule.Action == contract.ActionAllow, When: rule.When})
	}
	compiled, problems := environment.Compile(rules)
	if len(problems) > 0 {
		return nil, fmt.Errorf("rule %q: %s: correct it, or wait until all pods have the release that knows it", problems[0].Rule, problems[0])
	}
	return compiled, nil
}

// askClients is what each listener asks of the certificates of its clients.
func (s *snapshot) askClients(now func() time.Time) map[string]handshake.ClientCertificates {
	asked := map[string]handshake.ClientCertificates{}
	for i := range s.config.Listeners {
		l := &s.config.Listeners[i]
		cas := s.clients[l.Name]
		if cas == nil {
			continue
		}
		asked[l.Name] = handshake.ClientCertificates{
			Required: l.ClientCertificates.Required, Complete: cas.Complete(),
			Verify: func(c *clientcert.Certificate) (time.Time, error) { return cas.Verify(c, now()) },
		}
	}
	return asked
}

// lastGood returns the pair that the listener serves. One of another Secret stays
// good until that of the new one is there: a Secret that is misspelt, or not
// mounted yet, must not end what works. A listener that has got other names
// altogether has no use for it.
func (s *snapshot) lastGood(l *contract.Listener) *certs.Served {
	served := s.served[l.Name]
	if served == nil || !served.Covers(l.Hostnames) {
		return nil
	}
	return served
}

func (s *snapshot) buildFronts(now func() time.Time) map[string]*listener.Front {
	terms := map[string][]listener.Terms{}
	for i := range s.config.Listeners {
		l := &s.config.Listeners[i]
		t := listener.Terms{Listener: l.Name, Hostnames: l.Hostnames, MinVersion: tls.VersionTLS12, Tickets: s.tickets[l.Name]}
		if l.MinTLSVersion == "1.3" {
			t.MinVersion = tls.VersionTLS13
		}
		if served := s.served[l.Name]; served != nil {
			t.Certificate = served.Certificate
		}
		if cas := s.clients[l.Name]; cas != nil {
			t.ClientCertificates = &listener.ClientCertificates{Required: l.ClientCertificates.Required, CAs: cas}
		}
		port := s.ports.of[l.Name]
		if s.trusts[port] == nil {
			s.trusts[port] = listener.NewTrust(l.ClientAddress)
		}
		terms[port] = append(terms[port], t)
	}
	fronts := make(map[string]*listener.Front, len(terms))
	for port, t := range terms {
		fronts[port] = listener.NewFront(t, now)
	}
	return fronts
}

// listenerOf is the listener that serves a host now at the port of another, which
// is the answer where there is none.
func (s *snapshot) listenerOf(name, host string) string {
	if front := s.fronts[s.ports.of[name]]; front != nil {
		if current, ok := front.ServedBy(host); ok {
			return current
		}
	}
	return name
}

// keeps tells whether this snapshot still has the place that a connection came
// in by. Only the place counts: a route that has a fault now is no reason to end
// what is open, and policies are looked at by the review. Nor is a new name of
// the route: another one that serves the path by the same policy is as good, unless
// it belongs to another namespace. There, the hostname has a new owner, in whose name
// the backend of the old one must not go on to speak.
func (s *snapshot) keeps(c *audit.Connection) bool {
	port, ok := s.ports.of[c.Listener]
	if !ok {
		return false
	}
	if _, served := s.fronts[port].ServedBy(c.Host); !served {
		return false
	}
	if s.rules.Routes.Covers(c.Route, c.Host, c.Path) {
		return true
	}
	other, ok := s.rules.Routes.Lookup(c.Host, c.Path)
	return ok && other.Policy == c.Policy && match.Namespace(other.Name) == match.Namespace(c.Route)
}
