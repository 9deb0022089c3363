// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// What is left of an address that is truncated: of IPv6 what a site usually gets.
const (
	truncatedIPv4Bits = 24
	truncatedIPv6Bits = 48
)

// hashPrefix stands before a hash, with the key's name behind it.
const hashPrefix = "hmac-sha256:"

// Privacy says what records leave out. It does not change any more.
type Privacy struct {
	hashes, truncates bool
	key               secret.Text
	// keyName tells hashes of different keys apart, and nothing of the key.
	keyName string
}

// NewPrivacy returns a Privacy. hashes replaces who somebody is by a hash with
// key; while key is empty, that is left out. truncates leaves of the addresses of
// clients their network.
func NewPrivacy(hashes bool, key secret.Text, truncates bool) *Privacy {
	p := &Privacy{hashes: hashes, truncates: truncates, key: key}
	if !key.Empty() {
		p.keyName = p.mac("wsgateway.dev/audit name of the key")[:8]
	}
	return p
}

// SetPrivacy applies to the records of what happens from now on. nil leaves
// nothing out.
func (l *Log) SetPrivacy(p *Privacy) { l.privacy.Store(p) }

func (p *Privacy) mac(value string) string {
	mac := hmac.New(sha256.New, []byte(p.key.Reveal()))
	_, _ = mac.Write([]byte(value))
	return hex.EncodeToString(mac.Sum(nil))
}

// person is a value that tells who somebody is, as records show it.
func (p *Privacy) person(value string) string {
	switch {
	case p == nil || !p.hashes || value == "":
		return value
	case p.key.Empty():
		return ""
	}
	return hashPrefix + p.keyName + ":" + p.mac(value)
}

// network is what is left of an address.
func network(address netip.Addr) netip.Prefix {
	bits := truncatedIPv4Bits
	if address.Is6() {
		bits = truncatedIPv6Bits
	}
	return netip.PrefixFrom(address, bits).Masked()
}

// message is a text for people, in which addresses and names may be.
func (p *Privacy) message(text string, names ...string) string {
	if p == nil || text == "" {
		return text
	}
	if p.hashes {
		for _, name := range names {
			if name != "" {
				text = strings.ReplaceAll(text, name, p.person(name))
			}
		}
	}
	if p.truncates {
		text = truncateAddresses(text)
	}
	return text
}

// truncateAddresses finds the addresses in a text by their characters.
func truncateAddresses(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		size := strings.IndexFunc(text, func(r rune) bool { return !ofAddress(r) })
		if size < 0 {
			size = len(text)
		}
		out.WriteString(truncateAddress(text[:size]))
		text = text[size:]
		size = strings.IndexFunc(text, ofAddress)
		if size < 0 {
			size = len(text)
		}
		out.WriteString(text[:size])
		text = text[size:]
	}
	return out.String()
}

func ofAddress(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || strings.ContainsRune(".:/[]%", r)
}

// truncateAddress replaces a word that is an address, whatever punctuation is
// around it. A colon or bracket at its ends may be part of it, so the word is
// tried as it is before it is tried without.
func truncateAddress(word string) string {
	bare := strings.TrimRight(word, ".:/%")
	before, address := "", addressIn(bare)
	if inner, ok := strings.CutPrefix(bare, "["); ok && !address.IsValid() {
		address = addressIn(strings.TrimSuffix(inner, "]"))
	}
	if !address.IsValid() {
		bare = strings.TrimLeft(word, punctuation)
		before = word[:len(word)-len(bare)]
		bare = strings.TrimRight(bare, punctuation)
		address = addressIn(bare)
	}
	if !address.IsValid() {
		return word
	}
	return before + network(address).String() + word[len(before)+len(bare):]
}

// punctuation are those characters of addresses that also stand around them.
const punctuation = ".:/%[]"

// addressIn is the address, alone, with a port or with a length of its prefix, that
// a text is; not valid if it is none.
func addressIn(text string) netip.Addr {
	if address, _, _ := parseAddress(text); address.IsValid() {
		return address
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Addr().Unmap()
	}
	return netip.Addr{}
}

// person writes a field that tells who somebody is.
func (f *fields) person(name, value string) { f.text(name, f.privacy.person(value)) }

// client writes where a client is: NAME.ip and NAME.port, or its network only.
func (f *fields) client(name, network, value string) {
	if f.privacy == nil || !f.privacy.truncates {
		f.address(name, value)
		return
	}
	if address, _, _ := parseAddress(value); address.IsValid() && network != "" {
		f.text(network, networkOf(address))
	}
}

func networkOf(address netip.Addr) string { return network(address).String() }

// private begins the record of somebody.
func private(event Event, p *Privacy) *fields {
	f := newFields(event)
	f.privacy = p
	return f
}
