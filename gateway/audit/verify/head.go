// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// head is what a chain needs of a record.
type head struct {
	Schema    string      `json:"wsgateway.schema"`
	Gateway   string      `json:"service.name"`
	Pod       string      `json:"service.node.name"`
	Boot      string      `json:"service.ephemeral_id"`
	Stream    string      `json:"wsgateway.stream"`
	Sequence  uint64      `json:"event.sequence"`
	First     bool        `json:"wsgateway.chain.first"`
	Previous  string      `json:"wsgateway.chain.previous"`
	Event     audit.Event `json:"event.action"`
	Count     uint64      `json:"wsgateway.count"`
	Lost      uint64      `json:"wsgateway.lost"`
	Opened    uint64      `json:"wsgateway.checkpoint.opened"`
	Closed    uint64      `json:"wsgateway.checkpoint.closed"`
	Denied    uint64      `json:"wsgateway.checkpoint.denied"`
	LostSum   uint64      `json:"wsgateway.checkpoint.lost"`
	Final     bool        `json:"wsgateway.checkpoint.final"`
	KeyID     string      `json:"wsgateway.checkpoint.key_id"`
	Signature string      `json:"wsgateway.checkpoint.signature"`
}

// kind is what a line is.
type kind int

const (
	// other lines are not ours.
	other kind = iota
	whole
	// damaged lines were records.
	damaged
)

// parse reads a line of JSON. Of a damaged record it returns what is left of
// the head.
func parse(data []byte) (head, kind) {
	var h head
	err := json.Unmarshal(data, &h)
	switch {
	case err == nil && h.Schema == audit.Schema && h.Boot != "" && h.Sequence > 0:
		return h, whole
	case err == nil && h.Schema == "":
		return head{}, other
	case !bytes.Contains(data, []byte(`"wsgateway.`)) && !bytes.HasPrefix(data, []byte(`{"@timestamp":"`)):
		return head{}, other
	}
	return head{
		Boot: remains(data, "service.ephemeral_id"), Stream: remains(data, "wsgateway.stream"),
		Sequence: number(data, "event.sequence"),
	}, damaged
}

// remains finds a text in a line that is no JSON any more; empty if it is gone
// or not one of the plain values that we write there.
func remains(data []byte, field string) string {
	_, rest, found := bytes.Cut(data, []byte(`"`+field+`":"`))
	value, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed || bytes.ContainsRune(value, '\\') {
		return ""
	}
	return string(value)
}

// number does the same for a number, 0 for none.
func number(data []byte, field string) uint64 {
	_, rest, found := bytes.Cut(data, []byte(`"`+field+`":`))
	digits, _, closed := bytes.Cut(rest, []byte(","))
	if !found || !closed {
		return 0
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
