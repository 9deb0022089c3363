// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	gatewaystatus "github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

var update = flag.Bool("update", false, "write want.yaml from what Compute says")

// input is one facts.yaml. What is expected in few words stands beside the
// facts and is written by hand, so that -update cannot make a wrong answer right.
type input struct {
	Now time.Time `json:"now"`
	// Ready is the status and reason of the Ready condition.
	Ready string `json:"ready"`
	// KStatus is what kstatus, and so Flux and Helm, make of it.
	KStatus status.Status       `json:"kstatus"`
	Facts   gatewaystatus.Facts `json:"facts"`
}

// output is one want.yaml.
type output struct {
	RequeueAfter string                            `json:"requeueAfter,omitempty"`
	Status       wsv1alpha1.WebSocketGatewayStatus `json:"status"`
}

// fixture is one folder of testdata.
type fixture struct {
	folder  string
	gateway wsv1alpha1.WebSocketGateway
	input   input
}

func fixtures(t *testing.T) map[string]fixture {
	t.Helper()
	folders, err := filepath.Glob("testdata/*/gateway.yaml")
	if err != nil || len(folders) < 25 {
		t.Fatalf("found %d fixtures, %v", len(folders), err)
	}
	all := map[string]fixture{}
	for _, path := range folders {
		f := fixture{folder: filepath.Dir(path)}
		read(t, path, &f.gateway)
		read(t, filepath.Join(f.folder, "facts.yaml"), &f.input)
		compiled := compile.Config(&f.gateway, compile.Refs{}, nil)
		f.input.Facts.Limits = new(compiled.Config.Limits.WithDefaults())
		all[filepath.Base(f.folder)] = f
	}
	return all
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestComputeGolden(t *testing.T) {
	t.Parallel()
	for name, f := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := f.gateway.DeepCopy()
			got, after := gatewaystatus.Compute(&f.gateway, &f.input.Facts, f.input.Now)
			if diff := cmp.Diff(before, &f.gateway); diff != "" {
				t.Errorf("Compute changed its input:\n%s", diff)
			}
			result := output{Status: got}
			if after > 0 {
				result.RequeueAfter = after.String()
			}
			compare(t, filepath.Join(f.folder, "want.yaml"), result)
		})
	}
}

func compare(t *testing.T, path string, got output) {
	t.Helper()
	data, err := yaml.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(data)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
}

// TestReadyAndKStatus checks what was written by hand: the verdict that tools
// wait for.
func TestReadyAndKStatus(t *testing.T) {
	t.Parallel()
	seen := map[status.Status]int{}
	all := fixtures(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		gw := f.gateway.DeepCopy()
		gw.Status, _ = gatewaystatus.Compute(gw, &f.input.Facts, f.input.Now)
		ready := condition(gw.Status, wsv1alpha1.ConditionReady)
		if got := string(ready.Status) + "/" + ready.Reason; got != f.input.Ready {
			t.Errorf("%s: Ready is %s, want %s (%s)", name, got, f.input.Ready, ready.Message)
		}
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(gw)
		if err != nil {
			t.Fatal(err)
		}
		result, err := status.Compute(&unstructured.Unstructured{Object: object})
		if err != nil {
			t.Fatal(err)
		}
		if result.Status != f.input.KStatus {
			t.Errorf("%s: kstatus is %s (%s), want %s", name, result.Status, result.Message, f.input.KStatus)
		}
		seen[result.Status]++
	}
	for _, verdict := range []status.Status{status.CurrentStatus, status.InProgressStatus, status.FailedStatus} {
		if seen[verdict] == 0 {
			t.Errorf("no fixture is %s", verdict)
		}
	}
}

func condition(s wsv1alpha1.WebSocketGatewayStatus, name string) metav1.Condition {
	for _, c := range s.Conditions {
		if c.Type == name {
			return c
		}
	}
	return metav1.Condition{}
}
