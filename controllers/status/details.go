// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// maxItems bounds the lists of the status, as the CRD does.
const maxItems = 16

// details is everything in the status besides conditions. What the pass did not
// get to see stays as it was.
func (p *pass) details() wsv1alpha1.WebSocketGatewayStatus {
	result := *p.gw.Status.DeepCopy()
	result.Conditions = nil
	result.ConfigDigest = p.wantedDigest()
	if !p.held() {
		result.Hostnames = hostnames(p.gw)
		result.Listeners = p.listeners()
	}
	if p.facts.Limits != nil && !p.held() {
		result.Limits = describeLimits(p.facts.Limits)
	}
	result.Warnings = p.warnings()
	if p.facts.RotatedAt != "" {
		result.LastHandledRotateAt = p.facts.RotatedAt
	}
	if p.facts.Running == nil {
		return result
	}
	result.Addresses = addresses(p.facts.Running)
	result.Pods = p.counts()
	result.CertificateExpiry = p.expiry()
	for i := range result.Listeners {
		result.Listeners[i].Certificate = p.served(result.Listeners[i].Name)
	}
	if result.Limits != nil {
		if least := p.leastConnections(); least > 0 {
			result.Limits.MaxConnections = least
		}
	}
	return result
}

func addresses(running *Running) []wsv1alpha1.GatewayAddress {
	var found []wsv1alpha1.GatewayAddress
	for _, address := range running.Addresses[:min(len(running.Addresses), maxItems)] {
		found = append(found, wsv1alpha1.GatewayAddress{Type: address.Type, Value: address.Value})
	}
	return found
}

func (p *pass) counts() *wsv1alpha1.PodCounts {
	counts := &wsv1alpha1.PodCounts{Desired: p.facts.Running.DesiredReplicas}
	wanted := p.wantedDigest()
	for _, pod := range p.facts.Running.ready() {
		counts.Ready++
		if pod.Report != nil && pod.config().InForce == wanted {
			counts.Programmed++
		}
	}
	return counts
}

// hostnames joins the hostnames of all listeners, once each, for one column of
// a terminal: as many as have room there, and the number of the others.
func hostnames(gw *wsv1alpha1.WebSocketGateway) string {
	const room = 100
	seen := map[wsv1alpha1.Hostname]bool{}
	joined, left := "", 0
	for i := range gw.Spec.Listeners {
		for _, hostname := range gw.Spec.Listeners[i].Hostnames {
			switch {
			case seen[hostname]:
			case joined == "":
				joined = string(hostname)
			case left > 0 || len(joined)+len(hostname) >= room:
				left++
			default:
				joined += "," + string(hostname)
			}
			seen[hostname] = true
		}
	}
	if left > 0 {
		joined += fmt.Sprintf(",+%d", left)
	}
	return joined
}

func (p *pass) listeners() []wsv1alpha1.ListenerStatus {
	before := map[string]*wsv1alpha1.ServedCertificate{}
	for i := range p.gw.Status.Listeners {
		before[p.gw.Status.Listeners[i].Name] = p.gw.Status.Listeners[i].Certificate
	}
	found := make([]wsv1alpha1.ListenerStatus, 0, len(p.gw.Spec.Listeners))
	for i := range p.gw.Spec.Listeners {
		listener := &p.gw.Spec.Listeners[i]
		versions := []string{"1.2", "1.3"}
		if listener.TLS.Profile == wsv1alpha1.TLSProfileModern {
			versions = []string{"1.3"}
		}
		found = append(found, wsv1alpha1.ListenerStatus{
			Name:           listener.Name,
			AttachedRoutes: p.facts.AttachedRoutes[listener.Name],
			TLSVersions:    versions,
			Certificate:    before[listener.Name].DeepCopy(),
		})
	}
	return found
}

// served is the leaf that a listener's clients get: the wanted one if any pod
// serves it, else the one that most pods serve.
func (p *pass) served(listener string) *wsv1alpha1.ServedCertificate {
	count := map[string]int32{}
	leaves := map[string]*contract.CertificateReport{}
	for _, pod := range p.facts.Running.alive((*Pod).serving) {
		if leaf := pod.leaf(listener); leaf != nil {
			count[leaf.SHA256]++
			leaves[leaf.SHA256] = leaf
		}
	}
	var best *contract.CertificateReport
	for _, leaf := range leaves {
		if best == nil || better(leaf, best, count) {
			best = leaf
		}
	}
	if wanted := p.facts.Running.Certificates[listener].Wanted; wanted != nil && leaves[wanted.SHA256] != nil {
		best = leaves[wanted.SHA256]
	}
	if best == nil {
		return nil
	}
	return &wsv1alpha1.ServedCertificate{
		SerialNumber: best.SerialNumber,
		SHA256:       best.SHA256,
		NotAfter:     metav1.NewTime(best.NotAfter.UTC().Truncate(time.Second)),
		ServedBy:     count[best.SHA256],
	}
}

// better is a total order, so that the answer does not depend on the order in
// which a map is walked.
func better(a, b *contract.CertificateReport, count map[string]int32) bool {
	if count[a.SHA256] != count[b.SHA256] {
		return count[a.SHA256] > count[b.SHA256]
	}
	if !a.NotAfter.Equal(b.NotAfter) {
		return a.NotAfter.After(b.NotAfter)
	}
	return a.SHA256 < b.SHA256
}

// expiry is the first end among all certificates that are served.
func (p *pass) expiry() string {
	var first time.Time
	for _, pod := range p.facts.Running.alive((*Pod).serving) {
		for _, listener := range pod.Report.Listeners {
			if listener.Certificate == nil {
				continue
			}
			if end := listener.Certificate.NotAfter; first.IsZero() || end.Before(first) {
				first = end
			}
		}
	}
	if first.IsZero() {
		return ""
	}
	return stamp(first)
}

// leastConnections is the smallest maximum among the ready pods: half of the
// descriptor limit may be less than what the spec says.
func (p *pass) leastConnections() int32 {
	var least int32
	for _, pod := range p.facts.Running.alive((*Pod).serving) {
		if limit := pod.Report.MaxConnections; limit > 0 && (least == 0 || limit < least) {
			least = limit
		}
	}
	return least
}
