// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/apply"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// releaseBefore has what the release before this one made of a gateway.
const releaseBefore = "../test/skew/testdata/v0.1.0/pods/least"

// stateOfTheReleaseBefore makes the gateway and its objects as the release before
// has left them: by a Create, under the same name as a writer, with its own hash.
func (b *bench) stateOfTheReleaseBefore() {
	b.t.Helper()
	gw := &wsv1alpha1.WebSocketGateway{}
	data, err := os.ReadFile(filepath.Join(releaseBefore, "gateway.yaml"))
	b.g.Expect(err).NotTo(HaveOccurred())
	b.g.Expect(yaml.UnmarshalStrict(data, gw)).To(Succeed())
	gw.Namespace, gw.UID, gw.Generation = b.namespace, "", 0
	b.create(gw)

	data, err = os.ReadFile(filepath.Join(releaseBefore, "objects.yaml"))
	b.g.Expect(err).NotTo(HaveOccurred())
	data = bytes.ReplaceAll(data, []byte("--gateway=default/"), []byte("--gateway="+b.namespace+"/"))
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data))); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		b.g.Expect(err).NotTo(HaveOccurred())
		object := &unstructured.Unstructured{}
		b.g.Expect(yaml.Unmarshal(document, object)).To(Succeed())
		object.SetNamespace(b.namespace)
		owners := object.GetOwnerReferences()
		owners[0].UID = gw.UID
		object.SetOwnerReferences(owners)
		object.SetAnnotations(map[string]string{apply.AppliedAnnotation: "of-the-release-before"})
		if object.GetKind() == render.DeploymentKind().Kind {
			b.withoutPullSecrets(object)
		}
		b.g.Expect(b.admin.Create(b.ctx, object, client.FieldOwner(apply.FieldOwner))).To(Succeed())
	}
}

// withoutPullSecrets: the operators of these tests are installed without them.
func (b *bench) withoutPullSecrets(deployment *unstructured.Unstructured) {
	b.t.Helper()
	unstructured.RemoveNestedField(deployment.Object, "spec", "template", "spec", "imagePullSecrets")
	containers, _, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	b.g.Expect(err).NotTo(HaveOccurred())
	container, isMap := containers[0].(map[string]any)
	b.g.Expect(isMap).To(BeTrue())
	delete(container, "imagePullPolicy")
	b.image, _ = container["image"].(string)
	b.g.Expect(unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers")).To(Succeed())
}

// What is noted about the pods is added to the Deployment; its spec stays, and so
// no pod is replaced and none is added.
func TestAnOperatorUpgradeAloneReplacesNoPod(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	b.stateOfTheReleaseBefore()
	before := b.deployment("edge")
	b.start()
	b.g.Eventually(func() map[string]string { return b.deployment("edge").Annotations }).Should(HaveKey(apply.TemplateAnnotation))
	b.quiet()
	after := b.deployment("edge")
	b.g.Expect(cmp.Diff(before.Spec, after.Spec)).To(BeEmpty())
	b.g.Expect(after.UID).To(Equal(before.UID))
}

// The image of this release comes in turns also to gateways whose Deployment the
// release before has left, which noted nothing about its pods.
func TestAnUpgradeOfTheImageWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	b := newBenchIn(t, shared)
	b.stateOfTheReleaseBefore()
	before := b.deployment("edge")
	b.annotate("edge", wsv1alpha1.AnnotationHoldRollout, "true")
	b.image = newImage
	b.start()
	b.warns("edge", newImage)
	b.quiet()
	b.g.Expect(b.deployment("edge").Generation).To(Equal(before.Generation))
	b.annotate("edge", wsv1alpha1.AnnotationHoldRollout, "")
	var deployment *appsv1.Deployment
	b.g.Eventually(func() string {
		deployment = b.deployment("edge")
		return deployment.Spec.Template.Spec.Containers[0].Image
	}).Should(Equal(newImage))
	b.g.Expect(deployment.Generation).To(Equal(before.Generation + 1))
}
