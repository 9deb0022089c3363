// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// ServiceName is the name of a Service in Refs and in the contract: its own in
// the namespace of the gateway, else NAMESPACE/NAME. An empty namespace is the
// gateway's.
func ServiceName(gateway, namespace, name string) string {
	if namespace == "" || namespace == gateway {
		return name
	}
	return namespace + "/" + name
}

// ServiceKey is the namespace and name of the Service that ServiceName has named.
func ServiceKey(gateway, name string) (namespace, service string) {
	if namespace, service, foreign := strings.Cut(name, "/"); foreign {
		return namespace, service
	}
	return gateway, name
}

// BackendName is the key of a backend in contract.Endpoints.
func BackendName(service string, port int32) string {
	return fmt.Sprintf("%s:%d", service, port)
}

// backends are those of a route that can be served, without doubles and in
// order. The route has a fault only when none of them may get a connection: a
// Service that is missing takes no other down with it.
func (c *compiler) backends(spec *wsv1alpha1.Route) ([]contract.Backend, contract.Fault) {
	weights := map[contract.Backend]int32{}
	var fault contract.Fault
	total, lost := int32(0), int32(0)
	for i := range spec.BackendRefs {
		ref := &spec.BackendRefs[i]
		weight := int32(1)
		if ref.Weight != nil {
			weight = *ref.Weight
		}
		backend, problem := c.backend(fmt.Sprintf("%s.backendRefs[%d]", c.from.field(spec.Name), i), ref)
		if problem != "" {
			fault = cmp.Or(fault, problem)
			lost += weight
			continue
		}
		weights[backend] += weight
		total += weight
	}
	if len(weights) == 0 || (total == 0 && lost > 0) {
		return nil, fault
	}
	list := make([]contract.Backend, 0, len(weights))
	for backend, weight := range weights {
		backend.Weight = unlessDefault(new(weight), 1)
		list = append(list, backend)
	}
	slices.SortFunc(list, func(a, b contract.Backend) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.TLS, b.TLS))
	})
	return list, ""
}

// backend is one of them, still without its weight; field holds the reference.
// Whether a Service exists is not told to whom it is not granted.
func (c *compiler) backend(field string, ref *wsv1alpha1.BackendReference) (contract.Backend, contract.Fault) {
	namespace := cmp.Or(ref.Namespace, c.from.namespace)
	if !c.permitted(field, namespace, ref.Name) {
		return contract.Backend{}, contract.FaultBackendNotFound
	}
	name := ServiceName(c.gw.Namespace, namespace, ref.Name)
	if fault := c.checkService(field, name, ref.Port); fault != "" {
		return contract.Backend{}, fault
	}
	return c.secured(field, name, ref)
}

// checkService looks whether a Service can be dialled; field holds the reference,
// name is that of ServiceName.
func (c *compiler) checkService(field, name string, port int32) contract.Fault {
	service, found := c.refs.Services[name]
	namespace, name := ServiceKey(c.gw.Namespace, name)
	switch {
	case !found && c.refs.Unchecked:
		c.unchecked(Reference{Field: field + ".name", Kind: KindService, Namespace: namespace, Name: name, Port: port})
		return ""
	case !found:
		c.unresolved(field+".name", wsv1alpha1.ReasonServiceNotFound,
			"Service %q does not exist in namespace %q: create it, or correct the name", name, namespace)
		return contract.FaultBackendNotFound
	case service.ExternalName:
		c.unresolved(field+".name", wsv1alpha1.ReasonServiceUnsupported,
			"Service %q is of type ExternalName, which could lead a connection anywhere: use a Service with endpoints", name)
		return contract.FaultBackendUnsupported
	}
	if _, found := portOf(service, port); !found {
		c.unresolved(field+".port", wsv1alpha1.ReasonPortNotFound,
			"Service %q has no port %d: add the port to it, or use one of %s", name, port, portsOf(service))
		return contract.FaultBackendNotFound
	}
	return ""
}

func portOf(service Service, number int32) (ServicePort, bool) {
	index := slices.IndexFunc(service.Ports, func(p ServicePort) bool { return p.Port == number })
	if index < 0 {
		return ServicePort{}, false
	}
	return service.Ports[index], true
}

// fewPorts is how many ports of a Service a message lists at most: each of a
// thousand references may say so.
const fewPorts = 16

// portsOf names a Service's ports; a Service has at least one, a headless one
// may have none.
func portsOf(service Service) string {
	switch {
	case len(service.Ports) == 0:
		return "those of another Service, since it has none"
	case len(service.Ports) > fewPorts:
		return fmt.Sprintf("the %d that it has", len(service.Ports))
	}
	numbers := make([]int32, 0, len(service.Ports))
	for _, port := range service.Ports {
		numbers = append(numbers, port.Port)
	}
	slices.Sort(numbers)
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(slices.Compact(numbers)), "[]"), " ", ", ")
}

// Endpoints says where the backends of a gateway are now. It has an entry for
// every backend of the gateway's own that Config would let a connection go to, and
// for every one that config, which Config has made, has of WebSocketRoutes.
func Endpoints(gw *wsv1alpha1.WebSocketGateway, refs Refs, config *contract.Config) contract.Endpoints {
	endpoints := contract.Endpoints{Version: contract.Version}
	for _, ref := range ServiceReferences(gw) {
		if !refs.grants(wsv1alpha1.KindWebSocketGateway, gw.Namespace, cmp.Or(ref.Namespace, gw.Namespace), ref.Name) {
			continue
		}
		name := ServiceName(gw.Namespace, ref.Namespace, ref.Name)
		if found, ok := backendEndpoints(refs, name, ref.Port); ok {
			set(&endpoints, BackendName(name, ref.Port), found)
		}
	}
	attachedEndpoints(gw, refs, config, &endpoints)
	return endpoints
}

func set(endpoints *contract.Endpoints, name string, found contract.BackendEndpoints) {
	if endpoints.Backends == nil {
		endpoints.Backends = map[string]contract.BackendEndpoints{}
	}
	endpoints.Backends[name] = found
}

// backendEndpoints is where a port of a Service is; false if it cannot be dialled.
func backendEndpoints(refs Refs, name string, number int32) (contract.BackendEndpoints, bool) {
	service, found := refs.Services[name]
	port, hasPort := portOf(service, number)
	if !found || !hasPort || service.ExternalName {
		return contract.BackendEndpoints{}, false
	}
	return contract.BackendEndpoints{
		Addresses: sorted(service.Endpoints[port.Name]), Service: fallback(service.ClusterIP, port.Port),
	}, true
}

// ServiceReference is one place of a spec that names a port of a Service.
type ServiceReference struct {
	// Field that holds the reference.
	Field string
	// Namespace is empty for that of the gateway.
	Namespace string
	Name      string
	Port      int32
}

// ServiceReferences lists every place that names a port of a Service: backends of
// routes, authorization servers and collectors.
func ServiceReferences(gw *wsv1alpha1.WebSocketGateway) []ServiceReference {
	list := slices.Concat(authorizers(gw), collectors(gw))
	for i := range gw.Spec.Routes {
		route := &gw.Spec.Routes[i]
		for j, ref := range route.BackendRefs {
			list = append(list, ServiceReference{
				Field: backendField(route.Name, j), Namespace: ref.Namespace, Name: ref.Name, Port: ref.Port,
			})
		}
	}
	return list
}

// fallback is empty for headless Services, which have no address of their own.
func fallback(clusterIP string, port int32) string {
	address, err := netip.ParseAddr(clusterIP)
	if err != nil || port < 1 || port > 65535 {
		return ""
	}
	return netip.AddrPortFrom(address, uint16(port)).String()
}
