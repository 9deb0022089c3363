// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Names in door.yaml and door-gateway.yaml.
const (
	doorSpace  = "door"
	doorName   = "door"
	doorHost   = "ws.door.example.com"
	doorIssuer = "https://id.door.example.com"
	doorPods   = 3
	// doorPort is where a pod listens for the listener's port 443.
	doorPort = "10443"
	// adminPort is where a pod answers with metrics and its report.
	adminPort = "19000"
	pageKept  = "https://app.example.com"
	pageGone  = "https://old.example.com"
)

// startPatience is how long pods may take to start: ten seconds on a machine
// that has nothing else to do.
const startPatience = 4 * time.Minute

//go:embed door.yaml
var doorWorld []byte

//go:embed door-gateway.yaml
var doorGateway []byte

// door is the chapter about who may connect: a gateway of three pods in a
// namespace of its own, beside an issuer's key server and a backend. A test
// speaks to each pod directly, so that it knows what each of them does.
type door struct {
	world *World
	roots *x509.CertPool
	pods  []*target
	names []string
	// control is where the key server is told what to publish.
	control string
	signers map[string]*signer
	ready   time.Time

	logs, operator *podLogs
	admitted       counter
	// shown are the credentials that were shown, and planted the marks in them.
	shown planted
}

// DoorSteps is the chapter in order. Each step relies on the first one only.
func (w *World) DoorSteps() []Step {
	d := &door{world: w, signers: map[string]*signer{}}
	return []Step{
		{"A gateway of three pods trusts an issuer with a key server", d.opens},
		{"A removed origin closes the connections of its pages, and no others", d.removedOrigin},
		{"A connection ends when its token does", d.expiry},
		{"A rotated signing key is known at once, and a withdrawn one lets nobody in or stay", d.rotation},
		{"A revocation closes the connections of whom it names at every pod within 2 s, until it ends", d.revocation},
		{"A changed authorization rule closes exactly those whom it would refuse now", d.changedRule},
		{"A CA that is taken out of the bundle lets none of its partners in or stay, nor by a session of before", d.rotatedCA},
		{"An authorization server in a pod lets in, keeps out, is missed, and changes its mind", d.external},
		{"A policy that is only tried refuses nobody, and counts whom it would", d.dryRun},
		{"Every connection has one opened and one closed audit record, and no credential is anywhere", d.nothingLeaks},
	}
}

// opens begins with an empty namespace, so that the chapter can be told again.
func (d *door) opens(ctx context.Context) (string, error) {
	if err := d.world.withoutSpace(ctx, doorSpace); err != nil {
		return "", err
	}
	started := time.Now()
	d.logs = d.world.follow(context.WithoutCancel(ctx), doorSpace, ofGateway(doorName))
	// An operator with nothing to complain about writes little: all of it.
	d.operator = d.world.followSince(context.WithoutCancel(ctx), nil, OperatorSpace, operatorLabels())
	for _, prepare := range []func(context.Context) error{
		func(ctx context.Context) error { return d.world.applyAll(ctx, doorWorld) },
		d.trust, d.credentials, d.keyServer,
		func(ctx context.Context) error { return d.trustPartners(ctx, "old-partners", "new-partners") },
		func(ctx context.Context) error { return d.world.applyAll(ctx, doorGateway) },
	} {
		if err := prepare(ctx); err != nil {
			return "", err
		}
	}
	key := client.ObjectKey{Namespace: doorSpace, Name: doorName}
	err := until(ctx, startPatience, func(ctx context.Context) error { return d.world.isCurrent(ctx, key) })
	if err != nil {
		return "", err
	}
	d.ready = time.Now()
	if err := d.findPods(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pods after %s", len(d.pods), time.Since(started).Round(100*time.Millisecond)), nil
}

// withoutSpace deletes a namespace and waits until it is gone.
func (w *World) withoutSpace(ctx context.Context, name string) error {
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	return until(ctx, startPatience, func(ctx context.Context) error {
		err := w.Client.Delete(ctx, space)
		if err == nil || apierrors.IsConflict(err) {
			return fmt.Errorf("namespace %s is still there", name)
		}
		return client.IgnoreNotFound(err)
	})
}

// trust takes the CA of the namespace: for the test, and in a ConfigMap for the
// pods that ask the key server.
func (d *door) trust(ctx context.Context) error {
	secret, err := d.world.issued(ctx, doorSpace, "door-ca")
	if err != nil {
		return err
	}
	d.roots = x509.NewCertPool()
	if !d.roots.AppendCertsFromPEM(secret.Data["tls.crt"]) {
		return errors.New("the Secret door-ca holds no certificate")
	}
	return create(ctx, d.world, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: doorSpace, Name: "door-ca"},
		Data:       map[string]string{"ca.crt": string(secret.Data["tls.crt"])},
	})
}

// issued waits for the Secret of a Certificate.
func (w *World) issued(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := until(ctx, startPatience, func(ctx context.Context) error {
		if err := w.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret); err != nil {
			return fmt.Errorf("get Secret: %w", err)
		}
		if len(secret.Data["tls.crt"]) == 0 {
			return fmt.Errorf("the Secret %s holds no certificate", name)
		}
		return nil
	})
	return secret, err
}

// keyServer waits for the key server and has it publish the first two keys.
func (d *door) keyServer(ctx context.Context) error {
	for _, name := range []string{"echo", "keys", "authz"} {
		if err := until(ctx, startPatience, d.world.available(doorSpace, name)); err != nil {
			return err
		}
	}
	var err error
	if d.control, err = d.controlOf(ctx, "keys", "8081"); err != nil {
		return err
	}
	for _, id := range []string{"first", "second", "third"} {
		one, err := newSigner(id)
		if err != nil {
			return err
		}
		d.signers[id] = one
	}
	return until(ctx, patience, func(ctx context.Context) error { return d.publish(ctx, "first", "second") })
}

// controlOf is where a server of the test is told what to do.
func (d *door) controlOf(ctx context.Context, name, port string) (string, error) {
	service := &corev1.Service{}
	if err := d.world.Client.Get(ctx, client.ObjectKey{Namespace: doorSpace, Name: name}, service); err != nil {
		return "", fmt.Errorf("get the Service of the test's server: %w", err)
	}
	return "http://" + net.JoinHostPort(service.Spec.ClusterIP, port), nil
}

func (w *World) available(namespace, deployment string) func(context.Context) error {
	return func(ctx context.Context) error {
		found := &appsv1.Deployment{}
		if err := w.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: deployment}, found); err != nil {
			return fmt.Errorf("get Deployment: %w", err)
		}
		if found.Status.AvailableReplicas == 0 {
			return fmt.Errorf("no pod of Deployment %s is available", deployment)
		}
		return nil
	}
}

// publish has the key server publish these keys and no others.
func (d *door) publish(ctx context.Context, ids ...string) error {
	var signers []*signer
	for _, id := range ids {
		signers = append(signers, d.signers[id])
	}
	set, err := keySet(signers...)
	if err != nil {
		return err
	}
	_, err = tell(ctx, http.MethodPut, d.control+"/jwks.json", bytes.NewReader(set))
	return err
}

// tell asks a test server over HTTP for something.
func tell(ctx context.Context, method, url string, body io.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return "", fmt.Errorf("build request: %w", err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return "", fmt.Errorf("ask a server of the test: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusMultipleChoices {
		return "", fmt.Errorf("%s %s: %s: %s: %w", method, url, answer.Status, text, err)
	}
	return string(text), nil
}

// findPods finds the address of each pod. The node lets the test reach them.
func (d *door) findPods(ctx context.Context) error {
	pods, err := d.world.pods(ctx, doorSpace, ofGateway(doorName))
	if err != nil {
		return err
	}
	d.pods, d.names = nil, nil
	for i := range pods {
		d.names = append(d.names, pods[i].Status.PodIP)
		d.pods = append(d.pods, &target{
			address: net.JoinHostPort(pods[i].Status.PodIP, doorPort), roots: d.roots, admitted: &d.admitted,
		})
	}
	if len(d.pods) != doorPods {
		return fmt.Errorf("%d pods, want %d", len(d.pods), doorPods)
	}
	return nil
}

// applyAll applies a manifest of several objects.
func (w *World) applyAll(ctx context.Context, manifest []byte) error {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read manifest: %w", err)
		}
		owner := client.FieldOwner("story")
		if err := w.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), owner, client.ForceOwnership); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

// change changes the gateway's spec and waits until every pod has it. It returns
// when the change was sent.
func (d *door) change(ctx context.Context, change func(*wsv1alpha1.WebSocketGatewaySpec)) (time.Time, error) {
	key := client.ObjectKey{Namespace: doorSpace, Name: doorName}
	gw := &wsv1alpha1.WebSocketGateway{}
	if err := d.world.Client.Get(ctx, key, gw); err != nil {
		return time.Time{}, fmt.Errorf("get gateway: %w", err)
	}
	changed := gw.DeepCopy()
	change(&changed.Spec)
	began := time.Now()
	if err := d.world.Client.Patch(ctx, changed, client.MergeFrom(gw)); err != nil {
		return began, fmt.Errorf("change the gateway: %w", err)
	}
	err := until(ctx, patience, func(ctx context.Context) error {
		if err := d.world.Client.Get(ctx, key, gw); err != nil {
			return fmt.Errorf("get gateway: %w", err)
		}
		return programmed(gw, changed.Generation)
	})
	return began, err
}

// invite opens n connections at each pod.
func (d *door) invite(ctx context.Context, name string, n int, a attempt) (party, error) {
	var mu sync.Mutex
	var guests party
	var problems []error
	var group sync.WaitGroup
	for i, pod := range d.pods {
		group.Go(func() {
			for number := range n {
				a := a
				a.to = pod
				conn, _, err := d.dial(ctx, a)
				mu.Lock()
				if err == nil {
					guests = append(guests, receive(fmt.Sprintf("%s %d at pod %d", name, number, i), conn))
				} else {
					problems = append(problems, fmt.Errorf("%s at pod %d: %w", name, i, err))
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(problems) > 0 {
		guests.leave()
		return nil, first(problems)
	}
	return guests, nil
}

// refusedEverywhere makes a handshake at each pod, which must refuse it.
func (d *door) refusedEverywhere(ctx context.Context, a attempt, status int) error {
	var problems []error
	for i, pod := range d.pods {
		a.to = pod
		conn, response, err := d.dial(ctx, a)
		switch {
		case err == nil:
			_ = conn.Close()
			problems = append(problems, fmt.Errorf("pod %d let it in", i))
		case response == nil:
			problems = append(problems, fmt.Errorf("pod %d gave no answer: %w", i, err))
		case response.StatusCode != status:
			problems = append(problems, fmt.Errorf("pod %d answered %d, want %d", i, response.StatusCode, status))
		}
	}
	return first(problems)
}
