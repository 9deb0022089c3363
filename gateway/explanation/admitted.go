// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation

import (
	"fmt"
	"net/http"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
)

// identity says who the backend deals with, and for how long.
func (w *writer) identity() {
	admission := &w.decision.Admission
	found := admission.Identity
	w.report.Identity = &Identity{Method: found.Method, Issuer: found.Issuer, Subject: found.Subject, KeyID: found.KeyID}
	if ends := admission.Ends; !ends.IsZero() {
		w.report.Identity.Ends = new(ends.UTC())
	}
}

// backend says who would be asked, and what.
func (w *writer) backend() {
	d := w.decision
	var identity []string
	for _, header := range d.Policy.IdentityHeaders {
		identity = append(identity, http.CanonicalHeaderKey(header.Name))
	}
	made := &Backend{
		OneOf: shares(d.Route.Backends), Answered: d.Admission.Subprotocol,
		Request: forwarded(d.Request.Target, d.Request.Host, d.Request.Header, identity),
	}
	if offered := d.Request.Subprotocols; len(offered) > 0 {
		made.Request = append(made.Request, "Sec-WebSocket-Protocol: "+redactedTokens(offered, w.subprotocols()))
	}
	if passed := d.Request.Extensions; len(passed) > 0 {
		// Shown as it is: names and numbers that are known, or it would not be offered.
		made.Request = append(made.Request, "Sec-WebSocket-Extensions: "+extension.List(passed))
	}
	w.report.Backend = made
	w.extensions()
}

// extensions says why the backend hears of fewer than the client offers.
func (w *writer) extensions() {
	d := w.decision
	switch kept := d.Offered - len(d.Request.Extensions); {
	case kept == 0:
	case d.Route.Extensions != contract.ExtensionsPassThrough:
		w.note(fmt.Sprintf("extensions that the client offers are kept from the backend: spec.routes[%s].extensions is Strip", d.Route.Name))
	default:
		w.note(fmt.Sprintf("%d of the %d extensions that the client offers are kept from the backend: only permessage-deflate is passed on, and only with parameters that a server may accept", kept, d.Offered))
	}
}

// shares are the backends with their parts of new connections.
func shares(backends []contract.Backend) []string {
	total := 0
	for i := range backends {
		total += weight(&backends[i])
	}
	var list []string
	for i := range backends {
		if own := weight(&backends[i]); own > 0 {
			list = append(list, fmt.Sprintf("%s (%d %%)", backends[i].Name, (own*100+total/2)/total))
		}
	}
	return list
}

func weight(backend *contract.Backend) int {
	if backend.Weight == nil {
		return 1
	}
	return int(*backend.Weight)
}
