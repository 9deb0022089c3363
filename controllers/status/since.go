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
	// Digest of config.json that was wanted last, and when it was first wanted.
	Digest string
	Config time.Time
	// Differ holds, by the name of the listener, when its pods were first seen
	// to serve different certificates.
	Differ map[string]time.Time
}

// Next returns what to remember after this pass; put it into facts before
// Compute. It leaves s as it is.
func (s Since) Next(facts *Facts, now time.Time) Since {
	next := s
	if facts.ConfigDigest != "" && facts.ConfigDigest != s.Digest {
		next.Digest, next.Config = facts.ConfigDigest, now
	}
	if facts.Running == nil {
		return next
	}
	next.Differ = nil
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
