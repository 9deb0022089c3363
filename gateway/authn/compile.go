// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
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
	b := &builder{
		policy:   &Policy{name: c.Name, identityHeaders: c.IdentityHeaders, contents: map[place]any{}},
		files:    files,
		sets:     sets,
		previous: map[place]any{},
	}
	if previous != nil {
		b.previous = previous.contents
	}
	if c.Fault != "" {
		b.policy.unavailable = string(c.Fault)
	}
	for i := range c.Methods {
		b.method(c.Methods, i)
	}
	return b.policy, slices.Clone(b.policy.problems)
}

type builder struct {
	policy   *Policy
	files    Files
	sets     *KeySets
	previous map[place]any
}

func (b *builder) method(methods []contract.Method, i int) {
	switch method := &methods[i]; {
	case method.JWT != nil:
		b.challenge("Bearer")
		b.sources(method.JWT.From)
		b.jwt(method.JWT, passes(methods, i))
	case method.APIKey != nil:
		b.challenge("Bearer")
		b.sources(method.APIKey.From)
		b.apiKey(method.APIKey, passes(methods, i))
	case method.Basic != nil:
		b.challenge(`Basic realm="websocket", charset="UTF-8"`)
		b.basic(&method.Basic.File)
	case method.ClientCertificate != nil:
		b.policy.methods = append(b.policy.methods, newCertificateMethod(b.policy.name, method.ClientCertificate))
	case method.External != nil:
		b.challenge("Bearer")
		b.external(method.External)
	case method.Anonymous != nil:
		b.policy.anonymous = true
	}
}

func (b *builder) challenge(value string) {
	if !slices.Contains(b.policy.challenges, value) {
		b.policy.challenges = append(b.policy.challenges, value)
	}
}

func (b *builder) sources(from []contract.Source) {
	for _, source := range from {
		if !slices.Contains(b.policy.sources, source) {
			b.policy.sources = append(b.policy.sources, source)
		}
	}
}

// passes returns what tells method i whether somebody else has to judge a
// credential that it finds but that is not its own: another JWT method that
// reads the same place and names the issuer, or an API key method that reads
// the same place and is asked later. All others leave it a bad credential, so
// that a token of a foreign issuer never counts as none shown.
func passes(methods []contract.Method, i int) func(contract.Source, string) bool {
	return func(source contract.Source, issuer string) bool {
		for j := range methods {
			if j == i {
				continue
			}
			other := &methods[j]
			if other.JWT != nil && other.JWT.Issuer == issuer && slices.Contains(other.JWT.From, source) {
				return true
			}
			if other.APIKey != nil && j > i && slices.Contains(other.APIKey.From, source) {
				return true
			}
		}
		return false
	}
}

func (b *builder) jwt(c *contract.JWT, passes func(contract.Source, string) bool) {
	method := &jwtMethod{
		policy: b.policy.name, issuer: c.Issuer, audiences: c.Audiences, algorithms: c.Algorithms,
		required: c.RequiredClaims, skew: c.Skew(),
		from: c.From, now: b.sets.options.Now, passes: passes,
	}
	switch keys := &c.KeySet; {
	case keys.URI != "":
		remote := b.sets.at(keys.URI, keys.CABundle)
		b.policy.remotes = append(b.policy.remotes, remote)
		method.source = remote
	case keys.Secret != nil:
		set, ok := b.secretKeySet(keys.Secret, c.Algorithms)
		if !ok {
			return
		}
		method.source = held{set}
	default:
		set, ok := b.inlineKeySet(c)
		if !ok {
			return
		}
		method.source = held{set}
	}
	b.policy.methods = append(b.policy.methods, method)
}

func (b *builder) inlineKeySet(c *contract.JWT) (*keySet, bool) {
	set, err := readKeySet([]byte(c.KeySet.Inline), c.Algorithms, false)
	return inForce(b, place{issuer: c.Issuer}, set, err, contract.ReportProblem{Reason: contract.ProblemKeySetUnavailable})
}

func (b *builder) secretKeySet(from *contract.SecretKey, algorithms []string) (*keySet, bool) {
	data, problem, ok := b.secretFile(from, "a JSON Web Key Set")
	if !ok {
		return nil, false
	}
	set, err := readKeySet(data, algorithms, true)
	return inForce(b, place{secret: from.Secret, key: from.Key}, set, err, problem)
}

// secretFile reads a key of a Secret. Missing or empty, it closes the policy.
func (b *builder) secretFile(from *contract.SecretKey, what string) ([]byte, contract.ReportProblem, bool) {
	problem := contract.ReportProblem{Reason: contract.ProblemSecretInvalid, Secret: from.Secret, Key: from.Key}
	data, err := b.files.Read(from.Secret, from.Key)
	switch {
	case err != nil:
		b.missing(problem, err)
	case len(bytes.TrimSpace(data)) == 0:
		problem.Message = fmt.Sprintf("key %q of Secret %q is empty: put %s there", from.Key, from.Secret, what)
		b.closed(problem)
	default:
		return data, problem, true
	}
	return nil, problem, false
}

func (b *builder) basic(from *contract.SecretKey) {
	data, problem, ok := b.secretFile(from, "a password file of htpasswd")
	if !ok {
		return
	}
	origin := place{secret: from.Secret, key: from.Key}
	previous, _ := b.previous[origin].(*passwords)
	stored, err := readPasswords(data, previous)
	if stored, ok = inForce(b, origin, stored, err, problem); ok {
		b.policy.methods = append(b.policy.methods, &basicMethod{policy: b.policy.name, secret: from.Secret, stored: stored})
	}
}

func readKeySet(data []byte, algorithms []string, secret bool) (*keySet, error) {
	if len(data) > MaxKeySetBytes {
		return nil, fmt.Errorf("key set: more than %d bytes", MaxKeySetBytes)
	}
	set, err := parseKeySet(data, secret)
	if err == nil && !set.fitsAny(algorithms) {
		return nil, errors.New("key set: no key for any of the policy's algorithms")
	}
	return set, err
}

func (b *builder) apiKey(c *contract.APIKey, passes func(contract.Source, string) bool) {
	problem := contract.ReportProblem{Reason: contract.ProblemSecretInvalid, Secret: c.Secret}
	ids, err := b.files.List(c.Secret)
	if err == nil && len(ids) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		b.missing(problem, err)
		return
	}
	keys, err := b.readAPIKeys(c.Secret, ids)
	keys, ok := inForce(b, place{secret: c.Secret}, keys, err, problem)
	if !ok {
		return
	}
	b.policy.methods = append(b.policy.methods, &apiKeyMethod{
		policy: b.policy.name, secret: c.Secret, from: c.From, stored: keys, passes: passes,
	})
}

func (b *builder) readAPIKeys(secret string, ids []string) (apiKeys, error) {
	keys := apiKeys{}
	for _, id := range slices.Sorted(slices.Values(ids)) {
		content, err := b.files.Read(secret, id)
		if err != nil {
			return nil, fmt.Errorf("API key %q: %w", id, err)
		}
		if err := keys.parse(id, content); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// inForce returns the content that counts: the one just read if it is good,
// else the one that the previous policy had from there.
func inForce[T any](b *builder, from place, content T, err error, problem contract.ReportProblem) (T, bool) {
	ok := err == nil
	if err != nil {
		problem.Message = err.Error()
		if content, ok = b.previous[from].(T); ok {
			problem.Serving = true
			problem.Policy = b.policy.name
			b.policy.problems = append(b.policy.problems, problem)
		} else {
			b.closed(problem)
		}
	}
	if ok {
		b.policy.contents[from] = content
	}
	return content, ok
}

// missing closes the policy because a file cannot be read.
func (b *builder) missing(problem contract.ReportProblem, err error) {
	switch keys, listErr := b.files.List(problem.Secret); {
	case !errors.Is(err, fs.ErrNotExist):
		problem.Message = fmt.Sprintf("Secret %q cannot be read: %v", problem.Secret, err)
	case listErr != nil || len(keys) == 0:
		problem.Reason = contract.ProblemSecretNotFound
		problem.Message = fmt.Sprintf("Secret %q does not exist or is empty: create it", problem.Secret)
	default:
		problem.Reason = contract.ProblemSecretKeyNotFound
		problem.Message = fmt.Sprintf("Secret %q has no key %q: add it", problem.Secret, problem.Key)
	}
	b.closed(problem)
}

// closed makes the policy admit nobody.
func (b *builder) closed(problem contract.ReportProblem) {
	problem.Policy = b.policy.name
	b.policy.problems = append(b.policy.problems, problem)
	if b.policy.unavailable == "" {
		b.policy.unavailable = problem.Message
	}
}
