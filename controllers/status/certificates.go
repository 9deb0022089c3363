// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// certificatesReady is about what the pods serve, not about what is in a
// Secret. While they serve something valid a renewal is nobody's business.
func (p *pass) certificatesReady() finding {
	if p.facts.Running == nil {
		return p.keep(wsv1alpha1.ConditionCertificatesReady)
	}
	pods := p.facts.Running.asked()
	var open []finding
	for _, name := range p.listenerNames() {
		if f := p.listenerCertificate(name, pods); !f.ok() {
			open = append(open, f)
		}
	}
	result := p.yes(wsv1alpha1.ReasonCertificatesReady, "Every listener has a valid certificate.")
	if len(open) > 0 {
		result = worst(open)
	}
	if p.held() {
		result.generation = p.keep(wsv1alpha1.ConditionCertificatesReady).generation
	}
	return result
}

// worst puts the findings of several listeners into one. The gravest leads,
// however the listeners are ordered: somebody has to act on it, while the
// others may go by themselves.
func worst(findings []finding) finding {
	lead := 0
	for i := range findings {
		if findings[i].gravity() > findings[lead].gravity() {
			lead = i
		}
	}
	first := findings[lead]
	sentences := []string{first.message}
	for i := range findings {
		if i != lead {
			sentences = append(sentences, findings[i].message)
		}
	}
	first.message = list(sentences)
	return first
}

func (f finding) gravity() int {
	switch {
	case f.status == metav1.ConditionUnknown:
		return 0
	case f.reason == wsv1alpha1.ReasonIssuing || f.reason == wsv1alpha1.ReasonRollingOut:
		return 1
	}
	return 2
}

// listenerNames are those of the configuration in force.
func (p *pass) listenerNames() []string {
	var names []string
	if p.held() && len(p.gw.Status.Listeners) > 0 {
		for i := range p.gw.Status.Listeners {
			names = append(names, p.gw.Status.Listeners[i].Name)
		}
		return names
	}
	for i := range p.gw.Spec.Listeners {
		names = append(names, p.gw.Spec.Listeners[i].Name)
	}
	return names
}

func (p *pass) listener(name string) *wsv1alpha1.Listener {
	for i := range p.gw.Spec.Listeners {
		if p.gw.Spec.Listeners[i].Name == name {
			return &p.gw.Spec.Listeners[i]
		}
	}
	return nil
}

// managed tells whether the listener's certificate is issued by cert-manager, for
// us or for somebody else.
func (p *pass) managed(name string) bool {
	if listener := p.listener(name); listener != nil {
		return listener.TLS.Certificate.SecretRef == nil
	}
	if p.facts.Running == nil {
		return false
	}
	_, known := p.facts.Running.Certificates[name]
	return known
}

func (p *pass) listenerCertificate(name string, pods []*Pod) finding {
	certificate := p.facts.Running.Certificates[name]
	if lacking := without(pods, name); len(pods) == 0 || len(lacking) > 0 {
		if p.managed(name) {
			return p.unservedManaged(name, &certificate, lacking)
		}
		return p.unservedSecret(name, lacking)
	}
	if f := p.validity(name, pods); !f.ok() {
		return f
	}
	if f := p.coverage(name, &certificate, pods); !f.ok() {
		return f
	}
	if certificate.Wanted != nil {
		return p.wantedLeaf(name, &certificate, pods)
	}
	return p.agreement(name, pods)
}

func without(pods []*Pod, listener string) []*Pod {
	var lacking []*Pod
	for _, pod := range pods {
		if pod.leaf(listener) == nil {
			lacking = append(lacking, pod)
		}
	}
	return lacking
}

// unservedManaged: somewhere the listener has no certificate at all, and
// cert-manager is to issue it.
func (p *pass) unservedManaged(name string, certificate *Certificate, lacking []*Pod) finding {
	wanted := certificate.Wanted
	switch {
	case wanted == nil && certificate.FailureReason != "":
		return p.no(wsv1alpha1.ReasonIssuanceFailed, fmt.Sprintf("listener %q: %s", name, p.failure(certificate)))
	case wanted == nil:
		return p.no(wsv1alpha1.ReasonIssuing, fmt.Sprintf(
			"listener %q: cert-manager has not issued %s yet: %s",
			name, certificate.title(), p.holdup(certificate)))
	case !p.now.Before(wanted.NotAfter):
		return p.no(wsv1alpha1.ReasonExpired, fmt.Sprintf(
			"listener %q: Certificate %q expired at %s: see why cert-manager does not renew it",
			name, certificate.Name, stamp(wanted.NotAfter)))
	case len(lacking) == 0:
		p.wakeAfter(wanted.NotAfter.Sub(p.now))
		return p.yes(wsv1alpha1.ReasonCertificatesReady, "issued")
	}
	if f, ok := p.replaced(name, lacking); ok {
		return f
	}
	if reported := reportedProblem(lacking, name, contract.ProblemSecretInvalid); reported != nil {
		return p.no(wsv1alpha1.ReasonSecretInvalid, fmt.Sprintf(
			"listener %q: pod %s cannot use Secret %q (%s): see Certificate %q",
			name, lacking[0].Name, reported.Secret, reported.Message, certificate.Name))
	}
	if p.within(certificate.issuedAt(), staleAfter) {
		return p.no(wsv1alpha1.ReasonIssuing, fmt.Sprintf(
			"listener %q: Certificate %q is issued; pod %s has not loaded it yet",
			name, certificate.Name, lacking[0].Name))
	}
	return p.no(wsv1alpha1.ReasonStaleCertificate, fmt.Sprintf(
		"listener %q: pod %s has not loaded Certificate %q, issued at %s: see kubectl describe pod -n %s %s",
		name, lacking[0].Name, certificate.Name, stamp(certificate.issuedAt()), p.gw.Namespace, lacking[0].Name))
}

// unservedSecret: somewhere the listener has no certificate at all, and a user
// is to provide it.
func (p *pass) unservedSecret(name string, lacking []*Pod) finding {
	if len(lacking) == 0 {
		return p.unknown(wsv1alpha1.ReasonWaitingForPods, fmt.Sprintf(
			"listener %q: no pod has yet said whether it can use the certificate's Secret", name))
	}
	if f, ok := p.replaced(name, lacking); ok {
		return f
	}
	reasons := []contract.ProblemReason{
		contract.ProblemSecretInvalid, contract.ProblemSecretKeyNotFound, contract.ProblemSecretNotFound,
	}
	for _, reason := range reasons {
		if reported := reportedProblem(lacking, name, reason); reported != nil {
			return p.no(string(reason), fmt.Sprintf("listener %q: %s", name, p.problem(reported).Message))
		}
	}
	return p.no(wsv1alpha1.ReasonSecretNotFound, fmt.Sprintf(
		"listener %q: pod %s has no certificate yet: see that the Secret exists and holds %s and %s",
		name, lacking[0].Name, contract.TLSCertificateKey, contract.TLSPrivateKeyKey))
}

// replaced: pods of an older template do not have the volume; the rollout
// brings it.
func (p *pass) replaced(name string, lacking []*Pod) (finding, bool) {
	for _, pod := range lacking {
		if pod.UpToDate {
			return finding{}, false
		}
	}
	return p.no(wsv1alpha1.ReasonRollingOut, fmt.Sprintf(
		"listener %q: its certificate is served when the rollout has replaced %s", name, plural(len(lacking), "pod"))), true
}

func reportedProblem(pods []*Pod, listener string, reason contract.ProblemReason) *contract.ReportProblem {
	for _, pod := range pods {
		for i := range pod.Report.Problems {
			problem := &pod.Report.Problems[i]
			if problem.Listener == listener && problem.Reason == reason {
				return problem
			}
		}
	}
	return nil
}

// validity looks at the clock: what was valid when it was loaded may not be now.
func (p *pass) validity(name string, pods []*Pod) finding {
	for _, pod := range pods {
		leaf := pod.leaf(name)
		if !p.now.Before(leaf.NotAfter) {
			return p.no(wsv1alpha1.ReasonExpired, fmt.Sprintf(
				"listener %q: the certificate that pod %s serves expired at %s: %s",
				name, pod.Name, stamp(leaf.NotAfter), p.renewalRemedy(name)))
		}
		if early := leaf.NotBefore.Add(-clockSkew).Sub(p.now); early > 0 {
			p.wakeAfter(early)
			return p.no(wsv1alpha1.ReasonExpired, fmt.Sprintf(
				"listener %q: the certificate that pod %s serves is not valid before %s: check the clocks",
				name, pod.Name, stamp(leaf.NotBefore)))
		}
		p.wakeAfter(leaf.NotAfter.Sub(p.now))
	}
	return p.yes(wsv1alpha1.ReasonCertificatesReady, "valid")
}

func (p *pass) renewalRemedy(name string) string {
	certificate, known := p.facts.Running.Certificates[name]
	if !known {
		return "put a new one into its Secret"
	}
	if certificate.FailureReason != "" {
		return p.failure(&certificate)
	}
	return p.inspect(&certificate)
}

// wantedLeaf compares with what cert-manager has issued.
func (p *pass) wantedLeaf(name string, certificate *Certificate, pods []*Pod) finding {
	for _, pod := range pods {
		if pod.leaf(name).SHA256 == certificate.Wanted.SHA256 || p.within(certificate.issuedAt(), staleAfter) {
			continue
		}
		return p.no(wsv1alpha1.ReasonStaleCertificate, fmt.Sprintf(
			"listener %q: pod %s still serves serial %s, not %s, which was issued at %s: see kubectl logs -n %s %s",
			name, pod.Name, pod.leaf(name).SerialNumber, certificate.Wanted.SerialNumber,
			stamp(certificate.issuedAt()), p.gw.Namespace, pod.Name))
	}
	return p.yes(wsv1alpha1.ReasonCertificatesReady, "served")
}

// agreement compares the pods with each other: of a user's Secret nothing else
// is known.
func (p *pass) agreement(name string, pods []*Pod) finding {
	for _, pod := range pods[1:] {
		if pod.leaf(name).SHA256 == pods[0].leaf(name).SHA256 {
			continue
		}
		began, known := p.facts.Since.Differ[name]
		if !known {
			began = p.now
		}
		if p.within(began, staleAfter) {
			continue
		}
		return p.no(wsv1alpha1.ReasonCertificatesDiffer, fmt.Sprintf(
			"listener %q: pod %s serves serial %s and pod %s serial %s: see kubectl describe pod -n %s %s",
			name, pods[0].Name, pods[0].leaf(name).SerialNumber, pod.Name, pod.leaf(name).SerialNumber,
			p.gw.Namespace, pod.Name))
	}
	return p.yes(wsv1alpha1.ReasonCertificatesReady, "agreed")
}

// failure is what cert-manager says of its last attempt, and what the next one waits
// for where that has begun. The time of the next attempt stands before what others
// say, which may be long.
func (p *pass) failure(certificate *Certificate) string {
	text := "cert-manager could not issue " + certificate.title()
	if !certificate.NextAttempt.IsZero() {
		text += " and tries again at " + stamp(certificate.NextAttempt)
	}
	text += ": " + certificate.FailureReason
	said := []string{certificate.FailureMessage, p.waits(certificate)}
	if attempt := certificate.Attempt; attempt != nil && attempt.Failed {
		said = append(said, attempt.Detail)
	}
	said = slices.DeleteFunc(said, func(words string) bool { return words == "" })
	if len(said) > 0 {
		text += ": " + strings.Join(said, "; ")
	}
	return text
}

// holdup is what an attempt that is under way waits for, and else where to look.
func (p *pass) holdup(certificate *Certificate) string {
	return cmp.Or(p.waits(certificate), p.inspect(certificate))
}

// waits is what an attempt that is under way waits for; empty where there is none, or
// nothing is known of it yet.
func (p *pass) waits(certificate *Certificate) string {
	attempt := certificate.Attempt
	switch {
	case attempt == nil || attempt.Failed || p.within(attempt.Since, SlowAttempt):
		return ""
	case !attempt.Approved:
		return fmt.Sprintf("CertificateRequest %q waits for approval: see what approves requests, and kubectl describe certificaterequest -n %s %s",
			attempt.Name, p.gw.Namespace, attempt.Name)
	}
	return attempt.Detail
}

// inspect is the next step where cert-manager has not said more.
func (p *pass) inspect(certificate *Certificate) string {
	if certificate.Name == "" {
		return "see kubectl get certificates -n " + p.gw.Namespace
	}
	return fmt.Sprintf("see kubectl describe certificate -n %s %s", p.gw.Namespace, certificate.Name)
}

// title names the Certificate, which may not exist yet.
func (c *Certificate) title() string {
	if c.Name == "" {
		return "the certificate"
	}
	return fmt.Sprintf("Certificate %q", c.Name)
}

func (c *Certificate) issuedAt() time.Time {
	if c.WantedSince.IsZero() && c.Wanted != nil {
		return c.Wanted.NotBefore
	}
	return c.WantedSince
}

func stamp(at time.Time) string {
	return at.UTC().Format(time.RFC3339)
}
