// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// conflictRetry is when a Certificate is tried again that somebody else has
// written at the same time.
const conflictRetry = time.Second

// asked lets through changes of what is asked of a gateway: its spec, and the
// annotations of ours that ask for something. Other annotations are everybody's,
// and some tools change theirs all the time.
func asked() predicate.Predicate {
	return predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !maps.Equal(requestsOf(e.ObjectOld), requestsOf(e.ObjectNew))
		},
	})
}

func requestsOf(object client.Object) map[string]string {
	found := map[string]string{}
	for _, name := range []string{
		wsv1alpha1.AnnotationRotateAt, wsv1alpha1.AnnotationRestart,
		wsv1alpha1.AnnotationPaused, wsv1alpha1.AnnotationHoldRollout,
	} {
		if value, set := object.GetAnnotations()[name]; set {
			found[name] = value
		}
	}
	return found
}

// listen reads what the annotations of the gateway ask for.
func (r *Reconciler) listen(p *pass) {
	p.wishes = compile.WishesOf(p.gw)
	p.facts.Paused, p.facts.RolloutsHeld = p.wishes.Paused, p.wishes.HoldRollout
	for name, moment := range p.wishes.Awaited(p.began) {
		p.comeAgain(moment.Time.Sub(p.began))
		p.facts.Awaited = append(p.facts.Awaited, name+": "+moment.Text)
	}
	slices.Sort(p.facts.Awaited)
}

// holdBack writes nothing, and notes what would be written and removed.
func (r *Reconciler) holdBack(ctx context.Context, p *pass, objects []render.Object) (map[string]string, error) {
	held, err := r.applier.HeldBack(ctx, p.gw, objects)
	if err != nil {
		return nil, fmt.Errorf("see what is held back: %w", err)
	}
	p.facts.HeldBack, p.facts.Superfluous = held.Written, held.Removed
	return held.Files, nil
}

// restartedAt is what the pod template says of restarts. It only ever becomes
// later: the pods must not be replaced once more when the annotation is taken away,
// or when an older manifest comes back.
func (r *Reconciler) restartedAt(ctx context.Context, p *pass) (string, error) {
	wish := p.wishes.RestartAt
	live, err := r.liveRestart(ctx, p.gw)
	if err != nil || !wish.Due(p.began) {
		return live, err
	}
	if before, err := time.Parse(time.RFC3339, live); err == nil && !wish.Time.After(before) {
		return live, nil
	}
	return wish.Text, nil
}

func (r *Reconciler) liveRestart(ctx context.Context, gw *wsv1alpha1.WebSocketGateway) (string, error) {
	var deployment appsv1.Deployment
	key := client.ObjectKey{Namespace: gw.Namespace, Name: compile.ObjectName(gw.Name)}
	if err := r.client.Get(ctx, key, &deployment, client.UnsafeDisableDeepCopy); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return "", fmt.Errorf("get Deployment %s: %w", key, err)
		}
		return "", nil
	}
	if !metav1.IsControlledBy(&deployment, gw) {
		return "", nil
	}
	return deployment.Spec.Template.Annotations[wsv1alpha1.AnnotationRestart], nil
}

// rotate has cert-manager issue anew what was issued before the time that the
// annotation names. Each Certificate is looked at by itself, so that a pass that
// ended halfway, or whose status was not written, does no Certificate twice.
func (r *Reconciler) rotate(ctx context.Context, p *pass) error {
	wish := p.wishes.RotateAt
	if !wish.Due(p.began) || wish.Text == p.gw.Status.LastHandledRotateAt || !r.mayRotate(p) {
		return nil
	}
	why := fmt.Sprintf("WebSocketGateway %s asks for a new certificate by its annotation %s", p.gw.Name, wsv1alpha1.AnnotationRotateAt)
	var failures []error
	all := true
	for i := range p.gw.Spec.Listeners {
		listener := &p.gw.Spec.Listeners[i]
		certificate, known := p.facts.Running.Certificates[listener.Name]
		// What somebody else maintains is theirs to renew.
		if !known || listener.TLS.Certificate.IssuerRef == nil || !outdated(&certificate, wish.Time) {
			continue
		}
		done, err := r.applier.Reissue(ctx, client.ObjectKey{Namespace: p.gw.Namespace, Name: certificate.Name}, why)
		failures = append(failures, err)
		all = all && done
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("rotate certificates: %w", err)
	}
	if !all {
		p.comeAgain(conflictRetry)
		return nil
	}
	p.facts.RotatedAt = wish.Text
	return nil
}

// mayRotate: of what is not known nothing can be told, and the wish stays.
func (r *Reconciler) mayRotate(p *pass) bool {
	return !p.wishes.Paused && p.facts.Running != nil && r.observer.CertManager()
}

// outdated tells whether a Certificate has to be issued anew to be no older than
// at. One that is being issued, or whose attempt has failed since then, was told.
func outdated(certificate *status.Certificate, at time.Time) bool {
	return !certificate.Issuing && certificate.WantedSince.Before(at) && certificate.FailedAt.Before(at)
}
