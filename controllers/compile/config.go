// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"maps"
	"slices"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

// Result is what Config found out about one gateway.
type Result struct {
	// Config is the wanted configuration. It must not be used when a problem is
	// blocking.
	Config contract.Config
	// File is Config encoded; nil when a problem is blocking.
	File []byte
	// Problems that the user must repair, sorted by Field.
	Problems []status.Problem
	// AttachedRoutes counts the routes that lead to each listener, by name, and each
	// rule of a WebSocketRoute as one. It has an entry for every listener.
	AttachedRoutes map[string]int32
	// CertificateSecrets are, by listener, the Secrets of Certificates that somebody
	// else maintains, as far as they are known.
	CertificateSecrets map[string]string
	// Overruled are the limits of the gateway's routes of which the gateway has tighter
	// ones, and those.
	Overruled []string
	// Attached is what has come of each of Refs.Routes, oldest first.
	Attached []AttachedRoute
	// Unchecked are the references that were taken for granted, sorted by
	// Field; only with Refs.Unchecked.
	Unchecked []Reference
}

// Blocked tells whether a problem forbids using the result. What was in force
// before then stays.
func (r *Result) Blocked() bool {
	return slices.ContainsFunc(r.Problems, func(p status.Problem) bool { return p.Blocking })
}

// Config makes the configuration of a gateway. previous is what is in force now,
// nil if there is nothing: when the content of a ConfigMap is malformed, the
// content that previous has for the same method stays, and hostnames that several
// namespaces want stay with the one that previous has them with.
func Config(gw *wsv1alpha1.WebSocketGateway, refs Refs, previous *contract.Config) Result {
	c := &compiler{gw: gw, refs: refs, previous: previous, from: inline(gw)}
	c.checkName()
	c.checkPorts()
	c.checkHostnames()
	c.checkAnnotations()
	// Routes look at what has become of the profiles.
	c.result.Config.BackendTLS = c.backendTLS()
	c.result.Config = contract.Config{
		Version:    contract.Version,
		Gateway:    contract.GatewayRef{Namespace: gw.Namespace, Name: gw.Name},
		Listeners:  c.listeners(),
		Policies:   c.policies(),
		BackendTLS: c.result.Config.BackendTLS,
		Routes:     c.routes(),
		Limits:     limits(gw.Spec.Limits),
		Audit:      c.audit(gw.Spec.Audit),
		Tracing:    c.tracing(gw.Spec.Tracing),

		KeepAdmitted: gw.Spec.Lifecycle != nil && gw.Spec.Lifecycle.OnPolicyChange == wsv1alpha1.PolicyChangeKeep,
	}
	c.checkAddressing()
	c.checkOffers()
	c.attach()
	c.countRoutes()
	c.checkUnasked()
	c.encode()
	slices.SortFunc(c.result.Problems, compareProblems)
	slices.SortFunc(c.result.Unchecked, compareReferences)
	return c.result
}

// compiler is one run of Config.
type compiler struct {
	gw       *wsv1alpha1.WebSocketGateway
	refs     Refs
	previous *contract.Config
	// from is where the routes were written that are looked at.
	from source

	// environment of the rules, nil until it is needed.
	environment *policy.Environment
	// readCertificate are the policies whose rules look at client certificates.
	readCertificate []string
	// inline counts the bytes that ConfigMaps have added.
	inline int
	result Result
}

func (c *compiler) encode() {
	if c.inline > contract.MaxInlineBytes {
		c.invalid("spec.authPolicies",
			"the key sets and CA bundles in ConfigMaps have %d bytes together, more than the %d that fit: use jwks.uri, or remove keys and CAs that are no longer used",
			c.inline, contract.MaxInlineBytes)
	}
	file, err := contract.Encode(c.result.Config)
	switch {
	case err != nil:
		c.invalid("spec", "the configuration cannot be written: %v", err)
	case len(file) > contract.MaxFileBytes:
		c.invalid("spec",
			"the configuration has %d bytes, more than the %d that fit: split the gateway into two, or shorten lists of hostnames, origins and routes",
			len(file), contract.MaxFileBytes)
	}
	if !c.result.Blocked() {
		c.result.File = file
	}
}

func compareProblems(a, b status.Problem) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
}

// sorted returns the set of values in order, as strings; nil for none.
func sorted[T ~string](values []T) []string {
	set := map[string]bool{}
	for _, value := range values {
		set[string(value)] = true
	}
	return slices.Sorted(maps.Keys(set))
}
