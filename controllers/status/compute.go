// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// How long a state is tolerated before the user is told.
const (
	// progressDeadline turns Reconciling into Stalled.
	progressDeadline = 5 * time.Minute
	// staleAfter is how long a pod may serve another certificate than the
	// wanted one, or another than its siblings. A Secret that a user edits takes
	// the kubelet up to a minute and a half.
	staleAfter = 5 * time.Minute
	// digestGrace is how long pods may lag behind a configuration that changed
	// without a new generation (a ConfigMap, a Service).
	digestGrace = 10 * time.Second
	// clockSkew is how far a certificate may lie in the future, as in the pods:
	// the issuer's clock need not be ours.
	clockSkew = 5 * time.Minute
	// SlowAttempt is how long a certificate that is being issued is left alone before
	// it is told what it waits for: most issuers need a second.
	SlowAttempt = 10 * time.Second
	// silenceGrace is how long the last answer of a pod counts.
	silenceGrace = 60 * time.Second
)

// Compute turns what one pass has learned into the status of the gateway. The
// status before the pass is gw.Status: times of transition are taken from it,
// and so is everything that the pass did not get to see.
//
// The second result says after which time Compute may give another answer from
// the same facts, because a tolerance ends or a certificate expires; zero means
// never. Equal input gives equal output, and nothing in it moves on its own.
func Compute(
	gw *wsv1alpha1.WebSocketGateway, facts *Facts, now time.Time,
) (wsv1alpha1.WebSocketGatewayStatus, time.Duration) {
	p := &pass{gw: gw, facts: facts, now: now}
	stages := []stage{
		{wsv1alpha1.ConditionAccepted, p.accepted()},
		{wsv1alpha1.ConditionResolvedRefs, p.resolvedRefs()},
		{wsv1alpha1.ConditionCertificatesReady, p.certificatesReady()},
		{wsv1alpha1.ConditionProgrammed, p.programmed()},
	}
	ready := p.ready(stages)
	stages = append(stages, stage{wsv1alpha1.ConditionReady, ready})

	result := p.details()
	result.ObservedGeneration = gw.Generation
	for _, s := range stages {
		result.Conditions = append(result.Conditions, p.condition(s.name, s.finding))
	}
	if work, ok := p.work(ready); ok {
		result.Conditions = append(result.Conditions, work)
	}
	return result, p.timer
}

// pass is one computation.
type pass struct {
	gw    *wsv1alpha1.WebSocketGateway
	facts *Facts
	now   time.Time
	timer time.Duration
}

// stage is a condition that is always present.
type stage struct {
	name    string
	finding finding
}

// finding is the value of a condition.
type finding struct {
	status  metav1.ConditionStatus
	reason  string
	message string
	// generation that was looked at.
	generation int64
}

func (f finding) ok() bool { return f.status == metav1.ConditionTrue }

func (p *pass) yes(reason, message string) finding {
	return finding{metav1.ConditionTrue, reason, message, p.gw.Generation}
}

func (p *pass) no(reason, message string) finding {
	return finding{metav1.ConditionFalse, reason, message, p.gw.Generation}
}

func (p *pass) unknown(reason, message string) finding {
	return finding{metav1.ConditionUnknown, reason, message, p.gw.Generation}
}

// wakeAfter asks for another pass when d has gone by.
func (p *pass) wakeAfter(d time.Duration) {
	if d > 0 && (p.timer == 0 || d < p.timer) {
		p.timer = d
	}
}

// within tells whether less than the tolerance has gone by since began, and
// asks for another pass when the tolerance ends.
func (p *pass) within(began time.Time, tolerance time.Duration) bool {
	left := began.Add(tolerance).Sub(p.now)
	p.wakeAfter(left)
	return left > 0
}

// before is a condition of the status before the pass, or nil.
func (p *pass) before(name string) *metav1.Condition {
	for i := range p.gw.Status.Conditions {
		if p.gw.Status.Conditions[i].Type == name {
			return &p.gw.Status.Conditions[i]
		}
	}
	return nil
}

// keep repeats a condition of a stage that the pass did not reach, together
// with the generation that it was found for: the honest answer.
func (p *pass) keep(name string) finding {
	if old := p.before(name); old != nil && old.Reason != wsv1alpha1.ReasonPending {
		return finding{old.Status, old.Reason, old.Message, old.ObservedGeneration}
	}
	return p.unknown(wsv1alpha1.ReasonPending, "The operator has not come to this yet.")
}

// compiled tells whether the pass got as far as an answer about the spec.
func (p *pass) compiled() bool {
	return p.facts.ConfigDigest != "" || len(p.facts.Problems) > 0 || len(p.facts.WaitingForDeletion) > 0
}

// held tells whether the last good configuration is in force instead of the
// spec.
func (p *pass) held() bool {
	return p.facts.Blocked() || len(p.facts.WaitingForDeletion) > 0 || !p.compiled()
}

// wantedDigest is what the pods shall report.
func (p *pass) wantedDigest() string {
	if p.facts.ConfigDigest != "" {
		return p.facts.ConfigDigest
	}
	return p.gw.Status.ConfigDigest
}
