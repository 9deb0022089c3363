// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/test/chart"
	"github.com/wsgateway/websocket-gateway-operator/test/docs/session"
)

// TestTheGitOpsPageForArgoCD types the commands of the page as they stand there. What
// Argo CD then makes of them is for test/argocd; here its kind is an empty form.
func TestTheGitOpsPageForArgoCD(t *testing.T) {
	application := schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Application"}
	anyFields(t, application)
	if err := shared.namespaces("argocd"); err != nil {
		t.Fatal(err)
	}
	config := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-cm"},
		Data:       map[string]string{"url": "https://argocd.example.com"},
	}
	if err := shared.admin.Create(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	typed(t, "config/argocd", "config/flux", "managedFields")

	if err := shared.admin.Get(t.Context(), client.ObjectKeyFromObject(config), config); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"url", // what was there before
		"resource.customizations.health.argoproj.io_Application",
		"resource.customizations.health.wsgateway.dev_WebSocketGateway",
		"resource.customizations.health.wsgateway.dev_WebSocketRoute",
		"resource.customizations.health.wsgateway.dev_WebSocketRevocation",
		"resource.customizations.actions.wsgateway.dev_WebSocketGateway",
	} {
		if config.Data[key] == "" {
			t.Errorf("argocd-cm has no key %s", key)
		}
	}
	there(t, application, client.ObjectKey{Namespace: "argocd", Name: "websockets"})
}

// TestTheGitOpsPageShowsWhoHasWrittenAGateway types a command of the page at a gateway
// of which Git, somebody and the operator have each written a part.
func TestTheGitOpsPageShowsWhoHasWrittenAGateway(t *testing.T) {
	gateway := &unstructured.Unstructured{}
	gateway.SetAPIVersion("wsgateway.dev/v1alpha1")
	gateway.SetKind("WebSocketGateway")
	gateway.SetNamespace("chat")
	gateway.SetName("edge")
	gateway.Object["spec"] = map[string]any{"listeners": []any{map[string]any{
		"name": "public", "port": int64(443), "hostnames": []any{"ws.example.com"},
		"tls": map[string]any{"certificate": map[string]any{"issuerRef": map[string]any{"name": "ca"}}},
	}}}
	t.Cleanup(func() {
		if err := shared.admin.Delete(context.Background(), gateway); err != nil {
			t.Error(err)
		}
	})
	applied := client.ApplyConfigurationFromUnstructured(gateway.DeepCopy())
	byHand := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"limits":{"idleTimeout":"1h"}}}`))
	seen := client.RawPatch(types.MergePatchType, []byte(`{"status":{"observedGeneration":1}}`))
	for _, write := range []func() error{
		func() error {
			return shared.admin.Apply(t.Context(), applied, client.FieldOwner("argocd-controller"), client.ForceOwnership)
		},
		func() error {
			return shared.admin.Patch(t.Context(), gateway.DeepCopy(), byHand, client.FieldOwner("kubectl-edit"))
		},
		func() error {
			return shared.admin.Status().Patch(t.Context(), gateway.DeepCopy(), seen, client.FieldOwner(apply.FieldOwner))
		},
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	typed(t, "managedFields", "config/argocd", "config/flux")
}

// typed runs the commands of docs/gitops.md from a checkout, those with a word and those
// for everybody, but none with one of the others.
func typed(t *testing.T, word string, others ...string) {
	t.Helper()
	text, err := os.ReadFile(chart.Root + "/docs/gitops.md")
	if err != nil {
		t.Fatal(err)
	}
	has := func(words ...string) func(session.Command) bool {
		return func(c session.Command) bool {
			return slices.ContainsFunc(words, func(one string) bool { return strings.Contains(c.Block.Text, one) })
		}
	}
	commands := slices.DeleteFunc(session.Commands(string(text)), has(others...))
	if !slices.ContainsFunc(commands, has(word)) {
		t.Fatalf("docs/gitops.md has no command with %s: this test shows nothing", word)
	}
	root, err := filepath.Abs(chart.Root)
	if err != nil {
		t.Fatal(err)
	}
	// What a session writes belongs into no checkout.
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "config"), filepath.Join(dir, "config")); err != nil {
		t.Fatal(err)
	}
	user, err := shared.environment.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	access := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(access, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	shell := session.Session{Dir: dir, Patience: 2 * time.Minute, Env: []string{
		"KUBECONFIG=" + access,
		"PATH=" + os.Getenv("KUBEBUILDER_ASSETS") + string(os.PathListSeparator) + os.Getenv("PATH"),
	}}
	if err := shell.Run(t.Context(), commands); err != nil {
		t.Errorf("docs/gitops.md: %v", err)
	}
}

// there says so where an object is not.
func there(t *testing.T, kind schema.GroupVersionKind, key client.ObjectKey) {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := shared.admin.Get(t.Context(), key, object); err != nil {
		t.Errorf("%s %s: %v", kind.Kind, key, err)
	}
}

// anyFields has the API server know a kind that takes whatever it is given. It stays
// as long as the server.
func anyFields(t *testing.T, kind schema.GroupVersionKind) {
	t.Helper()
	plural := strings.ToLower(kind.Kind) + "s"
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + kind.Group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: kind.Group,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind.Kind, Plural: plural},
			Scope: apiextensionsv1.NamespaceScoped,
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: kind.Version, Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
	options := envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}, MaxTime: 2 * time.Minute}
	if _, err := envtest.InstallCRDs(shared.environment.Config, options); err != nil {
		t.Fatal(err)
	}
}
