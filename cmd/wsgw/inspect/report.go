// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// Report is a gateway as it stands. Its JSON form is API: nothing in it changes
// its name or meaning; fields may be added.
type Report struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Ready, Reason and Message are those of the condition Ready; Unknown before
	// the operator has seen the gateway.
	Ready   string `json:"ready"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Generation of the spec, and the one that the operator has seen.
	Generation         int64       `json:"generation"`
	ObservedGeneration int64       `json:"observedGeneration"`
	Conditions         []Condition `json:"conditions,omitempty"`
	Addresses          []string    `json:"addresses,omitempty"`
	ConfigDigest       string      `json:"configDigest,omitempty"`

	Listeners   []Listener   `json:"listeners,omitempty"`
	Pods        []Pod        `json:"pods,omitempty"`
	DesiredPods int32        `json:"desiredPods"`
	Routes      []Route      `json:"routes,omitempty"`
	Attached    []Attached   `json:"attached,omitempty"`
	Revocations []Revocation `json:"revocations,omitempty"`

	// Problems are what somebody should do something about, Warnings what one
	// should know.
	Problems []Problem `json:"problems,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	// Notes say what could not be looked at.
	Notes []string `json:"notes,omitempty"`
}

// Condition is one of the gateway's.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since"`
}

// Listener and its certificate.
type Listener struct {
	Name        string   `json:"name"`
	Port        int32    `json:"port"`
	Hostnames   []string `json:"hostnames"`
	TLSVersions []string `json:"tlsVersions,omitempty"`
	// Routes counts those that its hostnames lead to.
	Routes      int32       `json:"routes"`
	Certificate Certificate `json:"certificate"`
}

// Certificate of a listener: what is served, and where it comes from.
type Certificate struct {
	// Source is the issuer, such as ClusterIssuer/letsencrypt, or what somebody else
	// maintains, such as Certificate/shared or Secret/own.
	Source string `json:"source"`
	// Name of cert-manager's Certificate; empty where there is none.
	Name string `json:"name,omitempty"`
	// State is Ready, or cert-manager's reason why it is not.
	State   string `json:"state,omitempty"`
	Message string `json:"message,omitempty"`
	// RenewalTime is when cert-manager will renew.
	RenewalTime *time.Time `json:"renewalTime,omitempty"`
	// SerialNumber, SHA256 and NotAfter are of what ready pods serve; ServedBy is
	// how many of them.
	SerialNumber string     `json:"serialNumber,omitempty"`
	SHA256       string     `json:"sha256,omitempty"`
	NotAfter     *time.Time `json:"notAfter,omitempty"`
	ServedBy     int32      `json:"servedBy"`
	// Request is the latest attempt to get one.
	Request *Request `json:"request,omitempty"`
}

// Request is an attempt of cert-manager to get a certificate.
type Request struct {
	Name     string  `json:"name"`
	Revision string  `json:"revision,omitempty"`
	State    string  `json:"state"`
	Message  string  `json:"message,omitempty"`
	Orders   []Order `json:"orders,omitempty"`
}

// Order is what is asked of an ACME server.
type Order struct {
	Name       string      `json:"name"`
	State      string      `json:"state"`
	Message    string      `json:"message,omitempty"`
	Challenges []Challenge `json:"challenges,omitempty"`
}

// Challenge is a proof that an ACME server asks for.
type Challenge struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	DNSName string `json:"dnsName"`
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// Pod and what it serves.
type Pod struct {
	Name  string `json:"name"`
	Node  string `json:"node,omitempty"`
	IP    string `json:"ip,omitempty"`
	Image string `json:"image,omitempty"`
	Ready bool   `json:"ready"`
	// State is Ready, or what keeps the pod from it.
	State string `json:"state"`
	// Asked is true when the pod itself has answered; what follows is its answer.
	Asked bool `json:"asked"`
	// Config is "in force", "waiting" for a configuration that the pod has not
	// seen, or "refused" for one that it cannot use.
	Config         string `json:"config,omitempty"`
	ConfigDigest   string `json:"configDigest,omitempty"`
	ConfigError    string `json:"configError,omitempty"`
	Version        string `json:"version,omitempty"`
	Connections    int    `json:"connections"`
	MaxConnections int32  `json:"maxConnections,omitempty"`
	// Drain is none, announced, closing or done.
	Drain string `json:"drain,omitempty"`
	// DrainUntil is when a drain by hand is over by itself.
	DrainUntil   *time.Time `json:"drainUntil,omitempty"`
	AuditLost    uint64     `json:"auditLost,omitempty"`
	Certificates []Served   `json:"certificates,omitempty"`
}

// Served is what a pod serves for one listener.
type Served struct {
	Listener     string     `json:"listener"`
	SerialNumber string     `json:"serialNumber,omitempty"`
	SHA256       string     `json:"sha256,omitempty"`
	NotAfter     *time.Time `json:"notAfter,omitempty"`
	// Address is the bound socket; empty when it could not be bound.
	Address string `json:"address,omitempty"`
}

// Route and its backends.
type Route struct {
	Name      string   `json:"name"`
	Hostnames []string `json:"hostnames,omitempty"`
	// Path with a * behind it where everything below belongs to it.
	Path   string `json:"path"`
	Policy string `json:"policy,omitempty"`
	// Connections of the pods that answered; absent when none did.
	Connections *int `json:"connections,omitempty"`
	// Fault is why pods answer 503 on it.
	Fault string `json:"fault,omitempty"`
	// Limits of its connections that are tighter than the gateway's, at the first pod
	// that answered; absent when none is, or none did.
	Limits   *control.RouteLimits `json:"limits,omitempty"`
	Backends []Backend            `json:"backends"`
}

// Backend is a Service of a route.
type Backend struct {
	// Service is its name, or NAMESPACE/NAME where it is in another namespace than
	// the gateway.
	Service string `json:"service"`
	Port    int32  `json:"port"`
	Weight  int32  `json:"weight"`
	// Known is false when Services could not be read.
	Known bool `json:"known"`
	Found bool `json:"found"`
	// Ready endpoints of all.
	Ready     int      `json:"ready"`
	Endpoints []string `json:"endpoints,omitempty"`
	// Avoided endpoints have failed, and get no newcomers from some pod for now.
	Avoided []string `json:"avoided,omitempty"`
}

// Revocation that names the gateway.
type Revocation struct {
	Name   string      `json:"name"`
	Ready  string      `json:"ready"`
	Reason string      `json:"reason,omitempty"`
	Until  metav1.Time `json:"until"`
	Pods   string      `json:"pods,omitempty"`
	Closed int64       `json:"connectionsClosed"`
}

// Problem is something to do.
type Problem struct {
	// Where it was found, such as condition/ResolvedRefs or pod/NAME.
	Where   string `json:"where"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	// Remedy is what to do, or where to look.
	Remedy string `json:"remedy,omitempty"`
}

// New puts facts together.
func New(f *Facts) *Report {
	gw := f.Gateway
	r := &Report{
		Namespace: gw.Namespace, Name: gw.Name, Ready: "Unknown",
		Generation: gw.Generation, ObservedGeneration: gw.Status.ObservedGeneration,
		ConfigDigest: gw.Status.ConfigDigest, Warnings: gw.Status.Warnings, Notes: f.Notes,
	}
	for _, c := range gw.Status.Conditions {
		r.Conditions = append(r.Conditions, Condition{c.Type, string(c.Status), c.Reason, c.Message, c.LastTransitionTime.UTC()})
		if c.Type == wsv1alpha1.ConditionReady {
			r.Ready, r.Reason, r.Message = string(c.Status), c.Reason, c.Message
		}
	}
	for _, address := range gw.Status.Addresses {
		r.Addresses = append(r.Addresses, address.Value)
	}
	if gw.Status.Pods != nil {
		r.DesiredPods = gw.Status.Pods.Desired
	}
	for i := range gw.Spec.Listeners {
		r.Listeners = append(r.Listeners, f.listener(&gw.Spec.Listeners[i]))
	}
	for i := range f.Pods {
		r.Pods = append(r.Pods, f.pod(&f.Pods[i]))
	}
	for i := range gw.Spec.Routes {
		r.Routes = append(r.Routes, f.route(&gw.Spec.Routes[i]))
	}
	for i := range f.Attached {
		r.Attached = append(r.Attached, f.attachedRoute(&f.Attached[i]))
	}
	for i := range f.Revocations {
		r.Revocations = append(r.Revocations, revocation(&f.Revocations[i]))
	}
	r.Problems = f.problems(r)
	return r
}

func revocation(one *wsv1alpha1.WebSocketRevocation) Revocation {
	found := Revocation{
		Name: one.Name, Ready: "Unknown", Until: one.Spec.Until, Pods: one.Status.Pods, Closed: one.Status.ConnectionsClosed,
	}
	for _, c := range one.Status.Conditions {
		if c.Type == wsv1alpha1.ConditionReady {
			found.Ready, found.Reason = string(c.Status), c.Reason
		}
	}
	return found
}
