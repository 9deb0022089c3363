// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/resolve"
	"github.com/wsgateway/websocket-gateway-operator/controllers/rollout"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Reconciler brings one gateway after another to what its spec says. Setup
// makes it.
type Reconciler struct {
	client   client.Client
	events   events.EventRecorder
	now      func() time.Time
	options  render.Options
	resolver *resolve.Resolver
	applier  *apply.Applier
	toucher  *apply.Toucher
	observer *observe.Observer
	metrics  *metrics.Set
	memory   memory
	// board is told what has come of revocations, wakeRevocation that it was.
	board          *revocationBoard
	wakeRevocation func(context.Context, types.NamespacedName)
	// pacer says whose pods may be replaced, and wake begins a pass.
	pacer *rollout.Pacer
	wake  func(context.Context, types.NamespacedName)
	// attached and wakeRoute are the same for WebSocketRoutes.
	attached  *routeBoard
	wakeRoute func(context.Context, types.NamespacedName)
}

// pass is what one reconcile has found out so far.
type pass struct {
	gw    *wsv1alpha1.WebSocketGateway
	facts status.Facts
	// wishes are what the annotations of the gateway ask for.
	wishes compile.Wishes
	// began is when the pass did, and conditions are what it came to.
	began      time.Time
	conditions []metav1.Condition
	// templated is true when the Deployment has the pod template that was rendered.
	templated bool
	// stopped is true when the Deployment could not be written at all.
	stopped bool
	// silent passes write no status: it would be less true than the one before.
	silent bool
	// unsettled is true while pods have not seen all that they shall see, or are to
	// see next.
	unsettled bool
	// revoked is the wanted revocations.json; its File is nil until it is known.
	revoked compile.RevocationResult
	// attached is what has come of the gateway's WebSocketRoutes, made the digest of
	// the wanted config.json; empty if the spec cannot be served.
	attached []compile.AttachedRoute
	made     string
	// after is when to come again although nothing may change meanwhile.
	after time.Duration
}

func (p *pass) comeAgain(after time.Duration) {
	if after > 0 && (p.after == 0 || after < p.after) {
		p.after = after
	}
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if !r.resolver.Watches(request.Namespace) {
		// A route may name a gateway anywhere. That of another operator is not in the
		// caches, which is no failure to be tried again.
		return reconcile.Result{}, nil
	}
	var gw wsv1alpha1.WebSocketGateway
	if err := r.client.Get(ctx, request.NamespacedName, &gw); err != nil {
		r.forget(ctx, request.NamespacedName)
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if gw.DeletionTimestamp != nil {
		// The garbage collector removes what the gateway owns; writing anything
		// now would only bring it back.
		r.forget(ctx, request.NamespacedName)
		return reconcile.Result{}, nil
	}
	p := &pass{gw: &gw, began: r.now()}
	r.memory.recall(&gw)
	failure := r.converge(ctx, p)
	if ctx.Err() != nil {
		// The operator is stopping. Its successor begins where this pass ended.
		return reconcile.Result{}, nil //nolint:nilerr // an end is no failure
	}
	unwritten := r.report(ctx, p, failure)
	r.metrics.Passed(outcomeOf(p, errors.Join(failure, unwritten)))
	if unwritten != nil {
		return reconcile.Result{}, unwritten
	}
	return reconcile.Result{RequeueAfter: p.after}, failure
}

func (r *Reconciler) forget(ctx context.Context, gateway client.ObjectKey) {
	r.giveTurn(ctx, gateway)
	r.observer.Forget(gateway)
	r.applier.Forget(gateway)
	r.toucher.Forget(gateway)
	r.memory.forget(gateway)
	r.board.forget(gateway)
	r.attached.forget(gateway)
	r.metrics.Forget(gateway)
}

// converge is the whole pass, read from top to bottom. What is learned goes
// into the facts, and stays there when a later stage fails.
func (r *Reconciler) converge(ctx context.Context, p *pass) error {
	r.listen(p)
	refs, err := r.resolver.Refs(ctx, p.gw)
	if err != nil {
		p.silent = true
		return fmt.Errorf("resolve references: %w", err)
	}
	compiled, err := r.compile(ctx, p.gw, refs)
	if err != nil {
		p.silent = true
		return err
	}
	p.facts.Problems = slices.Clone(compiled.Problems)
	p.facts.AttachedRoutes, p.facts.Overruled = compiled.AttachedRoutes, compiled.Overruled
	p.facts.Limits = new(compiled.Config.Limits.WithDefaults())
	p.attached = compiled.Attached
	if !compiled.Blocked() {
		p.made = contract.Digest(compiled.File)
	}

	files, err := r.makeSo(ctx, p, refs, compiled)
	if err != nil {
		return errors.Join(fmt.Errorf("apply: %w", err), r.tellOfRevocationsOnly(ctx, p, files))
	}
	if config, ok := files[contract.ConfigFile]; ok {
		p.facts.ConfigDigest = contract.Digest([]byte(config))
	}
	if p.wishes.Paused && compiled.File != nil {
		// What the spec asks for, though nobody writes it: the status tells the truth.
		p.facts.ConfigDigest = contract.Digest(compiled.File)
	}
	seen, err := r.tell(ctx, p, files)
	if seen != nil {
		p.facts.Running = &seen.Running
		p.silent = !seen.Complete
	}
	r.settle(ctx, p)
	p.facts.Turn = r.pacer.HasTurn(client.ObjectKeyFromObject(p.gw))
	return errors.Join(err, r.rotate(ctx, p))
}

// tell looks at the pods, puts down what has come of revocations, and touches the
// pods that have not seen the files in the cluster. It answers nil where nothing
// could be seen.
func (r *Reconciler) tell(ctx context.Context, p *pass, files map[string]string) (*observe.Seen, error) {
	seen, err := r.observer.Gateway(ctx, p.gw, files)
	if err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	r.tellRevocations(ctx, p, files, &seen)
	r.tellRoutes(ctx, p, files, &seen)
	lacking := behind(seen)
	if p.wishes.Paused {
		lacking = nil
	}
	p.unsettled = len(lacking) > 0 || (p.made != "" && p.made != contract.Digest([]byte(files[contract.ConfigFile])))
	after, err := r.toucher.Touch(ctx, client.ObjectKeyFromObject(p.gw), lacking)
	p.comeAgain(after)
	p.comeAgain(seen.LookAgain)
	return &seen, err
}

// compile compiles, and does it again with what is in force if a ConfigMap is
// malformed or gone, a Certificate that somebody else maintains is gone, or several
// namespaces want a hostname: what stays in force then, compile knows, and nothing
// but the contract in the cluster remembers it.
func (r *Reconciler) compile(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, refs compile.Refs,
) (compile.Result, error) {
	compiled := compile.Config(gw, refs, nil)
	if !slices.ContainsFunc(compiled.Problems, lacksContent) && !compiled.Contested() {
		return compiled, nil
	}
	files, err := r.applier.Contract(ctx, gw)
	if err != nil {
		return compiled, fmt.Errorf("read the contract in force: %w", err)
	}
	previous, err := contract.ParseConfig([]byte(files[contract.ConfigFile]))
	if err != nil {
		// There is none, or somebody has edited it: nothing to keep.
		return compiled, nil //nolint:nilerr // a contract that cannot be read holds nothing to keep
	}
	return compile.Config(gw, refs, &previous), nil
}

func lacksContent(p status.Problem) bool {
	switch p.Reason {
	case wsv1alpha1.ReasonConfigMapInvalid, wsv1alpha1.ReasonConfigMapNotFound, wsv1alpha1.ReasonConfigMapKeyNotFound,
		wsv1alpha1.ReasonCertificateNotFound, wsv1alpha1.ReasonCertManagerNotInstalled:
		return true
	}
	return false
}

// makeSo writes the objects, unless the spec cannot be served at all: then what
// runs stays as it is until the user repairs the spec. It answers the files of
// the contract that are in the cluster afterwards, also beside an error.
func (r *Reconciler) makeSo(
	ctx context.Context, p *pass, refs compile.Refs, compiled compile.Result,
) (map[string]string, error) {
	if compiled.Blocked() {
		return r.revokeOnly(ctx, p)
	}
	objects, err := r.objects(ctx, p, refs, compiled)
	if err != nil {
		return nil, err
	}
	if p.wishes.Paused {
		return r.holdBack(ctx, p, objects)
	}
	result, err := r.applier.Objects(ctx, p.gw, objects, apply.Pace{Hold: p.wishes.HoldRollout, May: r.mayRoll})
	r.noteRollout(p, &result)
	p.facts.Problems = append(p.facts.Problems, result.Problems...)
	slices.SortStableFunc(p.facts.Problems, func(a, b status.Problem) int { return cmp.Compare(a.Field, b.Field) })
	p.facts.WaitingForDeletion = result.Waiting
	p.comeAgain(result.After)
	if err != nil {
		files, revoking := r.revokeOnly(ctx, p)
		return files, errors.Join(err, revoking)
	}
	if result.Files == nil {
		return r.revokeOnly(ctx, p)
	}
	return result.Files, nil
}

func (r *Reconciler) objects(
	ctx context.Context, p *pass, refs compile.Refs, compiled compile.Result,
) ([]render.Object, error) {
	gw := p.gw
	endpoints, err := contract.Encode(compile.Endpoints(gw, refs, &compiled.Config))
	if err != nil {
		return nil, fmt.Errorf("endpoints: %w", err)
	}
	if err := r.revocations(ctx, p, compile.RevocationRoom(len(compiled.File), len(endpoints))); err != nil {
		return nil, err
	}
	files := render.Files{Config: compiled.File, Endpoints: endpoints, Revocations: p.revoked.File}
	options := r.options
	options.CertificateSecrets = compiled.CertificateSecrets
	if options.RestartedAt, err = r.restartedAt(ctx, p); err != nil {
		return nil, err
	}
	objects := render.Objects(gw, files, options)
	if refs.CertManagerMissing {
		objects = slices.DeleteFunc(objects, func(o render.Object) bool { return o.Kind == render.CertificateKind() })
	}
	return objects, nil
}

// behind picks the pods to tell. One that has just started and was never asked
// has mounted what is new anyway.
func behind(seen observe.Seen) []apply.Behind {
	var list []apply.Behind
	for i := range seen.Pods {
		pod := &seen.Pods[i]
		silent := pod.Silence != ""
		if pod.Terminating || pod.Address == "" || (pod.Report == nil && (!silent || !pod.Ready)) {
			continue
		}
		if lack := seen.Wanted.LackOf(pod.Report); lack.ID != "" {
			list = append(list, apply.Behind{
				Name: pod.Name, UID: pod.UID, Wanted: lack.ID, EndpointsOnly: lack.EndpointsOnly, Silent: silent,
			})
		}
	}
	return list
}

// readyOf answers status and reason of a condition, empty if it is not there.
func readyOf(gw *wsv1alpha1.WebSocketGateway, kind string) (state, reason string) {
	if condition := meta.FindStatusCondition(gw.Status.Conditions, kind); condition != nil {
		return string(condition.Status), condition.Reason
	}
	return "", ""
}
