// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"fmt"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// keySet is where the keys of a JWT method come from. It is false when nothing
// usable is there, so that the policy must not be served.
func (c *compiler) keySet(policy string, index int, spec *wsv1alpha1.JWTMethod) (contract.KeySet, bool) {
	field := methodField(policy, index) + ".jwt.jwks"
	switch {
	case spec.JWKS.SecretRef != nil:
		return contract.KeySet{Secret: &contract.SecretKey{
			Secret: spec.JWKS.SecretRef.Name,
			Key:    keyOr(spec.JWKS.SecretRef, contract.DefaultKeySetKey),
		}}, true
	case spec.JWKS.ConfigMapRef != nil:
		inline, ok := c.content(content{
			field: field + ".configMapRef", ref: spec.JWKS.ConfigMapRef, standard: contract.DefaultKeySetKey,
			purpose: "key set", check: checkKeySet,
			lastGood: c.lastKeySet(policy, spec.Issuer).Inline, otherwise: answers503,
		})
		return contract.KeySet{Inline: inline}, ok
	case spec.JWKS.CARef != nil:
		last := c.lastKeySet(policy, spec.Issuer)
		if last.URI != spec.JWKS.URI {
			// Trust in a CA was given for one server and goes to no other.
			last.CABundle = ""
		}
		bundle, ok := c.content(content{
			field: field + ".caRef", ref: spec.JWKS.CARef, standard: contract.DefaultCAKey,
			purpose: "CA bundle", check: checkCABundle,
			lastGood: last.CABundle, otherwise: answers503,
		})
		return contract.KeySet{URI: spec.JWKS.URI, CABundle: bundle}, ok
	}
	return contract.KeySet{URI: spec.JWKS.URI}, true
}

// answers503 is what a policy without its key set comes to.
const answers503 = "routes of this policy answer 503"

// lastKeySet is the key set that is in force for an issuer in a policy.
func (c *compiler) lastKeySet(policy, issuer string) contract.KeySet {
	if c.previous == nil {
		return contract.KeySet{}
	}
	for i := range c.previous.Policies {
		if c.previous.Policies[i].Name != policy {
			continue
		}
		for _, method := range c.previous.Policies[i].Methods {
			if method.JWT != nil && method.JWT.Issuer == issuer {
				return method.JWT.KeySet
			}
		}
	}
	return contract.KeySet{}
}

// content is one ConfigMap key whose content goes into the configuration.
type content struct {
	field    string
	ref      *wsv1alpha1.LocalKeyReference
	standard string
	purpose  string
	// check returns the content in its normal form. Its error is what the user
	// reads. empty tells that the content is well formed and holds nothing.
	check func(string) (normal string, err error)
	// lastGood stays in force while the content is malformed, and with keepMissing
	// also while it is gone.
	lastGood    string
	keepMissing bool
	// otherwise says what happens without it.
	otherwise string
}

// content tells apart what is gone from what is broken. A ConfigMap, key or
// content that is gone was taken away on purpose as far as anybody can tell, and
// trust in its keys ends at once; a slip in the content does not end it.
func (c *compiler) content(want content) (string, bool) {
	name, key := want.ref.Name, keyOr(want.ref, want.standard)
	configMap, found := c.refs.ConfigMaps[name]
	if !found && c.refs.Unchecked {
		c.unchecked(Reference{Field: want.field + ".name", Kind: KindConfigMap, Name: name, Keys: []string{key}})
		return "", false
	}
	if !found {
		return c.gone(want, ".name", wsv1alpha1.ReasonConfigMapNotFound, fmt.Sprintf(
			"ConfigMap %q does not exist in namespace %q: create it with the %s under the key %q",
			name, c.gw.Namespace, want.purpose, key))
	}
	text, found := configMap.Data[key]
	if !found {
		return c.gone(want, ".key", wsv1alpha1.ReasonConfigMapKeyNotFound, fmt.Sprintf(
			"ConfigMap %q has no key %q: put the %s there, or set key to where it is", name, key, want.purpose))
	}
	normal, err := want.check(text)
	if err == nil {
		c.inline += len(normal)
		return normal, true
	}
	return c.malformed(want, key, err)
}

func (c *compiler) gone(want content, part, reason, problem string) (string, bool) {
	if !want.keepMissing {
		c.unresolved(want.field+part, reason, "%s", problem)
		return "", false
	}
	return c.fallBack(want, want.field+part, reason, problem)
}

func (c *compiler) malformed(want content, key string, err error) (string, bool) {
	if isEmpty(err) && !want.keepMissing {
		want.lastGood = ""
	}
	return c.fallBack(want, want.field, wsv1alpha1.ReasonConfigMapInvalid, fmt.Sprintf(
		"key %q of ConfigMap %q is no usable %s: %v; repair the content", key, want.ref.Name, want.purpose, err))
}

// fallBack reports a problem and returns the last good content, if there is one.
func (c *compiler) fallBack(want content, field, reason, problem string) (string, bool) {
	if want.lastGood == "" {
		c.unresolved(field, reason, "%s, until then %s", problem, want.otherwise)
		return "", false
	}
	c.unresolved(field, reason, "%s, until then its last good content stays in force", problem)
	c.inline += len(want.lastGood)
	return want.lastGood, true
}
