// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/resolve"
	"github.com/wsgateway/websocket-gateway-operator/controllers/rollout"
)

// Options are what Setup needs besides the manager.
type Options struct {
	// Render says what all gateways have in common.
	Render render.Options
	// Namespaces that are watched; none means all. The same as the manager's
	// caches were made for.
	Namespaces []string
	// Reporter asks pods.
	Reporter observe.Reporter
	// Metrics count what is done. nil means that nobody looks.
	Metrics *metrics.Set
	// Logger for what does not belong to one reconcile.
	Logger *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// LookForCertManager is how often a cluster without cert-manager is looked
	// at again. Zero means every 10 seconds.
	LookForCertManager time.Duration
	// Workers is the number of gateways that are handled at the same time. Zero
	// means 8.
	Workers int
	// MaxConcurrentRollouts is how many gateways get other pods at a time because
	// this release makes them otherwise. Zero means DefaultConcurrentRollouts.
	MaxConcurrentRollouts int
}

// DefaultConcurrentRollouts is a number with which a release that is no good is
// seen before it is everywhere.
const DefaultConcurrentRollouts = 3

const (
	defaultLook    = 10 * time.Second
	defaultWorkers = 8

	// A gateway whose pass fails is tried again after these times at the least
	// and at the most.
	firstRetry = 5 * time.Millisecond
	lastRetry  = time.Minute
)

// Setup adds everything that makes gateways to the manager. The manager's
// caches have to be made with CacheOptions. It fails if the API server cannot
// be asked which kinds it has.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	if err := index(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	kinds, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("ask for kinds: %w", err)
	}
	issuers, err := issuerCache(mgr, options.Namespaces)
	if err != nil {
		return err
	}
	options.Metrics = cmp.Or(options.Metrics, metrics.New())
	wake, wakeRevocation := make(wakeups), make(wakeups)
	posted := &board{}
	certs := &certManager{
		discovery: kinds, every: cmp.Or(options.LookForCertManager, defaultLook), log: options.Logger,
	}
	poller := observe.NewPoller(options.Reporter, options.Now, options.Logger, wake.wake)
	referred := &referredCertificates{reader: issuers}
	reconciler := newReconciler(mgr, options, &sources{issuers, referred, certs, poller})
	reconciler.board, reconciler.wakeRevocation, reconciler.wake = posted, wakeRevocation.wake, wake.wake
	built, err := build(mgr, reconciler, wake, cmp.Or(options.Workers, defaultWorkers))
	if err != nil {
		return fmt.Errorf("build controller: %w", err)
	}
	referred.begin = func() error { return watchReferred(mgr, issuers, built) }
	if err := buildRevocations(mgr, newRevocations(mgr, options, posted), wakeRevocation); err != nil {
		return fmt.Errorf("build controller of revocations: %w", err)
	}
	certs.appeared = func(ctx context.Context) error {
		if err := watchCertManager(mgr, issuers, built); err != nil {
			return err
		}
		certs.present.Store(true)
		return wakeAll(ctx, mgr.GetClient(), wake)
	}
	// Known before the first pass, so that no status says for a moment that
	// cert-manager is missing.
	found, err := certs.installed()
	if err != nil {
		return fmt.Errorf("look for cert-manager: %w", err)
	}
	if found {
		if err := watchCertManager(mgr, issuers, built); err != nil {
			return err
		}
		certs.present.Store(true)
	}
	return add(mgr, issuers, poller, certs)
}

func add(mgr ctrl.Manager, runnables ...manager.Runnable) error {
	for _, runnable := range runnables {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add to manager: %w", err)
		}
	}
	return nil
}

// sources are what a Reconciler reads besides the manager's caches.
type sources struct {
	issuers  client.Reader
	referred *referredCertificates
	certs    *certManager
	poller   *observe.Poller
}

func newReconciler(mgr ctrl.Manager, options Options, from *sources) *Reconciler {
	return &Reconciler{
		client:  mgr.GetClient(),
		events:  mgr.GetEventRecorder(apply.FieldOwner),
		now:     options.Now,
		options: options.Render,
		metrics: options.Metrics,
		resolver: &resolve.Resolver{
			Cached: mgr.GetClient(), Live: mgr.GetAPIReader(), Issuers: from.issuers,
			Certificates: from.referred.Reader, CertManager: from.certs.Present,
		},
		applier: &apply.Applier{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), CertManager: from.certs.Present, Now: options.Now,
		},
		toucher: &apply.Toucher{Client: mgr.GetClient(), Now: options.Now},
		observer: &observe.Observer{
			Reader: mgr.GetClient(), Live: mgr.GetAPIReader(), Poller: from.poller, Now: options.Now,
			Certificates: from.referred.Reader, CertManager: from.certs.Present,
		},
		pacer: rollout.NewPacer(cmp.Or(options.MaxConcurrentRollouts, DefaultConcurrentRollouts)),
	}
}

func newRevocations(mgr ctrl.Manager, options Options, posted *board) *Revocations {
	return &Revocations{client: mgr.GetClient(), now: options.Now, board: posted, metrics: options.Metrics}
}

func index(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, &wsv1alpha1.WebSocketGateway{}, referenceIndex, referencesOf); err != nil {
		return fmt.Errorf("index gateways by reference: %w", err)
	}
	if err := indexer.IndexField(ctx, &wsv1alpha1.WebSocketRevocation{}, gatewayIndex, gatewaysOf); err != nil {
		return fmt.Errorf("index revocations by gateway: %w", err)
	}
	if err := indexer.IndexField(ctx, &discoveryv1.EndpointSlice{}, resolve.ServiceIndex, resolve.ServiceOf); err != nil {
		return fmt.Errorf("index EndpointSlices by Service: %w", err)
	}
	return nil
}

// issuerCache holds the metadata of issuers, and the Certificates of everybody. It
// is a cache of its own because they do not carry our label, and their kinds may
// not be there when the manager's caches are made. It stays empty until somebody reads or watches.
func issuerCache(mgr ctrl.Manager, namespaces []string) (cache.Cache, error) {
	issuers, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultNamespaces: namespaceConfigs(namespaces), DefaultTransform: trim,
	})
	if err != nil {
		return nil, fmt.Errorf("make cache of issuers: %w", err)
	}
	return issuers, nil
}

func build(mgr ctrl.Manager, r reconcile.Reconciler, wake wakeups, workers int) (controller.Controller, error) {
	reader := mgr.GetCache()
	follow := handler.EnqueueRequestsFromMapFunc
	return ctrl.NewControllerManagedBy(mgr).
		For(&wsv1alpha1.WebSocketGateway{}, builder.WithPredicates(asked())).
		Owns(&corev1.ServiceAccount{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Owns(&corev1.ConfigMap{}, builder.OnlyMetadata).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Watches(&corev1.Pod{}, follow(labelled)).
		WatchesMetadata(&appsv1.ReplicaSet{}, follow(labelled)).
		WatchesMetadata(&corev1.ConfigMap{}, follow(referring(reader, compile.KindConfigMap))).
		Watches(&corev1.Service{}, follow(referring(reader, compile.KindService))).
		Watches(&discoveryv1.EndpointSlice{}, follow(referring(reader, compile.KindService))).
		Watches(&wsv1alpha1.WebSocketRevocation{}, follow(revoked), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(wake.source()).
		WithEventFilter(predicate.ResourceVersionChangedPredicate{}).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			EnableWarmup:            new(true),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Build(r)
}
