// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Bounds of the endpoints of attached routes in endpoints.json, in bytes. That of a
// namespace and that of all hold for addresses; names of backends and addresses of
// Services count, but are never left out: the bounds of what attaches hold them.
const (
	maxNamespaceEndpoints = 48 << 10
	maxAttachedEndpoints  = 192 << 10
)

// attachedEndpoints adds the backends of WebSocketRoutes that have found room in the
// configuration, oldest first: of others a namespace can make as many as it likes,
// each a port of one Service, until the files have no room. Where a
// namespace, or all of them, have more endpoints than fit, the rest is left to the
// Service's own address: a Service of ten thousand pods must not keep the files of
// a gateway from being written. What a namespace has itself comes before what
// others use of it, so that their want of room is not its.
func attachedEndpoints(gw *wsv1alpha1.WebSocketGateway, refs Refs, config *contract.Config, endpoints *contract.Endpoints) {
	list := slices.DeleteFunc(candidates(gw, &refs), func(one *candidate) bool { return len(one.listeners) == 0 })
	shares := &endpointShares{gw: gw, refs: &refs, endpoints: endpoints, wanted: attachedBackends(config), used: map[string]int{}}
	for _, foreign := range []bool{false, true} {
		for _, one := range list {
			for _, ref := range backendsOf(one.route) {
				if namespace := cmp.Or(ref.Namespace, one.route.Namespace); (namespace != one.route.Namespace) == foreign {
					shares.add(one.route.Namespace, namespace, &ref)
				}
			}
		}
	}
}

// attachedBackends are the backends of WebSocketRoutes in a configuration, by name.
func attachedBackends(config *contract.Config) map[string]bool {
	wanted := map[string]bool{}
	for i := range config.Routes {
		if _, attached := AttachedFrom(config.Routes[i].Name); attached {
			for _, backend := range config.Routes[i].Backends {
				wanted[backend.Name] = true
			}
		}
	}
	return wanted
}

// endpointShares is the state of attachedEndpoints.
type endpointShares struct {
	gw        *wsv1alpha1.WebSocketGateway
	refs      *Refs
	endpoints *contract.Endpoints
	// wanted are the backends to add.
	wanted map[string]bool
	// used is how many bytes each namespace has, total how many all.
	used  map[string]int
	total int
}

// add adds the Service in a namespace that a route of another, or the same, names.
func (s *endpointShares) add(from, namespace string, ref *wsv1alpha1.BackendReference) {
	name := ServiceName(s.gw.Namespace, namespace, ref.Name)
	key := BackendName(name, ref.Port)
	if !s.wanted[key] {
		return
	}
	found, ok := backendEndpoints(*s.refs, name, ref.Port)
	if _, there := s.endpoints.Backends[key]; there || !ok || !s.refs.grants(wsv1alpha1.KindWebSocketRoute, from, namespace, ref.Name) {
		return
	}
	size := len(key) + len(found.Service) + len(`"":{"addresses":[],"service":""},`)
	size += cut(&found, min(maxNamespaceEndpoints-s.used[from], maxAttachedEndpoints-s.total)-size)
	s.used[from] += size
	s.total += size
	set(s.endpoints, key, found)
}

// cut leaves as many addresses as have room, and answers how many bytes they take.
func cut(backend *contract.BackendEndpoints, room int) int {
	size := 0
	for i, address := range backend.Addresses {
		const quotes = len(`"",`)
		if size+len(address)+quotes > room {
			backend.Addresses = backend.Addresses[:i]
			break
		}
		size += len(address) + quotes
	}
	return size
}
