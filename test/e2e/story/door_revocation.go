// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

const (
	// promised is the time from the creation of a revocation to the end of the
	// last connection that it is about, on all pods.
	promised = 2 * time.Second
	// lockedOut is how long the revocation applies.
	lockedOut = 15 * time.Second
)

// revocation locks one of two callers out of all pods for a while.
func (d *door) revocation(ctx context.Context) (string, error) {
	guests, err := d.withToken(ctx, "second", "mallory", "-")
	defer func() { guests.leave() }()
	if err != nil {
		return "", err
	}
	more, err := d.withToken(ctx, "second", "alice", "-")
	guests = append(guests, more...)
	if err != nil {
		return "", err
	}
	token, err := d.token("second", "mallory", time.Now().Add(time.Hour))
	if err != nil {
		return "", err
	}
	again := attempt{path: tokensPath, token: token, origin: "-"}
	began := time.Now()
	ends := began.Add(lockedOut).Truncate(time.Second)
	object := &wsv1alpha1.WebSocketRevocation{
		ObjectMeta: metav1.ObjectMeta{Namespace: doorSpace, Name: "mallory"},
		Spec: wsv1alpha1.WebSocketRevocationSpec{
			GatewayRefs: []wsv1alpha1.GatewayReference{{Name: doorName}},
			Until:       metav1.NewTime(ends),
			Subjects:    []wsv1alpha1.RevokedSubject{{Subject: "mallory", Issuer: doorIssuer}},
		},
	}
	if err := d.world.Client.Create(ctx, object); err != nil {
		return "", fmt.Errorf("create the revocation: %w", err)
	}
	left, last, err := guests.lose(ctx, "mallory", codeCredential)
	if err != nil {
		return "", err
	}
	took, closed := last.Sub(began), len(guests)-len(left)
	if took > promised {
		return "", fmt.Errorf("the last connection was closed %s after the revocation was created, want at most %s", ms(took), promised)
	}
	if err := d.refusedEverywhere(ctx, again, http.StatusUnauthorized); err != nil {
		return "", err
	}
	if err := until(ctx, patience, d.acknowledged(object, closed)); err != nil {
		return "", err
	}
	back, err := d.backAfter(ctx, again, ends)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d closed at %d pods, the last %s after the revocation was created; let in again %s after its end",
		closed, len(guests), len(d.pods), ms(took), ms(back)), nil
}

// acknowledged asks the status whether all pods have done their part.
func (d *door) acknowledged(object *wsv1alpha1.WebSocketRevocation, closed int) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := d.world.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return fmt.Errorf("get the revocation: %w", err)
		}
		status := object.Status
		if status.Pods != fmt.Sprintf("%d/%d", doorPods, doorPods) || status.ConnectionsClosed != int64(closed) {
			return fmt.Errorf("the status counts pods %s and %d closed connections, want %d", status.Pods, status.ConnectionsClosed, closed)
		}
		return nil
	}
}

// backAfter waits until the revocation has ended by itself, which must not be
// before its time, and says how long after it.
func (d *door) backAfter(ctx context.Context, a attempt, ends time.Time) (time.Duration, error) {
	// A second before its end it must still be in force.
	if err := sleep(ctx, time.Until(ends.Add(-time.Second))); err != nil {
		return 0, err
	}
	var returned party
	err := until(ctx, patience, func(ctx context.Context) error {
		var err error
		returned, err = d.invite(ctx, "mallory again", 1, a)
		return err
	})
	returned.leave()
	late := time.Since(ends)
	if err == nil && late < 0 {
		err = fmt.Errorf("let in %s before the end of the revocation", ms(-late))
	}
	return late, err
}
