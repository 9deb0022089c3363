// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// The board of WebSocketRoutes compares what identifies their content.
type (
	routeBoard = board[client.ObjectKey, string, routeView]
	routeFiles = history[client.ObjectKey, string]
)

// routeView is what has come of one edition of a route at one gateway.
type routeView struct {
	compile.Edition

	at status.RouteAtParent
	// parents are the problems of single parent references.
	parents []compile.AttachedParent
}

// routeNews is what a pass over a gateway has seen.
type routeNews struct {
	attached []compile.AttachedRoute
	// made is the digest of the wanted config.json, empty while there is none
	// because the gateway's own spec cannot be served; inCluster that of the one in
	// the cluster.
	made, inCluster string
	pods            []observe.Pod
}

func attachedKey(one *compile.AttachedRoute) client.ObjectKey {
	return client.ObjectKey{Namespace: one.Namespace, Name: one.Name}
}

// file is what the wanted config.json has of each route. Without any it is not worth
// remembering; and as long as it is not in the cluster, no pod can have it: a contract
// that waits may become another one many times, and would push out what pods do have.
func (n *routeNews) file() madeFile[client.ObjectKey, string] {
	if n.made != n.inCluster {
		return madeFile[client.ObjectKey, string]{}
	}
	content := make(map[client.ObjectKey]string, len(n.attached))
	for i := range n.attached {
		if one := &n.attached[i]; one.Content != "" {
			content[attachedKey(one)] = one.Content
		}
	}
	if len(content) == 0 {
		return madeFile[client.ObjectKey, string]{}
	}
	return madeFile[client.ObjectKey, string]{digest: n.made, content: content}
}

func (n *routeNews) look(files routeFiles) map[client.ObjectKey]routeView {
	views := make(map[client.ObjectKey]routeView, len(n.attached))
	for i := range n.attached {
		views[attachedKey(&n.attached[i])] = n.lookAt(&n.attached[i], files)
	}
	return views
}

func (n *routeNews) lookAt(one *compile.AttachedRoute, files routeFiles) routeView {
	key := attachedKey(one)
	view := routeView{Edition: one.Edition, parents: one.Parents, at: status.RouteAtParent{
		Exists: true, Known: true, Problems: one.Problems, Overruled: one.Overruled, Served: one.Content != "",
		Held: n.made == "", Written: files.has(n.inCluster, key, one.Content),
	}}
	for i := range n.pods {
		pod := &n.pods[i]
		if !pod.Ready || pod.Terminating {
			continue
		}
		view.at.Pods++
		if pod.Report != nil && files.has(pod.Report.Files[contract.ConfigFile].InForce, key, one.Content) {
			view.at.Serving++
		}
	}
	return view
}

// routeAt answers what is known of an edition at the parent of an index; not Known if
// nothing is yet.
func routeAt(b *routeBoard, gateway, route client.ObjectKey, edition compile.Edition, index int) status.RouteAtParent {
	view, ok := b.read(gateway, route)
	if !ok || view.Edition != edition {
		return status.RouteAtParent{Exists: true}
	}
	at := view.at
	for i := range view.parents {
		if view.parents[i].Index == index {
			at.Problems = slices.Concat(view.parents[i].Problems, view.at.Problems)
		}
	}
	return at
}

// tellRoutes puts down what has come of the gateway's WebSocketRoutes, and wakes
// those of which something changed.
func (r *Reconciler) tellRoutes(ctx context.Context, p *pass, files map[string]string, seen *observe.Seen) {
	if !seen.Complete {
		return
	}
	news := &routeNews{
		attached: p.attached, made: p.made, inCluster: contract.Digest([]byte(files[contract.ConfigFile])), pods: seen.Pods,
	}
	for _, route := range r.attached.post(client.ObjectKeyFromObject(p.gw), news.file(), news.look) {
		r.wakeRoute(ctx, route)
	}
}
