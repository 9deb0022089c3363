// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"errors"
	"io"
	"testing/iotest"
)

// ReadAnswer reads and verifies an answer, in pieces of one byte if slow, and
// returns the subprotocol and what came behind the head.
func ReadAnswer(data []byte, key string, h *Handshake, slow bool) (subprotocol string, rest []byte, err error) {
	var r io.Reader = bytes.NewReader(data)
	if slow {
		r = iotest.OneByteReader(r)
	}
	head, rest, err := readHead(r)
	if err != nil {
		return "", nil, err
	}
	parsed, err := parseAnswer(head)
	if err != nil {
		return "", nil, err
	}
	err = parsed.verify(key, h)
	return parsed.subprotocol, rest, err
}

// ReadText reads a text message in pieces and says how it ended.
func ReadText(message []byte, size int) ([]byte, error) {
	var in inbound
	in.reset(bytes.NewReader(message), true)
	var got []byte
	buffer := make([]byte, size)
	for {
		n, err := in.Read(buffer)
		got = append(got, buffer[:n]...)
		switch {
		case errors.Is(err, io.EOF):
			return got, nil
		case err != nil:
			return got, err
		}
	}
}

// TakeAndGiveBack chooses an endpoint of the first backend.
func TakeAndGiveBack(p *Pool, c *Choice) {
	address, _ := p.take(wayTo(&c.Backends[0]), planOf(c), nil)
	p.release(address)
}
