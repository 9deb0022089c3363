// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// Attached is a WebSocketRoute that names the gateway.
type Attached struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Hostnames []string `json:"hostnames"`
	// Ready and Reason are those of the route's condition Ready; Unknown before the
	// operator has seen it.
	Ready  string `json:"ready"`
	Reason string `json:"reason,omitempty"`
	// Connections of all rules at the pods that answered; absent when none did.
	Connections *int `json:"connections,omitempty"`
	// Limits of its rules, by their names, that are tighter than the gateway's, at the
	// first pod that answered.
	Limits map[string]*control.RouteLimits `json:"limits,omitempty"`
}

// attached finds the routes in all namespaces, or in the gateway's own where no
// others may be read.
func (f *Facts) attached(ctx context.Context, reader client.Reader) {
	if !slices.ContainsFunc(f.Gateway.Spec.Listeners, func(l wsv1alpha1.Listener) bool { return l.AllowedRoutes != nil }) {
		return
	}
	var found wsv1alpha1.WebSocketRouteList
	err := reader.List(ctx, &found)
	f.note("WebSocketRoutes of other namespaces", err)
	if apierrors.IsForbidden(err) {
		f.note("WebSocketRoutes", reader.List(ctx, &found, client.InNamespace(f.Gateway.Namespace)))
	}
	for i := range found.Items {
		route := &found.Items[i]
		if slices.ContainsFunc(route.Spec.ParentRefs, func(ref wsv1alpha1.ParentReference) bool {
			return ref.Name == f.Gateway.Name && cmp.Or(ref.Namespace, route.Namespace) == f.Gateway.Namespace
		}) {
			f.Attached = append(f.Attached, *route)
		}
	}
}

func (f *Facts) attachedRoute(route *wsv1alpha1.WebSocketRoute) Attached {
	one := Attached{Namespace: route.Namespace, Name: route.Name, Ready: "Unknown"}
	for _, name := range route.Spec.Hostnames {
		one.Hostnames = append(one.Hostnames, string(name))
	}
	if ready := meta.FindStatusCondition(route.Status.Conditions, wsv1alpha1.ConditionReady); ready != nil {
		one.Ready, one.Reason = string(ready.Status), ready.Reason
	}
	prefix := compile.AttachedName(route.Namespace, route.Name, "")
	for _, state := range f.answers() {
		first := one.Connections == nil
		if first {
			one.Connections, one.Limits = new(0), map[string]*control.RouteLimits{}
		}
		for i := range state.Routes {
			rule, is := strings.CutPrefix(state.Routes[i].Name, prefix)
			if !is {
				continue
			}
			*one.Connections += state.Routes[i].Connections
			if limits := state.Routes[i].Limits; first && limits != nil {
				one.Limits[rule] = limits
			}
		}
	}
	return one
}

func (d *drawing) attached(root *text.Tree, one *Attached) {
	reason, connections := one.Reason, ""
	if one.Ready == "True" {
		reason = ""
	}
	if one.Connections != nil {
		connections = text.Count(*one.Connections, "connection")
	}
	branch := root.Add("WebSocketRoute "+one.Namespace+"/"+one.Name, "Ready="+one.Ready, reason, strings.Join(one.Hostnames, ", "), connections).
		Mark(one.Ready != "True")
	for _, rule := range slices.Sorted(maps.Keys(one.Limits)) {
		branch.Add("rule "+rule, tighter(one.Limits[rule]))
	}
}

func tighter(l *control.RouteLimits) string {
	return "tighter than the gateway: " + strings.Join(l.Fields(), ", ")
}
