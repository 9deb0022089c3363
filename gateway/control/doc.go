// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package control is what is said on a pod's control port: the paths, the
// questions and the answers. The port is for the pod's loopback interface alone;
// `kubectl port-forward` leads there. docs/control.md is the page for users.
//
// It needs nothing but the standard library and gateway/contract, so that
// clients can speak it without the gateway's parts. gateway/admin serves it.
package control

import "time"

// Paths of the control port. A GET changes nothing; whatever is a POST needs the
// header Header and a JSON document of at most MaxBodyBytes.
const (
	// PathPage is the status page, HTML.
	PathPage = "/"
	// PathState answers a GET with a State.
	PathState = "/state"
	// PathConnections answers a GET, with a Listing as query, with Connections.
	PathConnections = "/connections"
	// PathClose takes a CloseRequest and answers with a CloseAnswer.
	PathClose = "/close"
	// PathDrain takes a DrainRequest and answers with a Drain.
	PathDrain = "/drain"
	// PathExplain takes an ExplainRequest. The answer is the report that
	// gateway/explanation describes, the one of `wsgw explain -o json`.
	PathExplain = "/explain"
	// PathProfiles is in front of the name of a profile.
	PathProfiles = "/debug/pprof/"
)

// Header must be in every POST, with HeaderValue. A web page in a browser on the
// machine from which somebody forwards the port cannot send it to another origin
// without asking first (CORS), and is refused when it asks.
const (
	Header      = "X-Wsgateway-Control"
	HeaderValue = "1"
)

// Bounds of what is asked.
const (
	MaxBodyBytes = 128 << 10
	// MaxClaimedByBytes bounds who somebody says to be, and MaxNoteBytes what they
	// say why.
	MaxClaimedByBytes = 128
	MaxNoteBytes      = 256
	// MaxIDs is how many connections one request may name.
	MaxIDs = 1000
)

// Error is the answer of a request that was refused: its status tells the kind.
//
//	400  the request cannot be understood; Message says what to change
//	403  the request comes from a web page, is for another host, or lacks Header
//	409  the state of the pod, or the number of connections, is not what was
//	     expected; nothing was done
//	413  more than MaxBodyBytes
//	415  a POST that is not JSON
//	429  enough of these are under way: try again
//	503  no configuration is in force yet, or the pod is about to end
type Error struct {
	Message string `json:"message"`
}

// Asker says who asks, for the audit log. Whoever reaches the port has proven
// nothing to the pod: the API server has admitted them to a port-forward and does
// not say whom. So this is recorded as a claim.
type Asker struct {
	// ClaimedBy is required where something is changed: printable, at most
	// MaxClaimedByBytes.
	ClaimedBy string `json:"claimedBy,omitempty"`
	// Note says why; at most MaxNoteBytes.
	Note string `json:"note,omitempty"`
}

// stampLayout is how times are written in a query.
const stampLayout = time.RFC3339Nano
