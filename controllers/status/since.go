// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"
)

// Since remembers when states began that are tolerated for a while. Status
// itself has no room for it (a timestamp there would move on its own), so the
// caller keeps one Since per gateway between its passes, in memory: after a
// restart the tolerance begins anew, which is harmless. The zero value is the
// beginning.
type Since struct {
	// Behind holds, by their names, the ready pods that do not have the wanted
	// config.json in force.
	Behind map[string]Behind
	// Differ holds, by the name of the listener, when its pods were first seen
	// to serve different certificates.
	Differ map[string]time.Time
}

// Behind is a pod that lags.
type Behind struct {
	// InForce is the digest of what it has in force instead.
	InForce string
	// Since is when that was first seen in force and not wanted.
	Since time.Time
}

// Next returns what to remember after this pass; put it into facts before
// Compute. It leaves s as it is.
func (s Since) Next(facts *Facts, now time.Time) Since {
	if facts.Running == nil {
		return s
	}
	next := Since{Behind: s.behind(facts, now)}
	for name, differ := range disagreements(facts.Running) {
		if !differ {
			continue
		}
		if next.Differ == nil {
			next.Differ = map[string]time.Time{}
		}
		began, known := s.Differ[name]
		if !known {
			began = now
		}
		next.Differ[name] = began
	}
	return next
}

// behind does not ask since when something is wanted: whoever changes it again and
// again would hide a pod that is stuck. A pod that follows, however late, has something
// else in force each time.
func (s Since) behind(facts *Facts, now time.Time) map[string]Behind {
	if facts.ConfigDigest == "" {
		return s.Behind
	}
	var behind map[string]Behind
	for i := range facts.Running.Pods {
		pod := &facts.Running.Pods[i]
		inForce := pod.config().InForce
		if !pod.serving() || inForce == facts.ConfigDigest {
			continue
		}
		lag := s.Behind[pod.Name]
		if lag.Since.IsZero() || lag.InForce != inForce {
			lag = Behind{InForce: inForce, Since: now}
		}
		if behind == nil {
			behind = map[string]Behind{}
		}
		behind[pod.Name] = lag
	}
	return behind
}

// disagreements tells for each reported listener whether ready pods serve
// different leaves.
func disagreements(running *Running) map[string]bool {
	first := map[string]string{}
	differ := map[string]bool{}
	for i := range running.Pods {
		if !running.Pods[i].serving() {
			continue
		}
		for _, listener := range running.Pods[i].Report.Listeners {
			if listener.Certificate == nil {
				continue
			}
			leaf := listener.Certificate.SHA256
			if other, seen := first[listener.Name]; seen && other != leaf {
				differ[listener.Name] = true
			}
			first[listener.Name] = leaf
		}
	}
	return differ
}
