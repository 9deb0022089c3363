// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"context"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// shown is a client certificate as the rules of a listener look at it.
type shown struct {
	// certificate is nil for a caller who has none, and for one whom nobody asked.
	certificate *clientcert.Certificate
	// until is when it expires, and binds is true where the listener wants the
	// connection to end with it, whatever the caller was admitted by.
	until time.Time
	binds bool
}

// askCertificate looks again at what TLS has decided: the rules may have changed
// while the request was on its way.
func (d *Door) askCertificate(_ context.Context, v *verdict) (err error) {
	v.shown, err = v.rules.certificate(v.caller.Listener, v.caller.Certificate)
	return err
}

// certificate judges what a client of a listener has shown. The error is an
// *outcome.Refusal.
func (r *Rules) certificate(listener string, certificate *clientcert.Certificate) (shown, error) {
	asked, ok := r.Clients[listener]
	switch {
	case !ok:
		// A certificate that nobody asks for is none.
		return shown{}, nil
	case certificate == nil && asked.Required:
		return shown{}, outcome.Refuse(outcome.ClientCertificateRequired, "the listener asks for a client certificate")
	case certificate == nil:
		return shown{}, nil
	}
	until, err := asked.Verify(certificate)
	if err != nil {
		return shown{}, err
	}
	return shown{certificate: certificate, until: until, binds: asked.Required}, nil
}

// recertify judges the client certificate of an open connection under a policy. It
// binds a connection where the listener requires one, where it is what the caller
// was admitted by, and where the rules of the policy look at it; another one is as
// good as none. A CA that is missing is a fault and no reason to believe that
// somebody lost a right.
func (r *Rules) recertify(s *Standing, policy *Policy) (shown, error) {
	asked := r.Clients[s.Listener]
	needed := asked.Required || s.Identity.Method == authn.MethodClientCertificate
	if !needed && !policy.readsCertificate() {
		return shown{}, nil
	}
	found, err := r.certificate(s.Listener, s.Certificate)
	switch {
	case err == nil:
	case s.Certificate != nil && !asked.Complete:
		return shown{certificate: s.Certificate, until: s.Certificate.Until(), binds: asked.Required}, nil
	case !needed && policy.DryRun:
		// Nobody but a policy that is being tried asks for it: that one may say
		// what it would do about a caller without.
		return shown{}, nil
	}
	return found, err
}

// expires is when an identity and the certificate beside it are no good any more;
// zero for never. read is true where rules look at the certificate.
func (s *shown) expires(identity *authn.Identity, read bool) time.Time {
	expires := identity.ExpiresAt
	if identity.Method == authn.MethodClientCertificate && s.certificate != nil {
		// Other CAs may have vouched for it since, for a longer or a shorter time.
		expires = s.until
	}
	if (s.binds || read && s.certificate != nil) && (expires.IsZero() || s.until.Before(expires)) {
		expires = s.until
	}
	return expires
}
