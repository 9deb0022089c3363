// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"log/slog"
	"sync"
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
	// Changed, if set, is called after a fetch that gave other keys than those
	// before. It must not block.
	Changed func()
	// Authorizers asks authorization servers, for the method external. Without it
	// nobody is admitted by that method.
	Authorizers Authorizers
}

// KeySets are the key sets that come from URIs. They outlive the policies that
// use them: policies with the same address and CA share one, so that a change
// of the configuration fetches nothing anew. Safe for concurrent use.
type KeySets struct {
	options KeySetOptions

	// mu guards the fields below.
	mu     sync.Mutex
	sets   map[keySetPlace]*remoteSet
	closed bool
}

type keySetPlace struct {
	address  string
	caBundle string
}

// NewKeySets returns an empty KeySets. Close it.
func NewKeySets(o KeySetOptions) *KeySets {
	return &KeySets{options: o, sets: map[keySetPlace]*remoteSet{}}
}

// at returns the key set of an address and begins to fetch it if it is new.
func (s *KeySets) at(address, caBundle string) *remoteSet {
	place := keySetPlace{address: address, caBundle: caBundle}
	s.mu.Lock()
	defer s.mu.Unlock()
	if set, ok := s.sets[place]; ok {
		return set
	}
	set := newRemoteSet(address, caBundle, s.options)
	if s.closed {
		close(set.done)
		return set
	}
	s.sets[place] = set
	set.start()
	return set
}

// Keep stops refreshing every key set that none of the policies uses. Call it
// with the policies in force after each change.
func (s *KeySets) Keep(policies ...*Policy) {
	used := map[*remoteSet]bool{}
	for _, policy := range policies {
		for _, set := range policy.remotes {
			used[set] = true
		}
	}
	s.remove(func(set *remoteSet) bool { return !used[set] })
}

// Close stops all refreshing and waits for it to end. Policies go on with the
// keys that they have; those compiled later fetch nothing.
func (s *KeySets) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.remove(func(*remoteSet) bool { return true })
}

func (s *KeySets) remove(unwanted func(*remoteSet) bool) {
	var removed []*remoteSet
	s.mu.Lock()
	for place, set := range s.sets {
		if unwanted(set) {
			delete(s.sets, place)
			removed = append(removed, set)
		}
	}
	s.mu.Unlock()
	for _, set := range removed {
		set.stop()
	}
	for _, set := range removed {
		<-set.done
	}
}
