// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

// TestTheOperatorWorksAsInstalled runs the real program with the arguments, the
// account, the roles and the policies that the chart gives it.
func TestTheOperatorWorksAsInstalled(t *testing.T) {
	manager := build(t)
	for name, row := range map[string]struct {
		args    []string
		gateway string // no two have the same: nobody collects what a deleted one leaves
		// elsewhere tells whether it serves gateways outside of chat and games.
		elsewhere bool
	}{
		"in all namespaces":                        {nil, "a", true},
		"in two namespaces, with Roles for these":  {[]string{"-f", chart.Root + "/test/chart/testdata/values/namespaced.yaml"}, "b", false},
		"in two namespaces, with a role for all":   {[]string{"--set", "controller.watchNamespaces={chat,games}"}, "c", false},
		"as part of a release with another name":   {[]string{"--set", "fullnameOverride=other,serviceAccount.name=mine"}, "d", true},
		"with its lease in another namespace":      {[]string{"--set", "controller.extraArgs={--leader-election-namespace=games}"}, "f", true},
		"in another namespace than the release is": {[]string{"--set", "namespaceOverride=elsewhere"}, "e", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.SetDefaultEventuallyTimeout(apiserver.Patience)
			args := []string{"template", chart.Release, chart.Path, "-n", chart.Namespace, "--set", "crds.install=false"}
			objects := manifests(t, tool(t, "helm"), append(args, row.args...)...)
			shared.install(t, objects)
			// Both are there before the operator is, so it takes them up in one go.
			for _, namespace := range []string{"elsewhere", "games"} {
				gateway := gatewayIn(namespace, row.gateway)
				g.Expect(shared.admin.Create(t.Context(), gateway)).To(Succeed())
				t.Cleanup(func() { g.Expect(shared.admin.Delete(context.Background(), gateway)).To(Succeed()) })
			}
			installed := deployment(t, objects)
			namespaces := []string{""}
			if !row.elsewhere {
				namespaces = []string{"chat", "games"}
			}
			isPermitted(t, installed, namespaces)
			logs := start(t, manager, installed)

			served := func(namespace string) error {
				key := client.ObjectKey{Namespace: namespace, Name: "wsgw-" + row.gateway}
				return shared.admin.Get(t.Context(), key, &appsv1.Deployment{})
			}
			g.Eventually(func() error { return served("games") }).Should(Succeed(), logs.String)
			g.Eventually(func() (int64, error) {
				gateway := gatewayIn("games", row.gateway)
				err := shared.admin.Get(t.Context(), client.ObjectKeyFromObject(gateway), gateway)
				return gateway.Status.ObservedGeneration, err
			}).Should(Equal(int64(1)), logs.String)
			if row.elsewhere {
				g.Eventually(func() error { return served("elsewhere") }).Should(Succeed(), logs.String)
			} else if err := served("elsewhere"); !apierrors.IsNotFound(err) {
				t.Errorf("a gateway outside of the watched namespaces is served (%v)", err)
			}
			if said := logs.String(); strings.Contains(strings.ToLower(said), "forbidden") {
				t.Errorf("the operator may not do what it does:\n%s", said)
			}
		})
	}
}

// isPermitted waits until the account may do what roles of each sort grant it: the API
// server learns of accounts, roles and bindings some time after they were made, and
// what it refuses until then is no fault of the chart.
func isPermitted(t *testing.T, installed *appsv1.Deployment, namespaces []string) {
	t.Helper()
	g := NewWithT(t)
	account, err := client.New(shared.as(t, installed.Namespace, installed.Spec.Template.Spec.ServiceAccountName),
		client.Options{Scheme: shared.admin.Scheme()})
	g.Expect(err).NotTo(HaveOccurred())
	lease := installed.Namespace
	for _, arg := range installed.Spec.Template.Spec.Containers[0].Args {
		if namespace, said := strings.CutPrefix(arg, "--leader-election-namespace="); said {
			lease = namespace
		}
	}
	asks := []authorizationv1.ResourceAttributes{
		{Verb: "list", Group: "cert-manager.io", Resource: "clusterissuers"},
		{Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: lease},
	}
	for _, namespace := range namespaces {
		asks = append(asks, authorizationv1.ResourceAttributes{Verb: "list", Group: "wsgateway.dev", Resource: "websocketgateways", Namespace: namespace})
	}
	for i := range asks {
		g.Eventually(func() (bool, error) {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &asks[i]}}
			err := account.Create(t.Context(), review)
			return review.Status.Allowed, err
		}).WithTimeout(apiserver.Patience).Should(BeTrue(), "%+v", asks[i])
	}
}

// build compiles the operator.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "manager")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, chart.Root+"/cmd/manager").CombinedOutput()
	if err != nil {
		t.Fatalf("build the operator: %v\n%s", err, out)
	}
	return program
}

// start runs what a Deployment would run, until the test ends.
func start(t *testing.T, program string, installed *appsv1.Deployment) *log {
	t.Helper()
	container := installed.Spec.Template.Spec.Containers[0]
	// The last flag of a name counts: these ports are this machine's.
	health := free(t)
	args := append(container.Args, "--metrics-bind-address=127.0.0.1:0", "--health-probe-bind-address="+health)
	// It shall end by a signal, as in a pod, and not because the test's time is up.
	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	command.Env = append(os.Environ(), "POD_NAMESPACE="+installed.Namespace,
		"KUBECONFIG="+kubeconfig(t, shared.as(t, installed.Namespace, installed.Spec.Template.Spec.ServiceAccountName)))
	logs := &log{}
	command.Stdout, command.Stderr = logs, logs
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("the operator ends with %v:\n%s", err, logs.String())
		}
	})
	NewWithT(t).Eventually(func() (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+health+"/readyz", nil)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}).WithTimeout(apiserver.Patience).Should(Equal(http.StatusOK), logs.String)
	return logs
}

func deployment(t *testing.T, objects []unstructured.Unstructured) *appsv1.Deployment {
	t.Helper()
	for i := range objects {
		if objects[i].GetKind() == "Deployment" {
			found := &appsv1.Deployment{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(objects[i].Object, found); err != nil {
				t.Fatal(err)
			}
			return found
		}
	}
	t.Fatal("the chart renders no Deployment")
	return nil
}

func kubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	written := clientcmdapi.NewConfig()
	written.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	written.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	written.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	written.CurrentContext = "x"
	if err := clientcmd.WriteToFile(*written, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func gatewayIn(namespace, name string) *wsv1alpha1.WebSocketGateway {
	return &wsv1alpha1.WebSocketGateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: wsv1alpha1.WebSocketGatewaySpec{Listeners: []wsv1alpha1.Listener{{
			Name: "public", Port: 443, Hostnames: []wsv1alpha1.Hostname{"ws.example.com"},
			TLS: wsv1alpha1.ListenerTLS{Certificate: wsv1alpha1.CertificateSource{IssuerRef: &wsv1alpha1.IssuerReference{Name: "ca"}}},
		}}},
	}
}

func free(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return fmt.Sprint(listener.Addr())
}

// log is read while a program writes it.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// String is what has been written so far.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
