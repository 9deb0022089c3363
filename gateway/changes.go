// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// parts are what a file consists of, by name, to tell what another one changes.
type parts map[string][sha256.Size]byte

func (p parts) add(kind, name string, value any) {
	// What was decoded from JSON can be encoded.
	data, _ := json.Marshal(value)
	p[kind+"/"+name] = sha256.Sum256(data)
}

func partsOfConfig(c *contract.Config) parts {
	p := parts{}
	for i := range c.Listeners {
		p.add("listener", c.Listeners[i].Name, c.Listeners[i])
	}
	for i := range c.Policies {
		p.add("policy", c.Policies[i].Name, c.Policies[i])
	}
	for i := range c.BackendTLS {
		p.add("backendTLS", c.BackendTLS[i].Name, c.BackendTLS[i])
	}
	for i := range c.Routes {
		p.add("route", c.Routes[i].Name, c.Routes[i])
	}
	if c.Limits != nil {
		p.add("limits", "", c.Limits)
	}
	if c.Audit != nil {
		p.add("audit", "", c.Audit)
	}
	if c.KeepAdmitted {
		p.add("keepAdmitted", "", true)
	}
	return p
}

func partsOfEndpoints(e *contract.Endpoints) parts {
	p := parts{}
	for name, backend := range e.Backends {
		p.add("backend", name, backend)
	}
	return p
}

func partsOfRevocations(r *contract.Revocations) parts {
	p := parts{}
	for i := range r.Revocations {
		p.add("revocation", r.Revocations[i].ID(), r.Revocations[i])
	}
	return p
}

// changes remembers the parts of the files in force. The zero value is ready; its
// methods are safe for concurrent use.
type changes struct {
	mu      sync.Mutex
	inForce map[string]parts
}

// tell compares the parts of a file with those of the one in force before, whose
// place they take.
func (c *changes) tell(file, digest string, next parts) *audit.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	change := &audit.Change{File: file, Digest: digest, Parts: len(next)}
	before := c.inForce[file]
	for name, sum := range next {
		switch old, was := before[name]; {
		case !was:
			change.Added++
		case old != sum:
			change.Changed++
		}
	}
	for name := range before {
		if _, stays := next[name]; !stays {
			change.Removed++
		}
	}
	if c.inForce == nil {
		c.inForce = map[string]parts{}
	}
	c.inForce[file] = next
	return change
}

// rotation is a certificate that takes the place of another, which is nil for the
// first one.
func rotation(listener string, before, now *certs.Served) *audit.Rotation {
	r := &audit.Rotation{
		Listener: listener, Serial: now.Report.SerialNumber, SHA256: now.Report.SHA256,
		NotBefore: now.Report.NotBefore, NotAfter: now.Report.NotAfter,
	}
	if before != nil {
		r.PreviousSerial = before.Report.SerialNumber
	}
	return r
}
