// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Record is a line as its readers see it. Fields that the line does not have are
// zero; docs/audit-log.md says which event has which.
type Record struct {
	Time       time.Time `json:"@timestamp"`
	Schema     string    `json:"wsgateway.schema"`
	ECSVersion string    `json:"ecs.version"`
	// Gateway is NAMESPACE/NAME.
	Gateway  string `json:"service.name"`
	Pod      string `json:"service.node.name"`
	BootID   string `json:"service.ephemeral_id"`
	Stream   string `json:"wsgateway.stream"`
	Sequence uint64 `json:"event.sequence"`
	// First is true in the first line of a stream. Previous is the SHA-256, in
	// lower-case hexadecimal, of the line before with its line break.
	First    bool   `json:"wsgateway.chain.first"`
	Previous string `json:"wsgateway.chain.previous"`

	Event    Event    `json:"event.action"`
	Category []string `json:"event.category"`
	Type     []string `json:"event.type"`
	Outcome  string   `json:"event.outcome"`

	ConnectionID string `json:"wsgateway.connection.id"`
	// TraceID is the trace of the handshake.
	TraceID  string `json:"trace.id"`
	Listener string `json:"wsgateway.listener"`
	Route    string `json:"wsgateway.route"`
	Policy   string `json:"wsgateway.policy"`
	// ClientIP and ClientPort, or else ClientAddress, are where the client is;
	// ClientNetwork is where several clients are that are counted as one. Source
	// is where the TCP connection came from.
	ClientIP      string `json:"client.ip"`
	ClientPort    uint16 `json:"client.port"`
	ClientAddress string `json:"client.address"`
	ClientNetwork string `json:"wsgateway.client.network"`
	SourceIP      string `json:"source.ip"`
	SourcePort    uint16 `json:"source.port"`
	SourceAddress string `json:"source.address"`
	ServerName    string `json:"tls.client.server_name"`
	Host          string `json:"url.domain"`
	Path          string `json:"url.path"`
	Origin        string `json:"wsgateway.origin"`

	CertificateSubject string `json:"tls.client.subject"`
	CertificateIssuer  string `json:"tls.client.issuer"`
	CertificateSerial  string `json:"tls.client.x509.serial_number"`

	Method  string `json:"wsgateway.identity.method"`
	Issuer  string `json:"wsgateway.identity.issuer"`
	Subject string `json:"user.id"`
	KeyID   string `json:"wsgateway.identity.key_id"`

	Subprotocol string `json:"wsgateway.subprotocol"`
	TLSVersion  string `json:"tls.version"`
	Cipher      string `json:"tls.cipher"`
	Group       string `json:"tls.curve"`
	Resumed     bool   `json:"tls.resumed"`

	Backend       string `json:"wsgateway.backend"`
	ServerIP      string `json:"server.ip"`
	ServerPort    uint16 `json:"server.port"`
	ServerAddress string `json:"server.address"`

	WouldRefuse        outcome.Reason `json:"wsgateway.would_refuse.reason"`
	WouldRefuseMessage string         `json:"wsgateway.would_refuse.message"`

	// Start is when the connection was opened, or when the first of several
	// refusals or lost events happened.
	Start time.Time `json:"event.start"`

	MessagesFromClient uint64 `json:"wsgateway.client.messages"`
	MessagesToClient   uint64 `json:"wsgateway.server.messages"`
	BytesFromClient    uint64 `json:"client.bytes"`
	BytesToClient      uint64 `json:"server.bytes"`

	Reason     outcome.Reason    `json:"event.reason"`
	Message    string            `json:"message"`
	CloseCode  int               `json:"wsgateway.close.code"`
	Initiator  outcome.Initiator `json:"wsgateway.close.initiator"`
	Duration   time.Duration     `json:"event.duration"`
	HTTPStatus int               `json:"http.response.status_code"`
	Count      uint64            `json:"wsgateway.count"`
	Lost       uint64            `json:"wsgateway.lost"`

	// File, Digest and the counts are of config.applied.
	File    string `json:"file.name"`
	Digest  string `json:"file.hash.sha256"`
	Parts   int    `json:"wsgateway.config.parts"`
	Added   int    `json:"wsgateway.config.added"`
	Removed int    `json:"wsgateway.config.removed"`
	Changed int    `json:"wsgateway.config.changed"`

	// These are of certificate.rotated.
	ServedSerial   string    `json:"tls.server.x509.serial_number"`
	ServedSHA256   string    `json:"tls.server.hash.sha256"`
	NotBefore      time.Time `json:"tls.server.not_before"`
	NotAfter       time.Time `json:"tls.server.not_after"`
	PreviousSerial string    `json:"wsgateway.certificate.previous_serial_number"`

	// Revocation and how many connections it ended are of revoked.
	Revocation  string `json:"wsgateway.revocation.name"`
	Connections int    `json:"wsgateway.revocation.connections"`

	Action    Action `json:"wsgateway.administration.action"`
	ClaimedBy string `json:"wsgateway.administration.claimed_by"`
	Note      string `json:"wsgateway.administration.note"`
	Selection string `json:"wsgateway.administration.selection"`
	Concerned int    `json:"wsgateway.administration.connections"`

	CheckpointOpened uint64 `json:"wsgateway.checkpoint.opened"`
	CheckpointClosed uint64 `json:"wsgateway.checkpoint.closed"`
	CheckpointDenied uint64 `json:"wsgateway.checkpoint.denied"`
	CheckpointLost   uint64 `json:"wsgateway.checkpoint.lost"`
	CheckpointOpen   int64  `json:"wsgateway.checkpoint.open"`
	Final            bool   `json:"wsgateway.checkpoint.final"`
	// NextKeyID is in the last checkpoint of a key: the key of those to come.
	NextKeyID    string `json:"wsgateway.checkpoint.next_key_id"`
	SigningKeyID string `json:"wsgateway.checkpoint.key_id"`
	Signature    string `json:"wsgateway.checkpoint.signature"`

	Truncated []string `json:"wsgateway.truncated"`
}

// Parse reads a line. Fields that it does not know are passed over, as those of a
// later release are; a line that is no record of this schema is an error.
func Parse(line []byte) (*Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, fmt.Errorf("not an audit record: %w", err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("not an audit record: wsgateway.schema is %q, not %q", r.Schema, Schema)
	}
	return &r, nil
}
