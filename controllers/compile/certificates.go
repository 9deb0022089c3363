// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Certificates names every Certificate that somebody else maintains and a gateway
// refers to, sorted and once each.
func Certificates(gw *wsv1alpha1.WebSocketGateway) []string {
	var names []string
	for i := range gw.Spec.Listeners {
		if ref := gw.Spec.Listeners[i].TLS.Certificate.CertificateRef; ref != nil {
			names = append(names, ref.Name)
		}
	}
	return sorted(names)
}

// certificateSecret is the Secret whose pair the listener serves.
func (c *compiler) certificateSecret(listener *wsv1alpha1.Listener) string {
	source := &listener.TLS.Certificate
	switch {
	case source.SecretRef != nil:
		return source.SecretRef.Name
	case source.CertificateRef != nil:
		return c.referredCertificate(listener, source.CertificateRef.Name)
	}
	return CertificateSecretName(c.gw.Name, listener.Name)
}

// referredCertificate is the Secret of a Certificate that somebody else maintains.
// One that is gone takes nothing away: its Secret stays, and so does what the
// listener serves. Where it was never there, the answer is the name of a Secret
// that is not mounted: the contract has no listener without one.
func (c *compiler) referredCertificate(listener *wsv1alpha1.Listener, name string) string {
	field := listenerField(listener.Name) + ".tls.certificate.certificateRef"
	found, exists := c.refs.Certificates[name]
	unknown := CertificateSecretName(c.gw.Name, listener.Name)
	if exists && found.SecretName == "" { // taken for granted
		return unknown
	}
	if exists {
		c.checkNames(listener, name, found.DNSNames)
		c.refer(listener.Name, found.SecretName)
		return found.SecretName
	}
	switch {
	case c.refs.CertManagerMissing:
		c.unresolved(field, wsv1alpha1.ReasonCertManagerNotInstalled,
			"Certificate %q cannot be looked at, because the cluster has no cert-manager: install cert-manager, or use secretRef with the Secret itself", name)
	case c.refs.Unchecked:
		c.unchecked(Reference{Field: field + ".name", Group: certManagerGroup, Kind: KindCertificate, Name: name})
	default:
		c.unresolved(field+".name", wsv1alpha1.ReasonCertificateNotFound,
			"Certificate %q does not exist in namespace %q: create it, or use issuerRef to have one made", name, c.gw.Namespace)
	}
	if last := c.lastSecret(listener.Name); last != "" {
		c.refer(listener.Name, last)
		return last
	}
	return unknown
}

func (c *compiler) refer(listener, secret string) {
	if c.result.CertificateSecrets == nil {
		c.result.CertificateSecrets = map[string]string{}
	}
	c.result.CertificateSecrets[listener] = secret
}

// lastSecret is what the listener serves by the configuration in force.
func (c *compiler) lastSecret(listener string) string {
	if c.previous == nil {
		return ""
	}
	for i := range c.previous.Listeners {
		if c.previous.Listeners[i].Name == listener {
			return c.previous.Listeners[i].CertificateSecret
		}
	}
	return ""
}

// checkNames looks whether the Certificate asks for the hostnames of the listener.
// A wildcard stands for one label (RFC 6125 section 6.4.3).
func (c *compiler) checkNames(listener *wsv1alpha1.Listener, certificate string, names []string) {
	var lacking []string
	for _, hostname := range sorted(listener.Hostnames) {
		if !slices.Contains(names, hostname) && !slices.Contains(names, cmp.Or(wildcard(hostname), hostname)) {
			lacking = append(lacking, hostname)
		}
	}
	if len(lacking) > 0 {
		c.unresolved(listenerField(listener.Name)+".tls.certificate.certificateRef.name", wsv1alpha1.ReasonCertificateIncomplete,
			"Certificate %q is not for %s: add that to its spec.dnsNames, or take it out of the listener's hostnames",
			certificate, strings.Join(lacking, ", "))
	}
}
