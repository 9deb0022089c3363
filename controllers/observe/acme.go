// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// Orders and Challenges are read only while an attempt takes longer than most, and
// then every half minute: nothing of them is kept, and watching those of a whole
// cluster for the few that are in trouble would cost more than asking.
const (
	lookAgain = 30 * time.Second
	// maxChallenges bounds what is told of one Order.
	maxChallenges = 3
)

// details adds, to each attempt that has failed or takes long, what its Order and
// Challenges say. It answers when to look again; zero is never.
func (o *Observer) details(
	ctx context.Context, namespace string, certificates map[string]status.Certificate,
) (time.Duration, error) {
	var after time.Duration
	var known *acme
	now := o.Now()
	for listener, certificate := range certificates {
		attempt := certificate.Attempt
		if attempt == nil || !attempt.Approved {
			continue
		}
		if wait := attempt.Since.Add(status.SlowAttempt).Sub(now); wait > 0 && !attempt.Failed {
			after = earlier(after, wait)
			continue
		}
		if known == nil {
			read, err := readACME(ctx, o.Live, namespace)
			if err != nil {
				return 0, err
			}
			known = read
		}
		told := *attempt
		told.Detail = known.of(attempt.UID)
		certificate.Attempt = &told
		certificates[listener] = certificate
		if !attempt.Failed {
			after = earlier(after, lookAgain)
		}
	}
	return after, nil
}

func earlier(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// acme is what an ACME server was asked for in a namespace.
type acme struct {
	orders     []acmev1.Order
	challenges []acmev1.Challenge
}

// readACME answers what the API server has in memory: a little late is early
// enough. Where the kinds are missing, or may not be read, nothing is known.
func readACME(ctx context.Context, live client.Reader, namespace string) (*acme, error) {
	cached := &client.ListOptions{Namespace: namespace, Raw: &metav1.ListOptions{ResourceVersion: "0"}}
	var orders acmev1.OrderList
	var challenges acmev1.ChallengeList
	for _, list := range []client.ObjectList{&orders, &challenges} {
		err := live.List(ctx, list, cached)
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			return &acme{}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list %T: %w", list, err)
		}
	}
	return &acme{orders: orders.Items, challenges: challenges.Items}, nil
}

// of tells how the Order of a CertificateRequest fares; empty where there is none,
// as with issuers that are no ACME server.
func (a *acme) of(request types.UID) string {
	for i := range a.orders {
		order := &a.orders[i]
		if !controlledBy(order, request) {
			continue
		}
		parts := []string{fmt.Sprintf("Order %q is %s", order.Name, cmp.Or(string(order.Status.State), "not sent yet"))}
		if order.Status.Reason != "" {
			parts[0] += ": " + status.WithoutLocalPort(order.Status.Reason)
		}
		return strings.Join(append(parts, a.challengesOf(order.UID)...), "; ")
	}
	return ""
}

// challengesOf leaves out those that have been met.
func (a *acme) challengesOf(order types.UID) []string {
	var found []string
	for i := range a.challenges {
		challenge := &a.challenges[i]
		if !controlledBy(challenge, order) || challenge.Status.State == acmev1.Valid {
			continue
		}
		text := fmt.Sprintf("%s challenge for %s is %s", challenge.Spec.Type, challenge.Spec.DNSName,
			cmp.Or(string(challenge.Status.State), "waiting"))
		if challenge.Status.Reason != "" {
			text += ": " + status.WithoutLocalPort(challenge.Status.Reason)
		}
		found = append(found, text)
	}
	slices.Sort(found)
	if more := len(found) - maxChallenges; more > 0 {
		found = append(found[:maxChallenges], fmt.Sprintf("and %d more", more))
	}
	return found
}

func controlledBy(object metav1.Object, owner types.UID) bool {
	controller := metav1.GetControllerOf(object)
	return controller != nil && controller.UID == owner
}
