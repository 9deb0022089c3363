// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package inspect looks at a gateway and at everything that it consists of and
// depends on: Gather reads, New thinks, Tree prints.
package inspect

import (
	"context"
	"fmt"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/text"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// Facts are what was found of one gateway.
type Facts struct {
	Gateway      *wsv1alpha1.WebSocketGateway
	Certificates []cmv1.Certificate
	Requests     []cmv1.CertificateRequest
	Orders       []acmev1.Order
	Challenges   []acmev1.Challenge
	Pods         []corev1.Pod
	// States are what running pods answered, by name. Nil when none was asked.
	States map[string]ask.Answer[*control.State]
	// Slices are the endpoints of the backends, by the name that compile.ServiceName
	// gives the Service; a Service that does not exist is not in it.
	Slices map[string][]discoveryv1.EndpointSlice
	// ServicesKnown is false when Services could not be read.
	ServicesKnown bool
	// Attached are the WebSocketRoutes that name the gateway, as far as they may be
	// read.
	Attached    []wsv1alpha1.WebSocketRoute
	Revocations []wsv1alpha1.WebSocketRevocation
	// Notes say what could not be looked at.
	Notes []string
}

// Options of Gather.
type Options struct {
	// AskPods: by port-forward. Without it only the API server is asked.
	AskPods bool
}

// Gather reads what there is. What cannot be read becomes a note: who may see a
// part sees that part.
func Gather(ctx context.Context, c *cluster.Cluster, pods *ask.Pods, gw *wsv1alpha1.WebSocketGateway, options Options) *Facts {
	f := &Facts{Gateway: gw}
	key := client.ObjectKeyFromObject(gw)
	own := []client.ListOption{client.InNamespace(gw.Namespace), client.MatchingLabels{render.GatewayLabel: gw.Name}}
	f.certificates(ctx, c.Objects, own)
	found, err := c.Pods(ctx, key)
	f.note("pods", err)
	f.Pods = found
	var revocations wsv1alpha1.WebSocketRevocationList
	f.note("revocations", c.Objects.List(ctx, &revocations, client.InNamespace(gw.Namespace)))
	for i := range revocations.Items {
		if names(&revocations.Items[i], gw.Name) {
			f.Revocations = append(f.Revocations, revocations.Items[i])
		}
	}
	f.attached(ctx, c.Objects)
	f.backends(ctx, c.Objects)
	if options.AskPods {
		f.ask(ctx, pods)
	}
	return f
}

func names(revocation *wsv1alpha1.WebSocketRevocation, gateway string) bool {
	for _, ref := range revocation.Spec.GatewayRefs {
		if ref.Name == gateway {
			return true
		}
	}
	return false
}

// certificates follows the chain of cert-manager's objects. Challenges carry no
// label of ours, so all of the namespace are read and matched by owner.
func (f *Facts) certificates(ctx context.Context, reader client.Reader, own []client.ListOption) {
	if !f.issues() {
		return
	}
	var certificates cmv1.CertificateList
	var requests cmv1.CertificateRequestList
	var orders acmev1.OrderList
	var challenges acmev1.ChallengeList
	space := client.InNamespace(f.Gateway.Namespace)
	if len(compile.Certificates(f.Gateway)) > 0 {
		own = []client.ListOption{space} // those of others do not carry our label
	}
	f.note("Certificates", reader.List(ctx, &certificates, own...))
	f.note("CertificateRequests", reader.List(ctx, &requests, own...))
	f.note("Orders", reader.List(ctx, &orders, own...))
	f.note("Challenges", reader.List(ctx, &challenges, space))
	f.Certificates, f.Requests, f.Orders, f.Challenges = certificates.Items, requests.Items, orders.Items, challenges.Items
}

// issues tells whether cert-manager has anything to do with the gateway.
func (f *Facts) issues() bool {
	for i := range f.Gateway.Spec.Listeners {
		if f.Gateway.Spec.Listeners[i].TLS.Certificate.SecretRef == nil {
			return true
		}
	}
	return false
}

func (f *Facts) backends(ctx context.Context, reader client.Reader) {
	f.Slices, f.ServicesKnown = map[string][]discoveryv1.EndpointSlice{}, true
	for _, name := range backendNames(f.Gateway) {
		service := &corev1.Service{}
		namespace, own := compile.ServiceKey(f.Gateway.Namespace, name)
		err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: own}, service)
		if apierrors.IsNotFound(err) {
			continue
		}
		var list discoveryv1.EndpointSliceList
		if err == nil {
			err = reader.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: own})
		}
		if err != nil {
			f.ServicesKnown = false
			f.note("Services and EndpointSlices", err)
			return
		}
		f.Slices[name] = list.Items
	}
}

func backendNames(gw *wsv1alpha1.WebSocketGateway) []string {
	var found []string
	seen := map[string]bool{}
	for i := range gw.Spec.Routes {
		for _, ref := range gw.Spec.Routes[i].BackendRefs {
			if name := compile.ServiceName(gw.Namespace, ref.Namespace, ref.Name); !seen[name] {
				seen[name] = true
				found = append(found, name)
			}
		}
	}
	return found
}

func (f *Facts) ask(ctx context.Context, pods *ask.Pods) {
	f.States = map[string]ask.Answer[*control.State]{}
	running := cluster.Running(f.Pods)
	silent, why := 0, error(nil)
	for _, answer := range ask.Each(ctx, running, pods.State) {
		f.States[answer.Pod.Name] = answer
		if answer.Err != nil {
			silent, why = silent+1, answer.Err
		}
	}
	if silent > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d of %s did not answer: %v", silent, text.Count(len(running), "running pod"), why))
	}
}

// note says what could not be read, if so.
func (f *Facts) note(what string, err error) {
	switch {
	case err == nil:
	case meta.IsNoMatchError(err):
		f.Notes = append(f.Notes, what+": the cluster does not have this kind; cert-manager is not installed, or not completely")
	case apierrors.IsForbidden(err):
		f.Notes = append(f.Notes, what+": you may not read them, so they are not shown")
	default:
		f.Notes = append(f.Notes, fmt.Sprintf("%s: %v", what, err))
	}
}
