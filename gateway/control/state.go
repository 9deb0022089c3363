// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// State is what a pod knows of itself. It holds no credential; it names routes,
// policies, backends and their addresses.
type State struct {
	// Time is the pod's clock, StartedAt when the process began.
	Time      time.Time `json:"time"`
	StartedAt time.Time `json:"startedAt"`
	Version   string    `json:"version"`
	Pod       string    `json:"pod"`
	// Report is what the pod tells the operator.
	Report contract.Report `json:"report"`
	// NotReady says why the pod gets no new connections; empty if it does.
	NotReady string     `json:"notReady,omitempty"`
	Drain    Drain      `json:"drain"`
	Problems []Problem  `json:"problems,omitempty"`
	Limits   Limits     `json:"limits"`
	Traffic  Traffic    `json:"traffic"`
	Audit    AuditState `json:"audit"`
	Process  Process    `json:"process"`

	Listeners []Listener `json:"listeners,omitempty"`
	Routes    []Route    `json:"routes,omitempty"`
	Policies  []Policy   `json:"policies,omitempty"`
	Backends  []Backend  `json:"backends,omitempty"`
}

// Problem is something that is not served as configured, and what to do.
type Problem struct {
	// Kind and Name say where: listener, policy, backendTLS, route, file, audit (and
	// which part of spec.audit) or tracing.
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
	// Message says what is wrong, Remedy what to do about it.
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
	// Serving is true when the last good content stays in force.
	Serving bool `json:"serving,omitempty"`
}

// Traffic is what goes on now.
type Traffic struct {
	Connections int `json:"connections"`
	// Handshakes under way.
	Handshakes int `json:"handshakes"`
	// BytesPerSecond and MessagesPerSecond are those of both directions, over the
	// last few seconds that the pod has looked at.
	BytesPerSecond    uint64 `json:"bytesPerSecond"`
	MessagesPerSecond uint64 `json:"messagesPerSecond"`
}

// Limits in force. 0 means none.
type Limits struct {
	MaxConnections            int32 `json:"maxConnections"`
	MaxConnectionsPerIdentity int32 `json:"maxConnectionsPerIdentity,omitempty"`
	MaxConnectionsPerAddress  int32 `json:"maxConnectionsPerAddress,omitempty"`
	HandshakesPerSecond       int32 `json:"handshakesPerSecond,omitempty"`
	HandshakesPerAddress      int32 `json:"handshakesPerSecondPerAddress,omitempty"`
	MaxMessageBytes           int64 `json:"maxMessageBytes"`
	MaxFrameBytes             int64 `json:"maxFrameBytes,omitempty"`
	MaxFragments              int32 `json:"maxFragments"`
	// MessageTypes is empty where all may pass.
	MessageTypes           string            `json:"messageTypes,omitempty"`
	MessagesPerSecond      int32             `json:"messagesPerSecond,omitempty"`
	ControlFramesPerSecond int32             `json:"controlFramesPerSecond"`
	BytesPerSecond         int32             `json:"bytesPerSecond,omitempty"`
	FrameTimeout           contract.Duration `json:"frameTimeout"`
	RequestHeaderBytes     int32             `json:"requestHeaderBytes"`
	HandshakeTimeout       contract.Duration `json:"handshakeTimeout"`
	IdleTimeout            contract.Duration `json:"idleTimeout"`
	PingInterval           contract.Duration `json:"pingInterval"`
	PongTimeout            contract.Duration `json:"pongTimeout"`
	BackendPongTimeout     contract.Duration `json:"backendPongTimeout"`
	WriteTimeout           contract.Duration `json:"writeTimeout"`
	MaxConnectionAge       contract.Duration `json:"maxConnectionAge,omitempty"`
}

// AuditState is how the audit log fares.
type AuditState struct {
	// Queued records wait for a sink; Written and Lost count since the start. These
	// are the sums of all sinks: each gets every record.
	Queued  int    `json:"queued"`
	Written uint64 `json:"written"`
	Lost    uint64 `json:"lost"`
	// Sinks are those that there are, or were.
	Sinks []SinkState `json:"sinks,omitempty"`
}

// SinkState is how one sink of the audit log fares.
type SinkState struct {
	Name    string `json:"name"`
	Queued  int    `json:"queued"`
	Written uint64 `json:"written"`
	Lost    uint64 `json:"lost"`
}

// Process is what the program uses.
type Process struct {
	Goroutines int `json:"goroutines"`
	// HeapBytes are in use, MemoryBytes are held from the system.
	HeapBytes   uint64 `json:"heapBytes"`
	MemoryBytes uint64 `json:"memoryBytes"`
	// MemoryLimitBytes is what the runtime keeps below; 0 for no limit.
	MemoryLimitBytes int64 `json:"memoryLimitBytes,omitempty"`
}

// Listener and what it serves.
type Listener struct {
	Name          string   `json:"name"`
	Port          int32    `json:"port"`
	Hostnames     []string `json:"hostnames"`
	MinTLSVersion string   `json:"minTLSVersion"`
	// ClientCertificates is Require, Optional or empty.
	ClientCertificates string `json:"clientCertificates,omitempty"`
	// Address is the bound socket; empty when it could not be bound.
	Address string `json:"address,omitempty"`
	// Certificate that handshakes get now; nil when its names are refused.
	Certificate *contract.CertificateReport `json:"certificate,omitempty"`
	Connections int                         `json:"connections"`
}

// Route and what is open on it.
type Route struct {
	Name      string   `json:"name"`
	Hostnames []string `json:"hostnames"`
	// PathPrefix or PathExact.
	PathPrefix string `json:"pathPrefix,omitempty"`
	PathExact  string `json:"pathExact,omitempty"`
	Policy     string `json:"policy,omitempty"`
	// Fault is why it answers 503; empty when it does not.
	Fault       string  `json:"fault,omitempty"`
	Backends    []Share `json:"backends,omitempty"`
	Connections int     `json:"connections"`
	// Limits in force that are tighter than those of State.Limits, which are the rest;
	// nil where none is.
	Limits *RouteLimits `json:"limits,omitempty"`
}

// RouteLimits are limits of the connections of one route. What is absent is the
// gateway's.
type RouteLimits struct {
	MaxMessageBytes int64 `json:"maxMessageBytes,omitempty"`
	MaxFrameBytes   int64 `json:"maxFrameBytes,omitempty"`
	// MessageTypes is None where the gateway and the route have none in common.
	MessageTypes      string            `json:"messageTypes,omitempty"`
	MessagesPerSecond int32             `json:"messagesPerSecond,omitempty"`
	BytesPerSecond    int32             `json:"bytesPerSecond,omitempty"`
	IdleTimeout       contract.Duration `json:"idleTimeout,omitempty"`
	MaxConnectionAge  contract.Duration `json:"maxConnectionAge,omitempty"`
}

// Fields are the limits that are not absent, each with its name and value as the API
// writes them.
func (l *RouteLimits) Fields() []string {
	var list []string
	add := func(there bool, name string, value any) {
		if there {
			list = append(list, fmt.Sprintf("%s %v", name, value))
		}
	}
	add(l.MaxMessageBytes > 0, "maxMessageBytes", l.MaxMessageBytes)
	add(l.MaxFrameBytes > 0, "maxFrameBytes", l.MaxFrameBytes)
	add(l.MessageTypes != "", "messageTypes", l.MessageTypes)
	add(l.MessagesPerSecond > 0, "messagesPerSecond", l.MessagesPerSecond)
	add(l.BytesPerSecond > 0, "bytesPerSecond", l.BytesPerSecond)
	add(l.IdleTimeout > 0, "idleTimeout", time.Duration(l.IdleTimeout))
	add(l.MaxConnectionAge > 0, "maxConnectionAge", time.Duration(l.MaxConnectionAge))
	return list
}

// Share is a backend of a route and its weight among the others.
type Share struct {
	Backend string `json:"backend"`
	Weight  int32  `json:"weight"`
}

// Backend is a Service and its endpoints.
type Backend struct {
	Name string `json:"name"`
	// Service is the address that is dialled when each endpoint fails.
	Service   string     `json:"service,omitempty"`
	Endpoints []Endpoint `json:"endpoints,omitempty"`
}

// Endpoint is an address of a backend.
type Endpoint struct {
	Address     string `json:"address"`
	Connections int    `json:"connections"`
	// AvoidedUntil is set while it gets no newcomers because it has failed.
	AvoidedUntil *time.Time `json:"avoidedUntil,omitempty"`
}

// Policy and what it decides by.
type Policy struct {
	Name string `json:"name"`
	// Methods in their order: jwt, apiKey, basic, clientCertificate, external,
	// anonymous.
	Methods []string `json:"methods,omitempty"`
	DryRun  bool     `json:"dryRun,omitempty"`
	// Fault is why its routes answer 503; empty when they do not.
	Fault   string   `json:"fault,omitempty"`
	KeySets []KeySet `json:"keySets,omitempty"`
}

// KeySet is one that is fetched from an address.
type KeySet struct {
	// Address without anything in it that may be a credential.
	Address string `json:"address"`
	// FetchedAt is when the keys in force were fetched; nil when they never were.
	FetchedAt *time.Time `json:"fetchedAt,omitempty"`
	Keys      int        `json:"keys"`
	// Admits is false when there are no keys, or they are too old to be believed.
	Admits bool `json:"admits"`
	// Failure of the last attempt; empty for none.
	Failure string `json:"failure,omitempty"`
}
