// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// MaxRevocationLife is how long after its creation a revocation applies at most.
const MaxRevocationLife = 30 * 24 * time.Hour

// RevocationEnd is the moment at which a revocation stops applying. tooFar is true
// if its spec asks for a later one. Without a creation timestamp, as in a file,
// its life begins now.
func RevocationEnd(r *wsv1alpha1.WebSocketRevocation, now time.Time) (end time.Time, tooFar bool) {
	born := r.CreationTimestamp.Time
	if born.IsZero() {
		born = now
	}
	latest := born.Add(MaxRevocationLife)
	if r.Spec.Until.After(latest) {
		// Whoever writes too much in a hurry still gets what there is.
		return latest, true
	}
	return r.Spec.Until.Time, false
}

// RevocationResult is what Revocations found out about one gateway.
type RevocationResult struct {
	// Revocations is the wanted file, File the same encoded.
	Revocations contract.Revocations
	File        []byte
	// Included are the revocations in the file, LeftOut those that apply and are
	// not, with the reason; both by name.
	Included map[string]Edition
	LeftOut  map[string]LeftOut
	// Next is when the first revocation of the file ends; zero if there is none.
	Next time.Time
}

// Edition is one state of an object of a name.
type Edition struct {
	UID        types.UID
	Generation int64
}

// LeftOut is a revocation that is not in the file, and why.
type LeftOut struct {
	Edition

	Why string
	// Invalid is true where the revocation itself is at fault, and not the room
	// that others have left.
	Invalid bool
}

// Revocations makes the revocations.json of a gateway out of all revocations that
// refer to it. Those that have ended, or are being deleted, are left out. room is
// how many bytes the file may have, at most contract.MaxRevocationsBytes: what
// does not fit is the newest, since what is in force already must not be pushed
// out by what comes.
func Revocations(list []wsv1alpha1.WebSocketRevocation, room int, now time.Time) (RevocationResult, error) {
	applying := make([]*wsv1alpha1.WebSocketRevocation, 0, len(list))
	for i := range list {
		end, _ := RevocationEnd(&list[i], now)
		if list[i].DeletionTimestamp == nil && now.Before(end) {
			applying = append(applying, &list[i])
		}
	}
	slices.SortFunc(applying, func(a, b *wsv1alpha1.WebSocketRevocation) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	result := RevocationResult{Included: map[string]Edition{}, LeftOut: map[string]LeftOut{}}
	result.Revocations.Version = contract.Version
	size := 0
	for _, r := range applying {
		one, err := result.fit(r, min(room, contract.MaxRevocationsBytes)-size, now)
		if err != nil {
			return result, err
		}
		size += one
	}
	slices.SortFunc(result.Revocations.Revocations, func(a, b contract.Revocation) int { return cmp.Compare(a.Name, b.Name) })
	var err error
	result.File, err = contract.Encode(result.Revocations)
	return result, err
}

// fit adds a revocation if it has room, and returns how much it takes.
func (r *RevocationResult) fit(object *wsv1alpha1.WebSocketRevocation, room int, now time.Time) (int, error) {
	edition := Edition{UID: object.UID, Generation: object.Generation}
	if len(r.Revocations.Revocations) == contract.MaxRevocations {
		r.LeftOut[object.Name] = LeftOut{Edition: edition, Why: fmt.Sprintf(
			"%d older revocations are in force there, which is the most: delete some, or put several into one", contract.MaxRevocations)}
		return 0, nil
	}
	one := revocation(object, now)
	encoded, err := contract.Encode(contract.Revocations{Version: contract.Version, Revocations: []contract.Revocation{one}})
	if err != nil {
		return 0, err
	}
	if len(encoded) > room {
		r.LeftOut[object.Name] = LeftOut{Edition: edition, Why: fmt.Sprintf(
			"it has %d bytes and older revocations have left %d: delete some of them, or shorten its lists", len(encoded), max(room, 0))}
		return 0, nil
	}
	if _, err := contract.ParseRevocations(encoded); err != nil {
		// The CRD's rules let none through; but one that is there nevertheless must
		// not make the pods refuse the file, and all others with it.
		r.LeftOut[object.Name] = LeftOut{
			Edition: edition, Invalid: true, Why: fmt.Sprintf("pods would refuse it (%v): correct the entry, or divide it into several", err),
		}
		return 0, nil
	}
	r.Revocations.Revocations = append(r.Revocations.Revocations, one)
	r.Included[object.Name] = edition
	if r.Next.IsZero() || one.Until.Before(r.Next) {
		r.Next = one.Until
	}
	return len(encoded), nil
}

func revocation(object *wsv1alpha1.WebSocketRevocation, now time.Time) contract.Revocation {
	end, _ := RevocationEnd(object, now)
	one := contract.Revocation{Name: object.Name, UID: string(object.UID), Until: end.UTC()}
	for _, s := range object.Spec.Subjects {
		one.Subjects = append(one.Subjects, contract.RevokedSubject{Subject: s.Subject, Policy: s.Policy, Issuer: s.Issuer})
	}
	for _, t := range object.Spec.TokenIDs {
		one.TokenIDs = append(one.TokenIDs, contract.RevokedTokenID{Issuer: t.Issuer, ID: t.ID})
	}
	for _, k := range object.Spec.APIKeyIDs {
		one.APIKeyIDs = append(one.APIKeyIDs, contract.RevokedAPIKeyID{ID: k.ID, Policy: k.Policy, Secret: k.Secret})
	}
	for _, c := range object.Spec.CertificateSerials {
		one.CertificateSerials = append(one.CertificateSerials, contract.RevokedCertificate{Serial: CanonicalSerial(c.Serial), Policy: c.Policy})
	}
	for _, text := range object.Spec.ClientCIDRs {
		if network, err := netip.ParsePrefix(string(text)); err == nil {
			one.ClientCIDRs = append(one.ClientCIDRs, canonicalNetwork(network).String())
		}
	}
	sortEntries(&one)
	return one
}

// canonicalNetwork writes an IPv4 network as one, also if it is mapped into IPv6
// (::ffff:192.0.2.0/120): that is how pods look addresses up.
func canonicalNetwork(network netip.Prefix) netip.Prefix {
	const mapped = 96
	if network.Addr().Is4In6() && network.Bits() >= mapped {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mapped)
	}
	return network.Masked()
}

// CanonicalSerial is the one spelling of a certificate's serial number: lower-case
// hexadecimal without colons and leading zeros.
func CanonicalSerial(serial string) string {
	return strings.TrimLeft(strings.ToLower(strings.ReplaceAll(serial, ":", "")), "0")
}

// sortEntries gives equal lists equal bytes, however they were written.
func sortEntries(r *contract.Revocation) {
	r.Subjects = distinct(r.Subjects, func(a, b contract.RevokedSubject) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Issuer, b.Issuer))
	})
	r.TokenIDs = distinct(r.TokenIDs, func(a, b contract.RevokedTokenID) int {
		return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.ID, b.ID))
	})
	r.APIKeyIDs = distinct(r.APIKeyIDs, func(a, b contract.RevokedAPIKeyID) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Secret, b.Secret))
	})
	r.CertificateSerials = distinct(r.CertificateSerials, func(a, b contract.RevokedCertificate) int {
		return cmp.Or(cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.Policy, b.Policy))
	})
	r.ClientCIDRs = distinct(r.ClientCIDRs, cmp.Compare[string])
}

func distinct[T comparable](list []T, compare func(a, b T) int) []T {
	slices.SortFunc(list, compare)
	return slices.Compact(list)
}

// RevocationRoom is how many bytes are left for revocations.json beside the other
// two files of a ConfigMap. It moves in steps, so that endpoints that come and go
// do not push a revocation in and out.
func RevocationRoom(config, endpoints int) int {
	const whole, metadata, step = 1 << 20, 16 << 10, 64 << 10
	left := whole - metadata - config - endpoints
	return max(0, min(left/step*step, contract.MaxRevocationsBytes))
}
