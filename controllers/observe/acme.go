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

// details adds, to each attempt that has failed or takes long, what its Order, its
// Challenges or its issuer say. It answers when to look again; zero is never.
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
		if err := o.explain(ctx, namespace, known, &certificate); err != nil {
			return 0, err
		}
		certificates[listener] = certificate
		if !attempt.Failed {
			after = earlier(after, lookAgain)
		}
	}
	return after, nil
}

// explain adds what there is to say of one attempt. The issuer is asked too while no
// ACME server has the Order.
func (o *Observer) explain(
	ctx context.Context, namespace string, known *acme, certificate *status.Certificate,
) error {
	attempt := *certificate.Attempt
	certificate.Attempt = &attempt
	order := known.orderOf(attempt.UID)
	attempt.Detail = known.of(order)
	if attempt.Failed && order != nil && lost(order) {
		// The request only repeats the Order, at more length.
		certificate.FailureMessage = ""
	}
	if attempt.Failed || order != nil && order.Status.State != "" {
		return nil
	}
	said, asked := known.issuers[certificate.Issuer]
	if !asked {
		var err error
		if said, err = o.issuer(ctx, namespace, certificate.Issuer); err != nil {
			return err
		}
		known.issuers[certificate.Issuer] = said
	}
	if said == "" && order == nil && attempt.Pending != "" {
		said = fmt.Sprintf("CertificateRequest %q: %s", attempt.Name, attempt.Pending)
	}
	attempt.Detail = joined(attempt.Detail, said)
	return nil
}

func earlier(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// acme is what an ACME server was asked for in a namespace, and what is wrong with
// the issuers that were asked about it.
type acme struct {
	orders     []acmev1.Order
	challenges []acmev1.Challenge
	issuers    map[status.Issuer]string
}

// readACME answers what the API server has in memory: a little late is early
// enough. Where the kinds are missing, or may not be read, nothing is known.
func readACME(ctx context.Context, live client.Reader, namespace string) (*acme, error) {
	cached := &client.ListOptions{Namespace: namespace, Raw: &metav1.ListOptions{ResourceVersion: "0"}}
	known := &acme{issuers: map[status.Issuer]string{}}
	var orders acmev1.OrderList
	var challenges acmev1.ChallengeList
	for _, list := range []client.ObjectList{&orders, &challenges} {
		err := live.List(ctx, list, cached)
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			return known, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list %T: %w", list, err)
		}
	}
	known.orders, known.challenges = orders.Items, challenges.Items
	return known, nil
}

// orderOf is the Order of a CertificateRequest; nil where there is none, as with issuers
// that are no ACME server.
func (a *acme) orderOf(request types.UID) *acmev1.Order {
	for i := range a.orders {
		if controlledBy(&a.orders[i], request) {
			return &a.orders[i]
		}
	}
	return nil
}

// lost tells whether nothing comes of an Order any more.
func lost(order *acmev1.Order) bool {
	switch order.Status.State {
	case acmev1.Invalid, acmev1.Errored, acmev1.Expired:
		return true
	case acmev1.Unknown, acmev1.Valid, acmev1.Ready, acmev1.Pending, acmev1.Processing:
	}
	return false
}

// of tells how an Order fares; empty where there is none.
func (a *acme) of(order *acmev1.Order) string {
	if order == nil {
		return ""
	}
	text := fmt.Sprintf("Order %q is ", order.Name)
	if order.Status.State == "" {
		// What an ACME server answers by no answer, cert-manager tells its log only.
		text += "not sent yet: if that lasts, see the log of cert-manager"
	} else {
		text += string(order.Status.State)
	}
	if order.Status.Reason != "" {
		text += ": " + status.Quote(order.Status.Reason)
	}
	return joined(append([]string{text}, a.challengesOf(order.UID)...)...)
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; ")
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
			text += ": " + status.Quote(challenge.Status.Reason, challenge.Spec.Key, challenge.Spec.Token)
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
