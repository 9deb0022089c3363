// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
)

// newTenants is a bench whose operator also watches some namespaces more.
func newTenants(t *testing.T, count int) (*bench, []string) {
	t.Helper()
	b := newBenchIn(t, shared)
	for range count {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
		b.create(namespace)
		b.more = append(b.more, namespace.Name)
	}
	b.start()
	return b, b.more
}

// open makes a running gateway that lets namespaces attach.
func (b *bench) open(name string, namespaces *wsv1alpha1.RouteNamespaces) {
	b.t.Helper()
	b.running(name)
	b.change(name, func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Listeners[0].Hostnames = []wsv1alpha1.Hostname{"*.example.com"}
		gw.Spec.Listeners[0].AllowedRoutes = &wsv1alpha1.AllowedRoutes{Namespaces: namespaces, AuthPolicies: []string{"all"}}
	})
	b.becomes(name, wsv1alpha1.ConditionProgrammed, metav1.ConditionTrue, wsv1alpha1.ReasonProgrammed)
	b.quiet()
}

func everyNamespace() *wsv1alpha1.RouteNamespaces {
	return &wsv1alpha1.RouteNamespaces{From: wsv1alpha1.NamespacesFromAll}
}

// newAttached is a route to the Service echo of its namespace.
func (b *bench) newAttached(namespace, name, hostname string) *wsv1alpha1.WebSocketRoute {
	return &wsv1alpha1.WebSocketRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: wsv1alpha1.WebSocketRouteSpec{
			ParentRefs: []wsv1alpha1.ParentReference{{Namespace: b.namespace, Name: "edge"}},
			Hostnames:  []wsv1alpha1.Hostname{wsv1alpha1.Hostname(hostname)},
			Rules: []wsv1alpha1.WebSocketRouteRule{{
				Name: "all", AuthPolicy: "all", BackendRefs: []wsv1alpha1.BackendReference{{Name: "echo", Port: 8080}},
			}},
		},
	}
}

func (b *bench) serviceIn(namespace, name string) {
	b.t.Helper()
	service := b.newService(name)
	service.Namespace = namespace
	b.create(service)
}

func (b *bench) attached(namespace, name string) *wsv1alpha1.WebSocketRoute {
	b.t.Helper()
	route := &wsv1alpha1.WebSocketRoute{}
	b.g.Expect(b.admin.Get(b.ctx, client.ObjectKey{Namespace: namespace, Name: name}, route)).To(Succeed())
	return route
}

// tells waits until a condition of a route, found for its current spec, has the
// reason.
func (b *bench) tells(namespace, name, condition, reason string) *metav1.Condition {
	b.t.Helper()
	var found *metav1.Condition
	b.g.Eventually(func() error {
		route := b.attached(namespace, name)
		found = meta.FindStatusCondition(route.Status.Conditions, condition)
		if found == nil || found.Reason != reason || found.ObservedGeneration != route.Generation {
			return fmt.Errorf("condition %s is %+v", condition, found)
		}
		return nil
	}).Should(Succeed())
	return found
}

// served are the names of the routes of the gateway and their faults.
func (b *bench) served() map[string]contract.Fault {
	b.t.Helper()
	found := map[string]contract.Fault{}
	for _, route := range b.config("edge").Routes {
		found[route.Name] = route.Fault
	}
	return found
}

func TestARouteAttachesFromAnotherNamespace(t *testing.T) {
	b, tenants := newTenants(t, 1)
	team := tenants[0]
	b.open("edge", everyNamespace())
	b.serviceIn(team, "echo")
	b.quiet()
	b.requests.reset()
	looser := b.newAttached(team, "chat", "chat.example.com")
	looser.Spec.Rules[0].Limits = &wsv1alpha1.RouteLimits{MaxMessageBytes: new(contract.DefaultMaxMessageBytes + 1)}
	b.create(looser)
	b.tells(team, "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	told := b.tells(team, "chat", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonAccepted)
	b.g.Expect(told.Message).To(ContainSubstring("spec.rules[all].limits (in force: maxMessageBytes 1048576)"))
	b.g.Expect(b.gateway("edge").Status.Limits).To(HaveField("MaxMessageBytes", contract.DefaultMaxMessageBytes))
	b.g.Expect(b.served()).To(HaveKeyWithValue(team+"/chat/all", contract.Fault("")))
	b.g.Eventually(func() int32 { return b.gateway("edge").Status.Listeners[0].AttachedRoutes }).Should(Equal(int32(2)))
	b.quiet()
	route := b.attached(team, "chat")
	b.g.Expect(route.Status.Parents).To(HaveLen(1))
	b.g.Expect(route.Status.Parents[0].Conditions).To(HaveLen(3))
	b.g.Expect(meta.FindStatusCondition(route.Status.Conditions, wsv1alpha1.ConditionReconciling)).To(BeNil())
	b.g.Expect(b.requests.writesOf("/websocketroutes/chat/status")).To(BeNumerically("<=", 4), "%v", b.requests.written())
	b.writesNothing(3 * time.Second)
	b.restart()
	b.writesNothing(3 * time.Second)

	b.g.Expect(b.admin.Delete(b.ctx, route)).To(Succeed())
	b.g.Eventually(b.served).ShouldNot(HaveKey(team + "/chat/all"))
	b.g.Eventually(func() int32 { return b.gateway("edge").Status.Listeners[0].AttachedRoutes }).Should(Equal(int32(1)))
}

func TestARouteWaitsForWhatItNeeds(t *testing.T) {
	t.Parallel()
	b, tenants := newTenants(t, 1)
	team := tenants[0]
	b.create(b.newAttached(team, "chat", "chat.example.com"))
	b.tells(team, "chat", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonGatewayNotFound)
	b.open("edge", nil)
	b.tells(team, "chat", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonNotAllowedByListeners)
	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) {
		gw.Spec.Listeners[0].AllowedRoutes.Namespaces = everyNamespace()
	})
	b.tells(team, "chat", wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ReasonServiceNotFound)
	b.g.Expect(b.served()).To(HaveKeyWithValue(team+"/chat/all", contract.FaultBackendNotFound))
	b.serviceIn(team, "echo")
	b.tells(team, "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)

	b.change("edge", func(gw *wsv1alpha1.WebSocketGateway) { gw.Spec.Listeners[0].AllowedRoutes.AuthPolicies = nil })
	b.tells(team, "chat", wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ReasonAuthPolicyNotAllowed)
	b.g.Expect(b.admin.Delete(b.ctx, b.gateway("edge"))).To(Succeed())
	b.tells(team, "chat", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonGatewayNotFound)
}

// An operator of some namespaces looks into no other: its caches cannot. Its answer is
// the same whether the gateway is there or not.
func TestAGatewayOfANamespaceThatIsNotWatchedIsNotFound(t *testing.T) {
	t.Parallel()
	b, tenants := newTenants(t, 1)
	team := tenants[0]
	elsewhere := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "elsewhere-"}}
	b.create(elsewhere)
	there := b.newGateway("edge")
	there.Namespace = elsewhere.Name
	b.create(there)
	b.open("edge", everyNamespace())
	b.serviceIn(team, "echo")
	route := b.newAttached(team, "chat", "chat.example.com")
	for _, name := range []string{"edge", "none"} {
		route.Spec.ParentRefs = append(route.Spec.ParentRefs, wsv1alpha1.ParentReference{Namespace: elsewhere.Name, Name: name})
	}
	b.create(route)
	b.tells(team, "chat", wsv1alpha1.ConditionProgrammed, wsv1alpha1.ReasonPending) // of the first parent that is not there
	notFound := fmt.Sprintf("%s: there is no WebSocketGateway \"edge\" in namespace %q: ", wsv1alpha1.ReasonGatewayNotFound, elsewhere.Name) +
		"correct spec.parentRefs, create it, or ask whether its operator watches that namespace"
	b.g.Eventually(func() []string {
		var told []string
		for _, parent := range b.attached(team, "chat").Status.Parents {
			accepted := meta.FindStatusCondition(parent.Conditions, wsv1alpha1.ConditionAccepted)
			told = append(told, accepted.Reason+": "+strings.ReplaceAll(accepted.Message, `"none"`, `"edge"`))
		}
		return told
	}).Should(HaveExactElements(HavePrefix(wsv1alpha1.ReasonAccepted+": "), notFound, notFound))
	b.g.Eventually(b.served).Should(HaveKeyWithValue(team+"/chat/all", contract.Fault("")))
}

func TestLabelsLetANamespaceIn(t *testing.T) {
	t.Parallel()
	b, tenants := newTenants(t, 2)
	b.open("edge", &wsv1alpha1.RouteNamespaces{
		From: wsv1alpha1.NamespacesFromSelector, Selector: &wsv1alpha1.NamespaceSelector{MatchLabels: map[string]wsv1alpha1.LabelValue{"websockets": "yes"}},
	})
	for _, team := range tenants {
		b.serviceIn(team, "echo")
		b.create(b.newAttached(team, "chat", team+".example.com"))
	}
	label := func(namespace, value string) {
		patch := []byte(`{"metadata":{"labels":{"websockets":"` + value + `"}}}`)
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		b.g.Expect(b.admin.Patch(b.ctx, object, client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
	}
	b.tells(tenants[0], "chat", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonNotAllowedByListeners)
	label(tenants[0], "yes")
	b.tells(tenants[0], "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	b.tells(tenants[1], "chat", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonNotAllowedByListeners)
	label(tenants[0], "no")
	b.tells(tenants[0], "chat", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonNotAllowedByListeners)
	b.g.Eventually(b.served).ShouldNot(HaveKey(tenants[0] + "/chat/all"))
}

// Two tenants on one gateway: neither learns of the other, takes anything from it,
// or makes it wait.
func TestTenantsDoNotMeet(t *testing.T) {
	t.Parallel()
	b, tenants := newTenants(t, 2)
	older, holder := tenants[0], tenants[1]
	b.open("edge", everyNamespace())
	for _, team := range tenants {
		b.serviceIn(team, "echo")
	}
	first := b.newAttached(older, "old", "old.example.com")
	b.create(first)
	b.tells(older, "old", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	b.create(b.newAttached(holder, "chat", "chat.example.com"))
	b.tells(holder, "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	b.quiet()
	b.requests.reset()
	before := b.attached(holder, "chat")

	// An older object is edited to take a name, and asks for a Service of the other.
	b.g.Eventually(func() error {
		route := b.attached(older, "old")
		route.Spec.Hostnames = []wsv1alpha1.Hostname{"old.example.com", "chat.example.com"}
		route.Spec.Rules[0].BackendRefs = append(route.Spec.Rules[0].BackendRefs, wsv1alpha1.BackendReference{Namespace: holder, Name: "echo", Port: 8080})
		return b.admin.Update(b.ctx, route)
	}).Should(Succeed())
	told := b.tells(older, "old", wsv1alpha1.ConditionAccepted, wsv1alpha1.ReasonHostnameConflict)
	b.g.Expect(told.Message).NotTo(ContainSubstring(holder))
	b.tells(older, "old", wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ReasonRefNotPermitted)
	b.tells(older, "old", wsv1alpha1.ConditionProgrammed, wsv1alpha1.ReasonProgrammed)
	b.restart()
	b.quiet()

	hostnames := map[string][]string{}
	for _, route := range b.config("edge").Routes {
		hostnames[route.Name] = route.Hostnames
	}
	b.g.Expect(hostnames).To(HaveKeyWithValue(holder+"/chat/all", []string{"chat.example.com"}))
	b.g.Expect(hostnames).To(HaveKeyWithValue(older+"/old/all", []string{"old.example.com"}))
	b.g.Expect(b.files("edge")[contract.EndpointsFile]).To(ContainSubstring(holder + "/echo:8080"))
	b.g.Expect(b.attached(holder, "chat").ResourceVersion).To(Equal(before.ResourceVersion), "somebody else's edit is no news")
	for team, other := range map[string]string{older: holder, holder: older} {
		name := map[string]string{older: "old", holder: "chat"}[team]
		status, err := json.Marshal(b.attached(team, name).Status)
		b.g.Expect(err).NotTo(HaveOccurred())
		// Whoever asked for a Service of a namespace reads the name that they wrote.
		text := strings.ReplaceAll(string(status), `namespace \"`+holder+`\" grants no use`, "")
		b.g.Expect(text).NotTo(ContainSubstring(other))
	}
	status, err := json.Marshal(b.gateway("edge").Status)
	b.g.Expect(err).NotTo(HaveOccurred())
	b.g.Expect(string(status)).NotTo(Or(ContainSubstring(older), ContainSubstring(holder)))
	// What a tenant got wrong is no fault of the gateway.
	b.becomes("edge", wsv1alpha1.ConditionResolvedRefs, metav1.ConditionTrue, wsv1alpha1.ReasonResolvedRefs)
	b.becomes("edge", wsv1alpha1.ConditionProgrammed, metav1.ConditionTrue, wsv1alpha1.ReasonProgrammed)
}

// One write that hangs delays no other tenant, and each status is written as often as
// it would be alone.
func TestAStatusThatHangsDelaysNobodyElse(t *testing.T) {
	b, tenants := newTenants(t, 3)
	b.open("edge", everyNamespace())
	hanging, release := context.WithCancel(b.ctx)
	defer release()
	b.requests.reset()
	b.requests.hang(hanging, "/"+tenants[0]+"/websocketroutes/chat/status")
	for _, team := range tenants {
		b.serviceIn(team, "echo")
		b.create(b.newAttached(team, "chat", team+".example.com"))
	}
	for _, team := range tenants[1:] {
		b.tells(team, "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	}
	b.g.Expect(b.attached(tenants[0], "chat").Status.Conditions).To(BeEmpty())
	release()
	b.tells(tenants[0], "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	b.quiet()
	for _, team := range tenants {
		b.g.Expect(b.requests.writesOf("/"+team+"/websocketroutes/chat/status")).To(BeNumerically("<=", 4), "%v", b.requests.written())
	}
}

// The kind comes and goes with Gateway API: the operator starts without it, says
// so to who needs it, and goes on by itself.
func TestGrantsMayComeLater(t *testing.T) {
	b, tenants := newTenants(t, 2)
	asking, lending := tenants[0], tenants[1]
	b.open("edge", everyNamespace())
	b.serviceIn(lending, "echo")
	route := b.newAttached(asking, "chat", "chat.example.com")
	route.Spec.Rules[0].BackendRefs[0].Namespace = lending
	b.create(route)
	condition := b.tells(asking, "chat", wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ReasonRefNotPermitted)
	b.g.Expect(condition.Message).To(ContainSubstring("no ReferenceGrants"))

	crd := referenceGrantCRD()
	options := envtest.CRDInstallOptions{
		CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}, MaxTime: apiserver.Patience,
	}
	served, err := discovery.NewDiscoveryClientForConfig(b.environment.Config)
	b.g.Expect(err).NotTo(HaveOccurred())
	_, err = envtest.InstallCRDs(b.environment.Config, options)
	b.g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() {
		b.stop() // before what it watches goes
		if err := envtest.UninstallCRDs(b.environment.Config, options); err != nil {
			t.Errorf("remove the CRD: %v", err)
		}
		// An operator of the next test that still finds the kind would wait for it in vain.
		b.g.Eventually(func() bool {
			_, err := served.ServerResourcesForGroupVersion("gateway.networking.k8s.io/v1beta1")
			return apierrors.IsNotFound(err)
		}).Should(BeTrue())
	})
	b.g.Eventually(func() string {
		return b.tells(asking, "chat", wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ReasonRefNotPermitted).Message
	}).Should(ContainSubstring("ask for a ReferenceGrant"))

	grant := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"from": []any{map[string]any{"group": "wsgateway.dev", "kind": "WebSocketRoute", "namespace": asking}},
		"to":   []any{map[string]any{"group": "", "kind": "Service", "name": "echo"}},
	}}}
	grant.SetAPIVersion("gateway.networking.k8s.io/v1beta1")
	grant.SetKind("ReferenceGrant")
	grant.SetNamespace(lending)
	grant.SetName("echo")
	b.create(grant)
	b.tells(asking, "chat", wsv1alpha1.ConditionReady, wsv1alpha1.ReasonReady)
	b.g.Expect(b.served()).To(HaveKeyWithValue(asking+"/chat/all", contract.Fault("")))
	b.g.Expect(b.admin.Delete(b.ctx, grant)).To(Succeed())
	b.tells(asking, "chat", wsv1alpha1.ConditionResolvedRefs, wsv1alpha1.ReasonRefNotPermitted)
	b.g.Eventually(b.served).Should(HaveKeyWithValue(asking+"/chat/all", contract.FaultBackendNotFound))
}

// referenceGrantCRD has as much of Gateway API's CRD as an API server needs.
func referenceGrantCRD() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name: "referencegrants.gateway.networking.k8s.io", Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a part of it for a test"},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "gateway.networking.k8s.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: "ReferenceGrant", ListKind: "ReferenceGrantList", Plural: "referencegrants", Singular: "referencegrant",
			},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1beta1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: new(true),
				}},
			}},
		},
	}
}
