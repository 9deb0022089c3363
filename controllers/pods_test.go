// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Ready stays True all the way through a renewal, and the status says the new
// serial number only when every pod serves it.
func TestARenewedCertificateIsServedWithProof(t *testing.T) {
	b := newBench(t)
	gw := b.running("edge")
	b.requests.reset()
	turned := gw.Status.Conditions
	started := time.Now()
	renewed := b.issue("edge", "public", 2)
	b.g.Eventually(func() int32 {
		served := b.gateway("edge").Status.Listeners[0].Certificate
		if served == nil || served.SHA256 != renewed.report.SHA256 {
			return 0
		}
		return served.ServedBy
	}).Should(Equal(int32(2)))
	took := time.Since(started)
	t.Logf("renewed certificate served by every pod and in status after %v", took)
	b.quiet()
	for _, condition := range b.gateway("edge").Status.Conditions {
		for _, before := range turned {
			if before.Type == condition.Type {
				b.g.Expect(condition.LastTransitionTime).To(Equal(before.LastTransitionTime), "%s turned", condition.Type)
			}
		}
	}
	b.g.Expect(len(b.requests.written())).To(BeNumerically("<=", 4+repeated(2, took)), "%v", b.requests.written())
}

func TestAChangeIsServedQuickly(t *testing.T) {
	b := newBench(t)
	b.running("edge")
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Routes = append(gw.Spec.Routes, newRoute("warm", "/warm", "echo"))
	})
	b.becomesReady("edge")
	started := time.Now()
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Routes = append(gw.Spec.Routes, newRoute("more", "/more", "echo"))
	})
	b.becomesReady("edge")
	took := time.Since(started)
	t.Logf("a new route reported by every pod and in status after %v", took)
	// Whoever waits for the next look at the pods gets it after twenty seconds.
	b.g.Expect(took).To(BeNumerically("<", 10*time.Second))
}

// A kubelet that looks too early sees the old content; it has to be told again.
func TestPodsAreToldAgainUntilTheySee(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.pods.set(func(s *simulatedPods) { s.blind = true })
	b.requests.reset()
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Routes = append(gw.Spec.Routes, newRoute("more", "/more", "echo"))
	})
	touches := func() int { return b.requests.writesOf("/pods/wsgw-edge-1-0") }
	b.g.Eventually(touches).Should(BeNumerically(">=", 3))
	b.pods.set(func(s *simulatedPods) { s.blind = false })
	b.becomesReady("edge")
	b.quiet()
	b.writesNothing(3 * time.Second)
}

func TestAPodThatIsGoingIsNotTouched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	var pod corev1.Pod
	b.g.Expect(b.exists(&pod, "wsgw-edge-1-0")).To(BeTrue())
	// Something holds it, as the kubelet does until the drain is over.
	pod.Finalizers = []string{"example.com/hold"}
	b.g.Expect(b.admin.Update(b.ctx, &pod)).To(Succeed())
	b.g.Expect(b.admin.Delete(b.ctx, &pod)).To(Succeed())
	b.g.Eventually(func() bool {
		return b.exists(&pod, "wsgw-edge-1-0") && pod.DeletionTimestamp != nil
	}).Should(BeTrue())
	b.quiet()
	b.requests.reset()
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Routes = append(gw.Spec.Routes, newRoute("more", "/more", "echo"))
	})
	b.g.Eventually(func() int { return b.requests.writesOf("/pods/wsgw-edge-1-1") }).Should(BeNumerically(">=", 1))
	b.g.Expect(b.requests.writesOf("/pods/wsgw-edge-1-0")).To(BeZero())
	pod.Finalizers = nil
	b.g.Expect(b.admin.Update(b.ctx, &pod)).To(Succeed())
}

func TestWhatPodsSayOfSecretsReachesTheUser(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.AuthPolicies = append(gw.Spec.AuthPolicies, wsv1alpha1.AuthPolicy{
		Name: "devices", AnyOf: []wsv1alpha1.AuthMethod{{
			APIKey: &wsv1alpha1.APIKeyMethod{SecretRef: wsv1alpha1.LocalReference{Name: "device-keys"}},
		}},
	})
	gw.Spec.Routes = append(gw.Spec.Routes, newRoute("devices", "/devices", "echo"))
	gw.Spec.Routes[1].AuthPolicy = "devices"
	b.pods.problems = []contract.ReportProblem{{
		Policy: "devices", Reason: contract.ProblemSecretNotFound, Secret: "device-keys", Message: "the Secret is not mounted",
	}}
	b.create(gw)
	b.issue("edge", "public", 1)
	b.rollOut("edge")
	condition := b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonSecretNotFound)
	b.g.Expect(condition.Message).To(ContainSubstring("device-keys"))
	// Everything else is served all the same.
	b.becomes("edge", wsv1alpha1.ConditionProgrammed, metav1.ConditionTrue, wsv1alpha1.ReasonProgrammed)
}

// A pod that only looks like one of ours could answer anything.
func TestAPodThatNoReplicaSetOfOursMadeDoesNotCount(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	var pod corev1.Pod
	b.g.Expect(b.exists(&pod, "wsgw-edge-1-0")).To(BeTrue())
	impostor := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "impostor", Labels: pod.Labels},
		Spec:       pod.Spec,
	}
	b.create(&impostor)
	impostor.Status = pod.Status
	b.g.Expect(b.admin.Status().Update(b.ctx, &impostor)).To(Succeed())
	b.writesNothing(2 * time.Second)
	b.g.Expect(b.gateway("edge").Status.Pods.Ready).To(Equal(int32(2)))
}

func TestWhyAPodDoesNotStartReachesTheUser(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	b.create(b.newGateway("edge"))
	b.issue("edge", "public", 1)
	for _, pod := range b.rollOut("edge") {
		pod.Status.Conditions[0].Status = corev1.ConditionFalse
		pod.Status.Phase = corev1.PodPending
		pod.Status.ContainerStatuses[0].Ready = false
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: "ErrImagePull", Message: "example.com/gateway:1: not found",
		}}
		b.g.Expect(b.admin.Status().Update(b.ctx, &pod)).To(Succeed())
	}
	b.g.Eventually(func() string {
		return b.becomes("edge", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonNoReadyPods).Message
	}).Should(ContainSubstring("ErrImagePull"))
}

// Status must not be written before each ready pod was asked: it would turn
// Programmed to False at each start of the operator.
func TestAStartingOperatorWaitsForThePodsToAnswer(t *testing.T) {
	b := newBench(t)
	b.running("edge")
	b.stop()
	before := b.gateway("edge").ResourceVersion
	release := make(chan struct{})
	b.pods.set(func(s *simulatedPods) { s.hold = release })
	b.start()
	b.g.Consistently(func() string { return b.gateway("edge").ResourceVersion }, 700*time.Millisecond).Should(Equal(before))
	close(release)
	b.g.Consistently(func() string { return b.gateway("edge").ResourceVersion }, 2*time.Second).Should(Equal(before))
}
