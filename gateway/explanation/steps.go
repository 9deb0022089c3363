// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// steps tells of each step. The first one, TLS, is not among those of the
// handshake, and neither is what comes between it and them.
func (w *writer) steps() {
	d := w.decision
	switch l := d.Listener; {
	case l == nil:
		w.add("listener", refused, d.Refusal.Error())
		return
	case d.Refusal != nil && len(d.Taken) == 0 && d.Refusal.Reason == outcome.NoCertificate:
		w.add("listener", refused, d.Refusal.Error())
		return
	default:
		w.add("listener", passed, fmt.Sprintf("%s: port %d, TLS %s or later, for %s", l.Name, l.Port, l.MinTLSVersion, strings.Join(l.Hostnames, ", ")))
	}
	if d.Refusal != nil && len(d.Taken) == 0 {
		name := "request"
		if d.Refusal.Reason == outcome.ClientCertificateInvalid || d.Refusal.Reason == outcome.ClientCAUnavailable {
			name = string(handshake.StepCertificate)
		}
		w.add(name, refused, d.Refusal.Error())
		return
	}
	for i := range d.Taken {
		w.step(&d.Taken[i])
	}
}

func (w *writer) add(name, result, text string) {
	w.report.Steps = append(w.report.Steps, Step{Name: name, Result: result, Text: text})
}

func (w *writer) step(taken *handshake.Taken) {
	if taken.Step == handshake.StepAuthenticate {
		w.methods()
	}
	switch refusal := taken.Refusal; {
	case refusal == nil:
		w.add(string(taken.Step), passed, w.stood(taken.Step))
	case w.cannotTell(refusal) != "":
		w.add(string(taken.Step), unknown, refusal.Error())
	case taken.Tolerated:
		w.add(string(taken.Step), tolerated, refusal.Error()+" (the policy is in DryRun)")
	default:
		w.add(string(taken.Step), refused, refusal.Error())
	}
}

// stood says what was found by a step that the caller has stood. A step without
// words of its own is named only.
func (w *writer) stood(step handshake.Step) string {
	d := w.decision
	switch step {
	case handshake.StepUpgrade:
		return "a WebSocket handshake of version 13"
	case handshake.StepHost:
		return fmt.Sprintf("%s is a name of this listener; the path is %s", d.Attempt.Host, d.Attempt.Path)
	case handshake.StepRoute:
		text := fmt.Sprintf("%s: %s; policy %s", d.Route.Name, place(d.Route), d.Route.Policy)
		if d.Policy.DryRun {
			text += ", which is in DryRun"
		}
		return text
	case handshake.StepCertificate, handshake.StepOrigin:
		return w.shown(step)
	case handshake.StepNetwork, handshake.StepRevocation, handshake.StepWait:
		return w.remembered(step)
	case handshake.StepAuthenticate:
		return who(&d.Admission.Identity)
	case handshake.StepSubprotocol:
		if offered := d.Request.Subprotocols; len(offered) > 0 {
			return "offered to the backend: " + redactedTokens(offered, w.subprotocols())
		}
		return "none is offered to the backend"
	default:
		return w.restriction(step)
	}
}

// remembered is about what a pod knows beside its configuration.
func (w *writer) remembered(step handshake.Step) string {
	switch {
	case w.question.Live && step == handshake.StepNetwork:
		return "no revocation locks the network out"
	case w.question.Live && step == handshake.StepRevocation:
		return "no revocation locks the caller or the credential out"
	case w.question.Live:
		return "the address need not wait after failed attempts at this pod"
	case step == handshake.StepWait:
		return "failed attempts of this address before would count, and are not known here"
	}
	return "revocations of a cluster are not known here"
}

// restriction is about what a policy need not have.
func (w *writer) restriction(step handshake.Step) string {
	p := w.decision.Policy
	switch {
	case step == handshake.StepAddress && p.ClientCIDRs != nil:
		return "the address is within clientCIDRs"
	case step == handshake.StepAddress:
		return "the policy has no clientCIDRs"
	case step == handshake.StepAuthorize && p.Authorization != nil:
		return "a rule of authorization allows it"
	case step == handshake.StepAuthorize:
		return "the policy has no authorization"
	}
	return "nothing to refuse"
}

// shown is what the client showed besides its credential.
func (w *writer) shown(step handshake.Step) string {
	if step == handshake.StepOrigin {
		return w.origin()
	}
	return w.certificate()
}

func (w *writer) certificate() string {
	asked := w.decision.Listener.ClientCertificates
	switch shown := w.decision.Attempt.Certificate; {
	case asked == nil:
		return "the listener asks for no client certificate"
	case shown == nil:
		return "none is shown, and none is required"
	default:
		return "verified by a CA of the listener; serial number " + shown.Serial
	}
}

func (w *writer) origin() string {
	switch origins := w.decision.Policy.Origins; {
	case w.decision.Attempt.Origin != "":
		return w.decision.Attempt.Origin + " is listed in origins.allow"
	case origins == nil:
		return "no Origin header, and the policy has no origins"
	default:
		return "no Origin header, and origins.missing is Allow"
	}
}

// methods tells what each method of the policy answered.
func (w *writer) methods() {
	for _, asked := range w.decision.Asked {
		text := method(asked.Method)
		refusal, ok := errors.AsType[*outcome.Refusal](asked.Err)
		switch {
		case asked.Err == nil:
			w.add("method", passed, text+" knows the caller")
		case errors.Is(asked.Err, authn.ErrNoCredential):
			w.add("method", skipped, text+" was shown nothing: it looks at "+places(asked.Method))
		case ok && w.cannotTell(refusal) != "":
			w.add("method", unknown, text+": "+refusal.Error())
		case w.decision.Policy.DryRun:
			w.add("method", tolerated, text+": "+asked.Err.Error())
		default:
			w.add("method", refused, text+": "+asked.Err.Error())
		}
	}
}

func who(identity *authn.Identity) string {
	switch identity.Method {
	case authn.MethodAnonymous:
		return "anonymous, as the policy allows"
	case authn.MethodNone:
		return "nobody"
	}
	text := fmt.Sprintf("%s of %s", identity.Subject, identity.Issuer)
	if identity.Subject == "" {
		text = "a caller of " + identity.Issuer + " without a name"
	}
	return text + ", by " + identity.Method
}

// method names one, as the spec does.
func method(m *contract.Method) string {
	switch {
	case m == nil:
		return "a method"
	case m.JWT != nil:
		return "jwt of " + m.JWT.Issuer
	case m.APIKey != nil:
		return "apiKey of Secret " + m.APIKey.Secret
	case m.Basic != nil:
		return "basic of Secret " + m.Basic.File.Secret
	case m.ClientCertificate != nil:
		return "clientCertificate"
	case m.Anonymous != nil:
		return "anonymous"
	}
	return "a method of another kind"
}

// shownAt says where a source has a credential.
func shownAt(source contract.Source) string {
	switch {
	case source.Prefix != "":
		return "the header " + source.Header + " after " + strconv.Quote(source.Prefix)
	case source.Header == "Authorization":
		return "Authorization: Bearer"
	case source.Header != "":
		return "the header " + source.Header
	case source.Subprotocol != "":
		return "the subprotocol after " + source.Subprotocol
	case source.Cookie != "":
		return "the cookie " + source.Cookie
	}
	return "the query parameter " + source.Query
}

// places are where a method looks for a credential.
func places(m *contract.Method) string {
	var from []contract.Source
	switch {
	case m == nil:
	case m.JWT != nil:
		from = m.JWT.From
	case m.APIKey != nil:
		from = m.APIKey.From
	case m.Basic != nil:
		return "Authorization: Basic"
	case m.ClientCertificate != nil:
		return "the certificate that the client shows in TLS"
	}
	return sources(from)
}

func sources(from []contract.Source) string {
	found := make([]string, 0, len(from))
	for _, source := range from {
		found = append(found, shownAt(source))
	}
	if len(found) == 0 {
		return "the connection"
	}
	return strings.Join(found, ", ")
}

func place(route *contract.Route) string {
	path := "path " + route.Path.Exact
	if route.Path.Prefix != "" {
		path = "paths below " + route.Path.Prefix
	}
	return strings.Join(route.Hostnames, ", ") + ", " + path
}

func limits(l *contract.EffectiveLimits) []string {
	list := []string{
		fmt.Sprintf("maxMessageBytes %d", l.MaxMessageBytes),
		fmt.Sprintf("idleTimeout %s, handshakeTimeout %s", short(l.IdleTimeout), short(l.HandshakeTimeout)),
	}
	for _, limit := range []struct {
		name string
		most int32
	}{
		{"maxConnections", l.MaxConnections},
		{"maxConnectionsPerIdentity", l.MaxConnectionsPerIdentity},
		{"maxConnectionsPerAddress", l.MaxConnectionsPerAddress},
		{"handshakesPerSecond", l.HandshakesPerSecond},
		{"handshakesPerSecondPerAddress", l.HandshakesPerSecondPerAddress},
		{"messagesPerSecond", l.MessagesPerSecond},
		{"bytesPerSecond", l.BytesPerSecond},
	} {
		if limit.most > 0 {
			list = append(list, fmt.Sprintf("%s %d", limit.name, limit.most))
		}
	}
	if l.MaxFrameBytes > 0 {
		list = append(list, fmt.Sprintf("maxFrameBytes %d", l.MaxFrameBytes))
	}
	if l.MaxConnectionAge > 0 {
		list = append(list, "maxConnectionAge "+short(l.MaxConnectionAge))
	}
	if l.MessageTypes != "" {
		list = append(list, fmt.Sprintf("messageTypes %s", l.MessageTypes))
	}
	return list
}

func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
