// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"time"

	"github.com/google/cel-go/common/types"
)

// Certificate is the variable certificate: what the caller has shown in TLS and a
// CA of the listener vouches for, whatever the identity comes from. The zero value
// is that of a caller without one.
//
// Only Presented can be read of a certificate that is not there, and a name that
// the certificate does not have is an error too: a rule that says whom it does not
// want must not match who has shown nothing.
type Certificate struct {
	// Presented is true where there is a verified certificate.
	Presented bool
	// Subject and Issuer are distinguished names as RFC 2253 writes them, empty
	// where they are empty or cannot be shown.
	Subject, Issuer string
	// Serial is the serial number and Fingerprint the SHA-256 of the whole
	// certificate, both in lower-case hexadecimal, the serial number without
	// leading zeros.
	Serial, Fingerprint string
	// NotBefore and NotAfter are the certificate's own, not those of its CAs.
	NotBefore, NotAfter time.Time
	// URIs, DNSNames and Emails are its subject alternative names; what of them
	// knows no case is in lower case.
	URIs, DNSNames, Emails []string
}

// certificateFields are the fields of the variable, by name.
func certificateFields() map[string]*types.FieldType {
	texts := types.NewListType(types.StringType)
	return map[string]*types.FieldType{
		"presented": field(types.BoolType, func(c *Certificate) (any, bool) { return c.Presented, c.Presented }),

		"subject":     shown(types.StringType, func(c *Certificate) (any, bool) { return c.Subject, c.Subject != "" }),
		"issuer":      shown(types.StringType, func(c *Certificate) (any, bool) { return c.Issuer, c.Issuer != "" }),
		"serial":      shown(types.StringType, func(c *Certificate) (any, bool) { return c.Serial, c.Serial != "" }),
		"fingerprint": shown(types.StringType, func(c *Certificate) (any, bool) { return c.Fingerprint, c.Fingerprint != "" }),
		"notBefore":   shown(types.TimestampType, func(c *Certificate) (any, bool) { return c.NotBefore, !c.NotBefore.IsZero() }),
		"notAfter":    shown(types.TimestampType, func(c *Certificate) (any, bool) { return c.NotAfter, !c.NotAfter.IsZero() }),
		// A list that is empty is an answer: there is no such name.
		"uris":     shown(texts, func(c *Certificate) (any, bool) { return c.URIs, true }),
		"dnsNames": shown(texts, func(c *Certificate) (any, bool) { return c.DNSNames, true }),
		"emails":   shown(texts, func(c *Certificate) (any, bool) { return c.Emails, true }),
	}
}

// shown is a field that cannot be read where get does not know it, nor of a
// certificate that was not presented.
func shown(kind *types.Type, get func(*Certificate) (value any, known bool)) *types.FieldType {
	return field(kind, func(c *Certificate) (any, bool) {
		if !c.Presented {
			return nil, false
		}
		value, known := get(c)
		if !known {
			return nil, false
		}
		return value, true
	})
}
