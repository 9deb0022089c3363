// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package install_test hands what the chart and the kustomizations render to a real
// API server, and runs the operator with the rights and under the policies that an
// installation gives it.
package install_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/wsgateway/websocket-gateway-operator/controllers"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// server is one API server with our CRDs, cert-manager's and the Prometheus operator's.
type server struct {
	environment *envtest.Environment
	admin       client.Client
	warnings    *warnings
}

var shared *server

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/install:", err)
		code = 1
	}
	os.Exit(code)
}

func withServer(run func() int) (int, error) {
	ctrl.SetLogger(logr.Discard())
	certManager, err := module(".", "github.com/cert-manager/cert-manager")
	if err != nil {
		return 1, err
	}
	prometheus, err := module(chart.Root+"/hack/tools/monitoring", "github.com/prometheus-operator/prometheus-operator")
	if err != nil {
		return 1, err
	}
	scheme, err := controllers.NewScheme()
	if err != nil {
		return 1, err
	}
	environment, err := apiserver.New(scheme, chart.Root+"/config/crd/bases",
		filepath.Join(certManager, "deploy", "crds"),
		filepath.Join(prometheus, "example", "prometheus-operator-crd"))
	if err != nil {
		return 1, err
	}
	shared = &server{warnings: &warnings{}, environment: environment}
	config, err := shared.environment.Start()
	if err != nil {
		return 1, fmt.Errorf("start the API server: %w", err)
	}
	config.QPS, config.WarningHandler = -1, shared.warnings
	code, err := shared.tests(config, run)
	if stopped := shared.environment.Stop(); stopped != nil {
		err = errors.Join(err, fmt.Errorf("stop the API server: %w", stopped))
	}
	return code, err
}

// tests runs them on the server that has been started.
func (s *server) tests(config *rest.Config, run func() int) (int, error) {
	var err error
	if s.admin, err = client.New(config, client.Options{Scheme: s.environment.Scheme}); err != nil {
		return 1, fmt.Errorf("make a client: %w", err)
	}
	if err := s.namespaces(chart.Namespace, "elsewhere", "chat", "games"); err != nil {
		return 1, err
	}
	return run(), nil
}

// module is the folder of a module that the go.mod of a folder requires.
func module(folder, path string) (string, error) {
	for _, args := range [][]string{{"mod", "download", path}, {"list", "-m", "-f", "{{.Dir}}", path}} {
		command := exec.Command("go", args...)
		command.Dir = folder
		out, err := command.Output()
		if err != nil {
			return "", fmt.Errorf("find module %s: go %s: %w", path, strings.Join(args, " "), err)
		}
		if args[0] == "list" {
			return strings.TrimSpace(string(out)), nil
		}
	}
	return "", nil
}

func (s *server) namespaces(names ...string) error {
	for _, name := range names {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := s.admin.Create(context.Background(), namespace); err != nil {
			return fmt.Errorf("make namespace %s: %w", name, err)
		}
	}
	return nil
}

// install creates objects as an installation would, but for the operator itself and
// the CRDs, which are there. They go when the test ends.
func (s *server) install(t *testing.T, objects []unstructured.Unstructured) {
	t.Helper()
	for i := range objects {
		object := &objects[i]
		if kind := object.GetKind(); kind == "CustomResourceDefinition" || kind == "Deployment" {
			continue
		}
		if err := s.admin.Create(t.Context(), object); err != nil {
			t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
		t.Cleanup(func() {
			if err := s.admin.Delete(context.Background(), object); client.IgnoreNotFound(err) != nil {
				t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
			}
		})
	}
}

// as is whoever holds a token of the service account, as the operator's pod does.
func (s *server) as(t *testing.T, namespace, name string) *rest.Config {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{}
	if err := s.admin.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatalf("token of %s/%s: %v", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(s.environment.Config)
	config.BearerToken = request.Status.Token
	config.QPS = -1
	return config
}

// warnings remembers what the API server says beside its answers.
type warnings struct {
	mu   sync.Mutex
	said []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// take answers what has been said since the last call.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.said
	w.said = nil
	return said
}
