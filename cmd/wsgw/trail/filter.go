// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package trail follows the audit records of gateway pods where they are written
// first, the pods' logs. For what has to be complete there are the sinks; a log
// that the kubelet has rotated away is gone.
package trail

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// Filter chooses records. All that is set must fit; the zero Filter fits all.
type Filter struct {
	Events, Reasons                          []string
	Listener, Route, Policy, Issuer, Subject string
	ConnectionID                             string
	// Client is the network that clients are in; invalid for any.
	Client netip.Prefix
}

// Fits tells whether a record is chosen.
func (f *Filter) Fits(r *audit.Record) bool {
	if len(f.Events) > 0 && !slices.Contains(f.Events, string(r.Event)) {
		return false
	}
	if len(f.Reasons) > 0 && !slices.Contains(f.Reasons, string(r.Reason)) {
		return false
	}
	for _, pair := range [...][2]string{
		{f.Listener, r.Listener},
		{f.Route, r.Route},
		{f.Policy, r.Policy},
		{f.Issuer, r.Issuer},
		{f.Subject, r.Subject},
		{f.ConnectionID, r.ConnectionID},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return !f.Client.IsValid() || f.from(r)
}

// from tells whether the client is in the network. A record of a whole network
// fits if all of it is.
func (f *Filter) from(r *audit.Record) bool {
	if network, err := netip.ParsePrefix(r.ClientNetwork); err == nil {
		return network.Bits() >= f.Client.Bits() && f.Client.Contains(network.Addr())
	}
	address, err := netip.ParseAddr(r.ClientIP)
	return err == nil && f.Client.Contains(address.Unmap())
}

// ParseClient reads an address or a network.
func ParseClient(s string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(s); err == nil {
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	network, err := netip.ParsePrefix(s)
	if err != nil {
		return network, fmt.Errorf("%q is neither an address nor a network such as 203.0.113.0/24", s)
	}
	return network.Masked(), nil
}

// Line is a record in one line for people.
func Line(r *audit.Record) string {
	words := []string{r.Time.UTC().Format("2006-01-02T15:04:05.000Z"), r.Pod, fmt.Sprintf("%-8s", r.Event)}
	add := func(format, value string) {
		if value != "" {
			words = append(words, fmt.Sprintf(format, value))
		}
	}
	add("%s", string(r.Reason))
	add("%s", r.ConnectionID)
	add("route=%s", r.Route)
	add("policy=%s", r.Policy)
	add("subject=%s", r.Subject)
	add("client=%s", client(r))
	add("path=%s", r.Path)
	switch r.Event {
	case audit.EventOpened:
		add("backend=%s", r.Backend)
	case audit.EventProgress, audit.EventClosed:
		words = append(words, fmt.Sprintf("in=%s out=%s", text.Bytes(r.BytesFromClient), text.Bytes(r.BytesToClient)))
	case audit.EventDenied:
		if r.Count > 1 {
			words = append(words, fmt.Sprintf("times=%d", r.Count))
		}
	case audit.EventAdministered:
		words = append(words, fmt.Sprintf("%s connections=%d", r.Action, r.Concerned))
		add("claimed-by=%q", r.ClaimedBy)
		add("%s", r.Selection)
		add("note=%q", r.Note)
	case audit.EventGap:
		words = append(words, fmt.Sprintf("lost=%d", r.Lost))
	default:
	}
	if r.Event == audit.EventClosed {
		words = append(words, fmt.Sprintf("code=%d by=%s after=%s", r.CloseCode, r.Initiator, r.Duration.Round(time.Millisecond)))
	}
	if r.HTTPStatus != 0 {
		words = append(words, fmt.Sprintf("status=%d", r.HTTPStatus))
	}
	add("(%s)", r.Message)
	return text.Printable(strings.Join(words, " "))
}

func client(r *audit.Record) string {
	switch {
	case r.ClientNetwork != "":
		return r.ClientNetwork
	case r.ClientIP == "":
		return r.ClientAddress
	case r.ClientPort == 0:
		return r.ClientIP
	}
	address, err := netip.ParseAddr(r.ClientIP)
	if err != nil {
		return r.ClientIP
	}
	return netip.AddrPortFrom(address, r.ClientPort).String()
}
