// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
)

// Verdict says what a failure means to the message.
type Verdict int

// The verdicts.
const (
	// Away: the server was not reached, or asks to be left alone for a while, or
	// does not know us. The message has no part in it: it is good for another try
	// however often there was one.
	Away Verdict = iota
	// Unwell: the server has answered that it failed. The message may be the
	// reason, so that it must not be tried for ever.
	Unwell
	// Refused: the server will never take this message.
	Refused
)

// Failure is why a message was not taken.
type Failure struct { //nolint:errname // what it says is what became of a message
	Verdict Verdict
	// Wait is how long the server wants to be left alone; 0 where it says
	// nothing.
	Wait time.Duration

	cause string
}

// Error says the cause, and nothing that the server has written: it may repeat
// what it was sent.
func (f *Failure) Error() string { return f.cause }

// ofStatus judges an answer by HTTP. OTLP names 429, 502, 503 and 504 as worth
// another try. What says that we may not, or that there is nothing at this place,
// is a mistake in a configuration that somebody is about to correct.
func ofStatus(code int) *Failure {
	f := &Failure{Verdict: Unwell, cause: fmt.Sprintf("it answered %d %s", code, http.StatusText(code))}
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		http.StatusRequestTimeout, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired:
		f.Verdict = Away
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		f.Verdict = Refused
	}
	return f
}

// ofCode judges an answer by gRPC, in the same way.
func ofCode(code codes.Code) *Failure {
	f := &Failure{Verdict: Unwell, cause: "it answered " + code.String()}
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted,
		codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		f.Verdict = Away
	case codes.InvalidArgument:
		f.Verdict = Refused
	default:
	}
	return f
}

// unreached is a server that gave no answer.
func unreached(err error) *Failure {
	return &Failure{Verdict: Away, cause: "not reached: " + lasting(err)}
}

// lasting says of an error what is the same at the next try, since it becomes a
// condition of the gateway: no port of ours, no time of the moment.
func lasting(err error) string {
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		if lookup.IsNotFound {
			return "no such host"
		}
		return "the name server does not help"
	}
	if unverified, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](unverified); ok && invalid.Reason == x509.Expired {
			return "its certificate has expired or is not valid yet"
		}
		return unverified.Error()
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Err.Error()
	}
	return otherwise(err)
}

// otherwise is lasting for what is neither about names, nor certificates, nor
// told by the system.
func otherwise(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Err != nil && !operation.Timeout() {
		return operation.Err.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if errors.Is(err, errNowhere) {
		return errNowhere.Error()
	}
	return "the connection failed"
}

// refusedItems reads partial_success.rejected_* of an answer: field 1 of field 1
// in those of all signals. What cannot be read says nothing: the server has taken
// the message.
func refusedItems(answer []byte) int64 {
	partial, ok := field(answer)
	if !ok {
		return 0
	}
	inner, kind, size := protowire.ConsumeTag(partial)
	if size < 0 || inner != 1 || kind != protowire.VarintType {
		return 0
	}
	count, length := protowire.ConsumeVarint(partial[size:])
	if length < 0 {
		return 0
	}
	return max(int64(count), 0) //nolint:gosec // G115: a negative count is none
}

// field returns the bytes of field 1 of a message.
func field(message []byte) (value []byte, ok bool) {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil, false
		}
		if number == 1 && kind == protowire.BytesType {
			value, length := protowire.ConsumeBytes(message[size:])
			return value, length >= 0
		}
		length := protowire.ConsumeFieldValue(number, kind, message[size:])
		if length < 0 {
			return nil, false
		}
		message = message[size+length:]
	}
	return nil, false
}
