// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import "time"

// Report is what a pod says of itself on AdminPort /report. It holds nothing
// secret.
type Report struct {
	Version int        `json:"version"`
	Gateway GatewayRef `json:"gateway"`
	// PodUID proves that the answer comes from the pod that was meant; empty
	// outside Kubernetes.
	PodUID string `json:"podUID,omitempty"`
	BootID string `json:"bootID"`
	// Files has an entry for each of the three files.
	Files     map[string]FileState `json:"files"`
	Listeners []ListenerReport     `json:"listeners,omitempty"`
	// Problems are the parts of the configuration that cannot be served as
	// they are, sorted.
	Problems []ReportProblem `json:"problems,omitempty"`
	// Answered are the policies, sorted, to which their authorization server has
	// given this process an answer that counts: whatever else goes wrong, the
	// configuration leads to a server.
	Answered []string `json:"answered,omitempty"`
	// MaxConnections is the limit in force.
	MaxConnections int32 `json:"maxConnections"`
	Ready          bool  `json:"ready"`
	Draining       bool  `json:"draining,omitempty"`
	// DrainedUntil is when a drain that an administrator has asked for is over, in
	// whole seconds; nil without one, and when the pod stops.
	DrainedUntil *time.Time `json:"drainedUntil,omitempty"`
	// Connections counts what is open now. It is left out of the ETag, so that
	// traffic alone changes no answer.
	Connections int64 `json:"connections"`
	// Revoked counts, by Revocation.ID, the connections that were told to end
	// because of each revocation in revocations.json as it was read last. It has
	// no entry where there were none, and begins anew with the process.
	Revoked map[string]int64 `json:"revoked,omitempty"`
}

// FileState says what became of one file.
type FileState struct {
	// Seen is the digest of the file as last read; empty when it is missing.
	Seen string `json:"seen,omitempty"`
	// InForce is the digest of the last file that could be used. Of
	// revocations.json that means that the connections that it matches were told
	// to end.
	InForce string `json:"inForce,omitempty"`
	// Error says why Seen is not in force.
	Error string `json:"error,omitempty"`
}

// ListenerReport says what one listener serves.
type ListenerReport struct {
	Name string `json:"name"`
	// Address is the bound socket; empty when it could not be bound.
	Address string `json:"address,omitempty"`
	// Certificate is the leaf that handshakes get now; absent when there is
	// none and the listener's names are refused.
	Certificate *CertificateReport `json:"certificate,omitempty"`
}

// CertificateReport describes a served leaf.
type CertificateReport struct {
	SerialNumber string    `json:"serialNumber"`
	SHA256       string    `json:"sha256"`
	NotBefore    time.Time `json:"notBefore"`
	NotAfter     time.Time `json:"notAfter"`
	DNSNames     []string  `json:"dnsNames,omitempty"`
}

// ProblemReason classifies a ReportProblem.
type ProblemReason string

// The problems that only a pod can see.
const (
	ProblemSecretNotFound    ProblemReason = "SecretNotFound"
	ProblemSecretKeyNotFound ProblemReason = "SecretKeyNotFound"
	ProblemSecretInvalid     ProblemReason = "SecretInvalid"
	ProblemKeySetUnavailable ProblemReason = "KeySetUnavailable"
	ProblemPortUnavailable   ProblemReason = "PortUnavailable"
	ProblemClientCAInvalid   ProblemReason = "ClientCAInvalid"
	// ProblemAuthorizationInvalid: the rules are for another release than the
	// pod's; the operator has compiled them.
	ProblemAuthorizationInvalid ProblemReason = "AuthorizationInvalid"
	// ProblemAuthorizationServerUnavailable: the server of a policy has answered
	// nothing for some time, or nothing that can be relied on.
	ProblemAuthorizationServerUnavailable ProblemReason = "AuthorizationServerUnavailable"
	// ProblemRevalidationBehind: there are more open connections than the server of
	// a policy can be asked about in the policy's interval.
	ProblemRevalidationBehind ProblemReason = "RevalidationBehind"
	// ProblemAuditSinkFailing: records are lost, or wait, because a sink does not
	// take them.
	ProblemAuditSinkFailing ProblemReason = "AuditSinkFailing"
)

// The parts of spec.audit that may have a problem.
const (
	AuditStdoutSink = "sinks.stdout"
	AuditFileSink   = "sinks.file"
	AuditOTLPSink   = "sinks.otlp"
	AuditIdentities = "privacy.identities"
	AuditSigning    = "signing"
)

// ReportProblem is one thing that the pod cannot serve as configured.
type ReportProblem struct {
	// Listener, Policy, Audit or Tracing says where; exactly one is set. Audit is the
	// part of spec.audit, one of the Audit constants; Tracing is true for the
	// collector of spec.tracing.
	Listener string        `json:"listener,omitempty"`
	Policy   string        `json:"policy,omitempty"`
	Audit    string        `json:"audit,omitempty"`
	Tracing  bool          `json:"tracing,omitempty"`
	Reason   ProblemReason `json:"reason"`
	// Secret and Key name the object, where there is one.
	Secret string `json:"secret,omitempty"`
	Key    string `json:"key,omitempty"`
	// Message says what is wrong, without any content of the Secret.
	Message string `json:"message"`
	// Serving is true when the last good content stays in force; of an
	// authorization server, when it has answered the policy before, so that its
	// absence is no fault of the configuration.
	Serving bool `json:"serving,omitempty"`
}
