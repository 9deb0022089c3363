// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package story is what the demo tells and what the tests on a real node check:
// the quick start from its first certificate to the last audit record, as a list
// of steps. hack/demo prints them for people, test/e2e runs them as tests; both
// see the gateway from outside, as a client does.
package story

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Names of the quick start (config/samples/quickstart).
const (
	Namespace        = "quickstart"
	Gateway          = "edge"
	OperatorSpace    = "wsgateway-system"
	PublicHost       = "ws.example.com"
	PartnersHost     = "partners.example.com"
	Origin           = "https://app.example.com"
	Issuer           = "https://id.example.com"
	Audience         = "chat"
	ListenerPublic   = "public"
	KeySetConfigMap  = "jwks"
	connectionsAlive = 200
)

// World is the cluster and the client's view of it.
type World struct {
	Client    client.Client
	Clientset kubernetes.Interface
	// Key signs the tokens that the gateway accepts.
	Key *ecdsa.PrivateKey

	// address of the gateway for a client outside of the cluster.
	address string
	roots   *x509.CertPool
	// logs are those of the quick start's gateway, collected all that are.
	logs      *podLogs
	collected []collector
	// tokens that were shown to the gateway; none may appear in a log.
	tokens tokens
	// admitted counts the handshakes that were answered with 101.
	admitted counter
}

// Open connects to the cluster of a kubeconfig.
func Open(kubeconfig string) (*World, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	// controller-runtime complains with a stack trace when nobody sets a logger.
	ctrllog.SetLogger(logr.Discard())
	// The story polls; the client's own throttle would only add waiting.
	config.QPS, config.Burst = 200, 400
	return open(config)
}

func open(config *rest.Config) (*World, error) {
	scheme := runtime.NewScheme()
	err := errors.Join(clientgoscheme.AddToScheme(scheme), cmv1.AddToScheme(scheme), acmev1.AddToScheme(scheme), wsv1alpha1.AddToScheme(scheme))
	if err != nil {
		return nil, fmt.Errorf("build scheme: %w", err)
	}
	kube, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &World{Client: kube, Clientset: clientset}, nil
}

// Gateway reads the gateway of the quick start.
func (w *World) Gateway(ctx context.Context) (*wsv1alpha1.WebSocketGateway, error) {
	gw := &wsv1alpha1.WebSocketGateway{}
	if err := w.Client.Get(ctx, client.ObjectKey{Namespace: Namespace, Name: Gateway}, gw); err != nil {
		return nil, fmt.Errorf("get gateway: %w", err)
	}
	return gw, nil
}

// GatewayPods lists the gateway's pods, without those that are going.
func (w *World) GatewayPods(ctx context.Context) ([]corev1.Pod, error) {
	return w.pods(ctx, Namespace, ofGateway(Gateway))
}

// ofGateway selects what belongs to a gateway.
func ofGateway(name string) client.MatchingLabels {
	return client.MatchingLabels{"wsgateway.dev/gateway": name}
}

// operatorLabels select what belongs to the operator.
func operatorLabels() client.MatchingLabels {
	return client.MatchingLabels{"app.kubernetes.io/name": "websocket-gateway-operator"}
}

func (w *World) pods(ctx context.Context, namespace string, labels client.MatchingLabels) ([]corev1.Pod, error) {
	list := &corev1.PodList{}
	if err := w.Client.List(ctx, list, client.InNamespace(namespace), labels); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var pods []corev1.Pod
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			pods = append(pods, list.Items[i])
		}
	}
	return pods, nil
}

// until polls check until it answers nil or the time is up; then the last answer
// says what was missing.
func until(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, last)
		case <-ticker.C:
		}
	}
}

func ready(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
