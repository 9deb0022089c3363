// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/catalogue"
)

// fleet describes what is derived from all gateways at each scrape.
type fleet struct {
	gateways, unmet, certificates, uncertified, pods, podsBehind, pending, turn, queue *prometheus.Desc
}

func newFleet(b *catalogue.Book) fleet {
	gateway := []catalogue.Label{
		{Name: "gateway_namespace", Values: "namespace of the WebSocketGateway"},
		{Name: "gateway", Values: "its name"},
	}
	condition := catalogue.Label{Name: "condition", Values: "`Accepted`, `ResolvedRefs`, `CertificatesReady`, `Programmed` or `Ready`"}
	state := catalogue.Label{Name: "state", Values: "`served`, `renewal_failed`, `issuing`, `failed`, `expired` or `stale`"}
	with := func(labels ...catalogue.Label) []catalogue.Label {
		return append(append([]catalogue.Label{}, gateway...), labels...)
	}
	return fleet{
		gateways: b.GaugeDesc(catalogue.Metric{
			Name: "gateways", Labels: []catalogue.Label{condition, {Name: "status", Values: "`True`, `False` or `Unknown`"}},
			Help: "Gateways by what their conditions say",
		}),
		unmet: b.GaugeDesc(catalogue.Metric{
			Name: "gateway_unmet_condition", Labels: with(condition, catalogue.Label{Name: "reason", Values: "the reason of the condition"}),
			Help: "1 for each condition of a gateway that is not True; absent otherwise",
		}),
		certificates: b.GaugeDesc(catalogue.Metric{
			Name: "certificates", Labels: []catalogue.Label{state}, Help: "Certificates of listeners",
		}),
		uncertified: b.GaugeDesc(catalogue.Metric{
			Name: "gateway_certificate_trouble", Labels: with(catalogue.Label{Name: "listener", Values: "its name"}, state),
			Help: "1 for each listener whose certificate is in another state than served; absent otherwise",
		}),
		pods: b.GaugeDesc(catalogue.Metric{
			Name: "pods", Labels: []catalogue.Label{{
				Name: "state",
				Values: "`current`, `behind` when they serve another configuration or certificate than the wanted one, " +
					"`silent` when they do not answer the operator",
			}},
			Help: "Ready gateway pods",
		}),
		podsBehind: b.GaugeDesc(catalogue.Metric{
			Name: "gateway_pods_behind", Labels: gateway,
			Help: "Ready pods of a gateway that do not serve the wanted state, or do not say; absent when there are none",
		}),
		pending: b.GaugeDesc(catalogue.Metric{
			Name: "gateway_revocations_pending", Labels: gateway,
			Help: "Revocations that are not in force at every ready pod of a gateway; absent when there are none",
		}),
		turn: b.GaugeDesc(catalogue.Metric{
			Name: "gateway_rollout_turn", Labels: gateway,
			Help: "1 for each gateway that has a turn in the rollout of a release: until its new pods are ready and its old ones have ended; absent otherwise",
		}),
		queue: b.GaugeDesc(catalogue.Metric{
			Name: "gateways_waiting_for_rollout", Help: "Gateways whose pods a release is to replace, and whose turn has not come",
		}),
	}
}

func (f *fleet) describe(into chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{f.gateways, f.unmet, f.certificates, f.uncertified, f.pods, f.podsBehind, f.pending, f.turn, f.queue} {
		into <- desc
	}
}

func gauge(into chan<- prometheus.Metric, desc *prometheus.Desc, value int, labels ...string) {
	into <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
}

// stage is one value of one condition.
type stage struct {
	condition string
	status    metav1.ConditionStatus
}

func (f *fleet) collect(into chan<- prometheus.Metric, gateways map[types.NamespacedName]*remembered) {
	stages := map[stage]int{}
	certificates := map[CertificateState]int{}
	var pods Pods
	for key, known := range gateways {
		for i := range known.Conditions {
			c := &known.Conditions[i]
			if !counted(c.Type) {
				continue
			}
			stages[stage{c.Type, c.Status}]++
			if c.Status != metav1.ConditionTrue {
				gauge(into, f.unmet, 1, key.Namespace, key.Name, c.Type, c.Reason)
			}
		}
		for listener, state := range known.Certificates {
			certificates[state]++
			if state != CertificateServed {
				gauge(into, f.uncertified, 1, key.Namespace, key.Name, listener, string(state))
			}
		}
		if known.Pods == nil {
			continue
		}
		pods.Current, pods.Behind, pods.Silent = pods.Current+known.Pods.Current, pods.Behind+known.Pods.Behind, pods.Silent+known.Pods.Silent
		if behind := known.Pods.Behind + known.Pods.Silent; behind > 0 {
			gauge(into, f.podsBehind, behind, key.Namespace, key.Name)
		}
	}
	for _, condition := range conditions() {
		for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
			gauge(into, f.gateways, stages[stage{condition, status}], condition, string(status))
		}
	}
	for _, state := range CertificateStates() {
		gauge(into, f.certificates, certificates[state], string(state))
	}
	gauge(into, f.pods, pods.Current, "current")
	gauge(into, f.pods, pods.Behind, "behind")
	gauge(into, f.pods, pods.Silent, "silent")
}

// collectPending counts by gateway; those that wait are keyed by their revocation.
func (f *fleet) collectPending(into chan<- prometheus.Metric, waiting map[types.NamespacedName][]string) {
	pending := map[types.NamespacedName]int{}
	for revocation, gateways := range waiting {
		for _, name := range gateways {
			pending[types.NamespacedName{Namespace: revocation.Namespace, Name: name}]++
		}
	}
	for gateway, revocations := range pending {
		gauge(into, f.pending, revocations, gateway.Namespace, gateway.Name)
	}
}

func (f *fleet) collectTurns(into chan<- prometheus.Metric, rolling []types.NamespacedName, waiting int) {
	for _, gateway := range rolling {
		gauge(into, f.turn, 1, gateway.Namespace, gateway.Name)
	}
	gauge(into, f.queue, waiting)
}

func conditions() []string {
	return []string{
		wsv1alpha1.ConditionAccepted, wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ConditionCertificatesReady,
		wsv1alpha1.ConditionProgrammed, wsv1alpha1.ConditionReady,
	}
}

// counted leaves out Reconciling and Stalled, which say the same about Ready.
func counted(condition string) bool { return slices.Contains(conditions(), condition) }
