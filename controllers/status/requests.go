// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// requests are what annotations keep as it is, and what waits for its turn. They
// are told first: whoever wonders why nothing happens looks here.
func (p *pass) requests() []string {
	var found []string
	if p.facts.Paused {
		found = append(found, fmt.Sprintf(
			"the annotation %s is \"true\": nothing that belongs to the gateway is changed, its endpoints and revocations included. "+
				"Its pods serve what they have; cert-manager goes on renewing.", wsv1alpha1.AnnotationPaused))
	}
	for _, awaited := range p.facts.Awaited {
		found = append(found, "the time of an annotation has not come: "+awaited+".")
	}
	switch waiting := p.facts.Rollout; {
	case waiting != nil && waiting.Held:
		found = append(found, fmt.Sprintf("the annotation %s keeps the pods as they are: without it they are replaced %s.",
			wsv1alpha1.AnnotationHoldRollout, waiting.change()))
	case waiting != nil:
		found = append(found, fmt.Sprintf("the pods wait to be replaced %s: the operator rolls at most %s at a time, and others come first.",
			waiting.change(), plural(waiting.AtOnce, "gateway")))
	case p.facts.RolloutsHeld:
		found = append(found, fmt.Sprintf("the annotation %s is \"true\": what replaces the pods, such as a new image, will wait for it.",
			wsv1alpha1.AnnotationHoldRollout))
	}
	return found
}

// withTurn adds what the gateway keeps from others while its pods do not get ready.
func (p *pass) withTurn(message string) string {
	if !p.facts.Turn {
		return message
	}
	return strings.TrimSuffix(message, ".") + fmt.Sprintf(". The gateway keeps its turn in the rollout of the release, so that one that is no good goes no further; "+
		"the annotation %s=true gives the turn to the next gateway.", wsv1alpha1.AnnotationHoldRollout)
}

func (r *Rollout) change() string {
	if r.From == r.To {
		return "by those that this release of the operator makes"
	}
	return fmt.Sprintf("by those of image %s, instead of %s", r.To, r.From)
}

// heldBack is what Programmed says where the spec asks for something that an
// annotation keeps back.
func (p *pass) heldBack() (finding, bool) {
	held := p.facts.held()
	switch {
	case held == "":
		return finding{}, false
	case p.facts.Paused:
		return p.no(wsv1alpha1.ReasonPaused, fmt.Sprintf(
			"The gateway is paused and serves what it had before: %s. Remove the annotation %s to go on.",
			held, wsv1alpha1.AnnotationPaused)), true
	default:
		return p.no(wsv1alpha1.ReasonRolloutHeld, fmt.Sprintf(
			"The spec asks for other pods, which are held back: %s. Remove the annotation %s to go on.",
			held, wsv1alpha1.AnnotationHoldRollout)), true
	}
}

// held says what an annotation keeps from being done; empty if it is nothing.
func (f *Facts) held() string {
	var parts []string
	if len(f.HeldBack) > 0 {
		parts = append(parts, strings.Join(f.HeldBack, ", ")+" would be written")
	}
	if len(f.Superfluous) > 0 {
		parts = append(parts, strings.Join(f.Superfluous, ", ")+" would be removed")
	}
	return strings.Join(parts, "; ")
}
