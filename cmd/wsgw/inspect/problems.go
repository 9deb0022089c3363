// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// Reasons of problems that no condition has.
const (
	reasonNotObserved    = "NotObserved"
	reasonIssuance       = "CertificateNotIssued"
	reasonPodNotReady    = "PodNotReady"
	reasonConfigRefused  = "ConfigRefused"
	reasonNoEndpoints    = "NoReadyEndpoints"
	reasonRevocation     = "RevocationNotInForce"
	reasonAuditLost      = "AuditEventsLost"
	reasonDraining       = "Draining"
	stateTerminating     = "Terminating"
	conditionAnnounced   = "condition/"
	remedyOfTheOperator  = "see whether the operator runs: kubectl get pods -A -l app.kubernetes.io/name=websocket-gateway-operator"
	remedyOfTheAuditLog  = "the sink is too slow or has failed: docs/audit-log.md, \"A slow sink\""
	remedyOfNoEndpoints  = "kubectl get endpointslices,pods -n NAMESPACE: do the Service's selector and readiness fit?"
	remedyOfDrainedByUse = "wsgw drain POD -n NAMESPACE --undo lets it accept connections again"
)

// problems are what somebody should do something about, what concerns all first.
func (f *Facts) problems(r *Report) []Problem {
	p := &finder{report: r, facts: f}
	p.conditions()
	for i := range r.Listeners {
		p.issuance(&r.Listeners[i].Certificate)
	}
	for i := range r.Pods {
		p.pod(&r.Pods[i])
	}
	p.reported()
	p.endpoints()
	for i := range r.Revocations {
		if one := &r.Revocations[i]; one.Ready != "True" {
			p.add("revocation/"+one.Name, reasonRevocation, "Ready is "+one.Ready+": "+one.Reason,
				"kubectl describe wsrevoke "+one.Name+" -n NAMESPACE")
		}
	}
	return p.found
}

type finder struct {
	report *Report
	facts  *Facts
	found  []Problem
}

func (p *finder) add(where, reason, message, remedy string) {
	remedy = strings.NewReplacer("NAMESPACE", p.report.Namespace, "NAME", p.report.Name).Replace(remedy)
	p.found = append(p.found, Problem{where, reason, message, remedy})
}

// conditions: Ready repeats the others, and Pending means that one before it is
// the place to look.
func (p *finder) conditions() {
	if p.report.ObservedGeneration < p.report.Generation {
		p.add("gateway", reasonNotObserved, "the operator has not seen the spec as it is now", remedyOfTheOperator)
	}
	for _, c := range p.report.Conditions {
		switch c.Type {
		case wsv1alpha1.ConditionReady, wsv1alpha1.ConditionReconciling:
		case wsv1alpha1.ConditionStalled:
			if c.Status == "True" {
				p.add(conditionAnnounced+c.Type, c.Reason, c.Message, remedies()[wsv1alpha1.ConditionStalled])
			}
		default:
			if c.Status != "True" && c.Reason != wsv1alpha1.ReasonPending {
				p.add(conditionAnnounced+c.Type, c.Reason, c.Message, remedies()[c.Reason])
			}
		}
	}
}

// issuance names the deepest object that holds a certificate up: the others
// repeat it.
func (p *finder) issuance(c *Certificate) {
	if c.Name == "" || c.State == ready && (c.Request == nil || c.Request.State == ready) {
		return
	}
	kind, name, state, message := "certificate", c.Name, c.State, c.Message
	if c.Request != nil && c.Request.State != ready {
		kind, name, state, message = "certificaterequest", c.Request.Name, c.Request.State, c.Request.Message
		for _, order := range c.Request.Orders {
			if order.State == string(acmev1.Valid) {
				continue
			}
			kind, name, state, message = "order", order.Name, order.State, order.Message
			for _, challenge := range order.Challenges {
				if challenge.State != string(acmev1.Valid) {
					kind, name, state, message = "challenge", challenge.Name, challenge.State, challenge.Message
				}
			}
		}
	}
	p.add(kind+"/"+name, reasonIssuance, strings.TrimSuffix(state+": "+message, ": "),
		"kubectl describe "+kind+" "+name+" -n NAMESPACE, then the issuer "+c.Source)
}

func (p *finder) pod(pod *Pod) {
	where := "pod/" + pod.Name
	drained := pod.Asked && pod.Drain != string(control.DrainNone) && pod.Drain != "" && pod.State != stateTerminating
	// That it is not ready is what the drain is for.
	if !pod.Ready && !drained && pod.State != stateTerminating {
		p.add(where, reasonPodNotReady, pod.State, "kubectl describe pod "+pod.Name+" -n NAMESPACE")
	}
	if pod.Config == configRefused {
		p.add(where, reasonConfigRefused, pod.ConfigError, remedies()[wsv1alpha1.ReasonStaleConfig])
	}
	if pod.AuditLost > 0 {
		p.add(where, reasonAuditLost, text.Count(pod.AuditLost, "event")+" in no record", remedyOfTheAuditLog)
	}
	if drained {
		p.add(where, reasonDraining, pod.drain(), strings.ReplaceAll(remedyOfDrainedByUse, "POD", pod.Name))
	}
}

// reported are the problems that pods tell, once each.
func (p *finder) reported() {
	type key struct{ where, reason, message, remedy string }
	pods := map[key]int{}
	answers := p.facts.answers()
	for _, state := range answers {
		for _, one := range state.Problems {
			if p.awaitsIssuer(&one) {
				continue
			}
			pods[key{one.Kind + "/" + one.Name, one.Reason, one.Message, one.Remedy}]++
		}
	}
	keys := slices.SortedFunc(maps.Keys(pods), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.reason, b.reason), cmp.Compare(a.message, b.message))
	})
	for _, k := range keys {
		message := k.message
		if pods[k] < len(answers) {
			message += fmt.Sprintf(" (%d of %d pods)", pods[k], len(answers))
		}
		p.add(k.where, k.reason, message, text.Or(k.remedy, remedies()[k.reason]))
	}
}

// awaitsIssuer: a pod misses a Secret and cannot know that cert-manager is to write
// it. What holds that up is told with the certificate.
func (p *finder) awaitsIssuer(one *control.Problem) bool {
	if one.Kind != "listener" || one.Reason != wsv1alpha1.ReasonSecretNotFound {
		return false
	}
	return slices.ContainsFunc(p.report.Listeners, func(l Listener) bool {
		return l.Name == one.Name && l.Certificate.Name != "" && l.Certificate.State != ready
	})
}

// endpoints: no condition tells that a backend has nobody to answer, since pods
// of applications come and go.
func (p *finder) endpoints() {
	for _, route := range p.report.Routes {
		for _, b := range route.Backends {
			if b.Found && b.Ready == 0 && b.Weight > 0 {
				p.add("route/"+route.Name, reasonNoEndpoints,
					fmt.Sprintf("Service %s has no ready endpoint: new connections to it are answered 502", b.Service), remedyOfNoEndpoints)
			}
		}
	}
}
