// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/controllers/render"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// revisionAnnotation numbers the revisions of a Deployment, on itself and on
// its ReplicaSets.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// Pod is a gateway pod together with how to reach it.
type Pod struct {
	status.Pod
	UID types.UID
	// Address is where the pod can be asked; empty while it does not run.
	Address string
}

// podsOf picks the pods that the Deployment made, through its ReplicaSets. A
// pod that only carries our labels is nobody's: its answers must not count.
func podsOf(deployment *appsv1.Deployment, sets []metav1.PartialObjectMetadata, pods []corev1.Pod) []Pod {
	// By the UID of a ReplicaSet of ours: is it the current one?
	current := map[types.UID]bool{}
	for i := range sets {
		if metav1.IsControlledBy(&sets[i], deployment) {
			current[sets[i].UID] = sets[i].Annotations[revisionAnnotation] == deployment.Annotations[revisionAnnotation]
		}
	}
	var found []Pod
	for i := range pods {
		controller := metav1.GetControllerOf(&pods[i])
		if controller == nil || finished(&pods[i]) {
			continue
		}
		if upToDate, ours := current[controller.UID]; ours {
			found = append(found, podOf(&pods[i], upToDate))
		}
	}
	slices.SortFunc(found, func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// finished pods (evicted ones, say) stay in the list until somebody cleans up.
func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func podOf(pod *corev1.Pod, upToDate bool) Pod {
	found := Pod{UID: pod.UID}
	found.Name = pod.Name
	found.Terminating = pod.DeletionTimestamp != nil
	found.UpToDate = upToDate
	for i := range pod.Status.Conditions {
		condition := &pod.Status.Conditions[i]
		switch {
		case condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue:
			found.Ready, found.ReadyAt = true, condition.LastTransitionTime.Time
		case condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse:
			found.WaitingReason, found.WaitingMessage = condition.Reason, condition.Message
		}
	}
	if waiting := waitingOf(pod); waiting != nil {
		found.WaitingReason, found.WaitingMessage = waiting.Reason, waiting.Message
	}
	if running(pod) {
		found.Address = pod.Status.PodIP
	}
	return found
}

func waitingOf(pod *corev1.Pod) *corev1.ContainerStateWaiting {
	for i := range pod.Status.ContainerStatuses {
		container := &pod.Status.ContainerStatuses[i]
		if container.State.Waiting != nil {
			return container.State.Waiting
		}
	}
	return nil
}

func running(pod *corev1.Pod) bool {
	for i := range pod.Status.ContainerStatuses {
		container := &pod.Status.ContainerStatuses[i]
		if container.Name == render.ContainerName {
			return container.State.Running != nil
		}
	}
	return false
}
