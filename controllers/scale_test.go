// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
)

const (
	manyGateways = 1000
	manyClients  = 8
)

// BenchmarkAThousandGateways applies many gateways at once and takes the time
// until all of their objects exist. The measure of it is a bare client that
// creates the same objects and thinks about nothing.
func BenchmarkAThousandGateways(t *testing.B) {
	b := newBenchIn(t, shared)
	b.surroundings()
	b.start()
	for t.Loop() {
		before := heap()
		started := time.Now()
		b.parallel(manyGateways, func(i int) error { return b.admin.Create(b.ctx, b.newGateway(fmt.Sprintf("edge-%d", i))) })
		applied := time.Since(started)
		b.g.Eventually(b.count(&policyv1.PodDisruptionBudgetList{}), 2*time.Minute, time.Second).Should(Equal(manyGateways))
		took := time.Since(started)
		b.quiet()
		t.ReportMetric(float64(heap()-before)/(1<<20), "MB/1000gateways")
		t.ReportMetric(took.Seconds(), "s/operator")
		t.ReportMetric(applied.Seconds(), "s/only-gateways")
		t.ReportMetric(float64(len(b.requests.written()))/manyGateways, "writes/gateway")
		t.ReportMetric(float64(len(b.requests.all()))/manyGateways, "writes+events/gateway")
		t.ReportMetric(float64(b.requests.reads)/manyGateways, "reads/gateway")
		t.ReportMetric(b.bare().Seconds(), "s/bare-client")
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// count counts the objects of a kind in the namespace, from the server.
func (b *bench) count(list client.ObjectList) func() (int, error) {
	metadata := &metav1.PartialObjectMetadataList{}
	kind, err := b.admin.GroupVersionKindFor(list)
	b.g.Expect(err).NotTo(HaveOccurred())
	metadata.SetGroupVersionKind(kind)
	return func() (int, error) {
		err := b.admin.List(b.ctx, metadata, client.InNamespace(b.namespace))
		return len(metadata.Items), err
	}
}

func (b *bench) parallel(n int, work func(i int) error) {
	b.t.Helper()
	var group sync.WaitGroup
	failures := make(chan error, n)
	for worker := range manyClients {
		group.Go(func() {
			for i := worker; i < n; i += manyClients {
				if err := work(i); err != nil {
					failures <- err
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		b.g.Expect(err).NotTo(HaveOccurred())
	}
}

// bare creates what the operator made of all gateways, and the gateways, in
// another namespace.
func (b *bench) bare() time.Duration {
	b.t.Helper()
	objects := make([]*unstructured.Unstructured, 0, manyGateways*len(apply.Kinds()))
	for _, kind := range apply.Kinds() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		b.g.Expect(b.admin.List(b.ctx, list, client.InNamespace(b.namespace),
			client.HasLabels{"wsgateway.dev/gateway"})).To(Succeed())
		for i := range list.Items {
			objects = append(objects, &list.Items[i])
		}
	}
	other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bare-"}}
	b.create(other)
	for _, object := range objects {
		metadata, _ := object.Object["metadata"].(map[string]any)
		object.Object["metadata"] = map[string]any{
			"name": object.GetName(), "namespace": other.Name, "labels": metadata["labels"],
		}
		delete(object.Object, "status")
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIP")
		unstructured.RemoveNestedField(object.Object, "spec", "clusterIPs")
	}
	b.g.Expect(len(objects)).To(BeNumerically(">=", 7*manyGateways))
	started := time.Now()
	b.parallel(manyGateways, func(i int) error {
		gw := b.newGateway(fmt.Sprintf("edge-%d", i))
		gw.Namespace = other.Name
		return b.admin.Create(b.ctx, gw)
	})
	b.parallel(len(objects), func(i int) error { return b.admin.Create(b.ctx, objects[i]) })
	return time.Since(started)
}
