// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// addresses warns where the Service as it is described hides the addresses of
// clients, or where load balancers are told to tell them in a way that a listener
// does not expect. What stands in front of the Service is not known here, so
// that silence is no proof.
func (p *pass) addresses() []string {
	service := wsv1alpha1.Service{}
	if infra := p.gw.Spec.Infrastructure; infra != nil && infra.Service != nil {
		service = *infra.Service
	}
	var found []string
	if names := p.listenersWhere(untold); p.countsAddresses() && len(names) > 0 {
		switch {
		case service.Type == wsv1alpha1.ServiceTypeClusterIP:
			found = append(found, fmt.Sprintf("spec.limits counts clients by address, and a Service of type ClusterIP is reached from within the cluster only: "+
				"where a proxy is in front, all of its clients count as one at %s. Let it tell their addresses, and say how in clientAddress.", names))
		case service.ExternalTrafficPolicy == wsv1alpha1.ExternalTrafficPolicyCluster:
			found = append(found, fmt.Sprintf("spec.limits counts clients by address, and with externalTrafficPolicy Cluster many clients may have the address of a node: "+
				"they count as one at %s. Choose Local, or let the load balancer tell their addresses and say how in clientAddress.", names))
		}
	}
	if key := proxyProtocolAnnotation(service.Annotations); key != "" {
		if names := p.listenersWhere(withoutProxyProtocol); names != "" {
			found = append(found, fmt.Sprintf("the annotation %s of the Service makes load balancers begin each connection with the PROXY protocol, "+
				"and every handshake fails at %s. Set clientAddress.proxyProtocol there, or remove the annotation.", key, names))
		}
	}
	return found
}

func (p *pass) countsAddresses() bool {
	l := p.gw.Spec.Limits
	return l != nil && (l.MaxConnectionsPerAddress != nil || l.HandshakesPerSecondPerAddress != nil)
}

func untold(a *wsv1alpha1.ClientAddress) bool {
	return a == nil || !a.ProxyProtocol && a.Header == ""
}

func withoutProxyProtocol(a *wsv1alpha1.ClientAddress) bool { return a == nil || !a.ProxyProtocol }

// listenersWhere names the listeners whose clientAddress is such; empty for none.
func (p *pass) listenersWhere(such func(*wsv1alpha1.ClientAddress) bool) string {
	var names []string
	for i := range p.gw.Spec.Listeners {
		if listener := &p.gw.Spec.Listeners[i]; such(listener.ClientAddress) {
			names = append(names, fmt.Sprintf("%q", listener.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "listener " + strings.Join(names, ", ")
}

// proxyProtocolAnnotation returns the first annotation by which the controllers
// of well-known load balancers turn the PROXY protocol on; empty for none.
func proxyProtocolAnnotation(annotations map[string]wsv1alpha1.AnnotationValue) string {
	for _, known := range []struct {
		key string
		on  []string
	}{
		{"load-balancer.hetzner.cloud/uses-proxyprotocol", []string{"true"}},
		{"loadbalancer.openstack.org/proxy-protocol", []string{"true", "v1", "v2"}},
		{"service.beta.kubernetes.io/aws-load-balancer-proxy-protocol", []string{"*"}},
		{"service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol", []string{"true"}},
		{"service.beta.kubernetes.io/linode-loadbalancer-default-proxy-protocol", []string{"v1", "v2"}},
	} {
		if value, ok := annotations[known.key]; ok && slices.Contains(known.on, string(value)) {
			return known.key
		}
	}
	const attributes = "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes"
	if strings.Contains(string(annotations[attributes]), "proxy_protocol_v2.enabled=true") {
		return attributes
	}
	return ""
}
