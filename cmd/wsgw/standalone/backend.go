// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// Backend says where a Service is.
type Backend struct {
	// Namespace is empty for the gateway's.
	Namespace string
	Service   string
	// Port is 0 for every port of the Service.
	Port int32
	// Address is HOST:PORT.
	Address string
}

var errBackend = errors.New("write it as [NAMESPACE/]SERVICE[:PORT]=HOST:PORT, such as echo:8080=127.0.0.1:9000")

// ParseBackend reads [NAMESPACE/]SERVICE[:PORT]=HOST:PORT.
func ParseBackend(text string) (Backend, error) {
	service, address, ok := strings.Cut(text, "=")
	host, port, err := net.SplitHostPort(address)
	if !ok || service == "" || err != nil || host == "" {
		return Backend{}, errBackend
	}
	if _, err := parsePort(port); err != nil {
		return Backend{}, errBackend
	}
	backend := Backend{Address: address}
	if namespace, name, found := strings.Cut(service, "/"); found {
		backend.Namespace, service = namespace, name
		if namespace == "" {
			return Backend{}, errBackend
		}
	}
	name, number, hasPort := strings.Cut(service, ":")
	backend.Service = name
	if hasPort {
		if backend.Port, err = parsePort(number); err != nil {
			return Backend{}, errBackend
		}
	}
	if name == "" || strings.ContainsAny(name, "/=") {
		return Backend{}, errBackend
	}
	return backend, nil
}

func parsePort(text string) (int32, error) {
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
		return 0, fmt.Errorf("%q is no port from 1 to 65535", text)
	}
	return int32(number), nil
}

// String is the backend as on the command line.
func (b Backend) String() string {
	text := b.Service
	if b.Namespace != "" {
		text = b.Namespace + "/" + text
	}
	if b.Port != 0 {
		text += ":" + strconv.Itoa(int(b.Port))
	}
	return text + "=" + b.Address
}

// resolveBackends replaces names by addresses: endpoints have no names.
func resolveBackends(ctx context.Context, backends []Backend) ([]Backend, error) {
	var resolved []Backend
	for _, backend := range backends {
		host, port, err := net.SplitHostPort(backend.Address)
		if err != nil {
			return nil, fmt.Errorf("backend %s: %w", backend, err)
		}
		addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("backend %s: %w", backend, err)
		}
		for _, address := range addresses {
			one := backend
			one.Address = net.JoinHostPort(address.Unmap().String(), port)
			resolved = append(resolved, one)
		}
	}
	return resolved, nil
}

// services makes the Services that backends stand for, of what the routes and
// policies ask for, and names the backends that nobody asks for.
func services(gw *wsv1alpha1.WebSocketGateway, refs *compile.Refs, backends []Backend) (map[string]compile.Service, []string) {
	made := map[string]compile.Service{}
	used := make([]bool, len(backends))
	for _, ref := range compile.UsableReferences(gw, refs) {
		var addresses []string
		for j, backend := range backends {
			if backend.serves(gw.Namespace, ref) {
				addresses, used[j] = append(addresses, backend.Address), true
			}
		}
		if len(addresses) > 0 {
			name := compile.ServiceName(gw.Namespace, ref.Namespace, ref.Name)
			made[name] = withPort(made[name], ref.Port, addresses)
		}
	}
	var unused []string
	for i, backend := range backends {
		if !used[i] {
			unused = append(unused, backend.String())
		}
	}
	return made, unused
}

// serves tells whether the backend is a Service; gateway is the namespace of the
// gateway.
func (b Backend) serves(gateway string, ref compile.ServiceReference) bool {
	return b.Service == ref.Name && (b.Port == 0 || b.Port == ref.Port) && cmp.Or(b.Namespace, gateway) == cmp.Or(ref.Namespace, gateway)
}

func withPort(service compile.Service, port int32, addresses []string) compile.Service {
	name := strconv.Itoa(int(port))
	if service.Endpoints == nil {
		service.Endpoints = map[string][]string{}
	}
	if !slices.ContainsFunc(service.Ports, func(p compile.ServicePort) bool { return p.Port == port }) {
		service.Ports = append(service.Ports, compile.ServicePort{Name: name, Port: port})
	}
	service.Endpoints[name] = addresses
	return service
}

// ParsePort reads LISTENER=PORT; port 0 means any free one.
func ParsePort(text string) (listener string, port int32, err error) {
	name, number, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return "", 0, errors.New("write it as LISTENER=PORT, such as public=8443")
	}
	if number == "0" {
		return name, 0, nil
	}
	port, err = parsePort(number)
	return name, port, err
}
