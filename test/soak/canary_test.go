// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package soak_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// block of a pattern: eight bytes of whom it is, eight that count. Wherever a piece
// of it turns up, it tells whose it is.
const block = 16

// marked is in the identities of all patterns, and hardly in anything else.
const (
	marked   = uint64(0xCA9A_5EED) << 32
	markMask = uint64(0xFFFF_FFFF) << 32
)

// canary makes the messages of one connection, no two of which have a block in
// common.
type canary struct{ id, next uint64 }

func (c *canary) message(size int) []byte {
	out := make([]byte, 0, size+block)
	for len(out) < size {
		out = binary.BigEndian.AppendUint64(out, marked|c.id)
		out = binary.BigEndian.AppendUint64(out, c.next)
		c.next++
	}
	return out[:size]
}

// compare tells where what came differs from what was sent, and whose that is.
func (c *canary) compare(sent, came []byte) error {
	if bytes.Equal(sent, came) {
		return nil
	}
	at := 0
	for at < len(sent) && at < len(came) && sent[at] == came[at] {
		at++
	}
	piece := came[at-at%block:]
	return fmt.Errorf("connection %d sent %d bytes, got %d that differ from byte %d on: %s", c.id, len(sent), len(came), at, whose(piece))
}

// whose tells what a piece is part of.
func whose(piece []byte) string {
	if len(piece) >= 8 {
		if id := binary.BigEndian.Uint64(piece); id&markMask == marked {
			return fmt.Sprintf("bytes of connection %d", id&^markMask)
		}
	}
	return fmt.Sprintf("%x", piece[:min(len(piece), 2*block)])
}

// foreign looks for blocks in a message that are not of sender, who is found in the
// first message that has a pattern.
func foreign(message []byte, sender *uint64) string {
	for i := 0; i+block <= len(message); i += block {
		id := binary.BigEndian.Uint64(message[i:])
		if *sender == 0 && i == 0 && id&markMask == marked {
			*sender = id
		}
		if *sender != 0 && id != *sender {
			return fmt.Sprintf("the backend got from connection %d, at byte %d: %s", *sender&^markMask, i, whose(message[i:]))
		}
	}
	return ""
}

func TestAByteOfAnotherConnectionIsSeenAndAttributed(t *testing.T) {
	one, two := &canary{id: 1}, &canary{id: 2}
	sent := one.message(100)
	if err := one.compare(sent, bytes.Clone(sent)); err != nil {
		t.Error(err)
	}
	mixed := bytes.Clone(sent)
	copy(mixed[40:], two.message(100)[40:60])
	if err := one.compare(sent, mixed); err == nil || !strings.Contains(err.Error(), "connection 1 sent 100 bytes") {
		t.Errorf("not seen: %v", err)
	}
	copy(mixed[48:], two.message(16))
	if err := one.compare(sent[48:], mixed[48:]); err == nil || !strings.Contains(err.Error(), "bytes of connection 2") {
		t.Errorf("not attributed: %v", err)
	}
	if err := one.compare(sent, sent[:99]); err == nil {
		t.Error("a byte is missing, and nobody sees it")
	}
	var sender uint64
	if problem := foreign(sent, &sender); problem != "" {
		t.Error(problem)
	}
	if problem := foreign(mixed, &sender); !strings.Contains(problem, "bytes of connection 2") {
		t.Errorf("the backend says %q", problem)
	}
}
