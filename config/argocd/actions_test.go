// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package argocd_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const actions = "WebSocketGateway/actions"

// never stands for the time of an action in files that are compared.
const never = "0001-01-01T00:00:00Z"

// action is an answer of discovery.lua.
type action struct {
	Name        string `json:"name"`
	Disabled    bool   `json:"disabled,omitempty"`
	IconClass   string `json:"iconClass"`
	DisplayName string `json:"displayName"`
}

// actionListing is action_test.yaml, in the form that Argo CD's own tests read.
type actionListing struct {
	DiscoveryTests []discovery `json:"discoveryTests"`
	ActionTests    []actionRun `json:"actionTests"`
}

type discovery struct {
	InputPath string   `json:"inputPath"`
	Result    []action `json:"result"`
}

type actionRun struct {
	Action             string `json:"action"`
	InputPath          string `json:"inputPath"`
	ExpectedOutputPath string `json:"expectedOutputPath"`
}

// inputs are the gateways that the actions are tried on, with the actions that
// are offered for them.
func inputs(t *testing.T) map[string]struct {
	object  map[string]any
	offered []string
} {
	t.Helper()
	return map[string]struct {
		object  map[string]any
		offered []string
	}{
		"gateway.yaml":             {gatewayWithStatus(t, "everything-is-served"), []string{"pause", "restart", "rotate-certificate"}},
		"gateway-own-secret.yaml":  {gatewayWithStatus(t, "own-secret-expired"), []string{"pause", "restart"}},
		"gateway-paused.yaml":      {paused(gatewayWithStatus(t, "everything-is-served")), []string{"resume"}},
		"gateway-with-a-note.yaml": {annotated(t, gatewayWithStatus(t, "everything-is-served"), "note", "keep"), []string{"pause", "restart", "rotate-certificate"}},
	}
}

// runs are the actions that are tried, with the annotation that each must leave;
// an empty value says that it must be gone.
func runs() []struct {
	actionRun
	annotation, value string
} {
	type trial = struct {
		actionRun
		annotation, value string
	}
	return []trial{
		{actionRun{"restart", "gateway.yaml", "gateway-restarted.yaml"}, "wsgateway.dev/restart", never},
		{actionRun{"restart", "gateway-with-a-note.yaml", "gateway-with-a-note-restarted.yaml"}, "wsgateway.dev/restart", never},
		{actionRun{"rotate-certificate", "gateway.yaml", "gateway-rotated.yaml"}, "wsgateway.dev/rotate-at", never},
		{actionRun{"pause", "gateway.yaml", "gateway-paused.yaml"}, "wsgateway.dev/paused", "true"},
		{actionRun{"resume", "gateway-paused.yaml", "gateway-resumed.yaml"}, "wsgateway.dev/paused", ""},
	}
}

// TestActionsChangeOneAnnotationGolden runs the actions as Argo CD's API server does, and
// checks action_test.yaml and the manifests that it names.
func TestActionsChangeOneAnnotationGolden(t *testing.T) {
	t.Parallel()
	want := actionListing{}
	all := inputs(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join("testdata", name)
		compare(t, filepath.Join(customizations, actions, path), all[name].object)
		want.DiscoveryTests = append(want.DiscoveryTests, discovery{path, discovered(t, all[name].object)})
	}
	for _, r := range runs() {
		got := act(t, r.Action, all[r.InputPath].object)
		expected := manifest(t, all[r.InputPath].object)
		changed(t, expected, r.annotation, r.value)
		output := filepath.Join("testdata", r.ExpectedOutputPath)
		compare(t, filepath.Join(customizations, actions, output), expected)
		if values := annotations(got); r.value == never {
			stamped(t, r.Action, values, r.annotation)
		}
		if diff := cmp.Diff(plain(expected), plain(got)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", r.Action, r.InputPath, diff)
		}
		want.ActionTests = append(want.ActionTests, actionRun{r.Action, filepath.Join("testdata", r.InputPath), output})
	}
	compare(t, filepath.Join(customizations, actions, "action_test.yaml"), want)
}

// stamped checks that an annotation has the time of now, and replaces it by never.
func stamped(t *testing.T, name string, values map[string]any, annotation string) {
	t.Helper()
	text, _ := values[annotation].(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Errorf("%s sets %s to %q, which is not RFC 3339: %v", name, annotation, text, err)
	}
	if age := time.Since(at); age < -time.Minute || age > time.Hour {
		t.Errorf("%s sets %s to %s, which is not now", name, annotation, text)
	}
	values[annotation] = never
}

func TestActionsThatAreOffered(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(filepath.Join(customizations, actions, "*/action.lua"))
	if err != nil || len(folders) != 4 {
		t.Fatalf("found %d actions, %v", len(folders), err)
	}
	for name, input := range inputs(t) {
		var offered []string
		for _, a := range discovered(t, input.object) {
			if _, err := os.Stat(filepath.Join(customizations, actions, a.Name, "action.lua")); err != nil {
				t.Errorf("%s is discovered and not there: %v", a.Name, err)
			}
			if !a.Disabled {
				offered = append(offered, a.Name)
			}
		}
		if diff := cmp.Diff(input.offered, offered); diff != "" {
			t.Errorf("actions for %s (-want +got):\n%s", name, diff)
		}
	}
}

// discovered asks discovery.lua, with few libraries as with all.
func discovered(t *testing.T, object map[string]any) []action {
	t.Helper()
	answers := map[string][]action{}
	for mode, open := range modes() {
		state := open()
		answer, _ := decoded(run(t, state, filepath.Join(actions, "discovery.lua"), object)).(map[string]any)
		state.Close()
		for _, name := range slices.Sorted(maps.Keys(answer)) {
			fields, _ := answer[name].(map[string]any)
			a := action{Name: name}
			a.Disabled, _ = fields["disabled"].(bool)
			a.IconClass, _ = fields["iconClass"].(string)
			a.DisplayName, _ = fields["displayName"].(string)
			answers[mode] = append(answers[mode], a)
		}
	}
	if diff := cmp.Diff(answers["few libraries"], answers["all libraries"]); diff != "" {
		t.Errorf("the libraries make a difference:\n%s", diff)
	}
	return answers["few libraries"]
}

func act(t *testing.T, name string, object map[string]any) map[string]any {
	t.Helper()
	state := fewLibraries()
	defer state.Close()
	result, _ := decoded(run(t, state, filepath.Join(actions, name, "action.lua"), object)).(map[string]any)
	return result
}

// plain is the object without empty lists and maps, which Lua confuses.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, item := range v {
			if kept := plain(item); kept != nil {
				object[key] = kept
			}
		}
		if len(object) > 0 {
			return object
		}
		return nil
	case []any:
		var list []any
		for _, item := range v {
			list = append(list, plain(item))
		}
		if len(list) > 0 {
			return list
		}
		return nil
	}
	return v
}

func annotations(object map[string]any) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	values, _ := metadata["annotations"].(map[string]any)
	return values
}

func annotated(t *testing.T, object map[string]any, name, value string) map[string]any {
	t.Helper()
	changed(t, object, name, value)
	return object
}

// changed sets an annotation, or removes it where the value is empty.
func changed(t *testing.T, object map[string]any, name, value string) {
	t.Helper()
	values := annotations(object)
	if values == nil {
		values = map[string]any{}
		within(t, object, "metadata")["annotations"] = values
	}
	values[name] = value
	if value == "" {
		delete(values, name)
	}
}
