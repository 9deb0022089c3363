// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package explanation puts a gateway's decision into words, for people and as
// JSON. It says nothing that came from the client and may be a credential.
package explanation

import (
	"net/netip"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Verdict is the answer in one word.
type Verdict string

// The verdicts.
const (
	Admitted Verdict = "admitted"
	Refused  Verdict = "refused"
	// Unknown means that the files do not hold what the decision depends on.
	Unknown Verdict = "unknown"
)

// Report is a decision. Its JSON form is API.
type Report struct {
	URL     string  `json:"url"`
	Client  string  `json:"client"`
	Verdict Verdict `json:"verdict"`
	// Reason, Detail and HTTPStatus are those of the refusal, as audit records
	// have them. HTTPStatus is 101 for who is admitted, and 0 where there is no
	// HTTP answer.
	Reason     outcome.Reason `json:"reason,omitempty"`
	Detail     string         `json:"detail,omitempty"`
	HTTPStatus int            `json:"httpStatus,omitempty"`
	// WouldRefuse is the refusal of a policy that is in DryRun.
	WouldRefuse outcome.Reason `json:"wouldRefuse,omitempty"`
	// Next is what to do about it.
	Next string `json:"next,omitempty"`

	Listener string `json:"listener,omitempty"`
	Route    string `json:"route,omitempty"`
	Policy   string `json:"policy,omitempty"`

	Sent  []string `json:"sent,omitempty"`
	Steps []Step   `json:"steps"`

	// Certificate is what rules see of the one that is shown in TLS.
	Certificate *Certificate `json:"certificate,omitempty"`

	Identity *Identity `json:"identity,omitempty"`
	Backend  *Backend  `json:"backend,omitempty"`
	// Limits apply too, and depend on who else is connected.
	Limits []string `json:"limits,omitempty"`
	// Notes are about what was taken for granted.
	Notes []string `json:"notes,omitempty"`
}

// Step is one question and its answer.
type Step struct {
	Name string `json:"step"`
	// Result is passed, refused, tolerated (a refusal of a policy in DryRun),
	// skipped (a method that was shown nothing) or unknown.
	Result string `json:"result"`
	Text   string `json:"text"`
}

// Results of steps.
const (
	passed    = "passed"
	refused   = "refused"
	tolerated = "tolerated"
	skipped   = "skipped"
	unknown   = "unknown"
)

// Identity is who the caller is found to be.
type Identity struct {
	Method  string `json:"method"`
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
	KeyID   string `json:"keyID,omitempty"`
	// Ends is when the connection ends with its credential.
	Ends *time.Time `json:"ends,omitempty"`
}

// Backend is who would be asked, and what.
type Backend struct {
	// OneOf are the backends, each with its share of new connections.
	OneOf   []string `json:"oneOf"`
	Request []string `json:"request"`
	// Answered is the subprotocol of the answer if the backend chooses none.
	Answered string `json:"answered,omitempty"`
}

// Decision is what a gateway would decide, and why.
type Decision struct {
	handshake.Explanation
	// Listener is nil where none serves the name.
	Listener *contract.Listener
	// Client is the address that the decision goes by: the one that was asked
	// about, or what a trusted proxy there tells in a header.
	Client netip.Addr
	// Certificate is what is wrong with the listener's; nil for nothing.
	Certificate *contract.ReportProblem
	// Limits of the gateway. They depend on who else is connected and are not
	// part of the decision.
	Limits contract.EffectiveLimits
}

// Missing is a reference of the spec that leads to nothing at hand.
type Missing struct {
	// Field is its path, Message what is missing.
	Field, Message string
}

// Question is what was asked, beside the configuration.
type Question struct {
	secret.Sealed

	URL string
	// Live is true where a pod has answered by all that it knows, and not a
	// program by manifests alone.
	Live bool
	// AskServers tells whether an authorization server could be asked.
	AskServers bool
	// Client is the address, Assumed true where nobody said it.
	Client  string
	Assumed bool
	// Head is the request, credentials included.
	Head []byte
	// FetchKeys tells whether key sets could be fetched.
	FetchKeys bool
	// Missing are the references that lead to no document.
	Missing []Missing
	// Notes of whoever has answered.
	Notes []string
}

// New puts a decision into words.
func New(q *Question, e *Decision) *Report {
	w := &writer{question: q, decision: e, report: &Report{
		URL: withoutQuery(q.URL), Client: q.Client, Verdict: Admitted, HTTPStatus: 101,
		Limits: limits(&e.Limits),
	}}
	w.found()
	w.steps()
	w.verdict()
	if w.report.Verdict == Admitted {
		w.identity()
		w.backend()
	}
	w.notes()
	return w.report
}

// writer is one report in the making.
type writer struct {
	question *Question
	decision *Decision
	report   *Report
}

func (w *writer) found() {
	if w.decision.Listener != nil {
		w.report.Listener = w.decision.Listener.Name
	}
	if w.decision.Route != nil {
		w.report.Route, w.report.Policy = w.decision.Route.Name, w.decision.Route.Policy
	}
	w.report.Sent = redactedHead(w.question.Head, w.subprotocols())
	w.report.Certificate = presented(&w.decision.ClientCertificate)
}

// subprotocols are those that the route names.
func (w *writer) subprotocols() []string {
	if w.decision.Route == nil {
		return nil
	}
	return w.decision.Route.Subprotocols
}

func (w *writer) verdict() {
	r := w.report
	refusal := w.decision.Refusal
	if refusal == nil {
		if would := w.decision.Admission.WouldRefuse; would != nil {
			r.WouldRefuse, r.Detail = would.Reason, would.Detail
			if r.Next = w.cannotTell(would); r.Next == "" {
				r.Next = w.next(would)
			}
		}
		return
	}
	r.Verdict, r.Reason, r.Detail, r.HTTPStatus = Refused, refusal.Reason, refusal.Detail, refusal.Answer().Status
	r.Next = w.next(refusal)
	if why := w.cannotTell(refusal); why != "" {
		r.Verdict, r.HTTPStatus, r.Next = Unknown, 0, why
	}
}

// cannotTell says what the decision depends on that is not here; empty when it is
// the gateway's.
func (w *writer) cannotTell(refusal *outcome.Refusal) string {
	switch {
	case refusal.Reason == outcome.AuthUnavailable && w.asksOthers():
		return w.cannotAsk()
	case refusal.Reason == outcome.AuthUnavailable && !w.question.FetchKeys:
		return "the key set is at an address and was not fetched: say --fetch-keys to fetch it from here"
	case refusal.Reason != outcome.PolicyUnavailable || w.decision.Route == nil:
		return ""
	}
	prefix := "spec.authPolicies[" + w.decision.Route.Policy + "]"
	for _, missing := range w.question.Missing {
		if strings.HasPrefix(missing.Field, prefix) {
			return missing.Field + ": " + missing.Message
		}
	}
	return ""
}

// cannotAsk says why an authorization server has not decided; empty where it was
// asked.
func (w *writer) cannotAsk() string {
	switch {
	case !w.question.Live:
		return "the method asks a server that only pods of the gateway can ask: `kubectl wsgw explain --live` asks a pod"
	case !w.question.AskServers:
		return "the method asks an authorization server, which was not asked: say --ask-servers to ask it"
	}
	return ""
}

// asksOthers tells whether the method that was the last to be asked decides by
// more than a key set or a file.
func (w *writer) asksOthers() bool {
	asked := w.decision.Asked
	if len(asked) == 0 || asked[len(asked)-1].Method == nil {
		return false
	}
	m := asked[len(asked)-1].Method
	return m.JWT == nil && m.APIKey == nil && m.Basic == nil
}

func (w *writer) notes() {
	w.report.Notes = append(w.report.Notes, w.question.Notes...)
	asked, _ := netip.ParseAddr(w.report.Client)
	if told := w.decision.Client; told.IsValid() && told != asked.Unmap() {
		w.note("the client's address is " + told.String() + ": a trusted proxy at " + w.report.Client + " tells so in X-Forwarded-For")
		w.report.Client = told.String()
	}
	if w.question.Assumed {
		w.note("the client's address was assumed: say --source-ip where it matters")
	}
	for _, missing := range w.question.Missing {
		// An issuer makes a certificate, or the status says why not: that its
		// manifest is not here is no news.
		granted := strings.HasPrefix(missing.Field, "spec.listeners["+w.report.Listener+"]") && !strings.Contains(missing.Field, "issuerRef") ||
			strings.HasPrefix(missing.Field, "spec.routes["+w.report.Route+"]")
		if granted {
			w.note(missing.Field + ": " + missing.Message + "; it was taken for granted")
		}
	}
}

func (w *writer) note(text string) { w.report.Notes = append(w.report.Notes, text) }
