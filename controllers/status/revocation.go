// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// RevocationFacts is what is known of one revocation.
type RevocationFacts struct {
	// End is when it stops applying. TooFar is true if its spec asks for later.
	End    time.Time
	TooFar bool
	// Gateways are those that exist, by name.
	Gateways map[string]RevocationAtGateway
}

// RevocationAtGateway is what is known of one revocation at one gateway.
type RevocationAtGateway struct {
	// LeftOut says why it is not in the gateway's file; empty if it is.
	LeftOut string
	// Invalid is true where LeftOut is the revocation's own fault, and not that of
	// others, which have left no room.
	Invalid bool
	// Written is true when the file in the cluster has this generation of it.
	Written bool
	// Pods are ready, of which so many have acknowledged this generation.
	Pods         int32
	Acknowledged int32
	// Waiting says which pod has not, and why; empty if all have.
	Waiting string
	// Closed counts the connections that the pods were seen to end.
	Closed int64
}

// Pending tells whether somebody whom it names may still be let in there. Where no
// pod is ready nobody is; those that start begin with what is written.
func (at *RevocationAtGateway) Pending() bool {
	return at.LeftOut != "" || !at.Written || at.Waiting != ""
}

// absence is the reason for which a revocation is in no file of the gateway.
func (at *RevocationAtGateway) absence() string {
	if at.Invalid {
		return wsv1alpha1.ReasonInvalid
	}
	return wsv1alpha1.ReasonTooManyRevocations
}

// Revocation turns what is known of a revocation into its status, as Compute does
// for gateways. The second result says after which time it may give another
// answer from the same facts; zero means never.
func Revocation(
	r *wsv1alpha1.WebSocketRevocation, facts *RevocationFacts, now time.Time,
) (wsv1alpha1.WebSocketRevocationStatus, time.Duration) {
	p := &revocationPass{r: r, facts: facts, subject: subject{
		generation: r.Generation, conditions: r.Status.Conditions, now: now, timer: facts.End.Sub(now),
	}}
	if p.timer <= 0 {
		return p.expired(), 0
	}
	stages := []stage{
		{wsv1alpha1.ConditionAccepted, p.accepted()},
		{wsv1alpha1.ConditionResolvedRefs, p.resolvedRefs()},
		{wsv1alpha1.ConditionProgrammed, p.programmed()},
	}
	ready := p.yes(wsv1alpha1.ReasonReady, "Everybody whom it names is locked out.")
	for _, s := range stages {
		if !s.finding.ok() {
			ready = s.finding
			break
		}
	}
	stages = append(stages, stage{wsv1alpha1.ConditionReady, ready})
	result := p.counts()
	for _, s := range stages {
		result.Conditions = append(result.Conditions, p.condition(s.name, s.finding))
	}
	if !ready.ok() {
		result.Conditions = append(result.Conditions, p.work(stages[0].finding, ready))
	}
	return result, p.timer
}

// revocationPass is one computation.
type revocationPass struct {
	subject

	r     *wsv1alpha1.WebSocketRevocation
	facts *RevocationFacts
}

// expired is the status of a revocation that has ended. What it did stays in it.
func (p *revocationPass) expired() wsv1alpha1.WebSocketRevocationStatus {
	result := *p.r.Status.DeepCopy()
	result.ObservedGeneration = p.r.Generation
	message := "The revocation ended at " + p.facts.End.UTC().Format(time.RFC3339) +
		" and locks nobody out any more: delete it, or move spec.until."
	result.Conditions = []metav1.Condition{
		p.condition(wsv1alpha1.ConditionAccepted, p.yes(wsv1alpha1.ReasonAccepted, "The spec is valid.")),
		p.condition(wsv1alpha1.ConditionResolvedRefs, p.yes(wsv1alpha1.ReasonResolvedRefs, "Nothing is needed any more.")),
		p.condition(wsv1alpha1.ConditionProgrammed, p.no(wsv1alpha1.ReasonExpired, message)),
		p.condition(wsv1alpha1.ConditionReady, p.yes(wsv1alpha1.ReasonExpired, message)),
		p.condition(wsv1alpha1.ConditionExpired, p.yes(wsv1alpha1.ReasonExpired, message)),
	}
	return result
}

func (p *revocationPass) accepted() finding {
	if p.facts.TooFar {
		return p.no(wsv1alpha1.ReasonInvalid, fmt.Sprintf(
			"spec.until is more than 30 days after the creation: the revocation applies until %s and no longer: set spec.until to that or less",
			p.facts.End.UTC().Format(time.RFC3339)))
	}
	for _, ref := range p.r.Spec.GatewayRefs {
		if at := p.facts.Gateways[ref.Name]; at.LeftOut != "" {
			return p.no(at.absence(), fmt.Sprintf("it is not in force at gateway %q: %s", ref.Name, at.LeftOut))
		}
	}
	return p.yes(wsv1alpha1.ReasonAccepted, "The spec is valid.")
}

func (p *revocationPass) resolvedRefs() finding {
	var missing []string
	for _, ref := range p.r.Spec.GatewayRefs {
		if _, exists := p.facts.Gateways[ref.Name]; !exists {
			missing = append(missing, fmt.Sprintf("there is no WebSocketGateway %q in namespace %q: correct the name, or remove it from spec.gatewayRefs",
				ref.Name, p.r.Namespace))
		}
	}
	if len(missing) > 0 {
		return p.no(wsv1alpha1.ReasonGatewayNotFound, list(missing))
	}
	return p.yes(wsv1alpha1.ReasonResolvedRefs, "Every gateway exists.")
}

// programmed is the word of the pods: that of gateways that do not exist is not
// waited for, or one misspelt name would hide that the others have done it.
func (p *revocationPass) programmed() finding {
	for _, ref := range p.r.Spec.GatewayRefs {
		at, exists := p.facts.Gateways[ref.Name]
		switch {
		case !exists:
		case at.LeftOut != "":
			return p.no(at.absence(), fmt.Sprintf("it is not in force at gateway %q: see Accepted", ref.Name))
		case !at.Written:
			return p.no(wsv1alpha1.ReasonStaleConfig, fmt.Sprintf(
				"it is not written to gateway %q yet: if this lasts, see the conditions of the gateway", ref.Name))
		case at.Pods == 0:
			return p.no(wsv1alpha1.ReasonNoReadyPods, fmt.Sprintf("gateway %q has no ready pod; those that start begin with the revocation", ref.Name))
		case at.Waiting != "":
			return p.no(wsv1alpha1.ReasonStaleConfig, at.Waiting)
		}
	}
	if len(p.facts.Gateways) == 0 {
		return p.no(wsv1alpha1.ReasonGatewayNotFound, "no gateway that it names exists")
	}
	return p.yes(wsv1alpha1.ReasonProgrammed, "Every ready pod refuses those whom it names, and has told their connections to end.")
}

// counts is everything but the conditions. Connections that were closed stay
// counted when the pod that closed them has gone.
func (p *revocationPass) counts() wsv1alpha1.WebSocketRevocationStatus {
	before := map[string]int64{}
	for _, at := range p.r.Status.Gateways {
		before[at.Name] = at.ConnectionsClosed
	}
	result := wsv1alpha1.WebSocketRevocationStatus{ObservedGeneration: p.r.Generation}
	var pods, acknowledged int32
	for _, ref := range p.r.Spec.GatewayRefs {
		at, exists := p.facts.Gateways[ref.Name]
		if !exists {
			continue
		}
		one := wsv1alpha1.RevocationGatewayStatus{
			Name: ref.Name, PodsAcknowledged: at.Acknowledged, PodsTotal: at.Pods, ConnectionsClosed: max(before[ref.Name], at.Closed),
		}
		result.Gateways = append(result.Gateways, one)
		result.ConnectionsClosed += one.ConnectionsClosed
		pods, acknowledged = pods+at.Pods, acknowledged+at.Acknowledged
	}
	result.Pods = strconv.Itoa(int(acknowledged)) + "/" + strconv.Itoa(int(pods))
	return result
}

// work is Reconciling or Stalled, as for gateways.
func (p *revocationPass) work(accepted, ready finding) metav1.Condition {
	if !accepted.ok() {
		return p.condition(wsv1alpha1.ConditionStalled, finding{metav1.ConditionTrue, accepted.reason, accepted.message, p.r.Generation})
	}
	return p.progress(ready)
}
