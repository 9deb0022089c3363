// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TouchAnnotation on a pod says what the pod shall see, and how often it was
// told. The kubelet takes any change of a pod for a reason to look at its
// volumes at once instead of within its period of a minute or more.
const TouchAnnotation = "wsgateway.dev/refresh"

// Behind is a pod that has not seen what it shall see.
type Behind struct {
	Name string
	UID  types.UID
	// Wanted identifies what the pod shall see.
	Wanted string
	// EndpointsOnly is true when nothing but endpoints is new: these change
	// often, and a pod is told of them at most once per EndpointsPause.
	EndpointsOnly bool
	// Silent is true when the pod does not answer. It is told a few times and
	// then left alone: without its answers there is no end to it.
	Silent bool
}

// touchPauses are the times between the first attempts. The kubelet may look
// at the volume before the new content has reached it, so one touch is not
// always enough.
func touchPauses() []time.Duration {
	return []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 30 * time.Second,
	}
}

// touchForEver is the time between all later attempts.
const touchForEver = 5 * time.Minute

// Toucher makes kubelets refresh the volumes of pods. It is safe for concurrent
// use.
type Toucher struct {
	Client client.Client
	Now    func() time.Time

	mu       sync.Mutex
	gateways map[client.ObjectKey]map[types.UID]touches
}

type touches struct {
	wanted  string
	attempt int
	last    time.Time
}

// Touch tells each pod whose time has come. behind are all pods of the gateway
// that have something to see; what is remembered of others is dropped. It
// answers when to come again; zero means that nobody has to be told.
func (t *Toucher) Touch(ctx context.Context, gateway client.ObjectKey, behind []Behind) (time.Duration, error) {
	before := t.remembered(gateway)
	after := make(map[types.UID]touches, len(behind))
	defer func() { t.remember(gateway, after) }()
	var next time.Duration
	for _, pod := range behind {
		state, due := plan(before[pod.UID], pod, t.Now())
		if due == 0 {
			if err := t.patch(ctx, gateway.Namespace, pod, state.attempt+1); err != nil {
				return 0, err
			}
			state = touches{wanted: pod.Wanted, attempt: state.attempt + 1, last: t.Now()}
			_, due = plan(state, pod, t.Now())
		}
		after[pod.UID] = state
		if due > 0 && (next == 0 || due < next) {
			next = due
		}
	}
	return next, nil
}

// plan answers how long to wait before the next attempt: zero is now, negative
// is never.
func plan(state touches, pod Behind, now time.Time) (touches, time.Duration) {
	if state.wanted != pod.Wanted {
		state = touches{wanted: pod.Wanted, last: state.last}
	}
	pause := pauseAfter(state.attempt, pod)
	if pause < 0 {
		return state, pause
	}
	return state, max(0, state.last.Add(pause).Sub(now))
}

func pauseAfter(attempt int, pod Behind) time.Duration {
	pauses := touchPauses()
	var pause time.Duration
	switch {
	case attempt == 0:
		pause = 0
	case attempt <= len(pauses):
		pause = pauses[attempt-1]
	case pod.Silent:
		return -1
	default:
		pause = touchForEver
	}
	if pod.EndpointsOnly {
		pause = max(pause, EndpointsPause)
	}
	return pause
}

// patch changes the annotation of exactly this pod; a pod that is gone needs no
// telling.
func (t *Toucher) patch(ctx context.Context, namespace string, pod Behind, attempt int) error {
	change := map[string]any{"metadata": map[string]any{
		"uid":         pod.UID,
		"annotations": map[string]string{TouchAnnotation: pod.Wanted + "." + strconv.Itoa(attempt)},
	}}
	body, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("encode touch: %w", err)
	}
	target := &corev1.Pod{}
	target.Namespace, target.Name = namespace, pod.Name
	err = t.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, body))
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("touch pod %s/%s: %w", namespace, pod.Name, err)
	}
	return nil
}

func (t *Toucher) remembered(gateway client.ObjectKey) map[types.UID]touches {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gateways[gateway]
}

func (t *Toucher) remember(gateway client.ObjectKey, pods map[types.UID]touches) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gateways == nil {
		t.gateways = map[client.ObjectKey]map[types.UID]touches{}
	}
	if len(pods) == 0 {
		delete(t.gateways, gateway)
		return
	}
	t.gateways[gateway] = pods
}

// Forget drops what is remembered of a gateway that is gone.
func (t *Toucher) Forget(gateway client.ObjectKey) { t.remember(gateway, nil) }
