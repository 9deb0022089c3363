// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Cluster is what the commands see of a cluster. It is safe for concurrent use.
type Cluster struct {
	// Objects are read. Written are reviews of the own rights, and the annotation by
	// which "rotate" asks for new certificates.
	Objects client.Client
	// Namespace that was chosen; empty for all.
	Namespace string
	// Context and User are the names that the kubeconfig has for them.
	Context, User string
	// Dialer reaches the ports of pods.
	Dialer Dialer
	// Logs of a container. The caller closes what it gets.
	Logs func(ctx context.Context, pod types.NamespacedName, options *corev1.PodLogOptions) (io.ReadCloser, error)
	// Version of the API server.
	Version func(ctx context.Context) (string, error)
}

// Dialer reaches a port on the loopback interface of a pod. It is an interface
// because pods need a kubelet, and tests have none. Implementations are safe for
// concurrent use.
type Dialer interface {
	Dial(ctx context.Context, pod types.NamespacedName, port int) (net.Conn, error)
}

// Opener goes to the cluster that the flags choose.
type Opener func(flags *Flags) (*Cluster, error)

// Open reads the kubeconfig. Nothing is sent to the API server yet.
func Open(flags *Flags) (*Cluster, error) {
	config, err := flags.config().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("choose a cluster: %w; give a kubeconfig with --kubeconfig or KUBECONFIG", err)
	}
	// One command asks a bounded number of things, and a person waits for it.
	config.QPS, config.Burst = 50, 100
	config.UserAgent = rest.DefaultKubernetesUserAgent()
	c, err := New(config)
	if err != nil {
		return nil, err
	}
	if !flags.AllNamespaces {
		if c.Namespace, _, err = flags.config().Namespace(); err != nil {
			return nil, fmt.Errorf("choose a namespace: %w", err)
		}
	}
	c.Context, c.User = flags.names()
	return c, nil
}

// names are those of the context and of the user, as the kubeconfig has them.
func (f *Flags) names() (chosen, user string) {
	raw, err := f.config().RawConfig()
	if err != nil {
		return "", ""
	}
	chosen = raw.CurrentContext
	if f.overrides.CurrentContext != "" {
		chosen = f.overrides.CurrentContext
	}
	if entry := raw.Contexts[chosen]; entry != nil {
		user = entry.AuthInfo
	}
	if f.overrides.Context.AuthInfo != "" {
		user = f.overrides.Context.AuthInfo
	}
	return chosen, user
}

// New is the cluster of a client configuration.
func New(config *rest.Config) (*Cluster, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), cmv1.AddToScheme(scheme),
		acmev1.AddToScheme(scheme), wsv1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build the list of kinds: %w", err)
	}
	objects, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	set, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	core := set.CoreV1()
	return &Cluster{
		Objects: objects,
		Dialer:  &PortForward{config: config, client: core.RESTClient()},
		Logs: func(ctx context.Context, pod types.NamespacedName, options *corev1.PodLogOptions) (io.ReadCloser, error) {
			return core.Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
		},
		Version: func(context.Context) (string, error) {
			info, err := set.ServerVersion()
			if err != nil {
				return "", fmt.Errorf("ask for the version of the API server: %w", err)
			}
			return info.GitVersion, nil
		},
	}, nil
}

// WhoAmI answers the name that the API server has for the user, or else that of
// the kubeconfig, which is a name on this machine only.
func (c *Cluster) WhoAmI(ctx context.Context) string {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Objects.Create(ctx, review); err != nil || review.Status.UserInfo.Username == "" {
		return c.User
	}
	return review.Status.UserInfo.Username
}
