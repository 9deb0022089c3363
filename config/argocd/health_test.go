// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package argocd_test runs the scripts as Argo CD does. There is no code here
// besides.
package argocd_test

import (
	"flag"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

const statuses = "../../controllers/status/testdata"

var update = flag.Bool("update", false, "write testdata, the lists of tests and argocd-cm.yaml")

// health is what a script answers.
type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// listing is health_test.yaml, in the form that Argo CD's own tests read.
type listing struct {
	Tests []entry `json:"tests"`
}

type entry struct {
	HealthStatus health `json:"healthStatus"`
	InputPath    string `json:"inputPath"`
}

// samples are the manifests that go into testdata of a kind: gateways from the
// fixtures of controllers/status, revocations as the operator computes them.
func samples(t *testing.T) map[string]map[string]map[string]any {
	t.Helper()
	gateways := map[string]map[string]any{"suspended.yaml": paused(gatewayWithStatus(t, "rollout-under-way"))}
	for file, fixture := range map[string]string{
		"healthy.yaml":                    "everything-is-served",
		"healthy-renewal.yaml":            "renewal-reached-one-pod",
		"progressing-issuing.yaml":        "first-pass",
		"progressing-issuer-missing.yaml": "issuer-missing",
		"progressing-rollout.yaml":        "rollout-under-way",
		"progressing-image.yaml":          "image-not-present",
		"degraded-invalid.yaml":           "invalid-spec-holds-the-last-good-one",
		"degraded-name-conflict.yaml":     "name-conflict",
		"degraded-deadline.yaml":          "issuer-missing-for-five-minutes",
	} {
		gateways[file] = gatewayWithStatus(t, fixture)
	}
	return map[string]map[string]map[string]any{
		"WebSocketGateway": gateways, "WebSocketRevocation": revocations(t), "WebSocketRoute": routes(),
	}
}

// TestHealthAgreesWithKStatus: whatever the status, Argo CD must not tell
// another story than Flux and Helm.
func TestHealthAgreesWithKStatus(t *testing.T) {
	t.Parallel()
	verdicts := map[string]string{"Current": "Healthy", "InProgress": "Progressing", "Failed": "Degraded"}
	paths, err := filepath.Glob(statuses + "/*/want.yaml")
	if err != nil || len(paths) < 25 {
		t.Fatalf("found %d statuses, %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		var facts struct {
			KStatus string `json:"kstatus"`
		}
		read(t, filepath.Join(statuses, name, "facts.yaml"), &facts)
		for mode, open := range modes() {
			t.Run(name+" with "+mode, func(t *testing.T) {
				t.Parallel()
				gateway := gatewayWithStatus(t, name)
				got, want := ask(t, open, "WebSocketGateway", gateway), verdicts[facts.KStatus]
				// Only Argo CD has a word for a pause.
				if annotations(gateway)["wsgateway.dev/paused"] == "true" && want != "Degraded" {
					want = "Suspended"
				}
				if got.Status != want {
					t.Errorf("health is %s (%s), want %s", got.Status, got.Message, want)
				}
				if got.Message == "" {
					t.Error("health has no message")
				}
			})
		}
	}
}

func TestHealthOfObjectsThatTheOperatorHasNotSeen(t *testing.T) {
	t.Parallel()
	ready := []any{map[string]any{"type": "Ready", "status": "True", "message": "of the spec before"}}
	for name, tt := range map[string]struct {
		status any
		want   string
	}{
		"no status":                           {nil, "Progressing"},
		"an empty status":                     {map[string]any{}, "Progressing"},
		"the default of the CRD":              {map[string]any{"observedGeneration": -1.0}, "Progressing"},
		"a status without conditions":         {map[string]any{"observedGeneration": 4.0}, "Progressing"},
		"a Ready that is of an older spec":    {map[string]any{"observedGeneration": 3.0, "conditions": ready}, "Progressing"},
		"a Ready that is of this spec":        {map[string]any{"observedGeneration": 4.0, "conditions": ready}, "Healthy"},
		"a Ready without observed generation": {map[string]any{"conditions": ready}, "Progressing"},
	} {
		for kind := range samples(t) {
			for mode, open := range modes() {
				t.Run(kind+" with "+name+" and "+mode, func(t *testing.T) {
					t.Parallel()
					object := map[string]any{"metadata": map[string]any{"name": "edge", "generation": 4.0}}
					if tt.status != nil {
						object["status"] = tt.status
					}
					if got := ask(t, open, kind, object); got.Status != tt.want {
						t.Errorf("health is %s (%s), want %s", got.Status, got.Message, tt.want)
					}
				})
			}
		}
	}
}

// A pause is somebody's decision, not progress; it must not hide what is broken.
func TestHealthOfPausedGateways(t *testing.T) {
	t.Parallel()
	for fixture, want := range map[string]string{
		"everything-is-served":                 "Suspended",
		"rollout-under-way":                    "Suspended",
		"issuer-missing":                       "Suspended",
		"invalid-spec-holds-the-last-good-one": "Degraded",
	} {
		if got := ask(t, fewLibraries, "WebSocketGateway", paused(gatewayWithStatus(t, fixture))); got.Status != want {
			t.Errorf("%s: health of the paused gateway is %s (%s), want %s", fixture, got.Status, got.Message, want)
		}
	}
	unseen := paused(gatewayWithStatus(t, "everything-is-served"))
	within(t, unseen, "metadata")["generation"] = 99.0
	if got := ask(t, fewLibraries, "WebSocketGateway", unseen); got.Status != "Suspended" {
		t.Errorf("a new spec of a paused gateway is %+v", got)
	}
}

// TestListingGolden checks health_test.yaml and the manifests that it names, which
// are what Argo CD's own tests would run.
func TestListingGolden(t *testing.T) {
	t.Parallel()
	for kind, objects := range samples(t) {
		folder := filepath.Join(customizations, kind)
		var want listing
		for _, name := range slices.Sorted(maps.Keys(objects)) {
			path := filepath.Join("testdata", name)
			compare(t, filepath.Join(folder, path), objects[name])
			all := func() *lua.LState { return lua.NewState() }
			want.Tests = append(want.Tests, entry{HealthStatus: ask(t, all, kind, objects[name]), InputPath: path})
		}
		compare(t, filepath.Join(folder, "health_test.yaml"), want)
		files, err := filepath.Glob(folder + "/testdata/*.yaml")
		if err != nil || len(files) != len(want.Tests) {
			t.Errorf("testdata of %s holds %d files, health_test.yaml names %d (%v)", kind, len(files), len(want.Tests), err)
		}
	}
}

// ask runs the health check of a kind.
func ask(t *testing.T, open func() *lua.LState, kind string, object map[string]any) health {
	t.Helper()
	state := open()
	defer state.Close()
	answer := run(t, state, filepath.Join(kind, "health.lua"), object)
	return health{Status: answer.RawGetString("status").String(), Message: answer.RawGetString("message").String()}
}

// gatewayWithStatus joins a gateway and the status that was computed for it.
func gatewayWithStatus(t *testing.T, name string) map[string]any {
	t.Helper()
	var object, computed map[string]any
	read(t, filepath.Join(statuses, name, "gateway.yaml"), &object)
	read(t, filepath.Join(statuses, name, "want.yaml"), &computed)
	object["status"] = computed["status"]
	return object
}

func paused(object map[string]any) map[string]any {
	if metadata, ok := object["metadata"].(map[string]any); ok {
		metadata["annotations"] = map[string]any{"wsgateway.dev/paused": "true"}
	}
	return object
}

func within(t *testing.T, object map[string]any, key string) map[string]any {
	t.Helper()
	inner, ok := object[key].(map[string]any)
	if !ok {
		t.Fatalf("%s is a %T", key, object[key])
	}
	return inner
}
