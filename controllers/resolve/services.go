// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// ServiceIndex finds the EndpointSlices of a Service, see ServiceOf.
const ServiceIndex = "service"

// ServiceOf answers the values of ServiceIndex for an EndpointSlice.
func ServiceOf(slice client.Object) []string {
	if name := slice.GetLabels()[discoveryv1.LabelServiceName]; name != "" {
		return []string{name}
	}
	return nil
}

// maxPorts is how many ports of one Service are looked at. Nobody needs as many, but
// an object has room for twenty times more, and every reference of every route is
// held against them.
const maxPorts = 1000

// service looks up a Service that refs has under a name.
func (r *Resolver) service(ctx context.Context, key client.ObjectKey, name string, refs *compile.Refs) error {
	var found corev1.Service
	if err := r.Cached.Get(ctx, key, &found); err != nil {
		return client.IgnoreNotFound(err)
	}
	service := compile.Service{ExternalName: found.Spec.Type == corev1.ServiceTypeExternalName}
	if found.Spec.ClusterIP != corev1.ClusterIPNone {
		service.ClusterIP = found.Spec.ClusterIP
	}
	for i := range found.Spec.Ports {
		port := &found.Spec.Ports[i]
		if len(service.Ports) < maxPorts && (port.Protocol == "" || port.Protocol == corev1.ProtocolTCP) {
			service.Ports = append(service.Ports, compile.NewServicePort(port))
		}
	}
	if !service.ExternalName {
		endpoints, err := r.endpoints(ctx, key, found.Spec.IPFamilies, service.Ports)
		if err != nil {
			return err
		}
		service.Endpoints = endpoints
	}
	refs.Services[name] = service
	return nil
}

func (r *Resolver) endpoints(
	ctx context.Context, service client.ObjectKey, families []corev1.IPFamily, ports []compile.ServicePort,
) (map[string][]string, error) {
	var found discoveryv1.EndpointSliceList
	if err := r.Cached.List(ctx, &found, client.InNamespace(service.Namespace),
		client.MatchingFields{ServiceIndex: service.Name}); err != nil {
		return nil, fmt.Errorf("list EndpointSlices: %w", err)
	}
	endpoints := make(map[string][]string, len(ports))
	for i := range ports {
		endpoints[ports[i].Name] = nil
	}
	for i := range found.Items {
		if usable(found.Items[i].AddressType, families) {
			addEndpoints(endpoints, &found.Items[i])
		}
	}
	// An endpoint may be in two slices while it moves from one to the other.
	for port := range endpoints {
		slices.Sort(endpoints[port])
		endpoints[port] = slices.Compact(endpoints[port])
	}
	return endpoints, nil
}

// usable picks one address family: in a cluster with two, each pod is in the
// slices of both, and would get twice its share of connections.
func usable(addresses discoveryv1.AddressType, families []corev1.IPFamily) bool {
	if len(families) == 0 {
		return addresses == discoveryv1.AddressTypeIPv4 || addresses == discoveryv1.AddressTypeIPv6
	}
	return string(addresses) == string(families[0])
}

// addEndpoints adds the addresses of the ports that endpoints has keys for.
func addEndpoints(endpoints map[string][]string, slice *discoveryv1.EndpointSlice) {
	for _, port := range slice.Ports {
		if port.Port == nil || (port.Protocol != nil && *port.Protocol != corev1.ProtocolTCP) {
			continue
		}
		name, number := "", strconv.Itoa(int(*port.Port))
		if port.Name != nil {
			name = *port.Name
		}
		if _, asked := endpoints[name]; !asked {
			continue
		}
		for i := range slice.Endpoints {
			if !accepts(&slice.Endpoints[i]) {
				continue
			}
			for _, address := range slice.Endpoints[i].Addresses {
				endpoints[name] = append(endpoints[name], net.JoinHostPort(address, number))
			}
		}
	}
}

// accepts tells whether an endpoint may get new connections. A Service that
// publishes addresses that are not ready says ready of terminating ones too.
func accepts(endpoint *discoveryv1.Endpoint) bool {
	conditions := &endpoint.Conditions
	ready := conditions.Ready == nil || *conditions.Ready
	return ready && (conditions.Terminating == nil || !*conditions.Terminating)
}
