// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

const (
	root         = "/etc/wsgateway"
	configVolume = "config"

	auditVolume = "audit"
	// auditFolder is the only one that a pod can write to.
	auditFolder       = "/var/log/wsgateway"
	auditSpare  int64 = 1 << 20

	// fileMode lets the group of the pod read, and nobody write.
	fileMode int32 = 0o440
)

// volumes are all optional: a pod starts without them and reports what is
// missing, instead of hanging where nobody but the kubelet knows why.
func volumes(gw *wsv1alpha1.WebSocketGateway, secrets []string) []*corev1ac.VolumeApplyConfiguration {
	list := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName(configVolume).WithConfigMap(corev1ac.ConfigMapVolumeSource().
			WithName(compile.ObjectName(gw.Name)).
			WithOptional(true).
			WithDefaultMode(fileMode)),
	}
	for _, name := range secrets {
		list = append(list, corev1ac.Volume().WithName(volumeName(name)).WithSecret(corev1ac.SecretVolumeSource().
			WithSecretName(name).
			WithOptional(true).
			WithDefaultMode(fileMode)))
	}
	if file := auditFile(gw); file != nil {
		list = append(list, corev1ac.Volume().WithName(auditVolume).WithEmptyDir(corev1ac.EmptyDirVolumeSource().
			WithSizeLimit(auditLimit(file))))
	}
	return list
}

// auditFile is nil for a gateway whose records go into no file.
func auditFile(gw *wsv1alpha1.WebSocketGateway) *wsv1alpha1.AuditFile {
	if gw.Spec.Audit == nil || gw.Spec.Audit.Sinks == nil {
		return nil
	}
	return gw.Spec.Audit.Sinks.File
}

// auditLimit is what the files may take, and a little for the folder: whoever
// exceeds it is evicted, and the gateway never does.
func auditLimit(file *wsv1alpha1.AuditFile) resource.Quantity {
	each, files := contract.DefaultAuditFileBytes, int64(contract.DefaultAuditFiles)
	if file.MaxSizeMiB != nil {
		each = int64(*file.MaxSizeMiB) << 20
	}
	if file.MaxFiles != nil {
		files = int64(*file.MaxFiles)
	}
	return *resource.NewQuantity(each*files+auditSpare, resource.BinarySI)
}

// mounts are whole folders: the kubelet never refreshes a subPath mount.
func mounts(gw *wsv1alpha1.WebSocketGateway, secrets []string) []*corev1ac.VolumeMountApplyConfiguration {
	list := []*corev1ac.VolumeMountApplyConfiguration{
		mount(configVolume, path.Join(root, contract.ConfigFolder)),
	}
	for _, name := range secrets {
		list = append(list, mount(volumeName(name), path.Join(root, contract.SecretsFolder, name)))
	}
	if auditFile(gw) != nil {
		list = append(list, corev1ac.VolumeMount().WithName(auditVolume).WithMountPath(auditFolder))
	}
	return list
}

func mount(volume, folder string) *corev1ac.VolumeMountApplyConfiguration {
	return corev1ac.VolumeMount().WithName(volume).WithMountPath(folder).WithReadOnly(true)
}

// volumeName makes a DNS label of at most 63 characters of the name of a
// Secret, which may have 253 and dots. The hash keeps a.b and a-b apart.
func volumeName(secret string) string {
	const readable = 40
	sum := sha256.Sum256([]byte(secret))
	short := strings.ReplaceAll(secret, ".", "-")
	short = strings.TrimRight(short[:min(len(short), readable)], "-")
	return "secret-" + short + "-" + hex.EncodeToString(sum[:6])
}
