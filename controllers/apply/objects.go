// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// FieldOwner is the field manager of every write of the operator.
const FieldOwner = "websocket-gateway-operator"

// AppliedAnnotation remembers, on each object that a gateway owns, the hash of
// what was last written.
const AppliedAnnotation = "wsgateway.dev/applied"

// EndpointsPause is the least time between two writes of a contract of which
// only the endpoints changed. A rolling backend changes them many times a
// second, and each write makes every pod's kubelet fetch the file.
const EndpointsPause = 2 * time.Second

// contestedRetry is how often a name that somebody else holds is looked at
// again: nothing that is watched tells when a foreign object goes away.
const contestedRetry = 30 * time.Second

// refusedRetry is how often an object that the API server refuses is tried
// again: a quota may be raised and an admission rule changed without our notice.
const refusedRetry = time.Minute

// Result is what applying has come to.
type Result struct {
	// Problems are names that belong to somebody else, and objects that the API
	// server refuses.
	Problems []status.Problem
	// Waiting holds the names of objects of a deleted gateway of the same name
	// that are not gone yet.
	Waiting []string
	// Files are the files of the contract that are in the cluster now.
	Files map[string]string
	// Rollout is a change of the pods that waits; nil if none does.
	Rollout *status.Rollout
	// Template is true when the Deployment in the caches has the pod template that
	// was rendered.
	Template bool
	// Stopped is true when the Deployment was not written because it, or something
	// before it, belongs to somebody else or is refused.
	Stopped bool
	// After says when to come again although nothing may change meanwhile; zero
	// means never.
	After time.Duration

	pace Pace
}

func (r *Result) after(d time.Duration) {
	if r.After == 0 || d < r.After {
		r.After = d
	}
}

// Applier writes the objects of gateways. It is safe for concurrent use as long
// as one gateway is handled by one goroutine at a time.
type Applier struct {
	// Client reads from the caches and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// CertManager tells whether the cluster has cert-manager's kinds; without
	// them nothing is asked about Certificates.
	CertManager func() bool
	// Now is the clock.
	Now func() time.Time

	journal journal
	turns   turns
}

// Objects makes the objects real, in their order. A name that belongs to
// somebody else, or a refusal, stops everything behind it, so that no pod ever mounts a foreign
// ConfigMap or runs under a foreign account; only a Certificate concerns its
// listener alone and stops nothing.
//
// pace may keep the pods as they are: then the Deployment waits, but for the
// number of its pods, and everything else is written.
func (a *Applier) Objects(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, objects []render.Object, pace Pace,
) (Result, error) {
	result := Result{pace: pace}
	for i := range objects {
		want, err := newDesired(gw, &objects[i])
		if err != nil {
			return result, err
		}
		goOn, err := a.object(ctx, gw, want, &result)
		if refused(err) {
			result.Problems = append(result.Problems, refusal(want, err))
			result.after(refusedRetry)
			goOn, err = false, nil
		}
		if err != nil {
			return result, fmt.Errorf("%s %s: %w", want.kind.Kind, want.key, err)
		}
		if !goOn && want.kind != render.CertificateKind() {
			result.Stopped = !slices.ContainsFunc(objects[:i], func(o render.Object) bool { return o.Kind == render.DeploymentKind() })
			return result, nil
		}
	}
	return result, a.prune(ctx, gw, objects)
}

// One makes a single object real and leaves everything else as it is.
func (a *Applier) One(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, object *render.Object) (Result, error) {
	var result Result
	want, err := newDesired(gw, object)
	if err != nil {
		return result, err
	}
	if _, err := a.object(ctx, gw, want, &result); err != nil {
		return result, fmt.Errorf("%s %s: %w", want.kind.Kind, want.key, err)
	}
	return result, nil
}

// object makes one object real. It answers false if the object is not ours to
// write.
func (a *Applier) object(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, want *desired, result *Result,
) (bool, error) {
	live, err := a.find(ctx, want)
	if err != nil {
		return false, err
	}
	if live == nil {
		live, err = a.create(ctx, want)
		if err != nil || live == nil {
			remember(want, want.content, result)
			return err == nil, err
		}
	}
	switch ownershipOf(gw, live) {
	case ownedByOther:
		a.journal.contest(want, true)
		result.Problems = append(result.Problems, conflict(gw, want, live))
		result.after(contestedRetry)
		return false, nil
	case ownedByPredecessor:
		a.journal.contest(want, true)
		result.Waiting = append(result.Waiting, want.kind.Kind+" "+want.key.Name)
		result.after(contestedRetry)
		return false, nil
	case ownedByUs:
		a.journal.contest(want, false)
	}
	if want.kind == render.DeploymentKind() {
		if now, err := a.paced(ctx, gw, want, live, result); err != nil {
			return false, err
		} else if !now {
			return true, a.scale(ctx, want, live)
		}
	}
	return true, a.update(ctx, want, live, result)
}

// create answers the live object if the name is taken, and nil if the object
// was created.
func (a *Applier) create(ctx context.Context, want *desired) (*unstructured.Unstructured, error) {
	created := want.stamped("")
	err := a.Client.Create(ctx, created, client.FieldOwner(FieldOwner))
	if apierrors.IsAlreadyExists(err) {
		return a.read(ctx, a.Live, want)
	}
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	a.journal.wrote(want, created.GetResourceVersion(), a.Now())
	return nil, nil
}

func (a *Applier) update(
	ctx context.Context, want *desired, live *unstructured.Unstructured, result *Result,
) error {
	remember(want, live.Object, result)
	// An object that is being removed takes no changes that last. When it is
	// gone its watch brings us back.
	if live.GetDeletionTimestamp() != nil || a.journal.settled(want, live) || want.isHeldBy(live) {
		return nil
	}
	if wait := a.pause(want, live); wait > 0 {
		result.after(wait)
		return nil
	}
	if err := a.adoptFields(ctx, want); err != nil {
		return err
	}
	written := want.stamped(string(live.GetUID()))
	if err := a.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(written),
		client.FieldOwner(FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	a.journal.wrote(want, written.GetResourceVersion(), a.Now())
	remember(want, want.content, result)
	return nil
}

// pause says how long a change of a contract has to wait. A change of revocations does
// not wait for anything, and neither does a new generation of the gateway: these are
// written by those to whom the gateway belongs, and bring everything else along.
func (a *Applier) pause(want *desired, live *unstructured.Unstructured) time.Duration {
	if want.kind != render.ConfigMapKind() {
		return 0
	}
	before, after := contractFiles(live.Object), contractFiles(want.content)
	written, generation := a.journal.lastWrite(want)
	if generation != want.generation || before[contract.RevocationsFile] != after[contract.RevocationsFile] {
		return 0
	}
	now := a.Now()
	if wait := written.Add(EndpointsPause).Sub(now); wait > 0 && onlyEndpointsDiffer(before, after) {
		return wait
	}
	return a.turns.take(want.gateway, now)
}

func onlyEndpointsDiffer(before, after map[string]string) bool {
	differ := before[contract.EndpointsFile] != after[contract.EndpointsFile]
	delete(before, contract.EndpointsFile)
	delete(after, contract.EndpointsFile)
	return differ && maps.Equal(before, after)
}

// remember notes which files the contract holds now.
func remember(want *desired, content map[string]any, result *Result) {
	if want.kind == render.ConfigMapKind() {
		result.Files = contractFiles(content)
	}
}

func contractFiles(content map[string]any) map[string]string {
	data, _, err := unstructured.NestedStringMap(content, "data")
	if err != nil {
		return nil
	}
	return data
}

// Contract answers the files of the contract that are in the cluster now, nil
// if there are none or they are not this gateway's.
func (a *Applier) Contract(ctx context.Context, gw *wsv1alpha1.WebSocketGateway) (map[string]string, error) {
	var found corev1.ConfigMap
	key := client.ObjectKey{Namespace: gw.Namespace, Name: contractName(gw)}
	if err := a.Live.Get(ctx, key, &found); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get ConfigMap %s: %w", key, err)
	}
	if !metav1.IsControlledBy(&found, gw) {
		return nil, nil
	}
	return found.Data, nil
}

// Forget drops what is remembered of a gateway that is gone.
func (a *Applier) Forget(gateway client.ObjectKey) {
	a.journal.forget(gateway)
	a.turns.forget(gateway)
}

// find answers the object from the caches, nil if there is none. The contract
// is read from the API server, since the caches hold only the metadata of
// ConfigMaps.
func (a *Applier) find(ctx context.Context, want *desired) (*unstructured.Unstructured, error) {
	known := a.journal.knows(want)
	if want.kind == render.ConfigMapKind() {
		meta := &metav1.PartialObjectMetadata{}
		meta.SetGroupVersionKind(want.kind)
		err := a.Client.Get(ctx, want.key, meta)
		if apierrors.IsNotFound(err) && !known {
			return nil, nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("get: %w", err)
		}
		return a.read(ctx, a.Live, want)
	}
	live, err := a.read(ctx, a.Client, want)
	if err != nil || live != nil || !known {
		return live, err
	}
	// The caches do not have what we wrote or saw: either they are late, or it
	// is gone. A read tells, and is cheaper than a Create that fails.
	return a.read(ctx, a.Live, want)
}

// read gets a typed object, since the caches hold typed objects only, and nil
// if there is none.
func (a *Applier) read(ctx context.Context, from client.Reader, want *desired) (*unstructured.Unstructured, error) {
	typed, err := newObject(a.Client.Scheme(), want.kind)
	if err != nil {
		return nil, err
	}
	if err := from.Get(ctx, want.key, typed); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get: %w", err)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	return &unstructured.Unstructured{Object: content}, nil
}

func newObject(scheme *runtime.Scheme, kind schema.GroupVersionKind) (client.Object, error) {
	created, err := scheme.New(kind)
	if err != nil {
		return nil, fmt.Errorf("kind %s is not registered: %w", kind, err)
	}
	object, ok := created.(client.Object)
	if !ok {
		return nil, fmt.Errorf("kind %s is not an object", kind)
	}
	return object, nil
}

// Kinds are the kinds of which a gateway may own objects.
func Kinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		render.ServiceAccountKind(), render.NetworkPolicyKind(), render.CertificateKind(), render.ConfigMapKind(),
		render.DeploymentKind(), render.ServiceKind(), render.PodDisruptionBudgetKind(),
	}
}

func rendered(objects []render.Object, kind schema.GroupVersionKind, name string) bool {
	return slices.ContainsFunc(objects, func(o render.Object) bool { return o.Kind == kind && o.Name == name })
}
