// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"crypto/sha256"
	"sync"
)

// mostVerified bounds how many tokens a key set remembers, in each of two
// generations.
const mostVerified = 2048

// verified remembers which tokens a key set has verified, and by which of its keys:
// clients that come back show the token that they had, and a signature that was
// good stays good. It says nothing about whether the token still counts: all that
// is in it is judged anew each time. It goes with its key set, so what a key
// that was withdrawn has verified is forgotten at once. Only who has a good token
// gets in. The zero value is ready; its methods are safe for concurrent use.
type verified struct {
	mu sync.Mutex
	// young and old are keys of the set by the token's hash. When young is full
	// it becomes old, so that what nobody shows any more is forgotten.
	young, old map[[sha256.Size]byte]*verificationKey
}

// by returns the key that has verified a token; nil when that is not known.
func (v *verified) by(token [sha256.Size]byte) *verificationKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	if key := v.young[token]; key != nil {
		return key
	}
	key := v.old[token]
	if key != nil {
		v.keep(token, key)
	}
	return key
}

// add remembers a token.
func (v *verified) add(token [sha256.Size]byte, key *verificationKey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keep(token, key)
}

func (v *verified) keep(token [sha256.Size]byte, key *verificationKey) {
	if v.young == nil || len(v.young) >= mostVerified {
		v.young, v.old = map[[sha256.Size]byte]*verificationKey{}, v.young
	}
	v.young[token] = key
}
