// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Policy is a compiled contract.Policy. It does not change after NewPolicy,
// except that key sets with a URI are refreshed behind it, and is safe for
// concurrent use.
type Policy struct {
	name            string
	identityHeaders []contract.IdentityHeader
	// sources of all methods, without repetition.
	sources []contract.Source

	// external, if not nil, is the last of the methods. What its server takes for
	// a credential is unknown, so nothing that may be one is passed on.
	external *externalMethod

	// unavailable, if not empty, says why nobody is admitted.
	unavailable string
	methods     Chain
	// challenges that a 401 answer shows.
	challenges []string
	// anonymous admits who has shown no credential. It is no link of the chain:
	// wherever it is written, it comes last.
	anonymous bool

	// problems of the files.
	problems []contract.ReportProblem
	// contents in force, by the place that they came from.
	contents map[place]any
	// remotes are the key sets with a URI.
	remotes []*remoteSet
}

// place is where a content comes from: a file of a Secret, all files of a
// Secret (key empty), or the contract itself (issuer set).
type place struct {
	secret, key, issuer string
}

// Name of the policy.
func (p *Policy) Name() string { return p.name }

// Challenges are what a caller without a good credential is told to use: the
// values of WWW-Authenticate (RFC 9110 section 11.6.1).
func (p *Policy) Challenges() []string { return slices.Clone(p.challenges) }

// Problems returns what is wrong with the policy now: the problems that
// NewPolicy returned, the key sets that cannot be fetched, and the authorization
// server that does not answer.
func (p *Policy) Problems() []contract.ReportProblem {
	problems := slices.Concat(p.problems, p.external.problems())
	for _, remote := range p.remotes {
		admits, failure := remote.state()
		if failure == nil {
			continue
		}
		problems = append(problems, contract.ReportProblem{
			Policy: p.name, Reason: contract.ProblemKeySetUnavailable, Serving: admits,
			Message: fmt.Sprintf("key set of %s: %v: check the address, its server and its CA", publicAddress(remote.address), failure) + outdated(remote, admits),
		})
	}
	return problems
}

// Answered is true once the authorization server that the policy asks now has
// answered it. It is safe for concurrent use.
func (p *Policy) Answered() bool { return p.external.answered() }

// outdated is what is to be added where keys are there but do not count any more.
func outdated(remote *remoteSet, admits bool) string {
	if admits || remote.known() == nil {
		return ""
	}
	return fmt.Sprintf("; its keys are older than %v and admit nobody new", MaxKeySetAge)
}

// Authenticate tells who is asking. The error is always an *outcome.Refusal:
// no_credential, bad_credential, auth_unavailable or policy_unavailable. It may
// wait for a key set to be fetched, at most until ctx ends.
func (p *Policy) Authenticate(ctx context.Context, r *Request) (Identity, error) {
	if p.unavailable != "" {
		return Identity{}, outcome.Refuse(outcome.PolicyUnavailable, "policy %q: %s", p.name, p.unavailable)
	}
	identity, err := p.methods.Authenticate(ctx, r)
	switch {
	case !errors.Is(err, ErrNoCredential):
		return identity, err
	case p.anonymous:
		return Identity{Policy: p.name, Method: MethodAnonymous}, nil
	}
	return Identity{}, outcome.Refuse(outcome.NoCredential, "policy %q asks for a credential and none was shown", p.name)
}
