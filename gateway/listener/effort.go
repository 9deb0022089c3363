// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"bytes"
	"context"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Turn is the leave to compute. It is used by one handshake at a time.
type Turn interface {
	// Take waits for the turn. A refusal means that there was none in time.
	Take(ctx context.Context) *outcome.Refusal
	// Give gives back what Take took.
	Give()
}

// effort holds a turn while a handshake computes: from the ClientHello to our answer
// to it, which is where the key exchange and the signature are, but for the half of the
// key exchange that TLS 1.2 leaves for later, and while the certificate of a client is verified. It is never held while somebody else is
// waited for, be it to say something or to take what we say: slow clients would
// keep it from the quick ones. Its methods do nothing for nil.
type effort struct {
	turn  Turn
	ctx   context.Context //nolint:containedctx // of the handshake; crypto/tls calls Read without one
	holds bool
	// again is true until what was asked for is answered: another ClientHello, which
	// needs as much work as the first one would have, or the client's half of a key
	// exchange of TLS 1.2. It may come in pieces, and behind a change_cipher_spec
	// (RFC 8446 appendix D.4); which is the last cannot be seen.
	again bool
	// refusal of a turn; nil when there was none.
	refusal *outcome.Refusal
}

func (e *effort) begin(ctx context.Context) error {
	if e == nil {
		return nil
	}
	e.ctx = ctx
	if refusal := e.turn.Take(ctx); refusal != nil {
		e.refusal = refusal
		return refusal
	}
	e.holds = true
	return nil
}

// verify has a turn for what the client has sent after our answer.
func (e *effort) verify() error {
	if e == nil || e.holds {
		return nil
	}
	return e.begin(e.ctx)
}

// sent looks at what leaves. All of an answer leaves at once, so that nothing is left
// to compute until the client says more.
func (e *effort) sent(record []byte) {
	if e == nil || !e.holds {
		return
	}
	e.again = asksForWork(record)
	e.pause()
}

func (e *effort) pause() {
	if e != nil && e.holds {
		e.holds = false
		e.turn.Give()
	}
}

func (e *effort) resume() error {
	if e == nil || !e.again {
		return nil
	}
	return e.begin(e.ctx)
}

// refused is why the handshake ends; nil when it is not for want of a turn.
func (e *effort) refused() *outcome.Refusal {
	if e == nil {
		return nil
	}
	return e.refusal
}

// asksForWork tells a record whose answer makes us compute: one that begins with a
// ServerHello of TLS 1.2, or with a HelloRetryRequest, which is a ServerHello with a
// certain Random: the SHA-256 of its name (RFC 8446 section 4.1.3). It asks the client
// to begin anew, so all of the work is still to come.
func asksForWork(record []byte) bool {
	const (
		handshake, serverHello = 22, 2
		// Behind the headers of record and message and the version.
		at     = 5 + 4 + 2
		random = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
			"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
		session = at + len(random) // its length, then itself, then the cipher suite
	)
	if len(record) <= session || record[0] != handshake || record[5] != serverHello {
		return false
	}
	suite := session + 1 + int(record[session])
	return bytes.HasPrefix(record[at:], []byte(random)) || len(record) > suite && !ofTLS13(record[suite])
}

// ofTLS13 tells the suites of TLS 1.3, by their first byte (RFC 8446 appendix B.4), from
// those of TLS 1.2: a hello says that it is one of TLS 1.2 in both.
func ofTLS13(suite byte) bool { return suite == 0x13 }
