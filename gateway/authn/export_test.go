// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import "crypto/sha256"

// MostVerified is the bound of one generation.
const MostVerified = mostVerified

// Verified is what a key set remembers.
type Verified struct{ inner verified }

// NewVerified remembers nothing yet.
func NewVerified() *Verified { return &Verified{} }

// Add remembers a text.
func (v *Verified) Add(text string) { v.inner.add(sha256.Sum256([]byte(text)), &verificationKey{}) }

// Knows tells whether it is remembered.
func (v *Verified) Knows(text string) bool { return v.inner.by(sha256.Sum256([]byte(text))) != nil }

// Len is how many are remembered.
func (v *Verified) Len() int { return len(v.inner.young) + len(v.inner.old) }
