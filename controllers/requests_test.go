// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// annotate sets an annotation of a gateway; an empty value takes it away.
func (b *bench) annotate(gateway, name, value string) {
	b.t.Helper()
	b.change(gateway, func(gw *wsv1alpha1.WebSocketGateway) {
		if value == "" {
			delete(gw.Annotations, name)
			return
		}
		metav1.SetMetaDataAnnotation(&gw.ObjectMeta, name, value)
	})
}

// soon is a time that is later than everything before this call, in the whole
// seconds of the API.
func soon() string { return time.Now().UTC().Add(time.Second).Format(time.RFC3339) }

const longAgo = "2001-02-03T04:05:06Z"

func (b *bench) issuing(gateway, listener string) *cmv1.CertificateCondition {
	b.t.Helper()
	var certificate cmv1.Certificate
	key := client.ObjectKey{Namespace: b.namespace, Name: compile.CertificateSecretName(gateway, listener)}
	b.g.Expect(b.admin.Get(b.ctx, key, &certificate)).To(Succeed())
	for i := range certificate.Status.Conditions {
		if certificate.Status.Conditions[i].Type == cmv1.CertificateConditionIssuing {
			return &certificate.Status.Conditions[i]
		}
	}
	return nil
}

func (b *bench) handled(gateway, wish string) {
	b.t.Helper()
	b.g.Eventually(func() string { return b.gateway(gateway).Status.LastHandledRotateAt }).Should(Equal(wish))
}

func TestCertificatesAreIssuedAnewOnceWhenSomebodyAsks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	const patched = "/certificates/wsgw-edge.public/status"
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, "2999-12-31T23:59:59Z")
	b.warns("edge", "2999-12-31T23:59:59Z")
	b.g.Expect(b.issuing("edge", "public")).To(BeNil(), "its time has not come")
	wish := soon()
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, wish)
	b.handled("edge", wish)
	issuing := b.issuing("edge", "public")
	b.g.Expect(issuing).NotTo(BeNil())
	b.g.Expect(issuing.Status).To(Equal(cmmetav1.ConditionTrue))
	b.g.Expect(issuing.Message).To(ContainSubstring("edge"))
	b.issue("edge", "public", 2)
	b.becomesReady("edge")
	b.quiet()
	b.restart()
	b.quiet()
	b.g.Expect(b.requests.writesOf(patched)).To(Equal(1), "the wish is fulfilled more than once")

	// What was issued later than the time that is asked for is new enough.
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, longAgo)
	b.handled("edge", longAgo)
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, "")
	b.quiet()
	b.g.Expect(b.requests.writesOf(patched)).To(Equal(1))
	b.g.Expect(b.issuing("edge", "public")).To(BeNil())
}

func TestAnAnnotationThatCannotBeReadIsReportedAndStopsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, "tomorrow")
	condition := b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionFalse, wsv1alpha1.ReasonInvalid)
	b.g.Expect(condition.Message).To(ContainSubstring(wsv1alpha1.AnnotationRotateAt))
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Infrastructure.Replicas = new(int32(3)) })
	b.g.Eventually(func() int32 { return *b.deployment("edge").Spec.Replicas }).Should(Equal(int32(3)))
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, "")
	b.becomes("edge", wsv1alpha1.ConditionAccepted, metav1.ConditionTrue, wsv1alpha1.ReasonAccepted)
	b.g.Expect(b.issuing("edge", "public")).To(BeNil())
}

func (b *bench) deployment(gateway string) *appsv1.Deployment {
	b.t.Helper()
	var deployment appsv1.Deployment
	b.owned(gateway, &deployment)
	return &deployment
}

// Each change of the template's content is a generation of the Deployment, and
// replaces the pods.
func TestARestartReplacesThePodsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	before := b.deployment("edge").Generation
	first := soon()
	b.annotate("edge", wsv1alpha1.AnnotationRestart, first)
	b.g.Eventually(func() string {
		return b.deployment("edge").Spec.Template.Annotations[wsv1alpha1.AnnotationRestart]
	}).Should(Equal(first))
	b.quiet()
	b.annotate("edge", wsv1alpha1.AnnotationRestart, longAgo)
	b.quiet()
	b.annotate("edge", wsv1alpha1.AnnotationRestart, "")
	b.quiet()
	b.restart()
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Infrastructure.Replicas = new(int32(3)) })
	b.g.Eventually(func() int32 { return *b.deployment("edge").Spec.Replicas }).Should(Equal(int32(3)))
	b.quiet()
	after := b.deployment("edge")
	b.g.Expect(after.Generation).To(Equal(before+2), "a restart and a change of the replicas")
	b.g.Expect(after.Spec.Template.Annotations).To(HaveKeyWithValue(wsv1alpha1.AnnotationRestart, first))
}

func TestOfAPausedGatewayNothingIsChangedAndTheTruthIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	b.annotate("edge", wsv1alpha1.AnnotationPaused, "true")
	b.g.Eventually(func() []string { return b.gateway("edge").Status.Warnings }).
		Should(ContainElement(ContainSubstring(wsv1alpha1.AnnotationPaused)))
	b.becomesReady("edge")

	b.quiet()
	b.requests.reset()
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Infrastructure.Replicas = new(int32(3))
		gw.Spec.Routes[0].Path.Value = "/other"
	})
	condition := b.becomes("edge", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonPaused)
	b.g.Expect(condition.Message).To(And(ContainSubstring("ConfigMap wsgw-edge"), ContainSubstring("Deployment wsgw-edge")))
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: compile.ObjectName("edge")}}
	b.g.Expect(b.admin.Delete(b.ctx, service)).To(Succeed())
	b.annotate("edge", wsv1alpha1.AnnotationRotateAt, soon())
	b.g.Eventually(func() string {
		return b.becomes("edge", wsv1alpha1.ConditionProgrammed, metav1.ConditionFalse, wsv1alpha1.ReasonPaused).Message
	}).Should(ContainSubstring("Service wsgw-edge"))
	b.quiet()
	others := slices.DeleteFunc(b.requests.written(), func(what string) bool {
		return strings.HasSuffix(what, "/websocketgateways/edge/status")
	})
	b.g.Expect(others).To(BeEmpty(), "something of a paused gateway was written")

	b.annotate("edge", wsv1alpha1.AnnotationPaused, "")
	b.g.Eventually(func() int32 { return *b.deployment("edge").Spec.Replicas }).Should(Equal(int32(3)))
	b.g.Eventually(func() bool { return b.exists(&corev1.Service{}, compile.ObjectName("edge")) }).Should(BeTrue())
	b.g.Eventually(func() *cmv1.CertificateCondition { return b.issuing("edge", "public") }).ShouldNot(BeNil())
	b.becomes("edge", wsv1alpha1.ConditionProgrammed, metav1.ConditionTrue, wsv1alpha1.ReasonProgrammed)
}
