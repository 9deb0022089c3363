// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// Types and flags of frames (RFC 9113 section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameContinuation = 9

	endStream  = 1
	endHeaders = 4

	settingStreams = 3
	settingWindow  = 4
)

// rogue speaks HTTP/2 as a server, frame by frame, as no library would.
type rogue struct {
	conn net.Conn
	// broken is true once the other side has hung up.
	broken bool
}

// startRogue starts a server that says hello properly and then acts.
func startRogue(t *testing.T, act func(*rogue)) *wstest.Upstream {
	t.Helper()
	return wstest.Raw(t, func(conn net.Conn) {
		r := &rogue{conn: conn}
		if _, err := io.ReadFull(conn, make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err == nil {
			act(r)
		}
	})
}

func (r *rogue) frame(kind, flags byte, stream uint32, payload []byte) {
	header := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	r.write(append(binary.BigEndian.AppendUint32(header, stream), payload...))
}

func (r *rogue) write(data []byte) {
	if !r.broken {
		_, err := r.conn.Write(data)
		r.broken = err != nil
	}
}

func (r *rogue) settings(pairs ...uint32) {
	var payload []byte
	for i := 0; i < len(pairs); i += 2 {
		payload = binary.BigEndian.AppendUint16(payload, uint16(pairs[i]))
		payload = binary.BigEndian.AppendUint32(payload, pairs[i+1])
	}
	r.frame(frameSettings, 0, 0, payload)
}

// asked waits for a question and returns its stream; false when none comes.
func (r *rogue) asked() (uint32, bool) {
	header := make([]byte, 9)
	for {
		if _, err := io.ReadFull(r.conn, header); err != nil {
			return 0, false
		}
		size := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, r.conn, size); err != nil {
			return 0, false
		}
		if header[3] == frameHeaders {
			return binary.BigEndian.Uint32(header[5:]), true
		}
	}
}

// rest listens until the other side hangs up.
func (r *rogue) rest() { _, _ = io.Copy(io.Discard, r.conn) }

// field is a header field in the plainest form of HPACK (RFC 7541 section 6.2.2).
func field(name, value string) []byte {
	encoded := append([]byte{0, byte(len(name))}, name...)
	return append(append(encoded, byte(len(value))), value...)
}

func statusHead(code string, fields ...[]byte) []byte {
	return append(field(":status", code), bytes.Join(fields, nil)...)
}

// envelope is a message of gRPC in its frame.
func envelope(flag byte, size int, message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(size)), message...)
}

// when returns an act that is played for the first question.
func when(play func(r *rogue, stream uint32)) func(*rogue) {
	return func(r *rogue) {
		r.settings()
		if stream, ok := r.asked(); ok {
			play(r, stream)
			r.rest()
		}
	}
}

// begun is the start of an answer by the rules.
func begun() []byte { return statusHead("200", field("content-type", "application/grpc")) }

// answers sends a message, whatever it is, as the rules say.
func answers(message []byte) func(*rogue) {
	return when(func(r *rogue, stream uint32) {
		r.frame(frameHeaders, endHeaders, stream, begun())
		r.frame(frameData, 0, stream, envelope(0, len(message), message))
		r.frame(frameHeaders, endHeaders|endStream, stream, field("grpc-status", "0"))
	})
}

// rogues are servers that break HTTP/2, or gRPC above it. yes is an answer that
// would let somebody in, lure an address that nobody may ask.
func rogues(yes []byte, lure string) map[string]func(*rogue) {
	errorCode := func(code uint32) []byte { return binary.BigEndian.AppendUint32(nil, code) }
	acts := map[string]func(*rogue){
		"closes":      func(r *rogue) { r.settings() },
		"noise":       func(r *rogue) { r.settings(); r.write([]byte(strings.Repeat("\xde\xad\xbe\xef", 4096))); r.rest() },
		"noise-first": func(r *rogue) { r.write([]byte(strings.Repeat("\xde\xad\xbe\xef", 4096))); r.rest() },
		"giant-frame": func(r *rogue) { r.settings(); r.write([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1}); r.rest() },
		"no-streams":  func(r *rogue) { r.settings(settingStreams, 0); r.rest() },
		"no-window":   func(r *rogue) { r.settings(settingWindow, 0); r.rest() },
		"goes-away":   func(r *rogue) { r.settings(); r.frame(frameGoAway, 0, 0, make([]byte, 8)); r.rest() },
		"refuses":     when(func(r *rogue, stream uint32) { r.frame(frameReset, 0, stream, errorCode(7)) }),
		"resets":      when(func(r *rogue, stream uint32) { r.frame(frameReset, 0, stream, errorCode(2)) }),
		"calms":       when(func(r *rogue, stream uint32) { r.frame(frameReset, 0, stream, errorCode(11)) }),
		"leaves-asked": when(func(r *rogue, _ uint32) {
			r.frame(frameGoAway, 0, 0, make([]byte, 8))
			r.broken = true
			_ = r.conn.Close()
		}),
		"redirects": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders|endStream, stream, statusHead("302", field("location", lure)))
		}),
		"switches": when(func(r *rogue, stream uint32) { r.frame(frameHeaders, endHeaders|endStream, stream, statusHead("101")) }),
		"page": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, statusHead("200", field("content-type", "text/html")))
			r.frame(frameData, endStream, stream, []byte("<!doctype html><title>Welcome</title>"))
		}),
		"stops-half": when(func(r *rogue, stream uint32) { r.frame(frameHeaders, endHeaders, stream, begun()) }),
		"says-nothing": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, begun())
			r.frame(frameHeaders, endHeaders|endStream, stream, field("grpc-status", "0"))
		}),
		"no-trailers": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, begun())
			r.frame(frameData, endStream, stream, envelope(0, len(yes), yes))
		}),
		"thinks-again": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, begun())
			r.frame(frameData, 0, stream, envelope(0, len(yes), yes))
			r.frame(frameHeaders, endHeaders|endStream, stream, field("grpc-status", "7"))
		}),
		"twice": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, begun())
			r.frame(frameData, 0, stream, bytes.Repeat(envelope(0, len(yes), yes), 2))
			r.frame(frameHeaders, endHeaders|endStream, stream, field("grpc-status", "0"))
		}),
		"lies-of-size": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, begun())
			r.frame(frameData, 0, stream, envelope(0, 0xffffffff, yes))
		}),
		"packed": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, append(begun(), field("grpc-encoding", "gzip")...))
			r.frame(frameData, 0, stream, envelope(1, len(yes), yes))
			r.frame(frameHeaders, endHeaders|endStream, stream, field("grpc-status", "0"))
		}),
	}
	maps.Copy(acts, floods(yes))
	return acts
}

// floods are those that send much, or for long.
func floods(yes []byte) map[string]func(*rogue) {
	const many = 20_000
	return map[string]func(*rogue){
		// 4,000 bytes are put into the table once, and taken from there 8,000 times.
		"header-bomb": when(func(r *rogue, stream uint32) {
			value := strings.Repeat("v", 4000)
			block := append([]byte{0x40, 1, 'a', 0x7f, 0xa1, 0x1e}, value...) // 4000 = 127 + 33 + 30*128
			r.frame(frameHeaders, endHeaders, stream, append(block, bytes.Repeat([]byte{0xbe}, 8000)...))
		}),
		"headers-for-ever": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, 0, stream, begun())
			for range many {
				r.frame(frameContinuation, 0, stream, bytes.Repeat(field("a", "b"), 100))
			}
		}),
		"pings": func(r *rogue) {
			r.settings()
			for range many {
				r.frame(framePing, 0, 0, make([]byte, 8))
			}
			r.rest()
		},
		"settings": func(r *rogue) {
			for range many {
				r.settings(settingWindow, 1<<16)
			}
			r.rest()
		},
		"pours": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, begun())
			for range many {
				r.frame(frameData, 0, stream, make([]byte, 16<<10))
			}
		}),
		"drips": when(func(r *rogue, stream uint32) {
			r.frame(frameHeaders, endHeaders, stream, begun())
			for _, one := range envelope(0, len(yes), yes) {
				r.frame(frameData, 0, stream, []byte{one})
				time.Sleep(100 * time.Millisecond)
			}
		}),
	}
}
