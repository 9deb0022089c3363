// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake

import (
	"context"
	"errors"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
)

// Taken is a step that was taken.
type Taken struct {
	Step Step
	// Refusal is nil where the caller has stood the step.
	Refusal *outcome.Refusal
	// Tolerated is true where the refusal is that of a policy in dry run.
	Tolerated bool
}

// Asked is a method of a policy that was asked.
type Asked struct {
	Method *contract.Method
	// Err is nil where the method knows the caller, authn.ErrNoCredential where
	// it found nothing of its own, else an *outcome.Refusal.
	Err error
}

// Explanation is what Admit decides about a caller, and by which steps.
type Explanation struct {
	// Taken are the steps in their order, up to the one that ended them.
	Taken []Taken
	Asked []Asked
	// Attempt is what was learnt of the request.
	Attempt audit.Attempt
	// Route and Policy are nil as long as they are not found.
	Route  *contract.Route
	Policy *contract.Policy
	// ClientCertificate is what rules see of the caller's; the zero value for none.
	ClientCertificate policy.Certificate
	// Refusal is nil where the caller would be let in.
	Refusal *outcome.Refusal

	// Admission is as complete as the steps have made it. It has no Upstream and no
	// Answer. Its Subprotocol is the one of the answer when the backend chooses
	// none.
	Admission Admission
	// Request is what the backend would be asked, if there is no Refusal.
	Request proxy.Handshake
	// Offered is how many extensions the client offers, Request.Extensions those of
	// them that the backend would be offered.
	Offered int
}

// Explain takes a caller through the steps of Admit and says what came of each.
// No backend is asked and no seat is taken, so that Upstreams, Draining and Seat
// may be nil.
func (d *Door) Explain(ctx context.Context, rules *Rules, c *Caller) *Explanation {
	e := &Explanation{}
	v := &verdict{rules: rules, caller: c, attempt: &e.Attempt}
	v.taken = func(step Step, answer, refusal error) {
		e.Taken = append(e.Taken, Taken{Step: step, Refusal: asRefusal(answer), Tolerated: answer != nil && refusal == nil})
	}
	v.asked = func(method int, err error) {
		e.Asked = append(e.Asked, Asked{Method: askable(v.policy.Methods, method), Err: err})
	}
	err := d.takeSteps(ctx, v)
	if err == nil {
		e.Request, err = v.request(c)
		e.Taken = append(e.Taken, Taken{Step: StepSubprotocol, Refusal: asRefusal(err)})
	}
	e.Refusal, e.Route, e.Policy, e.Offered = asRefusal(err), v.Route, v.policy.Policy, len(v.upgrade.extensions)
	if err == nil {
		v.Subprotocol = v.answered("")
	}
	e.Admission, e.ClientCertificate = v.Admission, described(v.shown.certificate)
	return e
}

// asRefusal is the refusal in an error, nil for none. An error without one is a
// mistake of ours and lets nobody in.
func asRefusal(err error) *outcome.Refusal {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*outcome.Refusal](err); ok {
		return refusal
	}
	return outcome.Refuse(outcome.InternalError, "%v", err)
}

// reasonOf is the reason of a refusal; empty for none.
func reasonOf(err error) string {
	if errors.Is(err, authn.ErrNoCredential) {
		return string(outcome.NoCredential)
	}
	if refusal := asRefusal(err); refusal != nil {
		return string(refusal.Reason)
	}
	return ""
}

// askable is the method at a place among those that are not anonymous: that one
// is not asked, it is what is left.
func askable(methods []contract.Method, place int) *contract.Method {
	for i := range methods {
		if methods[i].Anonymous != nil {
			continue
		}
		if place == 0 {
			return &methods[i]
		}
		place--
	}
	return nil
}
