// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// The board of revocations knows them by name: they are in the namespace of the
// gateway.
type (
	revocationBoard = board[string, compile.Edition, revocationView]
	revocationFiles = history[string, compile.Edition]
)

// revocationView is what has come of one edition of a revocation at one gateway.
type revocationView struct {
	compile.Edition
	status.RevocationAtGateway
}

// lookAtRevocations says what has come of each, where the cluster has the
// revocations.json of a digest.
func lookAtRevocations(
	files revocationFiles, made *compile.RevocationResult, inCluster string, pods []observe.Pod,
) map[string]revocationView {
	views := make(map[string]revocationView, len(made.Included)+len(made.LeftOut))
	for name, edition := range made.Included {
		views[name] = lookAtRevocation(files, name, edition, inCluster, pods)
	}
	for name, left := range made.LeftOut {
		views[name] = revocationView{left.Edition, status.RevocationAtGateway{LeftOut: left.Why, Invalid: left.Invalid}}
	}
	return views
}

// lookAtRevocation sums up what the ready pods say of one edition.
func lookAtRevocation(files revocationFiles, name string, edition compile.Edition, inCluster string, pods []observe.Pod) revocationView {
	found := revocationView{Edition: edition}
	found.Written = files.has(inCluster, name, edition)
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
		case files.has(file.InForce, name, edition):
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

// revocationAt answers what was put down about an edition; false if nothing was yet.
func revocationAt(b *revocationBoard, gateway client.ObjectKey, name string, edition compile.Edition) (status.RevocationAtGateway, bool) {
	found, ok := b.read(gateway, name)
	return found.RevocationAtGateway, ok && found.Edition == edition
}
