// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// secretListener serves a certificate that somebody else maintains, so that a
// further Secret is mounted.
func secretListener() wsv1alpha1.Listener {
	listener := newListener("extra", 8443, "extra.example.com")
	listener.TLS.Certificate = wsv1alpha1.CertificateSource{SecretRef: &wsv1alpha1.LocalReference{Name: "extra-tls"}}
	return listener
}

// What the spec no longer asks for has to leave the live objects, although they
// were made by a Create, which server-side apply knows nothing of.
func TestWhatTheSpecDropsLeavesTheLiveObjects(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.Listeners = append(gw.Spec.Listeners, secretListener())
	gw.Spec.Infrastructure.Service.Annotations = map[string]wsv1alpha1.AnnotationValue{
		"example.com/kept": "1", "example.com/dropped": "1",
	}
	gw.Spec.Infrastructure.Scheduling, gw.Spec.Infrastructure.PodMetadata = onNodesOfItsOwn()
	b.create(gw)
	b.quiet()
	b.g.Expect(b.mounts("edge")).To(ContainElement("extra-tls"))
	b.g.Expect(b.chosen("edge")).To(Equal("edge-high node-role.kubernetes.io/ingress,pool dedicated,example.com/spot example.com/team owner"))
	b.g.Expect(b.ports("edge")).To(ConsistOf(int32(443), int32(8443)))

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Listeners = gw.Spec.Listeners[:1]
		delete(gw.Spec.Infrastructure.Service.Annotations, "example.com/dropped")
		gw.Spec.Infrastructure.Scheduling, gw.Spec.Infrastructure.PodMetadata = nil, nil
	})
	b.g.Eventually(func() []int32 { return b.ports("edge") }).Should(ConsistOf(int32(443)), "a closed port stays open")
	b.g.Eventually(func() []string { return b.mounts("edge") }).ShouldNot(ContainElement("extra-tls"))
	b.g.Eventually(func() string { return strings.TrimSpace(b.chosen("edge")) }).Should(BeEmpty())
	var service corev1.Service
	b.owned("edge", &service)
	b.g.Expect(service.Annotations).To(HaveKey("example.com/kept"))
	b.g.Expect(service.Annotations).NotTo(HaveKey("example.com/dropped"))

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Listeners = append(gw.Spec.Listeners, secretListener())
	})
	b.g.Eventually(func() []int32 { return b.ports("edge") }).Should(ConsistOf(int32(443), int32(8443)))
	b.g.Eventually(func() []string { return b.mounts("edge") }).Should(ContainElement("extra-tls"))
}

func onNodesOfItsOwn() (*wsv1alpha1.Scheduling, *wsv1alpha1.PodMetadata) {
	nodes := &wsv1alpha1.Scheduling{
		NodeSelector: map[string]wsv1alpha1.LabelValue{"node-role.kubernetes.io/ingress": "", "pool": "ingress"},
		Tolerations: []wsv1alpha1.Toleration{
			{Key: "dedicated", Value: "ingress", Effect: wsv1alpha1.TaintNoSchedule},
			{Key: "example.com/spot", Operator: wsv1alpha1.TolerationExists, Effect: wsv1alpha1.TaintNoExecute, TolerationSeconds: new(int64(60))},
		},
		PriorityClassName: "edge-high",
	}
	metadata := &wsv1alpha1.PodMetadata{
		Labels:      map[string]wsv1alpha1.LabelValue{"example.com/team": "edge"},
		Annotations: map[string]wsv1alpha1.AnnotationValue{"owner": "platform team"},
	}
	return nodes, metadata
}

// chosen is what the pod template has beyond what each gateway's has: the priority
// class, and the keys of the nodes, taints, labels and annotations.
func (b *bench) chosen(gateway string) string {
	var deployment appsv1.Deployment
	b.owned(gateway, &deployment)
	template := &deployment.Spec.Template
	var taints, labels []string
	for i := range template.Spec.Tolerations {
		taints = append(taints, template.Spec.Tolerations[i].Key)
	}
	for _, key := range slices.Sorted(maps.Keys(template.Labels)) {
		if !strings.HasPrefix(key, "app.kubernetes.io/") && key != "wsgateway.dev/gateway" {
			labels = append(labels, key)
		}
	}
	nodes, annotations := slices.Sorted(maps.Keys(template.Spec.NodeSelector)), slices.Sorted(maps.Keys(template.Annotations))
	return strings.Join([]string{
		template.Spec.PriorityClassName, strings.Join(nodes, ","), strings.Join(taints, ","),
		strings.Join(labels, ","), strings.Join(annotations, ","),
	}, " ")
}

func (b *bench) ports(gateway string) []int32 {
	var service corev1.Service
	b.owned(gateway, &service)
	ports := make([]int32, 0, len(service.Spec.Ports))
	for _, port := range service.Spec.Ports {
		ports = append(ports, port.Port)
	}
	return ports
}

// mounts answers the Secrets that the pod template mounts, by volume.
func (b *bench) mounts(gateway string) []string {
	var deployment appsv1.Deployment
	b.owned(gateway, &deployment)
	spec := &deployment.Spec.Template.Spec
	var names []string
	for i := range spec.Volumes {
		mounted := slices.ContainsFunc(spec.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool {
			return m.Name == spec.Volumes[i].Name
		})
		if mounted && spec.Volumes[i].Secret != nil {
			names = append(names, spec.Volumes[i].Secret.SecretName)
		}
	}
	return names
}

func TestWhatSomebodyElseChangesIsPutBack(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		object client.Object
		spoil  func(client.Object)
		whole  func(client.Object) bool
	}{
		"a label that our caches select by": {
			object: &corev1.Service{},
			spoil:  func(o client.Object) { o.SetLabels(nil) },
			whole:  func(o client.Object) bool { return o.GetLabels()["wsgateway.dev/gateway"] == "edge" },
		},
		"a port of the Service": {
			object: &corev1.Service{},
			spoil:  func(o client.Object) { o.(*corev1.Service).Spec.Ports[0].TargetPort = intstr.FromInt32(1) },
			whole: func(o client.Object) bool {
				return o.(*corev1.Service).Spec.Ports[0].TargetPort == intstr.FromInt32(contract.BindPort(443))
			},
		},
		"the number of pods": {
			object: &appsv1.Deployment{},
			spoil:  func(o client.Object) { o.(*appsv1.Deployment).Spec.Replicas = new(int32(7)) },
			whole:  func(o client.Object) bool { return *o.(*appsv1.Deployment).Spec.Replicas == 2 },
		},
		"the image of the container": {
			object: &appsv1.Deployment{},
			spoil: func(o client.Object) {
				o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "evil.example.com/gateway"
			},
			whole: func(o client.Object) bool {
				return o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image == "example.com/gateway:1"
			},
		},
		"a mounted volume": {
			object: &appsv1.Deployment{},
			spoil: func(o client.Object) {
				spec := &o.(*appsv1.Deployment).Spec.Template.Spec
				spec.Containers[0].VolumeMounts = spec.Containers[0].VolumeMounts[:1]
			},
			whole: func(o client.Object) bool {
				return len(o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].VolumeMounts) == 2
			},
		},
		"a label of nodes that has no value": {
			object: &appsv1.Deployment{},
			spoil: func(o client.Object) {
				delete(o.(*appsv1.Deployment).Spec.Template.Spec.NodeSelector, "node-role.kubernetes.io/ingress")
			},
			whole: func(o client.Object) bool { return len(o.(*appsv1.Deployment).Spec.Template.Spec.NodeSelector) == 2 },
		},
		"what forbids a process more rights than it began with": {
			object: &appsv1.Deployment{},
			spoil: func(o client.Object) {
				o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil
			},
			whole: func(o client.Object) bool {
				allowed := o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation
				return allowed != nil && !*allowed
			},
		},
		"what keeps the account's token to itself": {
			object: &corev1.ServiceAccount{},
			spoil:  func(o client.Object) { o.(*corev1.ServiceAccount).AutomountServiceAccountToken = nil },
			whole:  func(o client.Object) bool { return o.(*corev1.ServiceAccount).AutomountServiceAccountToken != nil },
		},
		"a label more that pods need to be guarded": {
			object: &networkingv1.NetworkPolicy{},
			spoil: func(o client.Object) {
				o.(*networkingv1.NetworkPolicy).Spec.PodSelector.MatchLabels["example.com/no"] = "pod"
			},
			whole: func(o client.Object) bool {
				return len(o.(*networkingv1.NetworkPolicy).Spec.PodSelector.MatchLabels) == 2
			},
		},
		"a label more that pods need to be served": {
			object: &corev1.Service{},
			spoil:  func(o client.Object) { o.(*corev1.Service).Spec.Selector["example.com/no"] = "pod" },
			whole:  func(o client.Object) bool { return len(o.(*corev1.Service).Spec.Selector) == 2 },
		},
		"a further taint that pods put up with": {
			object: &appsv1.Deployment{},
			spoil: func(o client.Object) {
				spec := &o.(*appsv1.Deployment).Spec.Template.Spec
				spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists})
			},
			whole: func(o client.Object) bool { return len(o.(*appsv1.Deployment).Spec.Template.Spec.Tolerations) == 2 },
		},
		"a rule that opens a further door": {
			object: &networkingv1.NetworkPolicy{},
			spoil: func(o client.Object) {
				spec := &o.(*networkingv1.NetworkPolicy).Spec
				spec.Ingress = append(spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
			},
			whole: func(o client.Object) bool {
				return !slices.ContainsFunc(o.(*networkingv1.NetworkPolicy).Spec.Ingress,
					func(r networkingv1.NetworkPolicyIngressRule) bool { return len(r.Ports) == 0 })
			},
		},
		"the content of the contract": {
			object: &corev1.ConfigMap{},
			spoil:  func(o client.Object) { o.(*corev1.ConfigMap).Data[contract.ConfigFile] = "{}" },
			whole:  func(o client.Object) bool { return len(o.(*corev1.ConfigMap).Data[contract.ConfigFile]) > 10 },
		},
		"the disruption budget": {
			object: &policyv1.PodDisruptionBudget{},
			spoil: func(o client.Object) {
				o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable = new(intstr.FromInt32(0))
			},
			whole: func(o client.Object) bool {
				return *o.(*policyv1.PodDisruptionBudget).Spec.MaxUnavailable == intstr.FromInt32(1)
			},
		},
	}
	b := newBench(t)
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.Infrastructure.Scheduling, gw.Spec.Infrastructure.PodMetadata = onNodesOfItsOwn()
	b.create(gw)
	b.quiet()
	for name, tt := range tests {
		b.g.Eventually(func() error {
			b.owned("edge", tt.object)
			tt.spoil(tt.object)
			return b.admin.Update(b.ctx, tt.object)
		}).Should(Succeed(), name)
		b.g.Eventually(func() bool {
			b.owned("edge", tt.object)
			return tt.whole(tt.object)
		}).Should(BeTrue(), name)
	}
}

// The first write of an object that was created is one that changes no content of it.
// What would be refused if it were new must not keep the operator from that.
func TestWhatSomebodyElseAllowsAGatewayDoesNotLockTheOperatorOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	b.create(b.newGateway("edge"))
	b.quiet()
	var deployment appsv1.Deployment
	b.g.Eventually(func() error {
		b.owned("edge", &deployment)
		spec := &deployment.Spec.Template.Spec
		spec.AutomountServiceAccountToken, spec.HostNetwork = new(true), true
		spec.ServiceAccountName, spec.DeprecatedServiceAccount = "default", "default"
		return b.admin.Update(b.ctx, &deployment)
	}).Should(Succeed())
	b.g.Eventually(func() bool {
		b.owned("edge", &deployment)
		spec := &deployment.Spec.Template.Spec
		return !*spec.AutomountServiceAccountToken && spec.ServiceAccountName == deployment.Name
	}).Should(BeTrue(), "what is the operator's is not put back")
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Infrastructure.Replicas = new(int32(3)) })
	b.g.Eventually(func() int32 {
		b.owned("edge", &deployment)
		return *deployment.Spec.Replicas
	}).Should(Equal(int32(3)), "what somebody else has added keeps the operator from all else")
}

func TestWhatSomebodyElseRemovesComesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	b.create(b.newGateway("edge"))
	b.quiet()
	for _, object := range []client.Object{
		&appsv1.Deployment{}, &corev1.Service{}, &corev1.ConfigMap{}, &networkingv1.NetworkPolicy{},
		&policyv1.PodDisruptionBudget{}, &corev1.ServiceAccount{},
	} {
		b.owned("edge", object)
		gone := object.GetUID()
		b.g.Expect(b.admin.Delete(b.ctx, object, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
		b.g.Eventually(func() bool {
			return b.exists(object, compile.ObjectName("edge")) && object.GetUID() != gone
		}).Should(BeTrue(), "%T does not come back", object)
	}
}

// kubectl rollout restart marks the pod template. Taking the mark away would
// roll the pods a second time.
func TestARolloutRestartRollsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.running("edge")
	var deployment appsv1.Deployment
	b.owned("edge", &deployment)
	deployment.Spec.Template.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "now"}
	b.g.Expect(b.admin.Update(b.ctx, &deployment)).To(Succeed())
	rolled := deployment.Generation

	b.writesNothing(2 * time.Second)
	// Not even when the next change of the spec writes the Deployment.
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Infrastructure.Replicas = new(int32(3)) })
	b.g.Eventually(func() int64 {
		b.owned("edge", &deployment)
		return deployment.Generation
	}).Should(Equal(rolled + 1))
	b.g.Expect(*deployment.Spec.Replicas).To(Equal(int32(3)))
	b.g.Expect(deployment.Spec.Template.Annotations).To(HaveKeyWithValue("kubectl.kubernetes.io/restartedAt", "now"))
}

func TestAChangeThatIsNoneWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.surroundings()
	gw := b.newGateway("edge")
	gw.Spec.Infrastructure.Resources = &corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{corev1.ResourceMemory: mustQuantity("1024Mi"), corev1.ResourceCPU: mustQuantity("2000m")},
		Requests: corev1.ResourceList{corev1.ResourceCPU: mustQuantity("0.5")},
	}
	gw.Spec.Infrastructure.Scheduling, gw.Spec.Infrastructure.PodMetadata = onNodesOfItsOwn()
	gw.Spec.Listeners[0].TLS.Certificate.Duration = &metav1.Duration{Duration: 2160 * time.Hour}
	b.create(gw)
	b.quiet()
	b.stop()
	b.requests.reset()
	// An operator that remembers nothing has to find everything as it should
	// be, however the API server spells it.
	b.start()
	b.g.Consistently(b.requests.all, 3*time.Second, 50*time.Millisecond).Should(BeEmpty())
}
