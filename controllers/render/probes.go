// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

const adminPortName = "admin"

func probe(path string) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(adminPortName)))
}

// startupProbe asks often, so that a new pod is looked at soon, and for a
// minute, which a slow node may need.
func startupProbe() *corev1ac.ProbeApplyConfiguration {
	return probe("/healthz").WithPeriodSeconds(1).WithTimeoutSeconds(2).WithFailureThreshold(60)
}

// readinessProbe is quick to let a pod in and slow to take it out: a pod that
// is short of CPU for a moment still serves what it has.
func readinessProbe() *corev1ac.ProbeApplyConfiguration {
	return probe("/readyz").WithPeriodSeconds(3).WithTimeoutSeconds(3).WithFailureThreshold(3)
}

// livenessProbe has a long patience: a restart ends every connection of the pod.
func livenessProbe() *corev1ac.ProbeApplyConfiguration {
	return probe("/healthz").WithPeriodSeconds(10).WithTimeoutSeconds(5).WithFailureThreshold(6)
}
