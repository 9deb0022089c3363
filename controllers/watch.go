// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
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

// referredCertificates are the Certificates that somebody else maintains. They do
// not carry our label, so they and their requests are watched whole; but only once
// a gateway refers to one: most clusters have many more than gateways need.
type referredCertificates struct {
	reader client.Reader
	// begin starts to watch.
	begin func() error

	mu    sync.Mutex
	begun bool
}

// Reader answers where to read them, and sees to it that gateways learn of their
// changes.
func (c *referredCertificates) Reader() (client.Reader, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		if err := c.begin(); err != nil {
			return nil, err
		}
		c.begun = true
	}
	return c.reader, nil
}

// watchReferred watches the Certificates of everybody, and their requests.
func watchReferred(mgr ctrl.Manager, everybodys cache.Cache, to controller.Controller) error {
	toGateways := referring(mgr.GetCache(), compile.KindCertificate)
	ofRequest := func(ctx context.Context, request client.Object) []reconcile.Request {
		owner := metav1.GetControllerOf(request)
		if owner == nil || owner.Kind != cmv1.CertificateKind {
			return nil
		}
		certificate := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: request.GetNamespace(), Name: owner.Name}}
		return toGateways(ctx, certificate)
	}
	for _, watch := range []source.Source{
		source.Kind[client.Object](everybodys, &cmv1.Certificate{},
			handler.EnqueueRequestsFromMapFunc(toGateways), predicate.ResourceVersionChangedPredicate{}),
		source.Kind[client.Object](everybodys, &cmv1.CertificateRequest{},
			handler.EnqueueRequestsFromMapFunc(ofRequest), predicate.ResourceVersionChangedPredicate{}),
	} {
		if err := to.Watch(watch); err != nil {
			return fmt.Errorf("watch the Certificates of others: %w", err)
		}
	}
	return nil
}

// watchGrants watches ReferenceGrants, under the same conditions.
func watchGrants(mgr ctrl.Manager, others cache.Cache, to controller.Controller, version schema.GroupVersion) error {
	watched := &unstructured.Unstructured{}
	watched.SetGroupVersionKind(version.WithKind(compile.KindGrant))
	for _, follow := range []handler.MapFunc{
		referring(mgr.GetCache(), compile.KindGrant), routed(mgr.GetCache(), grantIndex, client.Object.GetNamespace),
	} {
		if err := to.Watch(source.Kind[client.Object](others, watched,
			handler.EnqueueRequestsFromMapFunc(follow), predicate.GenerationChangedPredicate{})); err != nil {
			return fmt.Errorf("watch ReferenceGrants: %w", err)
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
