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
	superfluous, err := a.superfluous(ctx, gw, objects)
	if err != nil {
		return err
	}
	for _, object := range superfluous {
		err := a.Client.Delete(ctx, object,
			client.Preconditions{UID: new(object.GetUID())}, client.PropagationPolicy(metav1.DeletePropagationBackground))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("remove the superfluous Certificate %s: %w", client.ObjectKeyFromObject(object), err)
		}
	}
	return nil
}

// superfluous are the objects that prune removes.
func (a *Applier) superfluous(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, objects []render.Object,
) ([]client.Object, error) {
	if !a.CertManager() {
		return nil, nil
	}
	kind := render.CertificateKind()
	list, err := a.newList(kind)
	if err != nil {
		return nil, err
	}
	if err := a.Client.List(ctx, list, client.InNamespace(gw.Namespace),
		client.MatchingLabels{render.GatewayLabel: gw.Name}); err != nil {
		return nil, fmt.Errorf("list Certificates: %w", err)
	}
	var found []client.Object
	err = meta.EachListItem(list, func(item runtime.Object) error {
		object, ok := item.(client.Object)
		if ok && metav1.IsControlledBy(object, gw) && object.GetDeletionTimestamp() == nil &&
			!rendered(objects, kind, object.GetName()) {
			found = append(found, object)
		}
		return nil
	})
	return found, err
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
