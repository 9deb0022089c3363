// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package imports_test

import (
	"strings"
	"testing"
)

// TestChecker proves that the checker sees what it is there to see: a check
// that cannot fail is worse than none.
func TestChecker(t *testing.T) {
	t.Parallel()
	g := graph{
		imports: map[string][]string{
			module + "gateway":          {"fmt", module + "gateway/metrics"},
			module + "gateway/metrics":  {"example.com/harmless"},
			module + "gateway/contract": {"encoding/json"},
			"example.com/harmless":      {"k8s.io/client-go/rest"},
			"k8s.io/client-go/rest":     {"net/http"},
			"encoding/json":             {"golang.org/x/vendored"},
		},
		standard: map[string]bool{"fmt": true, "encoding/json": true, "net/http": true, "golang.org/x/vendored": true},
	}
	tests := map[string]struct {
		rule rule
		want []string // parts of the only complaint; none = no complaint
	}{
		"what is reached through others is found, with the chain and the reason": {
			rule: rule{packages: "gateway", forbid: []string{"k8s.io/..."}, reason: "because"},
			want: []string{
				module + "gateway\n", "imports " + module + "gateway/metrics\n",
				"imports example.com/harmless\n", "imports k8s.io/client-go/rest\n", "reason: because",
			},
		},
		"a direct rule looks one step far": {
			rule: rule{packages: "gateway", direct: true, forbid: []string{"k8s.io/..."}},
		},
		"a direct rule sees that step": {
			rule: rule{packages: "gateway", direct: true, forbid: []string{"gateway/..."}, reason: "because"},
			want: []string{"imports " + module + "gateway/metrics\n"},
		},
		"an allowed package is no violation": {
			rule: rule{packages: "gateway", direct: true, forbid: []string{"gateway/..."}, allow: []string{"gateway/metrics"}},
		},
		"only the standard library": {
			rule: rule{packages: "gateway/metrics", onlyStandard: true, reason: "because"},
			want: []string{"imports example.com/harmless\n"},
		},
		"what the standard library carries with it is standard": {
			rule: rule{packages: "gateway/contract", onlyStandard: true},
		},
		"a rule that looks at nothing fails": {
			rule: rule{packages: "gateway/gone", forbid: []string{"k8s.io/..."}},
			want: []string{`no package matches "gateway/gone"`},
		},
		"a rule whose packages are all excepted fails": {
			rule: rule{packages: "gateway/...", except: []string{"gateway/..."}, forbid: []string{"k8s.io/..."}},
			want: []string{"the rule checks nothing"},
		},
		"a name that only begins like a pattern does not match": {
			rule: rule{packages: "gateway", forbid: []string{"k8s.io/client-go/re/..."}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			complaints := g.check(tt.rule)
			if (len(complaints) == 1) != (tt.want != nil) {
				t.Fatalf("check() = %q, want one complaint: %v", complaints, tt.want != nil)
			}
			for _, want := range tt.want {
				if !strings.Contains(complaints[0], want) {
					t.Errorf("check() = %q, want %q in it", complaints[0], want)
				}
			}
		})
	}
}
