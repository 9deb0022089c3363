// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package controllers_test runs the operator against a real API server, as the
// user that config/rbac/role.yaml describes. Nothing else of Kubernetes runs:
// what the Deployment controller, the kubelet, the pods and cert-manager would
// do is done by the tests, so that they decide when it happens.
//
// Most of their time the tests wait: for pauses of the operator, or to see that
// nothing happens. So they run beside each other, each with an operator that sees its
// own namespaces only. Alone, before the others, run those that bound a time or count
// the writes that something costs, and one that changes which kinds the server has.
package controllers_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/wsgateway/websocket-gateway-operator/controllers"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

// world is one API server with our kinds, cert-manager's if asked for, and the
// operator's user.
type world struct {
	environment *envtest.Environment
	// admin may do anything; the tests play the rest of the cluster with it.
	admin client.WithWatch
	// operator is the user that the operator runs as.
	operator *rest.Config
	scheme   *runtime.Scheme
}

var shared *world

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	var err error
	if shared, err = newWorld(true); err != nil {
		fmt.Fprintf(os.Stderr, "start the API server: %v\n", err)
		return 1
	}
	code := m.Run()
	if err := shared.environment.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "stop the API server: %v\n", err)
		return 1
	}
	return code
}

func newWorld(certManager bool) (*world, error) {
	scheme, err := controllers.NewScheme()
	if err != nil {
		return nil, err
	}
	crds := []string{filepath.Join("..", "config", "crd", "bases")}
	if certManager {
		dir, err := certManagerCRDs()
		if err != nil {
			return nil, err
		}
		crds = append(crds, dir)
	}
	environment, err := apiserver.New(scheme, crds...)
	if err != nil {
		return nil, err
	}
	w := &world{scheme: scheme, environment: environment}
	// The default range has room for no more than 254 Services.
	w.environment.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.96.0.0/16")
	config, err := w.environment.Start()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	if w.admin, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	return w, w.addOperator()
}

// certManagerCRDs finds the CRDs in cert-manager's own module.
func certManagerCRDs() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		return "", fmt.Errorf("find the module of cert-manager: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "deploy", "crds"), nil
}

// operatorUser is the account that config/admission names.
const operatorUser = "system:serviceaccount:wsgateway-system:websocket-gateway-operator"

func (w *world) addOperator() error {
	role, err := operatorRole()
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := w.admin.Create(ctx, role); err != nil {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: operatorUser}},
	}
	if err := w.admin.Create(ctx, binding); err != nil {
		return err
	}
	if err := w.addPolicies(ctx); err != nil {
		return err
	}
	user, err := w.environment.AddUser(envtest.User{Name: operatorUser}, nil)
	if err != nil {
		return err
	}
	w.operator = user.Config()
	w.operator.QPS = -1
	return nil
}

func operatorRole() (*rbacv1.ClusterRole, error) {
	data, err := os.ReadFile(filepath.Join("..", "config", "rbac", "role.yaml"))
	if err != nil {
		return nil, err
	}
	role := &rbacv1.ClusterRole{}
	return role, yaml.UnmarshalStrict(data, role)
}
