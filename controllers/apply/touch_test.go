// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
)

// touchesWithin plays a reconciler that comes whenever it was told to, and
// answers when the pod was touched.
func touchesWithin(t *testing.T, span time.Duration, wish func(at time.Duration) []apply.Behind) []time.Duration {
	t.Helper()
	began := time.Unix(1_000_000, 0)
	at := time.Duration(0)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod", UID: "uid"}}
	var touches []time.Duration
	touched := interceptor.Funcs{Patch: func(
		ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption,
	) error {
		touches = append(touches, at)
		return c.Patch(ctx, object, patch, options...)
	}}
	toucher := &apply.Toucher{
		Client: fake.NewClientBuilder().WithObjects(pod).WithInterceptorFuncs(touched).Build(),
		Now:    func() time.Time { return began.Add(at) },
	}
	for at <= span {
		next, err := toucher.Touch(t.Context(), client.ObjectKey{Namespace: "ns", Name: "edge"}, wish(at))
		if err != nil {
			t.Fatal(err)
		}
		// Somebody else's event may bring a reconcile at any time.
		if next == 0 || next > 250*time.Millisecond {
			next = 250 * time.Millisecond
		}
		at += next
	}
	return touches
}

func TestTouchesComeInTime(t *testing.T) {
	t.Parallel()
	lacking := apply.Behind{Name: "pod", UID: "uid", Wanted: "a"}
	second := lacking
	second.Wanted = "b"
	endpoints := lacking
	endpoints.EndpointsOnly = true
	silent := lacking
	silent.Silent = true
	s := time.Second
	tests := map[string]struct {
		wish func(at time.Duration) []apply.Behind
		span time.Duration
		want []time.Duration
	}{
		"a pod that never sees is told less and less often, for ever": {
			wish: func(time.Duration) []apply.Behind { return []apply.Behind{lacking} },
			span: 12 * time.Minute,
			want: []time.Duration{0, s / 2, 3 * s / 2, 7 * s / 2, 17 * s / 2, 77 * s / 2, 677 * s / 2, 1277 * s / 2},
		},
		"a pod that does not answer is left alone after a while": {
			wish: func(time.Duration) []apply.Behind { return []apply.Behind{silent} },
			span: 30 * time.Minute,
			want: []time.Duration{0, s / 2, 3 * s / 2, 7 * s / 2, 17 * s / 2, 77 * s / 2},
		},
		"a pod that has seen is not told again": {
			wish: func(at time.Duration) []apply.Behind {
				if at >= time.Second {
					return nil
				}
				return []apply.Behind{lacking}
			},
			span: time.Minute,
			want: []time.Duration{0, s / 2},
		},
		"something new is told at once": {
			wish: func(at time.Duration) []apply.Behind {
				if at < 250*time.Millisecond {
					return []apply.Behind{lacking}
				}
				return []apply.Behind{second}
			},
			span: time.Second,
			want: []time.Duration{0, s / 4, 3 * s / 4},
		},
		"endpoints alone are told at most every two seconds": {
			wish: func(at time.Duration) []apply.Behind {
				changed := endpoints
				changed.Wanted = at.Truncate(s / 2).String()
				return []apply.Behind{changed}
			},
			span: 5 * time.Second,
			want: []time.Duration{0, 2 * s, 4 * s},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, touchesWithin(t, tt.span, tt.wish)); diff != "" {
				t.Errorf("touched at (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATouchThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("no network")
	toucher := &apply.Toucher{
		Now: time.Now,
		Client: fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{Patch: func(
			context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption,
		) error {
			return broken
		}}).Build(),
	}
	_, err := toucher.Touch(t.Context(), client.ObjectKey{Namespace: "ns", Name: "edge"},
		[]apply.Behind{{Name: "pod", UID: "uid", Wanted: "a"}})
	if !errors.Is(err, broken) {
		t.Errorf("Touch() = %v, want %v", err, broken)
	}
}

func TestAPodThatIsGoneNeedsNoTouch(t *testing.T) {
	t.Parallel()
	toucher := &apply.Toucher{Now: time.Now, Client: fake.NewClientBuilder().Build()}
	_, err := toucher.Touch(t.Context(), client.ObjectKey{Namespace: "ns", Name: "edge"},
		[]apply.Behind{{Name: "pod", UID: "uid", Wanted: "a"}})
	if err != nil {
		t.Errorf("Touch() = %v", err)
	}
}
