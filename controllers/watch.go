// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// watchCertManager watches what gateways need of cert-manager. It may only be
// called when the kinds exist, and may be called again when it failed.
func watchCertManager(mgr ctrl.Manager, issuers cache.Cache, to controller.Controller) error {
	byLabel := handler.EnqueueRequestsFromMapFunc(labelled)
	watches := []source.Source{
		source.Kind[client.Object](mgr.GetCache(), &cmv1.Certificate{}, byLabel,
			predicate.ResourceVersionChangedPredicate{}),
		source.Kind[client.Object](mgr.GetCache(), &cmv1.CertificateRequest{}, byLabel,
			predicate.ResourceVersionChangedPredicate{}),
	}
	for _, kind := range []string{cmv1.IssuerKind, cmv1.ClusterIssuerKind} {
		watched := &metav1.PartialObjectMetadata{}
		watched.SetGroupVersionKind(cmv1.SchemeGroupVersion.WithKind(kind))
		watches = append(watches, source.Kind[client.Object](issuers, watched,
			handler.EnqueueRequestsFromMapFunc(referring(mgr.GetCache(), kind)), existence()))
	}
	for _, watch := range watches {
		if err := to.Watch(watch); err != nil {
			return fmt.Errorf("watch kinds of cert-manager: %w", err)
		}
	}
	return nil
}

// existence lets through what comes and goes: what an issuer says of itself
// reaches us through CertificateRequests.
func existence() predicate.Funcs {
	funcs := predicate.NewPredicateFuncs(func(client.Object) bool { return true })
	funcs.UpdateFunc = func(event.UpdateEvent) bool { return false }
	return funcs
}

// wakeAll reconciles every gateway.
func wakeAll(ctx context.Context, reader client.Reader, wake wakeups) error {
	var gateways wsv1alpha1.WebSocketGatewayList
	if err := reader.List(ctx, &gateways); err != nil {
		return fmt.Errorf("list gateways: %w", err)
	}
	for i := range gateways.Items {
		wake.wake(ctx, client.ObjectKeyFromObject(&gateways.Items[i]))
	}
	return nil
}
