// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/pem"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// trim takes away what nobody reads before an object goes into a cache. What it
// removes reads as empty everywhere behind the caches: whoever needs another
// field has to keep it here.
func trim(object any) (any, error) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		// Tombstones of deleted objects have no metadata to trim.
		return object, nil //nolint:nilerr // not an object, nothing to trim
	}
	accessor.SetManagedFields(nil)
	switch object := object.(type) {
	case *corev1.Pod:
		trimPod(object)
	case *corev1.Service:
		trimService(object)
	case *discoveryv1.EndpointSlice:
		trimEndpointSlice(object)
	case *cmv1.Certificate:
		trimCertificate(object)
	case *cmv1.CertificateRequest:
		object.Spec = cmv1.CertificateRequestSpec{}
		object.Status.CA = nil
		// Of the chain only the leaf is compared.
		if block, _ := pem.Decode(object.Status.Certificate); block != nil {
			object.Status.Certificate = pem.EncodeToMemory(block)
		}
	case *metav1.PartialObjectMetadata:
		trimMetadata(object)
	}
	return object, nil
}

func trimPod(pod *corev1.Pod) {
	pod.Annotations = nil
	pod.Spec = corev1.PodSpec{}
	containers := make([]corev1.ContainerStatus, 0, len(pod.Status.ContainerStatuses))
	for i := range pod.Status.ContainerStatuses {
		from := &pod.Status.ContainerStatuses[i]
		containers = append(containers, corev1.ContainerStatus{Name: from.Name, State: from.State})
	}
	pod.Status = corev1.PodStatus{
		Phase:             pod.Status.Phase,
		Conditions:        pod.Status.Conditions,
		PodIP:             pod.Status.PodIP,
		ContainerStatuses: containers,
	}
}

// trimCertificate leaves our own Certificates whole: they are compared with what
// was rendered.
func trimCertificate(certificate *cmv1.Certificate) {
	if certificate.Labels[render.GatewayLabel] != "" {
		return
	}
	certificate.Labels, certificate.Annotations = nil, nil
	certificate.Spec = cmv1.CertificateSpec{
		SecretName: certificate.Spec.SecretName, DNSNames: certificate.Spec.DNSNames, IssuerRef: certificate.Spec.IssuerRef,
	}
}

// trimService leaves our own Services whole: they are compared with what was
// rendered.
func trimService(service *corev1.Service) {
	if service.Labels[render.GatewayLabel] != "" {
		return
	}
	service.Labels, service.Annotations = nil, nil
	service.Spec = corev1.ServiceSpec{
		Type:       service.Spec.Type,
		ClusterIP:  service.Spec.ClusterIP,
		IPFamilies: service.Spec.IPFamilies,
		Ports:      service.Spec.Ports,
	}
	service.Status = corev1.ServiceStatus{}
}

func trimEndpointSlice(slice *discoveryv1.EndpointSlice) {
	slice.Annotations = nil
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: slice.Labels[discoveryv1.LabelServiceName]}
	for i := range slice.Endpoints {
		from := &slice.Endpoints[i]
		slice.Endpoints[i] = discoveryv1.Endpoint{Addresses: from.Addresses, Conditions: from.Conditions}
	}
}

// trimMetadata serves ConfigMaps, ReplicaSets, issuers and namespaces. Of
// annotations only the revision of a ReplicaSet is read, of labels only ours, and
// those of namespaces.
func trimMetadata(object *metav1.PartialObjectMetadata) {
	object.Annotations = only(object.Annotations, "deployment.kubernetes.io/revision")
	if object.Namespace != "" {
		object.Labels = only(object.Labels, render.GatewayLabel)
	}
}

func only(values map[string]string, key string) map[string]string {
	value, ok := values[key]
	if !ok {
		return nil
	}
	return map[string]string{key: value}
}
