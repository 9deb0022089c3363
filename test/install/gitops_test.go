// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
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
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

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
	typed(t, "config/argocd", "config/flux")

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

// typed runs the commands of docs/gitops.md from a checkout, those that name a folder
// and those for everybody, but none that names the other one.
func typed(t *testing.T, folder, other string) {
	t.Helper()
	text, err := os.ReadFile(chart.Root + "/docs/gitops.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := slices.DeleteFunc(session.Commands(string(text)), func(c session.Command) bool {
		return strings.Contains(c.Block.Text, other)
	})
	if !slices.ContainsFunc(commands, func(c session.Command) bool { return strings.Contains(c.Block.Text, folder) }) {
		t.Fatalf("docs/gitops.md has no command that names %s: this test shows nothing", folder)
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
