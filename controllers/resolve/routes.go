// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package resolve

import (
	"cmp"
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// ParentIndex finds the WebSocketRoutes of a gateway, see ParentsOf.
const ParentIndex = "parent"

// ParentsOf answers the values of ParentIndex for a WebSocketRoute: NAMESPACE/NAME
// of each gateway that it names.
func ParentsOf(object client.Object) []string {
	route, ok := object.(*wsv1alpha1.WebSocketRoute)
	if !ok {
		return nil
	}
	values := make([]string, 0, len(route.Spec.ParentRefs))
	for i := range route.Spec.ParentRefs {
		ref := &route.Spec.ParentRefs[i]
		values = append(values, cmp.Or(ref.Namespace, route.Namespace)+"/"+ref.Name)
	}
	return values
}

// routes finds the routes that name a gateway, and what decides about them.
func (r *Resolver) routes(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, refs *compile.Refs) error {
	var found wsv1alpha1.WebSocketRouteList
	// They are only read, and there may be many.
	if err := r.Cached.List(ctx, &found, client.MatchingFields{ParentIndex: gw.Namespace + "/" + gw.Name},
		client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list WebSocketRoutes of gateway %s/%s: %w", gw.Namespace, gw.Name, err)
	}
	refs.Routes = found.Items
	if compile.SelectsNamespaces(gw) {
		if err := r.namespaces(ctx, refs); err != nil {
			return err
		}
	}
	return r.grants(ctx, gw, refs)
}

// namespaces reads the labels of the namespaces of the routes.
func (r *Resolver) namespaces(ctx context.Context, refs *compile.Refs) error {
	refs.Namespaces, refs.NamesOnly = map[string]map[string]string{}, r.Namespaces == nil
	for i := range refs.Routes {
		name := refs.Routes[i].Namespace
		if _, known := refs.Namespaces[name]; known {
			continue
		}
		if r.Namespaces == nil {
			refs.Namespaces[name] = map[string]string{corev1.LabelMetadataName: name}
			continue
		}
		found := &metav1.PartialObjectMetadata{}
		found.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
		switch err := r.Namespaces.Get(ctx, client.ObjectKey{Name: name}, found); {
		case apierrors.IsNotFound(err):
		case err != nil:
			return fmt.Errorf("get Namespace %s: %w", name, err)
		default:
			refs.Namespaces[name] = found.Labels
		}
	}
	return nil
}

// grants reads the ReferenceGrants of the namespaces whose Services are asked for.
// One that cannot be understood grants nothing.
func (r *Resolver) grants(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, refs *compile.Refs) error {
	namespaces := compile.GrantNamespaces(gw, refs)
	kind, ok := r.GrantKind()
	refs.GrantsMissing = !ok
	if !ok {
		return nil
	}
	kind.Kind += "List"
	for _, namespace := range namespaces {
		if !r.Watches(namespace) {
			continue
		}
		found := &unstructured.UnstructuredList{}
		found.SetGroupVersionKind(kind)
		if err := r.Grants.List(ctx, found, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("list ReferenceGrants in namespace %s: %w", namespace, err)
		}
		for i := range found.Items {
			if grant, ok := grantOf(&found.Items[i]); ok {
				refs.Grants = append(refs.Grants, grant)
			}
		}
	}
	return nil
}

func grantOf(object *unstructured.Unstructured) (compile.Grant, bool) {
	var parsed struct {
		Spec compile.Grant `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &parsed); err != nil {
		return compile.Grant{}, false
	}
	parsed.Spec.Namespace = object.GetNamespace()
	return parsed.Spec, true
}
