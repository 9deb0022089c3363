// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"encoding"
	"hash"
	"sync"
)

// beginning is what the lines of an entry begin with in all streams, which is all but
// the place in the stream: it is made once, and hashed once.
type beginning struct {
	text []byte
	// state is that of the hash behind the text; empty where it cannot be had.
	state []byte
}

// mostReused is how much room for a text is used again.
const mostReused = 2 * bodyBytes

// beginnings are made when the first stream writes an entry and are used again when
// the last one has. The garbage of a new one for each would cost more than to fill it.
// They are safe for concurrent use.
type beginnings struct {
	// head are the fields that all lines have, with the same values.
	head []byte
	free sync.Pool
}

func newBeginnings(o *Options) *beginnings {
	f := &fields{}
	f.word("wsgateway.schema", Schema)
	f.word("ecs.version", ecsVersion)
	f.always(maxTextBytes, "service.name", o.Gateway.Namespace+"/"+o.Gateway.Name)
	f.always(maxTextBytes, "service.node.name", o.Pod)
	f.always(maxTextBytes, "service.ephemeral_id", o.BootID)
	return &beginnings{head: f.line}
}

// appendTo appends the beginning of an entry's lines and makes h the hash of it.
// Several streams may do so at once: one that comes while another makes it does not
// wait for it, and makes the same.
func (b *beginnings) appendTo(line []byte, e *entry, h hash.Hash) []byte {
	if made := e.made.Load(); made != nil {
		if resume(h, made.state) {
			return append(line, made.text...)
		}
		h.Reset()
		_, _ = h.Write(made.text) // never fails
		return append(line, made.text...)
	}
	start := len(line)
	line = e.appendTo(line, b.head)
	h.Reset()
	_, _ = h.Write(line[start:])
	if e.writers.Load() > 1 {
		b.keep(e, line[start:], h)
	}
	return line
}

// keep keeps what was made for the other streams.
func (b *beginnings) keep(e *entry, text []byte, h hash.Hash) {
	made, used := b.free.Get().(*beginning)
	if !used {
		made = &beginning{text: make([]byte, 0, bodyBytes)}
	}
	made.text = append(made.text[:0], text...)
	made.state = appendState(made.state[:0], h)
	if !e.made.CompareAndSwap(nil, made) {
		b.release(made)
	}
}

// done says that one of several streams will not write the entry any more.
func (b *beginnings) done(e *entry) {
	if e.writers.Add(-1) != 0 {
		return
	}
	if made := e.made.Swap(nil); made != nil {
		b.release(made)
	}
}

// release lets a beginning be used again, but for one that grew: a few long records,
// which anybody can cause, would make all of them long in time, and what waits for a
// slow sink many times what it says.
func (b *beginnings) release(made *beginning) {
	if cap(made.text) <= mostReused {
		b.free.Put(made)
	}
}

// appendState appends the state of a hash, or nothing where that cannot be had.
func appendState(to []byte, h hash.Hash) []byte {
	of, ok := h.(encoding.BinaryAppender)
	if !ok {
		return to
	}
	state, err := of.AppendBinary(to)
	if err != nil {
		return to
	}
	return state
}

// resume makes a hash go on behind a state. It is false where it does not.
func resume(h hash.Hash, state []byte) bool {
	of, ok := h.(encoding.BinaryUnmarshaler)
	return ok && len(state) > 0 && of.UnmarshalBinary(state) == nil
}
