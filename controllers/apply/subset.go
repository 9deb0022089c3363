// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import "reflect"

// itemKeys are the fields by which the API server merges items of the lists
// that we render. A list whose items have none of them is atomic: whoever
// writes it owns all of it.
func itemKeys() [][]string {
	return [][]string{
		{"containerPort", "protocol"},
		{"topologyKey", "whenUnsatisfiable"},
		{"mountPath"},
		{"uid"},
		{"port", "protocol"},
		{"name"},
	}
}

// holds tells whether live has everything that want says. What live has beyond
// that is somebody else's, except in an atomic list: an ingress rule that was
// added to our NetworkPolicy opens a door that we closed.
func holds(live, want any, atomic bool) bool {
	if live == nil {
		// The API server leaves out what equals the absence of the field.
		return isZero(want)
	}
	switch want := want.(type) {
	case map[string]any:
		return holdsMap(live, want, atomic)
	case []any:
		return holdsList(live, want, atomic)
	default:
		return reflect.DeepEqual(live, want)
	}
}

func holdsMap(live any, want map[string]any, atomic bool) bool {
	fields, ok := live.(map[string]any)
	if !ok {
		return false
	}
	for name, value := range want {
		if !holdsField(fields, name, value, atomic) {
			return false
		}
	}
	return true
}

func holdsField(live map[string]any, name string, want any, atomic bool) bool {
	value, there := live[name]
	switch {
	case !there && tellsOfAbsence(name), named(name) && !hasEach(value, want):
		return false
	case there && whole(name) && (!hasEach(want, value) || !holds(want, value, atomic)):
		return false
	}
	return holds(value, want, atomic)
}

// tellsOfAbsence: without the field a token is mounted, a process may get more rights
// than it began with, and a pod stays for ever.
func tellsOfAbsence(field string) bool {
	switch field {
	case "automountServiceAccountToken", "allowPrivilegeEscalation", "tolerationSeconds":
		return true
	}
	return false
}

// whole are the maps that the API server does not merge. A label more is a condition
// more: with it a NetworkPolicy guards no pod, and a Service has none.
func whole(field string) bool {
	switch field {
	case "selector", "podSelector", "nodeSelector":
		return true
	}
	return false
}

// named are the maps whose keys somebody chose: there an empty value says
// something, and is not the same as none.
func named(field string) bool {
	switch field {
	case "labels", "matchLabels", "annotations", "nodeSelector":
		return true
	}
	return false
}

func hasEach(live, want any) bool {
	wanted, ok := want.(map[string]any)
	if !ok {
		return true
	}
	entries, _ := live.(map[string]any)
	for key := range wanted {
		if _, ok := entries[key]; !ok {
			return false
		}
	}
	return true
}

func holdsList(live any, want []any, atomic bool) bool {
	items, ok := live.([]any)
	if !ok {
		return false
	}
	keys := keysOf(want)
	if atomic || keys == nil {
		return holdsInOrder(items, want)
	}
	for _, item := range want {
		found := find(items, item, keys)
		if found == nil || !holds(found, item, false) {
			return false
		}
	}
	return true
}

func holdsInOrder(live, want []any) bool {
	if len(live) != len(want) {
		return false
	}
	for i := range want {
		if !holds(live[i], want[i], true) {
			return false
		}
	}
	return true
}

// keysOf answers the merge keys of a list of objects, nil for an atomic one.
func keysOf(items []any) []string {
	for _, keys := range itemKeys() {
		if allHave(items, keys[0]) {
			return keys
		}
	}
	return nil
}

func allHave(items []any, key string) bool {
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return false
		}
		if _, ok := fields[key]; !ok {
			return false
		}
	}
	return len(items) > 0
}

// find answers the item that has the same keys as want, as far as want has
// them.
func find(items []any, want any, keys []string) any {
	wanted, ok := want.(map[string]any)
	if !ok {
		return nil
	}
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if ok && sameKeys(fields, wanted, keys) {
			return item
		}
	}
	return nil
}

func sameKeys(fields, wanted map[string]any, keys []string) bool {
	for _, key := range keys {
		value, ok := wanted[key]
		if ok && !reflect.DeepEqual(fields[key], value) {
			return false
		}
	}
	return true
}

func isZero(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		for _, field := range value {
			if !isZero(field) {
				return false
			}
		}
		return true
	case []any:
		return len(value) == 0
	default:
		return reflect.ValueOf(value).IsZero()
	}
}
