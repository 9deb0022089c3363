// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package status turns facts into what the user is told. The stages before it
// (resolve, compile, apply, observe) fill a Facts; Compute is the one pure
// function that makes conditions of it. It never talks to the API server.
package status

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Problem is something that the user must repair: data, not an error.
type Problem struct {
	// Field is the path of the field in the manifest, such as
	// spec.routes[chat].backendRefs[0].name: list items by their name where
	// they have one.
	Field string
	// Condition is the condition that the problem turns False:
	// ConditionAccepted or ConditionResolvedRefs.
	Condition string
	// Reason is one of the reasons of api/v1alpha1.
	Reason string
	// Message is a sentence that names the object and the next step.
	Message string
	// Blocking problems leave the last good configuration in force everywhere.
	// Others concern one route, policy or listener.
	Blocking bool
}

// Facts is everything that one pass has learned about one gateway.
type Facts struct {
	// Problems of the stages resolve, compile and apply, sorted by Field.
	Problems []Problem
	// WaitingForDeletion holds the names of objects that belong to a deleted
	// gateway of the same name and are still being removed.
	WaitingForDeletion []string
	// ConfigDigest of the config.json that every ready pod shall report.
	ConfigDigest string
	// AttachedRoutes counts the routes of each listener, by name.
	AttachedRoutes map[string]int32
	// Limits of the gateway, with what is the pods' to decide left open; nil when the
	// pass did not get so far.
	Limits *contract.EffectiveLimits
	// Overruled are limits of the gateway's own routes of which the gateway has tighter
	// ones, and those.
	Overruled []string
	// Since says when tolerated states began; see Since.Next.
	Since Since
	// Paused is true when the operator was asked to change nothing of the gateway,
	// RolloutsHeld when it was asked not to replace its pods.
	Paused, RolloutsHeld bool
	// Awaited are annotations whose time has not come, with that time.
	Awaited []string
	// HeldBack names, by kind and name, the objects that would have been written
	// if nobody had asked to wait.
	HeldBack []string
	// Superfluous names, in the same way, those that would have been removed.
	Superfluous []string
	// RotatedAt is the wish for new certificates that this pass has fulfilled;
	// empty if there was none.
	RotatedAt string
	// Rollout is a change of the pods that waits; nil if none does.
	Rollout *Rollout
	// Turn is true while the gateway is one of the few whose pods the release replaces
	// now, so that others may have to wait for it.
	Turn bool
	// Running is what observe saw; nil when the pass did not get so far, and
	// then what was known before stays.
	Running *Running
}

// Rollout is a change of the pods that waits.
type Rollout struct {
	// From is the image that the pods have, To the one that they will have. They
	// may be the same: something else of the pods differs then.
	From, To string
	// Held is true when an annotation of the gateway keeps it back; otherwise other
	// gateways are rolled first, at most AtOnce of them at a time.
	Held   bool
	AtOnce int
	// Asked is true when the spec asks for it, and not only the release.
	Asked bool
}

// Blocked tells whether a problem forbids writing new objects.
func (f *Facts) Blocked() bool {
	for i := range f.Problems {
		if f.Problems[i].Blocking {
			return true
		}
	}
	return false
}

// Running is what is really there.
type Running struct {
	// DesiredReplicas of the Deployment.
	DesiredReplicas int32
	// Pods of the gateway, sorted by name, terminating ones included.
	Pods []Pod
	// Certificates by the name of the listener, for listeners with an issuer.
	Certificates map[string]Certificate
	// RolloutPending is true while the Deployment's controller has not acted on
	// its newest template: until then the old pods look up to date.
	RolloutPending bool
	// RolloutMessage says why the Deployment makes no pods, where it says so
	// (quota, admission); empty otherwise.
	RolloutMessage string
	// Addresses of the Service, LoadBalancer ones as assigned, else the
	// cluster-internal address.
	Addresses []Address
}

// Address is one address of the Service.
type Address struct {
	Type  string
	Value string
}

// Pod is one gateway pod.
type Pod struct {
	Name        string
	Ready       bool
	Terminating bool
	// ReadyAt is when the pod became ready; zero when unknown.
	ReadyAt time.Time
	// UpToDate is true when the pod has the Deployment's current template.
	UpToDate bool
	// WaitingReason and WaitingMessage say why the container does not run
	// (ErrImagePull, CreateContainerConfigError, Unschedulable, ...).
	WaitingReason  string
	WaitingMessage string
	// Report is the pod's last answer; nil if it never gave one.
	Report *contract.Report
	// ReportedAt is when the pod last answered.
	ReportedAt time.Time
	// Silence is why the pod did not answer the last time it was asked; empty
	// when it did. It ends up in the status, so it should be the same for the
	// same cause.
	Silence string
}

// Certificate is what cert-manager says about one listener's certificate.
type Certificate struct {
	// Name of the Certificate object.
	Name string
	// Wanted is the leaf of the Certificate's current revision, taken from its
	// CertificateRequest; nil while there is none.
	Wanted *Leaf
	// WantedSince is when that leaf was issued (the Ready condition of the
	// CertificateRequest); zero when unknown. NotBefore will not do: many
	// issuers date it back.
	WantedSince time.Time
	// Issuing is true while cert-manager works on a new leaf.
	Issuing bool
	// FailedAt is when the last attempt failed; zero if it did not.
	FailedAt time.Time
	// FailureReason and FailureMessage are what cert-manager says of a failed
	// attempt; empty otherwise.
	FailureReason  string
	FailureMessage string
	// NextAttempt is when cert-manager tries again; zero when unknown.
	NextAttempt time.Time
	// Attempt is the request for the next leaf; nil if there is none.
	Attempt *Attempt
	// Issuer is who is to issue it.
	Issuer Issuer
}

// Issuer is a reference to an issuer, complete but for the namespace, which is that
// of the Certificate, if its kind has any.
type Issuer struct {
	Group, Kind, Name string
}

// Attempt is a CertificateRequest that has not been fulfilled.
type Attempt struct {
	// Name and UID of the CertificateRequest.
	Name string
	UID  types.UID
	// Since is when it was made.
	Since time.Time
	// Approved is false while nobody has approved or denied it.
	Approved bool
	// Failed is true when nothing will come of it.
	Failed bool
	// Pending is what its issuer says while it works on it; empty where it says
	// nothing.
	Pending string
	// Detail is what its Order and Challenges say, or else it itself and its issuer;
	// empty where nothing is said, or nobody was asked.
	Detail string
}

// Leaf identifies a certificate.
type Leaf struct {
	SHA256       string
	SerialNumber string
	NotBefore    time.Time
	NotAfter     time.Time
}
