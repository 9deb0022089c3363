// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// newRevocation locks ann out of gateways for a while.
func (b *bench) newRevocation(name string, lasts time.Duration, gateways ...string) *wsv1alpha1.WebSocketRevocation {
	r := &wsv1alpha1.WebSocketRevocation{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
		Spec: wsv1alpha1.WebSocketRevocationSpec{
			Until:    metav1.NewTime(time.Now().Add(lasts).UTC().Truncate(time.Second)),
			Subjects: []wsv1alpha1.RevokedSubject{{Subject: "ann", Policy: "all"}},
		},
	}
	for _, gateway := range gateways {
		r.Spec.GatewayRefs = append(r.Spec.GatewayRefs, wsv1alpha1.GatewayReference{Name: gateway})
	}
	return r
}

func (b *bench) revocation(name string) *wsv1alpha1.WebSocketRevocation {
	b.t.Helper()
	r := &wsv1alpha1.WebSocketRevocation{}
	b.g.Expect(b.admin.Get(b.ctx, client.ObjectKey{Namespace: b.namespace, Name: name}, r)).To(Succeed())
	return r
}

// says waits until a condition of the revocation, found for its current spec, has
// the status and reason.
func (b *bench) says(revocation, condition string, status metav1.ConditionStatus, reason string) *metav1.Condition {
	b.t.Helper()
	var found *metav1.Condition
	b.g.Eventually(func() error {
		r := b.revocation(revocation)
		found = meta.FindStatusCondition(r.Status.Conditions, condition)
		if found == nil || found.Status != status || found.Reason != reason || found.ObservedGeneration != r.Generation {
			return fmt.Errorf("condition %s is %+v", condition, found)
		}
		return nil
	}).Should(Succeed())
	return found
}

func (b *bench) revocationsOf(gateway string) contract.Revocations {
	b.t.Helper()
	parsed, err := contract.ParseRevocations([]byte(b.files(gateway)[contract.RevocationsFile]))
	b.g.Expect(err).NotTo(HaveOccurred())
	return parsed
}

func TestARevocationIsAcknowledgedByEveryPodAndCounted(t *testing.T) {
	b := newBench(t)
	b.running("edge")
	b.pods.set(func(s *simulatedPods) { s.closes = 3 })
	b.requests.reset()
	started := time.Now()
	b.create(b.newRevocation("incident", time.Hour, "edge"))
	b.says("incident", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
	took := time.Since(started)
	t.Logf("acknowledged by every pod and in status after %v", took)
	// Whoever waits for the next look at the pods gets it after twenty seconds.
	b.g.Expect(took).To(BeNumerically("<", 18*time.Second))
	b.quiet()
	r := b.revocation("incident")
	b.g.Expect(r.Status.Pods).To(Equal("2/2"))
	b.g.Expect(r.Status.ConnectionsClosed).To(Equal(int64(6)))
	if diff := cmp.Diff([]wsv1alpha1.RevocationGatewayStatus{
		{Name: "edge", PodsAcknowledged: 2, PodsTotal: 2, ConnectionsClosed: 6},
	}, r.Status.Gateways); diff != "" {
		t.Errorf("status.gateways (-want +got):\n%s", diff)
	}
	b.g.Expect(meta.FindStatusCondition(r.Status.Conditions, wsv1alpha1.ConditionReconciling)).To(BeNil())
	want := contract.Revocations{Version: contract.Version, Revocations: []contract.Revocation{{
		Name: "incident", UID: string(r.UID), Until: r.Spec.Until.UTC(),
		Subjects: []contract.RevokedSubject{{Subject: "ann", Policy: "all"}},
	}}}
	if diff := cmp.Diff(want, b.revocationsOf("edge")); diff != "" {
		t.Errorf("revocations.json (-want +got):\n%s", diff)
	}
	b.g.Expect(b.requests.writesOf("/status")).To(BeNumerically("<=", 3), "%v", b.requests.written())
	b.g.Expect(b.requests.writesOf("/websocketgateways/edge/status")).To(BeZero(), "the gateway's own status has nothing to say")
	// Once, and once to take over the fields of the Create.
	b.g.Expect(b.requests.writesOf("/configmaps/wsgw-edge")).To(BeNumerically("<=", 2))
	b.writesNothing(3 * time.Second)
	b.restart()
	b.writesNothing(3 * time.Second)
}

func TestADeletedRevocationLocksNobodyOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.create(b.newRevocation("incident", time.Hour, "edge"))
	b.says("incident", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
	b.g.Expect(b.admin.Delete(b.ctx, b.revocation("incident"))).To(Succeed())
	b.g.Eventually(func() []contract.Revocation { return b.revocationsOf("edge").Revocations }).Should(BeEmpty())
	b.quiet()
	b.writesNothing(2 * time.Second)
}

// podsSee waits until every pod has read a file as it is in the cluster: until
// then each is told again, at longer and longer intervals.
func (b *bench) podsSee(gateway, file string) {
	b.t.Helper()
	b.g.Eventually(func() bool { return b.pods.haveSeen(file, contract.Digest([]byte(b.files(gateway)[file]))) }).Should(BeTrue())
}

// moveEnd has a revocation end so long from now.
func (b *bench) moveEnd(revocation string, life time.Duration) {
	b.t.Helper()
	b.g.Eventually(func() error {
		r := b.revocation(revocation)
		r.Spec.Until = metav1.NewTime(time.Now().Add(life).Truncate(time.Second))
		return b.admin.Update(b.ctx, r)
	}).Should(Succeed())
}

func TestARevocationExpiresByItselfAndMayBeRenewed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.pods.set(func(s *simulatedPods) { s.closes = 1 })
	b.create(b.newRevocation("incident", time.Hour, "edge"))
	b.says("incident", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
	b.g.Eventually(func() int64 { return b.revocation("incident").Status.ConnectionsClosed }).Should(Equal(int64(2)))
	// Nothing happens at its end but that the time has come, and however slow the
	// machine is, it was in force before.
	b.moveEnd("incident", 4*time.Second)
	b.says("incident", wsv1alpha1.ConditionExpired, metav1.ConditionTrue, wsv1alpha1.ReasonExpired)
	b.says("incident", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonExpired)
	b.says("incident", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonExpired)
	b.g.Eventually(func() []contract.Revocation { return b.revocationsOf("edge").Revocations }).Should(BeEmpty())
	b.g.Expect(b.revocation("incident").Status.ConnectionsClosed).To(Equal(int64(2)))
	b.podsSee("edge", contract.RevocationsFile)
	b.quiet()
	b.writesNothing(2 * time.Second)

	b.moveEnd("incident", time.Hour)
	b.says("incident", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
	b.g.Expect(meta.FindStatusCondition(b.revocation("incident").Status.Conditions, wsv1alpha1.ConditionExpired)).To(BeNil())
}

func TestAMissingGatewayIsToldAndTheOthersAreServed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.create(b.newRevocation("incident", time.Hour, "edge", "egde"))
	b.says("incident", wsv1alpha1.ConditionProgrammed, metav1.ConditionTrue, wsv1alpha1.ReasonProgrammed)
	condition := b.says("incident", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionFalse, wsv1alpha1.ReasonGatewayNotFound)
	b.g.Expect(condition.Message).To(ContainSubstring(`"egde"`))
	b.says("incident", wsv1alpha1.ConditionReady, metav1.ConditionFalse, wsv1alpha1.ReasonGatewayNotFound)
	b.says("incident", wsv1alpha1.ConditionReconciling, metav1.ConditionTrue, wsv1alpha1.ReasonProgressing)
	// When it comes after all, the revocation is there before its pods.
	b.create(b.newGateway("egde"))
	b.says("incident", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionTrue, wsv1alpha1.ReasonResolvedRefs)
	b.g.Eventually(func() int { return len(b.revocationsOf("egde").Revocations) }).Should(Equal(1))
}

func TestAnEndThatIsTooFarIsRefusedAndAppliedAsFarAsItMay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.create(b.newRevocation("incident", 90*24*time.Hour, "edge"))
	b.says("incident", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonInvalid)
	b.says("incident", wsv1alpha1.ConditionStalled, metav1.ConditionTrue, wsv1alpha1.ReasonInvalid)
	b.says("incident", wsv1alpha1.ConditionProgrammed, metav1.ConditionTrue, wsv1alpha1.ReasonProgrammed)
	until := b.revocationsOf("edge").Revocations[0].Until
	b.g.Expect(until).To(Equal(b.revocation("incident").CreationTimestamp.Add(30 * 24 * time.Hour).UTC()))
}

// Somebody who is to be locked out must not get in because of a mistake in the
// gateway.
func TestAGatewayWithABrokenSpecStillLocksOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "keys"},
		Data:       map[string]string{contract.DefaultKeySetKey: hugeKeySet(contract.MaxInlineBytes)},
	})
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { b.withKeySet(gw) })
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonInvalid)
	config := b.files("edge")[contract.ConfigFile]
	b.create(b.newRevocation("incident", time.Hour, "edge"))
	b.says("incident", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
	b.g.Expect(b.files("edge")[contract.ConfigFile]).To(Equal(config))
	b.g.Expect(b.revocationsOf("edge").Revocations).To(HaveLen(1))
	b.quiet()
	b.writesNothing(2 * time.Second)
}

// Another revocation makes another file; what was acknowledged stays so.
func TestARevocationDoesNotTurnTheStatusOfAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.create(b.newRevocation("first", time.Hour, "edge"))
	b.says("first", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
	b.quiet()
	before := b.revocation("first").ResourceVersion
	b.pods.set(func(s *simulatedPods) { s.blind = true })
	b.create(b.newRevocation("second", time.Hour, "edge"))
	b.g.Eventually(func() string {
		return b.says("second", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonStaleConfig).Message
	}).Should(ContainSubstring("wsgw-edge-1-0"))
	pending := func() float64 {
		return b.sample("gateway_revocations_pending", "gateway=edge", "gateway_namespace="+b.namespace)
	}
	b.g.Eventually(pending).Should(Equal(1.0))
	b.pods.set(func(s *simulatedPods) { s.blind = false })
	b.says("second", wsv1alpha1.ConditionReady, metav1.ConditionTrue, wsv1alpha1.ReasonReady)
	b.g.Expect(b.revocation("first").ResourceVersion).To(Equal(before))
	b.g.Eventually(pending).Should(BeZero())
}

// A gateway that never got as far as to have files says so, and hides nothing of
// what has come of the revocation at another.
func TestABrokenGatewayHidesNothingOfTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "keys"},
		Data:       map[string]string{contract.DefaultKeySetKey: hugeKeySet(contract.MaxInlineBytes)},
	})
	broken := b.newGateway("broken")
	b.withKeySet(broken)
	b.create(broken)
	b.becomes("broken", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonInvalid)
	b.pods.set(func(s *simulatedPods) { s.blind = true })
	b.create(b.newRevocation("incident", time.Hour, "edge", "broken"))
	b.says("incident", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonStaleConfig)
	b.pods.set(func(s *simulatedPods) { s.blind = false })
	b.g.Eventually(func() string { return b.revocation("incident").Status.Pods }).Should(Equal("2/2"))
	b.g.Eventually(func() string {
		return b.says("incident", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonStaleConfig).Message
	}).Should(ContainSubstring(`gateway "broken"`))
	b.quiet()
	b.writesNothing(2 * time.Second)
	pending := func() float64 {
		return b.sample("gateway_revocations_pending", "gateway=broken", "gateway_namespace="+b.namespace)
	}
	b.g.Expect(pending()).To(Equal(1.0))
	b.g.Expect(b.admin.Delete(b.ctx, b.revocation("incident"))).To(Succeed())
	b.g.Eventually(pending).Should(BeZero())
}
