// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// maxMoment bounds the text of a time: fractions of a second may have any number
// of digits, and the text is repeated in the status.
const maxMoment = 64

// Moment is a time that an annotation names.
type Moment struct {
	// Text is the value as it was written; empty where there is none that can be
	// read.
	Text string
	Time time.Time
}

// Due tells whether something is asked for and its time has come.
func (m Moment) Due(now time.Time) bool { return m.Text != "" && !now.Before(m.Time) }

// Wishes are what the annotations of a gateway ask for. What cannot be read asks
// for nothing; Config reports it.
type Wishes struct {
	RotateAt, RestartAt Moment
	Paused, HoldRollout bool
}

// WishesOf reads the annotations of a gateway.
func WishesOf(gw *wsv1alpha1.WebSocketGateway) Wishes {
	rotate, _ := momentOf(gw.Annotations[wsv1alpha1.AnnotationRotateAt])
	restart, _ := momentOf(gw.Annotations[wsv1alpha1.AnnotationRestart])
	return Wishes{
		RotateAt: rotate, RestartAt: restart,
		Paused:      gw.Annotations[wsv1alpha1.AnnotationPaused] == "true",
		HoldRollout: gw.Annotations[wsv1alpha1.AnnotationHoldRollout] == "true",
	}
}

// Awaited answers, by the name of the annotation, what is asked for and not due
// yet.
func (w *Wishes) Awaited(now time.Time) map[string]Moment {
	found := map[string]Moment{}
	for name, moment := range map[string]Moment{
		wsv1alpha1.AnnotationRotateAt: w.RotateAt, wsv1alpha1.AnnotationRestart: w.RestartAt,
	} {
		if moment.Text != "" && !moment.Due(now) {
			found[name] = moment
		}
	}
	return found
}

// momentOf answers false for a text that is no time; an empty one is none too,
// and no mistake.
func momentOf(text string) (Moment, bool) {
	if text == "" {
		return Moment{}, true
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || len(text) > maxMoment {
		return Moment{}, false
	}
	return Moment{Text: text, Time: at}, true
}

// checkAnnotations reports what asks for something that cannot be understood. The
// spec is served all the same.
func (c *compiler) checkAnnotations() {
	for _, name := range []string{wsv1alpha1.AnnotationRotateAt, wsv1alpha1.AnnotationRestart} {
		value, set := c.gw.Annotations[name]
		if _, readable := momentOf(value); set && (!readable || value == "") {
			c.notUnderstood(name, `a time such as "2026-11-23T15:04:05Z"`)
		}
	}
	for _, name := range []string{wsv1alpha1.AnnotationPaused, wsv1alpha1.AnnotationHoldRollout} {
		if value, set := c.gw.Annotations[name]; set && value != "true" && value != "false" {
			c.notUnderstood(name, `"true" or "false"`)
		}
	}
}

func (c *compiler) notUnderstood(name, wanted string) {
	c.result.Problems = append(c.result.Problems, status.Problem{
		Field:     "metadata.annotations[" + name + "]",
		Condition: wsv1alpha1.ConditionAccepted,
		Reason:    wsv1alpha1.ReasonInvalid,
		// The value is left out: it may be of any size, and is there to be read.
		Message: "the annotation " + name + " asks for nothing, because its value is not " + wanted + ": correct it, or remove it",
	})
}
