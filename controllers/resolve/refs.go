// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package resolve finds out what the references of a gateway point at. What is
// not there is simply not in the answer: whether that is a problem, and whose,
// is decided by compile. Secrets are never looked up, the operator cannot read
// them; the pods report what is wrong with them.
package resolve

import (
	"context"
	"fmt"
	"maps"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// Resolver follows references. It is safe for concurrent use.
type Resolver struct {
	// Cached reads Services, EndpointSlices and WebSocketRoutes. It must have the
	// indexes ServiceIndex on EndpointSlices and ParentIndex on WebSocketRoutes.
	Cached client.Reader
	// Live reads the content of the ConfigMaps that are referred to. Caching
	// every ConfigMap of the cluster for the sake of a few would cost more.
	Live client.Reader
	// Issuers reads the metadata of issuers.
	Issuers client.Reader
	// Certificates reads Certificates that somebody else maintains. It is called
	// before the first one is read, and again if it fails.
	Certificates func() (client.Reader, error)
	// CertManager tells whether the cluster has cert-manager's kinds.
	CertManager func() bool
	// Grants reads ReferenceGrants of the kind that GrantKind answers; false while
	// the cluster has none.
	Grants    client.Reader
	GrantKind func() (schema.GroupVersionKind, bool)
	// Namespaces reads the metadata of namespaces; nil where that is not allowed.
	Namespaces client.Reader
	// Watches tells whether a namespace can be read at all.
	Watches func(namespace string) bool
}

// Refs answers what the references of the gateway lead to. An error means that
// the API server could not be asked.
func (r *Resolver) Refs(ctx context.Context, gw *wsv1alpha1.WebSocketGateway) (compile.Refs, error) {
	refs := compile.Refs{
		ConfigMaps:         map[string]compile.ConfigMap{},
		Services:           map[string]compile.Service{},
		Issuers:            map[compile.Issuer]bool{},
		Certificates:       map[string]compile.Certificate{},
		CertManagerMissing: !r.CertManager(),
	}
	for _, name := range compile.ConfigMaps(gw) {
		if err := r.configMap(ctx, client.ObjectKey{Namespace: gw.Namespace, Name: name}, &refs); err != nil {
			return refs, fmt.Errorf("get ConfigMap %s/%s: %w", gw.Namespace, name, err)
		}
	}
	if err := r.routes(ctx, gw, &refs); err != nil {
		return refs, err
	}
	// Of Services that are not granted nothing is known: not even that they exist.
	for _, name := range compile.UsableServices(gw, &refs) {
		namespace, service := compile.ServiceKey(gw.Namespace, name)
		if err := r.service(ctx, client.ObjectKey{Namespace: namespace, Name: service}, name, &refs); err != nil {
			return refs, fmt.Errorf("get Service %s/%s: %w", namespace, service, err)
		}
	}
	for _, issuer := range compile.Issuers(gw) {
		if err := r.issuer(ctx, gw.Namespace, issuer, &refs); err != nil {
			return refs, fmt.Errorf("get %s %s: %w", issuer.Kind, issuer.Name, err)
		}
	}
	for _, name := range compile.Certificates(gw) {
		if err := r.certificate(ctx, client.ObjectKey{Namespace: gw.Namespace, Name: name}, &refs); err != nil {
			return refs, fmt.Errorf("get Certificate %s/%s: %w", gw.Namespace, name, err)
		}
	}
	return refs, nil
}

func (r *Resolver) certificate(ctx context.Context, key client.ObjectKey, refs *compile.Refs) error {
	if refs.CertManagerMissing {
		return nil
	}
	reader, err := r.Certificates()
	if err != nil {
		return err
	}
	var found cmv1.Certificate
	if err := reader.Get(ctx, key, &found); err != nil {
		return client.IgnoreNotFound(err)
	}
	refs.Certificates[key.Name] = compile.Certificate{SecretName: found.Spec.SecretName, DNSNames: found.Spec.DNSNames}
	return nil
}

func (r *Resolver) configMap(ctx context.Context, key client.ObjectKey, refs *compile.Refs) error {
	var found corev1.ConfigMap
	if err := r.Live.Get(ctx, key, &found); err != nil {
		return client.IgnoreNotFound(err)
	}
	data := make(map[string]string, len(found.Data)+len(found.BinaryData))
	for name, content := range found.BinaryData {
		data[name] = string(content)
	}
	maps.Copy(data, found.Data)
	refs.ConfigMaps[key.Name] = compile.ConfigMap{Data: data}
	return nil
}

// issuer looks up cert-manager's own kinds. The operator has no permission on
// the kinds of other groups, so they are taken for granted; if they do not
// exist, cert-manager says so on the CertificateRequest.
func (r *Resolver) issuer(ctx context.Context, namespace string, issuer compile.Issuer, refs *compile.Refs) error {
	if issuer.Group != cmv1.SchemeGroupVersion.Group {
		refs.Issuers[issuer] = true
		return nil
	}
	if refs.CertManagerMissing {
		return nil
	}
	key := client.ObjectKey{Namespace: namespace, Name: issuer.Name}
	switch issuer.Kind {
	case cmv1.ClusterIssuerKind:
		key.Namespace = ""
	case cmv1.IssuerKind:
	default:
		return nil
	}
	found := &metav1.PartialObjectMetadata{}
	found.SetGroupVersionKind(cmv1.SchemeGroupVersion.WithKind(issuer.Kind))
	switch err := r.Issuers.Get(ctx, key, found); {
	case err == nil:
		refs.Issuers[issuer] = true
	case !apierrors.IsNotFound(err):
		return err
	}
	return nil
}
