// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package imports_test checks who imports whom, on the real import graph, so
// that a harmless-looking dependency cannot bring in by the back door what was
// kept out at the front.
package imports_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// A rule says what some packages must not reach. Patterns are those of the go
// command; our own packages are written without the module's path.
type rule struct {
	packages string
	except   []string // packages that the rule does not look at

	forbid       []string
	onlyStandard bool     // forbid all but the standard library
	allow        []string // exceptions from the two above

	direct bool // look at the packages' own imports only, not at what these import
	reason string
}

var kubernetes = []string{"k8s.io/...", "sigs.k8s.io/...", "github.com/cert-manager/..."}

// clients are the ways to talk to an API server. Apply configurations link some
// of them, so a pure stage cannot but reach them; it must not use them.
var clients = []string{
	"sigs.k8s.io/controller-runtime/...", "k8s.io/client-go/kubernetes/...",
	"k8s.io/client-go/rest/...", "k8s.io/client-go/tools/...", "k8s.io/client-go/dynamic/...",
}

// world is what a program touches the world with.
var world = []string{"os", "os/...", "net", "net/http", "syscall"}

var rules = []rule{
	{
		packages: "api/v1alpha1",
		forbid:   slices.Concat(clients, []string{"github.com/cert-manager/...", "gateway/...", "controllers/..."}),
		reason:   "other programs import our types; they must not get a controller with them",
	},
	{
		packages:     "api/v1alpha1",
		onlyStandard: true, direct: true, allow: []string{"k8s.io/api/...", "k8s.io/apimachinery/..."},
		reason: "the API is data: types of Kubernetes and nothing else",
	},
	{
		packages: "gateway/contract", onlyStandard: true,
		reason: "both planes link the contract; whatever it imports, both would carry",
	},
	{
		packages: "gateway/outcome", onlyStandard: true,
		reason: "the table of endings is documentation that compiles; it decides and fetches nothing",
	},
	{
		packages: "gateway/frame", onlyStandard: true, allow: []string{"gateway/outcome"},
		reason: "it sees every byte of every connection; whatever it imports could, too",
	},
	{
		packages: "gateway/frame", direct: true, forbid: world,
		reason: "it tells what passes by; nothing in it may wait",
	},
	{
		packages: "gateway/secret", onlyStandard: true,
		reason: "whoever holds a credential embeds it; it must bring nothing along",
	},
	{
		packages: "gateway/control", onlyStandard: true, allow: []string{"gateway/contract"},
		reason: "clients of a pod speak this language; they must not get a gateway with it",
	},
	{
		packages: "gateway/policy", onlyStandard: true, direct: true, allow: []string{"github.com/google/cel-go/..."},
		reason: "both planes link the environment of rules; whatever it imports, both would carry",
	},
	{
		packages: "gateway/catalogue", onlyStandard: true, direct: true, allow: []string{"github.com/prometheus/client_golang/prometheus"},
		reason: "both planes make their metrics with it; whatever it imports, both would carry",
	},
	{
		packages: "gateway/policy", direct: true, forbid: world,
		reason: "a rule is judged by what it is given: it must not wait for anybody",
	},
	{
		packages: "gateway/...",
		forbid:   slices.Concat(kubernetes, []string{"api/...", "controllers/..."}),
		reason:   "a gateway pod holds no API credential and no library that could use one",
	},
	{
		packages: "controllers/...",
		forbid:   []string{"gateway/..."}, allow: []string{"gateway/catalogue", "gateway/contract", "gateway/policy"},
		reason: "the planes meet in gateway/contract and gateway/policy, and both count by gateway/catalogue; nowhere else",
	},
	{
		packages: "controllers/compile", forbid: []string{"sigs.k8s.io/controller-runtime/..."},
		reason: "compile is pure: what it needs was resolved before",
	},
	{
		packages: "controllers/compile", forbid: slices.Concat(clients, world, stagesThatFetch), direct: true,
		reason: "compile is pure: what it needs was resolved before",
	},
	{
		packages: "controllers/render", forbid: []string{"sigs.k8s.io/controller-runtime/..."},
		reason: "render is pure: it says which objects should exist, apply makes them",
	},
	{
		packages: "controllers/render", forbid: slices.Concat(clients, world, stagesThatFetch), direct: true,
		reason: "render is pure: it says which objects should exist, apply makes them",
	},
	{
		packages: "controllers/status", forbid: []string{"sigs.k8s.io/controller-runtime/..."},
		reason: "status is pure: it turns facts that others found into conditions",
	},
	{
		packages: "controllers/status", forbid: slices.Concat(clients, world, stagesThatFetch), direct: true,
		reason: "status is pure: it turns facts that others found into conditions",
	},
	{
		packages: "controllers/rollout", forbid: slices.Concat(clients, world, stagesThatFetch, []string{"controllers/..."}), direct: true,
		reason: "whose turn it is follows from who has asked: the pacer only counts",
	},
	{
		packages: "gateway/...", except: []string{"gateway/authn/external", "gateway/otlp"}, direct: true,
		forbid: []string{"google.golang.org/grpc/...", "github.com/envoyproxy/..."},
		reason: "gRPC and the messages of ext_authz stay where they are needed",
	},
	{
		packages: "gateway/...", except: []string{"gateway/tracing"}, direct: true,
		forbid: []string{"go.opentelemetry.io/otel/..."},
		reason: "where nothing is traced, tracing costs nothing: the other parts know spans that may be nil",
	},
	{
		packages: "cmd/manager", forbid: []string{"github.com/envoyproxy/..."},
		reason: "the operator asks no authorization server; gateways do",
	},
	{
		packages: "cmd/gateway", forbid: kubernetes,
		reason: "a gateway pod holds no API credential and no library that could use one",
	},
	{
		packages: "cmd/manager", direct: true, forbid: []string{"gateway/..."},
		reason: "the operator writes what gateways read; it is none",
	},
	{
		packages: "...", except: []string{"cmd/..."}, forbid: []string{"cmd/..."},
		reason: "programs wire the parts; no part knows a program",
	},
	{
		packages: "...", except: []string{"test/...", "hack/..."}, forbid: []string{"test/...", "hack/..."},
		reason: "what only tests and scripts need must not end in a program that we ship",
	},
}

// stagesThatFetch do I/O. Arrows point from the stage that fetches to the
// stage that thinks.
var stagesThatFetch = []string{"controllers/resolve/...", "controllers/apply/...", "controllers/observe/..."}

// ground are the parts of the gateway that every other part may build upon.
var ground = []string{"gateway/contract", "gateway/filewatch", "gateway/metrics", "gateway/outcome", "gateway/secret"}

// parts says what each part of the gateway may import of the gateway, besides
// the ground. Parts do not know each other: the root wires them, and each name
// in a line here is an exception that was thought about.
var parts = map[string][]string{
	"gateway":                {"gateway/..."},
	"gateway/admin":          {"gateway/control"}, // it serves what is said there
	"gateway/audit":          nil,
	"gateway/audit/otlplog":  {"gateway/otlp"}, // lines of a stream, sent as logs
	"gateway/audit/rotated":  nil,
	"gateway/audit/verify":   {"gateway/audit"},
	"gateway/authn":          {"gateway/authn/external", "gateway/clientcert"}, // the server that is asked; who a certificate names
	"gateway/authn/external": nil,
	"gateway/backendtls":     {"gateway/ciphers"}, // as strict as the listeners are
	"gateway/catalogue":      nil,
	"gateway/certs":          nil,
	"gateway/ciphers":        nil,
	"gateway/clientcert":     nil,
	"gateway/contract":       nil,
	"gateway/control":        nil,
	"gateway/due":            nil,
	"gateway/explanation":    {"gateway/authn", "gateway/extension", "gateway/handshake", "gateway/policy"}, // it puts the decision of these into words
	"gateway/extension":      nil,
	"gateway/filewatch":      nil,
	"gateway/frame":          nil,
	"gateway/handshake":      {"gateway/audit", "gateway/authn", "gateway/clientcert", "gateway/extension", "gateway/match", "gateway/metrics", "gateway/policy", "gateway/proxy", "gateway/revocation", "gateway/tracing"}, // it is the order of the parts
	"gateway/limits":         nil,
	"gateway/listener":       {"gateway/ciphers", "gateway/clientcert", "gateway/match", "gateway/nowait"}, // TLS can be taken over by a loop; the server name selects the listener by the same rules as the Host
	"gateway/match":          nil,
	"gateway/metrics":        {"gateway/catalogue"}, // its collectors are written down there
	"gateway/nowait":         nil,
	"gateway/otlp":           nil,
	"gateway/outcome":        nil,
	"gateway/policy":         nil,
	"gateway/proxy":          {"gateway/due", "gateway/extension", "gateway/frame", "gateway/limits", "gateway/nowait", "gateway/session"}, // a relay reads frames, counts them, and is what a session closes
	"gateway/revalidation":   {"gateway/due"},                                                                                              // a connection is asked about when it is due
	"gateway/revocation":     {"gateway/authn"},                                                                                            // what is revoked is an identity
	"gateway/secret":         nil,
	"gateway/session":        {"gateway/audit", "gateway/due"}, // a session's life is what the audit record tells, and it ends when it is due
	"gateway/tracing":        {"gateway/otlp"},                 // where the spans go
}

func TestImports(t *testing.T) {
	t.Parallel()
	g := load(t)
	for _, r := range rules {
		for _, complaint := range g.check(r) {
			t.Error(complaint)
		}
	}
}

func TestPartsOfTheGateway(t *testing.T) {
	t.Parallel()
	g := load(t)
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		for _, complaint := range g.check(rule{
			packages: part, direct: true,
			forbid: []string{"gateway/..."}, allow: slices.Concat(ground, parts[part]),
			reason: "parts of the gateway do not know each other; if this arrow is meant, say so in the table of parts",
		}) {
			t.Error(complaint)
		}
	}
	for _, p := range g.packages(rule{packages: "gateway/..."}) {
		if _, listed := parts[strings.TrimPrefix(p, module)]; !listed {
			t.Errorf("%s is not in the table of parts: say there which other parts it may import", p)
		}
	}
}
