// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/wsgateway/websocket-gateway-operator/controllers"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

// bench is one test's namespace, its pods and its operator.
type bench struct {
	*world
	t testing.TB
	g *WithT
	// ctx ends with the test.
	ctx       context.Context
	namespace string
	pods      *simulatedPods
	requests  *requests
	// image of the gateway pods, and how many gateways get it at a time; empty and
	// zero for what every test has.
	image    string
	rollouts int
	// more namespaces that the operator watches.
	more []string
	// metrics are those of the operator that runs now.
	metrics *metrics.Set
	stop    func()
}

// newBench makes a namespace and starts an operator for it.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := newBenchIn(t, shared)
	b.start()
	return b
}

// newBenchIn makes a namespace without an operator.
func newBenchIn(t testing.TB, w *world) *bench {
	t.Helper()
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(apiserver.Patience)
	g.SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	g.Expect(w.admin.Create(t.Context(), namespace)).To(Succeed())
	b := &bench{
		world: w, t: t, g: g, ctx: t.Context(), namespace: namespace.Name, requests: &requests{}, stop: func() {},
	}
	b.pods = newSimulatedPods(b)
	t.Cleanup(func() {
		b.stop()
		if forbidden := b.requests.forbidden(); len(forbidden) > 0 {
			t.Errorf("the operator's role does not allow what the operator does: %v", forbidden)
		}
	})
	return b
}

// start runs an operator as the operator's user.
func (b *bench) start() {
	b.t.Helper()
	as := rest.CopyConfig(b.operator)
	as.Wrap(b.requests.count)
	namespaces := append([]string{b.namespace}, b.more...)
	caches, err := controllers.CacheOptions(namespaces)
	b.g.Expect(err).NotTo(HaveOccurred())
	mgr, err := ctrl.NewManager(as, ctrl.Options{
		Scheme: b.scheme, Cache: caches,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		Controller:             config.Controller{SkipNameValidation: new(true)},
	})
	b.g.Expect(err).NotTo(HaveOccurred())
	b.metrics = metrics.New()
	b.g.Expect(controllers.Setup(b.ctx, mgr, controllers.Options{
		Render: render.Options{
			GatewayImage:      cmp.Or(b.image, "example.com/gateway:1"),
			OperatorNamespace: "operator",
			OperatorPodLabels: map[string]string{"app.kubernetes.io/name": "websocket-gateway-operator"},
			MetricsFrom:       []*networkingv1ac.NetworkPolicyPeerApplyConfiguration{},
		},
		Namespaces: namespaces, ReadNamespaces: true, Reporter: b.pods, Metrics: b.metrics,
		Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		LookForKinds:          100 * time.Millisecond,
		MaxConcurrentRollouts: b.rollouts,
	})).To(Succeed())

	ctx, cancel := context.WithCancel(context.WithoutCancel(b.ctx))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("operator ended with: %v", err)
		}
	})
}

// restart ends the operator and starts another one.
func (b *bench) restart() {
	b.t.Helper()
	b.stop()
	b.start()
}

// requests counts what the operator asks of the API server.
type requests struct {
	mu     sync.Mutex
	writes []string
	denied []string
	reads  int
	// hung requests, those whose path ends so, wait for the end of hanging.
	hung    string
	hanging context.Context
}

type counted struct {
	next http.RoundTripper
	to   *requests
}

func (r *requests) count(next http.RoundTripper) http.RoundTripper { return counted{next: next, to: r} }

// RoundTrip implements http.RoundTripper.
func (c counted) RoundTrip(request *http.Request) (*http.Response, error) {
	c.to.wait(request)
	response, err := c.next.RoundTrip(request)
	what := request.Method + " " + request.URL.Path
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	if request.Method == http.MethodGet {
		c.to.reads++
	} else {
		c.to.writes = append(c.to.writes, what)
	}
	if err == nil && response.StatusCode == http.StatusForbidden {
		c.to.denied = append(c.to.denied, what)
	}
	return response, err
}

// hang keeps writes whose path ends so from the API server until ctx ends.
func (r *requests) hang(ctx context.Context, suffix string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hung, r.hanging = suffix, ctx
}

func (r *requests) wait(request *http.Request) {
	r.mu.Lock()
	suffix, hanging := r.hung, r.hanging
	r.mu.Unlock()
	if suffix == "" || request.Method == http.MethodGet || !strings.HasSuffix(request.URL.Path, suffix) {
		return
	}
	select {
	case <-hanging.Done():
	case <-request.Context().Done():
	}
}

func (r *requests) forbidden() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.denied)
}

// written answers the writes so far, events apart: they are told from the
// others because they are no state of anything.
func (r *requests) written() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.writes), func(what string) bool { return strings.Contains(what, "/events") })
}

// all answers every write so far.
func (r *requests) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}

func (r *requests) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes, r.reads = nil, 0
}

// writesOf counts the writes whose path ends so.
func (r *requests) writesOf(suffix string) int {
	count := 0
	for _, what := range r.written() {
		if strings.HasSuffix(what, suffix) {
			count++
		}
	}
	return count
}

// quiet waits until the operator has written nothing for a while: longer than a change
// of endpoints may have to wait for its turn.
func (b *bench) quiet() {
	b.t.Helper()
	last, since := -1, time.Now()
	b.g.Eventually(func() error {
		if now := len(b.requests.all()); now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) < apply.EndpointsPause+time.Second {
			return fmt.Errorf("still writing: %v", b.requests.all())
		}
		return nil
	}).Should(Succeed())
}

// writesNothing fails if the operator writes anything at all for a while.
func (b *bench) writesNothing(during time.Duration) {
	b.t.Helper()
	b.requests.reset()
	b.g.Consistently(b.requests.all, during, 50*time.Millisecond).Should(BeEmpty())
}
