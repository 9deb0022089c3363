// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// Pod is what the control port asks and orders. Its methods are safe for
// concurrent use; their errors are a *RefusedError.
type Pod interface {
	State() *control.State
	// Connections gets a listing that is valid, as the others get valid requests.
	Connections(l *control.Listing) *control.Connections
	CloseConnections(r *control.CloseRequest) (*control.CloseAnswer, error)
	Drain(r *control.DrainRequest) (*control.Drain, error)
	// Explain returns the report that gateway/explanation describes.
	Explain(ctx context.Context, r *control.ExplainRequest) (any, error)
}

// How many requests of a kind are served at once. What is asked again and again
// costs something for each open connection.
const (
	readersAtOnce  = 4
	writersAtOnce  = 2
	explainsAtOnce = 2
)

// Control serves what gateway/control describes. Deadlines follow now, the clock.
func Control(pod Pod, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, most int, handler http.HandlerFunc) { mux.Handle(pattern, atMost(most, handler)) }
	handle("GET "+control.PathPage+"{$}", readersAtOnce, newPage(pod).serve)
	handle("GET "+control.PathState, readersAtOnce, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, pod.State()) })
	handle("GET "+control.PathConnections, readersAtOnce, func(w http.ResponseWriter, r *http.Request) { connections(w, r, pod) })
	handle("POST "+control.PathClose, writersAtOnce, func(w http.ResponseWriter, r *http.Request) {
		order(w, r, &control.CloseRequest{}, pod.CloseConnections)
	})
	handle("POST "+control.PathDrain, writersAtOnce, func(w http.ResponseWriter, r *http.Request) {
		order(w, r, &control.DrainRequest{}, pod.Drain)
	})
	handle("POST "+control.PathExplain, explainsAtOnce, func(w http.ResponseWriter, r *http.Request) {
		order(w, r, &control.ExplainRequest{}, func(q *control.ExplainRequest) (any, error) { return pod.Explain(r.Context(), q) })
	})
	handle("GET "+control.PathProfiles+"{name}", 1, profiles{now}.serve)
	return loopbackOnly(mux)
}

func connections(w http.ResponseWriter, r *http.Request, pod Pod) {
	listing, err := control.ParseListing(r.URL.Query())
	if err != nil {
		fail(w, &RefusedError{http.StatusBadRequest, err.Error()})
		return
	}
	writeJSON(w, pod.Connections(listing))
}

// order answers a POST.
func order[Q question, A any](w http.ResponseWriter, r *http.Request, asked Q, carryOut func(Q) (A, error)) {
	if err := decode(w, r, asked); err != nil {
		fail(w, err)
		return
	}
	answer, err := carryOut(asked)
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, answer)
}
