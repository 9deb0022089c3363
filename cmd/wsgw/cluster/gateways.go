// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// Gateway reads one gateway.
func (c *Cluster) Gateway(ctx context.Context, name string) (*wsv1alpha1.WebSocketGateway, error) {
	gw := &wsv1alpha1.WebSocketGateway{}
	err := c.Objects.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, gw)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("no gateway %q in namespace %q: choose one with -n, or see all with \"status -A\"", name, c.Namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("get gateway %q in namespace %q: %w", name, c.Namespace, err)
	}
	return gw, nil
}

// Gateways lists those of the namespace, in order.
func (c *Cluster) Gateways(ctx context.Context) ([]wsv1alpha1.WebSocketGateway, error) {
	list := &wsv1alpha1.WebSocketGatewayList{}
	if err := c.Objects.List(ctx, list, client.InNamespace(c.Namespace)); err != nil {
		return nil, fmt.Errorf("list gateways: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b wsv1alpha1.WebSocketGateway) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return list.Items, nil
}

// Pods lists the pods of a gateway, oldest first.
func (c *Cluster) Pods(ctx context.Context, gateway types.NamespacedName) ([]corev1.Pod, error) {
	list := &corev1.PodList{}
	if err := c.Objects.List(ctx, list, client.InNamespace(gateway.Namespace), client.MatchingLabels(render.PodLabels(gateway.Name))); err != nil {
		return nil, fmt.Errorf("list the pods of gateway %s: %w", gateway, err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int {
		if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
			return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list.Items, nil
}

// Running answers the names of the pods that can be asked.
func Running(pods []corev1.Pod) []types.NamespacedName {
	var names []types.NamespacedName
	for i := range pods {
		if pods[i].Status.Phase == corev1.PodRunning {
			names = append(names, client.ObjectKeyFromObject(&pods[i]))
		}
	}
	return names
}
