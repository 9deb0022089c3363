// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func (c *compiler) listeners() []contract.Listener {
	list := make([]contract.Listener, 0, len(c.gw.Spec.Listeners))
	for i := range c.gw.Spec.Listeners {
		listener := &c.gw.Spec.Listeners[i]
		c.checkIssuer(listener)
		list = append(list, contract.Listener{
			Name:              listener.Name,
			Port:              listener.Port,
			BindPort:          contract.BindPort(listener.Port),
			Hostnames:         sorted(listener.Hostnames),
			MinTLSVersion:     minTLSVersion(listener.TLS.Profile),
			CertificateSecret: c.certificateSecret(listener),
			ClientAddress:     c.clientAddress(listener),

			ClientCertificates: c.clientCertificates(listener),
			NoSessionTickets:   listener.TLS.SessionTickets == wsv1alpha1.SessionTicketsDisabled,
		})
	}
	slices.SortFunc(list, func(a, b contract.Listener) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func minTLSVersion(profile wsv1alpha1.TLSProfile) string {
	if profile == wsv1alpha1.TLSProfileModern {
		return "1.3"
	}
	return "1.2"
}

func (c *compiler) checkIssuer(listener *wsv1alpha1.Listener) {
	ref := listener.TLS.Certificate.IssuerRef
	if ref == nil {
		return
	}
	issuer := issuerOf(ref)
	field := listenerField(listener.Name) + ".tls.certificate.issuerRef"
	switch {
	case c.refs.CertManagerMissing:
		c.unresolved(field, wsv1alpha1.ReasonCertManagerNotInstalled,
			"%s %q cannot issue the certificate, because the cluster has no cert-manager: install cert-manager, or use secretRef with a certificate of your own",
			issuer.Kind, issuer.Name)
	case c.refs.Issuers[issuer], issuer.Group != certManagerGroup:
		// An issuer of a foreign group is its own controller's business.
	case c.refs.Unchecked:
		c.unchecked(Reference{Field: field + ".name", Group: issuer.Group, Kind: issuer.Kind, Name: issuer.Name})
	case issuer.Kind == issuerKind:
		c.unresolved(field+".name", wsv1alpha1.ReasonIssuerNotFound,
			"Issuer %q does not exist in namespace %q: create it, or name a ClusterIssuer with kind: ClusterIssuer",
			issuer.Name, c.gw.Namespace)
	case issuer.Kind == clusterIssuerKind:
		c.unresolved(field+".name", wsv1alpha1.ReasonIssuerNotFound,
			"ClusterIssuer %q does not exist: create it, or correct the name", issuer.Name)
	default:
		c.unresolved(field+".kind", wsv1alpha1.ReasonIssuerNotFound,
			"cert-manager has no kind %q: use Issuer or ClusterIssuer, or set group to that of the external issuer", issuer.Kind)
	}
}

// checkPorts looks again at the CRD's rule on ports: a socket of the pod cannot
// belong to two.
func (c *compiler) checkPorts() {
	owner := map[int32]int32{contract.AdminPort: 0, contract.ControlPort: 0}
	for i := range c.gw.Spec.Listeners {
		listener := &c.gw.Spec.Listeners[i]
		bind := contract.BindPort(listener.Port)
		if other, taken := owner[bind]; taken && other != listener.Port {
			c.invalid(listenerField(listener.Name)+".port",
				"port %d of listener %q needs port %d of the pod, which is taken by another listener or by the pod itself: choose another port",
				listener.Port, listener.Name, bind)
			continue
		}
		owner[bind] = listener.Port
	}
}

// checkHostnames looks again at the CRD's rule that a hostname appears once per
// port: two owners of one name would make the certificate a matter of chance.
func (c *compiler) checkHostnames() {
	owner := map[string]string{}
	for i := range c.gw.Spec.Listeners {
		listener := &c.gw.Spec.Listeners[i]
		for j, hostname := range listener.Hostnames {
			key := fmt.Sprintf("%d %s", listener.Port, hostname)
			if other, taken := owner[key]; taken {
				c.invalid(fmt.Sprintf("%s.hostnames[%d]", listenerField(listener.Name), j),
					"the hostname %q appears twice on port %d, in the listeners %q and %q: remove it from one of them",
					hostname, listener.Port, other, listener.Name)
				continue
			}
			owner[key] = listener.Name
		}
	}
}

// leadsTo tells whether clients of the listener can reach a route with hostname:
// the listener has the name, or a name that hostname stands for, or it has the
// wildcard and no other listener of that port has the name itself.
func (c *compiler) leadsTo(listener *wsv1alpha1.Listener, hostname string) bool {
	if slices.ContainsFunc(listener.Hostnames, func(own wsv1alpha1.Hostname) bool {
		return string(own) == hostname || wildcard(string(own)) == hostname
	}) {
		return true
	}
	if !slices.Contains(listener.Hostnames, wsv1alpha1.Hostname(wildcard(hostname))) {
		return false
	}
	return !slices.ContainsFunc(c.gw.Spec.Listeners, func(other wsv1alpha1.Listener) bool {
		return other.Port == listener.Port && slices.Contains(other.Hostnames, wsv1alpha1.Hostname(hostname))
	})
}

// wildcard is the pattern that covers hostname by one label; empty where there
// is none, because hostname is one label or a wildcard itself.
func wildcard(hostname string) string {
	first, rest, ok := strings.Cut(hostname, ".")
	if !ok || first == "*" {
		return ""
	}
	return "*." + rest
}

// countRoutes fills AttachedRoutes from the finished routes.
func (c *compiler) countRoutes() {
	c.result.AttachedRoutes = make(map[string]int32, len(c.gw.Spec.Listeners))
	for i := range c.gw.Spec.Listeners {
		listener := &c.gw.Spec.Listeners[i]
		count := int32(0)
		for j := range c.result.Config.Routes {
			if slices.ContainsFunc(c.result.Config.Routes[j].Hostnames, func(hostname string) bool {
				return c.leadsTo(listener, hostname)
			}) {
				count++
			}
		}
		c.result.AttachedRoutes[listener.Name] = count
	}
}
