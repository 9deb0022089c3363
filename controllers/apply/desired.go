// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
)

// desired is one object as it shall be.
type desired struct {
	gateway client.ObjectKey
	// generation of the gateway that this is for.
	generation int64
	kind       schema.GroupVersionKind
	key        client.ObjectKey
	// content is what was rendered and nothing else; it is never changed.
	content map[string]any
	hash    string
	// template is the hash of the pod template; empty for all but a Deployment.
	template string
}

func newDesired(gw *wsv1alpha1.WebSocketGateway, object *render.Object) (*desired, error) {
	encoded, err := json.Marshal(object.Apply)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", object.Kind.Kind, object.Name, err)
	}
	// This decoder keeps whole numbers whole, as the converter of live objects
	// does; the standard one makes floats of them.
	content := map[string]any{}
	if err := utiljson.Unmarshal(encoded, &content); err != nil {
		return nil, fmt.Errorf("decode %s %s: %w", object.Kind.Kind, object.Name, err)
	}
	template, err := templateHash(content)
	if err != nil {
		return nil, fmt.Errorf("encode the pod template of %s %s: %w", object.Kind.Kind, object.Name, err)
	}
	sum := sha256.Sum256(encoded)
	return &desired{
		gateway:    client.ObjectKeyFromObject(gw),
		generation: gw.Generation,
		kind:       object.Kind,
		key:        client.ObjectKey{Namespace: gw.Namespace, Name: object.Name},
		content:    content,
		hash:       hex.EncodeToString(sum[:16]),
		template:   template,
	}, nil
}

// stamped is the object to write: with the hashes of what is written and, if uid
// is not empty, bound to the object of that UID.
func (d *desired) stamped(uid string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(d.content)}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[AppliedAnnotation] = d.hash
	if d.template != "" {
		annotations[TemplateAnnotation] = d.template
	}
	object.SetAnnotations(annotations)
	if uid != "" {
		_ = unstructured.SetNestedField(object.Object, uid, "metadata", "uid")
	}
	return object
}

// isHeldBy tells whether live is what was rendered: last written by us with
// the same content, and not changed since where it matters.
func (d *desired) isHeldBy(live *unstructured.Unstructured) bool {
	noted := live.GetAnnotations()
	if noted[AppliedAnnotation] != d.hash || noted[TemplateAnnotation] != d.template {
		return false
	}
	for field, want := range d.content {
		if field == "apiVersion" || field == "kind" {
			continue
		}
		if !holdsField(live.Object, field, want, false) {
			return false
		}
	}
	return true
}

func contractName(gw *wsv1alpha1.WebSocketGateway) string { return compile.ObjectName(gw.Name) }
