// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strconv"
	"sync"
	"time"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/observe"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// simulatedPods play the gateway pods and their kubelets: a pod sees what is in
// its volumes when it starts, and again each time it is touched.
type simulatedPods struct {
	bench *bench

	mu     sync.Mutex
	states map[types.UID]*podState
	// mute pods do not answer.
	mute bool
	// blind kubelets do not look at volumes when they are told to.
	blind bool
	// problems that every pod reports.
	problems []contract.ReportProblem
	// leaves play the content of the Secrets, by listener.
	leaves map[string]contract.CertificateReport
	asked  int
	// closes is how many connections each pod ends for each revocation that it sees.
	closes int64
	// hold, if not nil, delays every answer until it is closed.
	hold chan struct{}
}

type podState struct {
	touch  string
	looked bool
	files  map[string]contract.FileState
	leaves map[string]contract.CertificateReport
	// revoked are the revocations in its file, by ID.
	revoked []string
}

func newSimulatedPods(b *bench) *simulatedPods {
	return &simulatedPods{
		bench: b, states: map[types.UID]*podState{}, leaves: map[string]contract.CertificateReport{},
	}
}

// Report implements observe.Reporter.
func (s *simulatedPods) Report(ctx context.Context, target observe.Target, etag string) (observe.Answer, error) {
	var pod corev1.Pod
	key := client.ObjectKey{Namespace: target.Gateway.Namespace, Name: target.Pod}
	if err := s.bench.admin.Get(ctx, key, &pod); err != nil {
		return observe.Answer{}, err
	}
	if err := s.wait(ctx); err != nil {
		return observe.Answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.mute {
		return observe.Answer{}, errors.New("connection refused")
	}
	state := s.states[pod.UID]
	if state == nil {
		state = &podState{}
		s.states[pod.UID] = state
	}
	touch := pod.Annotations[apply.TouchAnnotation]
	if !state.looked || (touch != state.touch && !s.blind) {
		if err := s.look(ctx, state, target.Gateway); err != nil {
			return observe.Answer{}, err
		}
		state.touch, state.looked = touch, true
	}
	report := s.report(state, &pod, target.Gateway)
	encoded, err := json.Marshal(report)
	if err != nil {
		return observe.Answer{}, err
	}
	if tag := contract.Digest(encoded); tag != etag {
		return observe.Answer{Report: report, ETag: tag}, nil
	}
	return observe.Answer{}, observe.ErrUnchanged
}

// haveSeen tells whether all pods that were asked have seen the file.
func (s *simulatedPods) haveSeen(file, digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, state := range s.states {
		if state.files[file].Seen != digest {
			return false
		}
	}
	return len(s.states) > 0
}

func (s *simulatedPods) wait(ctx context.Context) error {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold == nil {
		return nil
	}
	select {
	case <-hold:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *simulatedPods) look(ctx context.Context, state *podState, gateway types.NamespacedName) error {
	var files corev1.ConfigMap
	key := client.ObjectKey{Namespace: gateway.Namespace, Name: compile.ObjectName(gateway.Name)}
	if err := s.bench.admin.Get(ctx, key, &files); client.IgnoreNotFound(err) != nil {
		return err
	}
	state.files = map[string]contract.FileState{}
	for name, content := range files.Data {
		digest := contract.Digest([]byte(content))
		state.files[name] = contract.FileState{Seen: digest, InForce: digest}
	}
	state.leaves = maps.Clone(s.leaves)
	return state.revoke(files.Data[contract.RevocationsFile])
}

func (s *podState) revoke(file string) error {
	s.revoked = nil
	if file == "" {
		return nil
	}
	parsed, err := contract.ParseRevocations([]byte(file))
	for i := range parsed.Revocations {
		s.revoked = append(s.revoked, parsed.Revocations[i].ID())
	}
	return err
}

func (s *simulatedPods) report(
	state *podState, pod *corev1.Pod, gateway types.NamespacedName,
) contract.Report {
	report := contract.Report{
		Version: contract.Version, PodUID: string(pod.UID), BootID: "boot", Ready: true, MaxConnections: 10_000,
		Gateway:  contract.GatewayRef{Namespace: gateway.Namespace, Name: gateway.Name},
		Files:    state.files,
		Problems: s.problems,
	}
	for _, id := range state.revoked {
		if report.Revoked == nil {
			report.Revoked = map[string]int64{}
		}
		report.Revoked[id] = s.closes
	}
	for listener, leaf := range state.leaves {
		report.Listeners = append(report.Listeners, contract.ListenerReport{
			Name: listener, Address: "[::]:10443", Certificate: new(leaf),
		})
	}
	return report
}

func (s *simulatedPods) set(change func(*simulatedPods)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// rollOut plays the Deployment controller and the kubelets: it makes the
// ReplicaSet of the current template and as many running pods as are wanted.
func (b *bench) rollOut(gateway string) []corev1.Pod {
	b.t.Helper()
	var deployment appsv1.Deployment
	key := client.ObjectKey{Namespace: b.namespace, Name: compile.ObjectName(gateway)}
	b.g.Eventually(func() error { return b.admin.Get(b.ctx, key, &deployment) }).Should(Succeed())
	b.g.Eventually(func() error {
		if err := b.admin.Get(b.ctx, key, &deployment); err != nil {
			return err
		}
		metav1.SetMetaDataAnnotation(&deployment.ObjectMeta, "deployment.kubernetes.io/revision", "1")
		return b.admin.Update(b.ctx, &deployment)
	}).Should(Succeed())
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.namespace, Name: deployment.Name + "-1", Labels: deployment.Spec.Template.Labels,
			Annotations: map[string]string{"deployment.kubernetes.io/revision": "1"},
		},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: deployment.Spec.Replicas, Selector: deployment.Spec.Selector, Template: deployment.Spec.Template,
		},
	}
	b.g.Expect(controllerutil.SetControllerReference(&deployment, set, b.scheme)).To(Succeed())
	b.g.Expect(b.admin.Create(b.ctx, set)).To(Succeed())
	var pods []corev1.Pod
	for i := range *deployment.Spec.Replicas {
		pods = append(pods, b.runPod(set, int(i)))
	}
	return pods
}

func (b *bench) runPod(set *appsv1.ReplicaSet, number int) corev1.Pod {
	b.t.Helper()
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.namespace, Name: fmt.Sprintf("%s-%d", set.Name, number), Labels: set.Spec.Template.Labels,
		},
		Spec: set.Spec.Template.Spec,
	}
	b.g.Expect(controllerutil.SetControllerReference(set, &pod, b.scheme)).To(Succeed())
	b.g.Expect(b.admin.Create(b.ctx, &pod)).To(Succeed())
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: "192.0.2.1" + strconv.Itoa(number),
		PodIPs: []corev1.PodIP{{IP: "192.0.2.1" + strconv.Itoa(number)}},
		Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
		}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: render.ContainerName, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}},
	}
	b.g.Expect(b.admin.Status().Update(b.ctx, &pod)).To(Succeed())
	return pod
}

// leaf is a certificate that somebody issued.
type leaf struct {
	pem    []byte
	report contract.CertificateReport
}

func (b *bench) newLeaf(serial int64) leaf {
	b.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	b.g.Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"ws.example.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	b.g.Expect(err).NotTo(HaveOccurred())
	sum := sha256.Sum256(der)
	return leaf{
		pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		report: contract.CertificateReport{
			SerialNumber: strconv.FormatInt(serial, 16), SHA256: hex.EncodeToString(sum[:]),
			NotBefore: template.NotBefore.UTC().Truncate(time.Second), NotAfter: template.NotAfter.UTC().Truncate(time.Second),
			DNSNames: template.DNSNames,
		},
	}
}

// issue plays cert-manager: the certificate of a listener in a revision. The
// Secret has it first, then the status says so.
func (b *bench) issue(gateway, listener string, revision int) leaf {
	b.t.Helper()
	return b.issueCertificate(compile.CertificateSecretName(gateway, listener), listener, revision)
}

func (b *bench) issueCertificate(name, listener string, revision int) leaf {
	b.t.Helper()
	var certificate cmv1.Certificate
	key := client.ObjectKey{Namespace: b.namespace, Name: name}
	b.g.Eventually(func() error { return b.admin.Get(b.ctx, key, &certificate) }).Should(Succeed())
	issued := b.newLeaf(int64(revision) + 1000)
	b.pods.set(func(s *simulatedPods) { s.leaves[listener] = issued.report })

	request := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.namespace, Name: fmt.Sprintf("%s-%d", certificate.Name, revision), Labels: certificate.Labels,
			Annotations: map[string]string{cmv1.CertificateRequestRevisionAnnotationKey: strconv.Itoa(revision)},
		},
		Spec: cmv1.CertificateRequestSpec{Request: []byte("request"), IssuerRef: certificate.Spec.IssuerRef},
	}
	b.g.Expect(controllerutil.SetControllerReference(&certificate, request, b.scheme)).To(Succeed())
	b.g.Expect(b.admin.Create(b.ctx, request)).To(Succeed())
	request.Status.Certificate = issued.pem
	request.Status.Conditions = []cmv1.CertificateRequestCondition{{
		Type: cmv1.CertificateRequestConditionReady, Status: cmmetav1.ConditionTrue, Reason: "Issued",
		LastTransitionTime: new(metav1.Now()),
	}}
	b.g.Expect(b.admin.Status().Update(b.ctx, request)).To(Succeed())
	b.g.Eventually(func() error {
		if err := b.admin.Get(b.ctx, key, &certificate); err != nil {
			return err
		}
		certificate.Status.Revision = new(revision)
		certificate.Status.NotAfter = new(metav1.NewTime(issued.report.NotAfter))
		certificate.Status.Conditions = []cmv1.CertificateCondition{{
			Type: cmv1.CertificateConditionReady, Status: cmmetav1.ConditionTrue, Reason: "Ready",
			LastTransitionTime: new(metav1.Now()),
		}}
		return b.admin.Status().Update(b.ctx, &certificate)
	}).Should(Succeed())
	return issued
}

// collectGarbage plays the garbage collector for a gateway that is gone.
func (b *bench) collectGarbage(owner string) {
	b.t.Helper()
	for _, kind := range apply.Kinds() {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		b.g.Expect(b.admin.List(b.ctx, list, client.InNamespace(b.namespace))).To(Succeed())
		for i := range list.Items {
			controller := metav1.GetControllerOf(&list.Items[i])
			if controller == nil || string(controller.UID) != owner {
				continue
			}
			list.Items[i].SetGroupVersionKind(kind)
			b.g.Expect(b.admin.Delete(b.ctx, &list.Items[i],
				client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
		}
	}
}
