// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import "time"

// Action is what an administrator has asked for by the control port.
type Action string

// The actions.
const (
	ActionClose   Action = "close"
	ActionDrain   Action = "drain"
	ActionUndrain Action = "undrain"
	// ActionDrainOver: the time for which a drain was asked is over. It is recorded
	// under the name of whoever asked.
	ActionDrainOver Action = "drain_over"
	ActionExplain   Action = "explain"
)

// Administration is one order of an administrator.
type Administration struct {
	Action Action
	// ClaimedBy is who they say to be, which nobody has proven, and Note what they
	// say why.
	ClaimedBy, Note string
	// Selection is which connections were chosen, in words.
	Selection string
	// Connections is how many are concerned.
	Connections int
}

// Administered records what somebody has ordered, before it is carried out.
func (l *Log) Administered(a *Administration) { l.put(administered(a, l.options.Now())) }

func administered(a *Administration, at time.Time) *entry {
	f := newFields(EventAdministered)
	kind := `["change"]`
	if a.Action == ActionExplain {
		kind = `["access"]`
	}
	f.key("event.type")
	f.line = append(f.line, kind...)
	f.always(maxWordBytes, "wsgateway.administration.action", string(a.Action))
	f.text("wsgateway.administration.claimed_by", a.ClaimedBy)
	f.text("wsgateway.administration.note", a.Note)
	f.upTo(maxPathBytes, "wsgateway.administration.selection", a.Selection)
	f.signed("wsgateway.administration.connections", int64(a.Connections))
	return f.entry(EventAdministered, at, 1)
}
