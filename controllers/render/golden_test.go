// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

var update = flag.Bool("update", false, "write want.yaml from what Objects renders")

// options are those of an installation with everything switched on.
func options() render.Options {
	return render.Options{
		GatewayImage:      "registry.example/gateway:v1",
		ImagePullPolicy:   corev1.PullIfNotPresent,
		ImagePullSecrets:  []string{"registry"},
		OperatorNamespace: "websocket-gateway-system",
		OperatorPodLabels: map[string]string{"app.kubernetes.io/name": "websocket-gateway-operator"},
		MetricsFrom: []*networkingv1ac.NetworkPolicyPeerApplyConfiguration{
			networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector().
				WithMatchLabels(map[string]string{corev1.LabelMetadataName: "monitoring"})),
		},
	}
}

func files() render.Files {
	return render.Files{
		Config:      []byte("{\"version\":1}\n"),
		Endpoints:   []byte("{\"version\":1,\"backends\":{}}\n"),
		Revocations: []byte("{\"version\":1}\n"),
	}
}

func fixtures(t *testing.T) map[string]*wsv1alpha1.WebSocketGateway {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/gateway.yaml")
	if err != nil || len(paths) < 10 {
		t.Fatalf("found %d fixtures, %v", len(paths), err)
	}
	all := map[string]*wsv1alpha1.WebSocketGateway{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		gw := &wsv1alpha1.WebSocketGateway{}
		if err := yaml.UnmarshalStrict(data, gw); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Dir(path)] = gw
	}
	return all
}

func TestObjectsGolden(t *testing.T) {
	t.Parallel()
	for folder, gw := range fixtures(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			before := gw.DeepCopy()
			var got bytes.Buffer
			for _, object := range render.Objects(gw, files(), options()) {
				data, err := yaml.Marshal(object.Apply)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("---\n")
				got.Write(data)
			}
			if diff := cmp.Diff(before, gw); diff != "" {
				t.Errorf("Objects changed its input:\n%s", diff)
			}
			compare(t, filepath.Join(folder, "want.yaml"), got.Bytes())
		})
	}
}

func compare(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
}
