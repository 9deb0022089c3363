// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render_test

import (
	"encoding/json"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// Many small clusters enforce no network policy at all, so what the policy
// means is worked out here, by the rules of the NetworkPolicy API.

// peer is a pod that wants to connect, or a stranger outside the cluster.
type peer struct {
	namespace map[string]string
	pod       map[string]string
	outside   bool
}

func TestNetworkPolicyAdmits(t *testing.T) {
	t.Parallel()
	operator := peer{
		namespace: map[string]string{"kubernetes.io/metadata.name": "websocket-gateway-system"},
		pod:       map[string]string{"app.kubernetes.io/name": "websocket-gateway-operator", "pod-template-hash": "x"},
	}
	neighbour := peer{namespace: operator.namespace, pod: map[string]string{"app": "other"}}
	impostor := peer{namespace: map[string]string{"kubernetes.io/metadata.name": "default"}, pod: operator.pod}
	prometheus := peer{
		namespace: map[string]string{"kubernetes.io/metadata.name": "monitoring"},
		pod:       map[string]string{"app": "prometheus"},
	}
	stranger := peer{outside: true}

	nobody := options()
	nobody.OperatorNamespace, nobody.MetricsFrom = "", nil
	unlabelled := options()
	unlabelled.OperatorPodLabels, unlabelled.MetricsFrom = nil, nil

	tests := map[string]struct {
		options render.Options
		from    peer
		port    int32
		want    bool
	}{
		"a stranger reaches a listener":                                  {options(), stranger, 10443, true},
		"any pod reaches a listener":                                     {options(), impostor, 10443, true},
		"a port of 1024 and above is reached under its own number":       {options(), stranger, 8443, true},
		"a stranger does not reach the admin port":                       {options(), stranger, 19000, false},
		"the operator reaches the admin port":                            {options(), operator, 19000, true},
		"another pod of the operator's namespace does not":               {options(), neighbour, 19000, false},
		"a pod with the operator's labels elsewhere does not":            {options(), impostor, 19000, false},
		"the metrics collector reaches the admin port":                   {options(), prometheus, 19000, true},
		"nobody reaches the control port":                                {options(), operator, 19001, false},
		"nobody reaches a port that no listener has":                     {options(), stranger, 443, false},
		"without a known operator the admin port is closed, not open":    {nobody, stranger, 19000, false},
		"without the operator's labels its namespace alone is no ticket": {unlabelled, neighbour, 19000, false},
		"without a known operator the listeners stay open":               {nobody, stranger, 10443, true},
	}
	gw := fixtures(t)["testdata/listeners-share-a-port"]
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := renderedAs[networkingv1.NetworkPolicy](t, gw, tt.options, render.NetworkPolicyKind().Kind)
			if got := admits(t, policy, tt.from, tt.port); got != tt.want {
				t.Errorf("port %d admitted = %v, want %v", tt.port, got, tt.want)
			}
		})
	}
}

func TestNetworkPolicySelectsOnlyThePodsOfItsGateway(t *testing.T) {
	t.Parallel()
	gw := fixtures(t)["testdata/least"]
	policy := renderedAs[networkingv1.NetworkPolicy](t, gw, options(), render.NetworkPolicyKind().Kind)
	if !slices.Equal(policy.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) {
		t.Errorf("policy types are %v: egress must stay unrestricted", policy.Spec.PolicyTypes)
	}
	if !matches(t, &policy.Spec.PodSelector, podTemplate(t, gw).Labels) {
		t.Error("the policy does not select the gateway's own pods")
	}
	if matches(t, &policy.Spec.PodSelector, render.PodLabels("another")) {
		t.Error("the policy selects the pods of another gateway")
	}
}

// admits evaluates one connection: without a rule that fits, it is refused.
func admits(t *testing.T, policy *networkingv1.NetworkPolicy, from peer, port int32) bool {
	t.Helper()
	for _, rule := range policy.Spec.Ingress {
		onPort := len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
			return p.Port == nil || p.Port.IntVal == port
		})
		// No peers at all means everybody.
		fromPeer := len(rule.From) == 0 || slices.ContainsFunc(rule.From, func(p networkingv1.NetworkPolicyPeer) bool {
			return !from.outside && p.IPBlock == nil &&
				matches(t, p.NamespaceSelector, from.namespace) && matches(t, p.PodSelector, from.pod)
		})
		if onPort && fromPeer {
			return true
		}
	}
	return false
}

// matches: an absent selector sets no condition, an empty one admits all.
func matches(t *testing.T, selector *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	if selector == nil {
		return true
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(labels.Set(set))
}

// renderedAs decodes the first rendered object of a kind into its typed form.
func renderedAs[T any](t *testing.T, gw *wsv1alpha1.WebSocketGateway, options render.Options, kind string) *T {
	t.Helper()
	for _, object := range render.Objects(gw, files(), options) {
		if object.Kind.Kind == kind {
			return decoded[T](t, object)
		}
	}
	t.Fatalf("no %s was rendered", kind)
	return nil
}

func decoded[T any](t *testing.T, object render.Object) *T {
	t.Helper()
	data, err := json.Marshal(object.Apply)
	if err != nil {
		t.Fatal(err)
	}
	typed := new(T)
	if err := json.Unmarshal(data, typed); err != nil {
		t.Fatal(err)
	}
	return typed
}
