// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"crypto/sha256"
	"crypto/x509"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Proof is what is remembered of a credential while its connection lives: enough
// to ask a changed policy again, and nothing that anybody could show elsewhere.
type Proof struct {
	method string
	source contract.Source

	// Of a token: iss and aud, alg and kid of its header, and the fingerprint of
	// the key that verified it.
	issuer    string
	audiences []string
	algorithm string
	keyID     string
	claims    claimPrints
	// Of an API key: its identifier and its SHA-256. Of a user: the name and the
	// SHA-256 of the line's hash. Of an authorization server's answer: the backend
	// (issuer) and the session that it gave, which only that server understands.
	id string

	key [sha256.Size]byte
	// Of a client certificate: the name in id, and the certificate itself, which is
	// public and which the TLS connection holds anyway.
	certificate *x509.Certificate
	// denied is what an authorization server has said last if that was no; nil if
	// it was yes.
	denied *outcome.Refusal
}

// Answered returns the proof of a caller of whom the authorization server has said
// yes (nil) or no since. It may be called on nil.
func (p *Proof) Answered(denied *outcome.Refusal) *Proof {
	if p == nil || p.denied == denied {
		return p
	}
	answered := *p
	answered.denied = denied
	return &answered
}

// Server is the backend of the authorization server whose answer a proof is; empty
// for all others. It may be called on nil.
func (p *Proof) Server() string {
	if p == nil || p.method != MethodExternal {
		return ""
	}
	return p.issuer
}

func proofOfToken(t *token, key *verificationKey, source contract.Source) *Proof {
	audiences, _ := t.audiences()
	return &Proof{
		method: MethodJWT, source: source, issuer: t.issuer(), audiences: audiences,
		algorithm: t.algorithm, keyID: t.keyID, key: key.fingerprint, claims: printClaims(t.claims),
	}
}

// Unproven is the identity of a caller whom a policy in dry run would have refused
// for that reason. It has no claims, and no policy in force takes it for that of
// an anonymous caller if a credential was shown.
func Unproven(policy string, reason outcome.Reason) Identity {
	identity := Identity{Policy: policy, Method: MethodNone}
	if reason != outcome.NoCredential {
		identity.Proof = &Proof{method: MethodNone}
	}
	return identity
}

func proofOfAPIKey(key apiKey, source contract.Source) *Proof {
	return &Proof{method: MethodAPIKey, source: source, id: key.id, key: key.hash}
}

func proofOfUser(user string, stored password) *Proof {
	return &Proof{method: MethodBasic, source: basicPlace(), id: user, key: sha256.Sum256([]byte(stored.hash.Reveal()))}
}

// basicPlace is Authorization with another scheme than tokens have: a method
// that reads the one has not looked at the other.
func basicPlace() contract.Source { return contract.Source{Header: authorization + " Basic"} }

// judge is a method that can be asked again. judged is false when the proof is
// not the method's to judge; reads tells whether it reads the place where the
// credential was shown.
type judge interface {
	reads(source contract.Source) bool
	reconsider(proof *Proof) (judged bool, err error)
}

// Reconsider tells whether a caller whom another version of this policy, or
// another policy, let in would be let in by this one; proof is that of the
// Identity. The error is the *outcome.Refusal that the same credential would get
// now. There is none as long as it cannot be told, because the policy is
// unavailable or a key set was never fetched: then nobody new gets in, but a
// fault is no reason to believe that somebody lost a right.
func (p *Policy) Reconsider(proof *Proof) error {
	if p.unavailable != "" {
		return nil
	}
	if proof != nil && proof.method == MethodNone {
		// What was shown is not known any more: it was not good then.
		return outcome.Refuse(outcome.BadCredential, "let in by a dry run, without a good credential")
	}
	read := false
	for _, method := range p.methods {
		judge, ok := method.(judge)
		if proof == nil || !ok || !judge.reads(proof.source) {
			continue
		}
		read = true
		if judged, err := judge.reconsider(proof); judged {
			return err
		}
	}
	switch {
	case read:
		return outcome.Refuse(outcome.BadCredential, "no method of the policy accepts this kind of credential or its issuer any more")
	case p.anonymous:
		return nil
	}
	return outcome.Refuse(outcome.NoCredential, "policy %q asks for a credential at another place", p.name)
}

func (m *jwtMethod) reads(source contract.Source) bool { return slices.Contains(m.from, source) }

func (m *jwtMethod) reconsider(proof *Proof) (judged bool, err error) {
	if proof.method != MethodJWT || proof.issuer != m.issuer {
		return false, nil
	}
	if !slices.Contains(m.algorithms, proof.algorithm) {
		return true, outcome.Refuse(outcome.BadCredential, "token signed with an algorithm that is not allowed")
	}
	if !slices.ContainsFunc(proof.audiences, func(a string) bool { return slices.Contains(m.audiences, a) }) {
		return true, outcome.Refuse(outcome.BadCredential, "token for another audience")
	}
	if name, found := m.required.unprinted(proof.claims); found {
		return true, outcome.Refuse(outcome.BadCredential, "token without a required value of claim %q", name)
	}
	set := m.source.known()
	if set != nil && !set.verifies(proof) {
		return true, outcome.Refuse(outcome.BadCredential, "token signed with a key that the issuer has withdrawn")
	}
	return true, nil
}

// verifies tells whether the key that verified a token is still in the set and
// would be found for it.
func (s *keySet) verifies(proof *Proof) bool {
	return slices.ContainsFunc(s.candidates(proof.algorithm, proof.keyID), func(key *verificationKey) bool {
		return key.fingerprint == proof.key
	})
}

// sameAs tells whether two sets verify the same tokens. Either may be nil.
func (s *keySet) sameAs(other *keySet) bool {
	if s == nil || other == nil {
		return s == other
	}
	return slices.EqualFunc(s.keys, other.keys, func(a, b verificationKey) bool {
		return a.id == b.id && a.fingerprint == b.fingerprint && slices.Equal(a.algorithms, b.algorithms)
	})
}

func (m *apiKeyMethod) reads(source contract.Source) bool { return slices.Contains(m.from, source) }

func (m *apiKeyMethod) reconsider(proof *Proof) (judged bool, err error) {
	if proof.method != MethodAPIKey {
		return false, nil
	}
	if m.stored[proof.key].id != proof.id {
		return true, outcome.Refuse(outcome.BadCredential, "API key was taken away")
	}
	return true, nil
}

func (m *basicMethod) reads(source contract.Source) bool { return source == basicPlace() }

func (m *basicMethod) reconsider(proof *Proof) (judged bool, err error) {
	if proof.method != MethodBasic {
		return false, nil
	}
	stored, ok := m.stored.users[proof.id]
	if !ok || sha256.Sum256([]byte(stored.hash.Reveal())) != proof.key {
		return true, outcome.Refuse(outcome.BadCredential, "user was taken away or has another password")
	}
	return true, nil
}
