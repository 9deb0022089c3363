// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// programmed is about the configuration that is in force in the pods, because
// each of them said so.
func (p *pass) programmed() finding {
	if f, held := p.heldBack(); held {
		return f
	}
	running := p.facts.Running
	if running == nil {
		return p.keep(wsv1alpha1.ConditionProgrammed)
	}
	result := p.rollUp(running)
	if p.held() {
		result.generation = p.keep(wsv1alpha1.ConditionProgrammed).generation
	}
	return result
}

func (p *pass) rollUp(running *Running) finding {
	if f, bad := p.portTaken(running); bad {
		return f
	}
	ready := running.ready()
	if len(ready) == 0 {
		return p.no(wsv1alpha1.ReasonNoReadyPods, p.whyNone())
	}
	for _, check := range []func([]*Pod) (finding, bool){p.current, p.audible} {
		if f, bad := check(ready); bad {
			return f
		}
	}
	if len(running.Addresses) == 0 && p.waitsForAddress() {
		return p.no(wsv1alpha1.ReasonAddressNotAssigned,
			"The Service of type LoadBalancer has no address yet: if the cluster has no load balancer, "+
				"set spec.infrastructure.service.type to NodePort or ClusterIP.")
	}
	return p.yes(wsv1alpha1.ReasonProgrammed, "Every ready pod reports the wanted configuration.")
}

func (p *pass) whyNone() string {
	if why := p.trouble(); why != "" {
		return "No pod is ready: " + why
	}
	if p.facts.Running.DesiredReplicas == 0 {
		return "No pod is wanted: set spec.infrastructure.replicas to 1 or more."
	}
	return "No pod has been started yet."
}

func (p *pass) waitsForAddress() bool {
	infra := p.gw.Spec.Infrastructure
	if infra == nil || infra.Service == nil || infra.Service.Type == "" {
		return true
	}
	return infra.Service.Type == wsv1alpha1.ServiceTypeLoadBalancer
}

// portTaken: a pod that cannot open a port may not be ready because of it, and
// this is then the reason to tell.
func (p *pass) portTaken(running *Running) (finding, bool) {
	for _, pod := range running.alive(func(pod *Pod) bool { return pod.Report != nil }) {
		for i := range pod.Report.Problems {
			problem := &pod.Report.Problems[i]
			if problem.Reason == contract.ProblemPortUnavailable {
				return p.no(wsv1alpha1.ReasonPortUnavailable, fmt.Sprintf(
					"listener %q: pod %s cannot open its port (%s): choose another port",
					problem.Listener, pod.Name, problem.Message)), true
			}
		}
	}
	return finding{}, false
}

// current tells which ready pod does not have the wanted configuration in
// force. Pods that have never been heard are audible's business, unless nobody
// has been heard.
func (p *pass) current(ready []*Pod) (finding, bool) {
	wanted := p.wantedDigest()
	var stale, silent *Pod
	programmed := 0
	for _, pod := range ready {
		switch {
		case pod.Report == nil:
			silent = pod
		case pod.config().InForce == wanted || p.tolerated(pod):
			programmed++
		case stale == nil:
			stale = pod
		}
	}
	if stale == nil && programmed > 0 {
		return finding{}, false
	}
	if stale == nil {
		if !p.within(silent.lastSign(), silenceGrace) {
			return finding{}, false // audible has the better words
		}
		return p.no(wsv1alpha1.ReasonStaleConfig, "pod "+silent.Name+" is ready and has not reported yet"), true
	}
	return p.staleConfig(stale), true
}

// tolerated: without a new spec nobody waits for this change, and it arrives
// within a second in general.
func (p *pass) tolerated(pod *Pod) bool {
	old := p.before(wsv1alpha1.ConditionProgrammed)
	return old != nil && old.Status == metav1.ConditionTrue &&
		old.ObservedGeneration == p.gw.Generation &&
		p.within(p.facts.Since.Behind[pod.Name].Since, digestGrace)
}

func (p *pass) staleConfig(pod *Pod) finding {
	state := pod.config()
	switch {
	case !pod.UpToDate:
		return p.no(wsv1alpha1.ReasonRollingOut, fmt.Sprintf(
			"pod %s, which is about to be replaced, does not have the wanted configuration", pod.Name))
	case state.Error != "":
		return p.no(wsv1alpha1.ReasonStaleConfig, fmt.Sprintf(
			"pod %s refuses the wanted configuration (%s) and serves the one before: "+
				"see that operator and gateway image are of one release", pod.Name, state.Error))
	}
	return p.no(wsv1alpha1.ReasonStaleConfig, fmt.Sprintf(
		"pod %s does not have the wanted configuration in force yet", pod.Name))
}

// audible tells which ready pod has not answered for too long.
func (p *pass) audible(ready []*Pod) (finding, bool) {
	for _, pod := range ready {
		if pod.Report != nil && pod.Silence == "" {
			continue
		}
		if p.within(pod.lastSign(), silenceGrace) {
			continue
		}
		why := ""
		if pod.Silence != "" {
			why = " (" + WithoutLocalPort(pod.Silence) + ")"
		}
		return p.unknown(wsv1alpha1.ReasonPodsNotReporting, fmt.Sprintf(
			"pod %s is ready and has not answered on port %d for %s%s: "+
				"see that network policies let the operator reach it",
			pod.Name, contract.AdminPort, silenceGrace, why)), true
	}
	return finding{}, false
}

// WithoutLocalPort takes the near end out of a network error such as "read tcp
// 10.0.0.1:50642->10.0.0.7:19000: i/o timeout": it is another one each time, and
// would make the status another one too.
func WithoutLocalPort(text string) string {
	near, far, found := strings.Cut(text, "->")
	if !found {
		return text
	}
	return near[:strings.LastIndex(near, " ")+1] + far
}

// rollout says what is still under way although the gateway serves its spec;
// empty when nothing is.
func (p *pass) rollout() string {
	running := p.facts.Running
	if running == nil {
		return ""
	}
	wanted := int(running.DesiredReplicas)
	fresh := len(running.alive(func(pod *Pod) bool { return pod.Ready && pod.UpToDate }))
	old := len(running.alive(func(pod *Pod) bool { return !pod.UpToDate }))
	if running.RolloutPending {
		return "The rollout of the current revision is about to begin."
	}
	if fresh >= wanted && old == 0 {
		return ""
	}
	message := fmt.Sprintf("%d of %s of the current revision ready", fresh, plural(wanted, "pod"))
	if old > 0 {
		message += ", " + plural(old, "older pod") + " to replace"
	}
	if why := p.trouble(); why != "" {
		message += ": " + why
	}
	return message
}
