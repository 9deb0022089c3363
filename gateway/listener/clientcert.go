// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

var errNoClientCAs = errors.New("no CA of clients is known")

// ask puts the terms into a configuration. Both ways verify what is shown: a
// certificate that nobody has checked must never be seen by anybody.
func (c *ClientCertificates) ask(config *tls.Config) {
	if c == nil {
		return
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
	if c.Required {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	config.ClientCAs = c.CAs.Pool()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		return clientcert.Inspect(state.PeerCertificates)
	}
}

// hopeless tells whether nobody at all can get in, so that nobody has to try.
func (c *ClientCertificates) hopeless() bool { return c != nil && c.Required && c.CAs.Empty() }

// ofClientCertificate tells whether we refused a handshake for the certificate of
// the client, or for the lack of one. crypto/tls has no type for most of these
// errors, only words; what the client has to say comes as a *net.OpError.
func ofClientCertificate(err error) bool {
	if _, remote := errors.AsType[*net.OpError](err); remote {
		return false
	}
	_, inspected := errors.AsType[*outcome.Refusal](err)
	return inspected || unverified(err) != nil || errors.Is(err, errNoClientCAs) ||
		noneShown(err) || strings.Contains(err.Error(), "client certificate") || strings.Contains(err.Error(), "client sent certificate")
}

func noneShown(err error) bool { return strings.Contains(err.Error(), "didn't provide a certificate") }

// unverified is the certificate that was refused, if it could be read.
func unverified(err error) *x509.Certificate {
	failed, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(failed.UnverifiedCertificates) == 0 {
		return nil
	}
	return failed.UnverifiedCertificates[0]
}

func (c *ClientCertificates) refusal(err error) *outcome.Refusal {
	failed, judged := errors.AsType[*tls.CertificateVerificationError](err)
	inspected, ok := errors.AsType[*outcome.Refusal](err)
	switch {
	case ok:
		return inspected
	case errors.Is(err, errNoClientCAs):
		return outcome.Refuse(outcome.ClientCAUnavailable, "none of the CAs of clients that the listener names is there")
	case judged:
		return c.CAs.Refuse(failed.Err)
	case noneShown(err):
		return outcome.Refuse(outcome.ClientCertificateRequired, "the client showed no certificate")
	}
	return outcome.Refuse(outcome.ClientCertificateInvalid,
		"the certificate cannot be read, has a key that is not supported, or the client has not proved to have the key")
}
