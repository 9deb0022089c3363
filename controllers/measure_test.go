// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// sample is the value of a series: of a histogram, how much it has counted. Labels
// are NAME=VALUE in the order of their names; 0 stands for a series that is not
// there.
func (b *bench) sample(name string, labels ...string) float64 {
	b.t.Helper()
	registry := prometheus.NewRegistry()
	b.g.Expect(registry.Register(b.metrics)).To(Succeed())
	families, err := registry.Gather()
	b.g.Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			pairs := map[string]string{}
			for _, label := range metric.GetLabel() {
				pairs[label.GetName()] = label.GetValue()
			}
			var got []string
			for _, key := range slices.Sorted(maps.Keys(pairs)) {
				got = append(got, key+"="+pairs[key])
			}
			if family.GetName() == "wsgateway_operator_"+name && strings.Join(got, " ") == strings.Join(labels, " ") {
				return metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

func TestMetricsTellWhatIsDoneAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	is := func(want float64, name string, labels ...string) {
		t.Helper()
		b.g.Eventually(func() error {
			if got := b.sample(name, labels...); got != want {
				return fmt.Errorf("%s %v is %v, not %v", name, labels, got, want)
			}
			return nil
		}).Should(Succeed())
	}
	is(1, "time_to_programmed_seconds")
	is(1, "gateways", "condition=Ready", "status=True")
	is(1, "certificates", "state=served")
	is(2, "pods", "state=current")
	is(0, "gateway_pods_behind", "gateway=edge", "gateway_namespace="+b.namespace)
	b.g.Expect(b.sample("reconciles_total", "outcome=done")).To(BeNumerically(">", 0))

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Routes[0].BackendRefs[0].Name = "missing" })
	unresolved := []string{"condition=ResolvedRefs", "gateway=edge", "gateway_namespace=" + b.namespace, "reason=ServiceNotFound"}
	is(1, "gateway_unmet_condition", unresolved...)
	is(1, "gateways", "condition=ResolvedRefs", "status=False")
	// A pass is counted after its status was written.
	b.g.Eventually(func() float64 { return b.sample("reconciles_total", "outcome=problem") }).Should(BeNumerically(">", 0))

	is(2, "time_to_programmed_seconds")

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Routes[0].BackendRefs[0].Name = "echo" })
	is(0, "gateway_unmet_condition", unresolved...)
	is(3, "time_to_programmed_seconds")

	b.g.Expect(b.admin.Delete(b.ctx, b.gateway("edge"))).To(Succeed())
	is(0, "gateways", "condition=Ready", "status=True")
	b.g.Expect(b.sample("reconciles_total", "outcome=error")).To(BeZero())
}
