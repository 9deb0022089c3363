// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// redact takes out of an object what may be a credential, or, unless identities
// are wanted, who somebody is. Whatever a cluster adds to our pods (sidecars,
// their variables and annotations) is none of our business.
func redact(object *unstructured.Unstructured, identities bool) {
	object.SetManagedFields(nil)
	object.SetAnnotations(annotations(object.GetAnnotations()))
	content := object.Object
	switch object.GetKind() {
	case "Pod":
		podSpec(content, "spec")
	case "Deployment", "ReplicaSet":
		podSpec(content, "spec", "template", "spec")
		template, _, _ := unstructured.NestedStringMap(content, "spec", "template", "metadata", "annotations")
		if len(template) > 0 {
			_ = unstructured.SetNestedStringMap(content, annotations(template), "spec", "template", "metadata", "annotations")
		}
	case "Challenge":
		// With the key somebody could pass the challenge for another.
		hide(content, "spec", "key")
		hide(content, "spec", "token")
		hide(content, "spec", "solver")
	case "ConfigMap":
		configMap(content, identities)
	case "Issuer", "ClusterIssuer":
		issuer(content)
	case "WebSocketRevocation":
		if !identities {
			revocation(content)
		}
	}
}

// annotations keeps those whose owners we know.
func annotations(all map[string]string) map[string]string {
	kept := map[string]string{}
	for name, value := range all {
		group, _, _ := strings.Cut(name, "/")
		switch {
		case name == "kubectl.kubernetes.io/last-applied-configuration":
			// A second copy of the spec, without any of what is done here.
		case group == "wsgateway.dev", group == "cert-manager.io", group == "acme.cert-manager.io",
			group == "deployment.kubernetes.io", group == "kubectl.kubernetes.io":
			kept[name] = value
		default:
			kept[name] = redacted
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// ours are the containers whose command line is known to hold no credential.
func ours() []string { return []string{"gateway", "manager"} }

func podSpec(content map[string]any, path ...string) {
	for _, field := range []string{"containers", "initContainers", "ephemeralContainers"} {
		list, found, _ := unstructured.NestedSlice(content, append(slices.Clone(path), field)...)
		if !found {
			continue
		}
		for _, item := range list {
			container, isMap := item.(map[string]any)
			if !isMap {
				continue
			}
			variables(container)
			if name, _ := container["name"].(string); !slices.Contains(ours(), name) {
				hide(container, "command")
				hide(container, "args")
			}
		}
		_ = unstructured.SetNestedSlice(content, list, append(slices.Clone(path), field)...)
	}
}

func variables(container map[string]any) {
	list, _ := container["env"].([]any)
	for _, item := range list {
		if variable, isMap := item.(map[string]any); isMap {
			hide(variable, "value")
		}
	}
}

// configMap keeps the contract, which the operator writes and which holds no
// credential by its rules, and of others only what there is: somebody may have
// put a private key there by mistake.
func configMap(content map[string]any, identities bool) {
	labels, _, _ := unstructured.NestedStringMap(content, "metadata", "labels")
	written := labels["app.kubernetes.io/managed-by"] == "websocket-gateway-operator"
	for _, field := range []string{"data", "binaryData"} {
		data, found, _ := unstructured.NestedStringMap(content, field)
		if !found {
			continue
		}
		for key, value := range data {
			if !written || key == contract.RevocationsFile && !identities {
				data[key] = fmt.Sprintf("%s: %d bytes, %s", redacted, len(value), contract.Digest([]byte(value)))
			}
		}
		_ = unstructured.SetNestedStringMap(content, data, field)
	}
}

// issuer keeps which kind of issuer it is. Solvers of others have settings of
// their own, and nobody keeps people from writing a password there.
func issuer(content map[string]any) {
	spec, _, _ := unstructured.NestedMap(content, "spec")
	kinds := map[string]any{}
	for kind := range spec {
		kinds[kind] = redacted
	}
	content["spec"] = kinds
}

// revocation keeps how many entries there are.
func revocation(content map[string]any) {
	spec, _, _ := unstructured.NestedMap(content, "spec")
	for field, value := range spec {
		if list, isList := value.([]any); isList && field != "gatewayRefs" {
			spec[field] = fmt.Sprintf("%s: %d entries", redacted, len(list))
		}
	}
	if _, there := spec["reason"]; there {
		spec["reason"] = redacted
	}
	content["spec"] = spec
}

// hide replaces a value by the mark, if it is there.
func hide(content map[string]any, path ...string) {
	if _, found, _ := unstructured.NestedFieldNoCopy(content, path...); found {
		_ = unstructured.SetNestedField(content, redacted, path...)
	}
}
