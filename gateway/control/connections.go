// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Connections is a part of what is open.
type Connections struct {
	// Time is the pod's clock at the answer. Two answers and their times give
	// rates.
	Time time.Time `json:"time"`
	// Pod and BootID tell whose connections these are: an id is unique within a
	// boot.
	Pod    string `json:"pod"`
	BootID string `json:"bootID"`
	// Open counts all connections, Matched those that the selector fits.
	Open    int `json:"open"`
	Matched int `json:"matched"`
	// Connections are at most Listing.Limit of these, in the order of
	// Listing.Sort.
	Connections []Connection `json:"connections"`
	// Next is the Listing.After of the next part; empty behind the last one, and
	// in every order but SortOpened.
	Next string `json:"next,omitempty"`
}

// Connection is one open connection. What is in its texts was partly chosen by
// the client.
type Connection struct {
	ID       string    `json:"id"`
	OpenedAt time.Time `json:"openedAt"`
	Listener string    `json:"listener"`
	Route    string    `json:"route"`
	// Policy, Issuer and Subject together are the identity.
	Policy  string `json:"policy"`
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
	// Method by which the caller was found out; see the audit log's field.
	Method string `json:"method,omitempty"`
	KeyID  string `json:"keyID,omitempty"`
	// ClientAddress is IP or IP:PORT; PeerAddress is that of the proxy that told
	// it, if one did.
	ClientAddress string `json:"clientAddress"`
	PeerAddress   string `json:"peerAddress,omitempty"`
	Host          string `json:"host"`
	// Path without the query.
	Path        string `json:"path"`
	Origin      string `json:"origin,omitempty"`
	Subprotocol string `json:"subprotocol,omitempty"`
	TLSVersion  string `json:"tlsVersion,omitempty"`
	// Upstream is the backend and the address that was dialled.
	Upstream string `json:"upstream"`
	// WouldRefuse is the reason of a policy in DryRun that would have refused.
	WouldRefuse string `json:"wouldRefuse,omitempty"`

	// Messages and bytes of payload since the beginning.
	MessagesFromClient uint64 `json:"messagesFromClient"`
	MessagesToClient   uint64 `json:"messagesToClient"`
	BytesFromClient    uint64 `json:"bytesFromClient"`
	BytesToClient      uint64 `json:"bytesToClient"`
	// BytesPerSecond is the payload of both directions per second, over the last
	// few seconds that the pod has looked at.
	BytesPerSecond uint64 `json:"bytesPerSecond"`
	// ActiveAt is when a message was last seen, late by at most five seconds;
	// OpenedAt while there was none.
	ActiveAt time.Time `json:"activeAt"`
	// Closing is the reason for which it has been told to end; empty for none.
	Closing string `json:"closing,omitempty"`
}

// Bytes of both directions.
func (c *Connection) Bytes() uint64 { return c.BytesFromClient + c.BytesToClient }

// Messages of both directions.
func (c *Connection) Messages() uint64 { return c.MessagesFromClient + c.MessagesToClient }

// MakePrintable replaces what is not printable by U+FFFD: an escape sequence, or
// a change of the direction of writing, could make a terminal or a page show
// another connection than there is. Long texts are cut. A text that was changed
// fits no Selector: connections are chosen by what they are.
func (c *Connection) MakePrintable() {
	for _, text := range []*string{
		&c.ID, &c.Listener, &c.Route, &c.Policy, &c.Issuer, &c.Subject, &c.Method, &c.KeyID, &c.ClientAddress, &c.PeerAddress,
		&c.Host, &c.Path, &c.Origin, &c.Subprotocol, &c.TLSVersion, &c.Upstream, &c.WouldRefuse, &c.Closing,
	} {
		*text = printable(*text)
	}
}

// printable cuts first: a long text must not cost more than a short one.
func printable(text string) string {
	if len(text) > maxTextBytes {
		text = text[:maxTextBytes]
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, text)
}

// Selector chooses connections. All of its fields that are set must fit; the
// empty one fits all, where that is allowed.
type Selector struct {
	// IDs, at most MaxIDs: one of them.
	IDs      []string `json:"ids,omitempty"`
	Listener string   `json:"listener,omitempty"`
	Route    string   `json:"route,omitempty"`
	Policy   string   `json:"policy,omitempty"`
	Issuer   string   `json:"issuer,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	// Client is an address or a network (CIDR).
	Client string `json:"client,omitempty"`
	// OlderThan and IdleFor are the least time since OpenedAt and ActiveAt.
	OlderThan contract.Duration `json:"olderThan,omitempty"`
	IdleFor   contract.Duration `json:"idleFor,omitempty"`
}

// Sort is an order of connections.
type Sort string

// The orders. SortOpened begins with the oldest, the others with the largest.
const (
	SortOpened   Sort = "opened"
	SortNewest   Sort = "newest"
	SortBytes    Sort = "bytes"
	SortMessages Sort = "messages"
	SortRate     Sort = "rate"
	SortIdle     Sort = "idle"
)

// Bounds of Listing.Limit.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Listing asks for connections.
type Listing struct {
	Selector
	// Sort is SortOpened where it is empty.
	Sort Sort
	// Limit is from 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
	// After is the Next of an answer before. Only with SortOpened: the other
	// orders change while somebody turns pages.
	After string
}
