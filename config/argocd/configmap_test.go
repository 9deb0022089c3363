// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package argocd_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// actionsKey is what Argo CD reads of a kind's actions in argocd-cm.
type actionsKey struct {
	Discovery   string             `json:"discovery.lua"`
	Definitions []actionDefinition `json:"definitions"`
}

type actionDefinition struct {
	Name   string `json:"name"`
	Action string `json:"action.lua"`
}

// TestConfigMapHoldsTheScriptsGolden: users paste from argocd-cm.yaml.
func TestConfigMapHoldsTheScriptsGolden(t *testing.T) {
	t.Parallel()
	data := map[string]any{}
	for _, kind := range kinds(t) {
		data["resource.customizations.health.wsgateway.dev_"+kind] = source(t, filepath.Join(kind, "health.lua"))
		if _, err := os.Stat(filepath.Join(customizations, kind, "actions")); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		data["resource.customizations.actions.wsgateway.dev_"+kind] = actionsOf(t, kind)
	}
	compare(t, "argocd-cm.yaml", map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata": map[string]any{
			"name": "argocd-cm", "namespace": "argocd",
			"labels": map[string]any{"app.kubernetes.io/part-of": "argocd"},
		},
		"data": data,
	})
}

func actionsOf(t *testing.T, kind string) string {
	t.Helper()
	key := actionsKey{Discovery: source(t, filepath.Join(kind, "actions", "discovery.lua"))}
	scripts, err := filepath.Glob(filepath.Join(customizations, kind, "actions", "*", "action.lua"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%s has no actions (%v)", kind, err)
	}
	for _, script := range scripts {
		name := filepath.Base(filepath.Dir(script))
		key.Definitions = append(key.Definitions, actionDefinition{name, source(t, filepath.Join(kind, "actions", name, "action.lua"))})
	}
	return text(t, key)
}

// TestEachKindHasAHealthCheck: an application with a kind that has none is Healthy
// whatever happens.
func TestEachKindHasAHealthCheck(t *testing.T) {
	t.Parallel()
	checked := map[string]bool{}
	for _, kind := range kinds(t) {
		checked[kind] = true
	}
	crds, err := filepath.Glob("../crd/bases/*.yaml")
	if err != nil || len(crds) < 2 {
		t.Fatalf("found %d CRDs, %v", len(crds), err)
	}
	for _, path := range crds {
		var crd struct {
			Spec struct {
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
			} `json:"spec"`
		}
		read(t, path, &crd)
		if kind := crd.Spec.Names.Kind; !checked[kind] {
			t.Errorf("there is no %s/%s/health.lua", customizations, kind)
		}
	}
}

// kinds are those with a folder of scripts.
func kinds(t *testing.T) []string {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join(customizations, "*", "health.lua"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("found %d health checks, %v", len(scripts), err)
	}
	var names []string
	for _, script := range scripts {
		names = append(names, filepath.Base(filepath.Dir(script)))
		if strings.ContainsRune(source(t, filepath.Join(names[len(names)-1], "health.lua")), '\t') {
			t.Errorf("%s has tabs, which YAML would have to quote", script)
		}
	}
	return names
}
