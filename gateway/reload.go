// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/filewatch"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
)

// reload looks at the files and brings what changed into force. It runs in one
// goroutine.
func (s *server) reload(ctx context.Context) {
	tree, err := filewatch.ReadTree(ctx, s.options.Root)
	if err != nil {
		s.options.Logger.Error("files cannot be read, the last good ones stay in force", "error", err)
		return
	}
	s.loadEndpoints(tree)
	s.loadRevocations(tree)
	config, replaced := s.loadConfig(tree)
	if config == nil {
		return
	}
	// The tree holds revocations.json too: another one makes another snapshot.
	fingerprint := tree.Fingerprint()
	if replaced || fingerprint != s.lastTree || s.troubled() {
		s.lastTree = fingerprint
		s.swap(ctx, *config, tree, replaced)
	}
	s.bind(ctx)
	if replaced {
		s.inForce(contract.ConfigFile, partsOfConfig(config))
	}
	s.announce()
}

// loadConfig returns the configuration to be in force, nil if there never was
// one, and whether it is another than before.
func (s *server) loadConfig(tree *filewatch.Tree) (config *contract.Config, replaced bool) {
	var parsed contract.Config
	if s.load(tree, contract.ConfigFile, func(data []byte) (err error) {
		if parsed, err = contract.ParseConfig(data); err != nil {
			return err
		}
		want := s.options.Gateway
		if want != (contract.GatewayRef{}) && parsed.Gateway != want {
			return fmt.Errorf("%s: is for gateway %s/%s, this is %s/%s: check what is mounted",
				contract.ConfigFile, parsed.Gateway.Namespace, parsed.Gateway.Name, want.Namespace, want.Name)
		}
		return nil
	}) {
		return &parsed, true
	}
	if current := s.current.Load(); current != nil {
		return &current.config, false
	}
	return nil, false
}

func (s *server) loadEndpoints(tree *filewatch.Tree) {
	var parsed contract.Endpoints
	if s.load(tree, contract.EndpointsFile, func(data []byte) (err error) {
		parsed, err = contract.ParseEndpoints(data)
		return err
	}) {
		s.pool.SetEndpoints(parsed)
		s.authorizers.SetEndpoints(parsed)
		s.endpoints = parsed
		s.tracer.Load().Move(parsed)
		s.auditing.move(parsed)
		s.inForce(contract.EndpointsFile, partsOfEndpoints(&parsed))
	}
}

// load tells whether a file is new and can be brought into force.
func (s *server) load(tree *filewatch.Tree, name string, parse func([]byte) error) bool {
	data, exists := tree.Config(name)
	judged, err := s.files.look(name, data, exists, parse)
	if judged == refused {
		s.metrics.FileFailed(name)
		s.options.Logger.Error("file cannot be used, the last good one stays in force", "file", name, "error", err)
		change := &audit.Change{File: name, Refused: err.Error()}
		if exists {
			change.Digest = contract.Digest(data)
		}
		s.audit.Applied(change)
	}
	return judged == accepted
}

// inForce says that a file that was accepted is what counts from now on. Nobody
// must hear of it earlier: they would rely on rules that are not applied yet.
func (s *server) inForce(name string, parts parts) { s.tellInForce(name, s.files.enforce(name), parts) }

func (s *server) tellInForce(name, digest string, parts parts) {
	s.metrics.FileInForce(name, s.options.Now())
	s.audit.Applied(s.changes.tell(name, digest, parts))
	s.options.Logger.Info("file is in force", "file", name, "digest", digest)
}

// troubled tells whether a certificate could not be used: it may become valid,
// and the one in force may expire, without any file changing.
func (s *server) troubled() bool {
	current := s.current.Load()
	return current == nil || len(current.problems) > 0 || s.auditing.troubled()
}

// swap builds a snapshot beside the one in force and exchanges them.
func (s *server) swap(ctx context.Context, config contract.Config, tree *filewatch.Tree, replaced bool) {
	previous := s.current.Load()
	// First of all: whom the new rules let in, or keep out, is recorded where they
	// want it.
	s.auditing.apply(&config, tree)
	next := build(config, source{
		files: tree, keySets: s.keySets, lockout: s.lockout, now: s.options.Now, ports: s.options.portsOf, previous: previous,
	})
	s.exchange(previous, next, tree)
	s.slots.SetMax(limits.MaxConnections(next.limits.MaxConnections))

	inForce := make([]*authn.Policy, 0, len(next.policies))
	for _, policy := range next.policies {
		inForce = append(inForce, policy)
	}
	s.keySets.Keep(inForce...)
	s.authorizers.Keep(authorizersOf(&config)...)
	s.retrace(ctx, config.Tracing, tree)
	s.scheduleAll()
	s.measure(previous, next)
	s.tell(previous, next)
	if replaced {
		s.sweeper.sweep(ctx, s, next)
	}
}

// exchange puts a snapshot in the place of another. Whatever goes wrong behind
// that, those who are within are judged by the rules that newcomers meet.
func (s *server) exchange(previous, next *snapshot, tree *filewatch.Tree) {
	s.current.Store(next)
	defer s.review.want()
	var signingKey *contract.SecretKey
	if next.config.Audit != nil {
		signingKey = next.config.Audit.SigningKey
	}
	s.signing.apply(s.audit, signingKey, tree)
	s.lockouts.keep(next.lockout.list.IDs())
	if previous == nil || previous.lockout.digest != next.lockout.digest {
		s.lockOut(next)
	}
}

// measure brings the metrics in line with a new snapshot.
func (s *server) measure(previous, next *snapshot) {
	if previous == nil {
		previous = &snapshot{}
	}
	routes := make([]string, 0, len(next.config.Routes))
	for i := range next.config.Routes {
		routes = append(routes, next.config.Routes[i].Name)
	}
	listeners := make([]string, 0, len(next.config.Listeners))
	for i := range next.config.Listeners {
		name := next.config.Listeners[i].Name
		listeners = append(listeners, name)
		served, before := next.served[name], previous.served[name]
		switch {
		case served != nil && (before == nil || served.Report.SHA256 != before.Report.SHA256):
			s.metrics.CertificateServed(name, served.Report.SerialNumber, served.Report.NotAfter)
			s.audit.Rotated(rotation(name, before, served))
		case served == before && next.newFault(name, previous):
			s.metrics.CertificateFailed(name)
		}
	}
	s.metrics.Keep(routes, listeners)
}

// newFault tells whether a listener has a problem that it did not have before.
func (s *snapshot) newFault(listenerName string, previous *snapshot) bool {
	return slices.ContainsFunc(s.problems, func(p contract.ReportProblem) bool {
		return p.Listener == listenerName && !slices.Contains(previous.problems, p)
	})
}

// tell logs what is new in a snapshot.
func (s *server) tell(previous, next *snapshot) {
	for name, served := range next.served {
		if previous != nil && previous.served[name] == served {
			continue
		}
		if previous != nil && previous.served[name] != nil && previous.served[name].Report.SHA256 == served.Report.SHA256 {
			continue
		}
		s.options.Logger.Info("certificate is served", "listener", name,
			"serial_number", served.Report.SerialNumber, "not_after", served.Report.NotAfter)
	}
	for i := range next.problems {
		p := &next.problems[i]
		if previous != nil && slices.Contains(previous.problems, *p) {
			continue
		}
		where, name := "listener", p.Listener
		if p.BackendTLS != "" {
			where, name = "backend_tls", p.BackendTLS
		}
		s.options.Logger.Warn("certificate cannot be used", where, name, "reason", string(p.Reason), "problem", p.Message)
	}
	s.tellUnusable(previous, next)
}

// tellUnusable logs which rules are new and cannot be compiled.
func (s *server) tellUnusable(previous, next *snapshot) {
	for i := range next.unusable {
		p := &next.unusable[i]
		if previous == nil || !slices.Contains(previous.unusable, *p) {
			s.options.Logger.Error("rules cannot be compiled, their policy admits nobody", "policy", p.Policy, "problem", p.Message)
		}
	}
}

// bind opens and closes sockets as the snapshot in force wants it. What cannot
// be opened is tried again at each look at the files.
func (s *server) bind(ctx context.Context) {
	failed := s.sockets.Apply(ctx, s.current.Load().ports.addresses)
	s.mu.Lock()
	defer s.mu.Unlock()
	for port, err := range failed {
		if s.unbound[port] == nil {
			s.options.Logger.Error("socket cannot be opened", "port", port, "error", err)
		}
	}
	s.unbound = failed
}

// announce calls OnReady when all listeners accept for the first time.
func (s *server) announce() {
	if s.options.OnReady == nil {
		return
	}
	addresses, complete := s.addresses()
	if complete {
		s.ready.Do(func() { s.options.OnReady(addresses) })
	}
}

func (s *server) addresses() (addresses map[string]string, complete bool) {
	current := s.current.Load()
	bound := s.sockets.Addresses()
	addresses = map[string]string{}
	complete = true
	for name, port := range current.ports.of {
		address, ok := bound[port]
		if ok {
			addresses[name] = address
		}
		complete = complete && ok
	}
	maps.Copy(addresses, s.extra)
	return addresses, complete
}
