// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"reflect"
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// board is where the passes over gateways put down what has come of the objects K of
// a kind, for the passes over those to read. C is what a file has of such an object, V what
// is told of it. Losing it, as a restart does, costs a pass over each gateway. The
// zero value is ready; safe for concurrent use.
type board[K, C comparable, V any] struct {
	mu       sync.Mutex
	gateways map[client.ObjectKey]posting[K, C, V]
}

type posting[K, C comparable, V any] struct {
	files history[K, C]
	views map[K]V
}

// history are the last files that were made for a gateway, newest at the end. It
// never changes.
type history[K, C comparable] []madeFile[K, C]

// madeFile is a file, by its digest, and what it has of each object.
type madeFile[K, C comparable] struct {
	digest  string
	content map[K]C
}

// filesRemembered is how many files a pod may be behind and still count for the
// objects that the file it has is no different in: a change of another one must not
// make it look as if this one were to be taken in anew.
const filesRemembered = 16

// has tells whether the file of a digest has an object so. A file that nobody here
// has made has nothing.
func (h history[K, C]) has(digest string, key K, content C) bool {
	return slices.ContainsFunc(h, func(f madeFile[K, C]) bool {
		found, ok := f.content[key]
		return f.digest == digest && ok && found == content
	})
}

func (h history[K, C]) with(made madeFile[K, C]) history[K, C] {
	if made.digest == "" || (len(h) > 0 && h[len(h)-1].digest == made.digest) {
		return h
	}
	longer := append(slices.Clone(h), made)
	return longer[max(0, len(longer)-filesRemembered):]
}

// post puts down what a pass over a gateway has seen: the file that is wanted, of no
// digest while there is none, and what look tells of each object by the files so far.
// It answers the objects of which something changed.
func (b *board[K, C, V]) post(gateway client.ObjectKey, made madeFile[K, C], look func(history[K, C]) map[K]V) []K {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.gateways[gateway]
	files := before.files.with(made)
	next := posting[K, C, V]{files: files, views: look(files)}
	if b.gateways == nil {
		b.gateways = map[client.ObjectKey]posting[K, C, V]{}
	}
	b.gateways[gateway] = next
	var changed []K
	for key, now := range next.views {
		if was, known := before.views[key]; !known || !reflect.DeepEqual(was, now) {
			changed = append(changed, key)
		}
	}
	return changed
}

// read answers what was put down about an object; false if nothing was yet.
func (b *board[K, C, V]) read(gateway client.ObjectKey, key K) (V, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.gateways[gateway].views[key]
	return found, ok
}

func (b *board[K, C, V]) forget(gateway client.ObjectKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.gateways, gateway)
}
