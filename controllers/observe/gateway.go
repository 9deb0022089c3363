// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// Seen is what is really there.
type Seen struct {
	Running status.Running
	// Pods are the same pods as in Running, with how to reach them.
	Pods []Pod
	// Wanted is what each pod shall see.
	Wanted Wanted
	// Complete is false while a ready pod was never asked. What the status said
	// before then is better than what could be said now.
	Complete bool
	// LookAgain says after which time something may be otherwise that nothing tells
	// of; zero is never.
	LookAgain time.Duration
}

// Observer looks at gateways. It is safe for concurrent use.
type Observer struct {
	// Reader reads from the caches, Live from the API server.
	Reader, Live client.Reader
	Poller       *Poller
	Now          func() time.Time
	// Certificates reads Certificates that somebody else maintains.
	Certificates func() (client.Reader, error)
	// CertManager tells whether the cluster has cert-manager's kinds.
	CertManager func() bool
}

// Gateway looks at everything that belongs to a gateway, asks its pods for what
// they shall see, and answers what is known now. files are the files of the
// contract that are in the cluster.
func (o *Observer) Gateway(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, files map[string]string,
) (Seen, error) {
	var seen Seen
	if err := o.workload(ctx, gw, &seen); err != nil {
		return Seen{}, err
	}
	if err := o.service(ctx, gw, &seen.Running); err != nil {
		return Seen{}, err
	}
	if o.CertManager() {
		certificates, err := Certificates(ctx, o.Reader, o.Certificates, gw)
		if err != nil {
			return Seen{}, err
		}
		if seen.LookAgain, err = o.details(ctx, gw.Namespace, certificates); err != nil {
			return Seen{}, err
		}
		seen.Running.Certificates = certificates
	}
	seen.Wanted = NewWanted(files, seen.Running.Certificates)
	o.ask(gw, &seen)
	return seen, nil
}

// Forget stops asking the pods of a gateway that is gone.
func (o *Observer) Forget(gateway client.ObjectKey) { o.Poller.Watch(gateway, nil) }

// ask fills in what the pods said, and tells the poller what to wait for.
func (o *Observer) ask(gw *wsv1alpha1.WebSocketGateway, seen *Seen) {
	gateway := client.ObjectKeyFromObject(gw)
	seen.Complete = true
	var wishes []Wish
	for i := range seen.Pods {
		pod := &seen.Pods[i]
		known, asked := o.Poller.Asked(pod.UID)
		pod.Report, pod.ReportedAt, pod.Silence = known.Report, known.ReportedAt, known.Silence
		if pod.Ready && !pod.Terminating && !asked {
			seen.Complete = false
		}
		if pod.Address != "" && !pod.Terminating {
			wishes = append(wishes, Wish{
				Target: Target{Gateway: gateway, Pod: pod.Name, UID: pod.UID, Address: pod.Address},
				Wanted: cmp.Or(seen.Wanted.LackOf(pod.Report).ID, seen.Wanted.RevokingOf(pod.Report)),
			})
		}
		seen.Running.Pods = append(seen.Running.Pods, pod.Pod)
	}
	o.Poller.Watch(gateway, wishes)
}

func (o *Observer) workload(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, seen *Seen) error {
	var deployment appsv1.Deployment
	found, err := o.owned(ctx, gw, &deployment)
	if err != nil {
		return fmt.Errorf("get Deployment: %w", err)
	}
	seen.Running.DesiredReplicas = render.Replicas(gw)
	if !found {
		return nil
	}
	seen.Running.RolloutMessage = rolloutMessage(&deployment)
	seen.Running.RolloutPending = deployment.Status.ObservedGeneration < deployment.Generation
	selected := []client.ListOption{
		client.InNamespace(gw.Namespace), client.MatchingLabels{render.GatewayLabel: gw.Name},
	}
	sets := &metav1.PartialObjectMetadataList{}
	sets.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSetList"))
	if err := o.Reader.List(ctx, sets, selected...); err != nil {
		return fmt.Errorf("list ReplicaSets: %w", err)
	}
	var pods corev1.PodList
	if err := o.Reader.List(ctx, &pods, selected...); err != nil {
		return fmt.Errorf("list pods: %w", err)
	}
	seen.Pods = podsOf(&deployment, sets.Items, pods.Items)
	return nil
}

// owned gets an object of the gateway; one that is somebody else's counts as
// absent.
func (o *Observer) owned(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, object client.Object) (bool, error) {
	key := client.ObjectKey{Namespace: gw.Namespace, Name: compile.ObjectName(gw.Name)}
	if err := o.Reader.Get(ctx, key, object); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return metav1.IsControlledBy(object, gw), nil
}

// rolloutMessage says why the Deployment makes no pods: a quota, an admission
// rule. Anything else is seen on the pods themselves.
func rolloutMessage(deployment *appsv1.Deployment) string {
	for i := range deployment.Status.Conditions {
		condition := &deployment.Status.Conditions[i]
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			return condition.Message
		}
	}
	return ""
}

func (o *Observer) service(ctx context.Context, gw *wsv1alpha1.WebSocketGateway, running *status.Running) error {
	var service corev1.Service
	found, err := o.owned(ctx, gw, &service)
	if err != nil {
		return fmt.Errorf("get Service: %w", err)
	}
	if found {
		running.Addresses = addressesOf(&service)
	}
	return nil
}

// Types of addresses, as in the status of a gateway.
const (
	addressIP       = "IPAddress"
	addressHostname = "Hostname"
)

func addressesOf(service *corev1.Service) []status.Address {
	var found []status.Address
	if service.Spec.Type == corev1.ServiceTypeLoadBalancer {
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			if ingress.IP != "" {
				found = append(found, status.Address{Type: addressIP, Value: ingress.IP})
			}
			if ingress.Hostname != "" {
				found = append(found, status.Address{Type: addressHostname, Value: ingress.Hostname})
			}
		}
		return found
	}
	if service.Spec.ClusterIP != "" && service.Spec.ClusterIP != corev1.ClusterIPNone {
		found = append(found, status.Address{Type: addressIP, Value: service.Spec.ClusterIP})
	}
	return found
}
