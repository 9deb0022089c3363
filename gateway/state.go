// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"math"
	"runtime/debug"
	"runtime/metrics"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// State tells what the server knows of itself.
func (c controls) State() *control.State {
	report, flow := c.report(), c.accounts.all()
	state := &control.State{
		Time: c.options.Now().UTC(), StartedAt: c.startedAt.UTC(), Version: c.options.Version, Pod: c.options.PodName,
		Report: report, Drain: c.drainState(), Process: process(),
		Traffic: control.Traffic{
			Connections: c.sessions.Len(), Handshakes: int(c.asking.Load()),
			BytesPerSecond: flow.bytes, MessagesPerSecond: flow.messages,
		},
		Audit: c.auditState(),
	}
	if err := c.checkReady(); err != nil {
		state.NotReady = err.Error()
	}
	current := c.current.Load()
	state.Problems = problemsOf(&report, current)
	state.Backends = c.backends()
	if current == nil {
		return state
	}
	state.Limits = limitsOf(&current.limits, report.MaxConnections)
	listeners, routes := c.census()
	state.Listeners = listenersOf(current, &report, listeners)
	state.Routes = routesOf(current, routes)
	state.Policies = policiesOf(current)
	return state
}

// auditState is how the audit log fares, all sinks together and each alone.
func (s *server) auditState() control.AuditState {
	var state control.AuditState
	for _, sink := range s.audit.Stats() {
		state.Queued += sink.Queued
		state.Written += sink.Written
		state.Lost += sink.Lost
		state.Sinks = append(state.Sinks, control.SinkState{Name: sink.Sink, Queued: sink.Queued, Written: sink.Written, Lost: sink.Lost})
	}
	return state
}

// census counts the open connections by listener and by route.
func (s *server) census() (listeners, routes map[string]int) {
	listeners, routes = map[string]int{}, map[string]int{}
	for _, one := range s.sessions.List() {
		c := one.Connection()
		listeners[c.Listener]++
		routes[c.Route]++
	}
	return listeners, routes
}

func limitsOf(l *contract.EffectiveLimits, most int32) control.Limits {
	return control.Limits{
		MaxConnections: most, MaxConnectionsPerIdentity: l.MaxConnectionsPerIdentity, MaxConnectionsPerAddress: l.MaxConnectionsPerAddress,
		HandshakesPerSecond: l.HandshakesPerSecond, HandshakesPerAddress: l.HandshakesPerSecondPerAddress,
		MaxFrameBytes: l.MaxFrameBytes, MaxFragments: l.MaxFragments, MessageTypes: string(l.MessageTypes),
		MessagesPerSecond: l.MessagesPerSecond, ControlFramesPerSecond: l.ControlFramesPerSecond, BytesPerSecond: l.BytesPerSecond,
		FrameTimeout:    contract.Duration(l.FrameTimeout),
		MaxMessageBytes: l.MaxMessageBytes, RequestHeaderBytes: l.RequestHeaderBytes,
		HandshakeTimeout: contract.Duration(l.HandshakeTimeout), IdleTimeout: contract.Duration(l.IdleTimeout),
		PingInterval: contract.Duration(l.PingInterval), PongTimeout: contract.Duration(l.PongTimeout),
		BackendPongTimeout: contract.Duration(l.BackendPongTimeout), WriteTimeout: contract.Duration(l.WriteTimeout),
		MaxConnectionAge: contract.Duration(l.MaxConnectionAge),
	}
}

// tightened are the limits of a route in force that are not those of its gateway.
func tightened(own *contract.RouteLimits, gateway *contract.EffectiveLimits) *control.RouteLimits {
	l := own.Within(*gateway)
	told := control.RouteLimits{
		MaxMessageBytes: unlessSame(l.MaxMessageBytes, gateway.MaxMessageBytes), MaxFrameBytes: unlessSame(l.MaxFrameBytes, gateway.MaxFrameBytes),
		MessageTypes:      string(unlessSame(l.MessageTypes, gateway.MessageTypes)),
		MessagesPerSecond: unlessSame(l.MessagesPerSecond, gateway.MessagesPerSecond), BytesPerSecond: unlessSame(l.BytesPerSecond, gateway.BytesPerSecond),
		IdleTimeout:      contract.Duration(unlessSame(l.IdleTimeout, gateway.IdleTimeout)),
		MaxConnectionAge: contract.Duration(unlessSame(l.MaxConnectionAge, gateway.MaxConnectionAge)),
	}
	if told == (control.RouteLimits{}) {
		return nil
	}
	return &told
}

// unlessSame is the zero value for what is the gateway's.
func unlessSame[T comparable](route, gateway T) T {
	if route == gateway {
		var absent T
		return absent
	}
	return route
}

func listenersOf(s *snapshot, report *contract.Report, open map[string]int) []control.Listener {
	list := make([]control.Listener, 0, len(s.config.Listeners))
	for i := range s.config.Listeners {
		l := &s.config.Listeners[i]
		told := control.Listener{
			Name: l.Name, Port: l.Port, Hostnames: l.Hostnames, MinTLSVersion: l.MinTLSVersion, Connections: open[l.Name],
		}
		if asked := l.ClientCertificates; asked != nil {
			told.ClientCertificates = "Optional"
			if asked.Required {
				told.ClientCertificates = "Require"
			}
		}
		for j := range report.Listeners {
			if served := &report.Listeners[j]; served.Name == l.Name {
				told.Address, told.Certificate = served.Address, served.Certificate
			}
		}
		list = append(list, told)
	}
	return list
}

func routesOf(s *snapshot, open map[string]int) []control.Route {
	list := make([]control.Route, 0, len(s.routes))
	for i := range s.routes {
		r := &s.routes[i]
		told := control.Route{
			Name: r.Name, Hostnames: r.Hostnames, PathPrefix: r.Path.Prefix, PathExact: r.Path.Exact, Policy: r.Policy,
			Fault: string(r.Fault), Connections: open[r.Name], Limits: tightened(r.Limits, &s.limits),
		}
		for j := range r.Backends {
			share := control.Share{Backend: r.Backends[j].Name, Weight: 1}
			if weight := r.Backends[j].Weight; weight != nil {
				share.Weight = *weight
			}
			told.Backends = append(told.Backends, share)
		}
		list = append(list, told)
	}
	return list
}

func policiesOf(s *snapshot) []control.Policy {
	list := make([]control.Policy, 0, len(s.config.Policies))
	for i := range s.config.Policies {
		// As it is served: rules that cannot be compiled make a fault.
		p := s.rules.Policies[s.config.Policies[i].Name].Policy
		told := control.Policy{Name: p.Name, DryRun: p.DryRun, Fault: string(p.Fault)}
		for j := range p.Methods {
			told.Methods = append(told.Methods, methodName(&p.Methods[j]))
		}
		if compiled := s.policies[p.Name]; compiled != nil {
			for _, set := range compiled.KeySets() {
				told.KeySets = append(told.KeySets, keySet(&set))
			}
		}
		list = append(list, told)
	}
	return list
}

// methodName is what the audit log calls a method.
func methodName(m *contract.Method) string {
	switch {
	case m.JWT != nil:
		return authn.MethodJWT
	case m.APIKey != nil:
		return authn.MethodAPIKey
	case m.Basic != nil:
		return authn.MethodBasic
	case m.ClientCertificate != nil:
		return authn.MethodClientCertificate
	case m.External != nil:
		return authn.MethodExternal
	default:
		return authn.MethodAnonymous
	}
}

func keySet(set *authn.KeySetState) control.KeySet {
	told := control.KeySet{Address: set.Address, Keys: set.Keys, Admits: set.Admits}
	if !set.Fetched.IsZero() {
		told.FetchedAt = new(set.Fetched.UTC())
	}
	if set.Failure != nil {
		told.Failure = set.Failure.Error()
	}
	return told
}

func (s *server) backends() []control.Backend {
	now := s.options.Now()
	var list []control.Backend
	for _, backend := range s.pool.State() {
		told := control.Backend{Name: backend.Name, Service: backend.Service}
		for _, endpoint := range backend.Endpoints {
			e := control.Endpoint{Address: endpoint.Address, Connections: endpoint.Open}
			if endpoint.AvoidedUntil.After(now) {
				e.AvoidedUntil = new(endpoint.AvoidedUntil.UTC())
			}
			told.Endpoints = append(told.Endpoints, e)
		}
		list = append(list, told)
	}
	return list
}

// process asks the runtime in a way that does not stop it.
func process() control.Process {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return samples[i].Value.Uint64()
	}
	told := control.Process{
		Goroutines: int(value(0)), HeapBytes: value(1), MemoryBytes: value(2) - value(3), //nolint:gosec // a small number
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		told.MemoryLimitBytes = limit
	}
	return told
}
