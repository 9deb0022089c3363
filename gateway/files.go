// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"maps"
	"sync"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// fileStates remembers what became of each of the three files. Its methods are
// safe for concurrent use.
type fileStates struct {
	mu     sync.Mutex
	states map[string]contract.FileState
}

func newFileStates() *fileStates {
	return &fileStates{states: map[string]contract.FileState{
		contract.ConfigFile:      {Error: errMissing},
		contract.EndpointsFile:   {Error: errMissing},
		contract.RevocationsFile: {Error: errMissing},
	}}
}

const errMissing = "file does not exist"

// verdict is what a look at one file came to.
type verdict int

const (
	// unchanged: the file is as it was at the last look.
	unchanged verdict = iota
	// accepted: the file is new and can be brought into force.
	accepted
	// refused: the file is new and cannot be used.
	refused
)

// look judges the content of a file by parse, unless it was judged before. A
// file that has gone leaves what it said in force: it is far more often a
// mistake than a wish.
func (f *fileStates) look(name string, data []byte, exists bool, parse func([]byte) error) (verdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := f.states[name]
	if !exists {
		changed := state.Seen != ""
		state.Seen, state.Error = "", errMissing
		f.states[name] = state
		if changed {
			return refused, fmt.Errorf("%s: %s", name, errMissing)
		}
		return unchanged, nil
	}
	digest := contract.Digest(data)
	if state.Seen == digest {
		return unchanged, nil
	}
	state.Seen = digest
	err := parse(data)
	if err != nil {
		state.Error = bounded(err.Error())
		f.states[name] = state
		return refused, err
	}
	state.Error = ""
	f.states[name] = state
	return accepted, nil
}

// enforce notes that the file that was accepted last is in force now.
func (f *fileStates) enforce(name string) (digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := f.states[name]
	state.InForce = state.Seen
	f.states[name] = state
	return state.InForce
}

// enforceDigest notes that a file is in force that was accepted some time ago:
// another may have been seen meanwhile. It returns false if that was known.
func (f *fileStates) enforceDigest(name, digest string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := f.states[name]
	if state.InForce == digest {
		return false
	}
	state.InForce = digest
	f.states[name] = state
	return true
}

// bounded keeps a report small: a bad file can have many problems.
func bounded(message string) string {
	const most = 1000
	if len(message) <= most {
		return message
	}
	return message[:most] + "..."
}

func (f *fileStates) snapshot() map[string]contract.FileState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.states)
}
