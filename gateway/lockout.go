// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"maps"
	"slices"
	"sync"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/filewatch"
	"github.com/wsgateway/websocket-gateway-operator/gateway/revocation"
)

// lockout is one revocations.json, compiled.
type lockout struct {
	list   *revocation.List
	digest string
	parts  parts
	// names by the ID.
	names map[string]string
}

// lockouts count the connections that were told to end, by revocation. The zero
// value is ready; its methods are safe for concurrent use.
type lockouts struct {
	mu    sync.Mutex
	ended map[string]int64
	// told is how many of them the audit log knows of.
	told map[string]int64
}

// count adds a connection; one that was not ended by a revocation is left out.
func (l *lockouts) count(revocation string) {
	if revocation == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = map[string]int64{}
	}
	l.ended[revocation]++
}

// keep forgets the counts of all other revocations.
func (l *lockouts) keep(revocations []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := func(id string, _ int64) bool { return !slices.Contains(revocations, id) }
	maps.DeleteFunc(l.ended, gone)
	maps.DeleteFunc(l.told, gone)
}

// news is how many connections a revocation has ended since the last time that
// somebody asked; false when there is nothing to tell.
func (l *lockouts) news(revocation string) (ended int64, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	told, known := l.told[revocation]
	if l.told == nil {
		l.told = map[string]int64{}
	}
	l.told[revocation] = l.ended[revocation]
	ended = l.ended[revocation] - told
	return ended, !known || ended > 0
}

func (l *lockouts) counts() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.ended)
}

// loadRevocations compiles a new revocations.json. It comes into force with the
// snapshot that the same look at the files makes.
func (s *server) loadRevocations(tree *filewatch.Tree) {
	s.load(tree, contract.RevocationsFile, func(data []byte) error {
		parsed, err := contract.ParseRevocations(data)
		if err != nil {
			return err
		}
		names := map[string]string{}
		for i := range parsed.Revocations {
			names[parsed.Revocations[i].ID()] = parsed.Revocations[i].Name
		}
		s.lockout = lockout{
			list: revocation.New(parsed, s.options.Now), digest: contract.Digest(data), parts: partsOfRevocations(&parsed), names: names,
		}
		return nil
	})
}

// lockOut brings the revocations of a snapshot into force if they match nobody who
// is connected. Otherwise the review does it, once these were told to end.
func (s *server) lockOut(next *snapshot) {
	for _, one := range s.sessions.List() {
		if standing, ok := s.accounts.standing(one); ok {
			if _, revoked := next.rules.RevokedBy(&standing); revoked {
				return
			}
		}
	}
	s.lockedOut(next)
}

// lockedOut notes that the connections that a snapshot's revocations match were
// told to end, which is when these revocations are in force, and records what each
// has done since it was last recorded.
func (s *server) lockedOut(snapshot *snapshot) {
	made := snapshot.lockout
	if made.digest == "" {
		return
	}
	if s.files.enforceDigest(contract.RevocationsFile, made.digest) {
		s.tellInForce(contract.RevocationsFile, made.digest, made.parts)
	}
	for _, id := range made.list.IDs() {
		if ended, is := s.lockouts.news(id); is {
			s.audit.Revoked(made.names[id], ended)
		}
	}
}
