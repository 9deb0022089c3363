// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Change is what became of new content of a file of the configuration.
type Change struct {
	// File is its name, Digest that of its content; empty when the file has gone.
	File, Digest string
	// Refused says why the content is not in force; empty if it is.
	Refused string
	// Parts of what is in force now, and how many of them came, went and are
	// others than before.
	Parts, Added, Removed, Changed int
}

// Rotation is another certificate that a listener serves.
type Rotation struct {
	Listener string
	// Serial and PreviousSerial are in hexadecimal, PreviousSerial is empty for the
	// first certificate. SHA256 is that of the certificate, in hexadecimal.
	Serial, PreviousSerial, SHA256 string
	NotBefore, NotAfter            time.Time
}

// Applied records that the content of a file has come into force, or was refused.
func (l *Log) Applied(c *Change) { l.put(applied(c, l.options.Now())) }

// Rotated records which certificate a listener serves from now on.
func (l *Log) Rotated(r *Rotation) { l.put(rotated(r, l.options.Now())) }

// Revoked records that a revocation, by its name, has told so many connections to
// end.
func (l *Log) Revoked(name string, connections int64) {
	l.put(revoked(name, connections, l.options.Now()))
}

// Violated records that a peer of a connection broke a rule, for which the
// connection ends. Closed follows.
func (l *Log) Violated(c *Connection, closure *outcome.Closure) {
	l.put(violated(c, closure, l.privacy.Load(), l.options.Now()))
}

func applied(c *Change, at time.Time) *entry {
	f := newFields(EventApplied)
	f.text("file.name", c.File)
	f.text("file.hash.sha256", strings.TrimPrefix(c.Digest, "sha256:"))
	if c.Refused != "" {
		f.word("event.outcome", "failure")
		f.text("message", c.Refused)
		return f.entry(EventApplied, at, 1)
	}
	f.word("event.outcome", "success")
	f.signed("wsgateway.config.parts", int64(c.Parts))
	f.signed("wsgateway.config.added", int64(c.Added))
	f.signed("wsgateway.config.removed", int64(c.Removed))
	f.signed("wsgateway.config.changed", int64(c.Changed))
	return f.entry(EventApplied, at, 1)
}

func rotated(r *Rotation, at time.Time) *entry {
	f := newFields(EventRotated)
	f.text("wsgateway.listener", r.Listener)
	f.text("tls.server.x509.serial_number", strings.ToUpper(r.Serial))
	f.text("tls.server.hash.sha256", strings.ToUpper(r.SHA256))
	f.moment("tls.server.not_before", r.NotBefore)
	f.moment("tls.server.not_after", r.NotAfter)
	f.text("wsgateway.certificate.previous_serial_number", strings.ToUpper(r.PreviousSerial))
	return f.entry(EventRotated, at, 1)
}

func revoked(name string, connections int64, at time.Time) *entry {
	f := newFields(EventRevoked)
	f.text("wsgateway.revocation.name", name)
	f.signed("wsgateway.revocation.connections", connections)
	return f.entry(EventRevoked, at, 1)
}

func violated(c *Connection, closure *outcome.Closure, p *Privacy, at time.Time) *entry {
	f := private(EventViolation, p)
	f.word("event.reason", string(closure.Reason))
	f.connection(c)
	f.text("message", p.message(closure.Detail, c.Subject))
	f.word("wsgateway.close.initiator", string(closure.Initiator))
	return f.entry(EventViolation, at, 1)
}
