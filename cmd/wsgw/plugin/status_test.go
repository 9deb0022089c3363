// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
)

// story is the state of a namespace.
type story func(b *bench)

// healthy has everything, and all is well.
func healthy(b *bench) {
	gw := gateway("edge")
	b.create(gw)
	c := certificate("edge", true)
	b.create(owned(c, gw, wsv1alpha1.SchemeGroupVersion.WithKind("WebSocketGateway")))
	b.create(owned(request("edge", true), c, cmv1.SchemeGroupVersion.WithKind("Certificate")))
	b.create(service("echo", 2)...)
	b.create(service("canary", 1)...)
	b.create(pod("edge", "wsgw-edge-1", ""), pod("edge", "wsgw-edge-2", ""))
}

// issuing waits for an ACME server that cannot reach the challenge.
func issuing(b *bench) {
	gw := gateway("edge")
	gw.Status.Listeners[0].Certificate = nil
	gw.Status.Pods = &wsv1alpha1.PodCounts{Desired: 2}
	gw.Status.Conditions = []metav1.Condition{
		condition("Accepted", "True", "Accepted", "The spec is valid."),
		condition("ResolvedRefs", "True", "ResolvedRefs", "Everything can be used."),
		condition("CertificatesReady", "False", "Issuing", "Listener \"public\" has no certificate yet."),
		condition("Programmed", "False", "NoReadyPods", "No pod is ready: they wait for a certificate."),
		condition("Ready", "False", "Issuing", "Listener \"public\" has no certificate yet."),
		condition("Stalled", "True", "ProgressDeadlineExceeded", "No progress for five minutes."),
	}
	b.create(gw)
	b.order(gw)
	b.create(service("echo", 2)...)
	b.create(service("canary", 1)...)
}

// broken has a spec of which parts lead nowhere, and pods that do not start.
func broken(b *bench) {
	gw := gateway("edge")
	gw.Spec.Listeners[0].TLS.Certificate = wsv1alpha1.CertificateSource{SecretRef: &wsv1alpha1.LocalReference{Name: "own"}}
	gw.Spec.Routes[1].AuthPolicy = ""
	gw.Status.Listeners[0].Certificate = nil
	gw.Status.ObservedGeneration = 0
	gw.Status.Pods = &wsv1alpha1.PodCounts{Desired: 2}
	gw.Status.Warnings = []string{"With one replica a node drain ends all connections at once."}
	gw.Status.Conditions = []metav1.Condition{
		condition("Accepted", "True", "Accepted", "The spec is valid."),
		condition("ResolvedRefs", "False", "SecretNotFound", "Secret \"own\" does not exist\x1b[31m: create it"),
		condition("CertificatesReady", "Unknown", "Pending", "Wait."),
		condition("Programmed", "False", "NoReadyPods", "The image is not there."),
		condition("Ready", "False", "SecretNotFound", "Secret \"own\" does not exist: create it"),
	}
	b.create(gw)
	b.create(service("echo", 0)...)
	b.create(pod("edge", "wsgw-edge-1", "ImagePullBackOff"))
	revocation := &wsv1alpha1.WebSocketRevocation{
		ObjectMeta: metav1.ObjectMeta{Name: "incident"},
		Spec: wsv1alpha1.WebSocketRevocationSpec{
			GatewayRefs: []wsv1alpha1.GatewayReference{{Name: "edge"}}, Until: metav1.NewTime(now.Add(24 * time.Hour)),
			Subjects: []wsv1alpha1.RevokedSubject{{Subject: "ann", Policy: "open"}},
		},
	}
	revocation.Status.Conditions = []metav1.Condition{condition("Ready", "False", "NoReadyPods", "No pod.")}
	b.create(revocation)
}

// unseen is a gateway in a cluster without an operator.
func unseen(b *bench) {
	gw := gateway("edge")
	gw.Status = wsv1alpha1.WebSocketGatewayStatus{ObservedGeneration: -1}
	b.create(gw)
}

func TestStatusLooksAsInItsFiles(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		story story
		exit  int
	}{
		"healthy": {healthy, 0}, "issuing": {issuing, 1}, "broken": {broken, 1}, "unseen": {unseen, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tt.story(b)
			out, log, code := b.run("status", "edge", "--ask-pods=false", "--exit-code")
			if code != tt.exit || log != "" {
				t.Errorf("exit status %d, standard error %q", code, log)
			}
			b.golden(name+".txt", out)
			wide, _, code := b.run("status", "edge", "--ask-pods=false", "-o", "wide")
			if code != 0 {
				t.Errorf("exit status %d without --exit-code", code)
			}
			b.golden(name+"-wide.txt", wide)
		})
	}
}

func TestStatusAsDataIsTheSameInBothForms(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	healthy(b)
	var fromJSON, fromYAML plugin.Statuses
	out, _, _ := b.run("status", "-o", "json", "--ask-pods=false")
	if err := json.Unmarshal([]byte(out), &fromJSON); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, _, _ := b.run("status", "-o", "yaml", "--ask-pods=false")
	if err := yaml.UnmarshalStrict([]byte(text), &fromYAML); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	one, _ := json.Marshal(fromJSON)
	other, _ := json.Marshal(fromYAML)
	if string(one) != string(other) || len(fromJSON.Gateways) != 1 {
		t.Errorf("JSON %s\nYAML %s", one, other)
	}
	if c := fromJSON.Gateways[0].Listeners[0].Certificate; c.Request == nil || c.Request.State != "Ready" || c.ServedBy != 2 {
		t.Errorf("certificate %+v", c)
	}
}

// A pod that cannot be asked takes nothing away but what only it knows.
func TestStatusSaysWhichPodsDidNotAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	healthy(b)
	out, _, code := b.run("status", "edge")
	if code != 0 || !strings.Contains(out, "2 of 2 running pods did not answer") || !strings.Contains(out, errNoKubelet.Error()) {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

func TestStatusWithoutCertManager(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	healthy(b)
	b.withoutCertManager()
	out, _, code := b.run("status", "edge", "--ask-pods=false")
	if code != 0 || !strings.Contains(out, "cert-manager is not installed") || !strings.Contains(out, "Certificate wsgw-edge.public  not there") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

// withoutCertManager takes cert-manager's kinds away from who asks.
func (b *bench) withoutCertManager() {
	b.t.Helper()
	withWatch, ok := b.cluster.Objects.(client.WithWatch)
	if !ok {
		var err error
		if withWatch, err = client.NewWithWatch(server.Config, client.Options{Scheme: b.cluster.Objects.Scheme()}); err != nil {
			b.t.Fatal(err)
		}
	}
	b.cluster.Objects = interceptor.NewClient(withWatch, interceptor.Funcs{
		List: func(ctx context.Context, next client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			kind, err := apiutil.GVKForObject(list, next.Scheme())
			if err == nil && strings.HasSuffix(kind.Group, "cert-manager.io") {
				return &meta.NoKindMatchError{GroupKind: kind.GroupKind(), SearchedVersions: []string{kind.Version}}
			}
			return next.List(ctx, list, options...)
		},
	})
}

func TestStatusOfAllNamespaces(t *testing.T) {
	t.Parallel()
	one, other := newBench(t), newBench(t)
	unseen(one)
	unseen(other)
	out, _, code := one.run("status", "-A", "--ask-pods=false")
	if code != 0 || !strings.Contains(out, one.space+"/edge") || !strings.Contains(out, other.space+"/edge") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
}

func TestStatusIsWatched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	unseen(b)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b.watched = &buffer{}
	go func() {
		defer stop()
		gw := &wsv1alpha1.WebSocketGateway{}
		key := client.ObjectKey{Namespace: b.space, Name: "edge"}
		if !b.shows("Ready=Unknown") {
			return
		}
		time.Sleep(time.Second) // for two more looks at the same
		if err := b.cluster.Objects.Get(ctx, key, gw); err != nil {
			t.Error(err)
		}
		gw.Status.ObservedGeneration, gw.Status.Conditions = 1, allTrue()
		if err := b.cluster.Objects.Status().Update(ctx, gw); err != nil {
			t.Error(err)
		}
		if b.shows("Ready=True") {
			time.Sleep(time.Second)
		}
	}()
	out, _, code := b.runIn(ctx, "status", "edge", "--ask-pods=false", "--watch", "--interval", "500ms")
	if code != 0 || strings.Count(out, "Ready=Unknown") != 1 || strings.Count(out, "Ready=True") != 1 {
		t.Errorf("exit status %d, each state should be there once:\n%s", code, out)
	}
}

func TestWhichGatewayIsMeant(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, log, code := b.run("connections"); code != 1 || !strings.Contains(log, "no gateway in namespace") {
		t.Errorf("none: exit status %d, %s", code, log)
	}
	unseen(b)
	if _, log, code := b.run("connections"); code != 1 || !strings.Contains(log, "no running pod") {
		t.Errorf("one: exit status %d, %s", code, log)
	}
	b.create(gateway("other"))
	if _, log, code := b.run("connections"); code != 2 || !strings.Contains(log, "name one of edge, other") {
		t.Errorf("two: exit status %d, %s", code, log)
	}
	if _, log, code := b.run("status", "nobody"); code != 1 || !strings.Contains(log, `no gateway "nobody"`) {
		t.Errorf("another: exit status %d, %s", code, log)
	}
}

func TestNamesAreCompleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	healthy(b)
	for line, want := range map[string]string{
		"status ":                   "edge",
		"connections edge --route ": "feed",
		"top edge --policy ":        "open",
		"close edge --listener ":    "public",
		"close edge --pod ":         "wsgw-edge-2",
		"drain ":                    "wsgw-edge-1",
		"connections edge --sort ":  "messages",
		"status edge --output ":     "yaml",
		"connections --route ":      "chat",
	} {
		out, _, _ := b.run(append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if !strings.Contains("\n"+out, "\n"+want+"\n") {
			t.Errorf("%q: no %q among\n%s", line, want, out)
		}
	}
}

func TestStatusIsWatchedOnATerminalUntilSomebodyQuits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	unseen(b)
	screen := &screen{}
	b.in, b.terminal = strings.NewReader("q"), screen
	out, log, code := b.run("status", "--ask-pods=false", "--watch")
	if code != 0 || log != "" || screen.raw != 0 || !strings.HasSuffix(out, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("exit status %d, raw %d, %s\n%q", code, screen.raw, log, out)
	}
}

// Who may watch but not close sees everything but what only pods can tell.
func TestTheRoleOfWatchersIsEnoughForAStatus(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	healthy(b)
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "samples", "plugin-roles.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(data), "\n---\n")
	role := &rbacv1.Role{}
	if err := yaml.UnmarshalStrict([]byte(first), role); err != nil {
		t.Fatal(err)
	}
	b.create(role, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "watchers"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "watcher-" + b.space}},
	})
	user, err := server.AddUser(envtest.User{Name: "watcher-" + b.space}, nil)
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := cluster.New(user.Config())
	if err != nil {
		t.Fatal(err)
	}
	watcher.Namespace, watcher.Dialer = b.space, b.dialer
	all, _, _ := b.run("status", "edge", "--ask-pods=false", "-o", "wide")
	b.cluster = watcher
	eventually(t, func() bool {
		seen, _, code := b.run("status", "edge", "--ask-pods=false", "-o", "wide")
		return code == 0 && seen == all // once the role is known to the API server
	})
	if name := watcher.WhoAmI(t.Context()); name != "watcher-"+b.space {
		t.Errorf("the API server says %q", name)
	}
	// The real port-forward of this user is refused.
	fresh, err := cluster.New(user.Config())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Dialer.Dial(t.Context(), types.NamespacedName{Namespace: b.space, Name: "wsgw-edge-1"}, 19001); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("port-forward: %v", err)
	}
}
