// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

//go:embed alarm.yaml
var alarmWorld []byte

// The gateway of alarm.yaml: a listener whose certificate is due at once and whose
// issuer fails, and one whose new certificate does not get to a pod.
const (
	alarmName  = "alarm"
	alarmShort = "short"
	alarmStuck = "stuck"
	alarmPods  = 2
	// dueAfter is when cert-manager wants to renew the one, and when the status
	// calls the other stale, with time for a busy machine.
	dueAfter = 8 * time.Minute
)

// alarm makes both troubles and repairs them.
type alarm struct {
	world *World
	node  func(ctx context.Context, args ...string) error
	// stuck is the pod that does not get the certificate, chain the certificates in
	// the issuer's Secret as they were.
	stuck corev1.Pod
	chain []byte
}

func (a *alarm) key() client.ObjectKey {
	return client.ObjectKey{Namespace: alarmName, Name: alarmName}
}

func (a *alarm) breaks(ctx context.Context) (string, error) {
	if err := a.clean(ctx); err != nil {
		return "", err
	}
	if err := a.world.applyAll(ctx, alarmWorld); err != nil {
		return "", err
	}
	err := until(ctx, startPatience, func(ctx context.Context) error { return a.world.isCurrent(ctx, a.key()) })
	if err != nil {
		return "", err
	}
	pods, err := a.world.pods(ctx, alarmName, ofGateway(alarmName))
	if err != nil {
		return "", err
	}
	if len(pods) != alarmPods {
		return "", fmt.Errorf("%d pods, want %d", len(pods), alarmPods)
	}
	a.stuck = pods[0]
	if err := a.cutOff(ctx); err != nil {
		return "", err
	}
	if err := a.world.askForRenewal(ctx, alarmName, alarmName, alarmStuck); err != nil {
		return "", err
	}
	if err := a.breakIssuer(ctx); err != nil {
		return "", err
	}
	return "pod " + a.stuck.Name + " is cut off from the new certificate", until(ctx, patience, a.servedByOne)
}

// cutOff takes the volume with the listener's certificate away from under the
// kubelet: it mounts another in that place and writes new certificates into that,
// while the container goes on to see the one that it was started with.
func (a *alarm) cutOff(ctx context.Context) error {
	var volume string
	for i := range a.stuck.Spec.Volumes {
		one := &a.stuck.Spec.Volumes[i]
		if one.Secret != nil && one.Secret.SecretName == "wsgw-"+alarmName+"."+alarmStuck {
			volume = one.Name
		}
	}
	if volume == "" {
		return fmt.Errorf("pod %s mounts no Secret for listener %s", a.stuck.Name, alarmStuck)
	}
	return a.node(ctx, "umount", "/var/lib/kubelet/pods/"+string(a.stuck.UID)+"/volumes/kubernetes.io~secret/"+volume)
}

// breakIssuer puts a certificate that does not belong there into the chain of the
// issuer's CA: cert-manager refuses to sign with such a chain.
func (a *alarm) breakIssuer(ctx context.Context) error {
	other, err := a.world.issued(ctx, alarmName, "working-ca")
	if err != nil {
		return err
	}
	return a.setChain(ctx, func(chain []byte) []byte {
		a.chain = chain
		return slices.Concat(chain, other.Data[corev1.TLSCertKey])
	})
}

func (a *alarm) setChain(ctx context.Context, change func([]byte) []byte) error {
	secret, err := a.world.issued(ctx, alarmName, "failing-ca")
	if err != nil {
		return err
	}
	changed := secret.DeepCopy()
	changed.Data[corev1.TLSCertKey] = change(secret.Data[corev1.TLSCertKey])
	if err := a.world.Client.Patch(ctx, changed, client.MergeFrom(secret)); err != nil {
		return fmt.Errorf("change the CA of the issuer: %w", err)
	}
	return nil
}

func (a *alarm) gateway(ctx context.Context) (*wsv1alpha1.WebSocketGateway, error) {
	gw := &wsv1alpha1.WebSocketGateway{}
	if err := a.world.Client.Get(ctx, a.key(), gw); err != nil {
		return nil, fmt.Errorf("get gateway: %w", err)
	}
	return gw, nil
}

// servedByOne answers nil once the new certificate is at one of the pods.
func (a *alarm) servedByOne(ctx context.Context) error {
	gw, err := a.gateway(ctx)
	if err != nil {
		return err
	}
	for _, listener := range gw.Status.Listeners {
		if listener.Name == alarmStuck && listener.Certificate != nil && listener.Certificate.ServedBy == alarmPods-1 {
			return nil
		}
	}
	return errors.New("the new certificate is not at one pod alone")
}

// saysStale fails unless the status names the pod with the old certificate.
func (a *alarm) saysStale(ctx context.Context) (string, error) {
	gw, err := a.gateway(ctx)
	if err != nil {
		return "", err
	}
	for _, condition := range gw.Status.Conditions {
		if condition.Type == wsv1alpha1.ConditionCertificatesReady && condition.Reason == wsv1alpha1.ReasonStaleCertificate &&
			strings.Contains(condition.Message, a.stuck.Name) {
			return condition.Message, nil
		}
	}
	return "", fmt.Errorf("the status does not name pod %s: %+v", a.stuck.Name, gw.Status.Conditions)
}

// repair does what the runbooks say: the issuer gets its CA back, the listener a
// certificate that is long enough, and the pod is deleted.
func (a *alarm) repair(ctx context.Context) error {
	if err := a.setChain(ctx, func([]byte) []byte { return a.chain }); err != nil {
		return err
	}
	gw, err := a.gateway(ctx)
	if err != nil {
		return err
	}
	changed := gw.DeepCopy()
	for i := range changed.Spec.Listeners {
		source := &changed.Spec.Listeners[i].TLS.Certificate
		source.Duration, source.RenewBefore = nil, nil
	}
	if err := a.world.Client.Patch(ctx, changed, client.MergeFrom(gw)); err != nil {
		return fmt.Errorf("change the gateway: %w", err)
	}
	if err := until(ctx, patience, a.longCertificate); err != nil {
		return err
	}
	if err := a.world.askForRenewal(ctx, alarmName, alarmName, alarmShort); err != nil {
		return err
	}
	if err := a.world.Client.Delete(ctx, a.stuck.DeepCopy()); err != nil {
		return fmt.Errorf("delete pod %s: %w", a.stuck.Name, err)
	}
	return nil
}

// longCertificate answers nil once cert-manager is asked for a certificate of the
// usual time.
func (a *alarm) longCertificate(ctx context.Context) error {
	certificate := &cmv1.Certificate{}
	if err := a.world.Client.Get(ctx, client.ObjectKey{Namespace: alarmName, Name: "wsgw-" + alarmName + "." + alarmShort}, certificate); err != nil {
		return fmt.Errorf("get the listener's Certificate: %w", err)
	}
	if certificate.Spec.Duration != nil {
		return errors.New("the Certificate still asks for a short one")
	}
	return nil
}

func (a *alarm) clean(ctx context.Context) error {
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: alarmName}}
	return until(ctx, startPatience, func(ctx context.Context) error {
		if err := a.world.Client.Delete(ctx, space); err != nil {
			return client.IgnoreNotFound(err)
		}
		return fmt.Errorf("namespace %s is still there", alarmName)
	})
}
