// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// subject is an object, or a part of one, that gets new conditions.
type subject struct {
	generation int64
	// conditions before the pass.
	conditions []metav1.Condition
	now        time.Time
	// timer is when to come again although nothing may change; zero for never.
	timer time.Duration
}

func (s *subject) yes(reason, message string) finding {
	return finding{metav1.ConditionTrue, reason, message, s.generation}
}

func (s *subject) no(reason, message string) finding {
	return finding{metav1.ConditionFalse, reason, message, s.generation}
}

func (s *subject) unknown(reason, message string) finding {
	return finding{metav1.ConditionUnknown, reason, message, s.generation}
}

func (s *subject) before(name string) *metav1.Condition {
	for i := range s.conditions {
		if s.conditions[i].Type == name {
			return &s.conditions[i]
		}
	}
	return nil
}

// condition keeps the time of the last transition where the status is the same as
// before.
func (s *subject) condition(name string, f finding) metav1.Condition {
	changed := metav1.NewTime(s.now.UTC().Truncate(time.Second))
	if old := s.before(name); old != nil && old.Status == f.status {
		changed = old.LastTransitionTime
	}
	return metav1.Condition{
		Type: name, Status: f.status, ObservedGeneration: f.generation, LastTransitionTime: changed,
		Reason: f.reason, Message: shorten(f.message),
	}
}

// progress is Reconciling, and Stalled when that has lasted for too long without an
// end.
func (s *subject) progress(ready finding) metav1.Condition {
	began := s.now
	reconciling, stalled := s.before(wsv1alpha1.ConditionReconciling), s.before(wsv1alpha1.ConditionStalled)
	switch {
	case reconciling != nil && reconciling.ObservedGeneration == s.generation:
		began = reconciling.LastTransitionTime.Time
	case stalled != nil && stalled.ObservedGeneration == s.generation && stalled.Reason == wsv1alpha1.ReasonProgressDeadlineExceeded:
		began = s.now.Add(-progressDeadline)
	}
	left := began.Add(progressDeadline).Sub(s.now)
	if left <= 0 {
		return s.condition(wsv1alpha1.ConditionStalled, s.yes(wsv1alpha1.ReasonProgressDeadlineExceeded,
			"No progress for "+progressDeadline.String()+". "+ready.message))
	}
	if s.timer == 0 || left < s.timer {
		s.timer = left
	}
	found := s.condition(wsv1alpha1.ConditionReconciling, s.yes(wsv1alpha1.ReasonProgressing, ready.message))
	found.LastTransitionTime = metav1.NewTime(began.UTC().Truncate(time.Second))
	return found
}
