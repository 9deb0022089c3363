// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// board is where the passes over gateways put down what has come of revocations,
// for the passes over revocations to read. Losing it, as a restart does, costs a
// pass over each gateway.
type board struct {
	mu       sync.Mutex
	gateways map[client.ObjectKey]posting
}

type posting struct {
	// files are the last ones that were made, newest at the end.
	files []madeFile
	views map[string]view
}

// madeFile is a revocations.json, by its digest, and what is in it.
type madeFile struct {
	digest   string
	included map[string]compile.Edition
}

// view is what has come of one edition of a revocation at one gateway.
type view struct {
	compile.Edition
	status.RevocationAtGateway
}

// filesRemembered is how many files a pod may be behind and still count for the
// revocations that the file it has is no different in: another revocation must
// not make it look as if this one were to be acknowledged anew.
const filesRemembered = 8

// post puts down what a pass over a gateway has seen: the file that is wanted, the
// digest of the one in the cluster, and the pods. It answers the names of the
// revocations of which something changed.
func (b *board) post(gateway client.ObjectKey, made *compile.RevocationResult, inCluster string, pods []observe.Pod) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.gateways[gateway]
	next := posting{files: before.files, views: map[string]view{}}
	if digest := contract.Digest(made.File); len(next.files) == 0 || next.files[len(next.files)-1].digest != digest {
		next.files = append(slices.Clone(next.files), madeFile{digest: digest, included: made.Included})
		next.files = next.files[max(0, len(next.files)-filesRemembered):]
	}
	for name, edition := range made.Included {
		next.views[name] = next.look(name, edition, inCluster, pods)
	}
	for name, left := range made.LeftOut {
		next.views[name] = view{left.Edition, status.RevocationAtGateway{LeftOut: left.Why, Invalid: left.Invalid}}
	}
	if b.gateways == nil {
		b.gateways = map[client.ObjectKey]posting{}
	}
	b.gateways[gateway] = next
	var changed []string
	for name, now := range next.views {
		if before.views[name] != now {
			changed = append(changed, name)
		}
	}
	return changed
}

// look sums up what the ready pods say of one edition.
func (p *posting) look(name string, edition compile.Edition, inCluster string, pods []observe.Pod) view {
	found := view{Edition: edition}
	found.Written = p.has(inCluster, name, edition)
	for i := range pods {
		pod := &pods[i]
		if pod.Report != nil {
			found.Closed += pod.Report.Revoked[string(edition.UID)]
		}
		if !pod.Ready || pod.Terminating {
			continue
		}
		found.Pods++
		var file contract.FileState
		if pod.Report != nil {
			file = pod.Report.Files[contract.RevocationsFile]
		}
		switch {
		case p.has(file.InForce, name, edition):
			found.Acknowledged++
		case found.Waiting != "":
		case file.Error != "":
			found.Waiting = fmt.Sprintf("pod %s refuses the revocations (%s): see that operator and gateway image are of one release", pod.Name, file.Error)
		case pod.Silence != "":
			found.Waiting = fmt.Sprintf("pod %s has not acknowledged it and does not answer: see that network policies let the operator reach it", pod.Name)
		default:
			found.Waiting = fmt.Sprintf("pod %s has not acknowledged it yet", pod.Name)
		}
	}
	return found
}

// has tells whether the file of a digest has the edition. A file that nobody here
// has made has nothing.
func (p *posting) has(digest, name string, edition compile.Edition) bool {
	return slices.ContainsFunc(p.files, func(f madeFile) bool { return f.digest == digest && f.included[name] == edition })
}

// read answers what was put down about an edition; false if nothing was yet.
func (b *board) read(gateway client.ObjectKey, name string, edition compile.Edition) (status.RevocationAtGateway, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.gateways[gateway].views[name]
	return found.RevocationAtGateway, ok && found.Edition == edition
}

func (b *board) forget(gateway client.ObjectKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.gateways, gateway)
}
