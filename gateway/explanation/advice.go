// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// seeTable is for what has no advice of its own.
const seeTable = "docs/audit-log.md says what this reason means"

// next is what to do about a refusal, in terms of the spec and of the request.
func (w *writer) next(refusal *outcome.Refusal) string {
	switch refusal.Reason {
	case outcome.OriginNotAllowed:
		return w.nextOrigin()
	case outcome.AddressNotAllowed:
		return "connect from another network, or change " + w.policyField() + ".clientCIDRs"
	case outcome.AccessDenied:
		return w.policyField() + ".authorization asks its rules in order: change the one that is named, or add one that allows this caller; where a claim may be missing, ask with has() first, and for certificate.presented where the client may show no certificate"
	case outcome.NoCredential:
		return "show a credential where the policy looks for it: " + w.everyPlace()
	case outcome.BadCredential:
		return w.nextCredential()
	case outcome.IdentityRevoked, outcome.AddressRevoked:
		return "delete the WebSocketRevocation that is named, or wait for its end"
	case outcome.AuthUnavailable:
		return "look whether the key server can be reached and answers with a key set"
	case outcome.PolicyUnavailable:
		return w.policyField() + " cannot be served: `wsgw validate` says what is wrong with it"
	default:
		return w.nextPlace(refusal)
	}
}

// nextPlace is about what was asked for, and where.
func (w *writer) nextPlace(refusal *outcome.Refusal) string {
	switch refusal.Reason {
	case outcome.UnknownServerName:
		return "connect to a name of spec.listeners[].hostnames and to its port, or add this one there"
	case outcome.NoCertificate:
		return "repair the Secret of the listener's certificate"
	case outcome.ClientCertificateRequired, outcome.ClientCertificateInvalid:
		return "show, in TLS, a certificate for clients that one of the listener's clientCertificates.caRefs has signed, with the intermediate ones"
	case outcome.ClientCAUnavailable:
		return fmt.Sprintf("repair the ConfigMaps of spec.listeners[%s].tls.clientCertificates.caRefs", w.decision.Listener.Name)
	case outcome.Misdirected:
		return "Host must be a name of the listener that the name of the URL belongs to: remove the Host header, or use its name in the URL"
	case outcome.NoRoute:
		return "no route of spec.routes has this host and path: correct the URL, or add a route"
	case outcome.RouteUnavailable:
		return fmt.Sprintf("spec.routes[%s] cannot be served: `wsgw validate` says what is wrong with it", w.report.Route)
	case outcome.SubprotocolMismatch:
		return fmt.Sprintf("offer one of spec.routes[%s].subprotocols (%s), or add yours there", w.report.Route, strings.Join(w.subprotocols(), ", "))
	case outcome.NotWebSocket, outcome.MethodNotAllowed, outcome.UnsupportedVersion, outcome.BadRequest, outcome.HeaderTooLarge:
		return "repair the request: a proxy on the way may have changed it"
	default:
		return nextTime(refusal)
	}
}

// nextTime is about what passes.
func nextTime(refusal *outcome.Refusal) string {
	switch refusal.Reason {
	case outcome.Draining:
		return "another pod answers the next attempt; where this one was drained by hand, `kubectl wsgw drain --undo` takes it back"
	case outcome.TooManyFailures:
		return "wait " + refusal.Wait.Round(time.Second).String() + ", and find out which client at this address shows bad credentials"
	default:
		return seeTable
	}
}

func (w *writer) policyField() string { return "spec.authPolicies[" + w.report.Policy + "]" }

func (w *writer) nextOrigin() string {
	field := w.policyField() + ".origins"
	sent := w.decision.Attempt.Origin
	switch origins := w.decision.Policy.Origins; {
	case sent == "":
		return fmt.Sprintf("send an Origin that is in %s.allow, or set %s.missing to Allow for clients that are no browsers", field, field)
	case sent == "null":
		return "null is never accepted: serve the page from an address of its own, not from a file or a sandboxed frame"
	case origins == nil:
		return fmt.Sprintf("%s has no origins, so every page is refused: add %s with allow: [%q]", w.policyField(), field, sent)
	default:
		return fmt.Sprintf("%q is not in %s.allow (%s): add it, exactly so, if pages from there may connect",
			sent, field, strings.Join(origins.Allow[:min(len(origins.Allow), 5)], ", "))
	}
}

// everyPlace names what each method looks at.
func (w *writer) everyPlace() string {
	var list []string
	for i := range w.decision.Policy.Methods {
		if m := &w.decision.Policy.Methods[i]; m.Anonymous == nil {
			list = append(list, method(m)+" in "+places(m))
		}
	}
	return strings.Join(list, "; or ")
}

// nextCredential says what the method wants that was the last to be asked.
func (w *writer) nextCredential() string {
	asked := w.decision.Asked
	if len(asked) == 0 || asked[len(asked)-1].Method == nil {
		return seeTable
	}
	switch m := asked[len(asked)-1].Method; {
	case m.JWT != nil:
		return nextToken(m.JWT)
	case m.APIKey != nil:
		return fmt.Sprintf("show a key of Secret %s, in one of: %s", m.APIKey.Secret, places(m))
	case m.Basic != nil:
		return fmt.Sprintf("show a user and password of key %s of Secret %s", m.Basic.File.Key, m.Basic.File.Secret)
	case m.ClientCertificate != nil:
		return fmt.Sprintf("show a certificate with exactly one %s; patterns, if there are any: %s",
			m.ClientCertificate.IdentityFrom, strings.Join(m.ClientCertificate.Patterns, ", "))
	}
	return seeTable
}

func nextToken(m *contract.JWT) string {
	text := fmt.Sprintf("fetch a new token of %s for the audience %s, signed with %s",
		m.Issuer, strings.Join(m.Audiences, " or "), strings.Join(m.Algorithms, " or "))
	names := make([]string, 0, len(m.RequiredClaims))
	for name, values := range m.RequiredClaims {
		names = append(names, name+" "+strings.Join(values, " or "))
	}
	if len(names) > 0 {
		slices.Sort(names)
		text += ", with the claims " + strings.Join(names, "; ")
	}
	return text
}
