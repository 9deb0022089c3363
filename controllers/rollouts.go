// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// mayRoll tells whether the pods of a gateway may be replaced because the release
// makes them otherwise.
func (r *Reconciler) mayRoll(ctx context.Context, gw *wsv1alpha1.WebSocketGateway) (bool, error) {
	var begun []types.NamespacedName
	err := r.pacer.Seed(func() (found []types.NamespacedName, err error) {
		begun, err = r.underWay(ctx)
		return begun, err
	})
	if err != nil {
		return false, fmt.Errorf("find rollouts that are under way: %w", err)
	}
	// One may have had its pass before it was counted, and be held, or have no
	// gateway at all: it would keep its turn until somebody changes it.
	for _, gateway := range begun {
		r.wake(ctx, gateway)
	}
	return r.pacer.May(client.ObjectKeyFromObject(gw)), nil
}

// underWay are the gateways whose pods an operator before this one has begun to
// replace by those of this image.
func (r *Reconciler) underWay(ctx context.Context) ([]types.NamespacedName, error) {
	var deployments appsv1.DeploymentList
	if err := r.client.List(ctx, &deployments, client.HasLabels{render.GatewayLabel}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list Deployments: %w", err)
	}
	var found []types.NamespacedName
	for i := range deployments.Items {
		deployment := &deployments.Items[i]
		gateway := deployment.Labels[render.GatewayLabel]
		if deployment.Name == compile.ObjectName(gateway) && r.runs(deployment) && unfinished(deployment) {
			found = append(found, types.NamespacedName{Namespace: deployment.Namespace, Name: gateway})
		}
	}
	return found, nil
}

func (r *Reconciler) runs(deployment *appsv1.Deployment) bool {
	for i := range deployment.Spec.Template.Spec.Containers {
		container := &deployment.Spec.Template.Spec.Containers[i]
		if container.Name == render.ContainerName {
			return container.Image == r.options.GatewayImage
		}
	}
	return false
}

func unfinished(deployment *appsv1.Deployment) bool {
	wanted, status := int32(1), &deployment.Status
	if deployment.Spec.Replicas != nil {
		wanted = *deployment.Spec.Replicas
	}
	return status.ObservedGeneration < deployment.Generation || status.UpdatedReplicas < wanted ||
		status.Replicas > status.UpdatedReplicas || status.AvailableReplicas < wanted ||
		status.TerminatingReplicas != nil && *status.TerminatingReplicas > 0
}

// noteRollout puts into the facts what waits of the pods.
func (r *Reconciler) noteRollout(p *pass, result *apply.Result) {
	p.templated, p.stopped, p.facts.Rollout = result.Template, result.Stopped, result.Rollout
	if p.facts.Rollout == nil {
		return
	}
	p.facts.Rollout.AtOnce = r.pacer.Max()
	if p.facts.Rollout.Held && p.facts.Rollout.Asked {
		p.facts.HeldBack = []string{render.DeploymentKind().Kind + " " + compile.ObjectName(p.gw.Name)}
	}
}

// settle gives the turn of the gateway to the next one, once all pods are those
// that the release makes and the old ones have ended, if nobody is to touch it, or
// if it cannot even begin.
func (r *Reconciler) settle(ctx context.Context, p *pass) {
	aside := p.wishes.Paused || p.wishes.HoldRollout || p.facts.Blocked()
	quiet := p.facts.Running != nil && !p.facts.Running.Rolling()
	done := p.templated && p.facts.Rollout == nil
	if aside || quiet && (done || p.stopped) {
		r.giveTurn(ctx, client.ObjectKeyFromObject(p.gw))
	}
}

func (r *Reconciler) giveTurn(ctx context.Context, gateway types.NamespacedName) {
	for _, next := range r.pacer.Settled(gateway) {
		r.wake(ctx, next)
	}
}
