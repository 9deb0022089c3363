// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// prune removes what the gateway owns and no longer needs, such as the
// Certificate of a removed listener. Both have to agree before anything is
// deleted: our label finds the object, its controller's UID proves it ours.
//
// Certificates are the only kind of which a gateway has as many as its spec
// says; of the others it always needs the one that it has, and looking for more
// at each pass would cost most of the pass.
func (a *Applier) prune(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, objects []render.Object) error {
	if !a.CertManager() {
		return nil
	}
	if err := a.pruneKind(ctx, gw, objects, render.CertificateKind()); err != nil {
		return fmt.Errorf("remove superfluous Certificates: %w", err)
	}
	return nil
}

func (a *Applier) pruneKind(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, objects []render.Object, kind schema.GroupVersionKind,
) error {
	list, err := a.newList(kind)
	if err != nil {
		return err
	}
	if err := a.Client.List(ctx, list, client.InNamespace(gw.Namespace),
		client.MatchingLabels{render.GatewayLabel: gw.Name}); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	return meta.EachListItem(list, func(item runtime.Object) error {
		found, ok := item.(client.Object)
		if !ok || !metav1.IsControlledBy(found, gw) || found.GetDeletionTimestamp() != nil ||
			rendered(objects, kind, found.GetName()) {
			return nil
		}
		err := a.Client.Delete(ctx, found,
			client.Preconditions{UID: new(found.GetUID())}, client.PropagationPolicy(metav1.DeletePropagationBackground))
		return client.IgnoreNotFound(err)
	})
}

// newList answers a typed list, since the caches hold typed objects.
func (a *Applier) newList(kind schema.GroupVersionKind) (client.ObjectList, error) {
	listKind := kind.GroupVersion().WithKind(kind.Kind + "List")
	created, err := a.Client.Scheme().New(listKind)
	if err != nil {
		return nil, fmt.Errorf("kind %s is not registered: %w", listKind, err)
	}
	list, ok := created.(client.ObjectList)
	if !ok {
		return nil, fmt.Errorf("kind %s is not a list", listKind)
	}
	return list, nil
}
