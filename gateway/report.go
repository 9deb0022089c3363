// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"cmp"
	"errors"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revalidation"
)

// checkReady says why newcomers should go elsewhere, nil if they may come.
func (s *server) checkReady() error {
	current := s.current.Load()
	switch {
	case s.stopping.Load():
		return errors.New("stopping")
	case s.retreat.underWay():
		return errors.New("draining, as an administrator has asked")
	case current == nil:
		return errors.New("no configuration in force yet")
	case len(current.config.Listeners) == 0:
		return errors.New("the configuration has no listener")
	}
	// One listener that serves is enough: those whose port or certificate is
	// missing must not take the connections of the others away.
	bound := s.sockets.Addresses()
	for i := range current.config.Listeners {
		name := current.config.Listeners[i].Name
		if current.served[name] != nil && bound[current.ports.of[name]] != "" {
			return nil
		}
	}
	if len(current.served) == 0 {
		return errors.New("no listener has a certificate yet")
	}
	return errors.New("no listener with a certificate has an open port")
}

// report tells what this process has seen and what it serves.
func (s *server) report() contract.Report {
	r := contract.Report{
		Version: contract.Version, Gateway: s.options.Gateway, PodUID: s.options.PodUID, BootID: s.bootID,
		Files: s.files.snapshot(), MaxConnections: s.slots.Max(), Problems: s.problems(),
		Ready: s.checkReady() == nil, Draining: s.stopping.Load() || s.retreat.underWay(), Connections: int64(s.sessions.Len()),
		DrainedUntil: s.drainState().Until, Revoked: s.lockouts.counts(),
	}
	current := s.current.Load()
	if current == nil {
		return r
	}
	if r.Gateway == (contract.GatewayRef{}) {
		r.Gateway = current.config.Gateway
	}
	for name, policy := range current.policies {
		if policy.Answered() {
			r.Answered = append(r.Answered, name)
		}
	}
	slices.Sort(r.Answered)
	bound := s.sockets.Addresses()
	for i := range current.config.Listeners {
		name := current.config.Listeners[i].Name
		listener := contract.ListenerReport{Name: name, Address: bound[current.ports.of[name]]}
		if served := current.served[name]; served != nil {
			leaf := served.Report
			listener.Certificate = &leaf
		}
		r.Listeners = append(r.Listeners, listener)
	}
	return r
}

// problems are those of certificates, policies and ports, sorted.
func (s *server) problems() []contract.ReportProblem {
	current := s.current.Load()
	if current == nil {
		return nil
	}
	problems := slices.Concat(current.problems, current.unusable, s.signing.problems(), s.auditing.report())
	for name, cas := range current.clients {
		problems = append(problems, cas.Problems(name, s.options.Now())...)
	}
	for _, policy := range current.policies {
		problems = append(problems, policy.Problems()...)
	}
	problems = append(problems, revalidation.Problems(&current.config, s.revalidations.Behind)...)
	s.mu.Lock()
	if s.untraced != nil {
		problems = append(problems, *s.untraced)
	}
	for name, port := range current.ports.of {
		if err := s.unbound[port]; err != nil {
			problems = append(problems, contract.ReportProblem{
				Listener: name, Reason: contract.ProblemPortUnavailable, Message: err.Error(),
			})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(problems, func(a, b contract.ReportProblem) int {
		return cmp.Or(cmp.Compare(a.Listener, b.Listener), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.BackendTLS, b.BackendTLS), cmp.Compare(a.Audit, b.Audit),
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Secret, b.Secret), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Message, b.Message))
	})
	return problems
}
