// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

const (
	defaultTokenHeader  = "Authorization"
	defaultAPIKeyHeader = "X-Api-Key"
)

func (c *compiler) policies() []contract.Policy {
	var list []contract.Policy
	for i := range c.gw.Spec.AuthPolicies {
		list = append(list, c.policy(&c.gw.Spec.AuthPolicies[i]))
	}
	slices.SortFunc(list, func(a, b contract.Policy) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// policy leaves nothing of a policy with a fault but its name: a pod could not
// tell which of its methods may be trusted.
func (c *compiler) policy(spec *wsv1alpha1.AuthPolicy) contract.Policy {
	c.checkSources(spec)
	c.checkOrigins(spec)
	c.checkExternal(spec)
	policy := contract.Policy{
		Name:            spec.Name,
		DryRun:          spec.Mode == wsv1alpha1.PolicyModeDryRun,
		Origins:         origins(spec.Origins),
		IdentityHeaders: identityHeaders(spec.ForwardIdentity),
		ClientCIDRs:     c.clientCIDRs(spec),
		Authorization:   c.authorization(spec),
		ExpiryGrace:     expiryGrace(spec.OnExpiry),
	}
	usable := true
	for i := range spec.AnyOf {
		method, ok := c.method(spec.Name, i, &spec.AnyOf[i])
		policy.Methods = append(policy.Methods, method)
		usable = usable && ok
	}
	if !usable {
		return contract.Policy{Name: spec.Name, Fault: contract.FaultPolicyInvalid}
	}
	return policy
}

func (c *compiler) method(policy string, index int, spec *wsv1alpha1.AuthMethod) (contract.Method, bool) {
	switch {
	case spec.JWT != nil:
		keySet, ok := c.keySet(policy, index, spec.JWT)
		return contract.Method{JWT: &contract.JWT{
			Issuer:     spec.JWT.Issuer,
			Audiences:  sorted(spec.JWT.Audiences),
			Algorithms: sorted(spec.JWT.Algorithms),
			KeySet:     keySet,
			From:       sources(spec.JWT.From, defaultTokenHeader),

			RequiredClaims: requiredClaims(spec.JWT.RequiredClaims),
			ClockSkew:      duration(spec.JWT.ClockSkew, contract.DefaultClockSkew),
		}}, ok
	case spec.APIKey != nil:
		return contract.Method{APIKey: &contract.APIKey{
			Secret: spec.APIKey.SecretRef.Name,
			From:   sources(spec.APIKey.From, defaultAPIKeyHeader),
		}}, true
	case spec.Basic != nil:
		ref := &spec.Basic.SecretRef
		return contract.Method{Basic: &contract.Basic{
			File: contract.SecretKey{Secret: ref.Name, Key: keyOr(ref, contract.DefaultUsersKey)},
		}}, true
	case spec.ClientCertificate != nil:
		return contract.Method{ClientCertificate: certificateMethod(spec.ClientCertificate)}, true
	case spec.External != nil:
		return c.external(methodField(policy, index)+".external", spec.External)
	case spec.Anonymous != nil:
		return contract.Method{Anonymous: &contract.Anonymous{}}, true
	}
	c.invalid(methodField(policy, index), "the method has no kind that this release knows: set exactly one of jwt, apiKey, basic, clientCertificate, external and anonymous")
	return contract.Method{}, false
}

func requiredClaims(spec map[string]wsv1alpha1.ClaimValues) map[string][]string {
	if len(spec) == 0 {
		return nil
	}
	claims := make(map[string][]string, len(spec))
	for name, values := range spec {
		claims[name] = sorted(values)
	}
	return claims
}

func sources(from []wsv1alpha1.CredentialSource, standard string) []contract.Source {
	if len(from) == 0 {
		return []contract.Source{{Header: standard}}
	}
	list := make([]contract.Source, 0, len(from))
	for _, source := range from {
		list = append(list, contract.Source{
			Header:      textproto.CanonicalMIMEHeaderKey(source.Header),
			Prefix:      prefix(source),
			Subprotocol: string(source.Subprotocol),
			Cookie:      source.Cookie,
			Query:       source.Query,
		})
	}
	return list
}

// prefix leaves out what is the default, so that two methods that read the same
// place say so in the same way.
func prefix(source wsv1alpha1.CredentialSource) string {
	if strings.EqualFold(source.Header, defaultTokenHeader) && strings.EqualFold(source.Prefix, "Bearer ") {
		return ""
	}
	return source.Prefix
}

// checkSources looks again at the CRD's rule that two methods of one policy,
// other than jwt, do not read the same place: whose bad credential is it?
func (c *compiler) checkSources(spec *wsv1alpha1.AuthPolicy) {
	reader := map[contract.Source]int{}
	for i := range spec.AnyOf {
		if spec.AnyOf[i].APIKey == nil {
			continue
		}
		for _, source := range sources(spec.AnyOf[i].APIKey.From, defaultAPIKeyHeader) {
			source.Prefix = ""
			if other, taken := reader[source]; taken && other != i {
				c.invalid(methodField(spec.Name, i)+".apiKey.from",
					"the methods %d and %d of policy %q both read the credential from %s: give each a place of its own",
					other, i, spec.Name, describe(source))
				return
			}
			reader[source] = i
		}
	}
}

// checkOrigins looks again at the CRD's rule that credentials which a foreign
// page could bring along are only accepted from listed pages.
func (c *compiler) checkOrigins(spec *wsv1alpha1.AuthPolicy) {
	if spec.Origins != nil {
		return
	}
	for i := range spec.AnyOf {
		var from []wsv1alpha1.CredentialSource
		switch method := &spec.AnyOf[i]; {
		case method.JWT != nil:
			from = method.JWT.From
		case method.APIKey != nil:
			from = method.APIKey.From
		}
		if spec.AnyOf[i].Basic != nil || wantsCertificate(spec.AnyOf[i]) || slices.ContainsFunc(from, func(s wsv1alpha1.CredentialSource) bool { return s.Cookie != "" || s.Query != "" }) {
			c.invalid(methodField(spec.Name, i),
				"policy %q reads a password, a client certificate, or a credential from a cookie or a query, and lists no origins, so that any page could connect with the credential of whoever looks at it: add origins",
				spec.Name)
		}
	}
}

func describe(source contract.Source) string {
	switch {
	case source.Header != "":
		return fmt.Sprintf("the header %s", source.Header)
	case source.Cookie != "":
		return fmt.Sprintf("the cookie %s", source.Cookie)
	case source.Query != "":
		return fmt.Sprintf("the query parameter %s", source.Query)
	}
	return fmt.Sprintf("the subprotocol %s", source.Subprotocol)
}

func origins(spec *wsv1alpha1.Origins) *contract.Origins {
	if spec == nil {
		return nil
	}
	return &contract.Origins{
		Allow:        sorted(spec.Allow),
		AllowMissing: spec.Missing == wsv1alpha1.MissingOriginAllow,
	}
}

func expiryGrace(spec *wsv1alpha1.OnExpiry) contract.Duration {
	if spec == nil || spec.Grace == nil {
		return 0
	}
	return contract.Duration(spec.Grace.Duration)
}

func identityHeaders(spec *wsv1alpha1.ForwardIdentity) []contract.IdentityHeader {
	if spec == nil {
		return nil
	}
	var list []contract.IdentityHeader
	for _, header := range spec.Headers {
		list = append(list, contract.IdentityHeader{
			Name:  textproto.CanonicalMIMEHeaderKey(header.Name),
			Claim: header.Claim,
		})
	}
	slices.SortFunc(list, func(a, b contract.IdentityHeader) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Claim, b.Claim))
	})
	return list
}
