// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	corev1 "k8s.io/api/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Refs is what the references of a gateway lead to, as resolve found it. There
// is nothing of Secrets in it: the operator cannot read them.
type Refs struct {
	// ConfigMaps by name. A ConfigMap that is referred to and does not exist is
	// not in the map.
	ConfigMaps map[string]ConfigMap
	// Services by the name that ServiceName gives them. A Service that is referred
	// to and does not exist is not in the map.
	Services map[string]Service
	// Issuers by reference. An issuer that does not exist is not in the map;
	// one of a foreign group is assumed to exist.
	Issuers map[Issuer]bool
	// Certificates that somebody else maintains, by name. One that does not exist is
	// not in the map.
	Certificates map[string]Certificate
	// CertManagerMissing is true when the cluster does not have cert-manager's
	// kinds.
	CertManagerMissing bool
	// Routes are the WebSocketRoutes that name the gateway as a parent.
	Routes []wsv1alpha1.WebSocketRoute
	// Namespaces are the labels of the namespaces of Routes. One that does not
	// exist is not in the map.
	Namespaces map[string]map[string]string
	// NamesOnly is true where no labels can be read but that of the name.
	NamesOnly bool
	// Grants are the ReferenceGrants of the namespaces whose Services are asked for
	// from elsewhere. GrantsMissing is true when the cluster does not have their
	// kind.
	Grants        []Grant
	GrantsMissing bool
	// Unchecked makes objects that are not in these maps count as present: for
	// offline use, where absence proves nothing. Compile then reports them as
	// unchecked instead.
	Unchecked bool
}

// ConfigMap is the data of a ConfigMap (binaryData included as strings).
type ConfigMap struct {
	Data map[string]string
}

// Certificate is what is needed to know of a Certificate that somebody else
// maintains. An empty one is taken for granted.
type Certificate struct {
	// SecretName of its spec.
	SecretName string
	// DNSNames that it asks for.
	DNSNames []string
}

// Issuer is a reference with its defaults filled in.
type Issuer struct {
	Group, Kind, Name string
}

// Service is what is needed to know of a backend Service.
type Service struct {
	// ExternalName is true for Services that are only a DNS alias.
	ExternalName bool
	// ClusterIP is empty for headless Services.
	ClusterIP string
	Ports     []ServicePort
	// Endpoints by the name of the Service port: HOST:PORT of the endpoints
	// that are ready and not terminating.
	Endpoints map[string][]string
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name string
	Port int32
	// AppProtocol is empty where the port says nothing.
	AppProtocol string
}

// NewServicePort takes over what is needed to know of a port.
func NewServicePort(port *corev1.ServicePort) ServicePort {
	told := ServicePort{Name: port.Name, Port: port.Port}
	if port.AppProtocol != nil {
		told.AppProtocol = *port.AppProtocol
	}
	return told
}
