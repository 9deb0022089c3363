// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"encoding/pem"
	"slices"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

func noisy(annotations, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: "x", Annotations: annotations, Labels: labels,
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "somebody"}},
	}
}

func pemOf(content string) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(content)})
}

// inside puts an object into a namespace.
func inside(object *metav1.PartialObjectMetadata) *metav1.PartialObjectMetadata {
	object.Namespace = "ns"
	return object
}

// The caches hold a whole cluster's Services and ConfigMaps. What is read of
// them must survive, and nothing else may.
func TestWhatTheCachesKeep(t *testing.T) {
	t.Parallel()
	const revision = "deployment.kubernetes.io/revision"
	noise := map[string]string{"noise": "1"}
	ours := map[string]string{render.GatewayLabel: "edge", "noise": "1"}
	spec := corev1.ServiceSpec{
		ClusterIP: "10.0.0.1", Ports: []corev1.ServicePort{{Port: 1}}, Selector: noise, ExternalIPs: []string{"192.0.2.1"},
	}
	tests := map[string]struct{ in, want client.Object }{
		"our own Service stays whole, for it is compared": {
			in:   &corev1.Service{ObjectMeta: noisy(noise, ours), Spec: spec},
			want: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "x", Annotations: noise, Labels: ours}, Spec: spec},
		},
		"of any other Service its ports and address": {
			in: &corev1.Service{ObjectMeta: noisy(noise, noise), Spec: spec},
			want: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: corev1.ServiceSpec{
				ClusterIP: "10.0.0.1", Ports: []corev1.ServicePort{{Port: 1}},
			}},
		},
		"of an EndpointSlice its Service and addresses": {
			in: &discoveryv1.EndpointSlice{
				ObjectMeta: noisy(noise, map[string]string{discoveryv1.LabelServiceName: "echo", "noise": "1"}),
				Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}, NodeName: new("node")}},
			},
			want: &discoveryv1.EndpointSlice{
				ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{discoveryv1.LabelServiceName: "echo"}},
				Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
			},
		},
		"of a pod its state": {
			in: &corev1.Pod{
				ObjectMeta: noisy(noise, ours), Spec: corev1.PodSpec{NodeName: "node"},
				Status: corev1.PodStatus{PodIP: "192.0.2.1", HostIP: "192.0.2.2", ContainerStatuses: []corev1.ContainerStatus{
					{Name: "gateway", ImageID: "long", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
				}},
			},
			want: &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: ours},
				Status: corev1.PodStatus{PodIP: "192.0.2.1", ContainerStatuses: []corev1.ContainerStatus{
					{Name: "gateway", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
				}},
			},
		},
		"our own Certificate stays whole, for it is compared": {
			in: &cmv1.Certificate{ObjectMeta: noisy(noise, ours), Spec: cmv1.CertificateSpec{SecretName: "s", Subject: &cmv1.X509Subject{}}},
			want: &cmv1.Certificate{
				ObjectMeta: metav1.ObjectMeta{Name: "x", Annotations: noise, Labels: ours},
				Spec:       cmv1.CertificateSpec{SecretName: "s", Subject: &cmv1.X509Subject{}},
			},
		},
		"of any other Certificate its Secret, its names and its state": {
			in: &cmv1.Certificate{
				ObjectMeta: noisy(noise, noise),
				Spec: cmv1.CertificateSpec{
					SecretName: "s", DNSNames: []string{"a"}, Subject: &cmv1.X509Subject{}, IssuerRef: cmmetav1.IssuerReference{Name: "ca"},
				},
				Status: cmv1.CertificateStatus{Revision: new(3)},
			},
			want: &cmv1.Certificate{
				ObjectMeta: metav1.ObjectMeta{Name: "x"},
				Spec: cmv1.CertificateSpec{
					SecretName: "s", DNSNames: []string{"a"}, IssuerRef: cmmetav1.IssuerReference{Name: "ca"},
				},
				Status: cmv1.CertificateStatus{Revision: new(3)},
			},
		},
		"of a chain the leaf": {
			in: &cmv1.CertificateRequest{
				ObjectMeta: noisy(noise, noise), Spec: cmv1.CertificateRequestSpec{Request: []byte("r")},
				Status: cmv1.CertificateRequestStatus{Certificate: slices.Concat(pemOf("leaf"), pemOf("above")), CA: []byte("ca")},
			},
			want: &cmv1.CertificateRequest{
				ObjectMeta: metav1.ObjectMeta{Name: "x", Annotations: noise, Labels: noise},
				Status:     cmv1.CertificateRequestStatus{Certificate: pemOf("leaf")},
			},
		},
		"of metadata the revision and our label": {
			in: inside(&metav1.PartialObjectMetadata{ObjectMeta: noisy(map[string]string{revision: "2", "noise": "1"}, ours)}),
			want: inside(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
				Name: "x", Annotations: map[string]string{revision: "2"}, Labels: map[string]string{render.GatewayLabel: "edge"},
			}}),
		},
		"of a namespace its labels": {
			in:   &metav1.PartialObjectMetadata{ObjectMeta: noisy(noise, noise)},
			want: &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: noise}},
		},
	}
	options, err := controllers.CacheOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		got, err := options.DefaultTransform(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(tt.want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
