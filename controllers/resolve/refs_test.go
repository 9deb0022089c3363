// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/resolve"
)

func gateway() *wsv1alpha1.WebSocketGateway {
	listener := func(name string, issuer wsv1alpha1.IssuerReference) wsv1alpha1.Listener {
		return wsv1alpha1.Listener{Name: name, Port: 443, TLS: wsv1alpha1.ListenerTLS{
			Certificate: wsv1alpha1.CertificateSource{IssuerRef: &issuer},
		}}
	}
	referring := func(name, certificate string) wsv1alpha1.Listener {
		return wsv1alpha1.Listener{Name: name, Port: 443, TLS: wsv1alpha1.ListenerTLS{
			Certificate: wsv1alpha1.CertificateSource{CertificateRef: &wsv1alpha1.LocalReference{Name: certificate}},
		}}
	}
	return &wsv1alpha1.WebSocketGateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "edge"},
		Spec: wsv1alpha1.WebSocketGatewaySpec{
			Listeners: []wsv1alpha1.Listener{
				listener("a", wsv1alpha1.IssuerReference{Name: "local"}),
				listener("b", wsv1alpha1.IssuerReference{Name: "global", Kind: "ClusterIssuer"}),
				listener("c", wsv1alpha1.IssuerReference{Name: "absent"}),
				listener("d", wsv1alpha1.IssuerReference{Name: "cloud", Kind: "CloudIssuer", Group: "example.com"}),
				listener("e", wsv1alpha1.IssuerReference{Name: "odd", Kind: "Secret"}),
				referring("f", "shared"), referring("g", "missing"),
			},
			AuthPolicies: []wsv1alpha1.AuthPolicy{{Name: "users", AnyOf: []wsv1alpha1.AuthMethod{
				{JWT: &wsv1alpha1.JWTMethod{JWKS: wsv1alpha1.KeySetSource{ConfigMapRef: &wsv1alpha1.LocalKeyReference{Name: "keys"}}}},
				{JWT: &wsv1alpha1.JWTMethod{JWKS: wsv1alpha1.KeySetSource{ConfigMapRef: &wsv1alpha1.LocalKeyReference{Name: "gone"}}}},
			}}},
			Routes: []wsv1alpha1.Route{{Name: "all", BackendRefs: []wsv1alpha1.BackendReference{
				{Name: "plain", Port: 80}, {Name: "headless", Port: 80}, {Name: "alias", Port: 80}, {Name: "nowhere", Port: 80},
			}}},
		},
	}
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "ns", Name: name} }

func service(name string, spec corev1.ServiceSpec) *corev1.Service {
	spec.Ports = append(spec.Ports,
		corev1.ServicePort{Name: "ws", Port: 80, AppProtocol: new("kubernetes.io/ws")}, corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP})
	return &corev1.Service{ObjectMeta: named(name), Spec: spec}
}

func slice(
	service, name string, kind discoveryv1.AddressType, endpoints ...discoveryv1.Endpoint,
) *discoveryv1.EndpointSlice {
	meta := named(name)
	meta.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	return &discoveryv1.EndpointSlice{
		ObjectMeta: meta, AddressType: kind, Endpoints: endpoints,
		Ports: []discoveryv1.EndpointPort{
			{Name: new("ws"), Port: new(int32(9000))},
			{Name: new("dns"), Port: new(int32(53)), Protocol: new(corev1.ProtocolUDP)},
		},
	}
}

func endpoint(address string, ready, terminating *bool) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{
		Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: ready, Terminating: terminating},
	}
}

func objects() []client.Object {
	return []client.Object{
		&corev1.ConfigMap{
			ObjectMeta: named("keys"),
			Data:       map[string]string{"jwks.json": "text"}, BinaryData: map[string][]byte{"binary": []byte("bytes")},
		},
		&cmv1.Certificate{ObjectMeta: named("shared"), Spec: cmv1.CertificateSpec{SecretName: "shared-tls", DNSNames: []string{"f.example.com"}}},
		&cmv1.Issuer{ObjectMeta: named("local")},
		&cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "global"}},
		service("plain", corev1.ServiceSpec{ClusterIP: "10.0.0.1", IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}}),
		service("headless", corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone}),
		service("alias", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"}),
		slice("plain", "plain-1", discoveryv1.AddressTypeIPv4,
			endpoint("192.0.2.2", new(true), nil), endpoint("192.0.2.1", nil, nil), endpoint("192.0.2.3", new(false), nil),
			endpoint("192.0.2.4", new(true), new(true)), endpoint("192.0.2.5", new(true), new(false))),
		slice("plain", "plain-2", discoveryv1.AddressTypeIPv4, endpoint("192.0.2.2", new(true), nil)),
		slice("plain", "plain-6", discoveryv1.AddressTypeIPv6, endpoint("2001:db8::1", new(true), nil)),
		slice("plain", "plain-name", discoveryv1.AddressTypeFQDN, endpoint("evil.example.com", new(true), nil)),
		slice("headless", "headless-6", discoveryv1.AddressTypeIPv6, endpoint("2001:db8::2", new(true), nil)),
		slice("other", "other-1", discoveryv1.AddressTypeIPv4, endpoint("192.0.2.99", new(true), nil)),
	}
}

func newResolver(t *testing.T, funcs interceptor.Funcs, certManager bool) *resolve.Resolver {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, wsv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects()...).
		WithIndex(&discoveryv1.EndpointSlice{}, resolve.ServiceIndex, resolve.ServiceOf).
		WithIndex(&wsv1alpha1.WebSocketRoute{}, resolve.ParentIndex, resolve.ParentsOf).
		WithInterceptorFuncs(funcs).Build()
	return &resolve.Resolver{
		Cached: reader, Live: reader, Issuers: reader, CertManager: func() bool { return certManager },
		Certificates: func() (client.Reader, error) { return reader, nil },
		Grants:       reader, GrantKind: func() (schema.GroupVersionKind, bool) { return schema.GroupVersionKind{}, false },
		Watches: func(string) bool { return true },
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	got, err := newResolver(t, interceptor.Funcs{}, true).Refs(t.Context(), gateway())
	if err != nil {
		t.Fatal(err)
	}
	ports := []compile.ServicePort{{Name: "ws", Port: 80, AppProtocol: "kubernetes.io/ws"}}
	want := compile.Refs{
		ConfigMaps: map[string]compile.ConfigMap{"keys": {Data: map[string]string{"jwks.json": "text", "binary": "bytes"}}},
		Services: map[string]compile.Service{
			"plain": {
				ClusterIP: "10.0.0.1", Ports: ports,
				Endpoints: map[string][]string{"ws": {"192.0.2.1:9000", "192.0.2.2:9000", "192.0.2.5:9000"}},
			},
			"headless": {Ports: ports, Endpoints: map[string][]string{"ws": {"[2001:db8::2]:9000"}}},
			"alias":    {ExternalName: true, Ports: ports},
		},
		Issuers: map[compile.Issuer]bool{
			{Group: "cert-manager.io", Kind: "Issuer", Name: "local"}:         true,
			{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "global"}: true,
			{Group: "example.com", Kind: "CloudIssuer", Name: "cloud"}:        true,
		},
		Certificates: map[string]compile.Certificate{"shared": {SecretName: "shared-tls", DNSNames: []string{"f.example.com"}}},
		Routes:       []wsv1alpha1.WebSocketRoute{}, GrantsMissing: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Refs() (-want +got):\n%s", diff)
	}
}

// Every reference of every tenant is held against the ports of a Service.
func TestPortsWithoutEndAreNotLookedAt(t *testing.T) {
	t.Parallel()
	r := newResolver(t, interceptor.Funcs{
		Get: func(ctx context.Context, below client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			err := below.Get(ctx, key, object, options...)
			if found, ok := object.(*corev1.Service); ok && key.Name == "plain" {
				for port := range int32(2000) {
					found.Spec.Ports = append(found.Spec.Ports, corev1.ServicePort{Name: fmt.Sprintf("p%d", port), Port: 1000 + port})
				}
			}
			return err
		},
		List: func(ctx context.Context, below client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			err := below.List(ctx, list, options...)
			if found, ok := list.(*discoveryv1.EndpointSliceList); ok {
				for i := range found.Items {
					found.Items[i].Ports = append(found.Items[i].Ports, discoveryv1.EndpointPort{Name: new("p1999"), Port: new(int32(1))})
				}
			}
			return err
		},
	}, true)
	got, err := r.Refs(t.Context(), gateway())
	if err != nil {
		t.Fatal(err)
	}
	found := got.Services["plain"]
	if len(found.Ports) != 1000 || len(found.Endpoints) != 1000 || len(found.Endpoints["ws"]) != 3 {
		t.Errorf("%d ports, endpoints of %d, and %v", len(found.Ports), len(found.Endpoints), found.Endpoints["ws"])
	}
}

func TestRefsWithoutCertManager(t *testing.T) {
	t.Parallel()
	got, err := newResolver(t, interceptor.Funcs{}, false).Refs(t.Context(), gateway())
	if err != nil {
		t.Fatal(err)
	}
	want := map[compile.Issuer]bool{{Group: "example.com", Kind: "CloudIssuer", Name: "cloud"}: true}
	if diff := cmp.Diff(want, got.Issuers); diff != "" || !got.CertManagerMissing {
		t.Errorf("Refs() finds issuers without their kinds, missing = %v (-want +got):\n%s", got.CertManagerMissing, diff)
	}
}

// What could not be read must not look like what is not there: routes would
// answer 503 because the API server hiccupped.
func TestAnAPIServerThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("no network")
	for kind, fails := range map[string]func(client.Object) bool{
		"ConfigMap": func(o client.Object) bool { _, is := o.(*corev1.ConfigMap); return is },
		"Service":   func(o client.Object) bool { _, is := o.(*corev1.Service); return is },
		"Issuer":    func(o client.Object) bool { _, is := o.(*metav1.PartialObjectMetadata); return is },

		"Certificate": func(o client.Object) bool { _, is := o.(*cmv1.Certificate); return is },
	} {
		funcs := interceptor.Funcs{Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption,
		) error {
			if fails(object) {
				return broken
			}
			return c.Get(ctx, key, object, options...)
		}}
		if _, err := newResolver(t, funcs, true).Refs(t.Context(), gateway()); !errors.Is(err, broken) {
			t.Errorf("Refs() when %s cannot be read = %v", kind, err)
		}
	}
	funcs := interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return broken
	}}
	if _, err := newResolver(t, funcs, true).Refs(t.Context(), gateway()); !errors.Is(err, broken) {
		t.Errorf("Refs() when EndpointSlices cannot be read = %v", err)
	}
}
