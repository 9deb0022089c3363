// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Connection is what is known of a connection from its 101 answer on. It does
// not change during the connection's life.
type Connection struct {
	// ID is unique among the connections of the pod's boot.
	ID       string
	Listener string
	Route    string
	Policy   string
	// Method, Issuer, Subject and KeyID are those of authn.Identity.
	Method  string
	Issuer  string
	Subject string
	KeyID   string
	// Certificate that the client showed in TLS, nil for none.
	Certificate *Certificate
	// ClientAddress is IP or IP:PORT.
	ClientAddress string
	// PeerAddress is where the TCP connection came from, IP:PORT, if that is
	// another: a load balancer or proxy.
	PeerAddress string
	// ServerName is the SNI of the TLS handshake.
	ServerName string
	Host       string
	// Path without the query.
	Path   string
	Origin string
	// Subprotocol that was chosen; never one that carries a credential.
	Subprotocol string
	TLSVersion  string
	Cipher      string
	Group       string
	Resumed     bool
	// WouldRefuse is the refusal that the policy, which is in dry run, keeps to
	// itself; empty for none. WouldRefuseDetail is its detail.
	WouldRefuse       outcome.Reason
	WouldRefuseDetail string
	// Backend is NAME:PORT of the Service, BackendAddress the IP:PORT that was
	// dialled.
	Backend, BackendAddress string
	OpenedAt                time.Time
	// TraceID is the trace of the handshake, in hexadecimal; empty where nobody
	// records one.
	TraceID string
}

// Traffic counts what a connection has relayed so far: messages, and bytes of
// payload as they are on the network.
type Traffic struct {
	MessagesFromClient uint64
	MessagesToClient   uint64
	BytesFromClient    uint64
	BytesToClient      uint64
}

// Attempt is what is known of a handshake that was refused; fields that were
// not reached are empty.
type Attempt struct {
	Listener string
	Route    string
	Policy   string
	// ClientAddress is IP or IP:PORT.
	ClientAddress string
	// PeerAddress is where the TCP connection came from, IP:PORT, if that is
	// another: a load balancer or proxy.
	PeerAddress string
	ServerName  string
	Host        string
	// Path without the query.
	Path   string
	Origin string
	// Certificate that the client showed in TLS. Where the refusal says that it is
	// bad, nobody has vouched for what it says of itself.
	Certificate *Certificate
	// Identity is who the caller has proved to be, for what was refused later; nil
	// where nothing was proved. What a caller only claims must never get here.
	Identity *Identity
	// TraceID is the trace of the handshake, in hexadecimal; empty where nobody
	// records one.
	TraceID string
}

// Identity is who somebody was found to be. The fields are those of
// authn.Identity.
type Identity struct {
	Method, Issuer, Subject, KeyID string
}

// Certificate is what records tell of a client certificate.
type Certificate struct {
	// Subject and Issuer are distinguished names, Serial is in lower-case
	// hexadecimal.
	Subject, Issuer, Serial string
}
