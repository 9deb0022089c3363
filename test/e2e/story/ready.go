// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// becomesReady waits as Helm and Flux would, then finds out what a client needs
// to know: where to connect and which CA to trust.
func (w *World) becomesReady(ctx context.Context) (string, error) {
	w.logs = w.follow(context.WithoutCancel(ctx), Namespace, ofGateway(Gateway))
	if err := until(ctx, 2*time.Minute, w.current); err != nil {
		return "", err
	}
	if err := w.findAddress(ctx); err != nil {
		return "", err
	}
	secret := &corev1.Secret{}
	if err := w.Client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: "quickstart-ca"}, secret); err != nil {
		return "", fmt.Errorf("get the CA's Secret: %w", err)
	}
	w.roots = x509.NewCertPool()
	if !w.roots.AppendCertsFromPEM(secret.Data["tls.crt"]) {
		return "", errors.New("the CA's Secret quickstart-ca holds no certificate")
	}
	// kube-proxy learns of ready pods when the operator does, and needs a moment
	// of its own to open the node's port.
	if err := until(ctx, 15*time.Second, w.reachable); err != nil {
		return "", err
	}
	return "reachable at " + w.address, nil
}

func (w *World) reachable(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		return fmt.Errorf("connect to the node's port: %w", err)
	}
	return conn.Close()
}

// current answers nil when kstatus calls the quick start's gateway Current.
func (w *World) current(ctx context.Context) error {
	return w.isCurrent(ctx, client.ObjectKey{Namespace: Namespace, Name: Gateway})
}

func (w *World) isCurrent(ctx context.Context, gateway client.ObjectKey) error {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(wsv1alpha1.SchemeGroupVersion.WithKind(wsv1alpha1.KindWebSocketGateway))
	if err := w.Client.Get(ctx, gateway, object); err != nil {
		return fmt.Errorf("get gateway: %w", err)
	}
	result, err := status.Compute(object)
	if err != nil {
		return fmt.Errorf("compute kstatus: %w", err)
	}
	if result.Status != status.CurrentStatus {
		return fmt.Errorf("kstatus %s: %s", result.Status, result.Message)
	}
	return nil
}

// findAddress takes the node's address and the port that the Service has there.
func (w *World) findAddress(ctx context.Context) error {
	service := &corev1.Service{}
	if err := w.Client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: "wsgw-" + Gateway}, service); err != nil {
		return fmt.Errorf("get the gateway's Service: %w", err)
	}
	nodes := &corev1.NodeList{}
	if err := w.Client.List(ctx, nodes); err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	for i := range nodes.Items {
		for _, address := range nodes.Items[i].Status.Addresses {
			if address.Type == corev1.NodeInternalIP && len(service.Spec.Ports) > 0 {
				port := strconv.Itoa(int(service.Spec.Ports[0].NodePort))
				w.address = net.JoinHostPort(address.Address, port)
				return nil
			}
		}
	}
	return errors.New("no node with an InternalIP address")
}

// identityForwarded asks the echo backend which headers it got.
func (w *World) identityForwarded(ctx context.Context) (string, error) {
	token, err := w.token("carol", time.Hour)
	if err != nil {
		return "", err
	}
	conn, _, err := w.dial(ctx, attempt{token: token, path: "/chat?whoami"})
	if err != nil {
		return "", fmt.Errorf("handshake: %w", err)
	}
	defer bye(conn)
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", fmt.Errorf("set deadline: %w", err)
	}
	_, headers, err := conn.ReadMessage()
	if err != nil {
		return "", fmt.Errorf("receive: %w", err)
	}
	if !strings.Contains(string(headers), "X-User: carol") {
		return "", fmt.Errorf("X-User: carol is not among the backend's headers:\n%s", headers)
	}
	if strings.Contains(string(headers), token) || strings.Contains(string(headers), "Authorization") {
		return "", errors.New("the backend was given the token")
	}
	return "X-User: carol", nil
}
