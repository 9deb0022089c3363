// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Audit says what each gateway pod records, and where the records go.
type Audit struct {
	// progressInterval is the time between two progress records of a live
	// connection. Default 5m, 10s to 24h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(h|m|s|ms)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10s') && duration(self) <= duration('24h')",message="audit.progressInterval must be between 10s and 24h"
	ProgressInterval *metav1.Duration `json:"progressInterval,omitempty"`

	// sinks are where the records go. Default: standard output.
	// +optional
	Sinks *AuditSinks `json:"sinks,omitempty"`

	// onOverflow says what happens when a sink cannot take records as fast as they
	// come, or fails. CountAndDrop, the default, counts those that find no place and
	// says so in the sink; RefuseNewConnections answers new handshakes with 503
	// until there is room again. Open connections never wait in either case.
	// +optional
	OnOverflow AuditOverflow `json:"onOverflow,omitempty"`

	// signing lets the checkpoints of the records prove that they are whole.
	// Default: they are not signed.
	// +optional
	Signing *AuditSigning `json:"signing,omitempty"`

	// privacy leaves things out of the records, in all sinks. It has no influence on
	// what the gateway decides.
	// +optional
	Privacy *AuditPrivacy `json:"privacy,omitempty"`
}

// AuditOverflow says what happens when a sink is too slow.
//
// +kubebuilder:validation:Enum=CountAndDrop;RefuseNewConnections
type AuditOverflow string

// What may happen when a sink is too slow.
const (
	AuditCountAndDrop         AuditOverflow = "CountAndDrop"
	AuditRefuseNewConnections AuditOverflow = "RefuseNewConnections"
)

// AuditSinks are where the records of a pod go. Each sink has a queue and a
// sequence of its own, so that what one loses is not missing in another.
//
// +kubebuilder:validation:XValidation:rule="!has(self.stdout) || self.stdout != 'Disabled' || has(self.file) || has(self.otlp)",message="stdout can only be Disabled where file or otlp takes the records"
type AuditSinks struct {
	// stdout is the standard output of the pods, where log collectors find it.
	// Default Enabled.
	// +optional
	Stdout AuditStdout `json:"stdout,omitempty"`

	// file is a file in each pod, on a volume that ends with the pod. Changing it
	// rolls the pods.
	// +optional
	File *AuditFile `json:"file,omitempty"`

	// otlp sends the records to an OpenTelemetry collector, as logs.
	// +optional
	OTLP *OTLP `json:"otlp,omitempty"`
}

// AuditStdout switches a sink.
//
// +kubebuilder:validation:Enum=Enabled;Disabled
type AuditStdout string

// The states of the sink stdout.
const (
	AuditStdoutEnabled  AuditStdout = "Enabled"
	AuditStdoutDisabled AuditStdout = "Disabled"
)

// AuditFile bounds the files of a pod.
type AuditFile struct {
	// maxSizeMiB is the size of one file in MiB; a full one is put aside. Default 64,
	// 1 to 4096.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	MaxSizeMiB *int32 `json:"maxSizeMiB,omitempty"`

	// maxFiles that are kept, with the one that is written; the oldest are removed.
	// Default 5, 2 to 100.
	// +optional
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=100
	MaxFiles *int32 `json:"maxFiles,omitempty"`
}

// AuditPrivacy says what records leave out.
type AuditPrivacy struct {
	// identities replaces who somebody is by a keyed hash that is the same in every
	// record.
	// +optional
	Identities *AuditIdentities `json:"identities,omitempty"`

	// addresses says how much of a client's address is told. Full is the default;
	// Truncated leaves the network, /24 of IPv4 and /48 of IPv6, without the port.
	// +optional
	Addresses AuditAddresses `json:"addresses,omitempty"`
}

// AuditIdentities says how identities are hashed.
type AuditIdentities struct {
	// hashKeyRef names the key of a Secret that holds the key of the hash
	// (HMAC-SHA-256, RFC 2104): 32 to 1024 bytes, used as they are. Default key:
	// hash.key.
	// +required
	HashKeyRef LocalKeyReference `json:"hashKeyRef"`
}

// AuditAddresses says how much of an address is told.
//
// +kubebuilder:validation:Enum=Full;Truncated
type AuditAddresses string

// How much of an address may be told.
const (
	AuditAddressesFull      AuditAddresses = "Full"
	AuditAddressesTruncated AuditAddresses = "Truncated"
)
