// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Measures are figures about what runs, for metrics.
type Measures struct {
	// Certificates holds the reason of CertificatesReady that each listener would
	// have alone, by its name: ReasonCertificatesReady where all is well.
	Certificates map[string]string
	// RenewalFailed names listeners whose certificate cert-manager could not renew,
	// whatever is served meanwhile.
	RenewalFailed map[string]bool
	// Current, Behind and Silent count ready pods: those that serve the wanted
	// configuration and certificates, those that serve something else, and those
	// that do not answer.
	Current, Behind, Silent int
}

// Measure looks at what runs without telling anybody; nil where the pass has not
// seen it. It is pure, like Compute.
func Measure(gw *wsv1alpha1.WebSocketGateway, facts *Facts, now time.Time) *Measures {
	if facts.Running == nil {
		return nil
	}
	p := &pass{gw: gw, facts: facts, now: now}
	m := &Measures{Certificates: map[string]string{}, RenewalFailed: map[string]bool{}}
	pods := facts.Running.asked()
	for _, name := range p.listenerNames() {
		m.Certificates[name] = p.listenerCertificate(name, pods).reason
		m.RenewalFailed[name] = facts.Running.Certificates[name].FailureReason != ""
	}
	for _, pod := range facts.Running.ready() {
		switch {
		case pod.Report == nil || pod.Silence != "":
			m.Silent++
		case p.serves(pod):
			m.Current++
		default:
			m.Behind++
		}
	}
	return m
}

// serves tells whether a pod says that it serves what it shall.
func (p *pass) serves(pod *Pod) bool {
	if pod.config().InForce != p.wantedDigest() {
		return false
	}
	for name, certificate := range p.facts.Running.Certificates {
		if certificate.Wanted == nil {
			continue
		}
		if leaf := pod.leaf(name); leaf == nil || leaf.SHA256 != certificate.Wanted.SHA256 {
			return false
		}
	}
	return true
}
