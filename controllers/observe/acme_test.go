// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// madeAt is when requests were made, and asked a minute later.
func madeAt() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func approved() cmv1.CertificateRequestCondition {
	return cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionApproved, Status: cmmetav1.ConditionTrue}
}

func attempt(conditions ...cmv1.CertificateRequestCondition) *cmv1.CertificateRequest {
	request := requestOf("1", nil, conditions...)
	request.UID, request.CreationTimestamp = "request", metav1.NewTime(madeAt())
	return request
}

func under(owner types.UID) []metav1.OwnerReference {
	return []metav1.OwnerReference{{Kind: "Owner", Name: "owner", UID: owner, Controller: new(true)}}
}

func order(state acmev1.State, reason string) *acmev1.Order {
	return &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "order", UID: "order", OwnerReferences: under("request")},
		Status:     acmev1.OrderStatus{State: state, Reason: reason},
	}
}

func challenge(name, host string, state acmev1.State, reason string) *acmev1.Challenge {
	return &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, OwnerReferences: under("order")},
		Spec:       acmev1.ChallengeSpec{Type: acmev1.ACMEChallengeTypeDNS01, DNSName: host, Key: "secret-key", Token: "secret-token"},
		Status:     acmev1.ChallengeStatus{State: state, Reason: reason},
	}
}

func issuer(ready cmmetav1.ConditionStatus, reason, message string) *cmv1.Issuer {
	found := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ca"}}
	if ready != "" {
		found.Status.Conditions = []cmv1.IssuerCondition{{
			Type: cmv1.IssuerConditionReady, Status: ready, Reason: reason, Message: message,
		}}
	}
	return found
}

func TestWhatHoldsUpAnAttempt(t *testing.T) {
	t.Parallel()
	const attempted = "the attempt"
	foreign := order(acmev1.Pending, "of another")
	foreign.OwnerReferences = under("another")
	tests := map[string]struct {
		objects []runtime.Object
		after   time.Duration // since the request was made
		want    *status.Attempt
		again   time.Duration
	}{
		"nobody has approved it": {
			objects: []runtime.Object{attempt(), order(acmev1.Pending, "")}, after: time.Minute,
			want: &status.Attempt{},
		},
		"it was denied": {
			objects: []runtime.Object{attempt(cmv1.CertificateRequestCondition{
				Type: cmv1.CertificateRequestConditionDenied, Status: cmmetav1.ConditionTrue, Reason: "Policy", Message: "no",
			})}, after: time.Minute,
			want: &status.Attempt{Approved: true, Failed: true},
		},
		"it is too early to look": {
			objects: []runtime.Object{attempt(approved(), ready("Pending", "soon")), order(acmev1.Pending, "")}, after: 4 * time.Second,
			want: &status.Attempt{Approved: true, Pending: "soon"}, again: 6 * time.Second,
		},
		"no ACME server is asked, and its issuer is gone": {
			objects: []runtime.Object{attempt(approved(), ready("Pending", "soon")), foreign}, after: time.Minute,
			want:  &status.Attempt{Approved: true, Pending: "soon", Detail: `CertificateRequest "request-1": soon`},
			again: 30 * time.Second,
		},
		"its issuer works": {
			objects: []runtime.Object{attempt(approved()), issuer(cmmetav1.ConditionTrue, "Ready", "registered")}, after: time.Minute,
			want: &status.Attempt{Approved: true}, again: 30 * time.Second,
		},
		"its issuer has no account": {
			objects: []runtime.Object{
				attempt(approved(), ready("Pending", "the issuer is not ready")),
				issuer(cmmetav1.ConditionFalse, "ErrRegisterACMEAccount", "read tcp 10.0.0.1:50642->10.0.0.7:443:\n  i/o timeout"),
			}, after: time.Minute,
			want: &status.Attempt{
				Approved: true, Pending: "the issuer is not ready",
				Detail: `Issuer "ca" is not ready: ErrRegisterACMEAccount: read tcp 10.0.0.7:443: i/o timeout`,
			}, again: 30 * time.Second,
		},
		"its issuer has said nothing": {
			objects: []runtime.Object{attempt(approved()), issuer("", "", "")}, after: time.Minute,
			want: &status.Attempt{Approved: true, Detail: `Issuer "ca" has not said yet that it is ready`}, again: 30 * time.Second,
		},
		"an ACME server takes no orders": {
			objects: []runtime.Object{
				attempt(approved(), ready("Pending", "waiting for the order")), order("", ""),
				issuer(cmmetav1.ConditionTrue, "ACMEAccountRegistered", ""),
			}, after: time.Minute,
			want: &status.Attempt{
				Approved: true, Pending: "waiting for the order",
				Detail: `Order "order" is not sent yet: if that lasts, see the log of cert-manager`,
			}, again: 30 * time.Second,
		},
		"what a challenge says without its token": {
			objects: []runtime.Object{
				attempt(approved(), ready("Pending", "soon")), order(acmev1.Pending, ""),
				challenge("a", "a.example.com", acmev1.Pending, `Get "http://a.example.com/secret-token": want secret-key`),
			}, after: time.Minute,
			want: &status.Attempt{
				Approved: true, Pending: "soon",
				Detail: `Order "order" is pending; DNS-01 challenge for a.example.com is pending: Get "http://a.example.com/...": want ...`,
			}, again: 30 * time.Second,
		},
		"challenges are not met": {
			objects: []runtime.Object{
				attempt(approved(), ready("Pending", "soon")), order(acmev1.Pending, ""),
				challenge("b", "b.example.com", acmev1.Pending, "read udp 10.0.0.1:50642->10.0.0.7:53: i/o timeout"),
				challenge("a", "a.example.com", "", ""), challenge("c", "c.example.com", acmev1.Valid, ""),
			}, after: time.Minute,
			want: &status.Attempt{
				Approved: true, Pending: "soon",
				Detail: `Order "order" is pending; DNS-01 challenge for a.example.com is waiting; ` +
					`DNS-01 challenge for b.example.com is pending: read udp 10.0.0.7:53: i/o timeout`,
			}, again: 30 * time.Second,
		},
		"a challenge has failed": {
			objects: []runtime.Object{
				attempt(approved(), ready("Failed", "order is invalid")), order(acmev1.Invalid, "finalized too early"),
				challenge("a", "a.example.com", acmev1.Invalid, "403 unauthorized"),
			}, after: time.Second,
			want: &status.Attempt{
				Approved: true, Failed: true,
				Detail: `Order "order" is invalid: finalized too early; DNS-01 challenge for a.example.com is invalid: 403 unauthorized`,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := observed(t, madeAt().Add(tt.after), nil, append(tt.objects, certificateOf(by("", "ca")))...)
			tt.want.Name, tt.want.UID, tt.want.Since = "request-1", "request", madeAt()
			got := seen.Running.Certificates["public"].Attempt
			got.Since = got.Since.UTC()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", attempted, diff)
			}
			if seen.LookAgain != tt.again {
				t.Errorf("looks again after %v, want %v", seen.LookAgain, tt.again)
			}
		})
	}
}

// The request repeats what its Order says, with the Order's name.
func TestARefusedOrderIsToldOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		state acmev1.State
		want  string
	}{
		"the Order says all":           {acmev1.Errored, ""},
		"the Order says nothing of it": {acmev1.Valid, "order failed: 400 rejected"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := observed(t, madeAt().Add(time.Second), nil,
				attempt(approved(), ready("Failed", "order failed: 400 rejected")), order(tt.state, "400 rejected"), certificateOf(nil))
			got := seen.Running.Certificates["public"]
			if want := fmt.Sprintf(`Order "order" is %s: 400 rejected`, tt.state); got.Attempt.Detail != want || got.FailureMessage != tt.want {
				t.Errorf("the failure is %q with the detail %q, want %q with %q", got.FailureMessage, got.Attempt.Detail, tt.want, want)
			}
		})
	}
}

func by(kind, name string) func(*cmv1.Certificate) {
	return func(c *cmv1.Certificate) { c.Spec.IssuerRef = cmmetav1.IssuerReference{Kind: kind, Name: name} }
}

// What a ClusterIssuer says may name what the people of a namespace may not see.
func TestAClusterIssuerIsNotQuoted(t *testing.T) {
	t.Parallel()
	unready := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "shared"}, Status: issuer(
		cmmetav1.ConditionFalse, "ErrGetKeyPair", `secret "private-name" not found`,
	).Status}
	seen := observed(t, madeAt().Add(time.Minute), nil, unready, attempt(approved()), certificateOf(by("ClusterIssuer", "shared")))
	const want = `ClusterIssuer "shared" is not ready: ErrGetKeyPair: who may read it sees more by kubectl describe clusterissuer shared`
	if got := seen.Running.Certificates["public"].Attempt.Detail; got != want {
		t.Errorf("the detail is %q, want %q", got, want)
	}
}

// A role of the release before does not have the permission, and a cluster may lack
// the kinds: that is no reason to know nothing else.
func TestOrdersThatCannotBeReadHideNothingElse(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "acme.cert-manager.io", Resource: "orders"}, "", nil)
	seen := observed(t, madeAt().Add(time.Minute), forbidden, attempt(approved(), ready("Pending", "soon")), certificateOf(nil))
	if got := seen.Running.Certificates["public"].Attempt; got == nil || !got.Approved || got.Detail != `CertificateRequest "request-1": soon` {
		t.Errorf("the attempt is %+v", got)
	}
}

// observed looks at the gateway; refusal, if any, is the answer to lists of Orders.
func observed(t *testing.T, now time.Time, refusal error, objects ...runtime.Object) observe.Seen {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	reader := fake.NewClientBuilder().WithScheme(scheme).WithRuntimeObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, orders := list.(*acmev1.OrderList); orders && refusal != nil {
				return refusal
			}
			return c.List(ctx, list, options...)
		},
	}).Build()
	clock := func() time.Time { return now }
	observer := &observe.Observer{
		Reader: reader, Live: reader, Now: clock, CertManager: func() bool { return true },
		Poller: observe.NewPoller(nil, clock, slog.New(slog.DiscardHandler), func(context.Context, types.NamespacedName) {}),
	}
	seen, err := observer.Gateway(t.Context(), gateway(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}
