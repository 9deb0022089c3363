// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"encoding/json"
	"testing"
)

// TestDriftIsSeen: a comparison that finds nothing must not be one that cannot.
func TestDriftIsSeen(t *testing.T) {
	for name, tt := range map[string]struct {
		target, live      string
		fields, different int
	}{
		"the same":                                  {`{"a":{"b":1,"c":["x"]}}`, `{"a":{"b":1,"c":["x"]}}`, 2, 0},
		"more on the cluster":                       {`{"a":1}`, `{"a":1,"status":{"b":2}}`, 1, 0},
		"left empty in the repository":              {`{"a":null,"b":{},"c":1}`, `{"a":3,"c":1}`, 1, 0},
		"another value":                             {`{"a":"1h"}`, `{"a":"1h0m0s"}`, 1, 1},
		"another type":                              {`{"a":"1"}`, `{"a":1}`, 1, 1},
		"missing on the cluster":                    {`{"a":{"b":1,"c":2}}`, `{}`, 2, 2},
		"an item more":                              {`{"a":["x"]}`, `{"a":["x","y"]}`, 0, 1},
		"a list that is missing on the cluster":     {`{"a":["x"]}`, `{}`, 0, 1},
		"a list of another order, which has weight": {`{"a":["x","y"]}`, `{"a":["y","x"]}`, 2, 2},
	} {
		var target, live any
		if json.Unmarshal([]byte(tt.target), &target) != nil || json.Unmarshal([]byte(tt.live), &live) != nil {
			t.Fatalf("%s: no JSON", name)
		}
		c := comparison{}
		c.compare("object", target, live)
		if c.fields != tt.fields || len(c.different) != tt.different {
			t.Errorf("%s: %d fields, different: %q, want %d and %d", name, c.fields, c.different, tt.fields, tt.different)
		}
	}
}
