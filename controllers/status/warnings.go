// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// warnings are about what works and may surprise. They never touch a condition.
func (p *pass) warnings() []string {
	found := p.requests()
	if infra := p.gw.Spec.Infrastructure; infra != nil && infra.Replicas != nil && *infra.Replicas == 1 {
		found = append(found, "spec.infrastructure.replicas is 1: when the pod's node is drained, "+
			"all connections have to go at once and find no other pod. Choose 2 or more.")
	}
	if len(p.gw.Spec.Routes) == 0 {
		found = append(found, "spec.routes is empty: every handshake is answered 404.")
	}
	found = append(found, p.dryRuns()...)
	found = append(found, p.overruled()...)
	found = append(found, p.addresses()...)
	found = append(found, p.queries()...)
	found = append(found, p.unmanaged()...)
	found = append(found, p.renewals()...)
	found = append(found, p.keySets()...)
	found = append(found, p.authorizers()...)
	found = append(found, p.revalidations()...)
	found = append(found, p.clientCAs()...)
	found = append(found, p.auditSinks()...)
	return capped(found)
}

// capped says of what has no room how much it is: a list that just ends looks
// complete.
func capped(warnings []string) []string {
	if len(warnings) <= maxItems {
		return warnings
	}
	const shown = maxItems - 1
	return append(warnings[:shown:shown], fmt.Sprintf("and %d more, which have room here when some of these are gone.", len(warnings)-shown))
}

// overruled limits look as if a route could have more than its gateway.
func (p *pass) overruled() []string {
	if len(p.facts.Overruled) == 0 {
		return nil
	}
	return []string{shorten("limits of routes that are looser than spec.limits, or its defaults, change nothing: " +
		strings.Join(p.facts.Overruled, ", ") + ". Raise those of the gateway, and set tighter ones on other routes.")}
}

// dryRuns protect nothing, which must not be forgotten. They come early: the list
// has an end.
func (p *pass) dryRuns() []string {
	var found []string
	for i := range p.gw.Spec.AuthPolicies {
		if policy := &p.gw.Spec.AuthPolicies[i]; policy.Mode == wsv1alpha1.PolicyModeDryRun {
			found = append(found, fmt.Sprintf(
				"policy %q is in DryRun and refuses nobody: whom it would refuse is in the audit records with wsgateway.would_refuse.reason. Set mode to Enforce when those are the right ones.",
				policy.Name))
		}
	}
	return found
}

// queries that carry credentials: we keep them out of our records, but nobody
// keeps addresses out of everybody's.
func (p *pass) queries() []string {
	var found []string
	for i := range p.gw.Spec.AuthPolicies {
		policy := &p.gw.Spec.AuthPolicies[i]
		for j := range policy.AnyOf {
			for _, source := range sources(&policy.AnyOf[j]) {
				if source.Query != "" {
					found = append(found, fmt.Sprintf(
						"policy %q: a credential may be shown in the query parameter %q; addresses are kept in browser histories and in the logs of whatever is in between. Prefer a subprotocol.",
						policy.Name, source.Query))
				}
			}
		}
	}
	return found
}

func sources(method *wsv1alpha1.AuthMethod) []wsv1alpha1.CredentialSource {
	switch {
	case method.JWT != nil:
		return method.JWT.From
	case method.APIKey != nil:
		return method.APIKey.From
	}
	return nil
}

func (p *pass) unmanaged() []string {
	var found []string
	for i := range p.gw.Spec.Listeners {
		listener := &p.gw.Spec.Listeners[i]
		if ref := listener.TLS.Certificate.SecretRef; ref != nil {
			found = append(found, fmt.Sprintf(
				"listener %q: nobody renews Secret %q on behalf of this gateway; whoever maintains it has to, in time.",
				listener.Name, ref.Name))
		}
	}
	return found
}

// renewals that fail do no harm until the served certificate ends.
func (p *pass) renewals() []string {
	if p.facts.Running == nil {
		return nil
	}
	var found []string
	for _, name := range p.listenerNames() {
		certificate := p.facts.Running.Certificates[name]
		served := p.served(name)
		if served == nil {
			continue
		}
		if trouble := p.renewal(&certificate); trouble != "" {
			found = append(found, fmt.Sprintf("listener %q: %s. The certificate in force is valid until %s.",
				name, trouble, stamp(served.NotAfter.Time)))
		}
	}
	return found
}

// renewal is what keeps the next certificate; empty while all goes as it should.
func (p *pass) renewal(certificate *Certificate) string {
	attempt := certificate.Attempt
	switch {
	case certificate.FailureReason != "":
		return p.failure(certificate)
	case attempt == nil || p.within(attempt.Since, SlowAttempt) || attempt.Approved && attempt.Detail == "":
		return ""
	}
	return "a new certificate is being issued: " + p.holdup(certificate)
}

// keySets of which a good copy is in force while their server does not answer.
func (p *pass) keySets() []string {
	return p.tolerable(contract.ProblemKeySetUnavailable, func(problem *contract.ReportProblem) string {
		return fmt.Sprintf("policy %q: %s; the last good key set stays in force.", problem.Policy, problem.Message)
	})
}

// authorizers that have answered before and do not at the moment. Which pods they
// do not answer is told as a number: names would change with every new pod.
func (p *pass) authorizers() []string {
	pods, _ := p.reporters()
	silent := map[string]int{}
	for _, pod := range pods {
		for i := range pod.Report.Problems {
			problem := &pod.Report.Problems[i]
			if problem.Reason == contract.ProblemAuthorizationServerUnavailable && !p.concernsReference(problem) {
				silent[fmt.Sprintf("policy %q: %s", problem.Policy, problem.Message)]++
			}
		}
	}
	return counted(silent, len(pods))
}

// revalidations for which there is no time: connections will end.
func (p *pass) revalidations() []string {
	return p.tolerable(contract.ProblemRevalidationBehind, func(problem *contract.ReportProblem) string {
		return fmt.Sprintf("policy %q: %s. Make revalidateEvery longer, let the server answer sooner, or choose more replicas.", problem.Policy, problem.Message)
	})
}

// clientCAs of which some have expired while others serve.
func (p *pass) clientCAs() []string {
	return p.tolerable(contract.ProblemClientCAInvalid, func(problem *contract.ReportProblem) string {
		return fmt.Sprintf("listener %q: %s.", problem.Listener, problem.Message)
	})
}

// tolerable are the problems of a kind that pods report although they serve, in
// words, once each.
func (p *pass) tolerable(reason contract.ProblemReason, say func(*contract.ReportProblem) string) []string {
	pods, _ := p.reporters()
	var found []string
	for _, pod := range pods {
		for i := range pod.Report.Problems {
			if problem := &pod.Report.Problems[i]; problem.Reason == reason && problem.Serving {
				found = append(found, say(problem))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// auditSinks that do not take what they are given. The gateway serves all the
// same, as the spec wants it.
func (p *pass) auditSinks() []string {
	pods, _ := p.reporters()
	failing := map[string]int{}
	for _, pod := range pods {
		for i := range pod.Report.Problems {
			problem := &pod.Report.Problems[i]
			if problem.Reason == contract.ProblemAuditSinkFailing {
				failing["spec.audit."+problem.Audit+": "+problem.Message]++
			}
		}
	}
	return counted(failing, len(pods))
}

// counted says of each sentence how many of the pods say it.
func counted(sentences map[string]int, pods int) []string {
	found := make([]string, 0, len(sentences))
	for text, count := range sentences {
		found = append(found, fmt.Sprintf("%s (%d of %d pods).", text, count, pods))
	}
	slices.Sort(found)
	return found
}
