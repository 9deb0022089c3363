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

// accepted is about the spec alone, and about the names that it takes.
func (p *pass) accepted() finding {
	if !p.compiled() {
		return p.keep(wsv1alpha1.ConditionAccepted)
	}
	if found := p.problems(wsv1alpha1.ConditionAccepted); len(found) > 0 {
		return p.no(found[0].Reason, describe(found))
	}
	if waiting := p.facts.WaitingForDeletion; len(waiting) > 0 {
		return p.unknown(wsv1alpha1.ReasonWaitingForDeletion,
			"A gateway of the same name was deleted and its objects are still being removed: "+
				strings.Join(waiting, ", ")+". Wait, or see which finalizer keeps them.")
	}
	return p.yes(wsv1alpha1.ReasonAccepted, "The spec is valid.")
}

// resolvedRefs is about what the spec refers to. The operator knows nothing of
// Secrets: the pods, which mount them, say what is wrong with them.
func (p *pass) resolvedRefs() finding {
	if !p.compiled() {
		return p.keep(wsv1alpha1.ConditionResolvedRefs)
	}
	found := p.problems(wsv1alpha1.ConditionResolvedRefs)
	if p.held() && len(found) == 0 {
		return p.keep(wsv1alpha1.ConditionResolvedRefs)
	}
	pods, reported := p.reporters()
	if !p.held() {
		found = append(found, p.podProblems(pods)...)
		slices.SortStableFunc(found, func(a, b Problem) int { return strings.Compare(a.Field, b.Field) })
	}
	if len(found) > 0 {
		return p.no(found[0].Reason, describe(found))
	}
	if !reported && len(secretUses(p.gw)) > 0 {
		return p.waitForReports()
	}
	return p.yes(wsv1alpha1.ReasonResolvedRefs, "Everything that the spec refers to can be used.")
}

func (p *pass) waitForReports() finding {
	// The pass ended before it saw a pod: what was found for this spec stands.
	if old := p.before(wsv1alpha1.ConditionResolvedRefs); p.facts.Running == nil && old != nil &&
		old.ObservedGeneration == p.gw.Generation {
		return p.keep(wsv1alpha1.ConditionResolvedRefs)
	}
	message := "No pod has yet reported on the Secrets that the spec refers to; only pods can read them."
	if why := p.trouble(); why != "" {
		message += " It waits for this: " + why
	}
	return p.unknown(wsv1alpha1.ReasonWaitingForPods, message)
}

// reporters are the pods whose word on Secrets counts: those of the current
// template, since others may lack the volume, that have read the wanted
// configuration. Where that configuration is so new that no pod has read it,
// the answers about the one before stand in if the spec is still the same.
func (p *pass) reporters() ([]*Pod, bool) {
	if p.facts.Running == nil {
		return nil, false
	}
	current := p.facts.Running.alive(func(pod *Pod) bool { return pod.UpToDate && pod.Report != nil })
	wanted := p.wantedDigest()
	informed := slices.DeleteFunc(slices.Clone(current), func(pod *Pod) bool { return pod.config().Seen != wanted })
	if len(informed) > 0 {
		return informed, true
	}
	old := p.before(wsv1alpha1.ConditionResolvedRefs)
	if old != nil && old.ObservedGeneration == p.gw.Generation {
		return current, len(current) > 0
	}
	return nil, false
}

// podProblems are the problems that pods report and that concern a reference,
// once each, however many pods report them.
func (p *pass) podProblems(pods []*Pod) []Problem {
	var found []Problem
	for _, pod := range pods {
		for i := range pod.Report.Problems {
			reported := &pod.Report.Problems[i]
			if !p.concernsReference(reported) {
				continue
			}
			problem := p.problem(reported)
			same := func(other Problem) bool { return other.Field == problem.Field && other.Reason == problem.Reason }
			if !slices.ContainsFunc(found, same) {
				found = append(found, problem)
			}
		}
	}
	return found
}

// concernsReference leaves out the Secrets that cert-manager fills
// (CertificatesReady is about them), ports, key sets and CAs of which a good copy
// is in force, and authorization servers that have answered before, this pod or
// another: the outage of a server is no fault of the spec, and a pod that has just
// started during one knows no better. Rules that
// a pod cannot use are here although they refer to nothing: Accepted is what the
// operator itself thinks of the spec, and the operator has compiled them.
func (p *pass) concernsReference(reported *contract.ReportProblem) bool {
	switch reported.Reason {
	case contract.ProblemSecretNotFound, contract.ProblemSecretKeyNotFound, contract.ProblemSecretInvalid:
		return reported.Listener == "" || !p.managed(reported.Listener)
	case contract.ProblemKeySetUnavailable, contract.ProblemClientCAInvalid:
		return !reported.Serving
	case contract.ProblemAuthorizationServerUnavailable:
		return !reported.Serving && !p.answered(reported.Policy)
	case contract.ProblemAuthorizationInvalid:
		return true
	default:
		return false
	}
}

// answered tells whether a pod that has the wanted configuration was ever answered
// by the authorization server of a policy.
func (p *pass) answered(policy string) bool {
	wanted := p.wantedDigest()
	return p.facts.Running != nil && len(p.facts.Running.alive(func(pod *Pod) bool {
		return pod.Report != nil && pod.config().InForce == wanted && slices.Contains(pod.Report.Answered, policy)
	})) > 0
}

// fieldOf is the field that a problem of a pod is about.
func fieldOf(reported *contract.ReportProblem) string {
	switch {
	case reported.Listener != "":
		return "spec.listeners[" + reported.Listener + "].tls.certificate.secretRef"
	case reported.BackendTLS != "":
		return "spec.backendTLS[" + reported.BackendTLS + "].clientCertificate.secretRef"
	case reported.Audit != "":
		return "spec.audit." + reported.Audit
	case reported.Tracing:
		return "spec.tracing.otlp"
	default:
		return "spec.authPolicies[" + reported.Policy + "]"
	}
}

func (p *pass) problem(reported *contract.ReportProblem) Problem {
	problem := Problem{Field: fieldOf(reported), Reason: string(reported.Reason)}
	switch reported.Reason {
	case contract.ProblemSecretNotFound:
		problem.Message = fmt.Sprintf("Secret %q does not exist in namespace %q, or has no data: create it",
			reported.Secret, p.gw.Namespace)
	case contract.ProblemSecretKeyNotFound:
		problem.Message = fmt.Sprintf("Secret %q has no key %q: add it", reported.Secret, reported.Key)
	case contract.ProblemClientCAInvalid:
		problem.Field = "spec.listeners[" + reported.Listener + "].tls.clientCertificates.caRefs"
		problem.Message = reported.Message
	case contract.ProblemAuthorizationInvalid:
		problem.Field += ".authorization.rules"
		problem.Message = reported.Message + "; until then its routes answer 503"
	case contract.ProblemKeySetUnavailable, contract.ProblemAuthorizationServerUnavailable:
		problem.Message = reported.Message // which has the address and the remedy
	default:
		problem.Message = fmt.Sprintf("Secret %q cannot be used (%s): correct its content",
			reported.Secret, reported.Message)
		if reported.Serving { // the one before it, or this one as far as it goes
			problem.Message = fmt.Sprintf("Secret %q is not in order (%s): correct its content",
				reported.Secret, reported.Message)
		}
	}
	if reported.Serving {
		problem.Message += "; its last good content stays in force"
	}
	return problem
}

func (p *pass) problems(condition string) []Problem {
	var found []Problem
	for _, problem := range p.facts.Problems {
		if problem.Condition == condition {
			found = append(found, problem)
		}
	}
	// What blocks everything comes first: it is what to repair first.
	slices.SortStableFunc(found, func(a, b Problem) int {
		if a.Blocking != b.Blocking {
			if a.Blocking {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Field, b.Field)
	})
	return found
}

func describe(problems []Problem) string {
	sentences := make([]string, 0, len(problems))
	for _, problem := range problems {
		sentence := problem.Message
		if problem.Field != "" {
			sentence = problem.Field + ": " + sentence
		}
		sentences = append(sentences, sentence)
	}
	return list(sentences)
}

// secretUses names the Secrets that users maintain.
func secretUses(gw *wsv1alpha1.WebSocketGateway) []string {
	var names []string
	for i := range gw.Spec.Listeners {
		if ref := gw.Spec.Listeners[i].TLS.Certificate.SecretRef; ref != nil {
			names = append(names, ref.Name)
		}
	}
	for i := range gw.Spec.BackendTLS {
		if shown := gw.Spec.BackendTLS[i].ClientCertificate; shown != nil {
			names = append(names, shown.SecretRef.Name)
		}
	}
	names = append(names, auditSecrets(gw.Spec.Audit)...)
	if gw.Spec.Tracing != nil {
		names = append(names, headerSecrets(&gw.Spec.Tracing.OTLP)...)
	}
	for i := range gw.Spec.AuthPolicies {
		for _, method := range gw.Spec.AuthPolicies[i].AnyOf {
			if method.JWT != nil && method.JWT.JWKS.SecretRef != nil {
				names = append(names, method.JWT.JWKS.SecretRef.Name)
			}
			if method.APIKey != nil {
				names = append(names, method.APIKey.SecretRef.Name)
			}
			if method.Basic != nil {
				names = append(names, method.Basic.SecretRef.Name)
			}
		}
	}
	return names
}

func auditSecrets(audit *wsv1alpha1.Audit) []string {
	var names []string
	if audit == nil {
		return nil
	}
	if audit.Signing != nil {
		names = append(names, audit.Signing.SecretRef.Name)
	}
	if privacy := audit.Privacy; privacy != nil && privacy.Identities != nil {
		names = append(names, privacy.Identities.HashKeyRef.Name)
	}
	if sinks := audit.Sinks; sinks != nil && sinks.OTLP != nil {
		names = append(names, headerSecrets(sinks.OTLP)...)
	}
	return names
}

func headerSecrets(collector *wsv1alpha1.OTLP) []string {
	var names []string
	for _, server := range []*wsv1alpha1.OTLPServer{collector.GRPC, collector.HTTP} {
		if server != nil && server.HeadersSecretRef != nil {
			names = append(names, server.HeadersSecretRef.Name)
		}
	}
	return names
}
