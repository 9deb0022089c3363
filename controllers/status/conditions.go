// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// condition keeps the time of the last transition where the status is the same
// as before. Times have whole seconds, as they do in the API: a finer one would
// differ from what is read back.
func (p *pass) condition(name string, f finding) metav1.Condition {
	changed := metav1.NewTime(p.now.UTC().Truncate(time.Second))
	if old := p.before(name); old != nil && old.Status == f.status {
		changed = old.LastTransitionTime
	}
	return metav1.Condition{
		Type:               name,
		Status:             f.status,
		ObservedGeneration: f.generation,
		LastTransitionTime: changed,
		Reason:             f.reason,
		Message:            shorten(f.message),
	}
}

// ready repeats the first stage that is not True. An answer about an older
// generation does not count as True for this one.
func (p *pass) ready(stages []stage) finding {
	for _, s := range stages {
		f := s.finding
		if f.ok() && f.generation != p.gw.Generation {
			return p.unknown(wsv1alpha1.ReasonPending,
				"The operator has not yet looked at the newest spec in full: "+s.name+" is still that of the spec before.")
		}
		if !f.ok() {
			f.generation = p.gw.Generation
			return f
		}
	}
	return p.yes(wsv1alpha1.ReasonReady, "The gateway serves its spec.")
}

// work is Reconciling or Stalled, never both: kstatus takes whichever it finds
// first. There is none when all work is done.
func (p *pass) work(ready finding) (metav1.Condition, bool) {
	if accepted := p.accepted(); accepted.status == metav1.ConditionFalse {
		return p.condition(wsv1alpha1.ConditionStalled,
			finding{metav1.ConditionTrue, accepted.reason, accepted.message, p.gw.Generation}), true
	}
	message := ready.message
	if ready.ok() {
		if message = p.rollout(); message == "" {
			return metav1.Condition{}, false
		}
	}
	if p.exceeded(ready) {
		return p.condition(wsv1alpha1.ConditionStalled, p.yes(wsv1alpha1.ReasonProgressDeadlineExceeded,
			"No progress for "+progressDeadline.String()+". "+p.withTurn(message))), true
	}
	reconciling := p.condition(wsv1alpha1.ConditionReconciling, p.yes(wsv1alpha1.ReasonProgressing, message))
	if old := p.before(wsv1alpha1.ConditionReconciling); old != nil && old.ObservedGeneration != p.gw.Generation {
		// A new spec gets its own five minutes.
		reconciling.LastTransitionTime = metav1.NewTime(p.now.UTC().Truncate(time.Second))
	}
	p.wakeAfter(reconciling.LastTransitionTime.Add(progressDeadline).Sub(p.now))
	return reconciling, true
}

// exceeded tells whether the work towards this generation has taken too long.
// Once it has, only another obstacle than the one before starts the clock anew:
// that one was overcome, which is progress.
func (p *pass) exceeded(ready finding) bool {
	if _, held := p.heldBack(); held || p.facts.Paused {
		return false // that nothing moves is what somebody has asked for
	}
	if old := p.before(wsv1alpha1.ConditionReconciling); old != nil && old.ObservedGeneration == p.gw.Generation {
		return p.now.Sub(old.LastTransitionTime.Time) >= progressDeadline
	}
	stalled, was := p.before(wsv1alpha1.ConditionStalled), p.before(wsv1alpha1.ConditionReady)
	return stalled != nil && was != nil &&
		stalled.Reason == wsv1alpha1.ReasonProgressDeadlineExceeded &&
		stalled.ObservedGeneration == p.gw.Generation &&
		was.Reason == ready.reason
}
