// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Annotations of a WebSocketGateway by which somebody asks the operator for
// something once, or for a while. They are API: they do not change once released.
// A value that cannot be read asks for nothing, and Accepted says so.
const (
	// AnnotationRotateAt is a time (RFC 3339). When it has come, each certificate
	// of the gateway that an issuer made before it is issued anew, once;
	// status.lastHandledRotateAt then has the value. Nobody is disconnected.
	AnnotationRotateAt = "wsgateway.dev/rotate-at"

	// AnnotationRestart is a time (RFC 3339). When it has come, the pods are
	// replaced, once, as a change of a rolling field replaces them. Taking the
	// annotation away, or putting an earlier time into it, does nothing.
	AnnotationRestart = "wsgateway.dev/restart"

	// AnnotationPaused is "true" or "false". While it is "true" the operator
	// changes nothing that belongs to the gateway; the pods serve what they have,
	// and the status goes on telling what is so.
	AnnotationPaused = "wsgateway.dev/paused"

	// AnnotationHoldRollout is "true" or "false". While it is "true" the pods are
	// not replaced, neither by another release nor by a change of a rolling field;
	// everything else goes on.
	AnnotationHoldRollout = "wsgateway.dev/hold-rollout"
)
