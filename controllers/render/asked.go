// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// AskedAnnotation identifies, on the Deployment, what the user asks of the pods.
// It tells a rollout that somebody asks for, which begins at once, from one that
// another release brings, which waits for its turn.
const AskedAnnotation = "wsgateway.dev/asked"

// demands are all that a user can change of a pod template. They are written in
// the same way by every release: a further one must be left out where it is not
// used, or each gateway would look as if its user had asked for something.
type demands struct {
	DrainWindow string                       `json:"drainWindow"`
	Secrets     []string                     `json:"secrets,omitempty"`
	Resources   *corev1.ResourceRequirements `json:"resources,omitempty"`
	AuditBytes  int64                        `json:"auditBytes,omitempty"`
	RestartedAt string                       `json:"restartedAt,omitempty"`

	NodeSelector      map[string]wsv1alpha1.LabelValue      `json:"nodeSelector,omitempty"`
	Tolerations       []wsv1alpha1.Toleration               `json:"tolerations,omitempty"`
	PriorityClassName string                                `json:"priorityClassName,omitempty"`
	PodLabels         map[string]wsv1alpha1.LabelValue      `json:"podLabels,omitempty"`
	PodAnnotations    map[string]wsv1alpha1.AnnotationValue `json:"podAnnotations,omitempty"`
}

func asked(gw *wsv1alpha1.WebSocketGateway, options Options) string {
	nodes, metadata := schedulingSpec(gw), podMetadataSpec(gw)
	wanted := demands{
		DrainWindow: drainWindow(gw).String(), RestartedAt: options.RestartedAt,
		Secrets:      compile.MountedSecrets(gw, options.CertificateSecrets),
		NodeSelector: nodes.NodeSelector, Tolerations: nodes.Tolerations, PriorityClassName: nodes.PriorityClassName,
		PodLabels: metadata.Labels, PodAnnotations: metadata.Annotations,
	}
	if infra := gw.Spec.Infrastructure; infra != nil {
		wanted.Resources = infra.Resources
	}
	if file := auditFile(gw); file != nil {
		limit := auditLimit(file)
		wanted.AuditBytes = limit.Value()
	}
	encoded, err := json.Marshal(wanted)
	if err != nil {
		// Strings, numbers and quantities can always be written.
		return ""
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}
