// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/gorilla/websocket"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

const addedRoute = "added"

// nobodyIsHarmed changes everything that must not close a connection while many
// connections are echoing.
func (w *World) nobodyIsHarmed(ctx context.Context) (string, error) {
	load, err := w.startLoad(ctx, connectionsAlive)
	if err != nil {
		return "", err
	}
	renewed, err := w.Renew(ctx)
	if err == nil {
		err = w.addRoute(ctx)
	}
	if err == nil {
		err = w.restartOperator(ctx)
	}
	if err == nil {
		// As it was, so that the story can be told again.
		err = w.removeRoute(ctx)
	}
	load.finish()
	if err != nil {
		return "", err
	}
	result, err := load.unharmed()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; renewed and served by every pod in %s", result, renewed.Round(10*time.Millisecond)), nil
}

// Renew has cert-manager renew the public listener's certificate, as cmctl
// does, and waits until the status says that every pod serves the new one. It
// returns the time this took.
func (w *World) Renew(ctx context.Context) (time.Duration, error) {
	before, err := w.served(ctx)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := w.askForRenewal(ctx, Namespace, Gateway, ListenerPublic); err != nil {
		return 0, err
	}
	err = until(ctx, time.Minute, func(ctx context.Context) error {
		now, err := w.served(ctx)
		if err != nil {
			return err
		}
		if now.SerialNumber == before.SerialNumber || now.ServedBy < 2 {
			return fmt.Errorf("serial %s is served by %d pods", now.SerialNumber, now.ServedBy)
		}
		return nil
	})
	return time.Since(start), err
}

// askForRenewal has cert-manager renew the certificate of a listener, as cmctl does.
func (w *World) askForRenewal(ctx context.Context, namespace, gateway, listener string) error {
	certificate := &cmv1.Certificate{}
	key := client.ObjectKey{Namespace: namespace, Name: "wsgw-" + gateway + "." + listener}
	if err := w.Client.Get(ctx, key, certificate); err != nil {
		return fmt.Errorf("get the listener's Certificate: %w", err)
	}
	changed := certificate.DeepCopy()
	issuing := cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionIssuing, Status: cmmetav1.ConditionTrue, Reason: "ManuallyTriggered",
		Message: "renewal asked for", ObservedGeneration: certificate.Generation, LastTransitionTime: &metav1.Time{Time: time.Now()},
	}
	changed.Status.Conditions = slices.DeleteFunc(changed.Status.Conditions, func(c cmv1.CertificateCondition) bool { return c.Type == issuing.Type })
	changed.Status.Conditions = append(changed.Status.Conditions, issuing)
	if err := w.Client.Status().Patch(ctx, changed, client.MergeFrom(certificate)); err != nil {
		return fmt.Errorf("ask for a renewal: %w", err)
	}
	return nil
}

// served is what the status says of the public listener's certificate.
func (w *World) served(ctx context.Context) (wsv1alpha1.ServedCertificate, error) {
	gw, err := w.Gateway(ctx)
	if err != nil {
		return wsv1alpha1.ServedCertificate{}, err
	}
	for _, listener := range gw.Status.Listeners {
		if listener.Name == ListenerPublic && listener.Certificate != nil {
			return *listener.Certificate, nil
		}
	}
	return wsv1alpha1.ServedCertificate{}, errors.New("the status names no certificate for the public listener")
}

// addRoute adds a route, waits until it is programmed, and uses it.
func (w *World) addRoute(ctx context.Context) error {
	gw, err := w.Gateway(ctx)
	if err != nil {
		return err
	}
	changed := gw.DeepCopy()
	changed.Spec.Routes = append(changed.Spec.Routes, wsv1alpha1.Route{
		Name: addedRoute, Hostnames: []wsv1alpha1.Hostname{PublicHost}, Path: &wsv1alpha1.PathMatch{Value: "/added"},
		AuthPolicy: "users", BackendRefs: []wsv1alpha1.BackendReference{{Name: "echo", Port: 8080}},
	})
	if err := w.Client.Patch(ctx, changed, client.MergeFrom(gw)); err != nil {
		return fmt.Errorf("add a route: %w", err)
	}
	if err := until(ctx, 30*time.Second, w.programmed(changed.Generation)); err != nil {
		return fmt.Errorf("add a route: %w", err)
	}
	token, err := w.token("dave", time.Hour)
	if err != nil {
		return err
	}
	conn, _, err := w.dial(ctx, attempt{token: token, path: "/added"})
	if err != nil {
		return fmt.Errorf("use the added route: %w", err)
	}
	defer bye(conn)
	return echoOnce(conn, "on the added route")
}

// removeRoute removes it again.
func (w *World) removeRoute(ctx context.Context) error {
	gw, err := w.Gateway(ctx)
	if err != nil {
		return err
	}
	changed := gw.DeepCopy()
	changed.Spec.Routes = slices.DeleteFunc(changed.Spec.Routes, func(r wsv1alpha1.Route) bool { return r.Name == addedRoute })
	if err := w.Client.Patch(ctx, changed, client.MergeFrom(gw)); err != nil {
		return fmt.Errorf("remove the added route: %w", err)
	}
	if err := until(ctx, 30*time.Second, w.programmed(changed.Generation)); err != nil {
		return fmt.Errorf("remove the added route: %w", err)
	}
	return nil
}

// programmed answers nil once the condition Programmed of the quick start's
// gateway is True for a generation.
func (w *World) programmed(generation int64) func(context.Context) error {
	return func(ctx context.Context) error {
		gw, err := w.Gateway(ctx)
		if err != nil {
			return err
		}
		return programmed(gw, generation)
	}
}

func programmed(gw *wsv1alpha1.WebSocketGateway, generation int64) error {
	condition := apimeta.FindStatusCondition(gw.Status.Conditions, wsv1alpha1.ConditionProgrammed)
	if condition == nil || condition.ObservedGeneration < generation || condition.Status != metav1.ConditionTrue {
		return fmt.Errorf("not programmed: %+v", condition)
	}
	return nil
}

// restartOperator deletes the operator's pods and waits for new ones.
func (w *World) restartOperator(ctx context.Context) error {
	labels := operatorLabels()
	old, err := w.pods(ctx, OperatorSpace, labels)
	if err != nil {
		return err
	}
	if len(old) == 0 {
		return errors.New("no operator pod found")
	}
	gone := map[string]bool{}
	for i := range old {
		gone[string(old[i].UID)] = true
		if err := w.Client.Delete(ctx, &old[i]); err != nil {
			return fmt.Errorf("delete operator pod: %w", err)
		}
	}
	return until(ctx, time.Minute, func(ctx context.Context) error {
		pods, err := w.pods(ctx, OperatorSpace, labels)
		if err != nil {
			return err
		}
		for i := range pods {
			if !gone[string(pods[i].UID)] && ready(&pods[i]) {
				return nil
			}
		}
		return errors.New("the operator is not back")
	})
}

// deletedPod deletes one of two pods: its connections, and no others, must be
// closed with 1012.
func (w *World) deletedPod(ctx context.Context) (string, error) {
	load, err := w.startLoad(ctx, 40)
	if err != nil {
		return "", err
	}
	closed, err := w.deleteOnePod(ctx, load)
	load.finish()
	if err != nil {
		return "", err
	}
	for _, end := range closed {
		var frame *websocket.CloseError
		if !errors.As(end, &frame) || frame.Code != websocket.CloseServiceRestart {
			return "", fmt.Errorf("a connection ended with %w", end)
		}
	}
	if err := until(ctx, time.Minute, w.current); err != nil {
		return "", fmt.Errorf("after the deletion: %w", err)
	}
	return fmt.Sprintf("%d of 40 connections closed with 1012, the others live on", len(closed)), nil
}

func (w *World) deleteOnePod(ctx context.Context, load *load) ([]error, error) {
	pods, err := w.GatewayPods(ctx)
	if err != nil {
		return nil, err
	}
	if len(pods) < 2 {
		return nil, fmt.Errorf("%d gateway pods, want 2", len(pods))
	}
	victim := pods[0]
	if err := w.Client.Delete(ctx, &victim); err != nil {
		return nil, fmt.Errorf("delete pod %s: %w", victim.Name, err)
	}
	err = until(ctx, 90*time.Second, func(ctx context.Context) error {
		err := w.Client.Get(ctx, client.ObjectKeyFromObject(&victim), victim.DeepCopy())
		if err == nil {
			return fmt.Errorf("pod %s is still there", victim.Name)
		}
		return client.IgnoreNotFound(err)
	})
	closed := load.closed()
	if err == nil && len(closed) == 0 {
		err = errors.New("no connection was closed: the deleted pod had none")
	}
	return closed, err
}
