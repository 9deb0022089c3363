// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package outcome

import "fmt"

// Initiator says who began to end a connection.
type Initiator string

// The initiators.
const (
	ByClient   Initiator = "client"
	ByUpstream Initiator = "upstream"
	ByGateway  Initiator = "gateway"
)

// The closures.
const (
	ClientClosed      Reason = "client_closed"
	ClientLost        Reason = "client_lost"
	UpstreamClosed    Reason = "upstream_closed"
	UpstreamLost      Reason = "upstream_lost"
	IdleTimeout       Reason = "idle_timeout"
	PongTimeout       Reason = "pong_timeout"
	SlowReader        Reason = "slow_reader"
	MaxAge            Reason = "max_age"
	MessageTooBig     Reason = "message_too_big"
	TooManyFragments  Reason = "too_many_fragments"
	UnwantedType      Reason = "message_type"
	MessageRate       Reason = "message_rate"
	ControlRate       Reason = "control_frame_rate"
	FrameTimeout      Reason = "frame_timeout"
	ProtocolError     Reason = "protocol_error"
	InvalidUTF8       Reason = "invalid_utf8"
	RouteRemoved      Reason = "route_removed"
	CredentialExpired Reason = "credential_expired"
	CredentialRevoked Reason = "credential_revoked"
	AccessRevoked     Reason = "access_revoked"
	DrainingClosure   Reason = "draining"
	ByAdministrator   Reason = "closed_by_administrator"
	Shutdown          Reason = "shutdown"
	RelayFailed       Reason = "relay_failed"
)

// Close codes of RFC 6455 section 7.4.1 and the registry that its section 11.7
// opened.
const (
	CodeNormal          = 1000
	CodeGoingAway       = 1001
	CodeProtocolError   = 1002
	CodeUnsupported     = 1003
	CodeNoStatus        = 1005
	CodeAbnormal        = 1006
	CodeInvalidPayload  = 1007
	CodePolicyViolation = 1008
	CodeTooBig          = 1009
	CodeInternalError   = 1011
	CodeServiceRestart  = 1012
	CodeUnauthorized    = 3000
	CodeForbidden       = 3003
)

// Closure ends a connection after the 101 answer.
type Closure struct {
	// Reason is a key of the table of closures.
	Reason Reason
	// Code is the close code: the peer's where a peer closed, else the table's.
	Code int
	// Initiator began to close.
	Initiator Initiator
	// Detail goes to the audit record.
	Detail string
}

// Error makes a Closure an error, so that a relay can return it.
func (c *Closure) Error() string {
	if c.Detail == "" {
		return fmt.Sprintf("%s (%d)", c.Reason, c.Code)
	}
	return fmt.Sprintf("%s (%d): %s", c.Reason, c.Code, c.Detail)
}

// Closed returns the closure that a peer asked for with its own code. Code
// CodeNoStatus stands for a Close frame without one.
func Closed(by Initiator, code int) *Closure {
	reason := ClientClosed
	if by == ByUpstream {
		reason = UpstreamClosed
	}
	return &Closure{Reason: reason, Code: code, Initiator: by}
}

// Close returns the closure for a reason of the table. by is the party at
// fault: ByGateway for planned ends.
func Close(reason Reason, by Initiator, detail string) *Closure {
	code, ok := closeCode(reason)
	if !ok {
		code = CodeInternalError
	}
	return &Closure{Reason: reason, Code: code, Initiator: by, Detail: detail}
}

// closeCode is the table: the code that the other side is told. For
// ClientClosed and UpstreamClosed it is the code used when the peer gave none.
func closeCode(reason Reason) (int, bool) {
	switch reason {
	case ClientClosed, UpstreamClosed:
		return CodeNormal, true
	case ClientLost, PongTimeout, SlowReader:
		return CodeAbnormal, true
	case UpstreamLost, RelayFailed:
		return CodeInternalError, true
	case IdleTimeout, MaxAge, RouteRemoved, Shutdown, ByAdministrator:
		return CodeGoingAway, true
	case CredentialExpired, CredentialRevoked:
		return CodeUnauthorized, true
	case AccessRevoked:
		return CodeForbidden, true
	case DrainingClosure:
		return CodeServiceRestart, true
	default:
		return violationCode(reason)
	}
}

// violationCode is the part of the table for rules that a peer has broken.
func violationCode(reason Reason) (int, bool) {
	switch reason {
	case MessageTooBig:
		return CodeTooBig, true
	case TooManyFragments, MessageRate, ControlRate, FrameTimeout:
		return CodePolicyViolation, true
	case UnwantedType:
		return CodeUnsupported, true
	case ProtocolError:
		return CodeProtocolError, true
	case InvalidUTF8:
		return CodeInvalidPayload, true
	default:
		return 0, false
	}
}

// Violation tells whether a peer broke a rule of the relay, for which it ends.
func (c *Closure) Violation() bool {
	_, ok := violationCode(c.Reason)
	return ok && c.Initiator != ByGateway
}

// Closures lists every reason for a closure.
func Closures() []Reason {
	return []Reason{
		ClientClosed, ClientLost, UpstreamClosed, UpstreamLost, IdleTimeout, PongTimeout, SlowReader, MaxAge, MessageTooBig,
		TooManyFragments, UnwantedType, MessageRate, ControlRate, FrameTimeout,
		ProtocolError, InvalidUTF8, RouteRemoved, CredentialExpired, CredentialRevoked, AccessRevoked, DrainingClosure, ByAdministrator, Shutdown,
		RelayFailed,
	}
}
