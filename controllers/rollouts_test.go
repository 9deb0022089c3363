// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

const (
	oldImage = "example.com/gateway:1"
	newImage = "example.com/gateway:2"
)

// fleet makes gateways that run the old image, and then an operator that brings
// the new one, to so many of them at a time.
func (b *bench) fleet(atOnce int, names ...string) {
	b.t.Helper()
	b.start()
	b.surroundings()
	pair := b.newLeaf(1)
	b.pods.set(func(s *simulatedPods) { s.leaves["public"] = pair.report })
	for _, name := range names {
		gw := b.newGateway(name)
		gw.Spec.Infrastructure.Replicas = new(int32(1))
		// One Secret for all: they have nothing to wait for but each other.
		gw.Spec.Listeners[0].TLS.Certificate = wsv1alpha1.CertificateSource{SecretRef: &wsv1alpha1.LocalReference{Name: "pair"}}
		b.create(gw)
		b.rollOut(name)
	}
	for _, name := range names {
		b.becomesReady(name)
	}
	b.quiet()
	b.stop()
	b.image, b.rollouts = newImage, atOnce
}

func (b *bench) imageOf(gateway string) string {
	b.t.Helper()
	for _, container := range b.deployment(gateway).Spec.Template.Spec.Containers {
		if container.Name == render.ContainerName {
			return container.Image
		}
	}
	return ""
}

// rolledTo answers the gateways whose Deployments have the new image.
func (b *bench) rolledTo(names ...string) []string {
	var found []string
	for _, name := range names {
		if b.imageOf(name) == newImage {
			found = append(found, name)
		}
	}
	return found
}

// replacePods plays the Deployment controller and the kubelets for a second
// template: the new pod is there and ready, the old one is on its way out until the
// function is called.
func (b *bench) replacePods(gateway string) (end func()) {
	b.t.Helper()
	var deployment appsv1.Deployment
	b.g.Eventually(func() error {
		b.owned(gateway, &deployment)
		metav1.SetMetaDataAnnotation(&deployment.ObjectMeta, "deployment.kubernetes.io/revision", "2")
		return b.admin.Update(b.ctx, &deployment)
	}).Should(Succeed())
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.namespace, Name: deployment.Name + "-2", Labels: deployment.Spec.Template.Labels,
			Annotations: map[string]string{"deployment.kubernetes.io/revision": "2"},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: deployment.Spec.Replicas, Selector: deployment.Spec.Selector, Template: deployment.Spec.Template,
		},
	}
	b.g.Expect(controllerutil.SetControllerReference(&deployment, set, b.scheme)).To(Succeed())
	b.g.Expect(b.admin.Create(b.ctx, set)).To(Succeed())
	b.runPod(set, 0)
	b.observeDeployment(gateway)
	return func() {
		old := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: deployment.Name + "-1-0"}}
		b.g.Expect(b.admin.Delete(b.ctx, old, client.GracePeriodSeconds(0))).To(Succeed())
	}
}

// observeDeployment plays the Deployment controller, which has seen the last change.
func (b *bench) observeDeployment(gateway string) {
	b.t.Helper()
	b.g.Eventually(func() error {
		deployment := b.deployment(gateway)
		deployment.Status.ObservedGeneration = deployment.Generation
		return b.admin.Status().Update(b.ctx, deployment)
	}).Should(Succeed())
}

func (b *bench) warns(gateway, about string) {
	b.t.Helper()
	b.g.Eventually(func() []string { return b.gateway(gateway).Status.Warnings }).Should(ContainElement(ContainSubstring(about)))
}

func TestANewImageReachesAFewGatewaysAtATime(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	names := []string{"one", "three", "two"}
	b.fleet(1, names...)
	b.start()
	for round := range names {
		b.g.Eventually(func() int { return len(b.rolledTo(names...)) }).Should(Equal(round + 1))
		var rolling, waiting string
		for _, name := range names {
			switch {
			case b.imageOf(name) == oldImage:
				waiting = name
			case !b.exists(&appsv1.ReplicaSet{}, compile.ObjectName(name)+"-2"):
				rolling = name
			}
		}
		if waiting != "" {
			// Nothing of it is wrong: it serves, and says what it waits for.
			b.warns(waiting, fmt.Sprintf("by those of image %s, instead of %s", newImage, oldImage))
			b.becomesReady(waiting)
		}
		b.g.Expect(b.sample("gateway_rollout_turn", "gateway="+rolling, "gateway_namespace="+b.namespace)).To(Equal(1.0))
		b.g.Eventually(func() float64 { return b.sample("gateways_waiting_for_rollout") }).Should(Equal(float64(len(names) - round - 1)))
		end := b.replacePods(rolling)
		// The connections of the old pod are not gone before the pod is.
		b.g.Consistently(func() int { return len(b.rolledTo(names...)) }, time.Second, 50*time.Millisecond).Should(Equal(round + 1))
		end()
	}
	for _, name := range names {
		b.becomesReady(name)
		b.g.Eventually(func() []string { return b.gateway(name).Status.Warnings }).ShouldNot(ContainElement(ContainSubstring(newImage)))
		b.g.Eventually(func() float64 {
			return b.sample("gateway_rollout_turn", "gateway="+name, "gateway_namespace="+b.namespace)
		}).Should(BeZero(), "the rollout has ended")
	}
}

func TestWhatTheSpecAsksForDoesNotWaitForOthers(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	b.fleet(1, "one", "two")
	b.start()
	b.g.Eventually(func() int { return len(b.rolledTo("one", "two")) }).Should(Equal(1))
	waiting := "one"
	if b.imageOf("one") == newImage {
		waiting = "two"
	}
	before := b.deployment(waiting)
	b.change(waiting, func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Routes[0].Path.Value = "/other" // hot
		gw.Spec.Infrastructure.Replicas = new(int32(2))
	})
	b.g.Eventually(func() int32 { return *b.deployment(waiting).Spec.Replicas }).Should(Equal(int32(2)))
	b.g.Eventually(func() string { return b.config(waiting).Routes[0].Path.Prefix }).Should(Equal("/other"))
	b.g.Expect(b.deployment(waiting).Spec.Template).To(Equal(before.Spec.Template))

	b.change(waiting, func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Infrastructure.Resources = &corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceMemory: mustQuantity("256Mi")},
		}
	})
	b.g.Eventually(func() string { return b.imageOf(waiting) }).Should(Equal(newImage), "the pods would be replaced twice")
}

func TestAHeldGatewayKeepsItsPods(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	b.fleet(1, "one")
	b.annotate("one", wsv1alpha1.AnnotationHoldRollout, "true")
	b.start()
	b.warns("one", "keeps the pods as they are")
	b.becomesReady("one")
	b.change("one", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Lifecycle = &wsv1alpha1.Lifecycle{Drain: &wsv1alpha1.Drain{Window: &metav1.Duration{Duration: time.Minute * 3}}}
	})
	b.becomes("one", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonRolloutHeld)
	b.g.Expect(b.imageOf("one")).To(Equal(oldImage))
	b.annotate("one", wsv1alpha1.AnnotationHoldRollout, "false")
	b.g.Eventually(func() string { return b.imageOf("one") }).Should(Equal(newImage))
	b.becomes("one", wsv1alpha1.ConditionProgrammed, metav1.ConditionTrue, wsv1alpha1.ReasonProgrammed)
}

// An operator that takes over counts what the one before it has begun.
func TestWhatAnotherOperatorHasBegunCounts(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	b.fleet(1, "one", "two")
	b.start()
	b.g.Eventually(func() int { return len(b.rolledTo("one", "two")) }).Should(Equal(1))
	b.restart()
	b.quiet()
	b.g.Expect(b.rolledTo("one", "two")).To(HaveLen(1))
}

// Nothing would ever tell of a gateway that is not there, and the turn would be lost.
func TestADeploymentWithoutAGatewayKeepsNoTurn(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	b.fleet(1, "one")
	ghost := b.deployment("one").DeepCopy()
	labels := map[string]string{render.GatewayLabel: "ghost"}
	ghost.ObjectMeta = metav1.ObjectMeta{Namespace: b.namespace, Name: compile.ObjectName("ghost"), Labels: labels}
	ghost.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	ghost.Spec.Template.Labels = labels
	for i := range ghost.Spec.Template.Spec.Containers {
		ghost.Spec.Template.Spec.Containers[i].Image = newImage
	}
	b.create(ghost)
	b.start()
	b.g.Eventually(func() string { return b.imageOf("one") }).Should(Equal(newImage))
}

func TestAGatewayThatCannotBeginGivesItsTurnAway(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	b.fleet(1, "one", "three", "two")
	b.annotate("two", wsv1alpha1.AnnotationHoldRollout, "true")
	b.annotate("three", wsv1alpha1.AnnotationHoldRollout, "true")
	b.start()
	b.g.Eventually(func() string { return b.imageOf("one") }).Should(Equal(newImage))
	b.warns("two", "keeps the pods as they are")
	b.annotate("two", wsv1alpha1.AnnotationHoldRollout, "")
	b.warns("two", "others come first")
	b.observeDeployment("two")
	b.g.Eventually(func() error {
		var account corev1.ServiceAccount
		b.owned("two", &account)
		account.OwnerReferences = nil
		return b.admin.Update(b.ctx, &account)
	}).Should(Succeed())
	b.becomes("two", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonNameConflict)
	b.annotate("three", wsv1alpha1.AnnotationHoldRollout, "")
	b.warns("three", "others come first")
	b.replacePods("one")()
	b.g.Eventually(func() string { return b.imageOf("three") }).Should(Equal(newImage))
}
