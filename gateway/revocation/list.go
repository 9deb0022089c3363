// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Match says which revocation locks somebody out.
type Match struct {
	// ID is contract.Revocation.ID.
	ID string
	// Name of the revocation.
	Name string
	// By is what matched: subject, token id, API key id, certificate serial or
	// client network. It holds nothing of the caller.
	By string
}

// String is the detail of an audit record.
func (m Match) String() string { return fmt.Sprintf("revocation %q: %s", m.Name, m.By) }

// The values of Match.By.
const (
	bySubject     = "subject"
	byTokenID     = "token id"
	byAPIKeyID    = "API key id"
	byCertificate = "certificate serial"
	byNetwork     = "client network"
)

// List is a compiled file. It does not change any more, and the nil List locks
// nobody out. Its methods are safe for concurrent use.
type List struct {
	now func() time.Time

	subjects     map[contract.RevokedSubject]*entry
	tokens       map[contract.RevokedTokenID]*entry
	keys         map[contract.RevokedAPIKeyID]*entry
	certificates map[contract.RevokedCertificate]*entry
	networks     map[netip.Prefix]*entry
	// lengths are the lengths of prefix in networks, for each length of address:
	// an address is looked up once per length, and there are at most 161.
	lengths map[int][]int

	ids []string
}

// entry is what a table answers. Of several revocations with the same entry the
// table has the one that lasts longest.
type entry struct {
	id, name, by string
	until        time.Time
}

// New compiles a file that contract.ParseRevocations has accepted. now is the
// clock by which revocations end.
func New(file contract.Revocations, now func() time.Time) *List {
	l := &List{
		now:          now,
		subjects:     map[contract.RevokedSubject]*entry{},
		tokens:       map[contract.RevokedTokenID]*entry{},
		keys:         map[contract.RevokedAPIKeyID]*entry{},
		certificates: map[contract.RevokedCertificate]*entry{},
		networks:     map[netip.Prefix]*entry{},
		lengths:      map[int][]int{},
	}
	for i := range file.Revocations {
		l.add(&file.Revocations[i])
	}
	return l
}

func (l *List) add(r *contract.Revocation) {
	l.ids = append(l.ids, r.ID())
	for _, one := range r.Subjects {
		put(l.subjects, one, r, bySubject)
	}
	for _, one := range r.TokenIDs {
		put(l.tokens, one, r, byTokenID)
	}
	for _, one := range r.APIKeyIDs {
		put(l.keys, one, r, byAPIKeyID)
	}
	for _, one := range r.CertificateSerials {
		put(l.certificates, one, r, byCertificate)
	}
	for _, text := range r.ClientCIDRs {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			continue // ParseRevocations lets none through
		}
		put(l.networks, network, r, byNetwork)
		width := network.Addr().BitLen()
		if !slices.Contains(l.lengths[width], network.Bits()) {
			l.lengths[width] = append(l.lengths[width], network.Bits())
		}
	}
}

func put[K comparable](table map[K]*entry, key K, r *contract.Revocation, by string) {
	if known := table[key]; known != nil && !known.until.Before(r.Until) {
		return
	}
	table[key] = &entry{id: r.ID(), name: r.Name, by: by, until: r.Until}
}

// IDs are the identifiers of the revocations in the file.
func (l *List) IDs() []string {
	if l == nil {
		return nil
	}
	return slices.Clone(l.ids)
}

// Client tells whether callers from an address are locked out.
func (l *List) Client(address netip.Addr) (Match, bool) {
	if l == nil || len(l.networks) == 0 || !address.IsValid() {
		return Match{}, false
	}
	// An IPv4 client of an IPv6 socket is ::ffff:a.b.c.d, and a prefix holds no
	// address with a zone: both would slip through.
	address = address.Unmap().WithZone("")
	var found *entry
	for _, length := range l.lengths[address.BitLen()] {
		network, err := address.Prefix(length)
		if err == nil {
			found = l.longer(found, l.networks[network])
		}
	}
	return found.match()
}

// Identity tells whether a caller is locked out by who they are, or by the
// credential that they have shown. It compares bytes: an identity has one
// spelling.
func (l *List) Identity(identity *authn.Identity) (Match, bool) {
	if l == nil {
		return Match{}, false
	}
	found := l.bySubject(identity)
	if identity.TokenID != "" {
		found = l.longer(found, l.tokens[contract.RevokedTokenID{Issuer: identity.Issuer, ID: identity.TokenID}])
	}
	if identity.Method == authn.MethodAPIKey {
		found = l.longer(found, l.byKey(identity))
	}
	if serial := identity.CertificateSerial; serial != "" {
		found = l.longer(found, l.certificates[contract.RevokedCertificate{Serial: serial}])
		found = l.longer(found, l.certificates[contract.RevokedCertificate{Serial: serial, Policy: identity.Policy}])
	}
	return found.match()
}

func (l *List) bySubject(identity *authn.Identity) *entry {
	if identity.Subject == "" || len(l.subjects) == 0 {
		return nil
	}
	key := contract.RevokedSubject{Subject: identity.Subject, Policy: identity.Policy}
	found := l.longer(nil, l.subjects[key])
	if identity.Issuer == "" {
		return found
	}
	key.Issuer = identity.Issuer
	found = l.longer(found, l.subjects[key])
	key.Policy = ""
	return l.longer(found, l.subjects[key])
}

func (l *List) byKey(identity *authn.Identity) *entry {
	key := contract.RevokedAPIKeyID{ID: identity.KeyID, Policy: identity.Policy}
	found := l.longer(nil, l.keys[key])
	key.Secret = identity.Issuer
	found = l.longer(found, l.keys[key])
	key.Policy = ""
	return l.longer(found, l.keys[key])
}

// longer is the one of two entries that applies longer, nil if none applies now.
// Either may be nil.
func (l *List) longer(a, b *entry) *entry {
	if b == nil || !l.now().Before(b.until) {
		return a
	}
	if a == nil || a.until.Before(b.until) {
		return b
	}
	return a
}

func (e *entry) match() (Match, bool) {
	if e == nil {
		return Match{}, false
	}
	return Match{ID: e.id, Name: e.name, By: e.by}, true
}
