// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package argocd_test runs health.lua as Argo CD does. There is no code here
// besides.
package argocd_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

const (
	folder   = "resource_customizations/wsgateway.dev/WebSocketGateway"
	statuses = "../../controllers/status/testdata"
)

var update = flag.Bool("update", false, "write testdata, health_test.yaml and argocd-cm.yaml")

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

// samples are the fixtures of controllers/status that go into testdata.
func samples() map[string]string {
	return map[string]string{
		"healthy.yaml":                    "everything-is-served",
		"healthy-renewal.yaml":            "renewal-reached-one-pod",
		"progressing-issuing.yaml":        "first-pass",
		"progressing-issuer-missing.yaml": "issuer-missing",
		"progressing-rollout.yaml":        "rollout-under-way",
		"progressing-image.yaml":          "image-not-present",
		"degraded-invalid.yaml":           "invalid-spec-holds-the-last-good-one",
		"degraded-name-conflict.yaml":     "name-conflict",
		"degraded-deadline.yaml":          "issuer-missing-for-five-minutes",
	}
}

// modes are the two ways in which Argo CD runs scripts: overrides of users with
// few libraries, built-in checks with all.
func modes() map[string]func() *lua.LState {
	return map[string]func() *lua.LState{
		"few libraries": func() *lua.LState {
			state := lua.NewState(lua.Options{SkipOpenLibs: true})
			for name, open := range map[string]lua.LGFunction{
				lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
			} {
				state.Push(state.NewFunction(open))
				state.Push(lua.LString(name))
				state.Call(1, 0)
			}
			return state
		},
		"all libraries": func() *lua.LState { return lua.NewState() },
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
				got := run(t, open(), gatewayWithStatus(t, name))
				if want := verdicts[facts.KStatus]; got.Status != want {
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
	tests := map[string]struct {
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
	}
	for name, tt := range tests {
		for mode, open := range modes() {
			t.Run(name+" with "+mode, func(t *testing.T) {
				t.Parallel()
				object := map[string]any{"metadata": map[string]any{"name": "edge", "generation": 4.0}}
				if tt.status != nil {
					object["status"] = tt.status
				}
				if got := run(t, open(), object); got.Status != tt.want {
					t.Errorf("health is %s (%s), want %s", got.Status, got.Message, tt.want)
				}
			})
		}
	}
}

// TestListingGolden checks health_test.yaml and the manifests that it names, which
// are what Argo CD's own tests would run.
func TestListingGolden(t *testing.T) {
	t.Parallel()
	script := modes()["all libraries"]
	var want listing
	for _, name := range slices.Sorted(maps.Keys(samples())) {
		object := gatewayWithStatus(t, samples()[name])
		path := filepath.Join("testdata", name)
		compare(t, filepath.Join(folder, path), object)
		want.Tests = append(want.Tests, entry{HealthStatus: run(t, script(), object), InputPath: path})
	}
	compare(t, filepath.Join(folder, "health_test.yaml"), want)

	files, err := filepath.Glob(folder + "/testdata/*.yaml")
	if err != nil || len(files) != len(want.Tests) {
		t.Errorf("testdata holds %d files, health_test.yaml names %d (%v)", len(files), len(want.Tests), err)
	}
}

// One script serves both kinds: their statuses follow the same rules.
func TestARevocationHasTheSameScript(t *testing.T) {
	t.Parallel()
	other, err := os.ReadFile("resource_customizations/wsgateway.dev/WebSocketRevocation/health.lua")
	if err != nil || string(other) != source(t) {
		t.Errorf("the scripts of the two kinds differ (%v): copy the one of the gateway", err)
	}
	expired := map[string]any{
		"metadata": map[string]any{"name": "incident", "generation": 1.0},
		"status": map[string]any{"observedGeneration": 1.0, "conditions": []any{
			map[string]any{"type": "Programmed", "status": "False", "message": "ended"},
			map[string]any{"type": "Ready", "status": "True", "message": "ended"},
			map[string]any{"type": "Expired", "status": "True", "message": "ended"},
		}},
	}
	if got := run(t, modes()["few libraries"](), expired); got.Status != "Healthy" {
		t.Errorf("an expired revocation is %+v", got)
	}
}

// TestConfigMapHoldsTheScript: users paste from argocd-cm.yaml.
func TestConfigMapHoldsTheScript(t *testing.T) {
	t.Parallel()
	compare(t, "argocd-cm.yaml", map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata": map[string]any{
			"name": "argocd-cm", "namespace": "argocd",
			"labels": map[string]any{"app.kubernetes.io/part-of": "argocd"},
		},
		"data": map[string]any{
			"resource.customizations.health.wsgateway.dev_WebSocketGateway":    source(t),
			"resource.customizations.health.wsgateway.dev_WebSocketRevocation": source(t),
		},
	})
}

func source(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "health.lua"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func compare(t *testing.T, path string, want any) {
	t.Helper()
	data, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(data), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
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

func read(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func run(t *testing.T, state *lua.LState, object map[string]any) health {
	t.Helper()
	defer state.Close()
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(source(t)); err != nil {
		t.Fatal(err)
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %s", state.Get(-1).Type())
	}
	return health{Status: table.RawGetString("status").String(), Message: table.RawGetString("message").String()}
}

// value hands a decoded manifest to Lua.
func value(state *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, item := range v {
			table.RawSetString(key, value(state, item))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range v {
			table.Append(value(state, item))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}
