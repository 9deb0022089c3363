// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

const (
	auditField = "spec.audit"
	sinkField  = auditField + ".sinks.otlp"

	bytesOfMiB = 1 << 20
)

// audit returns nil when everything has its default.
func (c *compiler) audit(spec *wsv1alpha1.Audit) *contract.Audit {
	if spec == nil {
		return nil
	}
	a := contract.Audit{
		ProgressInterval: duration(spec.ProgressInterval, contract.DefaultProgressInterval),
		SigningKey:       signingKey(spec),
		RefuseOverflow:   spec.OnOverflow == wsv1alpha1.AuditRefuseNewConnections,
	}
	c.sinks(&a, spec.Sinks)
	if privacy := spec.Privacy; privacy != nil {
		a.TruncateAddresses = privacy.Addresses == wsv1alpha1.AuditAddressesTruncated
		if privacy.Identities != nil {
			ref := &privacy.Identities.HashKeyRef
			a.HashKey = &contract.SecretKey{Secret: ref.Name, Key: keyOr(ref, contract.DefaultHashKeyKey)}
		}
	}
	if a == (contract.Audit{}) {
		return nil
	}
	return &a
}

func (c *compiler) sinks(a *contract.Audit, spec *wsv1alpha1.AuditSinks) {
	if spec == nil {
		return
	}
	if spec.File != nil {
		a.File = auditFile(spec.File)
	}
	if spec.OTLP != nil {
		a.OTLP = c.otlp(sinkField, spec.OTLP, c.lastSink())
	}
	a.WithoutStdout = spec.Stdout == wsv1alpha1.AuditStdoutDisabled
	if a.WithoutStdout && spec.File == nil && spec.OTLP == nil {
		c.invalid(auditField+".sinks.stdout", "stdout is Disabled and nothing else takes the records: add file or otlp")
	}
	// A collector that cannot be told of must not leave nobody to tell.
	a.WithoutStdout = a.WithoutStdout && (a.File != nil || a.OTLP != nil)
}

func auditFile(spec *wsv1alpha1.AuditFile) *contract.AuditFile {
	file := &contract.AuditFile{MaxFiles: unlessDefault(spec.MaxFiles, contract.DefaultAuditFiles)}
	if spec.MaxSizeMiB != nil {
		file.MaxBytes = unlessDefault(new(int64(*spec.MaxSizeMiB)*bytesOfMiB), contract.DefaultAuditFileBytes)
	}
	return file
}

// lastSink is the collector that is in force.
func (c *compiler) lastSink() *contract.OTLP {
	if c.previous == nil || c.previous.Audit == nil {
		return nil
	}
	return c.previous.Audit.OTLP
}
