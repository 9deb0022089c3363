// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"context"
	"net/http"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Files is the content of the mounted Secrets, already read. Names are those
// of the contract, without any path. A Secret or a key that does not exist is
// an error for which errors.Is(err, fs.ErrNotExist) holds.
type Files interface {
	// Read returns the content of one key.
	Read(secret, key string) ([]byte, error)
	// List returns the keys of a Secret, without the dot-dot entries that the
	// kubelet adds to a volume.
	List(secret string) ([]string, error)
}

// Policy is a compiled contract.Policy. It does not change after NewPolicy,
// except that key sets with a URI are refreshed behind it, and is safe for
// concurrent use.
type Policy struct {
	name string
}

// NewPolicy compiles a policy. It always returns one: a policy that cannot be
// served refuses everybody with policy_unavailable and never falls back to
// fewer methods.
//
// previous is the policy of the same name that has been in force, or nil. Where
// a Secret's content is malformed, the content that previous had from the same
// place stays in force, and the problem says Serving; everything else of the
// policy follows c at once. A Secret that is missing or empty fails closed.
//
// The problems are those of the files; what Problems returns is to be asked
// anew for every report.
func NewPolicy(c *contract.Policy, previous *Policy, files Files, sets *KeySets) (*Policy, []contract.ReportProblem) {
	_, _, _ = previous, files, sets
	return &Policy{name: c.Name}, nil
}

// Name of the policy.
func (p *Policy) Name() string { return p.name }

// Problems returns what is wrong with the policy now: the problems that
// NewPolicy returned and the key sets that cannot be fetched.
func (p *Policy) Problems() []contract.ReportProblem { return nil }

// Authenticate tells who is asking. The error is always an *outcome.Refusal:
// no_credential, bad_credential, auth_unavailable or policy_unavailable. It may
// wait for a key set to be fetched, at most until ctx ends.
func (p *Policy) Authenticate(_ context.Context, _ *Request) (Identity, error) {
	return Identity{}, outcome.Refuse(outcome.PolicyUnavailable, "policy %q is not compiled", p.name)
}

// Strip returns copies of header and subprotocols without anything that only
// the gateway may see or say: every configured source of a credential,
// Authorization and Sec-WebSocket-Protocol always, and every identity header of
// the policy, all of them in every spelling that a backend might fold into the
// same name. Of a subprotocol source both the marker and the credential go.
func (p *Policy) Strip(header http.Header, subprotocols []string) (http.Header, []string) {
	return header.Clone(), subprotocols
}

// SubprotocolAnswer returns the subprotocol that the client has to be answered
// when the backend chose none: the marker that the client offered in front of
// its credential (a browser fails the connection if none of its subprotocols is
// chosen), or an empty string.
func (p *Policy) SubprotocolAnswer(offered []string) string {
	_ = offered
	return ""
}

// IdentityHeaders returns the headers that tell the backend who is connected.
// A claim that is missing, empty, an object, or not printable ASCII sends no
// header; lists are joined by commas, and a list with a comma in an item sends
// none, because it could pretend to be a longer list.
func (p *Policy) IdentityHeaders(identity Identity) http.Header {
	_ = identity
	return nil
}
