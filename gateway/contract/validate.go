// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// validate checks the structure that every reader relies on: names that
// resolve, unions with exactly one member, sizes in range. What a policy's or
// listener's files hold is judged later and one by one.
func (c *Config) validate() error {
	var problems []error
	names := map[string]bool{}
	for i := range c.Listeners {
		listener := &c.Listeners[i]
		problems = append(problems, unique(names, "listener", listener.Name), listener.validate())
	}
	problems = append(problems, sharedAddressing(c.Listeners))
	policies := map[string]bool{}
	for i := range c.Policies {
		policy := &c.Policies[i]
		problems = append(problems, unique(policies, "policy", policy.Name), policy.validate())
	}
	profiles := map[string]bool{}
	for i := range c.BackendTLS {
		profile := &c.BackendTLS[i]
		problems = append(problems, unique(profiles, "backend TLS", profile.Name), profile.validate())
	}
	routes := map[string]bool{}
	for i := range c.Routes {
		route := &c.Routes[i]
		problems = append(problems, unique(routes, "route", route.Name), route.validate(policies, profiles))
	}
	return errors.Join(append(problems, c.Limits.validate(), c.Audit.validate(), c.Tracing.validate())...)
}

// CheckRoute answers why readers would refuse c with a further route; nil if they
// would not. It does not look for another route of the same name.
func (c *Config) CheckRoute(r *Route) error {
	policies := make(map[string]bool, len(c.Policies))
	for i := range c.Policies {
		policies[c.Policies[i].Name] = true
	}
	profiles := make(map[string]bool, len(c.BackendTLS))
	for i := range c.BackendTLS {
		profiles[c.BackendTLS[i].Name] = true
	}
	return r.validate(policies, profiles)
}

func unique(seen map[string]bool, kind, name string) error {
	if name == "" {
		return fmt.Errorf("%s without a name", kind)
	}
	if seen[name] {
		return fmt.Errorf("%s %q appears twice", kind, name)
	}
	seen[name] = true
	return nil
}

func (l *Listener) validate() error {
	switch {
	case l.Port < 1 || l.Port > 65535, l.BindPort < 0 || l.BindPort > 65535:
		return fmt.Errorf("listener %q: port out of range", l.Name)
	case len(l.Hostnames) == 0:
		return fmt.Errorf("listener %q: no hostnames", l.Name)
	case l.MinTLSVersion != "1.2" && l.MinTLSVersion != "1.3":
		return fmt.Errorf("listener %q: TLS version %q is neither 1.2 nor 1.3", l.Name, l.MinTLSVersion)
	}
	if err := fileName(l.CertificateSecret); err != nil {
		return fmt.Errorf("listener %q: certificate Secret: %w", l.Name, err)
	}
	if err := l.ClientAddress.validate(); err != nil {
		return fmt.Errorf("listener %q: %w", l.Name, err)
	}
	if err := l.ClientCertificates.validate(); err != nil {
		return fmt.Errorf("listener %q: client certificates: %w", l.Name, err)
	}
	return nil
}

func (p *Policy) validate() error {
	if p.Fault != "" {
		return nil
	}
	if len(p.Methods) == 0 {
		return fmt.Errorf("policy %q: no methods", p.Name)
	}
	if p.ExpiryGrace < 0 {
		return fmt.Errorf("policy %q: negative grace after expiry", p.Name)
	}
	for i := range p.Methods {
		if err := p.Methods[i].validate(); err != nil {
			return fmt.Errorf("policy %q: method %d: %w", p.Name, i, err)
		}
	}
	if err := errors.Join(p.checkExternal(), p.Origins.validate(), p.ClientCIDRs.validate(), p.Authorization.validate()); err != nil {
		return fmt.Errorf("policy %q: %w", p.Name, err)
	}
	return nil
}

// validate refuses a wildcard at any place but the one that it has a meaning at.
func (o *Origins) validate() error {
	if o == nil {
		return nil
	}
	for _, origin := range o.Allow {
		before, behind, wildcard := strings.Cut(origin, "*")
		if wildcard && (!strings.HasSuffix(before, "://") || !strings.HasPrefix(behind, ".") || strings.Contains(behind, "*")) {
			return fmt.Errorf("origin %q: a wildcard must be the whole first label of the host", origin)
		}
	}
	return nil
}

func (m *Method) validate() error {
	set := 0
	for _, present := range []bool{m.JWT != nil, m.APIKey != nil, m.Basic != nil, m.ClientCertificate != nil, m.External != nil, m.Anonymous != nil} {
		if present {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("%d kinds of method, want exactly one", set)
	}
	switch {
	case m.JWT != nil:
		return m.JWT.validate()
	case m.APIKey != nil:
		return errors.Join(fileName(m.APIKey.Secret), sources(m.APIKey.From))
	case m.Basic != nil:
		return errors.Join(fileName(m.Basic.File.Secret), fileName(m.Basic.File.Key))
	case m.ClientCertificate != nil:
		return m.ClientCertificate.validate()
	case m.External != nil:
		return m.External.validate()
	}
	return nil
}

func (c *ClientCertificates) validate() error {
	switch {
	case c == nil:
		return nil
	case c.Fault == "" && len(c.Bundles) == 0:
		return errors.New("no CA bundle")
	case len(c.Bundles) > MaxClientCABundles:
		return fmt.Errorf("%d CA bundles, more than %d", len(c.Bundles), MaxClientCABundles)
	}
	for _, bundle := range c.Bundles {
		if bundle.Certificates == "" {
			return fmt.Errorf("CA bundle of ConfigMap %q: empty", bundle.ConfigMap)
		}
	}
	return nil
}

func (c *ClientCertificate) validate() error {
	switch c.IdentityFrom {
	case IdentityFromURI, IdentityFromDNS, IdentityFromEmail, IdentityFromSubject:
	default:
		return fmt.Errorf("client certificate: no identity can be taken from %q", c.IdentityFrom)
	}
	for _, pattern := range c.Patterns {
		if pattern == "" || strings.Count(pattern, "*") > 1 {
			return fmt.Errorf("client certificate: pattern %q is empty or has more than one *", pattern)
		}
	}
	return nil
}

func (j *JWT) validate() error {
	if j.Issuer == "" || len(j.Audiences) == 0 || len(j.Algorithms) == 0 {
		return errors.New("jwt: issuer, audiences and algorithms are required")
	}
	set := 0
	for _, present := range []bool{j.KeySet.Inline != "", j.KeySet.Secret != nil, j.KeySet.URI != ""} {
		if present {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("jwt: %d key sets, want exactly one", set)
	}
	if s := j.KeySet.Secret; s != nil {
		if err := errors.Join(fileName(s.Secret), fileName(s.Key)); err != nil {
			return err
		}
	}
	return errors.Join(j.validateClaims(), sources(j.From))
}

func (j *JWT) validateClaims() error {
	for name, values := range j.RequiredClaims {
		if name == "" || len(values) == 0 {
			return errors.New("jwt: a required claim needs a name and values")
		}
	}
	if skew := j.Skew(); skew < 0 || skew > maxClockSkew {
		return fmt.Errorf("jwt: clock skew of %v is not between 0s and %v", skew, maxClockSkew)
	}
	return nil
}

// maxClockSkew keeps a mistake from making tokens live for ever.
const maxClockSkew = 5 * time.Minute

func sources(from []Source) error {
	if len(from) == 0 {
		return errors.New("no place to find the credential in")
	}
	for _, source := range from {
		set := 0
		for _, name := range []string{source.Header, source.Subprotocol, source.Cookie, source.Query} {
			if name != "" {
				set++
			}
		}
		switch {
		case set != 1:
			return errors.New("a credential source needs exactly one of header, subprotocol, cookie and query")
		case source.Prefix != "" && source.Header == "":
			return errors.New("a credential source has a prefix without a header")
		case source.Subprotocol != "" && source.Subprotocol != SubprotocolBearer && source.Subprotocol != SubprotocolBase64URL:
			return fmt.Errorf("a credential cannot be shown as the subprotocol %q", source.Subprotocol)
		}
	}
	return nil
}

func (r *Route) validate(policies, profiles map[string]bool) error {
	switch {
	case len(r.Hostnames) == 0:
		return fmt.Errorf("route %q: no hostnames", r.Name)
	case (r.Path.Prefix == "") == (r.Path.Exact == ""):
		return fmt.Errorf("route %q: needs exactly one of prefix and exact path", r.Name)
	case r.Fault != "":
		return nil
	case !policies[r.Policy]:
		return fmt.Errorf("route %q: unknown policy %q", r.Name, r.Policy)
	case len(r.Backends) == 0:
		return fmt.Errorf("route %q: no backends", r.Name)
	}
	for i := range r.Backends {
		if err := r.Backends[i].validate(profiles); err != nil {
			return fmt.Errorf("route %q: backend %q: %w", r.Name, r.Backends[i].Name, err)
		}
	}
	if err := r.Limits.validate(); err != nil {
		return fmt.Errorf("route %q: %w", r.Name, err)
	}
	return errors.Join(r.validateRelay(), r.validateBalancing())
}

func (r *Route) validateRelay() error {
	switch {
	case r.Relay != "" && r.Relay != RelayFrames:
		return fmt.Errorf("route %q: unknown relay %q", r.Name, r.Relay)
	case r.Extensions != "" && r.Extensions != ExtensionsPassThrough:
		return fmt.Errorf("route %q: unknown extensions %q", r.Name, r.Extensions)
	case r.Extensions != "" && r.Relay != RelayFrames:
		return fmt.Errorf("route %q: extensions can be passed through only with the relay %q", r.Name, RelayFrames)
	}
	return nil
}

func (e *Endpoints) validate() error {
	for name, backend := range e.Backends {
		addresses := backend.Addresses
		if backend.Service != "" {
			addresses = append(slices.Clip(addresses), backend.Service)
		}
		for _, address := range addresses {
			if _, _, err := net.SplitHostPort(address); err != nil {
				return fmt.Errorf("backend %q: %w", name, err)
			}
		}
	}
	return nil
}

// fileName refuses what could lead out of the mounted folder.
func fileName(name string) error {
	if name == "" || name == "." || strings.HasPrefix(name, "..") || strings.ContainsAny(name, "/\\\x00") {
		return fmt.Errorf("%q is not a file name", name)
	}
	return nil
}
