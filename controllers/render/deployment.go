// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"math/big"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// ContainerName is the name of the one container of a gateway pod.
const ContainerName = "gateway"

const (
	// userID is nobody in particular; it owns nothing in the image.
	userID int64 = 65532

	minReadySeconds      int32 = 2
	revisionHistoryLimit int32 = 3

	// memoryShare of the limit is what the Go runtime may use before it collects
	// harder: the rest is for stacks of the kernel and socket buffers.
	memoryShare = 90
)

// deployment renders the pods. A rollout brings up all new pods before it takes
// away an old one, so that clients that are sent away find room at once.
func deployment(gw *wsv1alpha1.WebSocketGateway, options Options) *appsv1ac.DeploymentApplyConfiguration {
	return appsv1ac.Deployment(compile.ObjectName(gw.Name), gw.Namespace).
		WithLabels(labels(gw, componentGateway)).
		WithAnnotations(map[string]string{AskedAnnotation: asked(gw, options)}).
		WithOwnerReferences(owner(gw)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(Replicas(gw)).
			WithMinReadySeconds(minReadySeconds).
			WithRevisionHistoryLimit(revisionHistoryLimit).
			WithSelector(selector(gw)).
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxSurge(intstr.FromString("100%")).
					WithMaxUnavailable(intstr.FromInt32(0)))).
			WithTemplate(template(gw, options)))
}

// template has the annotation only where somebody has asked for a restart: its
// arrival would replace the pods of everybody else. What is ours is set last, so
// that no spec can take a pod away from its Deployment.
func template(gw *wsv1alpha1.WebSocketGateway, options Options) *corev1ac.PodTemplateSpecApplyConfiguration {
	wanted := podMetadataSpec(gw)
	rendered := corev1ac.PodTemplateSpec().
		WithLabels(plain(wanted.Labels)).
		WithLabels(labels(gw, componentGateway)).
		WithAnnotations(plain(wanted.Annotations)).
		WithSpec(podSpec(gw, options))
	if options.RestartedAt != "" {
		rendered.WithAnnotations(map[string]string{wsv1alpha1.AnnotationRestart: options.RestartedAt})
	}
	return rendered
}

func podSpec(gw *wsv1alpha1.WebSocketGateway, options Options) *corev1ac.PodSpecApplyConfiguration {
	secrets := compile.MountedSecrets(gw, options.CertificateSecrets)
	spec := corev1ac.PodSpec().
		WithServiceAccountName(compile.ObjectName(gw.Name)).
		WithAutomountServiceAccountToken(false).
		// Every Service of the namespace would else be in the environment of a
		// process that strangers talk to.
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(gracePeriod(gw)).
		WithSecurityContext(corev1ac.PodSecurityContext().
			WithRunAsNonRoot(true).
			WithRunAsUser(userID).
			WithRunAsGroup(userID).
			WithFSGroup(userID).
			WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithTopologySpreadConstraints(
			spread(gw, corev1.LabelHostname),
			spread(gw, corev1.LabelTopologyZone),
		).
		WithContainers(container(gw, options, secrets)).
		WithVolumes(volumes(gw, secrets)...)
	for _, name := range options.ImagePullSecrets {
		spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(name))
	}
	withScheduling(spec, schedulingSpec(gw))
	return spec
}

// spread counts each revision by itself: the old pods are about to go and must
// not push the new ones together.
func spread(gw *wsv1alpha1.WebSocketGateway, key string) *corev1ac.TopologySpreadConstraintApplyConfiguration {
	return corev1ac.TopologySpreadConstraint().
		WithMaxSkew(1).
		WithTopologyKey(key).
		WithWhenUnsatisfiable(corev1.ScheduleAnyway).
		WithLabelSelector(selector(gw)).
		WithMatchLabelKeys(appsv1.DefaultDeploymentUniqueLabelKey)
}

func container(
	gw *wsv1alpha1.WebSocketGateway, options Options, secrets []string,
) *corev1ac.ContainerApplyConfiguration {
	rendered := corev1ac.Container().
		WithName(ContainerName).
		WithImage(options.GatewayImage).
		WithArgs(
			"--root="+root,
			"--gateway="+gw.Namespace+"/"+gw.Name,
			"--drain-window="+drainWindow(gw).String(),
		).
		WithEnv(
			fieldEnv("POD_NAME", "metadata.name"),
			fieldEnv("POD_UID", "metadata.uid"),
		).
		// The listeners' ports are not declared: the gateway opens them at run
		// time, and a new one must not restart it.
		WithPorts(corev1ac.ContainerPort().
			WithName(adminPortName).
			WithProtocol(corev1.ProtocolTCP).
			WithContainerPort(contract.AdminPort)).
		WithStartupProbe(startupProbe()).
		WithReadinessProbe(readinessProbe()).
		WithLivenessProbe(livenessProbe()).
		WithSecurityContext(corev1ac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithRunAsNonRoot(true).
			WithCapabilities(corev1ac.Capabilities().WithDrop("ALL"))).
		WithVolumeMounts(mounts(gw, secrets)...)
	if auditFile(gw) != nil {
		rendered.WithArgs("--audit-folder=" + auditFolder)
	}
	if options.ImagePullPolicy != "" {
		rendered.WithImagePullPolicy(options.ImagePullPolicy)
	}
	if infra := gw.Spec.Infrastructure; infra != nil && infra.Resources != nil {
		withResources(rendered, infra.Resources)
	}
	return rendered
}

func withResources(rendered *corev1ac.ContainerApplyConfiguration, wanted *corev1.ResourceRequirements) {
	resources := corev1ac.ResourceRequirements()
	if len(wanted.Limits) > 0 {
		resources.WithLimits(wanted.Limits)
	}
	if len(wanted.Requests) > 0 {
		resources.WithRequests(wanted.Requests)
	}
	for _, claim := range wanted.Claims {
		reference := corev1ac.ResourceClaim().WithName(claim.Name)
		if claim.Request != "" {
			reference.WithRequest(claim.Request)
		}
		resources.WithClaims(reference)
	}
	rendered.WithResources(resources)

	if limit, ok := wanted.Limits[corev1.ResourceMemory]; ok && limit.Sign() > 0 {
		share := new(big.Int).Mul(big.NewInt(limit.Value()), big.NewInt(memoryShare))
		share.Div(share, big.NewInt(100))
		rendered.WithEnv(corev1ac.EnvVar().WithName("GOMEMLIMIT").WithValue(share.String()))
	}
}

func fieldEnv(name, path string) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName(name).WithValueFrom(corev1ac.EnvVarSource().
		WithFieldRef(corev1ac.ObjectFieldSelector().WithFieldPath(path)))
}
