// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	// LookForKinds is how often a cluster without cert-manager, or without
	// ReferenceGrants, is looked at again. Zero means every 10 seconds.
	LookForKinds time.Duration
	// ReadNamespaces is true where the operator may read the labels of namespaces,
	// which needs a permission in the whole cluster. Else selectors of listeners
	// know of a namespace no label but its name.
	ReadNamespaces bool
	// Workers is the number of gateways that are handled at the same time. Zero
	// means 8.
	Workers int
	// MaxConcurrentRollouts is how many gateways get other pods at a time because
	// this release makes them otherwise. Zero means DefaultConcurrentRollouts.
	MaxConcurrentRollouts int
}

// watches tells whether a namespace is watched. The caches answer questions about
// others with an error.
func (o *Options) watches(namespace string) bool {
	return len(o.Namespaces) == 0 || slices.Contains(o.Namespaces, namespace)
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
	served, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("ask for kinds: %w", err)
	}
	issuers, err := issuerCache(mgr, options.Namespaces)
	if err != nil {
		return err
	}
	options.Metrics = cmp.Or(options.Metrics, metrics.New())
	wake, wakeRevocation, wakeRoute := make(wakeups), make(wakeups), make(wakeups)
	posted, attached := &revocationBoard{}, &routeBoard{}
	certs, grants := certManager(), referenceGrants()
	poller := observe.NewPoller(options.Reporter, options.Now, options.Logger, wake.wake)
	referred := &referredCertificates{reader: issuers}
	reconciler := newReconciler(mgr, options, &sources{issuers, referred, certs, grants, poller})
	reconciler.board, reconciler.wakeRevocation, reconciler.wake = posted, wakeRevocation.wake, wake.wake
	reconciler.attached, reconciler.wakeRoute = attached, wakeRoute.wake
	built, err := build(mgr, reconciler, wake, &options)
	if err != nil {
		return fmt.Errorf("build controller: %w", err)
	}
	referred.begin = func() error { return watchReferred(mgr, issuers, built) }
	if err := errors.Join(buildRevocations(mgr, newRevocations(mgr, options, posted), wakeRevocation),
		buildRoutes(mgr, newRoutes(mgr, &options, attached), wakeRoute)); err != nil {
		return fmt.Errorf("build controllers of statuses: %w", err)
	}
	certs.appeared = func(context.Context, schema.GroupVersion) error { return watchCertManager(mgr, issuers, built) }
	grants.appeared = func(_ context.Context, version schema.GroupVersion) error {
		return watchGrants(mgr, issuers, built, version)
	}
	for _, kinds := range []*optional{certs, grants} {
		kinds.discovery, kinds.every, kinds.log = served, cmp.Or(options.LookForKinds, defaultLook), options.Logger
		if err := expect(ctx, mgr, kinds, wake); err != nil {
			return err
		}
	}
	return add(mgr, issuers, poller, certs, grants)
}

func add(mgr ctrl.Manager, runnables ...manager.Runnable) error {
	for _, runnable := range runnables {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add to manager: %w", err)
		}
	}
	return nil
}

// expect watches optional kinds, at once if they are there: no status shall say for
// a moment that they are missing.
func expect(ctx context.Context, mgr ctrl.Manager, kinds *optional, wake wakeups) error {
	version, err := kinds.installed()
	if err != nil {
		return fmt.Errorf("look for %s: %w", kinds.name, err)
	}
	watch := kinds.appeared
	if version != nil {
		if err := watch(ctx, *version); err != nil {
			return err
		}
		kinds.version.Store(version)
	}
	kinds.appeared = func(ctx context.Context, version schema.GroupVersion) error {
		if err := watch(ctx, version); err != nil {
			return err
		}
		kinds.version.Store(&version)
		return wakeAll(ctx, mgr.GetClient(), wake)
	}
	return nil
}

// sources are what a Reconciler reads besides the manager's caches.
type sources struct {
	issuers       client.Reader
	referred      *referredCertificates
	certs, grants *optional
	poller        *observe.Poller
}

func newReconciler(mgr ctrl.Manager, options Options, from *sources) *Reconciler {
	var namespaces client.Reader
	if options.ReadNamespaces {
		namespaces = mgr.GetClient()
	}
	pacer := rollout.NewPacer(cmp.Or(options.MaxConcurrentRollouts, DefaultConcurrentRollouts))
	options.Metrics.Pacing(pacer.Standing)
	return &Reconciler{
		client:  mgr.GetClient(),
		events:  mgr.GetEventRecorder(apply.FieldOwner),
		now:     options.Now,
		options: options.Render,
		metrics: options.Metrics,
		resolver: &resolve.Resolver{
			Cached: mgr.GetClient(), Live: mgr.GetAPIReader(), Issuers: from.issuers,
			Certificates: from.referred.Reader, CertManager: from.certs.Present,
			Grants: from.issuers, GrantKind: func() (schema.GroupVersionKind, bool) { return from.grants.Kind(compile.KindGrant) },
			Namespaces: namespaces, Watches: options.watches,
		},
		applier: &apply.Applier{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), CertManager: from.certs.Present, Now: options.Now,
		},
		toucher: &apply.Toucher{Client: mgr.GetClient(), Now: options.Now},
		observer: &observe.Observer{
			Reader: mgr.GetClient(), Live: mgr.GetAPIReader(), Poller: from.poller, Now: options.Now,
			Certificates: from.referred.Reader, CertManager: from.certs.Present,
		},
		pacer: pacer,
	}
}

func newRevocations(mgr ctrl.Manager, options Options, posted *revocationBoard) *Revocations {
	return &Revocations{client: mgr.GetClient(), now: options.Now, board: posted, metrics: options.Metrics}
}

func index(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, &wsv1alpha1.WebSocketGateway{}, referenceIndex, referencesOf); err != nil {
		return fmt.Errorf("index gateways by reference: %w", err)
	}
	if err := indexer.IndexField(ctx, &wsv1alpha1.WebSocketRevocation{}, gatewayIndex, gatewaysOf); err != nil {
		return fmt.Errorf("index revocations by gateway: %w", err)
	}
	for name, values := range map[string]client.IndexerFunc{
		resolve.ParentIndex: resolve.ParentsOf, serviceIndex: servicesOf, grantIndex: grantsOf,
	} {
		if err := indexer.IndexField(ctx, &wsv1alpha1.WebSocketRoute{}, name, values); err != nil {
			return fmt.Errorf("index routes by %s: %w", name, err)
		}
	}
	if err := indexer.IndexField(ctx, &discoveryv1.EndpointSlice{}, resolve.ServiceIndex, resolve.ServiceOf); err != nil {
		return fmt.Errorf("index EndpointSlices by Service: %w", err)
	}
	return nil
}

// issuerCache holds the metadata of issuers, the Certificates of everybody, and
// ReferenceGrants. It is a cache of its own because they do not carry our label,
// and their kinds may not be there when the manager's caches are made. It stays
// empty until somebody reads or watches.
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

func build(mgr ctrl.Manager, r reconcile.Reconciler, wake wakeups, options *Options) (controller.Controller, error) {
	reader := mgr.GetCache()
	follow := handler.EnqueueRequestsFromMapFunc
	making := ctrl.NewControllerManagedBy(mgr).
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
		Watches(&corev1.Service{}, follow(routed(reader, serviceIndex, serviceKeyOf))).
		Watches(&discoveryv1.EndpointSlice{}, follow(routed(reader, serviceIndex, serviceKeyOf))).
		Watches(&wsv1alpha1.WebSocketRoute{}, follow(parents), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&wsv1alpha1.WebSocketRevocation{}, follow(revoked), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(wake.source()).
		WithEventFilter(predicate.ResourceVersionChangedPredicate{}).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: cmp.Or(options.Workers, defaultWorkers),
			EnableWarmup:            new(true),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		})
	if options.ReadNamespaces {
		making = making.WatchesMetadata(&corev1.Namespace{}, selecting(reader, options.watches), builder.WithPredicates(predicate.LabelChangedPredicate{}))
	}
	return making.Build(r)
}
