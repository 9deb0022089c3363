// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

const (
	root         = "/etc/wsgateway"
	configVolume = "config"

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
	return list
}

// mounts are whole folders: the kubelet never refreshes a subPath mount.
func mounts(secrets []string) []*corev1ac.VolumeMountApplyConfiguration {
	list := []*corev1ac.VolumeMountApplyConfiguration{
		mount(configVolume, path.Join(root, contract.ConfigFolder)),
	}
	for _, name := range secrets {
		list = append(list, mount(volumeName(name), path.Join(root, contract.SecretsFolder, name)))
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
