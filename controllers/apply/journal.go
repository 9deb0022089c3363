// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// journal remembers our own last write of each object, because the caches learn
// of it later than we do: a pass that compared with a stale cache would write
// the same thing again. Losing it, as a restart does, costs nothing.
type journal struct {
	mu      sync.Mutex
	entries map[client.ObjectKey]map[journalKey]entry
}

type journalKey struct {
	kind schema.GroupVersionKind
	name string
}

type entry struct {
	hash            string
	resourceVersion string
	at              time.Time
	// generation of the gateway that it was written for.
	generation int64
	contested  bool
}

func (d *desired) journalKey() journalKey { return journalKey{kind: d.kind, name: d.key.Name} }

func (j *journal) wrote(d *desired, resourceVersion string, at time.Time) {
	j.put(d, entry{hash: d.hash, resourceVersion: resourceVersion, at: at, generation: d.generation})
}

func (j *journal) put(d *desired, e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.entries == nil {
		j.entries = map[client.ObjectKey]map[journalKey]entry{}
	}
	if j.entries[d.gateway] == nil {
		j.entries[d.gateway] = map[journalKey]entry{}
	}
	j.entries[d.gateway][d.journalKey()] = e
}

func (j *journal) get(d *desired) (entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[d.gateway][d.journalKey()]
	return e, ok
}

// contest notes that the name is somebody else's, or no longer is.
func (j *journal) contest(d *desired, contested bool) {
	if e, _ := j.get(d); e.contested != contested {
		j.put(d, entry{contested: contested})
	}
}

// knows tells whether there was an object of this name when we last looked.
func (j *journal) knows(d *desired) bool {
	_, ok := j.get(d)
	return ok
}

// lastWrite answers when ours was, and for which generation of the gateway; zero for
// never.
func (j *journal) lastWrite(d *desired) (at time.Time, generation int64) {
	e, _ := j.get(d)
	return e.at, e.generation
}

// settled tells whether live is not newer than our own write of the same
// content. An equal version that looks different is the API server's way to
// spell what we wrote, and writing it again would change nothing, for ever.
func (j *journal) settled(d *desired, live *unstructured.Unstructured) bool {
	e, ok := j.get(d)
	if !ok || e.hash != d.hash {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(live.GetResourceVersion(), e.resourceVersion)
	return err == nil && order <= 0
}

func (j *journal) forget(gateway client.ObjectKey) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.entries, gateway)
}
