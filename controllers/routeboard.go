// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// routeBoard is where the passes over gateways put down what has come of
// WebSocketRoutes, as board is for revocations.
type routeBoard struct {
	mu       sync.Mutex
	gateways map[client.ObjectKey]routePosting
}

type routePosting struct {
	// files are the last ones that were made, newest at the end: a change of one
	// tenant must not make it look as if the routes of another were to be taken in
	// anew.
	files []routeFile
	views map[client.ObjectKey]routeView
}

// routeFile is a config.json, by its digest, and what it has of each route.
type routeFile struct {
	digest  string
	content map[client.ObjectKey]string
}

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

// post puts down the news of a gateway. It answers the routes of which something
// changed.
func (b *routeBoard) post(gateway client.ObjectKey, news *routeNews) []client.ObjectKey {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.gateways[gateway]
	next := routePosting{files: before.files, views: make(map[client.ObjectKey]routeView, len(news.attached))}
	if len(news.attached) > 0 || len(before.views) > 0 {
		next.remember(news)
	}
	var changed []client.ObjectKey
	for i := range news.attached {
		one := &news.attached[i]
		key := client.ObjectKey{Namespace: one.Namespace, Name: one.Name}
		view := next.look(key, one, news)
		next.views[key] = view
		if !reflect.DeepEqual(before.views[key], view) {
			changed = append(changed, key)
		}
	}
	if b.gateways == nil {
		b.gateways = map[client.ObjectKey]routePosting{}
	}
	b.gateways[gateway] = next
	return changed
}

func (p *routePosting) remember(news *routeNews) {
	if news.made == "" || (len(p.files) > 0 && p.files[len(p.files)-1].digest == news.made) {
		return
	}
	content := make(map[client.ObjectKey]string, len(news.attached))
	for i := range news.attached {
		content[client.ObjectKey{Namespace: news.attached[i].Namespace, Name: news.attached[i].Name}] = news.attached[i].Content
	}
	p.files = append(slices.Clone(p.files), routeFile{digest: news.made, content: content})
	p.files = p.files[max(0, len(p.files)-filesRemembered):]
}

func (p *routePosting) look(key client.ObjectKey, one *compile.AttachedRoute, news *routeNews) routeView {
	view := routeView{Edition: one.Edition, parents: one.Parents, at: status.RouteAtParent{
		Exists: true, Known: true, Problems: one.Problems, Overruled: one.Overruled, Served: one.Content != "",
		Held: news.made == "", Written: p.has(news.inCluster, key, one.Content),
	}}
	for i := range news.pods {
		pod := &news.pods[i]
		if !pod.Ready || pod.Terminating {
			continue
		}
		view.at.Pods++
		if pod.Report != nil && p.has(pod.Report.Files[contract.ConfigFile].InForce, key, one.Content) {
			view.at.Serving++
		}
	}
	return view
}

// has tells whether the file of a digest has a route so. A file that nobody here
// has made has nothing.
func (p *routePosting) has(digest string, key client.ObjectKey, content string) bool {
	return content != "" && slices.ContainsFunc(p.files, func(f routeFile) bool { return f.digest == digest && f.content[key] == content })
}

// read answers what is known of an edition at the parent of an index; not Known if
// nothing is yet.
func (b *routeBoard) read(gateway, route client.ObjectKey, edition compile.Edition, index int) status.RouteAtParent {
	b.mu.Lock()
	defer b.mu.Unlock()
	view, ok := b.gateways[gateway].views[route]
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

func (b *routeBoard) forget(gateway client.ObjectKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.gateways, gateway)
}

// tellRoutes puts down what has come of the gateway's WebSocketRoutes, and wakes
// those of which something changed.
func (r *Reconciler) tellRoutes(ctx context.Context, p *pass, files map[string]string, seen *observe.Seen) {
	if !seen.Complete {
		return
	}
	changed := r.attached.post(client.ObjectKeyFromObject(p.gw), &routeNews{
		attached: p.attached, made: p.made, inCluster: contract.Digest([]byte(files[contract.ConfigFile])), pods: seen.Pods,
	})
	for _, route := range changed {
		r.wakeRoute(ctx, route)
	}
}
