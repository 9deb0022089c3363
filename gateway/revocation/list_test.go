// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revocation"
)

func noon() time.Time { return time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) }

// file has one revocation that ends at one o'clock.
func file(change func(*contract.Revocation)) contract.Revocations {
	one := contract.Revocation{Name: "incident", UID: "uid-1", Until: noon().Add(time.Hour)}
	change(&one)
	return contract.Revocations{Version: contract.Version, Revocations: []contract.Revocation{one}}
}

func identities() map[string]authn.Identity {
	const issuer = "https://id.example.com"
	return map[string]authn.Identity{
		"ann":                   {Policy: "users", Method: authn.MethodJWT, Issuer: issuer, Subject: "ann", TokenID: "t-1"},
		"Ann":                   {Policy: "users", Method: authn.MethodJWT, Issuer: issuer, Subject: "Ann", TokenID: "T-1"},
		"ann of another issuer": {Policy: "users", Method: authn.MethodJWT, Issuer: "https://id.example.org", Subject: "ann", TokenID: "t-1"},
		"ann by another policy": {Policy: "staff", Method: authn.MethodJWT, Issuer: issuer, Subject: "ann", TokenID: "t-2"},
		"ann with a slash":      {Policy: "users", Method: authn.MethodJWT, Issuer: issuer + "/", Subject: "ann"},
		"user ann":              {Policy: "users", Method: authn.MethodBasic, Issuer: "htpasswd", Subject: "ann"},
		"device ann":            {Policy: "users", Method: authn.MethodAPIKey, Issuer: "keys", Subject: "ann", KeyID: "ann"},
		"device of another set": {Policy: "users", Method: authn.MethodAPIKey, Issuer: "keys-2", Subject: "ann", KeyID: "ann"},
		"signed by the key ann": {Policy: "users", Method: authn.MethodJWT, Issuer: "keys", Subject: "eve", KeyID: "ann"},
		"certificate":           {Policy: "partners", Subject: "svc", CertificateSerial: "a1b"},
		"certificate of others": {Policy: "others", Subject: "svc", CertificateSerial: "a1b"},
		"certificate a1b0":      {Policy: "partners", Subject: "svc2", CertificateSerial: "a1b0"},
		"nobody":                {Policy: "users", Method: authn.MethodAnonymous},
	}
}

func TestARevocationHitsThoseThatItNamesAndNoLookAlike(t *testing.T) {
	t.Parallel()
	const issuer = "https://id.example.com"
	for name, tt := range map[string]struct {
		change func(*contract.Revocation)
		by     string
		want   []string
	}{
		"a subject of a policy": {func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Policy: "staff"}}
		}, "subject", []string{"ann by another policy"}},
		"a subject of an issuer": {func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Issuer: issuer}}
		}, "subject", []string{"ann", "ann by another policy"}},
		"a subject of an issuer and a policy": {func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Issuer: issuer, Policy: "users"}}
		}, "subject", []string{"ann"}},
		"a subject by every method of a policy": {func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Policy: "users"}}
		}, "subject", []string{"ann", "ann of another issuer", "ann with a slash", "user ann", "device ann", "device of another set"}},
		"one token": {func(r *contract.Revocation) {
			r.TokenIDs = []contract.RevokedTokenID{{Issuer: issuer, ID: "t-1"}}
		}, "token id", []string{"ann"}},
		"an API key of a Secret": {func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "ann", Secret: "keys"}}
		}, "API key id", []string{"device ann"}},
		"an API key of a policy": {func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "ann", Policy: "users"}}
		}, "API key id", []string{"device ann", "device of another set"}},
		"an API key of a Secret and another policy": {func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "ann", Policy: "staff", Secret: "keys"}}
		}, "", nil},
		"a certificate of any policy": {func(r *contract.Revocation) {
			r.CertificateSerials = []contract.RevokedCertificate{{Serial: "a1b"}}
		}, "certificate serial", []string{"certificate", "certificate of others"}},
		"a certificate of one policy": {func(r *contract.Revocation) {
			r.CertificateSerials = []contract.RevokedCertificate{{Serial: "a1b", Policy: "partners"}}
		}, "certificate serial", []string{"certificate"}},
		"nobody, from a network": {func(r *contract.Revocation) { r.ClientCIDRs = []string{"192.0.2.0/24"} }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := revocation.New(file(tt.change), noon)
			want, got := map[string]revocation.Match{}, map[string]revocation.Match{}
			for _, who := range tt.want {
				want[who] = revocation.Match{ID: "uid-1", Name: "incident", By: tt.by}
			}
			for who, identity := range identities() {
				if match, ok := list.Identity(&identity); ok {
					got[who] = match
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("locked out (-want +got):\n%s", diff)
			}
		})
	}
}

func TestANetworkHitsItsAddressesInEverySpelling(t *testing.T) {
	t.Parallel()
	list := revocation.New(file(func(r *contract.Revocation) {
		r.ClientCIDRs = []string{"192.0.2.0/24", "203.0.113.7/32", "10.0.0.0/8", "2001:db8:1::/48", "fe80::/10"}
	}), noon)
	for address, want := range map[string]bool{
		"192.0.2.1": true, "192.0.2.255": true, "192.0.3.0": false, "192.0.1.255": false,
		"::ffff:192.0.2.1": true, "::ffff:192.0.3.1": false, "::192.0.2.1": false,
		"203.0.113.7": true, "203.0.113.6": false, "10.255.255.255": true, "11.0.0.0": false,
		"2001:db8:1::1": true, "2001:db8:1:ffff::": true, "2001:db8:2::1": false, "fe80::1%eth0": true,
	} {
		if _, got := list.Client(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is locked out: %t, want %t", address, got, want)
		}
	}
	if _, got := list.Client(netip.Addr{}); got {
		t.Error("an address that is unknown is locked out")
	}
}

func TestARevocationEndsByTheClockAndTheLongestOfSeveralCounts(t *testing.T) {
	t.Parallel()
	now := noon()
	ann := contract.RevokedSubject{Subject: "ann", Policy: "users"}
	network := []string{"192.0.2.0/24"}
	list := revocation.New(contract.Revocations{Revocations: []contract.Revocation{
		{Name: "long", Until: noon().Add(2 * time.Hour), Subjects: []contract.RevokedSubject{ann}, ClientCIDRs: network},
		{Name: "short", Until: noon().Add(time.Hour), Subjects: []contract.RevokedSubject{ann}, ClientCIDRs: []string{"192.0.2.1/32"}},
		{Name: "over", Until: noon(), Subjects: []contract.RevokedSubject{{Subject: "bob", Policy: "users"}}},
	}}, func() time.Time { return now })
	address := netip.MustParseAddr("192.0.2.1")
	for _, tt := range []struct {
		at   time.Duration
		want string
	}{{0, "long"}, {time.Hour, "long"}, {2*time.Hour - time.Nanosecond, "long"}, {2 * time.Hour, ""}} {
		now = noon().Add(tt.at)
		byIdentity, _ := list.Identity(&authn.Identity{Policy: "users", Subject: "ann"})
		byClient, _ := list.Client(address)
		if byIdentity.Name != tt.want || byClient.Name != tt.want {
			t.Errorf("after %v: locked out by %q and %q, want %q", tt.at, byIdentity.Name, byClient.Name, tt.want)
		}
		if _, ok := list.Identity(&authn.Identity{Policy: "users", Subject: "bob"}); ok {
			t.Errorf("after %v: locked out by a revocation that is over", tt.at)
		}
	}
}

func TestNoListLocksNobodyOut(t *testing.T) {
	t.Parallel()
	var none *revocation.List
	if _, ok := none.Identity(&authn.Identity{Subject: "ann"}); ok {
		t.Error("an identity is locked out")
	}
	if _, ok := none.Client(netip.MustParseAddr("192.0.2.1")); ok {
		t.Error("an address is locked out")
	}
	if ids := none.IDs(); len(ids) > 0 {
		t.Errorf("it has revocations: %v", ids)
	}
}

// full has as many entries as one revocation may have, of each kind.
func full() *revocation.List {
	return revocation.New(file(func(r *contract.Revocation) {
		for i := range 1000 {
			text := fmt.Sprintf("%x", i+1)
			r.Subjects = append(r.Subjects, contract.RevokedSubject{Subject: text, Policy: "users"})
			r.TokenIDs = append(r.TokenIDs, contract.RevokedTokenID{Issuer: "https://id.example.com", ID: text})
			r.CertificateSerials = append(r.CertificateSerials, contract.RevokedCertificate{Serial: text})
			r.ClientCIDRs = append(r.ClientCIDRs, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
		}
	}), noon)
}

// BenchmarkLookUp is what a handshake pays while thousands are locked out.
func BenchmarkLookUp(b *testing.B) {
	list := full()
	identity := identities()["ann"]
	address := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = list.Client(address)
		_, _ = list.Identity(&identity)
	}
}

func TestALookUpAllocatesNothing(t *testing.T) {
	list := full()
	identity := identities()["ann"]
	address := netip.MustParseAddr("192.0.2.1")
	if n := testing.AllocsPerRun(100, func() {
		_, _ = list.Client(address)
		_, _ = list.Identity(&identity)
	}); n > 0 {
		t.Errorf("%v allocations per look-up", n)
	}
}
