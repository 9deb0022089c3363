// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

// TestTheProgramAsAWhole runs the operator as it is installed: with its own
// roles, holding its lease, all namespaces watched, metrics on.
func TestTheProgramAsAWhole(t *testing.T) {
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(30 * time.Second)
	admin := cluster(t, g)

	health, metrics := freeAddress(t), freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	logs, done := &lines{}, make(chan error, 1)
	go func() {
		done <- start(ctx, []string{
			"--gateway-image=example.com/gateway:1", "--leader-elect", "--operator-namespace=default",
			"--health-probe-bind-address=" + health, "--metrics-bind-address=" + metrics,
		}, io.Discard, logs)
	}()
	g.Eventually(func() (int, error) { return get("http://" + health + "/readyz") }).Should(Equal(http.StatusOK))

	g.Expect(admin.Create(t.Context(), &wsv1alpha1.WebSocketGateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "edge"},
		Spec: wsv1alpha1.WebSocketGatewaySpec{Listeners: []wsv1alpha1.Listener{{
			Name: "public", Port: 443, Hostnames: []wsv1alpha1.Hostname{"ws.example.com"},
			TLS: wsv1alpha1.ListenerTLS{Certificate: wsv1alpha1.CertificateSource{
				SecretRef: &wsv1alpha1.LocalReference{Name: "pair"},
			}},
		}}},
	})).To(Succeed())
	deployment := client.ObjectKey{Namespace: "default", Name: "wsgw-edge"}
	g.Eventually(func() error { return admin.Get(t.Context(), deployment, &appsv1.Deployment{}) }).Should(Succeed())

	lease := &coordinationv1.Lease{}
	held := client.ObjectKey{Namespace: "default", Name: leaseName}
	g.Expect(admin.Get(t.Context(), held, lease)).To(Succeed())
	g.Expect(*lease.Spec.HolderIdentity).NotTo(BeEmpty())

	var gw wsv1alpha1.WebSocketGateway
	g.Eventually(func() int64 {
		g.Expect(admin.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "edge"}, &gw)).To(Succeed())
		return gw.Status.ObservedGeneration
	}).Should(Equal(int64(1)))
	g.Expect(logs.complaints()).To(BeEmpty())

	cancel()
	g.Eventually(done).Should(Receive(BeNil()))
	g.Expect(admin.Get(t.Context(), held, lease)).To(Succeed())
	g.Expect(*lease.Spec.HolderIdentity).To(BeEmpty(), "the lease is not given up")
}

// cluster starts an API server with the CRD and the operator's roles, and makes
// the operator's user the one of KUBECONFIG.
func cluster(t *testing.T, g *WithT) client.Client {
	t.Helper()
	scheme, err := controllers.NewScheme()
	g.Expect(err).NotTo(HaveOccurred())
	root := filepath.Join("..", "..", "config")
	environment, err := apiserver.New(scheme, filepath.Join(root, "crd", "bases"))
	g.Expect(err).NotTo(HaveOccurred())
	config, err := environment.Start()
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(environment.Stop()).To(Succeed()) })
	admin, err := client.New(config, client.Options{Scheme: scheme})
	g.Expect(err).NotTo(HaveOccurred())

	user := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "operator"}
	var role rbacv1.ClusterRole
	read(g, filepath.Join(root, "rbac", "role.yaml"), &role)
	g.Expect(admin.Create(t.Context(), &role)).To(Succeed())
	g.Expect(admin.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name}, Subjects: []rbacv1.Subject{user},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
	})).To(Succeed())
	var leader rbacv1.Role
	read(g, filepath.Join(root, "rbac", "leader_election_role.yaml"), &leader)
	leader.Namespace = "default"
	g.Expect(admin.Create(t.Context(), &leader)).To(Succeed())
	g.Expect(admin.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: leader.Name}, Subjects: []rbacv1.Subject{user},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: leader.Name},
	})).To(Succeed())

	authenticated, err := environment.AddUser(envtest.User{Name: user.Name}, nil)
	g.Expect(err).NotTo(HaveOccurred())
	kubeconfig, err := authenticated.KubeConfig()
	g.Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(file, kubeconfig, 0o600)).To(Succeed())
	t.Setenv("KUBECONFIG", file)
	return admin
}

// read decodes the first document of a file.
func read(g *WithT, file string, into any) {
	data, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	first, _, _ := bytes.Cut(bytes.TrimPrefix(data, []byte("---\n")), []byte("\n---"))
	g.Expect(yaml.UnmarshalStrict(first, into)).To(Succeed())
}

func get(url string) (int, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return fmt.Sprint(listener.Addr())
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// complaints are the lines that an administrator would worry about.
func (l *lines) complaints() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(strings.ToLower(line), "forbidden") {
			found = append(found, line)
		}
	}
	return found
}
