// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/tls"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/backendtls"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// secureBackends makes the profiles of TLS to backends, and the routes as they can
// be served with them.
func (s *snapshot) secureBackends(from source, previous *snapshot) {
	names := map[string][]string{}
	for i := range s.config.Routes {
		for _, backend := range s.config.Routes[i].Backends {
			if !slices.Contains(names[backend.TLS], backend.ServerName) {
				names[backend.TLS] = append(names[backend.TLS], backend.ServerName)
			}
		}
	}
	s.profiles = make(map[string]*backendtls.Profile, len(s.config.BackendTLS))
	for i := range s.config.BackendTLS {
		c := &s.config.BackendTLS[i]
		profile, problem := backendtls.New(c, backendtls.Options{
			ServerNames: names[c.Name], Previous: previous.profiles[c.Name], Files: from.files, Now: from.now,
		})
		s.profiles[c.Name] = profile
		if problem != nil {
			s.problems = append(s.problems, *problem)
		}
	}
	s.routes = s.servable()
}

// backendTLS is how TLS is spoken to a backend; nil where nothing can be sent.
func (s *snapshot) backendTLS(profile, serverName string) *tls.Config {
	return s.profiles[profile].Config(serverName)
}

// servable leaves out the backends whose profile cannot be used. A route of which
// none remains answers 503: callers must not be sent to a backend that gets
// nothing, nor learn of it only when they were admitted.
func (s *snapshot) servable() []contract.Route {
	if len(s.config.BackendTLS) == 0 {
		return s.config.Routes
	}
	routes := slices.Clone(s.config.Routes)
	for i := range routes {
		route := &routes[i]
		usable := slices.DeleteFunc(slices.Clone(route.Backends), func(b contract.Backend) bool {
			return b.TLS != "" && !s.profiles[b.TLS].Usable()
		})
		if len(usable) == len(route.Backends) {
			continue
		}
		route.Backends = usable
		if route.Fault == "" && !slices.ContainsFunc(usable, getsConnections) {
			route.Fault = contract.FaultBackendTLSUnavailable
		}
	}
	return routes
}

func getsConnections(b contract.Backend) bool { return b.Weight == nil || *b.Weight > 0 }
