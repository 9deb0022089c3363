// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// part is a group of rows that one process of each contender is measured for.
type part struct {
	name   string
	rounds int
	do     func(*turn) error
}

// full are all rows. Memory moves little between rounds and takes long, so it has
// fewer of them.
func full() []part {
	return []part{
		{"memory-4000", 3, func(t *turn) error { return t.memory(4000) }},
		{"memory-8000", 3, func(t *turn) error { return t.memory(8000) }},
		{"handshakes", 6, func(t *turn) error { return t.handshakes(3000) }},
		{"messages", 6, func(t *turn) error { return t.messages([]int{60_000, 60_000, 15_000, 400}) }},
		{halfLoad, 6, func(t *turn) error { return t.latency(20_000) }},
		{"storm", 6, func(t *turn) error { return t.storm(30_000) }},
		{"reload", 3, func(t *turn) error { return t.renewal(500) }},
	}
}

// halfLoad needs to know what a full load is.
const halfLoad = "half-load"

// quick are the rows that have budgets, with less effort in each.
func quick() []part {
	return []part{
		{"memory-2000", 1, func(t *turn) error { return t.memory(2000) }},
		{"handshakes", 3, func(t *turn) error { return t.handshakes(600) }},
		{"messages", 3, func(t *turn) error { return t.messages([]int{20_000, 0, 6000, 0}) }},
		{"reload", 1, func(t *turn) error { return t.renewal(100) }},
	}
}

// known are the names of all parts, in the order of a report.
func known() []string {
	var names []string
	for _, p := range full() {
		names = append(names, p.name)
	}
	for _, p := range quick() {
		if !slices.Contains(names, p.name) {
			names = append([]string{p.name}, names...)
		}
	}
	return names
}

// choose takes those parts whose names are listed, separated by commas, or all;
// rounds other than 0 replace those of each part.
func choose(all []part, names string, rounds int) ([]part, error) {
	var there []string
	for _, p := range all {
		there = append(there, p.name)
	}
	chosen := there
	if names != "" {
		chosen = strings.Split(names, ",")
	}
	for _, name := range chosen {
		if !slices.Contains(there, name) {
			return nil, fmt.Errorf("no part is called %q; there are %s", name, strings.Join(there, ", "))
		}
	}
	var out []part
	for _, p := range all {
		if !slices.Contains(chosen, p.name) {
			continue
		}
		if rounds > 0 {
			p.rounds = rounds
		}
		out = append(out, p)
	}
	return out, nil
}

// longest is how long a comparison may take; a round that would end later is not
// begun, and the report says how many there were.
const longest = 28 * time.Minute
