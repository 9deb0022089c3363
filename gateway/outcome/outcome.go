// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package outcome is the one table of how a connection can end: refusals
// before the 101 answer and closures after it. HTTP status, close code, audit
// reason and metric label all come from here; nothing else in the gateway may
// invent one. Standard library only; every part of the gateway may import it.
package outcome

import (
	"fmt"
	"net/http"
	"time"
)

// Reason names one way to end. It is the audit record's reason and the metric
// label, and does not change once released.
type Reason string

// Refusal ends a handshake before the 101 answer.
type Refusal struct {
	// Reason is a key of the table of refusals.
	Reason Reason
	// Detail goes to the audit record, never to the client. It must not hold a
	// credential.
	Detail string
	// Challenges of an answer that has some: values of WWW-Authenticate. None
	// means Bearer.
	Challenges []string
	// Wait is how long the client should stay away where the answer says so; 0
	// leaves that to whoever writes the answer.
	Wait time.Duration
	// Silent is true when nobody can be told, because there is no TLS yet.
	Silent bool
}

// Error makes a Refusal an error, so that steps can return it.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return string(r.Reason)
	}
	return fmt.Sprintf("%s: %s", r.Reason, r.Detail)
}

// Refuse returns a Refusal whose detail is formatted as by fmt.Sprintf.
func Refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// RefuseSilently is Refuse before there is a way to answer.
func RefuseSilently(reason Reason, format string, args ...any) *Refusal {
	refusal := Refuse(reason, format, args...)
	refusal.Silent = true
	return refusal
}

// The refusals.
const (
	TooManyConnections Reason = "too_many_connections"
	TooManyOfAddress   Reason = "too_many_connections_of_address"
	TooManyOfIdentity  Reason = "too_many_connections_of_identity"
	UntrustedProxy     Reason = "untrusted_proxy"
	BadProxyHeader     Reason = "proxy_protocol_invalid"
	RateOfAddress      Reason = "handshake_rate_of_address"
	RateOfPod          Reason = "handshake_rate"
	TooManyFailures    Reason = "too_many_failures"
	HandshakeBacklog   Reason = "handshake_backlog"
	HandshakeTimeout   Reason = "handshake_timeout"
	TLSHandshakeFailed Reason = "tls_handshake_failed"
	UnknownServerName  Reason = "unknown_server_name"
	NoCertificate      Reason = "no_certificate"

	ClientCertificateRequired Reason = "client_certificate_required"
	ClientCertificateInvalid  Reason = "client_certificate_invalid"
	ClientCAUnavailable       Reason = "client_ca_unavailable"

	BadRequest          Reason = "bad_request"
	HeaderTooLarge      Reason = "header_too_large"
	Draining            Reason = "draining"
	AuditUnavailable    Reason = "audit_unavailable"
	NotWebSocket        Reason = "not_websocket"
	MethodNotAllowed    Reason = "method_not_allowed"
	UnsupportedVersion  Reason = "unsupported_version"
	Misdirected         Reason = "misdirected"
	AddressRevoked      Reason = "address_revoked"
	NoRoute             Reason = "no_route"
	RouteUnavailable    Reason = "route_unavailable"
	PolicyUnavailable   Reason = "policy_unavailable"
	AddressNotAllowed   Reason = "address_not_allowed"
	OriginNotAllowed    Reason = "origin_not_allowed"
	NoCredential        Reason = "no_credential"
	BadCredential       Reason = "bad_credential"
	AuthUnavailable     Reason = "auth_unavailable"
	IdentityRevoked     Reason = "identity_revoked"
	AccessDenied        Reason = "access_denied"
	SubprotocolMismatch Reason = "subprotocol_not_allowed"
	UpstreamUnreachable Reason = "upstream_unreachable"
	UpstreamRefused     Reason = "upstream_refused"
	UpstreamTimeout     Reason = "upstream_timeout"

	UpstreamCertificateInvalid Reason = "upstream_certificate_invalid"
	UpstreamTLSFailed          Reason = "upstream_tls_failed"

	ClientGone    Reason = "client_gone"
	InternalError Reason = "internal_error"
)

// Answer is what a refused client is told.
type Answer struct {
	// Status is the HTTP status; 0 where there is no HTTP answer to give,
	// because there is no TLS to give it through or the client has gone.
	Status int
	// Text is the whole body.
	Text string
	// Challenge adds WWW-Authenticate: Bearer (RFC 9110 section 11.6.1).
	Challenge bool
	// RetryAfter adds a Retry-After header.
	RetryAfter bool
}

// refusals is the table, in parts. Functions, not variables, so that
// nobody can change it.
func refusals(reason Reason) (Answer, bool) {
	for _, part := range []func(Reason) (Answer, bool){handshakeRefusals, limitRefusals, accessRefusals, authorizationRefusals, upstreamRefusals} {
		if answer, ok := part(reason); ok {
			return answer, true
		}
	}
	return Answer{}, false
}

func handshakeRefusals(reason Reason) (Answer, bool) {
	switch reason {
	case TooManyConnections, UntrustedProxy, BadProxyHeader, HandshakeBacklog, TLSHandshakeFailed, UnknownServerName, NoCertificate, ClientGone,
		ClientCertificateRequired, ClientCertificateInvalid, ClientCAUnavailable:
		return Answer{}, true
	case HandshakeTimeout:
		return Answer{Status: http.StatusRequestTimeout, Text: "handshake took too long"}, true
	case BadRequest:
		return Answer{Status: http.StatusBadRequest, Text: "malformed request"}, true
	case HeaderTooLarge:
		return Answer{Status: http.StatusRequestHeaderFieldsTooLarge, Text: "request too large"}, true
	case Draining:
		return Answer{Status: http.StatusServiceUnavailable, Text: "restarting", RetryAfter: true}, true
	case NotWebSocket:
		return Answer{Status: http.StatusUpgradeRequired, Text: "WebSocket handshake required"}, true
	case MethodNotAllowed:
		return Answer{Status: http.StatusMethodNotAllowed, Text: "method not allowed"}, true
	case UnsupportedVersion:
		return Answer{Status: http.StatusUpgradeRequired, Text: "WebSocket version 13 required"}, true
	default:
		return Answer{}, false
	}
}

func limitRefusals(reason Reason) (Answer, bool) {
	switch reason {
	case TooManyOfAddress, TooManyOfIdentity:
		return Answer{Status: http.StatusTooManyRequests, Text: "too many connections", RetryAfter: true}, true
	case RateOfAddress:
		return Answer{Status: http.StatusTooManyRequests, Text: "too many handshakes", RetryAfter: true}, true
	case TooManyFailures:
		return Answer{Status: http.StatusTooManyRequests, Text: "too many failed attempts", RetryAfter: true}, true
	case RateOfPod, AuditUnavailable:
		return Answer{Status: http.StatusServiceUnavailable, Text: "too busy", RetryAfter: true}, true
	default:
		return Answer{}, false
	}
}

func accessRefusals(reason Reason) (Answer, bool) {
	switch reason {
	case Misdirected:
		return Answer{Status: http.StatusMisdirectedRequest, Text: "host is not served here"}, true
	case NoRoute:
		return Answer{Status: http.StatusNotFound, Text: "no route"}, true
	case RouteUnavailable, PolicyUnavailable:
		return Answer{Status: http.StatusServiceUnavailable, Text: "route not available"}, true
	case AddressRevoked:
		return Answer{Status: http.StatusForbidden, Text: "not allowed"}, true
	case OriginNotAllowed:
		return Answer{Status: http.StatusForbidden, Text: "origin not allowed"}, true
	case NoCredential:
		return Answer{Status: http.StatusUnauthorized, Text: "authentication required", Challenge: true}, true
	case BadCredential, IdentityRevoked:
		// Whoever holds a stolen credential shall not learn that it was good.
		return Answer{Status: http.StatusUnauthorized, Text: "authentication failed", Challenge: true}, true
	case AuthUnavailable:
		return Answer{Status: http.StatusServiceUnavailable, Text: "authentication not available", RetryAfter: true}, true
	case SubprotocolMismatch:
		return Answer{Status: http.StatusBadRequest, Text: "no acceptable subprotocol"}, true
	default:
		return Answer{}, false
	}
}

// authorizationRefusals are those of callers about whom all else is in order.
func authorizationRefusals(reason Reason) (Answer, bool) {
	switch reason {
	case AddressNotAllowed:
		return Answer{Status: http.StatusForbidden, Text: "address not allowed"}, true
	case AccessDenied:
		return Answer{Status: http.StatusForbidden, Text: "access denied"}, true
	default:
		return Answer{}, false
	}
}

func upstreamRefusals(reason Reason) (Answer, bool) {
	switch reason {
	case UpstreamUnreachable:
		return Answer{Status: http.StatusBadGateway, Text: "backend not reachable", RetryAfter: true}, true
	case UpstreamCertificateInvalid, UpstreamTLSFailed:
		return Answer{Status: http.StatusBadGateway, Text: "backend not reachable", RetryAfter: true}, true
	case UpstreamRefused:
		return Answer{Status: http.StatusBadGateway, Text: "backend refused the handshake"}, true
	case UpstreamTimeout:
		return Answer{Status: http.StatusGatewayTimeout, Text: "backend did not answer", RetryAfter: true}, true
	case InternalError:
		return Answer{Status: http.StatusInternalServerError, Text: "internal error"}, true
	default:
		return Answer{}, false
	}
}

// Refusals lists every reason for a refusal, in the order of the handshake.
func Refusals() []Reason {
	return []Reason{
		TooManyConnections, UntrustedProxy, BadProxyHeader, RateOfAddress, TooManyOfAddress, HandshakeBacklog, TLSHandshakeFailed, UnknownServerName, NoCertificate,
		ClientCertificateRequired, ClientCertificateInvalid, ClientCAUnavailable,
		HandshakeTimeout, HeaderTooLarge, BadRequest, Draining, AuditUnavailable, RateOfPod,
		MethodNotAllowed, NotWebSocket, UnsupportedVersion, Misdirected, AddressRevoked, NoRoute, RouteUnavailable,
		PolicyUnavailable, AddressNotAllowed, OriginNotAllowed, TooManyFailures, NoCredential, BadCredential, AuthUnavailable, IdentityRevoked,
		AccessDenied, TooManyOfIdentity, SubprotocolMismatch, UpstreamUnreachable, UpstreamCertificateInvalid, UpstreamTLSFailed, UpstreamRefused, UpstreamTimeout,
		ClientGone, InternalError,
	}
}

// OfPolicy lists the refusals by which a policy decides about a caller, which a
// policy in dry run keeps to itself. That nobody can decide (PolicyUnavailable) is
// not among them, nor is what listeners, routes and limits refuse.
func OfPolicy() []Reason {
	return []Reason{AddressNotAllowed, OriginNotAllowed, NoCredential, BadCredential, AuthUnavailable, AccessDenied}
}

// OurFault tells whether somebody else than the caller has to act: whoever runs
// the gateway or the backend.
func (r *Refusal) OurFault() bool { return r.Answer().Status >= http.StatusInternalServerError }

// Answer returns what the client is told. A reason that is not in the table is
// a bug of ours and answers 500.
func (r *Refusal) Answer() Answer {
	if r.Silent {
		return Answer{}
	}
	answer, ok := refusals(r.Reason)
	if !ok {
		answer, _ = refusals(InternalError)
	}
	return answer
}
