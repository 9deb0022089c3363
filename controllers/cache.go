// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// NewScheme knows every kind that the operator reads or writes.
func NewScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, wsv1alpha1.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	return scheme, nil
}

// CacheOptions say what the operator's caches hold: of our own objects and pods
// those with our label, of what users refer to no more than is read, and of the
// rest of the cluster nothing. namespaces limits everything to these; none
// means all.
func CacheOptions(namespaces []string) (cache.Options, error) {
	ours, err := labels.NewRequirement(render.GatewayLabel, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select by label %s: %w", render.GatewayLabel, err)
	}
	everything := cache.ByObject{Label: labels.Everything()}
	return cache.Options{
		DefaultNamespaces:    namespaceConfigs(namespaces),
		DefaultLabelSelector: labels.NewSelector().Add(*ours),
		DefaultTransform:     trim,
		ByObject: map[client.Object]cache.ByObject{
			&wsv1alpha1.WebSocketGateway{}:    everything,
			&wsv1alpha1.WebSocketRoute{}:      everything,
			&wsv1alpha1.WebSocketRevocation{}: everything,
			&corev1.Namespace{}:               everything,
			&corev1.Service{}:                 everything,
			&corev1.ConfigMap{}:               everything,
			&discoveryv1.EndpointSlice{}:      everything,
		},
	}, nil
}

func namespaceConfigs(namespaces []string) map[string]cache.Config {
	if len(namespaces) == 0 {
		return nil
	}
	configs := make(map[string]cache.Config, len(namespaces))
	for _, namespace := range namespaces {
		configs[namespace] = cache.Config{}
	}
	return configs
}
