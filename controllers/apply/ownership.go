// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// ownership says whose an object is, seen from one gateway.
type ownership int

const (
	ownedByUs ownership = iota
	// ownedByPredecessor: a deleted gateway of the same name; the garbage
	// collector is about to remove the object.
	ownedByPredecessor
	ownedByOther
)

// ownershipOf goes by the UID of the controller. A label proves nothing:
// anybody may copy it.
func ownershipOf(gw *wsv1alpha1.WebSocketGateway, live metav1.Object) ownership {
	controller := metav1.GetControllerOf(live)
	switch {
	case controller == nil:
		return ownedByOther
	case controller.UID == gw.UID:
		return ownedByUs
	case controller.Kind == wsv1alpha1.KindWebSocketGateway && controller.Name == gw.Name &&
		groupOf(controller.APIVersion) == wsv1alpha1.SchemeGroupVersion.Group:
		return ownedByPredecessor
	default:
		return ownedByOther
	}
}

func groupOf(apiVersion string) string {
	version, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return ""
	}
	return version.Group
}

func conflict(gw *wsv1alpha1.WebSocketGateway, want *desired, live metav1.Object) status.Problem {
	owner := "nobody"
	if controller := metav1.GetControllerOf(live); controller != nil {
		owner = controller.Kind + " " + controller.Name
	}
	return status.Problem{
		Field:     "metadata.name",
		Condition: wsv1alpha1.ConditionAccepted,
		Reason:    wsv1alpha1.ReasonNameConflict,
		Message: fmt.Sprintf("%s %s exists already and belongs to %s, not to WebSocketGateway %s: "+
			"delete it, or give the gateway another name", want.kind.Kind, want.key.Name, owner, gw.Name),
	}
}

// refused tells whether the API server will not have the object as it is: a
// value that only it could check, a quota, an admission rule. Repeating it at
// once would not help. That a namespace is being removed is no news to anybody.
func refused(err error) bool {
	return (apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err)) &&
		!apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}

func refusal(want *desired, err error) status.Problem {
	return status.Problem{
		Field:     "spec",
		Condition: wsv1alpha1.ConditionAccepted,
		Reason:    wsv1alpha1.ReasonInvalid,
		Message: fmt.Sprintf("the API server refuses %s %s: %v; correct the field of the spec that it comes from, "+
			"or the rule that forbids it", want.kind.Kind, want.key.Name, err),
	}
}

// adoptFields moves the fields that Create gave us to server-side apply. The
// API server removes a field that an apply no longer names only if the last
// apply named it; without this step whatever was created would stay for ever: a
// closed port, a dropped annotation, an unmounted Secret.
func (a *Applier) adoptFields(ctx context.Context, want *desired) error {
	live, err := newObject(a.Client.Scheme(), want.kind)
	if err != nil {
		return err
	}
	if err := a.Live.Get(ctx, want.key, live); err != nil {
		return fmt.Errorf("get: %w", err)
	}
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(FieldOwner), FieldOwner)
	if err != nil {
		return fmt.Errorf("move fields to server-side apply: %w", err)
	}
	if patch == nil {
		return nil
	}
	empty := &unstructured.Unstructured{}
	empty.SetGroupVersionKind(want.kind)
	empty.SetNamespace(want.key.Namespace)
	empty.SetName(want.key.Name)
	if err := a.Client.Patch(ctx, empty, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return fmt.Errorf("move fields to server-side apply: %w", err)
	}
	return nil
}
