// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Validate tells what is wrong with a selector, and what to change.
func (s *Selector) Validate() error {
	if len(s.IDs) > MaxIDs {
		return fmt.Errorf("ids: %d, more than %d: ask in parts", len(s.IDs), MaxIDs)
	}
	for _, id := range s.IDs {
		if id == "" || len(id) > maxTextBytes {
			return errors.New("ids: one is empty or too long")
		}
	}
	for _, text := range []struct{ name, value string }{
		{"listener", s.Listener}, {"route", s.Route}, {"policy", s.Policy}, {"issuer", s.Issuer}, {"subject", s.Subject},
	} {
		if len(text.value) > maxTextBytes {
			return fmt.Errorf("%s: longer than %d bytes", text.name, maxTextBytes)
		}
	}
	if s.OlderThan < 0 || s.IdleFor < 0 {
		return errors.New("olderThan, idleFor: they cannot be negative")
	}
	_, err := parseNetwork(s.Client)
	return err
}

// Empty tells whether the selector fits everything.
func (s *Selector) Empty() bool {
	return len(s.IDs) == 0 && s.Listener == "" && s.Route == "" && s.Policy == "" && s.Issuer == "" && s.Subject == "" &&
		s.Client == "" && s.OlderThan == 0 && s.IdleFor == 0
}

// parseNetwork reads an address or a network; the empty text is the zero Prefix.
func parseNetwork(text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, nil
	}
	if address, err := netip.ParseAddr(text); err == nil && address.Zone() == "" {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("client: %s is neither an address nor a network such as 192.0.2.0/24", quoted(text))
	}
	return network.Masked(), nil
}

// Matcher is a selector that was prepared for many connections. It is safe for
// concurrent use.
type Matcher struct {
	selector Selector
	ids      map[string]bool
	network  netip.Prefix
	// before and idleSince are the latest times that fit; zero for any.
	before, idleSince time.Time
}

// Matcher prepares a selector that is valid. now is what its durations count
// from.
func (s *Selector) Matcher(now time.Time) *Matcher {
	m := &Matcher{selector: *s}
	m.network, _ = parseNetwork(s.Client)
	if len(s.IDs) > 0 {
		m.ids = make(map[string]bool, len(s.IDs))
		for _, id := range s.IDs {
			m.ids[id] = true
		}
	}
	if s.OlderThan > 0 {
		m.before = now.Add(-time.Duration(s.OlderThan))
	}
	if s.IdleFor > 0 {
		m.idleSince = now.Add(-time.Duration(s.IdleFor))
	}
	return m
}

// Fits tells whether a connection is chosen, which nobody has made printable.
func (m *Matcher) Fits(c *Connection) bool {
	s := &m.selector
	for _, text := range [...]struct{ want, is string }{
		{s.Listener, c.Listener}, {s.Route, c.Route}, {s.Policy, c.Policy}, {s.Issuer, c.Issuer}, {s.Subject, c.Subject},
	} {
		if text.want != "" && text.want != text.is {
			return false
		}
	}
	return (m.ids == nil || m.ids[c.ID]) && m.within(c.ClientAddress) &&
		(m.before.IsZero() || !c.OpenedAt.After(m.before)) && (m.idleSince.IsZero() || !c.ActiveAt.After(m.idleSince))
}

// within tells whether an address, with or without a port, is in the network.
func (m *Matcher) within(address string) bool {
	if !m.network.IsValid() {
		return true
	}
	if parsed, err := netip.ParseAddrPort(address); err == nil {
		return m.network.Contains(parsed.Addr().Unmap().WithZone(""))
	}
	parsed, err := netip.ParseAddr(address)
	return err == nil && m.network.Contains(parsed.Unmap().WithZone(""))
}

// Validate tells what is wrong with a request to close connections.
func (r *CloseRequest) Validate() error {
	switch {
	case r.Empty():
		return errors.New("nothing is selected: name connections, an identity, a route or another filter; there is no way to say all")
	case r.Subject != "" && r.Policy == "" && r.Issuer == "":
		// Two issuers may call different people the same.
		return errors.New("subject: say also of which issuer or policy")
	case r.AtMost < 0 || !r.DryRun && r.AtMost == 0:
		return errors.New("atMost: say how many connections may be closed, as a request with dryRun tells")
	case !r.DryRun && r.ClaimedBy == "":
		return errClaim
	case r.Over < 0 || time.Duration(r.Over) > MaxSpread:
		return fmt.Errorf("over: it is from 0s to %s", MaxSpread)
	}
	return errors.Join(r.Asker.Validate(), r.Selector.Validate())
}

// Validate tells what is wrong with a request to drain the pod.
func (r *DrainRequest) Validate() error {
	if r.ClaimedBy == "" {
		return errClaim
	}
	if r.Window < 0 || time.Duration(r.Window) > MaxSpread {
		return fmt.Errorf("window: it is from 0s to %s", MaxSpread)
	}
	if r.For < 0 || time.Duration(r.For) > MaxDrainFor {
		return fmt.Errorf("for: it is from 0s to %s", MaxDrainFor)
	}
	return r.Asker.Validate()
}

var errClaim = errors.New("claimedBy: say who you are; it is recorded in the audit log as a claim")

// Validate tells what is wrong with what somebody says of themselves.
func (a *Asker) Validate() error {
	for _, text := range []struct {
		name, value string
		most        int
	}{{"claimedBy", a.ClaimedBy, MaxClaimedByBytes}, {"note", a.Note, MaxNoteBytes}} {
		if len(text.value) > text.most {
			return fmt.Errorf("%s: longer than %d bytes", text.name, text.most)
		}
		if !utf8.ValidString(text.value) || strings.ContainsFunc(text.value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("%s: it holds what cannot be printed", text.name)
		}
	}
	return nil
}

// MaxHeadBytes is above every limit of a request head.
const MaxHeadBytes = 64 << 10

// Validate tells what is wrong with a question about a handshake.
func (r *ExplainRequest) Validate() error {
	if _, err := netip.ParseAddr(r.Client); err != nil {
		return errors.New("client: write an address such as 203.0.113.7")
	}
	switch {
	case len(r.Head) == 0 || len(r.Head) > MaxHeadBytes:
		return fmt.Errorf("head: a request of 1 to %d bytes is needed, in base64", MaxHeadBytes)
	case r.Port < 1 || r.Port > 65535:
		return errors.New("port: it is from 1 to 65535")
	case len(r.URL) > 4*maxTextBytes || len(r.ServerName) > maxTextBytes:
		return errors.New("url, serverName: too long")
	}
	return r.Asker.Validate()
}
