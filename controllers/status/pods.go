// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// serving pods are ready and have reported at least once.
func (p *Pod) serving() bool {
	return p.Ready && !p.Terminating && p.Report != nil
}

// config is what the pod says of config.json.
func (p *Pod) config() contract.FileState {
	if p.Report == nil {
		return contract.FileState{}
	}
	return p.Report.Files[contract.ConfigFile]
}

// leaf is what the pod serves for a listener, or nil.
func (p *Pod) leaf(listener string) *contract.CertificateReport {
	if p.Report == nil {
		return nil
	}
	for i := range p.Report.Listeners {
		if p.Report.Listeners[i].Name == listener {
			return p.Report.Listeners[i].Certificate
		}
	}
	return nil
}

// lastSign is from when on silence counts.
func (p *Pod) lastSign() time.Time {
	if p.ReportedAt.After(p.ReadyAt) {
		return p.ReportedAt
	}
	return p.ReadyAt
}

// alive are the pods that are not on their way out.
func (r *Running) alive(accept func(*Pod) bool) []*Pod {
	var pods []*Pod
	for i := range r.Pods {
		if !r.Pods[i].Terminating && accept(&r.Pods[i]) {
			pods = append(pods, &r.Pods[i])
		}
	}
	return pods
}

func (r *Running) ready() []*Pod {
	return r.alive(func(pod *Pod) bool { return pod.Ready })
}

// asked are the pods whose word counts: ready ones; where there is none, those
// that have said why they are not.
func (r *Running) asked() []*Pod {
	if pods := r.alive((*Pod).serving); len(pods) > 0 {
		return pods
	}
	return r.alive(func(pod *Pod) bool { return pod.Report != nil })
}

// Rolling tells whether pods of an older template are still there, on their way
// out included, or ones of the current template are not yet ready.
func (r *Running) Rolling() bool {
	fresh := int32(0)
	for i := range r.Pods {
		if !r.Pods[i].UpToDate {
			return true
		}
		if r.Pods[i].Ready && !r.Pods[i].Terminating {
			fresh++
		}
	}
	return r.RolloutPending || fresh < r.DesiredReplicas
}

// trouble says what keeps pods from being ready, grouped by cause. Empty when
// nothing does.
func (p *pass) trouble() string {
	running := p.facts.Running
	if running == nil {
		return ""
	}
	var causes []string
	pods := map[string][]string{}
	for _, pod := range running.alive(func(pod *Pod) bool { return !pod.Ready }) {
		cause := p.obstacle(pod)
		if _, seen := pods[cause]; !seen {
			causes = append(causes, cause)
		}
		pods[cause] = append(pods[cause], pod.Name)
	}
	sentences := make([]string, 0, len(causes)+1)
	if running.RolloutMessage != "" {
		sentences = append(sentences, "the Deployment cannot make pods: "+running.RolloutMessage+priorityRemedy(running.RolloutMessage))
	}
	for _, cause := range causes {
		sentence := "pod " + pods[cause][0]
		if others := len(pods[cause]) - 1; others > 0 {
			sentence += " and " + plural(others, "other")
		}
		sentences = append(sentences, sentence+": "+cause)
	}
	return strings.Join(sentences, "; ")
}

// obstacle says why one pod is not ready, and what to do.
func (p *pass) obstacle(pod *Pod) string {
	reason, message := steady(pod.WaitingReason, pod.WaitingMessage)
	if reason != "" && !ordinary(reason) {
		text := reason
		if message != "" {
			text += ": " + strings.TrimRight(message, ". ")
		}
		return text + ": " + remedy(reason, p.gw.Namespace, pod.Name)
	}
	if pod.Report == nil {
		return "starting"
	}
	if until := pod.Report.DrainedUntil; until != nil {
		return fmt.Sprintf("drained by hand until %s: kubectl wsgw drain %s -n %s --undo",
			until.UTC().Format(time.RFC3339), pod.Name, p.gw.Namespace)
	}
	if pod.Report.Draining {
		return "draining"
	}
	if state := pod.config(); state.Error != "" {
		return contract.ConfigFile + " is refused: " + state.Error
	}
	if len(pod.Report.Problems) > 0 {
		problem := &pod.Report.Problems[0]
		if problem.Secret != "" {
			return fmt.Sprintf("cannot use Secret %q: %s", problem.Secret, problem.Message)
		}
		return problem.Message
	}
	return "starting"
}

// ordinary are the reasons for which every container waits at first.
func ordinary(reason string) bool {
	return reason == "ContainerCreating" || reason == "PodInitializing"
}

// steady takes out what changes from attempt to attempt: the kubelet alternates
// between the failure and the pause after it, and a status that follows would
// be written every few seconds.
func steady(reason, message string) (string, string) {
	switch reason {
	case "ImagePullBackOff":
		// "Back-off pulling image "x": ErrImagePull: why"
		if _, why, found := strings.Cut(message, "ErrImagePull: "); found {
			return "ErrImagePull", why
		}
		return "ErrImagePull", message
	case "CrashLoopBackOff":
		return reason, ""
	}
	return reason, message
}

// remedy is the next step for a container or pod that does not start.
func remedy(reason, namespace, pod string) string {
	switch reason {
	case "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable":
		return "check the operator's gateway image setting and that the node can pull it"
	case "Unschedulable":
		return "add room on the nodes, or correct scheduling, resources or replicas in spec.infrastructure"
	case "CrashLoopBackOff", "Error":
		return fmt.Sprintf("see kubectl logs -n %s %s --previous", namespace, pod)
	}
	return fmt.Sprintf("see kubectl describe pod -n %s %s", namespace, pod)
}

// priorityRemedy is the next step where the API server refuses pods for a class
// that it does not know; empty for any other cause. Its message says what is
// missing, and not who asked for it.
func priorityRemedy(message string) string {
	if !strings.Contains(message, "no PriorityClass with name") {
		return ""
	}
	return ": create it, or correct spec.infrastructure.scheduling.priorityClassName"
}
