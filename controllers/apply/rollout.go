// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// TemplateAnnotation remembers, on the Deployment, the hash of the pod template
// that was last written: whether a write replaces pods is known before it is made.
const TemplateAnnotation = "wsgateway.dev/template"

// Pace says when the pods of a gateway may be replaced.
type Pace struct {
	// Hold is true for a gateway whose pods shall stay as they are for now.
	Hold bool
	// May tells whether a gateway whose pods the release wants to replace may begin.
	// nil means yes.
	May func(ctx context.Context, gw *wsv1alpha1.WebSocketGateway) (bool, error)
}

// rolls says whose doing it is that a write replaces the pods.
type rolls int

const (
	rollsNot rolls = iota
	rollsBySpec
	rollsByRelease
)

// templateHash is empty for an object without a pod template.
func templateHash(content map[string]any) (string, error) {
	template, found, err := unstructured.NestedFieldNoCopy(content, "spec", "template")
	if err != nil || !found {
		return "", err
	}
	encoded, err := json.Marshal(template) // with its keys in order
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16]), nil
}

// rollsOf compares what was last written with what shall be. What somebody else
// has changed since is put back like any drift, and is no rollout of ours.
func rollsOf(want *desired, live *unstructured.Unstructured) rolls {
	noted := live.GetAnnotations()
	if noted[AppliedAnnotation] == want.hash {
		return rollsNot
	}
	switch noted[TemplateAnnotation] {
	case want.template:
		return rollsNot
	case "":
		// Written by a release that did not note it.
		if holds(templateOf(live.Object), templateOf(want.content), false) {
			return rollsNot
		}
	}
	before := noted[render.AskedAnnotation]
	after, _, _ := unstructured.NestedString(want.content, "metadata", "annotations", render.AskedAnnotation)
	if before != "" && before != after {
		return rollsBySpec
	}
	return rollsByRelease
}

func templateOf(deployment map[string]any) any {
	template, _, _ := unstructured.NestedFieldNoCopy(deployment, "spec", "template")
	return template
}

// paced tells whether the Deployment may be written now, and notes in result why
// not. A rollout that the spec asks for does not wait for others: somebody waits
// for it, and has chosen the time.
func (a *Applier) paced(
	ctx context.Context, gw *wsv1alpha1.WebSocketGateway, want *desired, live *unstructured.Unstructured, result *Result,
) (bool, error) {
	result.Template = live.GetAnnotations()[TemplateAnnotation] == want.template
	if live.GetDeletionTimestamp() != nil || a.journal.settled(want, live) {
		return true, nil
	}
	cause := rollsOf(want, live)
	if cause == rollsNot {
		return true, nil
	}
	waiting := &status.Rollout{
		From: imageOf(live.Object), To: imageOf(want.content), Held: result.pace.Hold, Asked: cause == rollsBySpec,
	}
	if result.pace.Hold {
		result.Rollout = waiting
		return false, nil
	}
	if cause == rollsBySpec || result.pace.May == nil {
		return true, nil
	}
	may, err := result.pace.May(ctx, gw)
	if err != nil {
		return false, err
	}
	if !may {
		result.Rollout = waiting
	}
	return may, nil
}

// scale brings the number of pods into force where the rest of the Deployment has
// to wait: load does not wait.
func (a *Applier) scale(ctx context.Context, want *desired, live *unstructured.Unstructured) error {
	before, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas")
	after, found, _ := unstructured.NestedInt64(want.content, "spec", "replicas")
	if !found || before == after {
		return nil
	}
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": live.GetUID()},
		"spec":     map[string]any{"replicas": after},
	})
	if err != nil {
		return fmt.Errorf("encode the number of replicas: %w", err)
	}
	target := &unstructured.Unstructured{}
	target.SetGroupVersionKind(want.kind)
	target.SetNamespace(want.key.Namespace)
	target.SetName(want.key.Name)
	err = a.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, body), client.FieldOwner(FieldOwner))
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("scale: %w", err)
	}
	return nil
}

func imageOf(deployment map[string]any) string {
	containers, _, _ := unstructured.NestedSlice(deployment, "spec", "template", "spec", "containers")
	for _, item := range containers {
		container, isMap := item.(map[string]any)
		if !isMap || container["name"] != render.ContainerName {
			continue
		}
		image, _ := container["image"].(string)
		return image
	}
	return ""
}
