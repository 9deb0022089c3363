// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"slices"
	"testing"
)

func TestAListThatLeavesAModuleOutIsFound(t *testing.T) {
	t.Parallel()
	modules := []*debug.Module{
		{Path: "example.com/a", Version: "v1.0.0"},
		{Path: "example.com/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v2.0.0"}},
	}
	for name, test := range map[string]struct {
		document string
		missing  []string
	}{
		"all there": {
			`{"packages": [{"name": "example.com/a", "versionInfo": "v1.0.0"}, {"name": "example.com/fork", "versionInfo": "v2.0.0"}, {"name": "gateway"}]}`, nil,
		},
		"one in another version": {
			`{"packages": [{"name": "example.com/a", "versionInfo": "v1.0.1"}, {"name": "example.com/fork", "versionInfo": "v2.0.0"}]}`, []string{"example.com/a@v1.0.0"},
		},
		"the replaced one instead of what is linked": {
			`{"packages": [{"name": "example.com/a", "versionInfo": "v1.0.0"}, {"name": "example.com/b", "versionInfo": "v1.0.0"}]}`, []string{"example.com/fork@v2.0.0"},
		},
		"an empty list": {`{}`, []string{"example.com/a@v1.0.0", "example.com/fork@v2.0.0"}},
	} {
		left, err := missing([]byte(test.document), modules)
		if err != nil || !slices.Equal(left, test.missing) {
			t.Errorf("%s: %v, %v; want %v", name, left, err, test.missing)
		}
	}
	if _, err := missing([]byte("<html>"), modules); err == nil {
		t.Error("something that is no document passes for a list")
	}
}
