// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// revocations makes the revocations.json of the gateway, which may have so many
// bytes, and sees to it that the next pass comes when a part of it ends.
func (r *Reconciler) revocations(ctx context.Context, p *pass, room int) error {
	var found wsv1alpha1.WebSocketRevocationList
	if err := r.client.List(ctx, &found, client.InNamespace(p.gw.Namespace),
		client.MatchingFields{gatewayIndex: p.gw.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list revocations: %w", err)
	}
	now := r.now()
	made, err := compile.Revocations(found.Items, room, now)
	if err != nil {
		return fmt.Errorf("revocations: %w", err)
	}
	p.revoked = made
	if !made.Next.IsZero() {
		p.comeAgain(made.Next.Sub(now))
	}
	return nil
}

// revokeOnly brings revocations into force where nothing else can be written:
// somebody who is to be locked out must not get in because a route is misspelt or
// an object is refused. It answers the files that are in the cluster afterwards.
// Where there are none yet, no pod serves either; that the revocations are not
// written is told all the same, since their status waits for the word of every gateway.
func (r *Reconciler) revokeOnly(ctx context.Context, p *pass) (map[string]string, error) {
	files, err := r.applier.Contract(ctx, p.gw)
	if err != nil {
		return nil, err
	}
	config, endpoints := files[contract.ConfigFile], files[contract.EndpointsFile]
	if err := r.revocations(ctx, p, compile.RevocationRoom(len(config), len(endpoints))); err != nil {
		return files, err
	}
	if files == nil || p.wishes.Paused || files[contract.RevocationsFile] == string(p.revoked.File) {
		return files, nil
	}
	object := render.Contract(p.gw, render.Files{Config: []byte(config), Endpoints: []byte(endpoints), Revocations: p.revoked.File})
	result, err := r.applier.One(ctx, p.gw, &object)
	if err != nil {
		return files, fmt.Errorf("apply revocations: %w", err)
	}
	p.comeAgain(result.After)
	return result.Files, nil
}

// tellRevocations puts down what has come of the gateway's revocations, and wakes
// those of which something changed.
func (r *Reconciler) tellRevocations(ctx context.Context, p *pass, files map[string]string, seen *observe.Seen) {
	if !seen.Complete || p.revoked.File == nil {
		return
	}
	inCluster := contract.Digest([]byte(files[contract.RevocationsFile]))
	made := madeFile[string, compile.Edition]{digest: contract.Digest(p.revoked.File), content: p.revoked.Included}
	for _, name := range r.board.post(client.ObjectKeyFromObject(p.gw), made, func(files revocationFiles) map[string]revocationView {
		return lookAtRevocations(files, &p.revoked, inCluster, seen.Pods)
	}) {
		r.wakeRevocation(ctx, client.ObjectKey{Namespace: p.gw.Namespace, Name: name})
	}
}

// tellOfRevocationsOnly is the rest of a pass that could not write everything: pods
// shall not learn of revocations later because of that. The status tells of a pass
// that ended before the pods.
func (r *Reconciler) tellOfRevocationsOnly(ctx context.Context, p *pass, files map[string]string) error {
	if files == nil {
		// What is in the cluster is not known: nothing that was told before is wrong.
		return nil
	}
	_, err := r.tell(ctx, p, files)
	return err
}
