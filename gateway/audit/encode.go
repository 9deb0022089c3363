// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Schema is the value of the field schema. It changes when a field changes its
// meaning or goes; fields may be added under the same value.
const Schema = "wsgateway.dev/audit/v1"

// Event is the value of the field event.
type Event string

// The events.
const (
	EventOpened   Event = "opened"
	EventProgress Event = "progress"
	EventClosed   Event = "closed"
	EventDenied   Event = "denied"
	EventGap      Event = "gap"
)

// Limits of strings, in bytes. A longer one is cut, and its field named in the
// field truncated. Together they keep a line, with every quote escaped, below
// the 16 KiB at which container runtimes cut lines in two.
const (
	maxTextBytes   = 256
	maxIssuerBytes = 512
	maxPathBytes   = 1024
)

// record is one line before it has got its place in the sequence.
type record interface {
	header() *head
}

// head is in every record.
type head struct {
	Schema   string    `json:"schema"`
	Time     time.Time `json:"time"`
	Gateway  string    `json:"gateway"`
	Pod      string    `json:"pod"`
	BootID   string    `json:"boot_id"`
	Sequence uint64    `json:"sequence"`
	Event    Event     `json:"event"`

	// weight is how many events the record stands for.
	weight uint64
}

func (h *head) header() *head { return h }

// openedRecord and those below are the lines of the five events. The order of
// the fields is the order in the line. A connection is told of in full in each
// of its records, so that each can be understood alone.
type openedRecord struct {
	head
	connection
	Truncated []string `json:"truncated,omitempty"`
}

type progressRecord struct {
	head
	connection
	traffic
	Truncated []string `json:"truncated,omitempty"`
}

type closedRecord struct {
	head
	connection
	traffic
	Reason     outcome.Reason    `json:"reason"`
	CloseCode  int               `json:"close_code"`
	Initiator  outcome.Initiator `json:"initiator"`
	Detail     string            `json:"detail,omitempty"`
	DurationMS int64             `json:"duration_ms"`
	Truncated  []string          `json:"truncated,omitempty"`
}

type deniedRecord struct {
	head
	request
	identity
	Reason     outcome.Reason `json:"reason"`
	HTTPStatus int            `json:"http_status,omitempty"`
	Detail     string         `json:"detail,omitempty"`
	Count      uint64         `json:"count"`
	Since      time.Time      `json:"since,omitzero"`
	Truncated  []string       `json:"truncated,omitempty"`
}

type gapRecord struct {
	head
	Lost  uint64    `json:"lost"`
	Since time.Time `json:"since"`
}

type connection struct {
	ConnectionID string `json:"connection_id"`
	request
	identity
	Subprotocol string `json:"subprotocol,omitempty"`
	TLSVersion  string `json:"tls_version,omitempty"`
	TLSCipher   string `json:"tls_cipher,omitempty"`
	TLSGroup    string `json:"tls_group,omitempty"`
	TLSResumed  bool   `json:"tls_resumed,omitempty"`
	Upstream    string `json:"upstream,omitempty"`

	WouldRefuse       outcome.Reason `json:"would_refuse,omitempty"`
	WouldRefuseDetail string         `json:"would_refuse_detail,omitempty"`

	OpenedAt time.Time `json:"opened_at"`
}

type identity struct {
	AuthMethod string `json:"auth_method,omitempty"`
	Issuer     string `json:"issuer,omitempty"`
	Subject    string `json:"subject,omitempty"`
	KeyID      string `json:"key_id,omitempty"`
}

type request struct {
	Listener      string `json:"listener,omitempty"`
	Route         string `json:"route,omitempty"`
	Policy        string `json:"policy,omitempty"`
	ClientAddress string `json:"client_address,omitempty"`
	PeerAddress   string `json:"peer_address,omitempty"`
	ServerName    string `json:"server_name,omitempty"`
	Host          string `json:"host,omitempty"`
	Path          string `json:"path,omitempty"`
	Origin        string `json:"origin,omitempty"`

	certificate
}

type certificate struct {
	Subject string `json:"client_certificate_subject,omitempty"`
	Issuer  string `json:"client_certificate_issuer,omitempty"`
	Serial  string `json:"client_certificate_serial,omitempty"`
}

type traffic struct {
	MessagesFromClient uint64 `json:"messages_from_client"`
	MessagesToClient   uint64 `json:"messages_to_client"`
	BytesFromClient    uint64 `json:"bytes_from_client"`
	BytesToClient      uint64 `json:"bytes_to_client"`
}

// cleaner makes strings fit for a line and remembers which were too long.
type cleaner struct {
	truncated []string
}

func (c *cleaner) text(field, value string) string { return c.upTo(maxTextBytes, field, value) }

// address is a text of which everything behind a question or number sign goes:
// that is where browsers and users put tokens.
func (c *cleaner) address(limit int, field, value string) string {
	if i := strings.IndexAny(value, "?#"); i >= 0 {
		value = value[:i]
	}
	return c.upTo(limit, field, value)
}

// upTo replaces what is not printable: an escape sequence or a change of the
// direction of writing could make a terminal show another record than there is.
func (c *cleaner) upTo(limit int, field, value string) string {
	// Cut first: a long value must not cost more than a short one.
	tooLong := len(value) > limit
	if tooLong {
		value = value[:limit]
	}
	value = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, value)
	// The replacement is longer than what it replaces.
	if cut := trim(value, limit); len(cut) < len(value) {
		value, tooLong = cut, true
	}
	if tooLong && !slices.Contains(c.truncated, field) {
		c.truncated = append(c.truncated, field)
	}
	return value
}

// trim cuts a valid string between two runes.
func trim(value string, limit int) string {
	if len(value) <= limit {
		return value
	}
	for limit > 0 && !utf8.RuneStart(value[limit]) {
		limit--
	}
	return value[:limit]
}

func (c *cleaner) request(a *Attempt) request {
	return request{
		Listener:      c.text("listener", a.Listener),
		Route:         c.text("route", a.Route),
		Policy:        c.text("policy", a.Policy),
		ClientAddress: c.text("client_address", a.ClientAddress),
		PeerAddress:   c.text("peer_address", a.PeerAddress),
		ServerName:    c.text("server_name", a.ServerName),
		Host:          c.address(maxTextBytes, "host", a.Host),
		Path:          c.address(maxPathBytes, "path", a.Path),
		Origin:        c.address(maxTextBytes, "origin", a.Origin),

		certificate: c.certificate(a.Certificate),
	}
}

func (c *cleaner) certificate(from *Certificate) certificate {
	if from == nil {
		return certificate{}
	}
	return certificate{
		Subject: c.text("client_certificate_subject", from.Subject),
		Issuer:  c.text("client_certificate_issuer", from.Issuer),
		Serial:  c.text("client_certificate_serial", from.Serial),
	}
}

func (c *cleaner) identity(from *Identity) identity {
	if from == nil {
		return identity{}
	}
	return identity{
		AuthMethod: c.text("auth_method", from.Method),
		Issuer:     c.upTo(maxIssuerBytes, "issuer", from.Issuer),
		Subject:    c.text("subject", from.Subject),
		KeyID:      c.text("key_id", from.KeyID),
	}
}

func (c *cleaner) connection(from *Connection) connection {
	return connection{
		ConnectionID: c.text("connection_id", from.ID),
		request: c.request(&Attempt{
			Listener: from.Listener, Route: from.Route, Policy: from.Policy, ClientAddress: from.ClientAddress,
			PeerAddress: from.PeerAddress,
			ServerName:  from.ServerName, Host: from.Host, Path: from.Path, Origin: from.Origin,
			Certificate: from.Certificate,
		}),
		identity:    c.identity(&Identity{Method: from.Method, Issuer: from.Issuer, Subject: from.Subject, KeyID: from.KeyID}),
		Subprotocol: c.text("subprotocol", from.Subprotocol),
		TLSVersion:  c.text("tls_version", from.TLSVersion),
		TLSCipher:   c.text("tls_cipher", from.Cipher),
		TLSGroup:    c.text("tls_group", from.Group),
		TLSResumed:  from.Resumed,
		Upstream:    c.text("upstream", from.Upstream),

		WouldRefuse:       from.WouldRefuse,
		WouldRefuseDetail: c.text("would_refuse_detail", from.WouldRefuseDetail),

		OpenedAt: stamp(from.OpenedAt),
	}
}

// stamp makes times comparable as strings: always UTC, never finer than what
// clocks of different machines agree on.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
