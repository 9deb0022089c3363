// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what the operator does, for Prometheus, beside what
// controller-runtime counts. Names and labels are documented API: docs/metrics.md
// is written from the Catalogue.
//
// Labels are reasons and states of ours. Where a gateway has to be named, there is
// a series only as long as something is wrong with it, so that a healthy fleet of
// any size costs a fixed number.
package metrics

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
)

// Outcome is what came of one pass over one gateway.
type Outcome string

// The outcomes.
const (
	// Done: there is nothing left to do.
	Done Outcome = "done"
	// Waiting: time will heal what is not as it shall be.
	Waiting Outcome = "waiting"
	// Problem: the user has to repair the spec or what it refers to.
	Problem Outcome = "problem"
	// Failed: the pass ended with an error and is repeated.
	Failed Outcome = "error"
)

// CertificateState is how it stands with the certificate of one listener.
type CertificateState string

// The states of certificates.
const (
	// CertificateServed: every ready pod serves the wanted, valid certificate.
	CertificateServed CertificateState = "served"
	// CertificateRenewalFailed: it is served, and cert-manager could not renew it.
	CertificateRenewalFailed CertificateState = "renewal_failed"
	// CertificateIssuing: it is not there yet, or not at all pods.
	CertificateIssuing CertificateState = "issuing"
	// CertificateFailed: there is none, and what there is says that none comes.
	CertificateFailed CertificateState = "failed"
	// CertificateExpired: some pod serves one that is not valid now.
	CertificateExpired CertificateState = "expired"
	// CertificateStale: pods go on serving another than the wanted one, or others
	// than their siblings.
	CertificateStale CertificateState = "stale"
)

// CertificateStates lists them.
func CertificateStates() []CertificateState {
	return []CertificateState{
		CertificateServed, CertificateRenewalFailed, CertificateIssuing, CertificateFailed, CertificateExpired, CertificateStale,
	}
}

// Pods counts the ready pods of a gateway.
type Pods struct {
	// Current pods serve what they shall serve, Behind something else, and Silent
	// ones do not say.
	Current, Behind, Silent int
}

// Gateway is what a pass has found out about one gateway.
type Gateway struct {
	Generation int64
	Conditions []metav1.Condition
	// Certificates by the name of the listener; Pods is nil and Certificates empty
	// where the pass did not get to see them.
	Certificates map[string]CertificateState
	Pods         *Pods
}

// Set is all metrics of one operator. It is a prometheus.Collector and safe for
// concurrent use.
type Set struct {
	book catalogue.Book

	passes       *prometheus.CounterVec
	programmedIn prometheus.Histogram
	build        *prometheus.GaugeVec
	fleet        fleet

	// mu guards the fields below.
	mu       sync.Mutex
	gateways map[types.NamespacedName]*remembered
	// waiting has, by revocation, the gateways of its namespace where it is pending.
	waiting map[types.NamespacedName][]string
	// turns are what Pacing was given.
	turns func() (rolling []types.NamespacedName, waiting int)
}

// remembered is the last that was heard of a gateway.
type remembered struct {
	Gateway
	// since is when the generation was first seen; programmed is true once it was
	// told to be in force, or was so before we looked.
	since      time.Time
	programmed bool
}

// New returns a Set that knows no gateway.
func New() *Set {
	s := &Set{book: catalogue.Book{Program: "operator"}, gateways: map[types.NamespacedName]*remembered{}, waiting: map[types.NamespacedName][]string{}}
	b := &s.book
	s.passes = b.Counters(catalogue.Metric{
		Name: "reconciles_total", Labels: []catalogue.Label{{
			Name: "outcome",
			Values: "`done`, `waiting` for what time will heal, `problem` for what the user has to repair, " +
				"`error` for what is tried again",
		}},
		Help: "Passes over one gateway each",
	})
	s.programmedIn = b.Histogram(catalogue.Metric{
		Name: "time_to_programmed_seconds",
		Help: "Time from when the operator saw a new spec until every ready pod said that it is in force; restarts of the operator are left out",
	}, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300)
	s.build = b.Gauges(catalogue.Metric{
		Name: "build_info", Labels: []catalogue.Label{{Name: "version", Values: "release of the operator"}}, Help: "Always 1",
	})
	s.fleet = newFleet(b)
	for _, outcome := range []Outcome{Done, Waiting, Problem, Failed} {
		s.passes.WithLabelValues(string(outcome))
	}
	return s
}

// Catalogue lists every metric of the operator that is ours by its name. The page
// of metrics is written from it, and dashboards and alerts are checked against it.
func Catalogue() []catalogue.Metric { return New().book.Metrics() }

// Build names the release that runs. Call it once.
func (s *Set) Build(version string) { s.build.WithLabelValues(version).Set(1) }

// Passed counts a pass.
func (s *Set) Passed(outcome Outcome) { s.passes.WithLabelValues(string(outcome)).Inc() }

// Seen notes what a pass that began at began and ends now has found out.
func (s *Set) Seen(key types.NamespacedName, gateway *Gateway, began, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.gateways[key]
	programmed := gateway.programmed()
	switch {
	case known == nil:
		// What was in force before this operator looked says nothing about how long
		// it took.
		known = &remembered{since: began, programmed: programmed}
		s.gateways[key] = known
	case known.Generation != gateway.Generation:
		known.since, known.programmed = began, false
	}
	if programmed && !known.programmed {
		known.programmed = true
		s.programmedIn.Observe(now.Sub(known.since).Seconds())
	}
	before := known.Gateway
	known.Gateway = *gateway
	if gateway.Pods == nil {
		known.Pods, known.Certificates = before.Pods, before.Certificates
	}
}

// Forget drops a gateway that is gone.
func (s *Set) Forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.gateways, key)
	for revocation, names := range s.waiting {
		if revocation.Namespace == key.Namespace {
			s.waiting[revocation] = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == key.Name })
		}
	}
}

// Revoking notes the names of the gateways, in the revocation's namespace, where it
// is not in force at every ready pod. None means that nothing is to be waited for:
// it is in force, has ended, or is gone.
func (s *Set) Revoking(revocation types.NamespacedName, pendingAt ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(pendingAt) == 0 {
		delete(s.waiting, revocation)
		return
	}
	s.waiting[revocation] = pendingAt
}

// Pacing has each scrape ask which gateways have a turn in the rollout of a release
// and how many wait for one. standing may be called by several goroutines at a time.
func (s *Set) Pacing(standing func() (rolling []types.NamespacedName, waiting int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns = standing
}

// programmed tells whether this very generation is in force.
func (g *Gateway) programmed() bool {
	for i := range g.Conditions {
		c := &g.Conditions[i]
		if c.Type == wsv1alpha1.ConditionProgrammed {
			return c.Status == metav1.ConditionTrue && c.ObservedGeneration == g.Generation
		}
	}
	return false
}

// Describe implements prometheus.Collector.
func (s *Set) Describe(into chan<- *prometheus.Desc) {
	s.passes.Describe(into)
	s.programmedIn.Describe(into)
	s.build.Describe(into)
	s.fleet.describe(into)
}

// Collect implements prometheus.Collector.
func (s *Set) Collect(into chan<- prometheus.Metric) {
	s.passes.Collect(into)
	s.programmedIn.Collect(into)
	s.build.Collect(into)
	rolling, queue := s.standing()
	s.fleet.collectTurns(into, rolling, queue)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fleet.collect(into, s.gateways)
	s.fleet.collectPending(into, s.waiting)
}

// standing asks without the lock: whoever is asked has one of their own.
func (s *Set) standing() (rolling []types.NamespacedName, waiting int) {
	s.mu.Lock()
	turns := s.turns
	s.mu.Unlock()
	if turns == nil {
		return nil, 0
	}
	return turns()
}
