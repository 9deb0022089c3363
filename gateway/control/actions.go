// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// CloseRequest ends connections with the reason closed_by_administrator. It keeps
// nobody out: a client may come again at once. A WebSocketRevocation keeps out.
type CloseRequest struct {
	Asker
	// Selector must not be empty, and a Subject needs a Policy or an Issuer.
	Selector
	// DryRun only counts.
	DryRun bool `json:"dryRun,omitempty"`
	// AtMost is how many connections the asker is ready to close, as a DryRun
	// before has told. More than that is a 409 and closes none. Required without
	// DryRun.
	AtMost int `json:"atMost,omitempty"`
	// Over spreads the closings over a time, at most MaxSpread. 0 means half a
	// millisecond for each connection.
	Over contract.Duration `json:"over,omitempty"`
}

// MaxSpread bounds CloseRequest.Over.
const MaxSpread = 10 * time.Minute

// CloseAnswer tells what a CloseRequest does.
type CloseAnswer struct {
	Pod    string `json:"pod"`
	BootID string `json:"bootID"`
	// Matched are the connections that the selector fits and that were not told
	// to end before. They are being closed, unless it was a DryRun.
	Matched int `json:"matched"`
	// Routes counts them by route.
	Routes map[string]int `json:"routes,omitempty"`
	DryRun bool           `json:"dryRun,omitempty"`
}

// DrainRequest empties the pod without ending it, or takes that back. Asked of a
// pod that is drained already, it changes nothing but the end, if For is given.
type DrainRequest struct {
	Asker
	// Undo makes the pod accept connections again. What was closed stays closed.
	Undo bool `json:"undo,omitempty"`
	// Window over which the connections are closed, at most MaxSpread; 0 means the
	// gateway's own.
	Window contract.Duration `json:"window,omitempty"`
	// For is how long the pod stays out after the window, at most MaxDrainFor; 0
	// means DefaultDrainFor. Then it accepts connections again by itself: an order
	// that everybody has forgotten must not cost the gateway a pod for ever.
	For contract.Duration `json:"for,omitempty"`
}

// Bounds of DrainRequest.For.
const (
	DefaultDrainFor = time.Hour
	MaxDrainFor     = 24 * time.Hour
)

// DrainState is how far a drain has come.
type DrainState string

// The states of a drain, in their order.
const (
	// DrainNone: the pod accepts connections.
	DrainNone DrainState = "none"
	// DrainAnnounced: the pod is unready but still accepts connections, for those
	// who have not noticed.
	DrainAnnounced DrainState = "announced"
	// DrainClosing: newcomers are refused, connections are being closed.
	DrainClosing DrainState = "closing"
	// DrainDone: newcomers are refused, no connection is left.
	DrainDone DrainState = "done"
)

// Drain tells of a drain.
type Drain struct {
	State DrainState `json:"state"`
	// Stopping is true when the pod ends after it: nobody can take it back.
	Stopping bool `json:"stopping,omitempty"`
	// Since is when it was asked for.
	Since *time.Time `json:"since,omitempty"`
	// Window over which connections are closed.
	Window contract.Duration `json:"window,omitempty"`
	// Until is when the pod accepts connections again by itself; nil when it stops.
	Until *time.Time `json:"until,omitempty"`
	// ClaimedBy is who has said to have asked for it; empty when the pod stops.
	ClaimedBy string `json:"claimedBy,omitempty"`
	// Connections that are open now.
	Connections int `json:"connections"`
}

// ExplainRequest asks how the pod would decide about a handshake now: by its live
// configuration, key sets, revocations and waits after failures. Nothing is
// counted, no backend is asked and nobody has to wait because of it.
type ExplainRequest struct {
	Asker
	// URL is what the client connects to; it only appears in the answer, without
	// its query.
	URL string `json:"url"`
	// Port that the client connects to, the listener's own.
	Port int32 `json:"port"`
	// ServerName that it asks for in TLS.
	ServerName string `json:"serverName"`
	// Head is its request up to and with the empty line, credentials included.
	// They are neither kept nor written anywhere.
	Head []byte `json:"head"`
	// Client is the address that it comes from, by TCP or the PROXY protocol.
	Client string `json:"client"`
	// ClientAssumed is true where nobody has said it, which the answer then notes.
	ClientAssumed bool `json:"clientAssumed,omitempty"`
	// ClientCertificates that it shows, its own one first, in PEM.
	ClientCertificates string `json:"clientCertificates,omitempty"`
	// AskServers lets an authorization server of the policy be asked, which it may
	// count or note. Without it such a policy gives the verdict unknown.
	AskServers bool `json:"askServers,omitempty"`
}
