// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package promserver

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// Labels that Prometheus' discovery in Kubernetes gives to what it finds.
const (
	metaNamespace = "__meta_kubernetes_namespace"
	metaPod       = "__meta_kubernetes_pod_"
	metaService   = "__meta_kubernetes_service_"
	metaSlice     = "__meta_kubernetes_endpointslice_"
)

// target is one address in a file of targets.
type target struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// PodTargets is the file of targets that has every declared port of every pod.
func PodTargets(pods []corev1.Pod) ([]byte, error) {
	targets := []target{}
	for i := range pods {
		pod := &pods[i]
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				if pod.Status.PodIP == "" {
					continue
				}
				labels := ofPod(pod)
				labels[metaPod+"container_name"] = container.Name
				labels[metaPod+"container_port_name"] = port.Name
				targets = append(targets, target{[]string{at(pod.Status.PodIP, port.ContainerPort)}, labels})
			}
		}
	}
	return encode(targets)
}

func ofPod(pod *corev1.Pod) map[string]string {
	labels := map[string]string{
		metaNamespace: pod.Namespace, metaPod + "name": pod.Name, metaPod + "phase": string(pod.Status.Phase),
	}
	add(labels, metaPod+"label_", pod.Labels)
	return labels
}

// ServiceTargets is the file of targets that has every port of every endpoint of
// every Service.
func ServiceTargets(services []corev1.Service, slices []discoveryv1.EndpointSlice) ([]byte, error) {
	targets := []target{}
	for i := range slices {
		slice := &slices[i]
		service := find(services, slice.Namespace, slice.Labels[discoveryv1.LabelServiceName])
		if service == nil {
			continue
		}
		for _, port := range slice.Ports {
			for j := range slice.Endpoints {
				targets = append(targets, ofEndpoint(service, &slice.Endpoints[j], port)...)
			}
		}
	}
	return encode(targets)
}

func ofEndpoint(service *corev1.Service, endpoint *discoveryv1.Endpoint, port discoveryv1.EndpointPort) []target {
	if port.Port == nil || len(endpoint.Addresses) == 0 {
		return nil
	}
	labels := map[string]string{metaNamespace: service.Namespace, metaService + "name": service.Name}
	add(labels, metaService+"label_", service.Labels)
	if port.Name != nil {
		labels[metaSlice+"port_name"] = *port.Name
	}
	if pod := endpoint.TargetRef; pod != nil && pod.Kind == "Pod" {
		labels[metaPod+"name"] = pod.Name
	}
	return []target{{[]string{at(endpoint.Addresses[0], *port.Port)}, labels}}
}

func find(services []corev1.Service, namespace, name string) *corev1.Service {
	for i := range services {
		if services[i].Namespace == namespace && services[i].Name == name {
			return &services[i]
		}
	}
	return nil
}

func add(labels map[string]string, prefix string, own map[string]string) {
	for name, value := range own {
		labels[prefix+sanitized(name)] = value
	}
}

func at(address string, port int32) string { return net.JoinHostPort(address, strconv.Itoa(int(port))) }

func encode(targets []target) ([]byte, error) {
	content, err := json.MarshalIndent(targets, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write targets: %w", err)
	}
	return content, nil
}
