// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// States of Pod.Config.
const (
	configInForce = "in force"
	configWaiting = "waiting"
	configRefused = "refused"
)

func (f *Facts) pod(pod *corev1.Pod) Pod {
	p := Pod{Name: pod.Name, Node: pod.Spec.NodeName, IP: pod.Status.PodIP}
	if len(pod.Spec.Containers) > 0 {
		p.Image = pod.Spec.Containers[0].Image
	}
	p.Ready, p.State = readiness(pod)
	answer, asked := f.States[pod.Name]
	if !asked || answer.Err != nil {
		return p
	}
	state := answer.Value
	p.Asked, p.Version = true, state.Version
	p.Connections, p.MaxConnections = state.Traffic.Connections, state.Limits.MaxConnections
	p.Drain, p.DrainUntil, p.AuditLost = string(state.Drain.State), state.Drain.Until, state.Audit.Lost
	file := state.Report.Files[contract.ConfigFile]
	p.ConfigDigest, p.ConfigError = file.InForce, file.Error
	switch wanted := f.Gateway.Status.ConfigDigest; {
	case file.InForce == wanted && wanted != "":
		p.Config = configInForce
	case file.Error != "":
		p.Config = configRefused
	default:
		p.Config = configWaiting
	}
	for i := range state.Report.Listeners {
		listener := &state.Report.Listeners[i]
		served := Served{Listener: listener.Name, Address: listener.Address}
		if leaf := listener.Certificate; leaf != nil {
			served.SerialNumber, served.SHA256, served.NotAfter = leaf.SerialNumber, leaf.SHA256, new(leaf.NotAfter.UTC())
		}
		p.Certificates = append(p.Certificates, served)
	}
	return p
}

// readiness says what keeps a pod from being ready.
func readiness(pod *corev1.Pod) (bool, string) {
	if pod.DeletionTimestamp != nil {
		return false, "Terminating"
	}
	for i := range pod.Status.ContainerStatuses {
		state := &pod.Status.ContainerStatuses[i].State
		if state.Waiting != nil && state.Waiting.Reason != "" {
			return false, joined(state.Waiting.Reason, state.Waiting.Message)
		}
		if state.Terminated != nil {
			return false, joined(state.Terminated.Reason, fmt.Sprintf("exit status %d", state.Terminated.ExitCode))
		}
	}
	for _, condition := range pod.Status.Conditions {
		switch {
		case condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue:
			return true, ready
		case condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse:
			return false, joined(condition.Reason, condition.Message)
		}
	}
	if pod.Status.Phase == corev1.PodRunning {
		return false, "NotReady"
	}
	return false, string(pod.Status.Phase)
}

func joined(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}

func (f *Facts) route(spec *wsv1alpha1.Route) Route {
	r := Route{Name: spec.Name, Policy: spec.AuthPolicy, Path: "/*"}
	for _, name := range spec.Hostnames {
		r.Hostnames = append(r.Hostnames, string(name))
	}
	if spec.Path != nil {
		r.Path = spec.Path.Value
		if spec.Path.Type != wsv1alpha1.PathMatchExact {
			r.Path = strings.TrimSuffix(r.Path, "/") + "/*"
		}
	}
	for _, state := range f.answers() {
		i := slices.IndexFunc(state.Routes, func(one control.Route) bool { return one.Name == spec.Name })
		if i < 0 {
			continue
		}
		if r.Connections == nil {
			r.Connections, r.Limits = new(0), state.Routes[i].Limits
		}
		*r.Connections += state.Routes[i].Connections
		if r.Fault == "" {
			r.Fault = state.Routes[i].Fault
		}
	}
	for i := range spec.BackendRefs {
		r.Backends = append(r.Backends, f.backend(&spec.BackendRefs[i]))
	}
	return r
}

// drain says how far a drain is, and when it is over by itself.
func (p *Pod) drain() string {
	if p.DrainUntil == nil {
		return "drain " + p.Drain
	}
	return "drain " + p.Drain + ", until " + p.DrainUntil.UTC().Format(time.RFC3339)
}

// answers are those of the pods, in the order of their names.
func (f *Facts) answers() []*control.State {
	var found []*control.State
	for i := range f.Pods {
		if answer, asked := f.States[f.Pods[i].Name]; asked && answer.Err == nil {
			found = append(found, answer.Value)
		}
	}
	return found
}

func (f *Facts) backend(ref *wsv1alpha1.BackendReference) Backend {
	name := compile.ServiceName(f.Gateway.Namespace, ref.Namespace, ref.Name)
	b := Backend{Service: name, Port: ref.Port, Weight: 1, Known: f.ServicesKnown}
	if ref.Weight != nil {
		b.Weight = *ref.Weight
	}
	parts, found := f.Slices[name]
	b.Found = found
	for i := range parts {
		for j := range parts[i].Endpoints {
			b.add(&parts[i].Endpoints[j])
		}
	}
	slices.Sort(b.Endpoints)
	for _, state := range f.answers() {
		b.avoided(state)
	}
	return b
}

func (b *Backend) add(endpoint *discoveryv1.Endpoint) {
	usable := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
	for _, address := range endpoint.Addresses {
		if !usable {
			address += " (not ready)"
		}
		b.Endpoints = append(b.Endpoints, address)
	}
	if usable {
		b.Ready++
	}
}

// avoided notes the endpoints that a pod gives a rest.
func (b *Backend) avoided(state *control.State) {
	name := fmt.Sprintf("%s:%d", b.Service, b.Port)
	for i := range state.Backends {
		if state.Backends[i].Name != name && state.Backends[i].Name != b.Service {
			continue
		}
		for _, endpoint := range state.Backends[i].Endpoints {
			if isAfter(endpoint.AvoidedUntil, state.Time) && !slices.Contains(b.Avoided, endpoint.Address) {
				b.Avoided = append(b.Avoided, endpoint.Address)
			}
		}
	}
}

func isAfter(t *time.Time, now time.Time) bool { return t != nil && t.After(now) }
