// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/metrics"
	"github.com/wsgateway/websocket-gateway-operator/controllers/status"
)

// measure puts what a pass has found out into the metrics. computed is the status
// that it came to.
func (r *Reconciler) measure(p *pass, computed *wsv1alpha1.WebSocketGatewayStatus, now time.Time) {
	seen := &metrics.Gateway{Generation: p.gw.Generation, Conditions: computed.Conditions}
	if m := status.Measure(p.gw, &p.facts, now); m != nil {
		seen.Pods = &metrics.Pods{Current: m.Current, Behind: m.Behind, Silent: m.Silent}
		seen.Certificates = make(map[string]metrics.CertificateState, len(m.Certificates))
		for listener, reason := range m.Certificates {
			seen.Certificates[listener] = certificateState(reason, m.RenewalFailed[listener])
		}
	}
	r.metrics.Seen(client.ObjectKeyFromObject(p.gw), seen, p.began, now)
}

func certificateState(reason string, renewalFailed bool) metrics.CertificateState {
	switch reason {
	case wsv1alpha1.ReasonCertificatesReady:
		if renewalFailed {
			return metrics.CertificateRenewalFailed
		}
		return metrics.CertificateServed
	case wsv1alpha1.ReasonIssuing, wsv1alpha1.ReasonRollingOut, wsv1alpha1.ReasonWaitingForPods:
		return metrics.CertificateIssuing
	case wsv1alpha1.ReasonExpired:
		return metrics.CertificateExpired
	case wsv1alpha1.ReasonStaleCertificate, wsv1alpha1.ReasonCertificatesDiffer:
		return metrics.CertificateStale
	default:
		return metrics.CertificateFailed
	}
}

// outcomeOf says what came of a pass.
func outcomeOf(p *pass, failure error) metrics.Outcome {
	if failure != nil {
		return metrics.Failed
	}
	if len(p.facts.Problems) > 0 {
		return metrics.Problem
	}
	if meta.IsStatusConditionTrue(p.conditions, wsv1alpha1.ConditionReady) {
		return metrics.Done
	}
	return metrics.Waiting
}
