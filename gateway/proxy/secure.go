// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// tlsTimeout is for a TLS handshake, beside that for dialling: an endpoint that
// accepts and then says nothing must leave time for another one.
const tlsTimeout = 3 * time.Second

// secure shakes hands by TLS. conn is closed after an error, which is a *tlsError.
func secure(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	secured := tls.Client(nowait.Wrap(conn), config) // so that a loop can take it over
	if err := secured.HandshakeContext(bounded); err != nil {
		_ = conn.Close()
		return nil, faultOf(err, config.ServerName)
	}
	return secured, nil
}

// tlsError is why there is no TLS with a backend. Its text has nothing that the
// backend could have written: what crypto/x509 says may quote names of a certificate.
type tlsError struct {
	reason outcome.Reason
	text   string
}

func (f *tlsError) Error() string { return f.text }

// malformed begins what crypto/tls says of a certificate that it cannot read. What
// follows may quote a name in it.
const malformed = "TLS failed: tls: failed to parse certificate"

func faultOf(err error, serverName string) *tlsError {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &tlsError{outcome.UpstreamCertificateInvalid, distrust(err, serverName)}
	}
	fault := &tlsError{reason: outcome.UpstreamTLSFailed, text: "TLS failed: " + cause(err)}
	_, noRecord := errors.AsType[tls.RecordHeaderError](err)
	alert, alerted := alertIn(err)
	switch {
	case alerted:
		fault.text = alert
	case strings.HasPrefix(fault.text, malformed):
		fault.text = "its certificate cannot be read: look at it with openssl"
	case noRecord:
		fault.text = "it does not speak TLS: remove tls from its reference, or name another port"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		fault.text = "it did not finish the TLS handshake in time"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		fault.text = "it hung up during the TLS handshake"
	}
	return fault
}

// distrust says what is wrong with a certificate.
func distrust(err error, serverName string) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("its certificate is not for %s: correct serverName of the profile, or the certificate", serverName)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is of none of the CAs that the profile trusts: correct caRefs"
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return "its certificate, or one above it, has expired or is not valid yet: renew it"
	case ok && invalid.Reason == x509.IncompatibleUsage:
		return "its certificate is not meant for servers"
	}
	return "its certificate, or one above it, breaks a rule of certificates: look at it with openssl"
}

// alertIn finds the alert that a peer has sent (RFC 8446 section 6), whose name is
// one of crypto/tls. In TLS 1.3 a client certificate is judged when the client is
// done: the alert comes in the place of the answer.
func alertIn(err error) (text string, ok bool) {
	operation, ok := errors.AsType[*net.OpError](err)
	if !ok || operation.Op != "remote error" || operation.Err == nil {
		return "", false
	}
	return fmt.Sprintf("it refused TLS, perhaps for the client certificate of the profile (%v)", operation.Err), true
}

// unanswered is the reason for a handshake that a backend did not answer properly.
func unanswered(err error) (outcome.Reason, error) {
	if text, ok := alertIn(err); ok {
		return outcome.UpstreamTLSFailed, &tlsError{outcome.UpstreamTLSFailed, text}
	}
	return outcome.UpstreamRefused, err
}

// unreached is the reason for a backend that could not be reached.
func unreached(err error) outcome.Reason {
	if fault, ok := errors.AsType[*tlsError](err); ok {
		return fault.reason
	}
	return outcome.UpstreamUnreachable
}
