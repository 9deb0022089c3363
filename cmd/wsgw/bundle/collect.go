// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/inspect"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// Collector fills an archive. What cannot be read is noted in the manifest, and
// keeps nothing else out.
type Collector struct {
	Cluster *cluster.Cluster
	Pods    *ask.Pods
	// Identities lets audit records and revocations in.
	Identities bool
	// LogLines is how many of the last lines of each log.
	LogLines int64
	Now      func() time.Time
}

// Collect fills the archive with what concerns one gateway.
func (c *Collector) Collect(ctx context.Context, a *Archive, gw *wsv1alpha1.WebSocketGateway) {
	version, err := c.Cluster.Version(ctx)
	a.Miss("version of the API server", err)
	a.Manifest.Server = version
	facts := inspect.Gather(ctx, c.Cluster, c.Pods, gw, inspect.Options{AskPods: true})
	report := inspect.New(facts)
	a.Add("status.txt", "what wsgw status -o wide shows", []byte(report.Text(c.Now(), true)))
	c.json(a, "status.json", "the same as JSON", report)
	c.objects(ctx, a, gw)
	for i := range facts.Pods {
		c.pod(ctx, a, "pods", &facts.Pods[i])
	}
	c.running(ctx, a, facts)
	c.operator(ctx, a)
}

func (c *Collector) json(a *Archive, name, about string, value any) {
	data, err := json.MarshalIndent(value, "", "  ")
	a.Miss(name, err)
	a.Add(name, about, data)
}

// kinds are what carries our label. Secrets are not among them and never will be.
func kinds() []schema.GroupVersionKind {
	of := func(group, kind string) schema.GroupVersionKind {
		return schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind}
	}
	return []schema.GroupVersionKind{
		render.DeploymentKind(), of("apps", "ReplicaSet"), of("", "Pod"), render.ServiceKind(),
		render.ConfigMapKind(), render.ServiceAccountKind(), render.NetworkPolicyKind(), render.PodDisruptionBudgetKind(),
		render.CertificateKind(), of("cert-manager.io", "CertificateRequest"), of("acme.cert-manager.io", "Order"),
	}
}

func (c *Collector) objects(ctx context.Context, a *Archive, gw *wsv1alpha1.WebSocketGateway) {
	space := client.InNamespace(gw.Namespace)
	mine := wsv1alpha1.SchemeGroupVersion.WithKind(wsv1alpha1.KindWebSocketGateway)
	c.one(ctx, a, mine, gw.Namespace, gw.Name)
	for _, kind := range kinds() {
		c.list(ctx, a, kind, all, space, client.MatchingLabels{render.GatewayLabel: gw.Name})
	}
	c.list(ctx, a, schema.GroupVersionKind{Group: "acme.cert-manager.io", Version: "v1", Kind: "Challenge"},
		startsWith(compile.ObjectName(gw.Name)), space)
	c.list(ctx, a, wsv1alpha1.SchemeGroupVersion.WithKind("WebSocketRevocation"), all, space)
	c.list(ctx, a, schema.GroupVersionKind{Version: "v1", Kind: "Event"}, concerns(gw), space)
	for _, name := range references(gw) {
		c.one(ctx, a, schema.GroupVersionKind{Version: "v1", Kind: name.kind}, name.namespace, name.name)
		if name.kind == "Service" {
			c.list(ctx, a, schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"}, all,
				client.InNamespace(name.namespace), client.MatchingLabels{"kubernetes.io/service-name": name.name})
		}
	}
	for _, name := range compile.Certificates(gw) {
		c.one(ctx, a, schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: compile.KindCertificate}, gw.Namespace, name)
	}
	for _, issuer := range issuers(gw) {
		c.one(ctx, a, schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: issuer.kind}, issuer.namespace, issuer.name)
	}
}

type issuerName struct{ kind, namespace, name string }

// issuers are those of cert-manager that the listeners name, once each.
func issuers(gw *wsv1alpha1.WebSocketGateway) []issuerName {
	var found []issuerName
	for i := range gw.Spec.Listeners {
		ref := gw.Spec.Listeners[i].TLS.Certificate.IssuerRef
		if ref == nil || ref.Group != "" && ref.Group != "cert-manager.io" {
			continue
		}
		one := issuerName{cmp.Or(ref.Kind, "Issuer"), gw.Namespace, ref.Name}
		if one.kind == "ClusterIssuer" {
			one.namespace = ""
		}
		if !slices.Contains(found, one) {
			found = append(found, one)
		}
	}
	return found
}

func all(*unstructured.Unstructured) bool { return true }

func startsWith(prefix string) func(*unstructured.Unstructured) bool {
	return func(o *unstructured.Unstructured) bool { return strings.HasPrefix(o.GetName(), prefix) }
}

// concerns picks the events of the gateway and of what it consists of.
func concerns(gw *wsv1alpha1.WebSocketGateway) func(*unstructured.Unstructured) bool {
	return func(o *unstructured.Unstructured) bool {
		kind, _, _ := unstructured.NestedString(o.Object, "involvedObject", "kind")
		name, _, _ := unstructured.NestedString(o.Object, "involvedObject", "name")
		return kind == wsv1alpha1.KindWebSocketGateway && name == gw.Name || strings.HasPrefix(name, compile.ObjectName(gw.Name))
	}
}

type reference struct{ kind, namespace, name string }

// references are the Services and ConfigMaps that the spec names, once each.
func references(gw *wsv1alpha1.WebSocketGateway) []reference {
	var found []reference
	for _, ref := range compile.References(gw, false) {
		one := reference{ref.Kind, cmp.Or(ref.Namespace, gw.Namespace), ref.Name}
		if (ref.Kind == compile.KindService || ref.Kind == compile.KindConfigMap) && !slices.Contains(found, one) {
			found = append(found, one)
		}
	}
	return found
}

func (c *Collector) one(ctx context.Context, a *Archive, kind schema.GroupVersionKind, namespace, name string) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := c.Cluster.Objects.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		a.Miss(kind.Kind+" "+name, err)
		return
	}
	c.add(a, []unstructured.Unstructured{*object})
}

func (c *Collector) list(
	ctx context.Context, a *Archive, kind schema.GroupVersionKind, keep func(*unstructured.Unstructured) bool, options ...client.ListOption,
) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := c.Cluster.Objects.List(ctx, list, append(options, client.Limit(1000))...); err != nil {
		a.Miss(kind.Kind+"s", err)
		return
	}
	var kept []unstructured.Unstructured
	for i := range list.Items {
		if keep(&list.Items[i]) {
			kept = append(kept, list.Items[i])
		}
	}
	c.add(a, kept)
}

// add writes objects of one kind, one file for each; events into one.
func (c *Collector) add(a *Archive, objects []unstructured.Unstructured) {
	var events bytes.Buffer
	for i := range objects {
		kind, name := objects[i].GetKind(), objects[i].GetName()
		redact(&objects[i], c.Identities)
		data, err := yaml.Marshal(objects[i].Object)
		if err != nil {
			a.Miss(kind+" "+name, err)
			continue
		}
		if kind == "Event" {
			events.WriteString("---\n")
			events.Write(data)
			continue
		}
		a.Add(path.Join("objects", strings.ToLower(kind), name+".yaml"), kind, data)
	}
	if events.Len() > 0 {
		a.Add("events.yaml", "events of the gateway and its objects", events.Bytes())
	}
}

// running asks pods what they know of themselves.
func (c *Collector) running(ctx context.Context, a *Archive, facts *inspect.Facts) {
	names := cluster.Running(facts.Pods)
	for _, name := range names {
		answer := facts.States[name.Name]
		a.Miss("state of pod "+name.Name, answer.Err)
		if answer.Err == nil && answer.Value != nil {
			if !c.Identities {
				answer.Value.Drain.ClaimedBy = ""
			}
			c.json(a, path.Join("pods", name.Name, "state.json"), "what the pod knows of itself", answer.Value)
		}
	}
	for _, answer := range ask.Each(ctx, names, c.Pods.Metrics) {
		a.Miss("metrics of pod "+answer.Pod.Name, answer.Err)
		if answer.Err == nil {
			a.Add(path.Join("pods", answer.Pod.Name, "metrics.txt"), "metrics in Prometheus' text format", answer.Value)
		}
	}
}

// operatorLabels find the operator, wherever it is installed.
func operatorLabels() client.MatchingLabels {
	return client.MatchingLabels{"app.kubernetes.io/name": "websocket-gateway-operator"}
}

func (c *Collector) operator(ctx context.Context, a *Archive) {
	var pods corev1.PodList
	if err := c.Cluster.Objects.List(ctx, &pods, operatorLabels()); err != nil {
		a.Miss("operator", err)
		return
	}
	if len(pods.Items) == 0 {
		a.Miss("operator", errors.New("no pod in any namespace has its label"))
	}
	for i := range pods.Items {
		c.one(ctx, a, schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, pods.Items[i].Namespace, pods.Items[i].Name)
		c.pod(ctx, a, "operator", &pods.Items[i])
	}
}

// pod collects the logs of our containers of a pod, and those of the run before.
func (c *Collector) pod(ctx context.Context, a *Archive, folder string, pod *corev1.Pod) {
	key := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if !isOurs(status.Name) {
			continue
		}
		name := path.Join(folder, pod.Name, status.Name)
		c.log(ctx, a, name+".log", key, &corev1.PodLogOptions{Container: status.Name})
		if status.RestartCount > 0 {
			c.log(ctx, a, name+".previous.log", key, &corev1.PodLogOptions{Container: status.Name, Previous: true})
		}
	}
}
