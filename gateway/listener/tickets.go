// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const (
	// ticketLifetime is how long a client may keep a ticket (RFC 8446 section
	// 4.6.1). crypto/tls tells clients so and takes no older one.
	ticketLifetime = 7 * 24 * time.Hour
	// ticketEpochs are those of the past whose tickets are taken beside those of
	// the present one, so that each is good for its whole life.
	ticketEpochs = 3
	ticketEpoch  = ticketLifetime / ticketEpochs
	// formerKeys are the private keys of before whose tickets are taken still. Each
	// ticket that is shown is tried with all keys.
	formerKeys = 2
	// maxTicketBytes bounds the tickets that are tried at all. Ours have some
	// hundred; a ClientHello has room for 64 KiB of what somebody else has made up.
	maxTicketBytes = 1 << 10
)

// Tickets are what the keys of one listener's session tickets are made of. Pods
// that serve the same private key for the same listener of the same gateway have
// the same keys, without telling each other; nobody else has them. It is immutable
// and safe for concurrent use.
type Tickets struct {
	// Whoever has the secrets can read tickets.
	secret.Sealed

	// secrets by private key, the one that is served first.
	secrets []ticketSecret
}

type ticketSecret struct {
	secret.Sealed

	value []byte
	// last is the epoch in which the private key was replaced: what it was used
	// for ends there. A very late one as long as it is served.
	last int64
}

// NewTickets makes the tickets of a listener that serves a private key. scope
// names the listener and its gateway: another scope has other keys. previous, which
// may be nil, are those that the same scope had before: the tickets of its last
// private keys are taken until they expire. The result is nil for a kind of key
// that no certificate of ours has; then no session is resumed.
func NewTickets(scope string, key crypto.PrivateKey, previous *Tickets, now time.Time) *Tickets {
	// The encoding is the same for the same key, however its file is written.
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil
	}
	value, err := hkdf.Key(sha256.New, encoded, nil, "wsgateway.dev session tickets 1 "+scope, sha256.Size)
	if err != nil {
		return nil
	}
	t := &Tickets{secrets: []ticketSecret{{value: value, last: 1<<63 - 1}}}
	if previous == nil {
		return t
	}
	for _, former := range previous.secrets {
		former.last = min(former.last, epochOf(now))
		if !bytes.Equal(former.value, value) && former.last >= epochOf(now)-ticketEpochs && len(t.secrets) <= formerKeys {
			t.secrets = append(t.secrets, former)
		}
	}
	return t
}

func epochOf(now time.Time) int64 { return now.UnixNano() / int64(ticketEpoch) }

// keys are those of a moment, that for new tickets first. The clock of another pod
// may be ahead, so tickets of the next epoch are taken too.
func (t *Tickets) keys(epoch int64) ([][32]byte, error) {
	var keys [][32]byte
	for _, s := range t.secrets {
		for _, of := range slices.Backward(epochsUntil(epoch)) {
			if of > s.last {
				continue
			}
			key, err := s.key(of)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	// The first is what new tickets are made with: not that of the next epoch.
	keys[0], keys[1] = keys[1], keys[0]
	return keys, nil
}

// epochsUntil are the epochs whose tickets are taken in one of them.
func epochsUntil(epoch int64) []int64 {
	var epochs []int64
	for of := epoch - ticketEpochs; of <= epoch+1; of++ {
		epochs = append(epochs, of)
	}
	return epochs
}

func (s *ticketSecret) key(epoch int64) (key [32]byte, err error) {
	number := binary.BigEndian.AppendUint64([]byte("epoch "), uint64(epoch)) //nolint:gosec // a number like any other
	derived, err := hkdf.Expand(sha256.New, s.value, string(number), len(key))
	if err != nil {
		return key, fmt.Errorf("derive the key of session tickets: %w", err)
	}
	copy(key[:], derived)
	return key, nil
}

// resumption is the configuration of a listener for clients that may resume. Its
// methods are safe for concurrent use.
type resumption struct {
	tickets *Tickets
	config  *tls.Config

	mu    sync.Mutex
	epoch atomic.Int64
}

func newResumption(tickets *Tickets, config *tls.Config) *resumption {
	config.SessionTicketsDisabled = false
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		if len(ticket) > maxTicketBytes {
			return nil, nil //nolint:nilnil // so crypto/tls wants it for a ticket that is none of ours
		}
		return config.DecryptTicket(ticket, state) //nolint:wrapcheck // it stands for that
	}
	r := &resumption{tickets: tickets, config: config}
	r.epoch.Store(-1)
	return r
}

// at is the configuration with the keys of a moment; nil when there are none.
func (r *resumption) at(now time.Time) *tls.Config {
	epoch := epochOf(now)
	if r.epoch.Load() == epoch {
		return r.config
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	keys, err := r.tickets.keys(epoch)
	if err != nil {
		return nil
	}
	r.config.SetSessionTicketKeys(keys)
	r.epoch.Store(epoch)
	return r.config
}
