// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation

import (
	"net/url"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

// Certificate is a client certificate as rules read it, field by field. Like all
// that is shown in TLS it is public, but for what somebody may have taken for a
// place of a password.
type Certificate struct {
	Subject     string    `json:"subject,omitempty"`
	Issuer      string    `json:"issuer,omitempty"`
	Serial      string    `json:"serial,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
	URIs        []string  `json:"uris,omitempty"`
	DNSNames    []string  `json:"dnsNames,omitempty"`
	Emails      []string  `json:"emails,omitempty"`
}

// presented is nil where none is.
func presented(c *policy.Certificate) *Certificate {
	if !c.Presented {
		return nil
	}
	return &Certificate{
		Subject: c.Subject, Issuer: c.Issuer, Serial: c.Serial, Fingerprint: c.Fingerprint,
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, URIs: withoutUsers(c.URIs), DNSNames: c.DNSNames, Emails: c.Emails,
	}
}

// withoutUsers leaves out what is in front of the host: such a URI is nobody's
// identity, and a password could be there.
func withoutUsers(uris []string) []string {
	list := make([]string, 0, len(uris))
	for _, uri := range uris {
		if parsed, err := url.Parse(uri); err != nil || parsed.User != nil {
			uri = redacted(uri)
		}
		list = append(list, uri)
	}
	return list
}

// lines are for people, under the names that a rule has to use.
func (c *Certificate) lines() []string {
	if c == nil {
		return nil
	}
	var lines []string
	for _, field := range []struct {
		name  string
		value string
	}{
		{"subject", c.Subject},
		{"issuer", c.Issuer},
		{"serial", c.Serial},
		{"fingerprint", c.Fingerprint},
		{"notBefore", c.NotBefore.Format(time.RFC3339)},
		{"notAfter", c.NotAfter.Format(time.RFC3339)},
		{"uris", strings.Join(c.URIs, ", ")},
		{"dnsNames", strings.Join(c.DNSNames, ", ")},
		{"emails", strings.Join(c.Emails, ", ")},
	} {
		if field.value != "" {
			lines = append(lines, "certificate."+field.name+": "+field.value)
		}
	}
	return lines
}
