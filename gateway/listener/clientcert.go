// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

var errNoClientCAs = errors.New("no CA of clients is known")

// ask puts the terms into a configuration. What is shown is always verified: a
// certificate that nobody has checked must never be seen by anybody. But not by
// crypto/tls, which would begin with whatever a stranger has sent, however much
// work that makes; so the alert is always bad_certificate, the one that it has
// for a verification that is not its own.
func (c *ClientCertificates) ask(config *tls.Config, now func() time.Time) {
	if c == nil {
		return
	}
	config.ClientAuth = tls.RequestClientCert
	if c.Required {
		config.ClientAuth = tls.RequireAnyClientCert
	}
	// Their names tell clients which certificate to choose.
	config.ClientCAs = c.CAs.Pool()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		_, err := c.verify(&state, now())
		return err
	}
}

// verify is for tls.Config.VerifyConnection, which is also called where a session
// is resumed: whatever was verified then has to be good now.
func (c *ClientCertificates) verify(state *tls.ConnectionState, now time.Time) (*clientcert.Certificate, error) {
	return clientcert.Show(state.PeerCertificates, c.CAs, now)
}

// remembering is a configuration that also keeps for one connection what it has
// verified: crypto/tls has no place for that. It takes a turn to verify.
func (c *ClientCertificates) remembering(config *tls.Config, p *probe, now func() time.Time) *tls.Config {
	own := config.Clone()
	own.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return nil
		}
		if err := p.effort.verify(); err != nil {
			return err
		}
		shown, err := c.verify(&state, now())
		if err != nil {
			p.hello.Certificate = state.PeerCertificates[0]
			return err
		}
		p.hello.Shown = shown
		return nil
	}
	return own
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
	_, judged := errors.AsType[*outcome.Refusal](err)
	return judged || errors.Is(err, errNoClientCAs) ||
		noneShown(err) || strings.Contains(err.Error(), "client certificate") || strings.Contains(err.Error(), "client sent certificate")
}

func noneShown(err error) bool { return strings.Contains(err.Error(), "didn't provide a certificate") }

func (c *ClientCertificates) refusal(err error) *outcome.Refusal {
	refused, judged := errors.AsType[*outcome.Refusal](err)
	switch {
	case judged:
		return refused
	case errors.Is(err, errNoClientCAs):
		return outcome.Refuse(outcome.ClientCAUnavailable, "none of the CAs of clients that the listener names is there")
	case noneShown(err):
		return outcome.Refuse(outcome.ClientCertificateRequired, "the client showed no certificate")
	}
	return outcome.Refuse(outcome.ClientCertificateInvalid,
		"the certificate cannot be read, has a key that is not supported, or the client has not proved to have the key")
}
