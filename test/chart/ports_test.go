// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package chart_test

import (
	"encoding/json"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// portsAreThere counts, by kind, the ports that objects ask for by their names. One
// that nothing has is no error anywhere, either: its Service has no endpoint, its
// monitor no target, and its policy lets nobody in.
func portsAreThere(t *testing.T, rendered []unstructured.Unstructured, seen map[string]int) {
	t.Helper()
	manager := &appsv1.Deployment{}
	decode(t, find(t, rendered, "Deployment", ""), manager)
	for i := range rendered {
		object := &rendered[i]
		asked, offered := ports(t, object, &manager.Spec.Template)
		if object.GetKind() == "ServiceMonitor" {
			offered = serviceNames(t, find(t, rendered, "Service", ""))
		}
		for _, port := range asked {
			seen[object.GetKind()]++
			if !slices.Contains(offered, port) {
				t.Errorf("%s %s asks for port %q, there are %q", object.GetKind(), object.GetName(), port, offered)
			}
		}
	}
}

// ports are the names of ports that an object asks for, and of those that the pods
// have where it asks.
func ports(t *testing.T, object *unstructured.Unstructured, manager *corev1.PodTemplateSpec) (asked, offered []string) {
	t.Helper()
	offered = containerPorts(manager)
	switch object.GetKind() {
	case "Deployment":
		container := manager.Spec.Containers[0]
		return []string{container.LivenessProbe.HTTPGet.Port.StrVal, container.ReadinessProbe.HTTPGet.Port.StrVal}, offered
	case "Service":
		service := &corev1.Service{}
		decode(t, object, service)
		for i := range service.Spec.Ports {
			asked = append(asked, service.Spec.Ports[i].TargetPort.StrVal)
		}
	case "NetworkPolicy":
		policy := &networkingv1.NetworkPolicy{}
		decode(t, object, policy)
		for i := range policy.Spec.Ingress {
			for _, port := range policy.Spec.Ingress[i].Ports {
				asked = append(asked, (*port.Port).StrVal)
			}
		}
	case "ServiceMonitor":
		asked = endpoints(t, object, "endpoints")
	case "PodMonitor":
		pods := gatewayPods(t)
		selects(t, object, stringsAt(t, object, "spec", "selector", "matchLabels"), pods.Labels)
		return endpoints(t, object, "podMetricsEndpoints"), containerPorts(pods)
	}
	return asked, offered
}

func containerPorts(template *corev1.PodTemplateSpec) []string {
	var names []string
	for _, port := range template.Spec.Containers[0].Ports {
		names = append(names, port.Name)
	}
	return names
}

func serviceNames(t *testing.T, object *unstructured.Unstructured) []string {
	t.Helper()
	service := &corev1.Service{}
	decode(t, object, service)
	var names []string
	for i := range service.Spec.Ports {
		names = append(names, service.Spec.Ports[i].Name)
	}
	return names
}

func endpoints(t *testing.T, object *unstructured.Unstructured, field string) []string {
	t.Helper()
	list, _, err := unstructured.NestedSlice(object.Object, "spec", field)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, each := range list {
		endpoint, isObject := each.(map[string]any)
		if !isObject {
			t.Fatalf("%s of %s has %v", field, object.GetName(), each)
		}
		name, _, err := unstructured.NestedString(endpoint, "port")
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// gatewayPods are the pods that the operator makes.
func gatewayPods(t *testing.T) *corev1.PodTemplateSpec {
	t.Helper()
	gateway := &wsv1alpha1.WebSocketGateway{ObjectMeta: metav1.ObjectMeta{Namespace: "chat", Name: "edge"}}
	for _, object := range render.Objects(gateway, render.Files{Config: []byte("{}")}, render.Options{GatewayImage: "gateway:1"}) {
		if object.Kind.Kind != "Deployment" {
			continue
		}
		encoded, err := json.Marshal(object.Apply)
		if err != nil {
			t.Fatal(err)
		}
		made := &appsv1.Deployment{}
		if err := json.Unmarshal(encoded, made); err != nil {
			t.Fatal(err)
		}
		return &made.Spec.Template
	}
	t.Fatal("the operator makes no Deployment")
	return nil
}
