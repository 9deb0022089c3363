// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Trouble is a mistake that people make, and what the gateway must say of it.
type Trouble struct {
	Name string
	// Gateway has the mistake; Before is created first.
	Gateway *wsv1alpha1.WebSocketGateway
	Before  client.Object
	// Reason of the condition Ready, and words that its message must hold.
	Reason string
	Says   []string
}

const troubleSpace = "quickstart"

// Troubles lists mistakes, each in a gateway of its own.
func Troubles() []Trouble {
	noIssuer := troubled("no-issuer")
	noIssuer.Spec.Listeners[0].TLS.Certificate.IssuerRef.Name = "absent"
	noSecret := troubled("no-secret")
	noSecret.Spec.Listeners[0].TLS.Certificate = wsv1alpha1.CertificateSource{SecretRef: &wsv1alpha1.LocalReference{Name: "absent-tls"}}
	noService := troubled("no-service")
	noService.Spec.Routes[0].BackendRefs[0].Name = "absent"
	invalid := troubled("invalid")
	invalid.Spec.Routes[0].AuthPolicy = "absent"
	conflict := troubled("conflict")
	foreign := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: troubleSpace, Name: "wsgw-conflict"}}
	return []Trouble{
		{Name: "the issuer does not exist", Gateway: noIssuer, Reason: wsv1alpha1.ReasonIssuerNotFound, Says: []string{"absent", "Issuer"}},
		{Name: "the Secret does not exist", Gateway: noSecret, Reason: wsv1alpha1.ReasonSecretNotFound, Says: []string{"absent-tls"}},
		{Name: "the Service does not exist", Gateway: noService, Reason: wsv1alpha1.ReasonServiceNotFound, Says: []string{"absent"}},
		{Name: "a route names a policy that does not exist", Gateway: invalid, Reason: wsv1alpha1.ReasonAuthPolicyNotFound, Says: []string{"absent", "chat"}},
		{Name: "an object of the name belongs to somebody else", Gateway: conflict, Before: foreign, Reason: wsv1alpha1.ReasonNameConflict, Says: []string{"wsgw-conflict"}},
	}
}

// troubled is a gateway in which all is well but its one policy's simplicity.
func troubled(name string) *wsv1alpha1.WebSocketGateway {
	return &wsv1alpha1.WebSocketGateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: troubleSpace, Name: name},
		Spec: wsv1alpha1.WebSocketGatewaySpec{
			Listeners: []wsv1alpha1.Listener{{
				Name: "public", Port: 443, Hostnames: []wsv1alpha1.Hostname{"trouble.example.com"},
				TLS: wsv1alpha1.ListenerTLS{Certificate: wsv1alpha1.CertificateSource{IssuerRef: &wsv1alpha1.IssuerReference{Name: "ca"}}},
			}},
			AuthPolicies: []wsv1alpha1.AuthPolicy{{Name: "all", AnyOf: []wsv1alpha1.AuthMethod{{Anonymous: &wsv1alpha1.AnonymousMethod{}}}}},
			Routes: []wsv1alpha1.Route{{
				Name: "chat", AuthPolicy: "all", BackendRefs: []wsv1alpha1.BackendReference{{Name: "echo", Port: 8080}},
			}},
			Infrastructure: &wsv1alpha1.Infrastructure{
				Replicas: new(int32(1)),
				Service:  &wsv1alpha1.Service{Type: wsv1alpha1.ServiceTypeClusterIP},
			},
		},
	}
}

// Check makes the mistake, waits until the gateway says the right thing about
// it, and cleans up. It returns what the gateway says.
func (t *Trouble) Check(ctx context.Context, w *World) (string, error) {
	defer t.clean(context.WithoutCancel(ctx), w)
	for _, object := range []client.Object{t.Before, t.Gateway} {
		if err := create(ctx, w, object); err != nil {
			return "", err
		}
	}
	var message string
	err := until(ctx, time.Minute, func(ctx context.Context) error {
		gw := &wsv1alpha1.WebSocketGateway{}
		if err := w.Client.Get(ctx, client.ObjectKeyFromObject(t.Gateway), gw); err != nil {
			return fmt.Errorf("get gateway: %w", err)
		}
		ready := apimeta.FindStatusCondition(gw.Status.Conditions, wsv1alpha1.ConditionReady)
		if ready == nil || ready.Status == metav1.ConditionTrue || ready.Reason != t.Reason {
			return fmt.Errorf("condition Ready is %+v, want reason %s", ready, t.Reason)
		}
		// What is known comes in steps: that a pod has no certificate, for
		// example, before which Secret it misses.
		for _, word := range t.Says {
			if !strings.Contains(ready.Message, word) {
				return fmt.Errorf("the message does not name %q: %s", word, ready.Message)
			}
		}
		message = ready.Message
		return nil
	})
	if err != nil {
		return "", err
	}
	return t.Reason + ": " + message, nil
}

func create(ctx context.Context, w *World, object client.Object) error {
	if object == nil {
		return nil
	}
	if err := w.Client.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create %s: %w", object.GetName(), err)
	}
	return nil
}

func (t *Trouble) clean(ctx context.Context, w *World) {
	_ = w.Client.Delete(ctx, t.Gateway)
	if t.Before != nil {
		_ = w.Client.Delete(ctx, t.Before)
	}
}

// MissingImage has the operator use a gateway image that the node does not have:
// the old pods must go on serving, and the status must name the image's trouble.
// It puts everything back.
func (w *World) MissingImage(ctx context.Context) (string, error) {
	load, err := w.startLoad(ctx, 20)
	if err != nil {
		return "", err
	}
	message, err := w.tryImage(ctx, "ghcr.io/wsgateway/gateway:absent")
	load.finish()
	if err != nil {
		return "", err
	}
	result, err := load.unharmed()
	if err != nil {
		return "", err
	}
	return message + " (" + result + ")", nil
}

func (w *World) tryImage(ctx context.Context, image string) (string, error) {
	restore, err := w.setGatewayImage(ctx, image)
	if err != nil {
		return "", err
	}
	var message string
	err = until(ctx, 90*time.Second, func(ctx context.Context) error {
		gw, err := w.Gateway(ctx)
		if err != nil {
			return err
		}
		for _, condition := range gw.Status.Conditions {
			if strings.Contains(condition.Message, "ErrImage") || strings.Contains(condition.Message, "ImagePull") {
				message = condition.Type + ": " + condition.Message
				return nil
			}
		}
		return errors.New("no condition mentions the image")
	})
	if restored, restoreErr := w.setGatewayImage(context.WithoutCancel(ctx), restore); restoreErr != nil {
		return "", errors.Join(err, fmt.Errorf("put image %s back in place of %s: %w", restore, restored, restoreErr))
	}
	if err != nil {
		return "", err
	}
	return message, until(ctx, 2*time.Minute, w.current)
}

// setGatewayImage changes the operator's flag and returns the old image.
func (w *World) setGatewayImage(ctx context.Context, image string) (string, error) {
	list := &appsv1.DeploymentList{}
	if err := w.Client.List(ctx, list, client.InNamespace(OperatorSpace), operatorLabels()); err != nil || len(list.Items) != 1 {
		return "", fmt.Errorf("find the operator's Deployment: %d found: %w", len(list.Items), err)
	}
	changed := list.Items[0].DeepCopy()
	var old string
	arguments := changed.Spec.Template.Spec.Containers[0].Args
	for i, argument := range arguments {
		if value, found := strings.CutPrefix(argument, "--gateway-image="); found {
			old, arguments[i] = value, "--gateway-image="+image
		}
	}
	if err := w.Client.Patch(ctx, changed, client.MergeFrom(&list.Items[0])); err != nil {
		return "", fmt.Errorf("change the operator's flags: %w", err)
	}
	return old, nil
}
