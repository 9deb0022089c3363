// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Revocations lists who is locked out, and until when. It follows from the
// WebSocketRevocations that name the gateway.
type Revocations struct {
	Version int `json:"version"`
	// Revocations are at most MaxRevocations, sorted by name.
	Revocations []Revocation `json:"revocations,omitempty"`
}

// Revocation closes the connections of those that one of its entries matches, and
// refuses new ones, until a time. Times are judged by the pod's own clock, so
// that a revocation ends while the operator is away.
type Revocation struct {
	// Name of the object; what the audit records call it.
	Name string `json:"name"`
	// UID tells an object from an earlier one of the same name; empty outside
	// Kubernetes.
	UID string `json:"uid,omitempty"`
	// Until is the first moment at which the revocation does not apply.
	Until time.Time `json:"until"`

	Subjects           []RevokedSubject     `json:"subjects,omitempty"`
	TokenIDs           []RevokedTokenID     `json:"tokenIDs,omitempty"`
	APIKeyIDs          []RevokedAPIKeyID    `json:"apiKeyIDs,omitempty"`
	CertificateSerials []RevokedCertificate `json:"certificateSerials,omitempty"`
	// ClientCIDRs are networks in their canonical form: no bits behind the
	// prefix, IPv4 as such.
	ClientCIDRs []string `json:"clientCIDRs,omitempty"`
}

// ID is what a Report counts a revocation under.
func (r *Revocation) ID() string {
	if r.UID != "" {
		return r.UID
	}
	return r.Name
}

// RevokedSubject is a caller by the subject of the identity. At least one of
// Policy and Issuer is set; an empty one matches any.
type RevokedSubject struct {
	Subject string `json:"subject"`
	Policy  string `json:"policy,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
}

// RevokedTokenID is one token, by its iss and jti claims (RFC 7519 section
// 4.1.7: a jti means something for its issuer only).
type RevokedTokenID struct {
	Issuer string `json:"issuer"`
	ID     string `json:"id"`
}

// RevokedAPIKeyID is one API key, by the name that it has in its Secret. At least
// one of Policy and Secret is set; an empty one matches any.
type RevokedAPIKeyID struct {
	ID     string `json:"id"`
	Policy string `json:"policy,omitempty"`
	Secret string `json:"secret,omitempty"`
}

// RevokedCertificate is a client certificate, whatever else its owner has shown.
type RevokedCertificate struct {
	// Serial in lower-case hexadecimal without leading zeros.
	Serial string `json:"serial"`
	// Policy that admits the caller; empty matches any. Two CAs may have given the
	// same number.
	Policy string `json:"policy,omitempty"`
}

func (r *Revocations) validate() error {
	if len(r.Revocations) > MaxRevocations {
		return fmt.Errorf("%d revocations, more than the %d that are read", len(r.Revocations), MaxRevocations)
	}
	names := map[string]bool{}
	for i := range r.Revocations {
		one := &r.Revocations[i]
		if err := unique(names, "revocation", one.Name); err != nil {
			return err
		}
		if err := one.validate(); err != nil {
			return fmt.Errorf("revocation %q: %w", one.Name, err)
		}
	}
	return nil
}

func (r *Revocation) validate() error {
	entries := len(r.Subjects) + len(r.TokenIDs) + len(r.APIKeyIDs) + len(r.CertificateSerials) + len(r.ClientCIDRs)
	if entries == 0 {
		return errors.New("matches nobody: an entry is missing")
	}
	if r.Until.IsZero() {
		return errors.New("has no end: until is missing")
	}
	return errors.Join(r.validateNames(), r.validateSerials(), r.validateNetworks())
}

// validateNames refuses a name without what it is a name in: it would match
// strangers who happen to have the same.
func (r *Revocation) validateNames() error {
	for _, s := range r.Subjects {
		if s.Subject == "" || (s.Policy == "" && s.Issuer == "") {
			return errors.New("a subject needs a policy or an issuer beside it")
		}
	}
	for _, t := range r.TokenIDs {
		if t.ID == "" || t.Issuer == "" {
			return errors.New("a token needs issuer and id")
		}
	}
	for _, k := range r.APIKeyIDs {
		if k.ID == "" || (k.Policy == "" && k.Secret == "") {
			return errors.New("an API key needs a policy or a Secret beside its id")
		}
	}
	return nil
}

// validateSerials refuses other spellings of a number: the entry would never
// match, and whoever wrote it would believe that it does.
func (r *Revocation) validateSerials() error {
	for _, c := range r.CertificateSerials {
		if c.Serial == "" || strings.HasPrefix(c.Serial, "0") || strings.Trim(c.Serial, "0123456789abcdef") != "" {
			return fmt.Errorf("serial %q is not lower-case hexadecimal without leading zeros", c.Serial)
		}
	}
	return nil
}

// Bounds of the networks of one revocation. Each may hold a 256th of all IPv4
// addresses (a 65536th of IPv6), and all together less than a fifteenth.
const (
	minRevokedBits4, minRevokedBits6 = 8, 16
	// Wider than this is wide, and of those there are few.
	narrowBits4, narrowBits6 = 16, 32
	maxWideNetworks          = 16
	maxNetworks              = 256
)

// validateNetworks refuses networks that alone or together hold everybody, or a
// good part of them: it would be an outage by a slip of the pen.
func (r *Revocation) validateNetworks() error {
	if len(r.ClientCIDRs) > maxNetworks {
		return fmt.Errorf("%d client networks, more than %d", len(r.ClientCIDRs), maxNetworks)
	}
	wide := 0
	for _, text := range r.ClientCIDRs {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("client network: %w", err)
		}
		if network != network.Masked() || network.Addr().Is4In6() {
			return fmt.Errorf("client network %s is not in its canonical form", text)
		}
		least, narrow := minRevokedBits4, narrowBits4
		if network.Addr().Is6() {
			least, narrow = minRevokedBits6, narrowBits6
		}
		if network.Bits() < least {
			return fmt.Errorf("client network %s is wider than /%d, which is everybody, or a good part of them", text, least)
		}
		if network.Bits() < narrow {
			wide++
		}
	}
	if wide > maxWideNetworks {
		return fmt.Errorf("%d client networks are wider than /%d (IPv4) or /%d (IPv6), more than %d: together they are a good part of everybody",
			wide, narrowBits4, narrowBits6, maxWideNetworks)
	}
	return nil
}
