// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import "time"

// podList is as much of a list of pods as tells which of them run now.
type podList struct {
	Items []pod
}

type pod struct {
	Metadata struct{ Name, Namespace string }
	Status   struct {
		Conditions []struct {
			Type, Status string
		}
		ContainerStatuses []struct {
			State struct {
				Running *struct{ StartedAt time.Time }
			}
		}
	}
}

// ready tells what the pod's condition claims.
func (p pod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// startedSince tells whether no container is older than the node. The API
// counts in whole seconds.
func (p pod) startedSince(boot time.Time) bool {
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Running != nil && c.State.Running.StartedAt.Before(boot.Truncate(time.Second)) {
			return false
		}
	}
	return true
}
