// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/wsgateway/websocket-gateway-operator/controllers"
	"github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

const (
	// leaseName is also in the Role that lets the operator hold it.
	leaseName = "websocket-gateway-operator"

	// operatorNameLabel and its value are on the operator's own pods.
	operatorNameLabel = "app.kubernetes.io/name"
	operatorNameValue = "websocket-gateway-operator"

	shutdownTimeout = 10 * time.Second
)

// run runs the operator until ctx is done.
func run(ctx context.Context, s settings, logs io.Writer) error {
	logger := slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: s.logLevel}))
	bridge := logr.FromSlogHandler(logger.Handler())
	ctrl.SetLogger(bridge)
	klog.SetLogger(bridge)

	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	// The API server has fair queues of its own; a second limit here would only
	// make a thousand gateways wait for each other.
	config.QPS = -1
	rest.AddUserAgent(config, "websocket-gateway-operator/"+version)

	options, err := s.managerOptions(bridge)
	if err != nil {
		return err
	}
	mgr, err := ctrl.NewManager(config, options)
	if err != nil {
		return fmt.Errorf("create manager: %w", err)
	}
	set := metrics.New()
	set.Build(version)
	if err := ctrlmetrics.Registry.Register(set); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	defer ctrlmetrics.Registry.Unregister(set) // it is the process's, and run may be called again
	if err := controllers.Setup(ctx, mgr, s.controllerOptions(logger, set)); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	if err := addChecks(mgr); err != nil {
		return err
	}
	logger.Info("starting", "version", version, "gateway_image", s.gatewayImage)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

func (s *settings) managerOptions(logger logr.Logger) (ctrl.Options, error) {
	scheme, err := controllers.NewScheme()
	if err != nil {
		return ctrl.Options{}, err
	}
	caches, err := controllers.CacheOptions(s.namespaces)
	if err != nil {
		return ctrl.Options{}, err
	}
	serving := metricsserver.Options{BindAddress: s.metricsAddress}
	if s.metricsAddress != "0" {
		serving.SecureServing = true
		serving.FilterProvider = filters.WithAuthenticationAndAuthorization
		serving.TLSOpts = []func(*tls.Config){func(c *tls.Config) {
			// Scrapers need no HTTP/2, and without it its resets need no thought.
			c.NextProtos = []string{"http/1.1"}
			c.MinVersion = tls.VersionTLS12
		}}
	}
	return ctrl.Options{
		Scheme:                  scheme,
		Cache:                   caches,
		Logger:                  logger,
		Metrics:                 serving,
		HealthProbeBindAddress:  s.healthAddress,
		LeaderElection:          s.leaderElect,
		LeaderElectionID:        leaseName,
		LeaderElectionNamespace: s.leaderNamespace,
		// The process ends right after the manager, so the lease may be given up
		// early and the next replica need not wait for it to run out.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       new(shutdownTimeout),
	}, nil
}

func (s *settings) controllerOptions(logger *slog.Logger, set *metrics.Set) controllers.Options {
	return controllers.Options{
		Render: render.Options{
			GatewayImage:      s.gatewayImage,
			ImagePullPolicy:   s.gatewayPullPolicy,
			ImagePullSecrets:  s.gatewayPullSecrets,
			OperatorNamespace: s.operatorNamespace,
			OperatorPodLabels: map[string]string{operatorNameLabel: operatorNameValue},
			MetricsFrom:       s.metricsFrom,
		},
		Namespaces: s.namespaces, ReadNamespaces: len(s.namespaces) == 0,
		Reporter: observe.NewHTTPReporter(),
		Metrics:  set,
		Logger:   logger,
		Now:      time.Now,

		MaxConcurrentRollouts: s.rollouts,
	}
}

// addChecks makes the operator ready when its caches are: a new replica must
// not count as one before it could take over.
func addChecks(mgr ctrl.Manager) error {
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return fmt.Errorf("add health check: %w", err)
	}
	synced := func(request *http.Request) error {
		if !mgr.GetCache().WaitForCacheSync(request.Context()) {
			return fmt.Errorf("caches are not filled yet")
		}
		return nil
	}
	if err := mgr.AddReadyzCheck("caches", synced); err != nil {
		return fmt.Errorf("add readiness check: %w", err)
	}
	return nil
}
