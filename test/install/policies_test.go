// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
	"github.com/wsgateway/websocket-gateway-operator/test/chart"
)

const image = "ghcr.io/wsgateway/gateway:0.1.0"

// stage is a namespace with a gateway, its pod, and a Deployment, a pod and a
// ConfigMap of somebody else.
type stage struct {
	operator client.Client
	gateway  *wsv1alpha1.WebSocketGateway
}

// TestThePoliciesHoldTheOperatorsAccount tries what its role would allow a thief of
// the operator's token. Each refused request is fine for an administrator, so that
// it is the policy that refuses it.
func TestThePoliciesHoldTheOperatorsAccount(t *testing.T) {
	s := newStage(t)
	s.theOperatorMakesItsObjects(t)
	ours, theirs := "wsgw-edge", "shop"
	for name, row := range map[string]struct {
		kind, object, patch string
		// Part of the refusal, empty: allowed. Where two policies refuse, the API
		// server tells of either, so | separates what each says.
		want string
	}{
		"a new image of our repository is the operator's to roll out": {
			"Deployment", ours, container(`"image":"ghcr.io/wsgateway/gateway:0.2.0"`), "",
		},
		"an image that is named by its digest is, too": {
			"Deployment", ours, container(`"image":"ghcr.io/wsgateway/gateway@sha256:` + strings.Repeat("0", 64) + `"`), "",
		},
		"the annotation that refreshes files is the operator's to change": {
			"Pod", "wsgw-edge-1", `{"metadata":{"annotations":{"wsgateway.dev/refresh":"1"}}}`, "",
		},
		"a foreign image in a gateway's Deployment is refused": {
			"Deployment", ours, container(`"image":"ghcr.io/evil/miner:1"`), "image of the repository",
		},
		"an image whose repository only begins like ours is refused": {
			"Deployment", ours, container(`"image":"ghcr.io/wsgateway/gateway-evil:1"`), "image of the repository",
		},
		"a second container is refused": {
			"Deployment", ours, template(`"containers":[{"name":"more","image":"` + image + `"}]`), "one container",
		},
		"an init container is refused": {
			"Deployment", ours, template(`"initContainers":[{"name":"first","image":"` + image + `"}]`), "init container",
		},
		"a folder of the node is refused": {
			"Deployment", ours, template(`"volumes":[{"name":"node","hostPath":{"path":"/"}}]`), "ConfigMaps, Secrets",
		},
		"a privileged container is refused": {
			"Deployment", ours, container(`"securityContext":{"allowPrivilegeEscalation":true,"privileged":true}`), "no privilege",
		},
		"the node's network is refused": {
			"Deployment", ours, template(`"hostNetwork":true`), "namespace of the node",
		},
		"a port of the node is refused": {
			"Deployment", ours, container(`"ports":[{"containerPort":22,"hostPort":22}]`), "port of the node",
		},
		"another account is refused": {
			"Deployment", ours, template(`"serviceAccountName":"default"`), "own account",
		},
		"a token is refused": {
			"Deployment", ours, template(`"automountServiceAccountToken":true`), "without its token",
		},
		"what a spec asks of nodes and pods is the operator's to write": {
			"Deployment", ours, `{"spec":{"template":{"metadata":{"labels":{"example.com/team":"chat"},"annotations":{"owner":"chat"}},` +
				`"spec":{"nodeSelector":{"pool":"ingress"},"priorityClassName":"edge","tolerations":[{"operator":"Exists"}]}}}}`, "",
		},
		"a node by its name is refused": {
			"Deployment", ours, template(`"nodeName":"control-plane-1"`), "no node by name",
		},
		"a priority of the cluster's own pods is refused": {
			"Deployment", ours, template(`"priorityClassName":"system-node-critical"`), "no priority of the cluster",
		},
		"a label by which a Service may select is refused": {
			"Deployment", ours, podLabel(`"app":"shop"`), "no label that other objects select by",
		},
		"a label of Kubernetes for pods is refused": {
			"Deployment", ours, podLabel(`"app.kubernetes.io/instance":"shop"`), "no label that other objects select by",
		},
		"a label of ours that is not the operator's to choose is refused": {
			"Deployment", ours, podLabel(`"wsgateway.dev/other":"shop"`), "no label that other objects select by",
		},
		"taking the owner away is refused": {
			"Deployment", ours, `{"metadata":{"ownerReferences":null}}`, "owned by the gateway",
		},
		"a foreign Deployment's image is refused": {
			"Deployment", theirs, `{"spec":{"template":{"spec":{"containers":[{"name":"shop","image":"` + image + `"}]}}}}`, "no WebSocketGateway owns|one container",
		},
		"making a foreign Deployment ours is refused": {
			"Deployment", theirs, s.adoption(), "no WebSocketGateway owns|own account",
		},
		"a foreign ConfigMap is refused": {
			"ConfigMap", theirs, `{"data":{"motd":"hacked"}}`, "no WebSocketGateway owns",
		},
		"another annotation of a gateway's pod is refused": {
			"Pod", "wsgw-edge-1", `{"metadata":{"annotations":{"other":"1"}}}`, "nothing but the annotation",
		},
		"a label of a gateway's pod is refused": {
			"Pod", "wsgw-edge-1", `{"metadata":{"labels":{"app":"shop"}}}`, "nothing but the annotation",
		},
		"the image of a gateway's pod is refused": {
			"Pod", "wsgw-edge-1", `{"spec":{"containers":[{"name":"gateway","image":"ghcr.io/evil/miner:1"}]}}`, "nothing but the annotation",
		},
		"a foreign pod is refused": {
			"Pod", theirs, `{"metadata":{"annotations":{"wsgateway.dev/refresh":"1"}}}`, "belongs to no gateway",
		},
	} {
		t.Run(name, func(t *testing.T) {
			patch := client.RawPatch(types.StrategicMergePatchType, []byte(row.patch))
			judge(t, s, row.want, func(by client.Client) error {
				return by.Patch(t.Context(), reference(row.kind, row.object), patch, client.DryRunAll)
			})
		})
	}
	t.Run("deleting a foreign Deployment is refused", func(t *testing.T) {
		judge(t, s, "no WebSocketGateway owns", func(by client.Client) error {
			return by.Delete(t.Context(), reference("Deployment", theirs), client.DryRunAll)
		})
	})
	t.Run("deleting a Deployment of a gateway is not", func(t *testing.T) {
		judge(t, s, "", func(by client.Client) error {
			return by.Delete(t.Context(), reference("Deployment", ours), client.DryRunAll)
		})
	})
	t.Run("having a foreign Certificate issued anew is refused", func(t *testing.T) {
		judge(t, s, "no WebSocketGateway owns", func(by client.Client) error { return reissue(t, by, theirs) })
	})
	t.Run("having a Certificate of a gateway issued anew is not", func(t *testing.T) {
		judge(t, s, "", func(by client.Client) error { return reissue(t, by, "wsgw-edge.public") })
	})
	t.Run("making an object that no gateway owns is refused", func(t *testing.T) {
		judge(t, s, "owned by the gateway", func(by client.Client) error {
			return by.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "chat", Name: "loose"}}, client.DryRunAll)
		})
	})
	t.Run("what somebody else has allowed a gateway is not the operator's doing", func(t *testing.T) {
		allowed := client.RawPatch(types.StrategicMergePatchType, []byte(template(
			`"hostNetwork":true,"automountServiceAccountToken":null,"serviceAccountName":"default","serviceAccount":"default"`)))
		if err := shared.admin.Patch(t.Context(), reference("Deployment", ours), allowed); err != nil {
			t.Fatal(err)
		}
		between := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"a":"b"}}}`))
		if err := s.operator.Patch(t.Context(), reference("Deployment", ours), between, client.DryRunAll); err != nil {
			t.Error(err)
		}
		for _, more := range []string{`"hostPID":true`, `"serviceAccountName":"other","serviceAccount":"other"`} {
			patch := client.RawPatch(types.StrategicMergePatchType, []byte(template(more)))
			if s.operator.Patch(t.Context(), reference("Deployment", ours), patch, client.DryRunAll) == nil {
				t.Errorf("with it, this is allowed too: %s", more)
			}
		}
		back := client.RawPatch(types.StrategicMergePatchType, []byte(template(
			`"hostNetwork":false,"automountServiceAccountToken":false,"serviceAccountName":"`+ours+`","serviceAccount":"`+ours+`"`)))
		if err := s.operator.Patch(t.Context(), reference("Deployment", ours), back); err != nil {
			t.Error(err)
		}
	})
	t.Run("a label that somebody took away is put back", func(t *testing.T) {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"wsgateway.dev/gateway":null}}}`))
		if err := shared.admin.Patch(t.Context(), reference("Deployment", ours), patch); err != nil {
			t.Fatal(err)
		}
		still := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"wsgateway.dev/gateway":"other"}}}`))
		if s.operator.Patch(t.Context(), reference("Deployment", ours), still, client.DryRunAll) == nil {
			t.Error("so is the label of another gateway")
		}
		between := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"a":"b"}}}`))
		if err := s.operator.Patch(t.Context(), reference("Deployment", ours), between, client.DryRunAll); err != nil {
			t.Error(err)
		}
		back := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"wsgateway.dev/gateway":"edge"}}}`))
		if err := s.operator.Patch(t.Context(), reference("Deployment", ours), back); err != nil {
			t.Error(err)
		}
	})
}

func judge(t *testing.T, s *stage, want string, act func(by client.Client) error) {
	t.Helper()
	if err := act(shared.admin); err != nil {
		t.Fatalf("an administrator is refused as well, so this shows nothing: %v", err)
	}
	switch err := act(s.operator); {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Error("allowed")
	case want != "" && !strings.Contains(err.Error(), "ValidatingAdmissionPolicy") || !oneOf(err, want):
		t.Errorf("refused by %v, want a policy that says %q", err, want)
	}
}

// reissue does what has cert-manager issue a Certificate although its time has not come.
func reissue(t *testing.T, by client.Client, name string) error {
	t.Helper()
	certificate := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "chat", Name: name}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"conditions":[{"type":"Issuing","status":"True"}]}}`))
	return by.Status().Patch(t.Context(), certificate, patch, client.DryRunAll)
}

func oneOf(err error, parts string) bool {
	return parts == "" || slices.ContainsFunc(strings.Split(parts, "|"), func(part string) bool { return strings.Contains(err.Error(), part) })
}

// newStage installs the chart's roles and policies, and waits until these are in force.
func newStage(t *testing.T) *stage {
	t.Helper()
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(apiserver.Patience)
	shared.install(t, manifests(t, tool(t, "helm"), "template", chart.Release, chart.Path, "-n", chart.Namespace, "--set", "crds.install=false"))
	operator, err := client.New(shared.as(t, chart.Namespace, chart.Release), client.Options{Scheme: shared.admin.Scheme()})
	g.Expect(err).NotTo(HaveOccurred())
	s := &stage{operator: operator, gateway: gatewayIn("chat", "edge")}
	for _, object := range append(foreign(), s.gateway, pod("wsgw-edge-1", map[string]string{render.GatewayLabel: "edge"})) {
		g.Expect(shared.admin.Create(t.Context(), object)).To(Succeed())
		t.Cleanup(func() {
			g.Expect(client.IgnoreNotFound(shared.admin.Delete(context.Background(), object))).To(Succeed())
		})
	}
	// Each policy comes into force by itself.
	for kind, patch := range map[string]string{"Pod": `{"metadata":{"labels":{"a":"b"}}}`, "ConfigMap": `{"data":{"a":"b"}}`} {
		g.Eventually(func() error {
			return operator.Patch(t.Context(), reference(kind, "shop"), client.RawPatch(types.MergePatchType, []byte(patch)), client.DryRunAll)
		}).Should(MatchError(ContainSubstring("ValidatingAdmissionPolicy")))
	}
	return s
}

// theOperatorMakesItsObjects creates and applies everything that a gateway consists
// of, with the operator's token.
func (s *stage) theOperatorMakesItsObjects(t *testing.T) {
	t.Helper()
	for _, object := range render.Objects(s.gateway, render.Files{Config: []byte("{}")}, render.Options{GatewayImage: image}) {
		encoded, err := json.Marshal(object.Apply)
		if err != nil {
			t.Fatal(err)
		}
		made := &unstructured.Unstructured{}
		if err := json.Unmarshal(encoded, &made.Object); err != nil {
			t.Fatal(err)
		}
		applied := client.ApplyConfigurationFromUnstructured(made.DeepCopy())
		if err := s.operator.Create(t.Context(), made, client.FieldOwner(apply.FieldOwner)); err != nil {
			t.Fatalf("create %s: %v", object.Kind.Kind, err)
		}
		t.Cleanup(func() { _ = client.IgnoreNotFound(shared.admin.Delete(context.Background(), made)) })
		if err := s.operator.Apply(t.Context(), applied, client.FieldOwner(apply.FieldOwner), client.ForceOwnership); err != nil {
			t.Errorf("apply %s: %v", object.Kind.Kind, err)
		}
	}
	// The policy on Deployments has come into force when it refuses something.
	NewWithT(t).Eventually(func() error {
		patch := client.RawPatch(types.StrategicMergePatchType, []byte(template(`"hostNetwork":true`)))
		return s.operator.Patch(t.Context(), reference("Deployment", "wsgw-edge"), patch, client.DryRunAll)
	}).WithTimeout(apiserver.Patience).Should(MatchError(ContainSubstring("namespace of the node")))
}

// adoption is the patch that gives an object our label and our owner.
func (s *stage) adoption() string {
	return `{"metadata":{"labels":{"wsgateway.dev/gateway":"edge"},"ownerReferences":[{"apiVersion":"wsgateway.dev/v1alpha1",` +
		`"kind":"WebSocketGateway","name":"edge","uid":"` + string(s.gateway.UID) + `","controller":true}]}}`
}

func template(fields string) string {
	return `{"spec":{"template":{"spec":{` + fields + `}}}}`
}

func podLabel(label string) string {
	return `{"spec":{"template":{"metadata":{"labels":{` + label + `}}}}}`
}

func container(fields string) string {
	return template(`"containers":[{"name":"gateway",` + fields + `}]`)
}

func reference(kind, name string) client.Object {
	meta := metav1.ObjectMeta{Namespace: "chat", Name: name}
	switch kind {
	case "Deployment":
		return &appsv1.Deployment{ObjectMeta: meta}
	case "Pod":
		return &corev1.Pod{ObjectMeta: meta}
	default:
		return &corev1.ConfigMap{ObjectMeta: meta}
	}
}

// foreign are objects of somebody else.
func foreign() []client.Object {
	labels := map[string]string{"app": "shop"}
	meta := metav1.ObjectMeta{Namespace: "chat", Name: "shop", Labels: labels}
	return []client.Object{
		&corev1.ConfigMap{ObjectMeta: meta},
		&cmv1.Certificate{ObjectMeta: meta, Spec: cmv1.CertificateSpec{
			SecretName: "shop", DNSNames: []string{"shop.example.com"}, IssuerRef: cmmetav1.IssuerReference{Name: "ca"},
		}},
		pod("shop", labels),
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "shop", Image: "shop:1"}}},
			},
		}},
	}
}

func pod(name string, labels map[string]string) client.Object {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "chat", Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false),
			Containers:                   []corev1.Container{{Name: "gateway", Image: image}},
		},
	}
}
